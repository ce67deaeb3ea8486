"""PyTorch's side of the suite: see suite.mjs."""
import json
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "suite"))
import torch

import convolution
import kernels
import matmul
import small
import workloads

cases = {**workloads.cases, **small.cases, **matmul.cases, **convolution.cases, **kernels.cases}
SAMPLES = 1024
WARM_UP = 0.03
device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
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


def answer(what, name, steps):
    global step
    if what == "memory":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if what == "check":
        step = None
        torch.backends.cudnn.allow_tf32 = False
        torch.manual_seed(0)
        step = cases[name]()
        seen = [samples(step()) for _ in range(steps)]
        torch.backends.cudnn.allow_tf32 = True
        return seen
    start = time.perf_counter()
    while time.perf_counter() - start < WARM_UP:
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
        result = answer(asked["do"], asked.get("name"), asked.get("steps", 1))
    except Exception as error:
        result = {"error": repr(error)}
    print(json.dumps(result), flush=True)
