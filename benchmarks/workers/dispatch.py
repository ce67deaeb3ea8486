"""`add` of two tensors of 4 floats: nanoseconds a call."""
import sys
import time

import torch

a = torch.tensor([1.0, 2.0, 3.0, 4.0])
b = torch.tensor([5.0, 6.0, 7.0, 8.0])
w = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)


def timed(n, x):
    start = time.perf_counter_ns()
    for _ in range(n):
        x.add(b)
    return (time.perf_counter_ns() - start) / n


for line in sys.stdin:
    print(timed(200_000, a if line.strip() == "plain" else w), flush=True)
