#!/usr/bin/env bash
# On a machine with a GPU: unpacks what tools/gpu/pack.mjs made, beside this script, and runs commands there, one after
# another. It goes on past a failure, and ends with 1 if there was one. FLAMBEAU_OUT names a folder for logs.
#   bash run.sh smoke                  what the device is, and each kind of kernel against the CPU
#   bash run.sh conformance [OPTIONS]  PyTorch's operator tables on the device (tools/conformance.mjs)
#   bash run.sh tests                  the device tests
#   bash run.sh nccl                   process groups between the devices, one process for each of up to two
#   bash run.sh bench                  the training workloads beside PyTorch, where Python has it
#   bash run.sh node FILE …            any program
# Commands are separated by '--'.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tree=${FLAMBEAU_TREE:-/tmp/flambeau-gpu}
out=${FLAMBEAU_OUT:-$tree/out}
python=${FLAMBEAU_PYTHON:-python3}

mkdir -p "$tree" "$out"
[ -x "$tree/flambeau/bin/node" ] || tar -C "$tree" -xJf "$here/flambeau.tar.xz" || exit 2
export PATH="$tree/flambeau/bin:$PATH"
# cuBLASLt, cuDNN and NCCL come with a toolkit, or with the packages that PyTorch's wheel brings along.
if [ -z "${FLAMBEAU_CUDA_LIBRARIES:-}" ]; then
  FLAMBEAU_CUDA_LIBRARIES=$("$python" - <<'PYTHON' 2>/dev/null || true
import glob, os, site, sysconfig
roots = {sysconfig.get_paths()["purelib"], *site.getsitepackages()}
print(":".join(sorted({os.path.dirname(f) for r in roots for p in ("libcublasLt.so.*", "libcudnn.so.*", "libnccl.so.*")
                       for f in glob.glob(os.path.join(r, "nvidia", "*", "lib", p))})))
PYTHON
)
  export FLAMBEAU_CUDA_LIBRARIES
fi
export LD_LIBRARY_PATH="${FLAMBEAU_CUDA_LIBRARIES:-}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
cd "$tree/flambeau" || exit 2

failed=0
one() {
  local name=$1
  shift
  printf '\n▸ %s %s\n' "$name" "$*"
  case $name in
    smoke) node tools/gpu/smoke.mjs "$@" ;;
    conformance) node tools/conformance.mjs packages/core/test/conformance/cases.br --device cuda --json "$out/conformance.json" "$@" > "$out/conformance.log" 2>&1; local code=$?; tail -n 3 "$out/conformance.log"; return $code ;;
    nccl) node tools/gpu/nccl.mjs "$@" ;;
    tests) node --test --test-reporter=dot packages/core/test/ "$@" ;;
    bench) for name in digits resnet18 gpt; do node benchmarks/suite.mjs --device cuda --only "$name training" "$@" || true; done ;;
    node) node "$@" ;;
    *) echo "run.sh: unknown command '$name'" >&2; return 2 ;;
  esac
}
words=()
for word in "$@" --; do
  if [ "$word" != -- ]; then words+=("$word"); continue; fi
  [ ${#words[@]} -eq 0 ] && continue
  one "${words[@]}" || failed=1
  words=()
done
exit $failed
