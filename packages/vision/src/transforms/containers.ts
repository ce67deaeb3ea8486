// Transforms made of transforms.
import { ArgumentError, data, multinomial, nn, randperm, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import { checkProbability } from '../check.js'
import { drawUniform } from './base.js'

/** Anything that a transform may be: a function, or a module. */
// biome-ignore lint/suspicious/noExplicitAny: a chain's links know each other's types, not the chain
export type AnyTransform = data.Transform<any, any>

abstract class TransformContainer extends nn.Module<unknown[], unknown> {
  readonly transforms: readonly AnyTransform[]

  constructor(transforms: readonly AnyTransform[]) {
    super()
    if (!Array.isArray(transforms) || transforms.length === 0)
      throw new ArgumentError(
        `${new.target.name}: expected a list of at least one transform, got ${describe(transforms)}`,
      )
    for (const transform of transforms)
      if (typeof transform !== 'function' && typeof transform?.forward !== 'function')
        throw new ArgumentError(`${new.target.name}: expected functions or transforms, got ${describe(transform)}`)
    this.transforms = transforms
  }

  override *ownModules(): Iterable<[string, nn.AnyModule]> {
    for (const [i, transform] of this.transforms.entries())
      if (transform instanceof nn.Module) yield [String(i), transform]
  }

  /** The transforms to run on a sample, in order. */
  protected abstract chosen(): readonly AnyTransform[]

  // biome-ignore lint/suspicious/noExplicitAny: what comes out depends on the transforms
  override forward(...samples: any[]): any {
    const sample: unknown = samples.length === 1 ? samples[0] : samples
    return this.chosen().reduce<unknown>((value, transform) => data.applyTransform(transform, value), sample)
  }
}

/**
 * Transforms one after the other.
 *
 * @example
 * ```ts
 * import { zeros } from '@flambeau/core'
 * import { transforms } from '@flambeau/vision'
 * const chain = new transforms.Compose([
 *   new transforms.Resize(8),
 *   new transforms.CenterCrop(6),
 *   new transforms.ToDtype('float32', { scale: true }),
 * ])
 * const image = chain.forward(zeros([3, 10, 20], { dtype: 'uint8' }))
 * console.log(image.shape, image.dtype) // → [ 3, 6, 6 ] float32
 * ```
 */
export class Compose extends TransformContainer {
  protected chosen(): readonly AnyTransform[] {
    return this.transforms
  }
}

/** All of the transforms, or with probability 1 - p none. */
export class RandomApply extends TransformContainer {
  readonly p: number

  constructor(transforms: readonly AnyTransform[], p = 0.5) {
    super(transforms)
    this.p = checkProbability('RandomApply', 'p', p)
  }

  protected chosen(): readonly AnyTransform[] {
    return drawUniform() < this.p ? this.transforms : []
  }
}

/** One of the transforms. */
export class RandomChoice extends TransformContainer {
  readonly p: readonly number[]

  /** @param p the weight of each. Default: all equal */
  constructor(transforms: readonly AnyTransform[], p: readonly number[] = transforms.map(() => 1)) {
    super(transforms)
    const total = p.reduce((a, b) => a + b, 0)
    if (p.length !== transforms.length || !p.every((w) => w >= 0) || !(total > 0))
      throw new ArgumentError(`RandomChoice: expected ${transforms.length} weights ≥ 0 for p, got ${describe(p)}`)
    this.p = p.map((w) => w / total)
  }

  protected chosen(): readonly AnyTransform[] {
    return [this.transforms[multinomial(tensor([...this.p]), 1).item<number>()]]
  }
}

/** All of the transforms, in random order. */
export class RandomOrder extends TransformContainer {
  protected chosen(): readonly AnyTransform[] {
    return (randperm(this.transforms.length).toArray() as number[]).map((i) => this.transforms[i])
  }
}
