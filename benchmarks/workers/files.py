"""As files.mjs, with PyTorch, safetensors and NumPy."""

import json
import re
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

read = {
    "safetensors": lambda path: load_file(path).values(),
    "copied": lambda path: load_file(path).values(),
    "pt": lambda path: torch.load(path, weights_only=True).values(),
    "npy": lambda path: [torch.from_numpy(np.load(path))],
}

PIECE = 2**22
target = torch.zeros(PIECE)


def peak():
    status = Path("/proc/self/status")
    high = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return (int(high[1]) if high else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


for line in sys.stdin:
    format_, path = json.loads(line)
    start = time.perf_counter()
    total = 0.0
    for t in read[format_](path):
        for piece in t.view(-1, PIECE).unbind():
            total += target.copy_(piece)[12345].item()
    seconds = time.perf_counter() - start
    print(json.dumps([seconds, total, peak()]), flush=True)
