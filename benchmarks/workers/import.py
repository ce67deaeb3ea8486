"""Milliseconds from before the import to the first operator's result."""
import time

start = time.perf_counter()
import torch

result = torch.tensor([1.0, 2.0]).add(1).tolist()
print((time.perf_counter() - start) * 1000 if result[1] == 3 else "null")
