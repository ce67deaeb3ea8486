import torch
from torch import randn

from compiling import wrap

LINE = [1_000_000]
ROWS = [1000, 1000]


def gelu(x):
    return ((x + x * x * x * 0.044715) * 0.7978845608).tanh().add(1) * x * 0.5


def swiglu(x, bias, gate):
    y = x + bias
    return y * y.sigmoid() * gate


def huber(a, b):
    d = (a - b).abs()
    return torch.where(d < 1, d * d * 0.5, d - 0.5)


def softmax(x):
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


def layer_norm(x, weight, bias):
    d = x - x.mean(-1, keepdim=True)
    return d * (d.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * weight + bias


def cross_entropy(x, target):
    largest = x.amax(-1, keepdim=True)
    total = (x - largest).exp().sum(-1, keepdim=True).log() + largest
    return ((total - x) * target).sum(-1).mean()


functions = {
    "tanh(a·b+a)·sigmoid(b) − sqrt(exp a)": (
        [LINE, LINE],
        lambda a, b: (a * b + a).tanh() * b.sigmoid() - a.exp().sqrt(),
    ),
    "gelu by tanh": ([LINE], gelu),
    "swiglu with bias": ([ROWS, [1000], ROWS], swiglu),
    "huber of a difference": ([LINE, LINE], huber),
    "standardized and clipped": (
        [ROWS, [1000], [1000]],
        lambda x, mean, scale: ((x - mean) * scale.exp()).clamp(-3, 3) / (x * x + 1).sqrt(),
    ),
    "ending in a sum": ([LINE, LINE], lambda a, b: ((a - b).square() * a.sigmoid()).sum()),
    "mean squared error": ([ROWS, ROWS], lambda a, b: (a - b).square().mean()),
    "penalty of squares and sizes": ([LINE], lambda a: a.square().sum() * 0.01 + a.abs().sum() * 0.001),
    "sums of rows": ([ROWS, ROWS], lambda a, b: (a * b).tanh().sum(1)),
    "largest of columns": ([ROWS, [1000]], lambda a, b: (a * b).abs().amax(0)),
    "softmax by hand": ([ROWS], softmax),
    "layer norm by hand": ([ROWS, [1000], [1000]], layer_norm),
    "root mean square norm by hand": (
        [ROWS, [1000]],
        lambda x, weight: x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weight,
    ),
    "cross entropy of probabilities": ([ROWS, ROWS], cross_entropy),
}


def forward(shapes, call):
    def prepare():
        inputs = [randn(shape) for shape in shapes]
        compiled = wrap(call)

        def step():
            with torch.no_grad():
                return compiled(*inputs)

        return step

    return prepare


def training(shapes, call):
    def prepare():
        inputs = [randn(shape).requires_grad_() for shape in shapes]
        g = randn(call(*inputs).shape)
        compiled = wrap(call)

        def step():
            for t in inputs:
                t.grad = None
            y = compiled(*inputs)
            y.backward(g)
            return [y, *[t.grad for t in inputs]]

        return step

    return prepare


cases = {}
for name, (shapes, call) in functions.items():
    cases[name] = forward(shapes, call)
    cases[f"{name}, and backward"] = training(shapes, call)
