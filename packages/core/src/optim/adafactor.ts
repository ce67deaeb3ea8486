import { fillRaw } from '../ops/creation.js'
import type { DType } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { byStep, stateTensor } from './fused.js'
import { Optimizer, type OptimizerOptions, type ParamGroup, type Params, type Update } from './optimizer.js'

export interface AdafactorOptions extends OptimizerOptions {
  /** Default 1e-2. */
  readonly lr?: number
  /** The power by which the average of squares forgets. Default -0.8. */
  readonly beta2Decay?: number
  /** The smallest square, null for the dtype's epsilon, and the smallest scale of a parameter. Default [null, 1e-3]. */
  readonly eps?: readonly [number | null, number]
  /** The largest root mean square of an update. Default 1. */
  readonly d?: number
  /** Decoupled weight decay. Default 0. */
  readonly weightDecay?: number
  /** Ascend instead. Default false. */
  readonly maximize?: boolean
}

const EPSILON: Partial<Record<DType, number>> = {
  float32: 2 ** -23,
  float64: 2 ** -52,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
}

const rootSum = (t: Tensor): number => Math.sqrt(t.mul(t).sum().item())

/** Adam's second moment kept as a product of rows and columns. [Shazeer and Stern, 2018](https://arxiv.org/abs/1804.04235) */
export class Adafactor extends Optimizer<AdafactorOptions> {
  static readonly signature: string = 'Adafactor(params, {lr, beta2_decay, eps, d, weight_decay, maximize})'
  protected override readonly foreign = { foreach: null }

  constructor(params: Params<AdafactorOptions>, options: AdafactorOptions = {}) {
    super(params, { lr: 1e-2, beta2Decay: -0.8, eps: [null, 1e-3], d: 1, weightDecay: 0, maximize: false, ...options })
  }

  protected override check({ lr, beta2Decay, eps, d, weightDecay }: ParamGroup<AdafactorOptions>): void {
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(beta2Decay <= 0, 'beta2Decay', '≤ 0', beta2Decay)
    this.expect((eps[0] ?? 0) >= 0 && eps[1] >= 0, 'eps', '≥ 0', eps)
    this.expect(d >= 1, 'd', '≥ 1', d)
    this.expect(weightDecay >= 0, 'weightDecay', '≥ 0', weightDecay)
  }

  protected override update(group: ParamGroup<AdafactorOptions>, updates: Update[]): void {
    for (const [step, list] of byStep(updates)) for (const update of list) this.#one(group, update, step)
  }

  #one(
    { lr, beta2Decay, eps, d, weightDecay, maximize }: ParamGroup<AdafactorOptions>,
    update: Update,
    step: number,
  ): void {
    const { param } = update
    const grad = maximize ? update.grad.neg() : update.grad
    this.expect(!param.isComplex(), 'parameters', 'to be real', param.dtype)
    const smallest = eps[0] ?? EPSILON[param.dtype] ?? 0
    const forget = step ** beta2Decay
    const scale = Math.max(eps[1], rootSum(param) / Math.sqrt(param.numel())) * Math.min(lr, 1 / Math.sqrt(step))
    if (weightDecay !== 0) param.mul_(1 - lr * weightDecay)
    let estimate: Tensor
    if (grad.ndim > 1) {
      const rows = this.#factor(update, 'row_var', -1)
      const columns = this.#factor(update, 'col_var', -2)
      const squares = grad.mul(grad)
      rows.lerp_(squares.mean(-1, { keepdim: true }), forget)
      columns.lerp_(squares.mean(-2, { keepdim: true }), forget)
      estimate = rows.matmul(columns).div(rows.mean(-2, { keepdim: true }).clamp(smallest))
    } else {
      const variance = stateTensor(update, 'variance')
      variance.lerp_(grad.mul(grad), forget)
      estimate = variance
    }
    const direction = estimate
      .clamp(smallest * smallest)
      .rsqrt()
      .mul(grad)
    const size = Math.max(1, rootSum(direction) / (Math.sqrt(direction.numel()) * d))
    param.add_(direction, { alpha: -scale / size })
  }

  /** The running mean of squares along one dimension, which it has with size 1. */
  #factor({ param, state }: Update, key: string, dim: -1 | -2): Tensor {
    const before = state[key]
    if (before instanceof Tensor) return before
    const shape = [...param.shape]
    shape[shape.length + dim] = 1
    const fresh = fillRaw(shape, 0, param.dtype, param.device)
    state[key] = fresh
    return fresh
  }

  protected override hasShapeOfParam(key: string): boolean {
    return key === 'variance'
  }
}
