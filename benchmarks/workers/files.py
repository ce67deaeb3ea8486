"""As files.mjs, with PyTorch, safetensors and NumPy."""

import json
import resource
import sys
import time

import numpy as np
import torch
from safetensors.torch import load_file

read = {
    "safetensors": lambda path: load_file(path).values(),
    "copied": lambda path: load_file(path).values(),
    "pt": lambda path: torch.load(path, weights_only=True).values(),
    "npy": lambda path: [torch.from_numpy(np.load(path))],
}

torch.zeros(1000).sum().item()
for line in sys.stdin:
    format_, path = json.loads(line)
    start = time.perf_counter()
    total = 0.0
    for t in read[format_](path):
        total += t.sum().item()
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]), flush=True)
