import { ArgumentError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'
import { stateTensor } from './fused.js'
import {
  Optimizer,
  type OptimizerOptions,
  type ParamGroup,
  type Params,
  type StateValue,
  type Update,
} from './optimizer.js'

export interface MuonOptions extends OptimizerOptions {
  /** Default 1e-3. */
  readonly lr?: number
  /** Decoupled weight decay. Default 0.1. */
  readonly weightDecay?: number
  /** Default 0.95. */
  readonly momentum?: number
  /** Nesterov's momentum. Default true. */
  readonly nesterov?: boolean
  /** Coefficients of the Newton–Schulz polynomial. Default [3.4445, -4.775, 2.0315]. */
  readonly nsCoefficients?: readonly [number, number, number]
  /** The smallest norm that is divided by. Default 1e-7. */
  readonly eps?: number
  /** Newton–Schulz iterations. Default 5. */
  readonly nsSteps?: number
  /** How the learning rate depends on the shape. Default 'original'. */
  readonly adjustLrFn?: 'original' | 'match_rms_adamw' | null
}

/** Steps along the orthogonalised momentum of matrices. [Jordan et al., 2024](https://kellerjordan.github.io/posts/muon/) */
export class Muon extends Optimizer<MuonOptions> {
  static readonly signature: string =
    'Muon(params, {lr, weight_decay, momentum, nesterov, ns_coefficients, eps, ns_steps, adjust_lr_fn})'
  protected override readonly foreign = {}

  constructor(params: Params<MuonOptions>, options: MuonOptions = {}) {
    super(params, {
      lr: 1e-3,
      weightDecay: 0.1,
      momentum: 0.95,
      nesterov: true,
      nsCoefficients: [3.4445, -4.775, 2.0315],
      eps: 1e-7,
      nsSteps: 5,
      adjustLrFn: null,
      ...options,
    })
  }

  protected override check({ lr, momentum, weightDecay, nsSteps, params }: ParamGroup<MuonOptions>): void {
    this.expect(lr >= 0, 'lr', '≥ 0', lr)
    this.expect(momentum >= 0, 'momentum', '≥ 0', momentum)
    this.expect(weightDecay >= 0, 'weightDecay', '≥ 0', weightDecay)
    this.expect(nsSteps < 100, 'nsSteps', '< 100', nsSteps)
    for (const param of params)
      if (param.ndim !== 2 || param.isComplex())
        throw new ArgumentError(`Muon: expected real matrices, got shape [${param.shape.join(', ')}]`)
  }

  protected override update(group: ParamGroup<MuonOptions>, updates: Update[]): void {
    const { lr, weightDecay, momentum, nesterov, nsCoefficients, eps, nsSteps, adjustLrFn } = group
    for (const update of updates) {
      const { param, grad } = update
      const buffer = stateTensor(update, 'momentum_buffer')
      buffer.lerp_(grad, 1 - momentum)
      const direction = orthogonal(nesterov ? grad.lerp(buffer, momentum) : buffer, nsCoefficients, nsSteps, eps)
      const [rows, columns] = param.shape
      const ratio =
        adjustLrFn === 'match_rms_adamw'
          ? 0.2 * Math.sqrt(Math.max(rows, columns))
          : Math.sqrt(Math.max(1, rows / columns))
      param.mul_(1 - lr * weightDecay)
      param.add_(direction.to(param.dtype), { alpha: -lr * ratio })
    }
  }

  protected override packState(_key: string, value: StateValue): StateValue {
    return value
  }
}

const rounded = (t: Tensor): Tensor => t.to('bfloat16').to('float32')

/** An iteration that brings all singular values near 1; each result is rounded to bfloat16. */
function orthogonal(grad: Tensor, [a, b, c]: readonly [number, number, number], steps: number, eps: number): Tensor {
  const tall = grad.shape[0] > grad.shape[1]
  let x = rounded(grad)
  if (tall) x = x.permute([1, 0])
  x = rounded(x.div(rounded(x.mul(x).sum().sqrt()).clamp(eps)))
  for (let i = 0; i < steps; i++) {
    const gram = rounded(x.matmul(x.permute([1, 0])))
    const polynomial = rounded(gram.mul(b).add(gram.matmul(gram), { alpha: c }))
    x = rounded(x.mul(a).add(polynomial.matmul(x)))
  }
  return tall ? x.permute([1, 0]) : x
}
