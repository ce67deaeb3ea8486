import torch
from torch import randn
import torch.nn.functional as F


def product(a, b, dtype=torch.float32):
    def prepare():
        x, y = randn(a).to(dtype), randn(b).to(dtype)
        return lambda: torch.matmul(x, y)

    return prepare


def square(n, dtype=torch.float32):
    return product([n, n], [n, n], dtype)


def transposed():
    x, y = randn(512, 512), randn(512, 512)
    return lambda: torch.matmul(x.t(), y.t())


def linear():
    x, w, b = [t.requires_grad_() for t in (randn(1024, 192), randn(768, 192), randn(768))]
    g = randn(1024, 768)

    def step():
        for t in (x, w, b):
            t.grad = None
        F.linear(x, w, b).backward(g)
        return [x.grad, w.grad, b.grad]

    return step


cases = {
    "matmul 64": square(64),
    "matmul 128": square(128),
    "matmul 256": square(256),
    "matmul 512": square(512),
    "matmul 1024": square(1024),
    "matmul 512 float64": square(512, torch.float64),
    "matmul 512 bfloat16": square(512, torch.bfloat16),
    "matmul 512 complex64": square(512, torch.complex64),
    "matmul 128x784x512": product([128, 784], [784, 512]),
    "matmul 1024x192x576": product([1024, 192], [192, 576]),
    "matmul 1x4096x4096": product([1, 4096], [4096, 4096]),
    "matmul transposed 512": transposed,
    "bmm 48x128x32x128": product([48, 128, 32], [48, 32, 128]),
    "mv 4096": product([4096, 4096], [4096]),
    "linear 1024x192x768 and backward": linear,
}
