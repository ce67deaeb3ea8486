// Dropout and its kin: random zeros in training, the input itself otherwise.
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { allocate, allocatePreserving } from '../../tensor/create.js'
import { isComplex, isFloating } from '../../tensor/dtype.js'
import { formatShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { add, mul } from '../arithmetic.js'
import { to } from '../copies.js'
import { zeros } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { type DrawOptions, drawInto, draws, stateOf, stateOn } from '../generator.js'
import { inplace } from '../inplace.js'
import { type FunctionOp, saving } from '../record.js'

/** What dropout takes. */
export interface DropoutOptions extends DrawOptions {
  /** The probability of an element to be zeroed. Default 0.5. */
  readonly p?: number
  /** False returns the input. Default true. */
  readonly training?: boolean
}

export type DropoutOp = FunctionOp<[input: Tensor, options?: DropoutOptions], Tensor>

function checkP(
  operation: string,
  input: unknown,
  { p = 0.5, training = true }: DropoutOptions,
): { p: number; active: boolean } {
  if (!(input instanceof Tensor))
    throw new ArgumentError(`${operation}: expected a tensor for input, got ${describe(input)}`)
  if (typeof p !== 'number' || !(p >= 0 && p <= 1))
    throw new ArgumentError(`${operation}: expected p in [0, 1], got ${describe(p)}`)
  const active = training && p > 0 && input.numel() > 0
  if (active && !isFloating(input.dtype) && !isComplex(input.dtype))
    throw new DTypeError(`${operation}: expected a floating-point or complex input, got ${input.dtype}`)
  return { p, active }
}

/** `mask ? input · scale : 0`. */
const maskScale: FunctionOp<[input: Tensor, mask: Tensor, scale: number], Tensor> = primitive({
  signature: '_mask_scale(input, mask, scale)',
  forward(input: Tensor, mask: Tensor, scale: number) {
    const out = allocate(input.shape, input.dtype, input.device)
    kernels.maskScale(out, input, mask, scale)
    return saving(out, mask, scale)
  },
  backward: (grad, [mask, scale]) => [maskScale(grad, mask, scale), null],
})

/** Draws a mask and applies it in one pass. */
const drop: FunctionOp<[input: Tensor, p: number, state: Tensor], Tensor> = primitive({
  signature: '_dropout(input, p, state)',
  forward(input: Tensor, p: number, state: Tensor) {
    const scale = 1 / (1 - p)
    // The mask is drawn in the order in which the input lies in memory.
    const out = allocatePreserving(input, input.dtype, input.device)
    const mask = allocatePreserving(input, 'bool', input.device)
    if (draws(input.device)) kernels.dropout(out, mask, input, stateOn(state, input.device), 1 - p, scale)
    else {
      drawInto(mask, state, 'bernoulli', 1 - p, 0)
      kernels.maskScale(out, input, mask, scale)
    }
    return saving(out, mask, scale)
  },
  backward: (grad, [mask, scale]) => [maskScale(grad, mask, scale), null],
})

/** p = 1 leaves nothing, and draws nothing. */
const dropAll = (input: Tensor): Tensor => mul(input, zeros([], { dtype: input.dtype, device: input.device }))

/**
 * Zeroes each element with probability `p` and divides the others by `1 - p`, so that the mean stays.
 *
 * Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from Overfitting, 2014.
 *
 * @returns the shape of `input`; `input` itself where `training` is false
 */
export const dropout: DropoutOp = composite(
  'nn.functional.dropout(input, {p, training, generator})',
  (input: Tensor, options: DropoutOptions = {}): Tensor => {
    const { p, active } = checkP('dropout', input, options)
    if (!active) return input
    const state = stateOf('dropout', options)
    return p === 1 ? dropAll(input) : drop(input, p, state)
  },
)

/** The shape of a mask for whole channels of `[N, C, …]`. */
const channels = (input: Tensor): number[] => input.shape.map((n, d) => (d < 2 ? n : 1))

/** Noise for whole channels: 0, or 1 / (1 - p). */
function channelDropout(operation: string, input: Tensor, options: DropoutOptions): Tensor {
  const { p, active } = checkP(operation, input, options)
  if (!active) return input
  const state = stateOf(operation, options)
  const shape = channels(input)
  if (p === 1) return dropAll(input)
  const mask = drawInto(allocate(shape, 'bool', input.device), state, 'bernoulli', 1 - p, 0)
  return maskScale(input, mask.expand(input.shape), 1 / (1 - p))
}

function featureDropout(name: string, dims: readonly number[], batched: number): DropoutOp {
  return composite(
    `nn.functional.${name}(input, {p, training, generator})`,
    (input: Tensor, options: DropoutOptions = {}): Tensor => {
      checkP(name, input, options)
      if (!dims.includes(input.ndim))
        throw new ShapeError(`${name}: expected ${dims.join(' or ')} dimensions, got shape ${formatShape(input.shape)}`)
      if (input.ndim === batched) return channelDropout(name, input, options)
      return channelDropout(name, input.unsqueeze(0), options).squeeze(0)
    },
  )
}

/** Zeroes whole channels of `[N, C, L]` or `[C, L]` with probability `p`. */
export const dropout1d: DropoutOp = featureDropout('dropout1d', [2, 3], 3)

/** Zeroes whole channels of `[N, C, H, W]` with probability `p`; the second dimension is the channel. */
export const dropout2d: DropoutOp = composite(
  'nn.functional.dropout2d(input, {p, training, generator})',
  (input: Tensor, options: DropoutOptions = {}): Tensor => {
    checkP('dropout2d', input, options)
    if (input.ndim < 2)
      throw new ShapeError(`dropout2d: expected at least 2 dimensions, got shape ${formatShape(input.shape)}`)
    return channelDropout('dropout2d', input, options)
  },
)

/** Zeroes whole channels of `[N, C, D, H, W]` or `[C, D, H, W]` with probability `p`. */
export const dropout3d: DropoutOp = composite(
  'nn.functional.dropout3d(input, {p, training, generator})',
  (input: Tensor, options: DropoutOptions = {}): Tensor => {
    checkP('dropout3d', input, options)
    if (input.ndim < 2)
      throw new ShapeError(`dropout3d: expected at least 2 dimensions, got shape ${formatShape(input.shape)}`)
    if (input.ndim === 5 || input.ndim < 4) return channelDropout('dropout3d', input, options)
    return channelDropout('dropout3d', input.unsqueeze(0), options).squeeze(0)
  },
)

const ALPHA = 1.7580993408473766

/** Noise that keeps mean 0 and variance 1 of selu's results: dropped elements become -α', then all are scaled and shifted. */
function alphaNoise(operation: string, input: Tensor, mask: Tensor, p: number, state: Tensor): Tensor {
  if (p === 1) return dropAll(input)
  const a = 1 / Math.sqrt((ALPHA * ALPHA * p + 1) * (1 - p))
  const alive = to(drawInto(mask, state, 'bernoulli', 1 - p, 0), { dtype: input.dtype })
  if (isComplex(input.dtype)) throw new DTypeError(`${operation}: not implemented for ${input.dtype}`)
  const shift = add(mul(alive, ALPHA * a), -ALPHA * a + ALPHA * a * p)
  return add(mul(input, mul(alive, a)), shift)
}

/** Dropout for networks with selu: keeps mean and variance. Klambauer et al., Self-Normalizing Neural Networks, 2017. */
export const alphaDropout: DropoutOp = composite(
  'nn.functional.alpha_dropout(input, {p, training, generator})',
  (input: Tensor, options: DropoutOptions = {}): Tensor => {
    const { p, active } = checkP('alpha_dropout', input, { training: false, ...options })
    if (!active) return input
    const mask = allocatePreserving(input, 'bool', input.device)
    return alphaNoise('alpha_dropout', input, mask, p, stateOf('alpha_dropout', options))
  },
)

/** `alphaDropout` of whole channels. */
export const featureAlphaDropout: DropoutOp = composite(
  'nn.functional.feature_alpha_dropout(input, {p, training, generator})',
  (input: Tensor, options: DropoutOptions = {}): Tensor => {
    const { p, active } = checkP('feature_alpha_dropout', input, { training: false, ...options })
    if (!active) return input
    if (input.ndim < 2)
      throw new ShapeError(
        `feature_alpha_dropout: expected at least 2 dimensions, got shape ${formatShape(input.shape)}`,
      )
    const mask = allocate(channels(input), 'bool', input.device)
    return alphaNoise('feature_alpha_dropout', input, mask, p, stateOf('feature_alpha_dropout', options))
  },
)

/** `dropout`, written to `input`. */
export const dropout_ = (input: Tensor, options: DropoutOptions = {}): Tensor =>
  inplace(dropout.record, [input, options])
/** `alphaDropout`, written to `input`. */
export const alphaDropout_ = (input: Tensor, options: DropoutOptions = {}): Tensor =>
  inplace(alphaDropout.record, [input, options])
/** `featureAlphaDropout`, written to `input`. */
export const featureAlphaDropout_ = (input: Tensor, options: DropoutOptions = {}): Tensor =>
  inplace(featureAlphaDropout.record, [input, options])
