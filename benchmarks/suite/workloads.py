import torch
import torch.nn.functional as F
from torch import nn, randint, randn

from compiling import wrap


def training(model, optimizer, loss):
    model.train()
    compiled = wrap(loss)

    def step():
        value = compiled()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return value

    return step


def mlp():
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    x, y = randn(128, 784), randint(0, 10, (128,))
    return training(model, torch.optim.Adam(model.parameters()), lambda: F.cross_entropy(model(x), y))


def digits():
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )
    x, y = randn(64, 1, 28, 28), randint(0, 10, (64,))
    return training(model, torch.optim.Adam(model.parameters()), lambda: F.cross_entropy(model(x), y))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        if stride == 1 and inputs == outputs:
            self.shortcut = nn.Identity()
        else:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


def resnet18():
    layers = [nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    channels = 64
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [BasicBlock(channels, width, stride), BasicBlock(width, width, 1)]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def resnet18_training():
    model = resnet18()
    x, y = randn(16, 3, 32, 32), randint(0, 10, (16,))
    return training(model, torch.optim.Adam(model.parameters()), lambda: F.cross_entropy(model(x), y))


def resnet18_inference():
    model = wrap(resnet18().eval())
    x = randn(8, 3, 32, 32)

    def step():
        with torch.no_grad():
            return model(x)

    return step


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        batch, time, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(batch, time, width)
        x = x + self.project(attended)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self, layers=4, width=192, heads=6, context=128, vocabulary=65):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.positions = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def gpt(parallel=lambda model: model):
    model = parallel(GPT())
    x, y = randint(0, 65, (8, 128)), randint(0, 65, (8, 128))
    return training(
        model, torch.optim.AdamW(model.parameters()), lambda: F.cross_entropy(model(x).flatten(0, 1), y.flatten())
    )


def lstm():
    model, head = nn.LSTM(64, 128, 2), nn.Linear(128, 10)
    x, y = randn(64, 32, 64), randint(0, 10, (32,))
    parameters = [*model.parameters(), *head.parameters()]
    return training(model, torch.optim.Adam(parameters), lambda: F.cross_entropy(head(model(x)[0][-1]), y))


cases = {
    "mlp training": mlp,
    "digits training": digits,
    "resnet18 training": resnet18_training,
    "resnet18 inference": resnet18_inference,
    "gpt training": gpt,
    "lstm training": lstm,
}
