// Connectionist temporal classification.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { explaining } from '../../binding/status.js'
import { ArgumentError, DTypeError, describe, IndexError, ShapeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import type { Device } from '../../tensor/device.js'
import { formatShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { where } from '../conditional.js'
import { tensor } from '../construct.js'
import { to } from '../copies.js'
import { zerosLike } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { type FunctionOp, saving } from '../record.js'
import { castRaw } from '../reduce.js'
import { reshape } from '../views.js'
import { checkReduction, type Reduction } from './classLosses.js'
import { ctcLossByPaths } from './ctcPaths.js'
import { recordedGradients } from './recorded.js'

/** The labels: int64; `stride` of 0 says that they lie one after the other. */
export interface CtcTargets {
  readonly labels: Tensor
  readonly stride: number
  /** int64 [N]. */
  readonly inputLengths: Tensor
  /** int64 [N]. */
  readonly targetLengths: Tensor
  readonly longest: number
  readonly blank: number
  readonly zeroInfinity: boolean
}

const ctc: FunctionOp<[logProbs: Tensor, targets: CtcTargets], Tensor> = primitive({
  signature: '_ctc_loss(log_probs, targets)',
  forward(logProbs: Tensor, targets: CtcTargets) {
    const [steps, batch, classes] = logProbs.shape
    const losses = allocate([batch], logProbs.dtype, logProbs.device)
    const alpha = allocate([batch, steps, 2 * targets.longest + 1], logProbs.dtype, logProbs.device)
    const { labels, inputLengths, targetLengths, stride, blank } = targets
    explaining(
      ({ position, value }) =>
        new IndexError(`ctcLoss: expected labels in [0, ${classes}), got ${value} at position ${position} of targets`),
      () => kernels.ctcLoss(losses, alpha, contiguousRaw(logProbs), labels, inputLengths, targetLengths, stride, blank),
    )
    return saving(losses, logProbs, losses, alpha, targets)
  },
  backward(grad, [logProbs, losses, alpha, targets], needs) {
    if (gradMode.enabled)
      return recordedGradients([logProbs], grad, needs, ([x]) => ctcLossByPaths(x, losses.detach(), targets))
    const { labels, inputLengths, targetLengths, stride, blank, zeroInfinity } = targets
    const out = allocate(logProbs.shape, logProbs.dtype, logProbs.device)
    kernels.ctcLossBackward(
      out,
      contiguousRaw(grad),
      losses,
      alpha,
      contiguousRaw(logProbs),
      labels,
      inputLengths,
      targetLengths,
      stride,
      blank,
      zeroInfinity,
    )
    return [out]
  },
})

/** Lengths as a tensor and as numbers. */
function lengthsOf(
  name: string,
  lengths: unknown,
  batch: number,
  most: number,
  device: Device,
): { list: number[]; all: Tensor } {
  let list: unknown
  if (lengths instanceof Tensor) {
    if (lengths.isFloatingPoint() || lengths.isComplex() || lengths.dtype === 'bool')
      throw new DTypeError(`ctcLoss: expected ${name} to be integers, got ${lengths.dtype}`)
    list = Array.from(castRaw(contiguousRaw(lengths), 'int64').data() as BigInt64Array, Number)
  } else if (typeof lengths === 'number') list = [lengths]
  else list = lengths
  if (!Array.isArray(list) || list.length !== batch || list.some((n) => !Number.isInteger(n) || n < 0 || n > most))
    throw new ArgumentError(
      `ctcLoss: expected ${batch} integers between 0 and ${most} for ${name}, got ${describe(list)}`,
    )
  return { list: list as number[], all: tensor(list, { dtype: 'int64', device }) }
}

/** The options of `ctcLoss`. */
export interface CtcLossOptions {
  /** The class of the blank. Default 0. */
  readonly blank?: number
  /** 'mean' divides each loss by its target's length first. Default 'mean'. */
  readonly reduction?: Reduction
  /** Take 0 for infinite losses, of targets that are too long for their inputs. Default false. */
  readonly zeroInfinity?: boolean
}

/**
 * Connectionist temporal classification: minus the logarithm of the probability that a sequence of class probabilities
 * gives a target, over all ways to place its labels, blanks and repetitions between them.
 * [Graves et al., 2006](https://www.cs.toronto.edu/~graves/icml_2006.pdf)
 *
 * The gradient is PyTorch's, which is right below a `logSoftmax`.
 *
 * @param logProbs log-probabilities of the classes, shape [T, N, C] or [T, C]
 * @param targets labels, none of them the blank: shape [N, S], or all targets joined in one vector
 * @param inputLengths how many of the T steps of each sample count: integers [N]
 * @param targetLengths the length of each target: integers [N]
 * @returns a number, or shape [N] for the reduction 'none'
 * @throws ArgumentError when a length does not fit, IndexError when a label is no class
 * @example
 * ```ts
 * import { F, tensor, zeros } from '@flambeau/core'
 * const logProbs = F.logSoftmax(zeros([3, 1, 2]), -1)
 * console.log(F.ctcLoss(logProbs, tensor([[1n]]), [3], [1]).item().toFixed(4)) // → 0.2877
 * ```
 */
export const ctcLoss: FunctionOp<
  [
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[] | number,
    targetLengths: Tensor | readonly number[] | number,
    options?: CtcLossOptions,
  ],
  Tensor
> = composite(
  'nn.functional.ctc_loss(log_probs, targets, input_lengths, target_lengths, {blank, reduction, zero_infinity})',
  (
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[] | number,
    targetLengths: Tensor | readonly number[] | number,
    { blank = 0, reduction = 'mean', zeroInfinity = false }: CtcLossOptions = {},
  ): Tensor => {
    checkReduction('ctcLoss', reduction)
    if (!(targets instanceof Tensor) || (targets.dtype !== 'int64' && targets.dtype !== 'int32'))
      throw new DTypeError(
        `ctcLoss: expected targets of dtype int64 or int32, got ${targets instanceof Tensor ? targets.dtype : describe(targets)}`,
      )
    if (logProbs.dtype !== 'float32' && logProbs.dtype !== 'float64')
      throw new DTypeError(`ctcLoss: expected logProbs of dtype float32 or float64, got ${logProbs.dtype}`)
    if (logProbs.ndim !== 2 && logProbs.ndim !== 3)
      throw new ShapeError(`ctcLoss: expected logProbs [T, N, C] or [T, C], got shape ${formatShape(logProbs.shape)}`)
    const batched = logProbs.ndim === 3
    const probs = batched ? logProbs : reshape(logProbs, [logProbs.shape[0], 1, logProbs.shape[1]])
    const [steps, batch, classes] = probs.shape
    if (!Number.isInteger(blank) || blank < 0 || blank >= classes)
      throw new ArgumentError(`ctcLoss: expected blank in [0, ${classes - 1}], got ${describe(blank)}`)
    if (targets.ndim > 2 || targets.ndim === 0 || (targets.ndim === 2 && targets.shape[0] !== batch))
      throw new ShapeError(
        `ctcLoss: expected targets [${batch}, S], or all of them in one vector, got shape ${formatShape(targets.shape)}`,
      )
    const joined = targets.ndim === 1
    const inputs = lengthsOf('inputLengths', inputLengths, batch, steps, probs.device)
    const most = joined ? targets.shape[0] : targets.shape[1]
    const lengths = lengthsOf('targetLengths', targetLengths, batch, most, probs.device)
    const total = lengths.list.reduce((n, length) => n + length, 0)
    if (joined && total !== targets.shape[0])
      throw new ShapeError(
        `ctcLoss: expected as many targets as targetLengths add up to (${total}), got shape ${formatShape(targets.shape)}`,
      )
    const losses = ctc(probs, {
      labels: castRaw(contiguousRaw(targets), 'int64'),
      stride: joined ? 0 : targets.shape[1],
      inputLengths: inputs.all,
      targetLengths: lengths.all,
      longest: Math.max(0, ...lengths.list),
      blank,
      zeroInfinity,
    })
    const finite = zeroInfinity ? where(losses.eq(Number.POSITIVE_INFINITY), zerosLike(losses), losses) : losses
    if (reduction === 'sum') return finite.sum()
    if (reduction === 'mean') return finite.div(to(lengths.all, losses.dtype).clampMin(1)).mean()
    return batched ? finite : reshape(finite, [])
  },
)
