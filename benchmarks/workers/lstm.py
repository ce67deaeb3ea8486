"""One training step of an LSTM of 2 layers of 128, input 64, 64 steps, batch 32: forward, loss, backward, Adam. Milliseconds."""
import json
import pathlib
import sys
import time

import torch
from torch import nn

sys.path.append(str(pathlib.Path(__file__).parent.parent / "support"))
from weights import checked, fill, wave

model = fill(nn.LSTM(64, 128, 2), 0.1)
optimizer = torch.optim.Adam(model.parameters())
input = wave([64, 32, 64], 3, 1)


def step():
    out, _ = model(input)
    loss = out.square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


for line in sys.stdin:
    if line.strip() == "check":
        print(json.dumps(checked(model, step)), flush=True)
        continue
    start = time.perf_counter()
    for _ in range(10):
        step()
    print((time.perf_counter() - start) * 100, flush=True)
