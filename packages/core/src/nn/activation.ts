// Activations: each applies the function of the same name elementwise, or along a dimension.
import { fillRaw } from '../ops/creation.js'
import { F, sigmoid, tanh } from '../ops/index.js'
import { inplace } from '../ops/inplace.js'
import type { AnyRecord } from '../ops/record.js'
import { getDefaultDevice } from '../tensor/device.js'
import { getDefaultDtype } from '../tensor/dtype.js'
import { Parameter } from '../tensor/parameter.js'
import type { Tensor } from '../tensor/tensor.js'
import { type LayerOptions, Module } from './module.js'
import { showAll } from './shapes.js'

export interface InplaceOptions {
  /** Overwrite the input. Default false. */
  readonly inplace?: boolean
}

/** An activation that can overwrite its input. */
abstract class InplaceActivation extends Module {
  inplace: boolean

  constructor({ inplace = false }: InplaceOptions = {}) {
    super()
    this.inplace = inplace
  }

  protected run(
    op: ((input: Tensor, ...params: never[]) => Tensor) & { readonly record: AnyRecord },
    input: Tensor,
    ...params: number[]
  ): Tensor {
    return this.inplace ? inplace(op.record, [input, ...params]) : op(input, ...(params as never[]))
  }

  protected params(): Readonly<Record<string, unknown>> {
    return {}
  }

  override extraRepr(): string {
    return showAll({ ...this.params(), ...(this.inplace && { inplace: true }) })
  }
}

/**
 * `max(x, 0)`.
 *
 * @example
 * ```ts
 * import { nn, tensor } from '@flambeau/core'
 * console.log(new nn.ReLU().forward(tensor([-1, 2])).toArray()) // → [ 0, 2 ]
 * ```
 */
export class ReLU extends InplaceActivation {
  static readonly signature: string = 'ReLU({inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.relu, input)
  }
}

/** `min(max(x, 0), 6)`. */
export class ReLU6 extends InplaceActivation {
  static readonly signature: string = 'ReLU6({inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.relu6, input)
  }
}

/** `x · σ(x)`. [Elfwing et al., 2017](https://arxiv.org/abs/1702.03118) */
export class SiLU extends InplaceActivation {
  static readonly signature: string = 'SiLU({inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.silu, input)
  }
}

/** `x · tanh(softplus(x))`. [Misra, 2019](https://arxiv.org/abs/1908.08681) */
export class Mish extends InplaceActivation {
  static readonly signature: string = 'Mish({inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.mish, input)
  }
}

/** `x · min(max(x + 3, 0), 6) / 6`. [Howard et al., 2019](https://arxiv.org/abs/1905.02244) */
export class Hardswish extends InplaceActivation {
  static readonly signature: string = 'Hardswish({inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.hardswish, input)
  }
}

/** `min(max(x + 3, 0), 6) / 6`. */
export class Hardsigmoid extends InplaceActivation {
  static readonly signature: string = 'Hardsigmoid({inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.hardsigmoid, input)
  }
}

/** ELU scaled to keep mean and variance. [Klambauer et al., 2017](https://arxiv.org/abs/1706.02515) */
export class SELU extends InplaceActivation {
  static readonly signature: string = 'SELU({inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.selu, input)
  }
}

/** `x` where positive, `alpha · (eˣ - 1)` elsewhere. [Clevert et al., 2015](https://arxiv.org/abs/1511.07289) */
export class ELU extends InplaceActivation {
  static readonly signature: string = 'ELU(alpha, {inplace})'
  alpha: number

  constructor(alpha = 1, options: InplaceOptions = {}) {
    super(options)
    this.alpha = alpha
  }

  override forward(input: Tensor): Tensor {
    return this.run(F.elu, input, this.alpha)
  }

  protected override params() {
    return { alpha: this.alpha }
  }
}

/** ELU whose slope is continuous for every alpha. [Barron, 2017](https://arxiv.org/abs/1704.07483) */
export class CELU extends InplaceActivation {
  static readonly signature: string = 'CELU(alpha, {inplace})'
  alpha: number

  constructor(alpha = 1, options: InplaceOptions = {}) {
    super(options)
    this.alpha = alpha
  }

  override forward(input: Tensor): Tensor {
    return this.run(F.celu, input, this.alpha)
  }

  protected override params() {
    return { alpha: this.alpha }
  }
}

/** `x` where positive, `negativeSlope · x` elsewhere. */
export class LeakyReLU extends InplaceActivation {
  static readonly signature: string = 'LeakyReLU(negative_slope, {inplace})'
  negativeSlope: number

  constructor(negativeSlope = 0.01, options: InplaceOptions = {}) {
    super(options)
    this.negativeSlope = negativeSlope
  }

  override forward(input: Tensor): Tensor {
    return this.run(F.leakyRelu, input, this.negativeSlope)
  }

  protected override params() {
    return { negativeSlope: this.negativeSlope }
  }
}

export interface RReLUOptions extends InplaceOptions {
  /** The smallest slope below 0. Default 1/8. */
  readonly lower?: number
  /** The largest slope below 0. Default 1/3. */
  readonly upper?: number
}

/** `x` where positive, `slope · x` elsewhere: slopes drawn at random while training, their mean otherwise. [Xu et al., 2015](https://arxiv.org/abs/1505.00853) */
export class RReLU extends InplaceActivation {
  static readonly signature: string = 'RReLU({lower, upper, inplace})'
  lower: number
  upper: number

  constructor({ lower = 1 / 8, upper = 1 / 3, ...options }: RReLUOptions = {}) {
    super(options)
    this.lower = lower
    this.upper = upper
  }

  override forward(input: Tensor): Tensor {
    const { lower, upper, training } = this
    const options = { lower, upper, training }
    return this.inplace ? inplace(F.rrelu.record, [input, options]) : F.rrelu(input, options)
  }

  protected override params() {
    return { lower: this.lower, upper: this.upper }
  }
}

/** `x` limited to `minVal` … `maxVal`. */
export class Hardtanh extends InplaceActivation {
  static readonly signature: string = 'Hardtanh(min_val, max_val, {inplace})'
  minVal: number
  maxVal: number

  constructor(minVal = -1, maxVal = 1, options: InplaceOptions = {}) {
    super(options)
    this.minVal = minVal
    this.maxVal = maxVal
  }

  override forward(input: Tensor): Tensor {
    return this.run(F.hardtanh, input, this.minVal, this.maxVal)
  }

  protected override params() {
    return { minVal: this.minVal, maxVal: this.maxVal }
  }
}

/** `x` where above `threshold`, `value` elsewhere. */
export class Threshold extends InplaceActivation {
  static readonly signature: string = 'Threshold(threshold, value, {inplace})'
  threshold: number
  value: number

  constructor(threshold: number, value: number, options: InplaceOptions = {}) {
    super(options)
    this.threshold = threshold
    this.value = value
  }

  override forward(input: Tensor): Tensor {
    return this.run(F.threshold, input, this.threshold, this.value)
  }

  protected override params() {
    return { threshold: this.threshold, value: this.value }
  }
}

/** `1 / (1 + e⁻ˣ)`. */
export class Sigmoid extends Module {
  static readonly signature: string = 'Sigmoid()'
  override forward(input: Tensor): Tensor {
    return sigmoid(input)
  }
}

/** `tanh(x)`. */
export class Tanh extends Module {
  static readonly signature: string = 'Tanh()'
  override forward(input: Tensor): Tensor {
    return tanh(input)
  }
}

/** `x - tanh(x)`. */
export class Tanhshrink extends Module {
  static readonly signature: string = 'Tanhshrink()'
  override forward(input: Tensor): Tensor {
    return F.tanhshrink(input)
  }
}

/** `x / (1 + |x|)`. */
export class Softsign extends Module {
  static readonly signature: string = 'Softsign()'
  override forward(input: Tensor): Tensor {
    return F.softsign(input)
  }
}

/** `log σ(x)`. */
export class LogSigmoid extends Module {
  static readonly signature: string = 'LogSigmoid()'
  override forward(input: Tensor): Tensor {
    return F.logsigmoid(input)
  }
}

export interface GELUOptions {
  /** The formula, or its approximation by tanh. Default 'none'. */
  readonly approximate?: 'none' | 'tanh'
}

/** `x · Φ(x)`, Φ the normal distribution function. [Hendrycks and Gimpel, 2016](https://arxiv.org/abs/1606.08415) */
export class GELU extends Module {
  static readonly signature: string = 'GELU({approximate})'
  approximate: 'none' | 'tanh'

  constructor({ approximate = 'none' }: GELUOptions = {}) {
    super()
    this.approximate = approximate
  }

  override forward(input: Tensor): Tensor {
    return F.gelu(input, { approximate: this.approximate })
  }

  override extraRepr(): string {
    return showAll({ approximate: this.approximate })
  }
}

/** `log(1 + e^(beta·x)) / beta`; `x` itself where `beta·x` is above `threshold`. */
export class Softplus extends Module {
  static readonly signature: string = 'Softplus(beta, threshold)'
  beta: number
  threshold: number

  constructor(beta = 1, threshold = 20) {
    super()
    this.beta = beta
    this.threshold = threshold
  }

  override forward(input: Tensor): Tensor {
    return F.softplus(input, this.beta, this.threshold)
  }

  override extraRepr(): string {
    return showAll({ beta: this.beta, threshold: this.threshold })
  }
}

/** `x` moved towards 0 by `lambd`, 0 within. */
export class Softshrink extends Module {
  static readonly signature: string = 'Softshrink(lambd)'
  lambd: number

  constructor(lambd = 0.5) {
    super()
    this.lambd = lambd
  }

  override forward(input: Tensor): Tensor {
    return F.softshrink(input, this.lambd)
  }

  override extraRepr(): string {
    return showAll({ lambd: this.lambd })
  }
}

/** `x` where `|x| > lambd`, 0 within. */
export class Hardshrink extends Module {
  static readonly signature: string = 'Hardshrink(lambd)'
  lambd: number

  constructor(lambd = 0.5) {
    super()
    this.lambd = lambd
  }

  override forward(input: Tensor): Tensor {
    return F.hardshrink(input, this.lambd)
  }

  override extraRepr(): string {
    return showAll({ lambd: this.lambd })
  }
}

/** `a · σ(b)` of the halves along `dim`. [Dauphin et al., 2016](https://arxiv.org/abs/1612.08083) */
export class GLU extends Module {
  static readonly signature: string = 'GLU(dim)'
  dim: number

  constructor(dim = -1) {
    super()
    this.dim = dim
  }

  override forward(input: Tensor): Tensor {
    return F.glu(input, this.dim)
  }

  override extraRepr(): string {
    return showAll({ dim: this.dim })
  }
}

export interface PReLUOptions extends LayerOptions {
  /** Slopes: one, or one a channel. Default 1. */
  readonly numParameters?: number
  /** What they begin with. Default 0.25. */
  readonly init?: number
}

/** `x` where positive, a learned slope times `x` elsewhere. [He et al., 2015](https://arxiv.org/abs/1502.01852) */
export class PReLU extends Module {
  static readonly signature: string = 'PReLU({num_parameters, init, device, dtype})'
  readonly numParameters: number
  readonly init: number
  /** Shape [numParameters]. */
  weight: Parameter

  constructor({
    numParameters = 1,
    init = 0.25,
    dtype = getDefaultDtype(),
    device = getDefaultDevice(),
  }: PReLUOptions = {}) {
    super()
    this.numParameters = numParameters
    this.init = init
    this.weight = new Parameter(fillRaw([numParameters], init, dtype, device))
  }

  override forward(input: Tensor): Tensor {
    return F.prelu(input, this.weight)
  }

  override extraRepr(): string {
    return showAll({ numParameters: this.numParameters })
  }
}
