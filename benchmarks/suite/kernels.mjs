// The other kernels: normalizations, softmax, attention, reductions, elementwise, indexing, sorting, casts, losses, random.
import {
  arange,
  bernoulli,
  cat,
  F,
  gather,
  indexSelect,
  maskedSelect,
  noGrad,
  nonzero,
  rand,
  randint,
  randn,
  randperm,
  sort,
  stack,
  topk,
  where,
  zeros,
} from '@flambeau/core'

/** A function of fresh standard normal tensors of these shapes. */
const of =
  (shapes, call, dtype = 'float32') =>
  () => {
    const inputs = shapes.map((shape) => randn(shape).to(dtype))
    return () => call(...inputs)
  }
/** The same, with the gradients of the sum of what it returns times fixed random numbers. */
const withBackward = (shapes, call) => () => {
  const inputs = shapes.map((shape) => randn(shape).requiresGrad_())
  const g = randn(noGrad(() => call(...inputs)).shape)
  return () => {
    for (const t of inputs) t.grad = null
    call(...inputs).backward(g)
    return () => inputs.map((t) => t.grad)
  }
}
const M = [[1_000_000]]
const square = [[2048, 2048]]

export const normalization = {
  'layer norm 1024x768': of([[1024, 768], [768], [768]], (x, w, b) => F.layerNorm(x, [768], { weight: w, bias: b })),
  'layer norm 1024x768 and backward': withBackward([[1024, 768], [768], [768]], (x, w, b) =>
    F.layerNorm(x, [768], { weight: w, bias: b }),
  ),
  'batch norm 16x64x32x32 and backward': withBackward([[16, 64, 32, 32], [64], [64]], (x, w, b) =>
    F.batchNorm(x, null, null, { weight: w, bias: b, training: true }),
  ),
  'group norm 16x64x32x32 and backward': withBackward([[16, 64, 32, 32], [64], [64]], (x, w, b) =>
    F.groupNorm(x, 8, { weight: w, bias: b }),
  ),
  'rms norm 1024x768': of([[1024, 768], [768]], (x, w) => F.rmsNorm(x, [768], { weight: w })),
}

export const softmax = {
  'softmax 4096x1024 rows': of([[4096, 1024]], (x) => x.softmax(1)),
  'softmax 4096x1024 columns': of([[4096, 1024]], (x) => x.softmax(0)),
  'log softmax 4096x1024 and backward': withBackward([[4096, 1024]], (x) => x.logSoftmax(1)),
  'logsumexp 4096x1024': of([[4096, 1024]], (x) => x.logsumexp(1)),
  'attention 8x6x128x32 causal': of(
    [
      [8, 6, 128, 32],
      [8, 6, 128, 32],
      [8, 6, 128, 32],
    ],
    (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true }),
  ),
  'attention 8x6x128x32 causal and backward': withBackward(
    [
      [8, 6, 128, 32],
      [8, 6, 128, 32],
      [8, 6, 128, 32],
    ],
    (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true }),
  ),
  'attention 1x8x1024x64': of(
    [
      [1, 8, 1024, 64],
      [1, 8, 1024, 64],
      [1, 8, 1024, 64],
    ],
    (q, k, v) => F.scaledDotProductAttention(q, k, v),
  ),
}

export const reductions = {
  'sum 4096x4096 over rows': of([[4096, 4096]], (x) => x.sum(1)),
  'sum 4096x4096 over columns': of([[4096, 4096]], (x) => x.sum(0)),
  'sum 4096x4096': of([[4096, 4096]], (x) => x.sum()),
  'mean 2048x2048 over rows': of(square, (x) => x.mean(1)),
  'max 2048x2048': of(square, (x) => x.max()),
  'amax 2048x2048 over rows': of(square, (x) => x.amax(1)),
  'amax 2048x2048 over columns': of(square, (x) => x.amax(0)),
  'argmax 2048x2048 over rows': of(square, (x) => x.argmax(1)),
  'argmax 2048x2048 over columns': of(square, (x) => x.argmax(0)),
  'variance 2048x2048 over rows': of(square, (x) => x.var(1)),
  'variance 2048x2048 over columns': of(square, (x) => x.var(0)),
  'norm 2048x2048': of(square, (x) => x.norm()),
  'sum of bfloat16 2048x2048': of(square, (x) => x.sum(1), 'bfloat16'),
  'sum of int64 2048x2048': () => {
    const x = randint(0, 100, [2048, 2048])
    return () => x.sum(0)
  },
  'mean of a middle dimension': of([[64, 256, 128]], (x) => x.mean(1)),
  'cumsum 2048x2048 rows': of(square, (x) => x.cumsum(1)),
  'cumsum 2048x2048 columns': of(square, (x) => x.cumsum(0)),
  'count above zero': of(square, (x) => x.gt(0).sum()),
}

export const elementwise = {
  'add 1M': of([...M, ...M], (x, y) => x.add(y)),
  'add in place 1M': of([...M, ...M], (x, y) => x.add_(y, { alpha: 1e-9 })),
  'mul by a number 1M': of(M, (x) => x.mul(2)),
  'add a row 2048x2048': of([[2048, 2048], [2048]], (x, y) => x.add(y)),
  'add a column 2048x2048': of(
    [
      [2048, 2048],
      [2048, 1],
    ],
    (x, y) => x.add(y),
  ),
  'add transposed 2048x2048': of(
    [
      [2048, 2048],
      [2048, 2048],
    ],
    (x, y) => x.add(y.t()),
  ),
  'exp 1M': of(M, (x) => x.exp()),
  'log 1M': of(M, (x) => x.abs().log()),
  'tanh 1M': of(M, (x) => x.tanh()),
  'sigmoid 1M': of(M, (x) => x.sigmoid()),
  'gelu 1M': of(M, (x) => F.gelu(x)),
  'gelu 1M and backward': withBackward(M, (x) => F.gelu(x)),
  'silu 1M and backward': withBackward(M, (x) => F.silu(x)),
  'relu 1M': of(M, (x) => x.relu()),
  'erf 1M': of(M, (x) => x.erf()),
  'sin 1M': of(M, (x) => x.sin()),
  'sqrt 1M': of(M, (x) => x.abs().sqrt()),
  'pow 2.5 1M': of(M, (x) => x.abs().pow(2.5)),
  'div 1M': of([...M, ...M], (x, y) => x.div(y)),
  'where 1M': of([...M, ...M], (x, y) => where(x.gt(0), x, y)),
  'clamp 1M': of(M, (x) => x.clamp(-1, 1)),
  'lt 1M': of([...M, ...M], (x, y) => x.lt(y)),
  'add bfloat16 1M': of([...M, ...M], (x, y) => x.add(y), 'bfloat16'),
  'mul complex64 1M': of([...M, ...M], (x, y) => x.mul(y), 'complex64'),
  'add int64 1M': () => {
    const [x, y] = [randint(0, 100, [1_000_000]), randint(0, 100, [1_000_000])]
    return () => x.add(y)
  },
  'chain 1M': of([...M, ...M], (a, b) => a.mul(b).add(a).tanh().mul(b.sigmoid()).sub(a.exp().sqrt())),
}

export const memory = {
  'cast to bfloat16 4M': of(square, (x) => x.to('bfloat16')),
  'cast to float64 4M': of(square, (x) => x.to('float64')),
  'cast to int64 4M': of(square, (x) => x.to('int64')),
  'cast bfloat16 to float32 4M': of(square, (x) => x.to('float32'), 'bfloat16'),
  'transpose copy 2048x2048': of(square, (x) => x.t().contiguous()),
  'permute copy 16x64x32x32': of([[16, 64, 32, 32]], (x) => x.permute([0, 2, 3, 1]).contiguous()),
  'clone 4M': of(square, (x) => x.clone()),
  'zeros 4M': of([], () => zeros([2048, 2048])),
  'cat rows': of(
    [
      [512, 1024],
      [512, 1024],
      [512, 1024],
    ],
    (...x) => cat(x, 0),
  ),
  'cat columns': of(
    [
      [512, 1024],
      [512, 1024],
      [512, 1024],
    ],
    (...x) => cat(x, 1),
  ),
  stack: of(
    [
      [512, 1024],
      [512, 1024],
    ],
    (...x) => stack(x, 1),
  ),
  'arange 1M': of([], () => arange(1_000_000)),
}

export const indexing = {
  'index select rows': () => {
    const [x, i] = [randn([10000, 256]), randint(0, 10000, [4096])]
    return () => indexSelect(x, 0, i)
  },
  'gather columns': () => {
    const [x, i] = [randn([4096, 1024]), randint(0, 1024, [4096, 256])]
    return () => gather(x, 1, i)
  },
  'index rows by a tensor': () => {
    const [x, i] = [randn([10000, 256]), randint(0, 10000, [4096])]
    return () => x.at(i)
  },
  'index add': () => {
    const [x, i, s] = [zeros([10000, 256]), randint(0, 10000, [4096]), randn([4096, 256])]
    return () => x.indexAdd(0, i, s)
  },
  'scatter add': () => {
    const [x, i, s] = [zeros([1000, 1024]), randint(0, 1000, [4096, 1024]), randn([4096, 1024])]
    return () => x.scatterAdd(0, i, s)
  },
  'masked select 1M': of(M, (x) => maskedSelect(x, x.gt(0))),
  'masked fill 1M': of(M, (x) => x.maskedFill(x.gt(0), 0)),
  'nonzero 1M': of(M, (x) => nonzero(x.gt(1))),
  'embedding and backward': () => {
    const [w, i] = [randn([10000, 256]).requiresGrad_(), randint(0, 10000, [4096])]
    const g = randn([4096, 256])
    return () => {
      w.grad = null
      F.embedding(i, w).backward(g)
      return () => [w.grad]
    }
  },
  'sort 1M': of(M, (x) => sort(x).values),
  'sort 1024x1024': of([[1024, 1024]], (x) => sort(x, 1).values),
  'top 10 of 1024x1024': of([[1024, 1024]], (x) => topk(x, 10, 1).values),
  'one hot 65536x100': () => {
    const x = randint(0, 100, [65536])
    return () => F.oneHot(x, 100)
  },
}

const drawn = (call) => () => () => call()
export const random = {
  'rand 1M': drawn(() => rand([1_000_000])),
  'randn 1M': drawn(() => randn([1_000_000])),
  'randperm 100,000': drawn(() => randperm(100_000)),
  'bernoulli 1M': () => {
    const p = rand([1_000_000])
    return () => bernoulli(p)
  },
  'dropout 1M': of(M, (x) => F.dropout(x, 0.5)),
}

export const losses = {
  'cross entropy 4096x1000 and backward': () => {
    const [x, y] = [randn([4096, 1000]).requiresGrad_(), randint(0, 1000, [4096])]
    return () => {
      x.grad = null
      F.crossEntropy(x, y).backward()
      return () => [x.grad]
    }
  },
  'mse 1M and backward': () => {
    const [x, y] = [randn([1_000_000]).requiresGrad_(), randn([1_000_000])]
    return () => {
      x.grad = null
      F.mseLoss(x, y).backward()
      return () => [x.grad]
    }
  },
  'bce with logits 1M and backward': () => {
    const [x, y] = [randn([1_000_000]).requiresGrad_(), rand([1_000_000])]
    return () => {
      x.grad = null
      F.binaryCrossEntropyWithLogits(x, y).backward()
      return () => [x.grad]
    }
  },
}
