// Transforms of each element by itself.
import { noGrad } from '../autograd/mode.js'
import { F, zerosLike } from '../ops/index.js'
import { Tensor } from '../tensor/tensor.js'
import { type Constraint, independent, interval, positive, real, unitInterval } from './constraints.js'
import { finfo, sumRightmost } from './distribution.js'
import { Transform, type TransformOptions } from './transform.js'

/** `y = eˣ`. */
export class ExpTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly domain = real
  override readonly codomain = positive
  protected override apply(x: Tensor): Tensor {
    return x.exp()
  }
  protected override invert(y: Tensor): Tensor {
    return y.log()
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    return x
  }
}

/** `y = x^exponent`. */
export class PowerTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override readonly domain = positive
  override readonly codomain = positive
  readonly exponent: Tensor | number
  constructor(exponent: Tensor | number, options?: TransformOptions) {
    super(options)
    this.exponent = exponent
  }
  override get sign(): number | Tensor {
    return this.exponent instanceof Tensor ? this.exponent.sign() : Math.sign(this.exponent)
  }
  protected override apply(x: Tensor): Tensor {
    return x.pow(this.exponent)
  }
  protected override invert(y: Tensor): Tensor {
    return y.pow(this.exponent instanceof Tensor ? this.exponent.reciprocal() : 1 / this.exponent)
  }
  override logAbsDetJacobian(x: Tensor, y: Tensor): Tensor {
    return y.mul(this.exponent).div(x).abs().log()
  }
  override equals(other: Transform): boolean {
    return other instanceof PowerTransform && sameValues(this.exponent, other.exponent)
  }
}
const sameValues = (a: Tensor | number, b: Tensor | number): boolean => {
  if (!(a instanceof Tensor) || !(b instanceof Tensor)) return a === b
  return a === b || (String(a.shape) === String(b.shape) && Boolean(noGrad(() => a.eq(b).all().item())))
}

/** `y = 1 / (1 + e⁻ˣ)`. */
export class SigmoidTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly domain = real
  override readonly codomain = unitInterval
  protected override apply(x: Tensor): Tensor {
    const { tiny, eps } = finfo(x.dtype)
    return x.sigmoid().clamp(tiny, 1 - eps)
  }
  protected override invert(y: Tensor): Tensor {
    const { tiny, eps } = finfo(y.dtype)
    const safe = y.clamp(tiny, 1 - eps)
    return safe.log().sub(safe.neg().log1p())
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    return F.softplus(x.neg()).neg().sub(F.softplus(x))
  }
}

/** `y = log(1 + eˣ)`. */
export class SoftplusTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly domain = real
  override readonly codomain = positive
  protected override apply(x: Tensor): Tensor {
    return F.softplus(x)
  }
  protected override invert(y: Tensor): Tensor {
    return y.neg().expm1().neg().log().add(y)
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    return F.softplus(x.neg()).neg()
  }
}

const MINUS_ONE_TO_ONE = interval(-1, 1)

/** `y = tanh x`. */
export class TanhTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  override get sign(): number | Tensor {
    return 1
  }
  override readonly domain = real
  override get codomain(): Constraint {
    return MINUS_ONE_TO_ONE
  }
  protected override apply(x: Tensor): Tensor {
    return x.tanh()
  }
  protected override invert(y: Tensor): Tensor {
    return y.atanh()
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    // Better behaved than log(1 - tanh²).
    return x
      .neg()
      .add(Math.LN2)
      .sub(F.softplus(x.mul(-2)))
      .mul(2)
  }
}

/** `y = |x|`; of two x, the inverse gives the one ≥ 0. */
export class AbsTransform extends Transform {
  override readonly domain = real
  override readonly codomain = positive
  protected override apply(x: Tensor): Tensor {
    return x.abs()
  }
  protected override invert(y: Tensor): Tensor {
    return y
  }
}

/** `y = loc + scale · x`. */
export class AffineTransform extends Transform {
  override get bijective(): boolean {
    return true
  }
  readonly loc: Tensor | number
  readonly scale: Tensor | number
  readonly eventDim: number
  constructor(
    loc: Tensor | number,
    scale: Tensor | number,
    options: TransformOptions & { readonly eventDim?: number } = {},
  ) {
    super(options)
    this.loc = loc
    this.scale = scale
    this.eventDim = options.eventDim ?? 0
  }
  override get domain(): Constraint {
    return this.eventDim === 0 ? real : independent(real, this.eventDim)
  }
  override get codomain(): Constraint {
    return this.domain
  }
  override get sign(): number | Tensor {
    return this.scale instanceof Tensor ? this.scale.sign() : Math.sign(this.scale)
  }
  protected override apply(x: Tensor): Tensor {
    return x.mul(this.scale).add(this.loc)
  }
  protected override invert(y: Tensor): Tensor {
    return y.sub(this.loc).div(this.scale)
  }
  override logAbsDetJacobian(x: Tensor): Tensor {
    const { scale } = this
    const each = scale instanceof Tensor ? scale.abs().log() : zerosLike(x).add(Math.log(Math.abs(scale)))
    const summed =
      each.ndim < this.eventDim
        ? each
        : sumRightmost(each.expand(this.eventDim === 0 ? each.shape : x.shape), this.eventDim)
    return summed.expand(x.shape.slice(0, x.ndim - this.eventDim))
  }
  override equals(other: Transform): boolean {
    return other instanceof AffineTransform && sameValues(this.loc, other.loc) && sameValues(this.scale, other.scale)
  }
}
