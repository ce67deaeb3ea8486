// What an operator costs by itself, optimizer steps, and loading of data.
import { data, F, optim, randn } from '@flambeau/core'

const many = (n, call) => () => {
  for (let i = 1; i < n; i++) call()
  return call()
}

/** Each step is a thousand calls. */
export const dispatch = {
  'add of 4 floats': () => {
    const [x, y] = [randn([4]), randn([4])]
    return many(1000, () => x.add(y))
  },
  'add of 4 floats with autograd': () => {
    const [x, y] = [randn([4]).requiresGrad_(), randn([4])]
    return many(1000, () => x.add(y))
  },
  'small chain and backward': () => {
    const [x, w] = [randn([4, 4]), randn([4, 4]).requiresGrad_()]
    return many(100, () => {
      w.grad = null
      F.relu(x.matmul(w)).mul(2).add(1).sum().backward()
      return () => [w.grad]
    })
  },
  'view, transpose and slice': () => {
    const x = randn([4, 6])
    return many(1000, () => x.view([2, 12]).t().narrow(0, 1, 4))
  },
}

/** A step over 42 tensors of 512×512. */
const optimizer = (make) => () => {
  const parameters = Array.from({ length: 42 }, () => randn([512, 512]).requiresGrad_())
  for (const p of parameters) p.grad = randn([512, 512])
  const chosen = make(parameters)
  return () => {
    chosen.step()
    return parameters[0]
  }
}

export const optimizers = {
  'sgd with momentum, 42 of 512x512': optimizer((p) => new optim.SGD(p, { lr: 1e-3, momentum: 0.9 })),
  'adam, 42 of 512x512': optimizer((p) => new optim.Adam(p)),
  'adamw, 42 of 512x512': optimizer((p) => new optim.AdamW(p)),
  'rmsprop, 42 of 512x512': optimizer((p) => new optim.RMSprop(p)),
}

export const loading = {
  'data loader, 10,000 rows of 784, batches of 64': () => {
    const set = new data.TensorDataset(randn([10_000, 784]))
    return async () => {
      let last
      for await (const [batch] of new data.DataLoader(set, { batchSize: 64 })) last = batch
      return last
    }
  },
}
