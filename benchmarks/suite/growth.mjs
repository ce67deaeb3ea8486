// What grows: networks with their batch and their depth, graphs with their length; and what more threads divide.
import { F, nn, noGrad, optim, randint, randn } from '@flambeau/core'
import { digitsNetwork, GPT, resnet18, training, trainings } from './workloads.mjs'

const classifier = (model, x, classes = 10) => {
  const y = randint(0, classes, [x.shape[0]])
  return training({
    model,
    optimizer: new optim.Adam(model.parameters()),
    loss: () => F.crossEntropy(model.forward(x), y),
  })
}
const perceptron = (hidden) =>
  new nn.Sequential(
    new nn.Linear(784, 512),
    ...Array.from({ length: hidden }, () => [new nn.ReLU(), new nn.Linear(512, 512)]).flat(),
    new nn.Linear(512, 10),
  )
const language = (layers, batch) => {
  const model = new GPT({ layers })
  const [x, y] = [randint(0, 65, [batch, 128]), randint(0, 65, [batch * 128])]
  const loss = () => F.crossEntropy(model.forward(x).flatten(0, 1), y)
  return training({ model, optimizer: new optim.AdamW(model.parameters()), loss })
}

/** { name: { what, sizes, make } }: `make(size)` gives the step that is timed. */
export const curves = {
  'mlp by batch': {
    what: 'batch',
    sizes: [32, 64, 128, 256, 512],
    make: (n) => classifier(perceptron(1), randn([n, 784])),
  },
  'digits by batch': {
    what: 'batch',
    sizes: [8, 16, 32, 64, 128],
    make: (n) => classifier(digitsNetwork(), randn([n, 1, 28, 28])),
  },
  'resnet18 inference by batch': {
    what: 'batch',
    sizes: [1, 2, 4, 8, 16],
    make: (n) => {
      const model = resnet18().eval()
      const x = randn([n, 3, 32, 32])
      return () => noGrad(() => model.forward(x))
    },
  },
  'gpt by batch': { what: 'batch', sizes: [1, 2, 4, 8], make: (n) => language(4, n) },
  'mlp by depth': {
    what: 'hidden layers',
    sizes: [1, 2, 4, 8, 16],
    make: (n) => classifier(perceptron(n), randn([128, 784])),
  },
  'gpt by depth': { what: 'blocks', sizes: [1, 2, 4, 8], make: (n) => language(n, 4) },
  'graph by length, with backward': {
    what: 'operators',
    sizes: [1000, 2000, 4000, 8000, 16000, 32000],
    make: (n) => {
      const x = randn([16]).requiresGrad_()
      return () => {
        x.grad = null
        let y = x
        for (let i = 0; i < n; i++) y = y.mul(1.0001)
        y.sum().backward()
        return x.grad
      }
    },
  },
  'graph by width, with backward': {
    what: 'uses of one tensor',
    sizes: [1000, 2000, 4000, 8000, 16000],
    make: (n) => {
      const x = randn([16]).requiresGrad_()
      return () => {
        x.grad = null
        let y = x.mul(0)
        for (let i = 0; i < n; i++) y = y.add(x)
        y.sum().backward()
        return x.grad
      }
    },
  },
}

const convolution = () => {
  const [x, w] = [randn([16, 128, 32, 32]).requiresGrad_(), randn([128, 128, 3, 3]).requiresGrad_()]
  const g = noGrad(() => F.conv2d(x, w, { padding: 1 }))
  return () => {
    x.grad = w.grad = null
    F.conv2d(x, w, { padding: 1 }).backward(g)
    return w.grad
  }
}
const product = (n) => () => {
  const [a, b] = [randn([n, n]), randn([n, n])]
  return () => a.matmul(b)
}

/** Work that arithmetic bounds, and networks, which have to do other things too; only the former are held to the limit. */
export const loads = {
  'matmul 1024': { bound: true, make: product(1024) },
  'matmul 2048': { bound: true, make: product(2048) },
  'conv 3x3 128 32² and backward': { bound: true, make: convolution },
  'resnet18 training': { bound: false, make: () => training(trainings['resnet18 training']()) },
  'gpt training': { bound: false, make: () => training(trainings['gpt training']()) },
}
