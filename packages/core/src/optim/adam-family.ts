// Relatives of Adam.
import * as kernels from '../binding/kernels.gen.js'
import { checkAdam } from './adam.js'
import { byStep, fusedStep, scalar, stateNumber } from './fused.js'
import { Optimizer, type OptimizerOptions, type ParamGroup, type Params, type Update } from './optimizer.js'

export interface AdamaxOptions extends OptimizerOptions {
  /** Default 2e-3. */
  readonly lr?: number
  /** How slowly the average and the largest size change. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Default 1e-8. */
  readonly eps?: number
  /** The L2 penalty. Default 0. */
  readonly weightDecay?: number
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

/** Adam with the largest size of the gradient in place of its root mean square. [Kingma and Ba, 2014](https://arxiv.org/abs/1412.6980) */
export class Adamax extends Optimizer<AdamaxOptions> {
  static readonly signature: string = 'Adamax(params, {lr, betas, eps, weight_decay, maximize})'
  protected override readonly foreign = { foreach: null, capturable: false, differentiable: false }

  constructor(params: Params<AdamaxOptions>, options: AdamaxOptions = {}) {
    super(params, { lr: 2e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, maximize: false, ...options })
  }

  protected override check(group: ParamGroup<AdamaxOptions>): void {
    checkAdam(this.expect.bind(this), group)
  }

  protected override update(
    { lr, betas, eps, weightDecay, maximize }: ParamGroup<AdamaxOptions>,
    updates: Update[],
  ): void {
    const [beta1, beta2] = betas
    for (const [step, list] of byStep(updates))
      fusedStep(
        kernels.adamaxStep,
        list,
        ['exp_avg', 'exp_inf'],
        [lr / (1 - beta1 ** step), beta1, beta2, eps, weightDecay, maximize ? -1 : 1],
      )
  }
}

export interface NAdamOptions extends AdamaxOptions {
  /** How fast momentum grows. Default 4e-3. */
  readonly momentumDecay?: number
  /** Decay the weights themselves rather than through the gradient. Default false. */
  readonly decoupledWeightDecay?: boolean
}

/** Adam with Nesterov's momentum. [Dozat, 2016](https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ) */
export class NAdam extends Optimizer<NAdamOptions> {
  static readonly signature: string =
    'NAdam(params, {lr, betas, eps, weight_decay, momentum_decay, decoupled_weight_decay, maximize})'
  protected override readonly foreign = { foreach: null, capturable: false, differentiable: false }

  constructor(params: Params<NAdamOptions>, options: NAdamOptions = {}) {
    super(params, {
      lr: 2e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      momentumDecay: 4e-3,
      decoupledWeightDecay: false,
      maximize: false,
      ...options,
    })
  }

  protected override check(group: ParamGroup<NAdamOptions>): void {
    checkAdam(this.expect.bind(this), group)
    this.expect(group.momentumDecay >= 0, 'momentumDecay', '≥ 0', group.momentumDecay)
  }

  protected override update(group: ParamGroup<NAdamOptions>, updates: Update[]): void {
    const { lr, betas, eps, weightDecay, momentumDecay, decoupledWeightDecay, maximize } = group
    const [beta1, beta2] = betas
    for (const [step, list] of byStep(updates)) {
      const mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay))
      const next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentumDecay))
      const product = scalar(stateNumber(list[0], 'mu_product', 1) * scalar(mu))
      for (const { state } of list) state.mu_product = product
      fusedStep(
        kernels.nadamStep,
        list,
        ['exp_avg', 'exp_avg_sq'],
        [
          decoupledWeightDecay ? 0 : weightDecay,
          decoupledWeightDecay ? 1 - lr * weightDecay : 1,
          beta1,
          beta2,
          1 - beta2 ** step,
          eps,
          (lr * (1 - mu)) / (1 - product),
          (lr * next) / (1 - product * next),
          maximize ? -1 : 1,
        ],
      )
    }
  }
}

export interface RAdamOptions extends AdamaxOptions {
  /** Decay the weights themselves rather than through the gradient. Default false. */
  readonly decoupledWeightDecay?: boolean
}

/** Adam whose adaptive step is rectified while few gradients were seen. [Liu et al., 2019](https://arxiv.org/abs/1908.03265) */
export class RAdam extends Optimizer<RAdamOptions> {
  static readonly signature: string = 'RAdam(params, {lr, betas, eps, weight_decay, decoupled_weight_decay, maximize})'
  protected override readonly foreign = { foreach: null, capturable: false, differentiable: false }

  constructor(params: Params<RAdamOptions>, options: RAdamOptions = {}) {
    super(params, {
      lr: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      decoupledWeightDecay: false,
      maximize: false,
      ...options,
    })
  }

  protected override check(group: ParamGroup<RAdamOptions>): void {
    checkAdam(this.expect.bind(this), group)
  }

  protected override update(group: ParamGroup<RAdamOptions>, updates: Update[]): void {
    const { lr, betas, eps, weightDecay, decoupledWeightDecay, maximize } = group
    const [beta1, beta2] = betas
    for (const [step, list] of byStep(updates)) {
      const correction2 = 1 - beta2 ** step
      const most = 2 / (1 - beta2) - 1
      const rho = most - (2 * step * beta2 ** step) / correction2
      const rectified =
        rho > 5 ? Math.sqrt((((rho - 4) * (rho - 2) * most) / ((most - 4) * (most - 2) * rho)) * correction2) : 0
      fusedStep(
        kernels.radamStep,
        list,
        ['exp_avg', 'exp_avg_sq'],
        [
          lr / (1 - beta1 ** step),
          decoupledWeightDecay ? 0 : weightDecay,
          decoupledWeightDecay ? 1 - lr * weightDecay : 1,
          beta1,
          beta2,
          eps,
          rectified,
          maximize ? -1 : 1,
        ],
      )
    }
  }
}
