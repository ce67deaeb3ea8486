import { add, div, mul, pow, sqrt, sub } from '../ops/index.js'
import { addSparse_, valuesAt } from '../ops/sparse.js'
import { byStep, sparseGrad, stateTensor } from './fused.js'
import {
  Optimizer,
  type OptimizerOptions,
  type ParamGroup,
  type Params,
  type StateValue,
  type Update,
} from './optimizer.js'

export interface SparseAdamOptions extends OptimizerOptions {
  /** Default 1e-3. */
  readonly lr?: number
  /** The averages' decay: of the gradient and of its square. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

/**
 * Adam of which a step touches only the rows that have a gradient: for tables that are looked up with `sparse: true`.
 *
 * @example
 * ```ts
 * import { nn, optim, tensor } from '@flambeau/core'
 * const words = new nn.Embedding(10000, 16, { sparse: true })
 * const optimizer = new optim.SparseAdam(words.parameters(), { lr: 0.01 })
 * words.forward(tensor([3n, 7n, 3n])).square().mean().backward()
 * optimizer.step()
 * console.log(words.weight.grad?.isSparse) // → true
 * ```
 */
export class SparseAdam extends Optimizer<SparseAdamOptions> {
  static readonly signature: string = 'SparseAdam(params, {lr, betas, eps, maximize})'
  protected override readonly foreign = {}
  protected override readonly gradients = 'sparse'

  constructor(params: Params<SparseAdamOptions>, options: SparseAdamOptions = {}) {
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, maximize: false, ...options })
  }

  protected override check({ lr, betas, eps, params }: ParamGroup<SparseAdamOptions>): void {
    this.expect(lr > 0, 'lr', '> 0', lr)
    this.expect(eps > 0, 'eps', '> 0', eps)
    betas.forEach((beta, i) => {
      this.expect(beta >= 0 && beta < 1, `betas[${i}]`, 'in [0, 1)', beta)
    })
    for (const param of params) this.expect(!param.isComplex(), 'parameters', 'to be real', param.dtype)
  }

  protected override update(
    { lr, betas: [beta1, beta2], eps, maximize }: ParamGroup<SparseAdamOptions>,
    updates: Update[],
  ): void {
    for (const [step, list] of byStep(updates))
      for (const update of list) {
        const average = stateTensor(update, 'exp_avg')
        const square = stateTensor(update, 'exp_avg_sq')
        const grad = sparseGrad(update).coalesce()
        if (grad.stored.values.numel() === 0) continue
        const g = maximize ? mul(grad.values(), -1) : grad.values()
        // m += (1 - β)·(g - m), at these rows only.
        const before = [valuesAt(average, grad), valuesAt(square, grad)]
        const change = [mul(sub(g, before[0]), 1 - beta1), mul(sub(pow(g, 2), before[1]), 1 - beta2)]
        addSparse_(average, grad, 1, change[0])
        addSparse_(square, grad, 1, change[1])
        const direction = div(add(change[0], before[0]), add(sqrt(add(change[1], before[1])), eps))
        const size = (lr * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step)
        addSparse_(update.param, grad, 1, mul(direction, -size))
      }
  }

  /** @internal PyTorch's has a plain number of steps. */
  protected override packState(_key: string, value: StateValue): StateValue {
    return value
  }
}
