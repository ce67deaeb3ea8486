import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, DTypeError, describe } from '../../errors.js'
import type { Tensor } from '../../tensor/tensor.js'
import { emptyLike } from '../creation.js'
import { composite } from '../dispatch.js'
import type { DrawOptions } from '../generator.js'
import { scatter } from '../indexing.js'
import { exponential } from '../random.js'
import type { FunctionOp } from '../record.js'
import { softmax } from '../softmax.js'

/** The options of `gumbelSoftmax`. */
export interface GumbelSoftmaxOptions extends DrawOptions {
  /** The temperature: the lower, the nearer to one-hot. Default 1. */
  readonly tau?: number
  /** Give one-hot vectors, with the gradient of the soft ones. Default false. */
  readonly hard?: boolean
  /** The dimension of the classes. Default -1. */
  readonly dim?: number
}

/**
 * Draws from the classes that `logits` gives, so that gradients flow:
 * `softmax((logits + g) / τ)` with g from the Gumbel distribution. [Jang et al., 2017](https://arxiv.org/abs/1611.01144)
 *
 * @param logits log-probabilities, not necessarily normalized, of any shape
 * @returns the shape of the logits
 * @throws DTypeError when the logits are not floating-point
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * console.log(F.gumbelSoftmax(tensor([[0, 100, 0]]), { hard: true }).toArray()) // → [ [ 0, 1, 0 ] ]
 * ```
 */
export const gumbelSoftmax: FunctionOp<[logits: Tensor, options?: GumbelSoftmaxOptions], Tensor> = composite(
  'nn.functional.gumbel_softmax(logits, {tau, hard, dim, generator})',
  (logits: Tensor, { tau = 1, hard = false, dim = -1, generator }: GumbelSoftmaxOptions = {}): Tensor => {
    if (!logits.isFloatingPoint())
      throw new DTypeError(`gumbelSoftmax: expected floating-point logits, got ${logits.dtype}`)
    if (typeof tau !== 'number' || Number.isNaN(tau))
      throw new ArgumentError(`gumbelSoftmax: expected a number for tau, got ${describe(tau)}`)
    const noise = noGrad(() =>
      exponential(emptyLike(logits), 1, generator === undefined ? {} : { generator })
        .log()
        .neg(),
    )
    const soft = softmax(logits.add(noise).div(tau), dim)
    if (!hard) return soft
    const classes = soft.detach().argmax(dim, { keepdim: true })
    const oneHot = scatter(soft.detach().mul(0), dim, classes, 1)
    // The value of the first, the gradient of the last.
    return oneHot.sub(soft.detach()).add(soft)
  },
)
