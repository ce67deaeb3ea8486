import torch
import torch.nn.functional as F
from torch import randn
from torch.utils.data import DataLoader, TensorDataset


def many(n, call):
    def step():
        for _ in range(n - 1):
            call()
        return call()

    return step


def add(requires_grad):
    def prepare():
        x, y = randn(4).requires_grad_(requires_grad), randn(4)
        return many(1000, lambda: x + y)

    return prepare


def chain():
    x, w = randn(4, 4), randn(4, 4).requires_grad_()

    def call():
        w.grad = None
        (F.relu(x @ w) * 2 + 1).sum().backward()
        return [w.grad]

    return many(100, call)


def views():
    x = randn(4, 6)
    return many(1000, lambda: x.view(2, 12).t().narrow(0, 1, 4))


def optimizer(make):
    def prepare():
        parameters = [randn(512, 512).requires_grad_() for _ in range(42)]
        for p in parameters:
            p.grad = randn(512, 512)
        chosen = make(parameters)

        def step():
            chosen.step()
            return parameters[0]

        return step

    return prepare


def loader():
    data = TensorDataset(randn(10_000, 784))

    def step():
        for (batch,) in DataLoader(data, batch_size=64):
            last = batch
        return last

    return step


cases = {
    "add of 4 floats": add(False),
    "add of 4 floats with autograd": add(True),
    "small chain and backward": chain,
    "view, transpose and slice": views,
    "sgd with momentum, 42 of 512x512": optimizer(lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9)),
    "adam, 42 of 512x512": optimizer(lambda p: torch.optim.Adam(p)),
    "adamw, 42 of 512x512": optimizer(lambda p: torch.optim.AdamW(p)),
    "rmsprop, 42 of 512x512": optimizer(lambda p: torch.optim.RMSprop(p)),
    "data loader, 10,000 rows of 784, batches of 64": loader,
}
