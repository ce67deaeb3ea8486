// Training steps and inference of whole networks.
import { arange, F, nn, noGrad, optim, randint, randn } from '@flambeau/core'

/** Forward, loss, backward, update; gives the loss. */
export function training({ model, optimizer, loss }) {
  model.train()
  return () => {
    const value = loss()
    optimizer.zeroGrad()
    value.backward()
    optimizer.step()
    return value
  }
}

function mlp() {
  const model = new nn.Sequential(
    new nn.Linear(784, 512),
    new nn.ReLU(),
    new nn.Linear(512, 512),
    new nn.ReLU(),
    new nn.Linear(512, 10),
  )
  const [x, y] = [randn([128, 784]), randint(0, 10, [128])]
  return { model, x, y, optimizer: new optim.Adam(model.parameters()), loss: () => F.crossEntropy(model.forward(x), y) }
}

/** The network of docs/examples/mnist.ts. */
export const digitsNetwork = () =>
  new nn.Sequential(
    new nn.Conv2d(1, 32, 3), // [N, 32, 26, 26]
    new nn.ReLU(),
    new nn.Conv2d(32, 64, 3), // [N, 64, 24, 24]
    new nn.ReLU(),
    new nn.MaxPool2d(2), // [N, 64, 12, 12]
    new nn.Dropout(0.25),
    new nn.Flatten(), // [N, 9216]
    new nn.Linear(9216, 128),
    new nn.ReLU(),
    new nn.Dropout(0.5),
    new nn.Linear(128, 10),
  )

function digits() {
  const model = digitsNetwork()
  const [x, y] = [randn([64, 1, 28, 28]), randint(0, 10, [64])]
  return { model, x, y, optimizer: new optim.Adam(model.parameters()), loss: () => F.crossEntropy(model.forward(x), y) }
}

class BasicBlock extends nn.Module {
  constructor(inputs, outputs, stride) {
    super()
    this.conv1 = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false })
    this.bn1 = new nn.BatchNorm2d(outputs)
    this.conv2 = new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false })
    this.bn2 = new nn.BatchNorm2d(outputs)
    this.shortcut =
      stride === 1 && inputs === outputs
        ? new nn.Identity()
        : new nn.Sequential(new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }), new nn.BatchNorm2d(outputs))
  }
  forward(x) {
    const y = this.bn2.forward(this.conv2.forward(F.relu(this.bn1.forward(this.conv1.forward(x)))))
    return F.relu(y.add(this.shortcut.forward(x)))
  }
}

/** ResNet-18 for images of 32×32. */
export function resnet18() {
  const layers = [new nn.Conv2d(3, 64, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(64), new nn.ReLU()]
  let channels = 64
  for (const [width, stride] of [
    [64, 1],
    [128, 2],
    [256, 2],
    [512, 2],
  ]) {
    layers.push(new BasicBlock(channels, width, stride), new BasicBlock(width, width, 1))
    channels = width
  }
  return new nn.Sequential(...layers, new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(512, 10))
}

function resnet18Training() {
  const model = resnet18()
  const [x, y] = [randn([16, 3, 32, 32]), randint(0, 10, [16])]
  return { model, x, y, optimizer: new optim.Adam(model.parameters()), loss: () => F.crossEntropy(model.forward(x), y) }
}

function resnet18Inference() {
  const model = resnet18().eval()
  const x = randn([8, 3, 32, 32])
  return () => noGrad(() => model.forward(x))
}

class Block extends nn.Module {
  constructor(width, heads) {
    super()
    this.heads = heads
    this.norm1 = new nn.LayerNorm(width)
    this.qkv = new nn.Linear(width, 3 * width)
    this.project = new nn.Linear(width, width)
    this.norm2 = new nn.LayerNorm(width)
    this.up = new nn.Linear(width, 4 * width)
    this.down = new nn.Linear(4 * width, width)
  }
  forward(x) {
    const [batch, time, width] = x.shape
    const [q, k, v] = this.qkv
      .forward(this.norm1.forward(x))
      .view([batch, time, 3, this.heads, width / this.heads])
      .permute([2, 0, 3, 1, 4])
      .unbind(0) // [B, H, T, D]
    const attended = F.scaledDotProductAttention(q, k, v, { isCausal: true })
      .transpose(1, 2)
      .reshape([batch, time, width])
    const y = x.add(this.project.forward(attended))
    return y.add(this.down.forward(F.gelu(this.up.forward(this.norm2.forward(y)))))
  }
}

export class GPT extends nn.Module {
  constructor({ layers = 4, width = 192, heads = 6, context = 128, vocabulary = 65 } = {}) {
    super()
    this.tokens = new nn.Embedding(vocabulary, width)
    this.positions = new nn.Embedding(context, width)
    this.blocks = new nn.ModuleList(Array.from({ length: layers }, () => new Block(width, heads)))
    this.norm = new nn.LayerNorm(width)
    this.head = new nn.Linear(width, vocabulary, { bias: false })
  }
  forward(tokens) {
    let x = this.tokens.forward(tokens).add(this.positions.forward(arange(tokens.shape[1])))
    for (const block of this.blocks) x = block.forward(x)
    return this.head.forward(this.norm.forward(x))
  }
}

/** @param parallel wraps the model, where several processes train it */
function gptParts(parallel = (model) => model) {
  const model = parallel(new GPT())
  const [x, y] = [randint(0, 65, [8, 128]), randint(0, 65, [8, 128])]
  const loss = () => F.crossEntropy(model.forward(x).flatten(0, 1), y.flatten())
  return { model, x, y, optimizer: new optim.AdamW(model.parameters()), loss }
}

function lstm() {
  const recurrent = new nn.LSTM(64, 128, { numLayers: 2 })
  const head = new nn.Linear(128, 10)
  const model = new nn.ModuleDict({ lstm: recurrent, head })
  const [x, y] = [randn([64, 32, 64]), randint(0, 10, [32])]
  const loss = () => F.crossEntropy(head.forward(recurrent.forward(x)[0].at(-1)), y)
  return { model, x, y, optimizer: new optim.Adam(model.parameters()), loss }
}

/** Of each training workload the model, its inputs, optimizer and loss. */
export const trainings = {
  'mlp training': mlp,
  'digits training': digits,
  'resnet18 training': resnet18Training,
  'gpt training': () => gptParts(),
  'lstm training': lstm,
}

/** A step of the GPT, the model wrapped for several processes. */
export const gpt = (parallel) => training(gptParts(parallel))

export default {
  ...Object.fromEntries(Object.entries(trainings).map(([name, make]) => [name, () => training(make())])),
  'resnet18 inference': resnet18Inference,
}
