// Random numbers: PyTorch's streams of its CPU generators, bit for bit.

import { gradMode } from '../autograd/mode.js'
import * as kernels from '../binding/kernels.gen.js'
import { explaining } from '../binding/status.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { alias, allocate, allocatePreserving } from '../tensor/create.js'
import type { Device } from '../tensor/device.js'
import { type DType, getDefaultDtype, isComplex, isFloating } from '../tensor/dtype.js'
import { checkShape, formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { resolveOptions, type Size, zeros } from './creation.js'
import { composite, inplacePrimitive, primitive } from './dispatch.js'
import { type DrawOptions, drawInto, draws, type RandomOptions, stateOf, stateOn } from './generator.js'
import { checkWritable } from './inplace.js'
import { type FunctionOp, type InplaceOp, type Op, saving } from './record.js'

const checkFloat = (operation: string, dtype: DType, complex = false): void => {
  if (!isFloating(dtype) && !(complex && isComplex(dtype)))
    throw new DTypeError(`${operation}: expected a floating-point dtype, got ${dtype}`)
}

const sizeOf = (operation: string, size: Size): readonly number[] =>
  checkShape(operation, typeof size === 'number' ? [size] : size)
const OPTIONS = '{dtype, device, requiresGrad, generator}'

type Fill = (out: Tensor, state: Tensor) => Tensor
const standardUniform: Fill = (out, state) => drawInto(out, state, 'uniform', 0, 1)
const standardNormal: Fill = (out, state) => drawInto(out, state, 'normal', 0, isComplex(out.dtype) ? Math.SQRT1_2 : 1)

function sized(name: string, fill: Fill): FunctionOp<[size: Size, options?: RandomOptions], Tensor> {
  return primitive({
    signature: `${name}(size, ${OPTIONS})`,
    forward(size: Size, options: RandomOptions = {}) {
      const { dtype, device, finish } = resolveOptions(name, options, getDefaultDtype())
      checkFloat(name, dtype, true)
      return saving(finish(fill(allocate(sizeOf(name, size), dtype, device), stateOf(name, options))))
    },
  })
}

function like(name: string, fill: Fill): Op<[self: Tensor, options?: RandomOptions]> {
  return primitive({
    signature: `${name}(self, ${OPTIONS})`,
    forward(self: Tensor, options: RandomOptions = {}) {
      const { dtype, device, finish } = resolveOptions(name, options, self.dtype, self.device)
      checkFloat(name, dtype, true)
      return saving(finish(fill(allocatePreserving(self, dtype, device), stateOf(name, options))))
    },
  })
}

/** Numbers drawn uniformly from [0, 1). */
export const rand: FunctionOp<[size: Size, options?: RandomOptions], Tensor> = sized('rand', standardUniform)
/** Numbers of the standard normal distribution. */
export const randn: FunctionOp<[size: Size, options?: RandomOptions], Tensor> = sized('randn', standardNormal)
/** Numbers drawn uniformly from [0, 1), in the shape of `self`. */
export const randLike: Op<[self: Tensor, options?: RandomOptions]> = like('rand_like', standardUniform)
/** Numbers of the standard normal distribution, in the shape of `self`. */
export const randnLike: Op<[self: Tensor, options?: RandomOptions]> = like('randn_like', standardNormal)

const LIMITS: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  bool: [0, 1],
  float16: [-2048, 2048],
  bfloat16: [-256, 256],
  float32: [-(2 ** 24), 2 ** 24],
}

type Whole = number | bigint
function whole(operation: string, name: string, value: unknown): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new ArgumentError(`${operation}: expected an integer for ${name}, got ${describe(value)}`)
  return BigInt(value)
}

function drawIntegers(operation: string, out: Tensor, state: Tensor, low: Whole, high: Whole): Tensor {
  const from = whole(operation, 'low', low)
  const to = whole(operation, 'high', high)
  if (from >= to) throw new ArgumentError(`${operation}: expected low < high, got ${from} and ${to}`)
  if (isComplex(out.dtype)) throw new DTypeError(`${operation}: not implemented for ${out.dtype}`)
  const limits = LIMITS[out.dtype]
  if (limits && !isFloating(out.dtype) && (from < limits[0] || to - 1n > limits[1]))
    throw new ArgumentError(`${operation}: the range [${from}, ${to}) does not fit in ${out.dtype}`)
  const [first, last] = isFloating(out.dtype) ? representable(from, to, PRECISION[out.dtype] ?? 53) : [from, to]
  return drawInto(out, state, 'integers', BigInt.asIntN(64, first), BigInt.asIntN(64, last - first))
}

const PRECISION: Partial<Record<DType, number>> = { float16: 11, bfloat16: 8, float32: 24 }

/** Moves the bounds inwards, past whole numbers that `digits` binary digits would round out of [from, to). */
function representable(from: bigint, to: bigint, digits: number): [bigint, bigint] {
  const step = (v: bigint): bigint => 1n << BigInt(Math.max((v < 0n ? -v : v).toString(2).length - digits, 0))
  const round = (v: bigint): bigint => {
    const unit = step(v)
    const magnitude = v < 0n ? -v : v
    const below = magnitude / unit
    const twice = 2n * (magnitude % unit)
    const up = twice > unit || (twice === unit && below % 2n === 1n)
    return (v < 0n ? -1n : 1n) * (up ? below + 1n : below) * unit
  }
  const first = round(from + 1n)
  const last = round(to - 1n)
  return [first < from ? first + step(from + 1n) : from, last >= to ? last - step(to - 1n) : to]
}

/** A call of `randint`: with or without `low`. */
export type RandintArgs =
  | [high: Whole, size: Size, options?: RandomOptions]
  | [low: Whole, high: Whole, size: Size, options?: RandomOptions]

/** Integers drawn uniformly from [low, high); `low` is 0 unless given. int64 unless a dtype is given. */
export const randint: FunctionOp<RandintArgs, Tensor> = primitive({
  signature: `randint(low, high, size, ${OPTIONS})`,
  forward(...args: RandintArgs) {
    const short =
      Array.isArray(args[1]) || (typeof args[2] === 'object' && !Array.isArray(args[2])) || args[2] === undefined
    const [low, high, size, options = {}] = (short ? [0, ...args] : args) as [
      Whole,
      Whole,
      Size,
      RandomOptions | undefined,
    ]
    const { dtype, device, finish } = resolveOptions('randint', options, 'int64')
    return saving(
      finish(
        drawIntegers(
          'randint',
          allocate(sizeOf('randint', size), dtype, device),
          stateOf('randint', options),
          low,
          high,
        ),
      ),
    )
  },
})

/** Integers drawn uniformly from [low, high), in the shape and dtype of `self`; with one bound, from [0, bound). */
export const randintLike: Op<[self: Tensor, low: Whole, high?: Whole | RandomOptions, options?: RandomOptions]> =
  primitive({
    signature: `randint_like(self, low, high, ${OPTIONS})`,
    forward(self: Tensor, low: Whole, high?: Whole | RandomOptions, options: RandomOptions = {}) {
      const given = typeof high === 'object' && high !== null ? high : options
      const bounds: [Whole, Whole] = typeof high === 'number' || typeof high === 'bigint' ? [low, high] : [0, low]
      const { dtype, device, finish } = resolveOptions('randint_like', given, self.dtype, self.device)
      return saving(
        finish(
          drawIntegers(
            'randint_like',
            allocatePreserving(self, dtype, device),
            stateOf('randint_like', given),
            ...bounds,
          ),
        ),
      )
    },
  })

/** The integers 0 … n-1 in random order. @returns int64, shape `[n]` */
export const randperm: FunctionOp<[n: number, options?: RandomOptions], Tensor> = primitive({
  signature: `randperm(n, ${OPTIONS})`,
  forward(n: number, options: RandomOptions = {}) {
    if (!Number.isInteger(n) || n < 0)
      throw new ArgumentError(`randperm: expected n to be an integer ≥ 0, got ${describe(n)}`)
    const { dtype, device, finish } = resolveOptions('randperm', options, 'int64')
    const order = allocate(checkShape('randperm', [n]), 'int64', 'cpu')
    kernels.randomPermutation(order, stateOf('randperm', options))
    return saving(finish(dtype === 'int64' && device === 'cpu' ? order : order.to({ dtype, device })))
  },
})

/** Fills a tensor where it is, as `uniform_` and its kin do: no gradient flows to what was there. */
function filler<Args extends unknown[]>(
  name: string,
  parameters: string,
  draw: (out: Tensor, state: Tensor, ...args: Args) => unknown,
): InplaceOp<[self: Tensor, ...args: [...Args, options?: DrawOptions]]> {
  const split = (args: readonly unknown[]): [Args, DrawOptions | undefined] => {
    const last = args.at(-1)
    const hasOptions = typeof last === 'object' && last !== null
    return [(hasOptions ? args.slice(0, -1) : args) as Args, hasOptions ? (last as DrawOptions) : undefined]
  }
  return inplacePrimitive({
    signature: `${name}(self${parameters}, {generator})`,
    forward(self: Tensor, ...args: [...Args, options?: DrawOptions]) {
      const [numbers, options] = split(args)
      const out = allocatePreserving(self, self.dtype, self.device)
      draw(out, stateOf(name, options), ...numbers)
      return saving(out, self.shape)
    },
    into(self: Tensor, ...args: [...Args, options?: DrawOptions]) {
      const [numbers, options] = split(args)
      draw(self, stateOf(name, options), ...numbers)
    },
    backward: (grad: Tensor) => [zeros(grad.shape, { dtype: grad.dtype, device: grad.device })],
  }) as InplaceOp<[self: Tensor, ...args: [...Args, options?: DrawOptions]]>
}

const number = (
  operation: string,
  name: string,
  value: unknown,
  valid: (v: number) => boolean,
  expected: string,
): number => {
  if (typeof value !== 'number' || !valid(value))
    throw new ArgumentError(`${operation}: expected ${name} ${expected}, got ${describe(value)}`)
  return value
}
const isNumber = (v: number): boolean => !Number.isNaN(v)

/** Numbers drawn uniformly from [from, to), in the shape and dtype of `self`; `uniform_` writes them there. */
export const uniform: InplaceOp<[self: Tensor, from?: number, to?: number, options?: DrawOptions]> = filler<
  [from?: number, to?: number]
>('uniform', ', from, to', (out, state, from = 0, to = 1) => {
  checkFloat('uniform', out.dtype, true)
  number('uniform', 'from', from, Number.isFinite, 'to be a finite number')
  number('uniform', 'to', to, (v) => Number.isFinite(v) && v >= from, `to be a finite number ≥ from (${from})`)
  drawInto(out, state, 'uniform', from, to)
})

function drawNormal(operation: string, out: Tensor, state: Tensor, mean: number, std: number): Tensor {
  checkFloat(operation, out.dtype, true)
  number(operation, 'mean', mean, isNumber, 'to be a number')
  number(operation, 'std', std, (v) => v >= 0, 'to be a number ≥ 0')
  if (!isComplex(out.dtype)) return drawInto(out, state, 'normal', mean, std)
  return drawInto(out, state, 'normal', mean, std * Math.SQRT1_2)
}

/** What `normal` takes. */
export type NormalArgs =
  | [mean: Tensor | number, std?: Tensor | number, options?: DrawOptions]
  | [mean: number, std: number, size: Size, options?: RandomOptions]

/**
 * Numbers of normal distributions: of one, in the given size, or of a mean and a standard deviation for each element.
 * `x.normal_(mean, std)` fills a tensor.
 */
export const normal: FunctionOp<NormalArgs, Tensor> = primitive({
  signature: `normal(mean, std, size, ${OPTIONS})`,
  forward(...args: NormalArgs) {
    const [mean, std = 1] = args
    const hasSize = typeof args[2] === 'number' || Array.isArray(args[2])
    const options = ((hasSize ? args[3] : (args[3] ?? args[2])) ?? {}) as RandomOptions
    const state = stateOf('normal', options)
    if (typeof mean === 'number' && typeof std === 'number') {
      if (!hasSize)
        throw new ArgumentError(`normal: expected a size for a mean and std that are numbers, got ${describe(args[2])}`)
      const { dtype, device, finish } = resolveOptions('normal', options, getDefaultDtype())
      return saving(
        finish(drawNormal('normal', allocate(sizeOf('normal', args[2] as Size), dtype, device), state, mean, std)),
      )
    }
    const lead = mean instanceof Tensor ? mean : std
    if (!(lead instanceof Tensor))
      throw new ArgumentError(`normal: expected numbers or tensors, got ${describe(mean)} and ${describe(std)}`)
    if (typeof std === 'number') number('normal', 'std', std, (v) => v >= 0, 'to be a number ≥ 0')
    const shaped = mean instanceof Tensor && std instanceof Tensor ? mean.add(std) : lead
    checkFloat('normal', lead.dtype, true)
    const out = drawNormal('normal', allocate(shaped.shape, lead.dtype, lead.device), state, 0, 1)
    return saving(out.mul(std instanceof Tensor ? std : std).add(mean))
  },
})

/** `normal_` and the others that write to `self`; PyTorch's `Tensor.normal_`. */
export const normalFill: InplaceOp<[self: Tensor, mean?: number, std?: number, options?: DrawOptions]> = filler<
  [mean?: number, std?: number]
>('normal.in_place', ', mean, std', (out, state, mean = 0, std = 1) => drawNormal('normal_', out, state, mean, std))

/** Numbers of the exponential distribution of rate `lambd`, in the shape and dtype of `self`; `exponential_` writes them there. */
export const exponential: InplaceOp<[self: Tensor, lambd?: number, options?: DrawOptions]> = filler<[lambd?: number]>(
  'exponential',
  ', lambd',
  (out, state, lambd = 1) => {
    checkFloat('exponential', out.dtype)
    drawInto(
      out,
      state,
      'exponential',
      number('exponential', 'lambd', lambd, (v) => v > 0, 'to be a number > 0'),
      0,
    )
  },
)

/** Numbers of trials until the first success, in the shape and dtype of `self`; `geometric_` writes them there. */
export const geometric: InplaceOp<[self: Tensor, p: number, options?: DrawOptions]> = filler<[p: number]>(
  'geometric',
  ', p',
  (out, state, p) => {
    if (isComplex(out.dtype) || out.dtype === 'bool')
      throw new DTypeError(`geometric: not implemented for ${out.dtype}`)
    drawInto(
      out,
      state,
      'geometric',
      number('geometric', 'p', p, (v) => v > 0 && v < 1, 'to be in (0, 1)'),
      0,
    )
  },
)

/** Numbers of the Cauchy distribution, in the shape and dtype of `self`; `cauchy_` writes them there. */
export const cauchy: InplaceOp<[self: Tensor, median?: number, sigma?: number, options?: DrawOptions]> = filler<
  [median?: number, sigma?: number]
>('cauchy', ', median, sigma', (out, state, median = 0, sigma = 1) => {
  checkFloat('cauchy', out.dtype)
  drawInto(
    out,
    state,
    'cauchy',
    number('cauchy', 'median', median, isNumber, 'to be a number'),
    number('cauchy', 'sigma', sigma, (v) => v > 0, 'to be a number > 0'),
  )
})

/** Numbers whose logarithm is normal, in the shape and dtype of `self`; `logNormal_` writes them there. */
export const logNormal: InplaceOp<[self: Tensor, mean?: number, std?: number, options?: DrawOptions]> = filler<
  [mean?: number, std?: number]
>('log_normal', ', mean, std', (out, state, mean = 1, std = 2) => {
  checkFloat('log_normal', out.dtype)
  drawInto(
    out,
    state,
    'logNormal',
    number('log_normal', 'mean', mean, isNumber, 'to be a number'),
    number('log_normal', 'std', std, (v) => v > 0, 'to be a number > 0'),
  )
})

/** Integers from [low, high), or any that the dtype holds exactly, in the shape of `self`; `random_` writes them there. */
export const random: InplaceOp<[self: Tensor, low?: Whole, high?: Whole, options?: DrawOptions]> = filler<
  [low?: Whole, high?: Whole]
>('random', ', from, to', (out, state, low, high) => {
  if (low === undefined) {
    if (isComplex(out.dtype)) throw new DTypeError(`random: not implemented for ${out.dtype}`)
    drawInto(out, state, 'anyInteger', 0, 0)
  } else drawIntegers('random', out, state, high === undefined ? 0 : low, high ?? low)
})

function drawBernoulli(out: Tensor, p: Tensor, state: Tensor): void {
  checkFloat('bernoulli', p.dtype)
  if (out.storage.meta) return
  const host = draws(out.device) ? out : allocate(out.shape, out.dtype, 'cpu')
  const values = p.device === host.device ? p : p.to(host.device)
  explaining(
    ({ position }) => new ArgumentError(`bernoulli: expected probabilities in [0, 1], element ${position} is not`),
    () => kernels.randomBernoulli(host, values, stateOn(state, host.device)),
  )
  if (host !== out) out.copy_(host.to(out.device))
}

/** 1 with probability `p`, else 0; `self` holds the probabilities unless `p` is given. `bernoulli_(p)` writes to `self`. */
export const bernoulli: Op<[self: Tensor, p?: number | DrawOptions | null, options?: DrawOptions]> = primitive({
  signature: 'bernoulli(self, p, {generator})',
  forward(self: Tensor, p?: number | DrawOptions | null, options?: DrawOptions) {
    const out = allocate(self.shape, self.dtype, self.device)
    if (typeof p === 'number')
      drawInto(
        out,
        stateOf('bernoulli', options),
        'bernoulli',
        number('bernoulli', 'p', p, (v) => v >= 0 && v <= 1, 'to be in [0, 1]'),
        0,
      )
    else drawBernoulli(out, self, stateOf('bernoulli', p ?? options))
    return saving(out, self.shape)
  },
  backward: (grad) => [zeros(grad.shape, { dtype: grad.dtype, device: grad.device })],
})

/** Writes 1 with probability `p`, else 0, to `self`. @param p a number, or a tensor that broadcasts */
export function bernoulli_(self: Tensor, p: number | Tensor = 0.5, options?: DrawOptions): Tensor {
  if (!(self instanceof Tensor))
    throw new ArgumentError(`bernoulli_: expected a tensor for self, got ${describe(self)}`)
  checkWritable('bernoulli_', self, gradMode.enabled && self.requiresGrad)
  const state = stateOf('bernoulli_', options)
  if (p instanceof Tensor) drawBernoulli(self, p.expand(self.shape), state)
  else
    drawInto(
      self,
      state,
      'bernoulli',
      number('bernoulli_', 'p', p, (v) => v >= 0 && v <= 1, 'to be in [0, 1]'),
      0,
    )
  self.storage.version++
  return self
}

/** What `multinomial` takes. */
export interface MultinomialOptions extends DrawOptions {
  /** Whether a category may be drawn several times. Default false. */
  readonly replacement?: boolean
}

/**
 * Indices of categories, drawn with probabilities proportional to the weights.
 *
 * @param self weights ≥ 0, shape `[n]` or `[rows, n]`
 * @returns int64, shape `[numSamples]` or `[rows, numSamples]`
 */
export const multinomial: Op<
  [self: Tensor, numSamples: number, replacement?: boolean | MultinomialOptions, options?: MultinomialOptions]
> = composite(
  'multinomial(self, numSamples, replacement, {generator})',
  (
    self: Tensor,
    numSamples: number,
    replacement: boolean | MultinomialOptions = false,
    options: MultinomialOptions = {},
  ): Tensor => {
    checkFloat('multinomial', self.dtype)
    const given = typeof replacement === 'object' && replacement !== null ? replacement : options
    const repeats = typeof replacement === 'boolean' ? replacement : (given.replacement ?? false)
    if (self.ndim < 1 || self.ndim > 2 || self.shape[self.ndim - 1] === 0)
      throw new ShapeError(`multinomial: expected weights of shape [n] or [rows, n], got ${formatShape(self.shape)}`)
    const n = self.shape[self.ndim - 1]
    if (!Number.isInteger(numSamples) || numSamples < 1 || (!repeats && numSamples > n))
      throw new ArgumentError(
        `multinomial: expected numSamples in [1, ${repeats ? '∞' : n}], got ${describe(numSamples)}`,
      )
    const state = stateOf('multinomial', given)
    const source = self.detach().to('cpu')
    const rows = self.ndim === 2 ? self.shape[0] : 1
    const weights = alias(source, [rows, n], self.ndim === 2 ? source.strides : [0, source.strides[0]])
    const shape = self.ndim === 2 ? [rows, numSamples] : [numSamples]
    const out = allocate([rows, numSamples], 'int64', 'cpu')
    explaining(
      ({ position }) =>
        new ArgumentError(
          `multinomial: expected finite weights ≥ 0 with a sum > 0, row ${Math.floor(position / n)} has others`,
        ),
      () => kernels.randomMultinomial(out, weights, state, repeats && numSamples > 1),
    )
    return moved(out.reshape(shape), self.device)
  },
)

const moved = (t: Tensor, device: Device): Tensor => (device === t.device ? t : t.to(device))
