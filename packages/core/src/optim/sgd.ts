import * as kernels from '../binding/kernels.gen.js'
import { addSparse_ } from '../ops/sparse.js'
import { fusedStep, strided } from './fused.js'
import {
  Optimizer,
  type OptimizerOptions,
  type ParamGroup,
  type Params,
  type StateValue,
  type Update,
} from './optimizer.js'

export interface SGDOptions extends OptimizerOptions {
  /** Default 1e-3. */
  readonly lr?: number
  /** How much of the last change is kept. Default 0. */
  readonly momentum?: number
  /** How much of the gradient momentum leaves out. Default 0. */
  readonly dampening?: number
  /** The L2 penalty. Default 0. */
  readonly weightDecay?: number
  /** Nesterov's momentum. Default false. */
  readonly nesterov?: boolean
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

/**
 * Stochastic gradient descent, optionally with momentum:
 * `b = momentum · b + (1 - dampening) · g`, `p = p - lr · b`.
 *
 * @example
 * ```ts
 * import { optim, tensor } from '@flambeau/core'
 * const x = tensor([1, -2]).requiresGrad_()
 * const optimizer = new optim.SGD([x], { lr: 0.1, momentum: 0.9 })
 * x.mul(x).sum().backward()
 * optimizer.step()
 * optimizer.zeroGrad()
 * console.log(x.toArray()) // → [ 0.800000011920929, -1.600000023841858 ]
 * ```
 */
export class SGD extends Optimizer<SGDOptions> {
  static readonly signature: string = 'SGD(params, {lr, momentum, dampening, weight_decay, nesterov, maximize})'
  protected override readonly foreign = { foreach: null, differentiable: false, fused: null }
  protected override readonly gradients = 'both'
  protected override readonly keepsGradients = false

  constructor(params: Params<SGDOptions>, options: SGDOptions = {}) {
    super(params, { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false, ...options })
  }

  protected override check(group: ParamGroup<SGDOptions>): void {
    const { lr, momentum, dampening, weightDecay, nesterov } = group
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(momentum >= 0, 'momentum', '≥ 0', momentum)
    this.expect(weightDecay >= 0, 'weightDecay', '≥ 0', weightDecay)
    this.expect(
      !nesterov || (momentum > 0 && dampening === 0),
      'momentum',
      '> 0 and dampening 0 with nesterov',
      momentum,
    )
  }

  protected override update(group: ParamGroup<SGDOptions>, all: Update[]): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group
    const updates = strided(all, ({ param }, grad) => {
      this.expect(momentum === 0 && weightDecay === 0, 'momentum and weightDecay', '0 for sparse gradients', [
        momentum,
        weightDecay,
      ])
      addSparse_(param, grad, maximize ? lr : -lr)
    })
    const hyper = (first: boolean) => [
      lr,
      momentum,
      1 - dampening,
      weightDecay,
      maximize ? -1 : 1,
      Number(nesterov),
      Number(first),
    ]
    if (momentum === 0) {
      fusedStep(kernels.sgdStep, updates, [], hyper(false))
      return
    }
    const key = 'momentum_buffer'
    const fresh = updates.filter(({ state }) => (state[key] ?? null) === null)
    const others = updates.filter(({ state }) => (state[key] ?? null) !== null)
    if (fresh.length > 0) fusedStep(kernels.sgdStep, fresh, [key], hyper(true))
    if (others.length > 0) fusedStep(kernels.sgdStep, others, [key], hyper(false))
  }

  protected override packState(_key: string, value: StateValue): StateValue {
    return value
  }
}
