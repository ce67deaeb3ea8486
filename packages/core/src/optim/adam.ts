import * as kernels from '../binding/kernels.gen.js'
import { byStep, fusedStep } from './fused.js'
import { Optimizer, type OptimizerOptions, type ParamGroup, type Params, type Update } from './optimizer.js'

export interface AdamOptions extends OptimizerOptions {
  /** Default 1e-3. */
  readonly lr?: number
  /** How slowly the averages of the gradient and of its square change. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Added to the denominator. Default 1e-8. */
  readonly eps?: number
  /** The L2 penalty. Default 0 (AdamW: 1e-2). */
  readonly weightDecay?: number
  /** Divide by the largest average so far. Default false. */
  readonly amsgrad?: boolean
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
  /** Decay the weights themselves rather than through the gradient, as AdamW does. Default false. */
  readonly decoupledWeightDecay?: boolean
}

/** What all optimizers of Adam's family check. */
export function checkAdam(
  expect: (ok: boolean, option: string, expected: string, value: unknown) => void,
  group: Pick<Required<AdamOptions>, 'lr' | 'betas' | 'eps' | 'weightDecay'>,
): void {
  const { lr, betas, eps, weightDecay } = group
  expect(lr >= 0, 'lr', '≥ 0', lr)
  expect(eps >= 0, 'eps', '≥ 0', eps)
  expect(
    Array.isArray(betas) && betas.length === 2 && betas.every((b) => b >= 0 && b < 1),
    'betas',
    'two numbers in [0, 1)',
    betas,
  )
  expect(weightDecay >= 0, 'weightDecay', '≥ 0', weightDecay)
}

/**
 * Adam: steps by the gradient's running mean over the root of its running square, both corrected for their start at 0.
 * [Kingma and Ba, 2014](https://arxiv.org/abs/1412.6980)
 */
export class Adam extends Optimizer<AdamOptions> {
  static readonly signature: string =
    'Adam(params, {lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay})'
  protected override readonly foreign = { foreach: null, capturable: false, differentiable: false, fused: null }
  protected override readonly keepsGradients = false

  constructor(params: Params<AdamOptions>, options: AdamOptions = {}) {
    super(params, {
      lr: 1e-3,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      amsgrad: false,
      maximize: false,
      decoupledWeightDecay: false,
      ...options,
    })
  }

  protected override check(group: ParamGroup<AdamOptions>): void {
    checkAdam(this.expect.bind(this), group)
  }

  protected override update(group: ParamGroup<AdamOptions>, updates: Update[]): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize, decoupledWeightDecay } = group
    const [beta1, beta2] = betas
    const keys = amsgrad ? ['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'] : ['exp_avg', 'exp_avg_sq']
    for (const [step, list] of byStep(updates))
      fusedStep(kernels.adamStep, list, keys, [
        lr / (1 - beta1 ** step),
        Math.sqrt(1 - beta2 ** step),
        beta1,
        beta2,
        eps,
        decoupledWeightDecay ? 0 : weightDecay,
        decoupledWeightDecay ? 1 - lr * weightDecay : 1,
        maximize ? -1 : 1,
      ])
  }
}

/**
 * Adam with decoupled weight decay: the weights shrink by `lr · weightDecay` apart from the gradient.
 * [Loshchilov and Hutter, 2017](https://arxiv.org/abs/1711.05101)
 */
export class AdamW extends Adam {
  static override readonly signature: string = 'AdamW(params, {lr, betas, eps, weight_decay, amsgrad, maximize})'

  constructor(params: Params<AdamOptions>, options: Omit<AdamOptions, 'decoupledWeightDecay'> = {}) {
    super(params, { weightDecay: 1e-2, ...options, decoupledWeightDecay: true })
  }
}
