"""One training step of docs/examples/mnist.ts at batch 64: forward, loss, backward, Adam. Milliseconds."""
import sys
import time

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(),
    nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
)
optimizer = torch.optim.Adam(model.parameters())
images = torch.randn(64, 1, 28, 28)
labels = torch.randint(0, 10, (64,))


def step():
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


for line in sys.stdin:
    start = time.perf_counter()
    for _ in range(10):
        step()
    print((time.perf_counter() - start) * 100, flush=True)
