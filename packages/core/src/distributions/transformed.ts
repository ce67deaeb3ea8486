import { noGrad } from '../autograd/mode.js'
import { ShapeError } from '../errors.js'
import { zeros } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { type Constraint, independent as independentConstraint } from './constraints.js'
import { Distribution, type DistributionOptions, type Shape, sumRightmost } from './distribution.js'
import { ComposeTransform, type Transform } from './transforms.js'

/** The last dimensions of a batch counted to the event. */
export class Independent extends Distribution {
  readonly baseDist: Distribution
  readonly reinterpretedBatchNdims: number

  constructor(baseDist: Distribution, reinterpretedBatchNdims: number, options?: DistributionOptions) {
    const { batchShape, eventShape } = baseDist
    if (reinterpretedBatchNdims > batchShape.length)
      throw new ShapeError(
        `Independent: expected reinterpretedBatchNdims ≤ ${batchShape.length} for the batch ${formatShape(batchShape)}, got ${reinterpretedBatchNdims}`,
      )
    const cut = batchShape.length - reinterpretedBatchNdims
    super(batchShape.slice(0, cut), [...batchShape.slice(cut), ...eventShape], options)
    this.baseDist = baseDist
    this.reinterpretedBatchNdims = reinterpretedBatchNdims
  }

  override get argConstraints(): Record<string, Constraint> {
    return {}
  }
  override get hasRsample(): boolean {
    return this.baseDist.hasRsample
  }
  override get hasEnumerateSupport(): boolean {
    return this.reinterpretedBatchNdims === 0 && this.baseDist.hasEnumerateSupport
  }
  override get support(): Constraint {
    const { support } = this.baseDist
    return this.reinterpretedBatchNdims === 0 ? support : independentConstraint(support, this.reinterpretedBatchNdims)
  }
  override expand(batchShape: Shape): Independent {
    const inner = this.eventShape.slice(0, this.reinterpretedBatchNdims)
    return new Independent(this.baseDist.expand([...batchShape, ...inner]), this.reinterpretedBatchNdims, {
      validateArgs: this.validateArgs,
    })
  }
  override get mean(): Tensor {
    return this.baseDist.mean
  }
  override get mode(): Tensor {
    return this.baseDist.mode
  }
  override get variance(): Tensor {
    return this.baseDist.variance
  }
  override sample(shape: Shape = []): Tensor {
    return this.baseDist.sample(shape)
  }
  override rsample(shape: Shape = []): Tensor {
    return this.baseDist.rsample(shape)
  }
  override logProb(value: Tensor): Tensor {
    return sumRightmost(this.baseDist.logProb(value), this.reinterpretedBatchNdims)
  }
  override entropy(): Tensor {
    return sumRightmost(this.baseDist.entropy(), this.reinterpretedBatchNdims)
  }
  override enumerateSupport(expand = true): Tensor {
    if (this.reinterpretedBatchNdims > 0) return super.enumerateSupport(expand)
    return this.baseDist.enumerateSupport(expand)
  }
}

/** What becomes of the draws of a distribution under transforms. */
export class TransformedDistribution extends Distribution {
  readonly baseDist: Distribution
  readonly transforms: readonly Transform[]

  constructor(base: Distribution, transforms: Transform | readonly Transform[], options?: DistributionOptions) {
    const list = Array.isArray(transforms) ? (transforms as readonly Transform[]) : [transforms as Transform]
    const all = new ComposeTransform(list)
    const shape = [...base.batchShape, ...base.eventShape]
    const { domain, codomain } = all
    if (shape.length < domain.eventDim)
      throw new ShapeError(
        `TransformedDistribution: expected a distribution of at least ${domain.eventDim} dimensions, got ${formatShape(shape)}`,
      )
    const forward = all.forwardShape(shape)
    const expandedShape = all.inverseShape(forward)
    let inner = base
    if (String(expandedShape) !== String(shape))
      inner = base.expand(expandedShape.slice(0, expandedShape.length - base.eventShape.length))
    const more = domain.eventDim - inner.eventShape.length
    if (more > 0) inner = new Independent(inner, more)
    const eventDim = codomain.eventDim + Math.max(inner.eventShape.length - domain.eventDim, 0)
    const cut = forward.length - eventDim
    super(forward.slice(0, cut), forward.slice(cut), options)
    this.baseDist = inner
    this.transforms = list
  }

  override get argConstraints(): Record<string, Constraint> {
    return {}
  }
  override get hasRsample(): boolean {
    return this.baseDist.hasRsample
  }
  override get support(): Constraint {
    const { length } = this.transforms
    if (length === 0) return this.baseDist.support
    const { codomain } = this.transforms[length - 1]
    const more = this.eventShape.length - codomain.eventDim
    return more > 0 ? independentConstraint(codomain, more) : codomain
  }
  override expand(batchShape: Shape): TransformedDistribution {
    return new TransformedDistribution(this.expandedBase(batchShape), this.transforms, {
      validateArgs: this.validateArgs,
    })
  }
  /** The base for a larger batch. */
  protected expandedBase(batchShape: Shape): Distribution {
    const all = new ComposeTransform(this.transforms)
    const shape = all.inverseShape([...batchShape, ...this.eventShape])
    return this.baseDist.expand(shape.slice(0, shape.length - this.baseDist.eventShape.length))
  }
  #through(x: Tensor): Tensor {
    return this.transforms.reduce((value, t) => t.forward(value), x)
  }
  #sign(value: Tensor): Tensor {
    const sign = this.transforms.reduce((s: number | Tensor, t): number | Tensor => {
      const next = t.sign
      return s instanceof Tensor ? s.mul(next) : next instanceof Tensor ? next.mul(s) : s * next
    }, 1)
    return sign instanceof Tensor ? sign.mul(value.sub(0.5)).add(0.5) : value.sub(0.5).mul(sign).add(0.5)
  }
  override sample(shape: Shape = []): Tensor {
    return noGrad(() => this.#through(this.baseDist.sample(shape)))
  }
  override rsample(shape: Shape = []): Tensor {
    return this.#through(this.baseDist.rsample(shape))
  }
  override logProb(value: Tensor): Tensor {
    this.checkSample(value)
    let eventDim = this.eventShape.length
    let y = value
    let sum: Tensor = zeros([], { dtype: value.dtype, device: value.device })
    for (const t of [...this.transforms].reverse()) {
      const x = t.inverse(y)
      eventDim += t.domain.eventDim - t.codomain.eventDim
      sum = sum.sub(sumRightmost(t.logAbsDetJacobian(x, y), eventDim - t.domain.eventDim))
      y = x
    }
    return sum.add(sumRightmost(this.baseDist.logProb(y), eventDim - this.baseDist.eventShape.length))
  }
  override cdf(value: Tensor): Tensor {
    this.checkSample(value)
    const x = this.transforms.reduceRight((y, t) => t.inverse(y), value)
    return this.#sign(this.baseDist.cdf(x))
  }
  override icdf(value: Tensor): Tensor {
    return this.#through(this.baseDist.icdf(this.#sign(value)))
  }
}
