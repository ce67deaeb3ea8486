"""Linear algebra of 512x512: `time NAME DTYPE` answers milliseconds, `values NAME DTYPE` what does not depend on signs."""
import json
import sys
import time

import torch

N = 512


def inputs(dtype):
    torch.manual_seed(0)
    a = torch.randn(N, N, dtype=dtype)
    b = torch.randn(N, N, dtype=dtype)
    return {"A": a, "B": b, "symmetric": a + a.mT, "positive": a @ a.mT / N + torch.eye(N, dtype=dtype)}


data = {name: inputs(getattr(torch, name)) for name in ("float32", "float64")}
operators = {
    "svd": lambda d: torch.linalg.svd(d["A"]).S,
    "eigh": lambda d: torch.linalg.eigh(d["symmetric"]).eigenvalues,
    "qr": lambda d: torch.linalg.qr(d["A"]).R.abs(),
    "solve": lambda d: torch.linalg.solve(d["positive"], d["B"]),
    "cholesky": lambda d: torch.linalg.cholesky(d["positive"]),
}

with torch.no_grad():
    for line in sys.stdin:
        what, name, dtype = line.split()
        if what == "values":
            print(json.dumps(operators[name](data[dtype]).flatten().tolist()), flush=True)
            continue
        times = []
        for _ in range(3):
            start = time.perf_counter()
            operators[name](data[dtype])
            times.append((time.perf_counter() - start) * 1e3)
        print(sorted(times)[1], flush=True)
