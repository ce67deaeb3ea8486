"""Weights, inputs and probes that the other side makes by the same formula (support/weights.mjs)."""
import torch


def wave(shape, seed, scale):
    """Element i is scale * sin(i^2 mod 997 + seed)."""
    n = 1
    for size in shape:
        n *= size
    i = torch.arange(n, dtype=torch.float64)
    return (scale * torch.sin(torch.remainder(i * i, 997) + seed)).float().reshape(shape)


def fill(module, scale):
    with torch.no_grad():
        for k, (name, p) in enumerate(module.named_parameters()):
            if p.dim() >= 2:
                p.copy_(wave(p.shape, k, scale))
            elif name.split(".")[-1].startswith("bias"):
                p.zero_()
    return module


def probe(t):
    x = t.detach().double()
    return [x.sum().item(), x.abs().sum().item(), (x * wave(t.shape, 1, 1).double()).sum().item()]


def checked(module, step):
    result = {"loss": [step()]}
    for name, p in module.named_parameters():
        result[f"gradient of {name}"] = probe(p.grad)
        result[f"updated {name}"] = probe(p)
    return result
