import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe, FlambeauError } from '../errors.js'
import { broadcastTensors, fullLike, randn, scalarTensor } from '../ops/index.js'
import type { Device } from '../tensor/device.js'
import type { DType } from '../tensor/dtype.js'
import { broadcastShapes, formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { type Constraint, dependent } from './constraints.js'

/** A shape of samples, of a batch or of an event. */
export type Shape = readonly number[]
/** A parameter: numbers broadcast. */
export type Param = Tensor | number

export interface DistributionOptions {
  /** Whether parameters and values are checked. Default true, or what `setDefaultValidateArgs` set. */
  readonly validateArgs?: boolean
}

/** Something that a distribution does not have. */
export class NotImplementedError extends FlambeauError {
  override name = 'NotImplementedError'
}

let validateByDefault = true
/** Sets whether distributions check their arguments unless they are told. */
export const setDefaultValidateArgs = (value: boolean): void => {
  validateByDefault = value
}

/** Parameters as tensors of one shape; numbers get the dtype of the tensors beside them. */
export function broadcastAll<const P extends readonly Param[]>(
  operation: string,
  ...values: P
): { -readonly [K in keyof P]: Tensor } {
  const lead = values.find((v) => v instanceof Tensor)
  const options = lead instanceof Tensor ? { dtype: lead.dtype, device: lead.device } : {}
  const tensors = values.map((v) => {
    if (v instanceof Tensor) return v
    if (typeof v !== 'number')
      throw new ArgumentError(`${operation}: expected a tensor or a number, got ${describe(v)}`)
    return scalarTensor(v, options)
  })
  return broadcastTensors(...tensors) as { -readonly [K in keyof P]: Tensor }
}

interface FloatInfo {
  /** The distance from 1 to the next number. */
  readonly eps: number
  /** The smallest normal number. */
  readonly tiny: number
  readonly max: number
}
/** Limits of a floating-point dtype. */
export function finfo(dtype: DType): FloatInfo {
  switch (dtype) {
    case 'float64':
      return { eps: 2 ** -52, tiny: 2 ** -1022, max: Number.MAX_VALUE }
    case 'float16':
      return { eps: 2 ** -10, tiny: 2 ** -14, max: 65504 }
    case 'bfloat16':
      return { eps: 2 ** -7, tiny: 2 ** -126, max: 2 ** 127 * (2 - 2 ** -7) }
    default:
      return { eps: 2 ** -23, tiny: 2 ** -126, max: 2 ** 127 * (2 - 2 ** -23) }
  }
}

/** Sums the last `dims` dimensions. */
export const sumRightmost = (value: Tensor, dims: number): Tensor =>
  dims === 0 ? value : value.reshape([...value.shape.slice(0, value.ndim - dims), -1]).sum(-1)

/** Probabilities kept off 0 and 1. */
export function clampProbs(probs: Tensor): Tensor {
  const { eps } = finfo(probs.dtype)
  return probs.clamp(eps, 1 - eps)
}
/** Log-odds, or logarithms, of probabilities. */
export function probsToLogits(probs: Tensor, isBinary = false): Tensor {
  const safe = clampProbs(probs)
  return isBinary ? safe.log().sub(safe.neg().log1p()) : safe.log()
}
/** Probabilities of log-odds, or of logarithms that are normalized. */
export const logitsToProbs = (logits: Tensor, isBinary = false): Tensor =>
  isBinary ? logits.sigmoid() : logits.softmax(-1)

/** Standard normal numbers like a tensor. */
export const standardNormal = (shape: Shape, like: Tensor): Tensor =>
  randn([...shape], { dtype: like.dtype, device: like.device })
/** A constant of a tensor's shape and dtype. */
export const filled = (like: Tensor, value: number): Tensor => fullLike(like.detach(), value)
/** `value` where the mask holds. */
export const masked = (t: Tensor, mask: Tensor, value: number): Tensor => t.maskedFill(mask, value)

/**
 * The base of probability distributions: a batch of them, each over events of one shape.
 *
 * `sample(shape)` has shape `[...shape, ...batchShape, ...eventShape]`; `logProb(value)` drops the event's dimensions.
 */
export abstract class Distribution {
  readonly batchShape: Shape
  readonly eventShape: Shape
  readonly validateArgs: boolean
  /** Whether `rsample` exists: draws that gradients flow through. */
  get hasRsample(): boolean {
    return false
  }
  /** Whether `enumerateSupport` exists. */
  get hasEnumerateSupport(): boolean {
    return false
  }

  constructor(batchShape: Shape, eventShape: Shape, options: DistributionOptions = {}) {
    this.batchShape = [...batchShape]
    this.eventShape = [...eventShape]
    this.validateArgs = options.validateArgs ?? validateByDefault
  }

  /** Where each parameter may be. */
  abstract get argConstraints(): Readonly<Record<string, Constraint>>

  /** Where values lie. */
  get support(): Constraint {
    return dependent
  }

  /** Checks parameters by name. */
  protected checkArguments(...names: readonly string[]): void {
    if (!this.validateArgs) return
    for (const name of names) {
      const constraint = this.argConstraints[name]
      const value: unknown = Reflect.get(this, name)
      if (constraint === undefined || constraint === dependent || !(value instanceof Tensor)) continue
      if (!noGrad(() => constraint.check(value).all().item()))
        throw new ArgumentError(
          `${this.constructor.name}: expected ${name} of shape ${formatShape(value.shape)} within ${constraint}, got other values`,
        )
    }
  }

  /** Checks that a value fits and lies in the support. */
  protected checkSample(value: Tensor): void {
    if (!(value instanceof Tensor))
      throw new ArgumentError(`${this.constructor.name}: expected a tensor for value, got ${describe(value)}`)
    if (!this.validateArgs) return
    const event = value.shape.slice(Math.max(value.ndim - this.eventShape.length, 0))
    if (!sameShape(event, this.eventShape))
      throw new ArgumentError(
        `${this.constructor.name}: expected a value whose shape ends with ${formatShape(this.eventShape)}, got ${formatShape(value.shape)}`,
      )
    broadcastShapes(this.constructor.name, value.shape, [...this.batchShape, ...this.eventShape])
    const { support } = this
    if (support !== dependent && !noGrad(() => support.check(value).all().item()))
      throw new ArgumentError(
        `${this.constructor.name}: expected a value within the support ${support}, got others in shape ${formatShape(value.shape)}`,
      )
  }

  /** `[...sampleShape, ...batchShape, ...eventShape]`. */
  protected extended(sampleShape: Shape): number[] {
    return [...sampleShape, ...this.batchShape, ...this.eventShape]
  }

  #missing(what: string): never {
    throw new NotImplementedError(`${this.constructor.name}: has no ${what}`)
  }

  /** The same distributions in a larger batch. */
  abstract expand(batchShape: Shape): Distribution

  get mean(): Tensor {
    return this.#missing('mean')
  }
  /** The most likely value. */
  get mode(): Tensor {
    return this.#missing('mode')
  }
  get variance(): Tensor {
    return this.#missing('variance')
  }
  /** The standard deviation. */
  get stddev(): Tensor {
    return this.variance.sqrt()
  }
  /** Draws without gradient. @param shape how many */
  sample(shape: Shape = []): Tensor {
    return noGrad(() => this.rsample(shape))
  }
  /** Draws through which gradients flow to the parameters. */
  rsample(_shape: Shape = []): Tensor {
    return this.#missing('rsample')
  }
  /** The logarithm of the density or probability. */
  logProb(_value: Tensor): Tensor {
    return this.#missing('logProb')
  }
  /** The probability of values up to this one. */
  cdf(_value: Tensor): Tensor {
    return this.#missing('cdf')
  }
  /** The inverse of `cdf`. */
  icdf(_value: Tensor): Tensor {
    return this.#missing('icdf')
  }
  /** All values, along a first dimension. @param expand over the batch too */
  enumerateSupport(_expand = true): Tensor {
    return this.#missing('enumerateSupport')
  }
  entropy(): Tensor {
    return this.#missing('entropy')
  }
  /** The exponential of the entropy. */
  perplexity(): Tensor {
    return this.entropy().exp()
  }

  toString(): string {
    const parameters = Object.keys(this.argConstraints).flatMap((name) => {
      const own: unknown = Object.hasOwn(this, name) ? Reflect.get(this, name) : undefined
      if (!(own instanceof Tensor)) return []
      return [`${name}: ${own.numel() === 1 ? String(own.item()) : formatShape(own.shape)}`]
    })
    return `${this.constructor.name}(${parameters.join(', ')})`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** `0, 1 … n - 1` as events, over a batch where asked for. */
export function enumerated(values: Tensor, batchShape: Shape, expand: boolean): Tensor {
  const shaped = values.reshape([-1, ...batchShape.map(() => 1)])
  return expand ? shaped.expand([values.shape[0], ...batchShape]) : shaped
}

/** Where a tensor is. */
export const placeOf = (t: Tensor): { dtype: DType; device: Device } => ({ dtype: t.dtype, device: t.device })
