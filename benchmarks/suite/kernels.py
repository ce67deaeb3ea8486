import torch
import torch.nn.functional as F
from torch import rand, randint, randn


def of(shapes, call, dtype=torch.float32):
    def prepare():
        inputs = [randn(s).to(dtype) for s in shapes]
        return lambda: call(*inputs)

    return prepare


def with_backward(shapes, call):
    def prepare():
        inputs = [randn(s).requires_grad_() for s in shapes]
        g = randn(call(*inputs).shape)

        def step():
            for t in inputs:
                t.grad = None
            call(*inputs).backward(g)
            return [t.grad for t in inputs]

        return step

    return prepare


def made(make, call):
    """A function of what `make` returns."""

    def prepare():
        inputs = make()
        return lambda: call(*inputs)

    return prepare


def loss_of(make, loss):
    def prepare():
        x, y = make()
        x.requires_grad_()

        def step():
            x.grad = None
            loss(x, y).backward()
            return [x.grad]

        return step

    return prepare


def embedding():
    w, i = randn(10000, 256).requires_grad_(), randint(0, 10000, (4096,))
    g = randn(4096, 256)

    def step():
        w.grad = None
        F.embedding(i, w).backward(g)
        return [w.grad]

    return step


M = [[1_000_000]]
square = [[2048, 2048]]
image = [[16, 64, 32, 32], [64], [64]]
heads = [[8, 6, 128, 32]] * 3
mat3 = [[512, 1024]] * 3
sdpa = F.scaled_dot_product_attention

cases = {
    "layer norm 1024x768": of([[1024, 768], [768], [768]], lambda x, w, b: F.layer_norm(x, [768], w, b)),
    "layer norm 1024x768 and backward": with_backward([[1024, 768], [768], [768]], lambda x, w, b: F.layer_norm(x, [768], w, b)),
    "batch norm 16x64x32x32 and backward": with_backward(image, lambda x, w, b: F.batch_norm(x, None, None, w, b, True)),
    "group norm 16x64x32x32 and backward": with_backward(image, lambda x, w, b: F.group_norm(x, 8, w, b)),
    "rms norm 1024x768": of([[1024, 768], [768]], lambda x, w: F.rms_norm(x, [768], w)),
    "softmax 4096x1024 rows": of([[4096, 1024]], lambda x: x.softmax(1)),
    "softmax 4096x1024 columns": of([[4096, 1024]], lambda x: x.softmax(0)),
    "log softmax 4096x1024 and backward": with_backward([[4096, 1024]], lambda x: x.log_softmax(1)),
    "logsumexp 4096x1024": of([[4096, 1024]], lambda x: x.logsumexp(1)),
    "attention 8x6x128x32 causal": of(heads, lambda q, k, v: sdpa(q, k, v, is_causal=True)),
    "attention 8x6x128x32 causal and backward": with_backward(heads, lambda q, k, v: sdpa(q, k, v, is_causal=True)),
    "attention 1x8x1024x64": of([[1, 8, 1024, 64]] * 3, lambda q, k, v: sdpa(q, k, v)),
    "sum 4096x4096 over rows": of([[4096, 4096]], lambda x: x.sum(1)),
    "sum 4096x4096 over columns": of([[4096, 4096]], lambda x: x.sum(0)),
    "sum 4096x4096": of([[4096, 4096]], lambda x: x.sum()),
    "mean 2048x2048 over rows": of(square, lambda x: x.mean(1)),
    "max 2048x2048": of(square, lambda x: x.max()),
    "amax 2048x2048 over rows": of(square, lambda x: x.amax(1)),
    "amax 2048x2048 over columns": of(square, lambda x: x.amax(0)),
    "argmax 2048x2048 over rows": of(square, lambda x: x.argmax(1)),
    "argmax 2048x2048 over columns": of(square, lambda x: x.argmax(0)),
    "variance 2048x2048 over rows": of(square, lambda x: x.var(1)),
    "variance 2048x2048 over columns": of(square, lambda x: x.var(0)),
    "norm 2048x2048": of(square, lambda x: x.norm()),
    "sum of bfloat16 2048x2048": of(square, lambda x: x.sum(1), torch.bfloat16),
    "sum of int64 2048x2048": made(lambda: [randint(0, 100, (2048, 2048))], lambda x: x.sum(0)),
    "mean of a middle dimension": of([[64, 256, 128]], lambda x: x.mean(1)),
    "cumsum 2048x2048 rows": of(square, lambda x: x.cumsum(1)),
    "cumsum 2048x2048 columns": of(square, lambda x: x.cumsum(0)),
    "count above zero": of(square, lambda x: x.gt(0).sum()),
    "add 1M": of(M * 2, lambda x, y: x + y),
    "add in place 1M": of(M * 2, lambda x, y: x.add_(y, alpha=1e-9)),
    "mul by a number 1M": of(M, lambda x: x * 2),
    "add a row 2048x2048": of([[2048, 2048], [2048]], lambda x, y: x + y),
    "add a column 2048x2048": of([[2048, 2048], [2048, 1]], lambda x, y: x + y),
    "add transposed 2048x2048": of(square * 2, lambda x, y: x + y.t()),
    "exp 1M": of(M, lambda x: x.exp()),
    "log 1M": of(M, lambda x: x.abs().log()),
    "tanh 1M": of(M, lambda x: x.tanh()),
    "sigmoid 1M": of(M, lambda x: x.sigmoid()),
    "gelu 1M": of(M, lambda x: F.gelu(x)),
    "gelu 1M and backward": with_backward(M, lambda x: F.gelu(x)),
    "silu 1M and backward": with_backward(M, lambda x: F.silu(x)),
    "relu 1M": of(M, lambda x: x.relu()),
    "erf 1M": of(M, lambda x: x.erf()),
    "sin 1M": of(M, lambda x: x.sin()),
    "sqrt 1M": of(M, lambda x: x.abs().sqrt()),
    "pow 2.5 1M": of(M, lambda x: x.abs().pow(2.5)),
    "div 1M": of(M * 2, lambda x, y: x / y),
    "where 1M": of(M * 2, lambda x, y: torch.where(x.gt(0), x, y)),
    "clamp 1M": of(M, lambda x: x.clamp(-1, 1)),
    "lt 1M": of(M * 2, lambda x, y: x.lt(y)),
    "add bfloat16 1M": of(M * 2, lambda x, y: x + y, torch.bfloat16),
    "mul complex64 1M": of(M * 2, lambda x, y: x * y, torch.complex64),
    "add int64 1M": made(lambda: [randint(0, 100, (1_000_000,)), randint(0, 100, (1_000_000,))], lambda x, y: x + y),
    "chain 1M": of(M * 2, lambda a, b: (a * b + a).tanh() * b.sigmoid() - a.exp().sqrt()),
    "cast to bfloat16 4M": of(square, lambda x: x.to(torch.bfloat16)),
    "cast to float64 4M": of(square, lambda x: x.to(torch.float64)),
    "cast to int64 4M": of(square, lambda x: x.to(torch.int64)),
    "cast bfloat16 to float32 4M": of(square, lambda x: x.to(torch.float32), torch.bfloat16),
    "transpose copy 2048x2048": of(square, lambda x: x.t().contiguous()),
    "permute copy 16x64x32x32": of([[16, 64, 32, 32]], lambda x: x.permute(0, 2, 3, 1).contiguous()),
    "clone 4M": of(square, lambda x: x.clone()),
    "zeros 4M": of([], lambda: torch.zeros(2048, 2048)),
    "cat rows": of(mat3, lambda *x: torch.cat(x, 0)),
    "cat columns": of(mat3, lambda *x: torch.cat(x, 1)),
    "stack": of(mat3[:2], lambda *x: torch.stack(x, 1)),
    "arange 1M": of([], lambda: torch.arange(1_000_000)),
    "index select rows": made(lambda: [randn(10000, 256), randint(0, 10000, (4096,))], lambda x, i: x.index_select(0, i)),
    "gather columns": made(lambda: [randn(4096, 1024), randint(0, 1024, (4096, 256))], lambda x, i: x.gather(1, i)),
    "index rows by a tensor": made(lambda: [randn(10000, 256), randint(0, 10000, (4096,))], lambda x, i: x[i]),
    "index add": made(
        lambda: [torch.zeros(10000, 256), randint(0, 10000, (4096,)), randn(4096, 256)], lambda x, i, s: x.index_add(0, i, s)
    ),
    "scatter add": made(
        lambda: [torch.zeros(1000, 1024), randint(0, 1000, (4096, 1024)), randn(4096, 1024)],
        lambda x, i, s: x.scatter_add(0, i, s),
    ),
    "masked select 1M": of(M, lambda x: x.masked_select(x.gt(0))),
    "masked fill 1M": of(M, lambda x: x.masked_fill(x.gt(0), 0)),
    "nonzero 1M": of(M, lambda x: x.gt(1).nonzero()),
    "embedding and backward": embedding,
    "sort 1M": of(M, lambda x: x.sort().values),
    "sort 1024x1024": of([[1024, 1024]], lambda x: x.sort(1).values),
    "top 10 of 1024x1024": of([[1024, 1024]], lambda x: x.topk(10, 1).values),
    "one hot 65536x100": made(lambda: [randint(0, 100, (65536,))], lambda x: F.one_hot(x, 100)),
    "rand 1M": of([], lambda: rand(1_000_000)),
    "randn 1M": of([], lambda: randn(1_000_000)),
    "randperm 100,000": of([], lambda: torch.randperm(100_000)),
    "bernoulli 1M": made(lambda: [rand(1_000_000)], torch.bernoulli),
    "dropout 1M": of(M, lambda x: F.dropout(x, 0.5)),
    "cross entropy 4096x1000 and backward": loss_of(lambda: (randn(4096, 1000), randint(0, 1000, (4096,))), F.cross_entropy),
    "mse 1M and backward": loss_of(lambda: (randn(1_000_000), randn(1_000_000)), F.mse_loss),
    "bce with logits 1M and backward": loss_of(
        lambda: (randn(1_000_000), rand(1_000_000)), F.binary_cross_entropy_with_logits
    ),
}
