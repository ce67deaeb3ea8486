"""PyTorch's side of the suite: see suite.mjs."""
import argparse
import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "suite"))
import torch

import chains
import compiling
import convolution
import kernels
import matmul
import small
import workloads

parser = argparse.ArgumentParser()
parser.add_argument("device", nargs="?", default="cpu")
parser.add_argument("--chains", action="store_true")
parser.add_argument("--compiled", action="store_true")
options = parser.parse_args()
compiling.enabled = options.compiled
cases = chains.cases if options.chains else {**workloads.cases, **small.cases, **matmul.cases, **convolution.cases, **kernels.cases}
SAMPLES = 1024
WARM_UP = 0.03
device = options.device
torch.set_default_device(device)
step = None


def sample(t):
    flat = t.detach().flatten()
    n = flat.numel()
    k = min(n, SAMPLES)
    values = flat[torch.arange(k) * (n // k)] if n else flat
    if values.is_complex():
        values = torch.view_as_real(values).flatten()
    return {"shape": list(t.shape), "values": values.to(torch.float64).tolist()}


def samples(result):
    return [sample(t) for t in (result if isinstance(result, list) else [result])]


def answer(what, name, steps, warm):
    global step
    if what == "memory":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if what == "check":
        step = None
        torch.backends.cudnn.allow_tf32 = False
        compiling.same_streams(True)
        torch.manual_seed(0)
        step = cases[name.removesuffix(", collected")]()
        seen = [samples(step()) for _ in range(steps)]
        compiling.same_streams(False)
        torch.backends.cudnn.allow_tf32 = True
        return seen
    start = time.perf_counter()
    while time.perf_counter() - start < warm:
        run(1)
    start = time.perf_counter()
    run(steps)
    return (time.perf_counter() - start) * 1000 / steps


def run(steps):
    for _ in range(steps):
        step()
    if device != "cpu":
        torch.cuda.synchronize()


for line in sys.stdin:
    asked = json.loads(line)
    try:
        result = answer(asked["do"], asked.get("name"), asked.get("steps", 1), asked.get("warm", WARM_UP * 1000) / 1000)
    except Exception as error:
        result = {"error": repr(error)}
    print(json.dumps(result), flush=True)
