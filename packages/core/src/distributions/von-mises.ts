import { noGrad } from '../autograd/mode.js'
import { rand, special, unbind, where, zeros } from '../ops/index.js'
import type { Tensor } from '../tensor/tensor.js'
import { type Constraint, positive, real } from './constraints.js'
import {
  broadcastAll,
  Distribution,
  type DistributionOptions,
  type Param,
  placeOf,
  type Shape,
} from './distribution.js'

/** log I₀ and log I₁. */
const logBessel0 = (x: Tensor): Tensor => special.i0e(x).log().add(x)
const logBessel1 = (x: Tensor): Tensor => special.i1e(x).log().add(x)

/** The von Mises distribution of angles. */
export class VonMises extends Distribution {
  readonly loc: Tensor
  readonly concentration: Tensor

  constructor(loc: Param, concentration: Param, options?: DistributionOptions) {
    const [l, c] = broadcastAll('VonMises', loc, concentration)
    super(l.shape, [], options)
    this.loc = l
    this.concentration = c
    this.checkArguments('loc', 'concentration')
  }
  override get argConstraints(): Record<string, Constraint> {
    return { loc: real, concentration: positive }
  }
  override get support(): Constraint {
    return real
  }
  override expand(shape: Shape): VonMises {
    return new VonMises(this.loc.expand(shape), this.concentration.expand(shape), { validateArgs: this.validateArgs })
  }
  override get mean(): Tensor {
    return this.loc
  }
  override get mode(): Tensor {
    return this.loc
  }
  /** The circular variance. */
  override get variance(): Tensor {
    const { concentration: c } = this
    return logBessel1(c).sub(logBessel0(c)).exp().neg().add(1)
  }
  /** By rejection, in double precision. [Best and Fisher, 1979](https://doi.org/10.2307/2346732) */
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => {
      const size = this.extended(shape)
      const loc = this.loc.to('float64')
      const kappa = this.concentration.to('float64')
      const tau = kappa.square().mul(4).add(1).sqrt().add(1)
      const rho = tau.sub(tau.mul(2).sqrt()).div(kappa.mul(2))
      const exact = rho.square().add(1).div(rho.mul(2))
      const r = where(kappa.lt(1e-5), kappa.reciprocal().add(kappa), exact)
      let x = zeros(size, placeOf(loc))
      let done = zeros(size, { dtype: 'bool', device: loc.device })
      while (!done.all().item()) {
        const [u1, u2, u3] = unbind(rand([3, ...size], placeOf(loc)))
        const z = u1.mul(Math.PI).cos()
        const f = r.mul(z).add(1).div(r.add(z))
        const c = kappa.mul(r.sub(f))
        const accepted = c.mul(c.neg().add(2)).sub(u2).gt(0).logicalOr(c.div(u2).log().add(1).sub(c).ge(0))
        x = where(accepted, u3.sub(0.5).sign().mul(f.acos()), x)
        done = done.logicalOr(accepted)
      }
      return x
        .add(Math.PI)
        .add(loc)
        .remainder(2 * Math.PI)
        .sub(Math.PI)
        .to(this.loc.dtype)
    })
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    const { concentration: c } = this
    return c
      .mul(value.sub(this.loc).cos())
      .sub(Math.log(2 * Math.PI))
      .sub(logBessel0(c))
  }
}
