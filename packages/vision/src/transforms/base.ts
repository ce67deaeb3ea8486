// What every transform is.
import { empty, nn, rand, randint, type Tensor } from '@flambeau/core'
import { checkProbability } from '../check.js'
import { leavesOf, mapLeaves, transformable } from './structure.js'

/**
 * A transform of samples: images, masks and boxes in nested arrays and objects change together, with one random draw,
 * and everything else passes through.
 *
 * @typeParam P what is drawn, once a sample
 */
export abstract class Transform<P = undefined> extends nn.Module<unknown[], unknown> {
  /** Draws what the transform does to a sample. @param leaves all that is in the sample */
  protected abstract makeParams(leaves: readonly unknown[]): P

  /** Transforms one image, mask or set of boxes. */
  protected abstract transform(input: Tensor, params: P): unknown

  /** Whether the sample is transformed at all. */
  protected applies(): boolean {
    return true
  }

  /** The sample, transformed; several arguments give a list of as many. */
  override forward<T>(sample: T): T
  override forward<T extends readonly unknown[]>(...samples: T): T
  override forward(...samples: unknown[]): unknown {
    const sample = samples.length === 1 ? samples[0] : samples
    if (!this.applies()) return sample
    const leaves = leavesOf(sample)
    const acted = transformable(leaves)
    const params = this.makeParams(leaves)
    let at = 0
    return mapLeaves(sample, (leaf) => (acted[at++] ? this.transform(leaf as Tensor, params) : leaf))
  }
}

/** A transform that draws nothing. */
export abstract class FixedTransform extends Transform {
  protected makeParams(): undefined {
    return undefined
  }
}

/** A transform that happens to a share of the samples. */
export abstract class RandomApplied<P = undefined> extends Transform<P> {
  readonly p: number

  constructor(p: number) {
    super()
    this.p = checkProbability(new.target.name, 'p', p)
  }

  protected override applies(): boolean {
    return drawUniform() < this.p
  }
}

/** A number from [0, 1). */
export const drawUniform = (): number => rand([1]).item<number>()
/** A number from [low, high). */
export const drawBetween = (low: number, high: number): number => empty([1]).uniform_(low, high).item<number>()
/** An integer from [low, high). */
export const drawInteger = (low: number, high: number): number => randint(low, high, [1]).item<number>()
