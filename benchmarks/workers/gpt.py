"""One training step of a GPT: 4 layers, width 192, 6 heads, context 128, vocabulary 65, batch 8, AdamW. Milliseconds."""
import json
import pathlib
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

sys.path.append(str(pathlib.Path(__file__).parent.parent / "support"))
from weights import checked, fill

LAYERS, WIDTH, HEADS, CONTEXT, VOCABULARY, BATCH = 4, 192, 6, 128, 65, 8


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        q, k, v = (t.view(BATCH, CONTEXT, HEADS, WIDTH // HEADS).transpose(1, 2) for t in self.qkv(x).chunk(3, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(BATCH, CONTEXT, WIDTH))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = Attention()
        self.norm2 = nn.LayerNorm(WIDTH)
        self.up = nn.Linear(WIDTH, 4 * WIDTH)
        self.down = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(CONTEXT))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


model = fill(GPT(), 0.05)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)
text = torch.remainder(torch.arange(BATCH * (CONTEXT + 1)) * 7919, VOCABULARY).view(BATCH, CONTEXT + 1)
input = text[:, :-1].contiguous()
target = text[:, 1:].reshape(-1)


def step():
    loss = F.cross_entropy(model(input).view(-1, VOCABULARY), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


for line in sys.stdin:
    if line.strip() == "check":
        print(json.dumps(checked(model, step)), flush=True)
        continue
    start = time.perf_counter()
    for _ in range(5):
        step()
    print((time.perf_counter() - start) * 200, flush=True)
