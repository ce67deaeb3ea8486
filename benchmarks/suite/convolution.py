import torch
from torch import randn
import torch.nn.functional as F

shapes = {
    "3x3 64 32²": dict(n=16, c=64, size=32, out=64, k=3, padding=1),
    "3x3 128 16²": dict(n=16, c=128, size=16, out=128, k=3, padding=1),
    "3x3 256 8²": dict(n=16, c=256, size=8, out=256, k=3, padding=1),
    "3x3 512 4²": dict(n=16, c=512, size=4, out=512, k=3, padding=1),
    "3x3 stride 2 64 32²": dict(n=16, c=64, size=32, out=128, k=3, padding=1, stride=2),
    "7x7 stride 2 3 224²": dict(n=1, c=3, size=224, out=64, k=7, padding=3, stride=2),
    "1x1 256 28²": dict(n=4, c=256, size=28, out=64, k=1),
    "1x1 32 56²": dict(n=4, c=32, size=56, out=64, k=1),
    "depthwise 3x3 96 56²": dict(n=4, c=96, size=56, out=96, k=3, padding=1, groups=96),
}


def operands(s):
    return [randn(s["n"], s["c"], s["size"], s["size"]), randn(s["out"], s["c"] // s.get("groups", 1), s["k"], s["k"])]


def options(s):
    return {key: s[key] for key in ("padding", "stride", "groups") if key in s}


def forward(s):
    def prepare():
        x, w = operands(s)
        o = options(s)
        if s["out"] == s["c"] and "stride" not in s:
            x = F.max_pool2d(F.conv2d(x, w, **o), 1)

        def step():
            with torch.no_grad():
                return F.conv2d(x, w, **o)

        return step

    return prepare


def training(s):
    def prepare():
        x, w = [t.requires_grad_() for t in operands(s)]
        o = options(s)
        g = F.conv2d(x, w, **o).detach() * 0.01

        def step():
            x.grad = w.grad = None
            F.conv2d(x, w, **o).backward(g)
            return [x.grad, w.grad]

        return step

    return prepare


def pool(call):
    def prepare():
        x = randn(16, 64, 32, 32).requires_grad_()
        y = call(x).detach()

        def step():
            x.grad = None
            call(x).backward(y)
            return [x.grad]

        return step

    return prepare


cases = {
    **{f"conv {name}": forward(s) for name, s in shapes.items()},
    **{f"conv {name} and backward": training(s) for name, s in shapes.items()},
    "max pool and backward": pool(lambda x: F.max_pool2d(x, 2)),
    "average pool and backward": pool(lambda x: F.avg_pool2d(x, 2)),
    "adaptive average pool and backward": pool(lambda x: F.adaptive_avg_pool2d(x, 1)),
}
