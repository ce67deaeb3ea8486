// Layers that drop elements at random while training.
import { ArgumentError, describe } from '../errors.js'
import { F } from '../ops/index.js'
import { inplace } from '../ops/inplace.js'
import type { DropoutOp } from '../ops/nn/dropout.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { showAll } from './shapes.js'

export interface DropoutOptions {
  /** Overwrite the input. Default false. */
  readonly inplace?: boolean
}

abstract class DropoutBase extends Module {
  /** The probability with which an element is dropped. */
  p: number
  inplace: boolean

  constructor(p = 0.5, { inplace = false }: DropoutOptions = {}) {
    super()
    if (typeof p !== 'number' || !(p >= 0 && p <= 1))
      throw new ArgumentError(`${new.target.name}: expected p in [0, 1], got ${describe(p)}`)
    this.p = p
    this.inplace = inplace
  }

  protected run(op: DropoutOp, input: Tensor): Tensor {
    const { p, training } = this
    return this.inplace ? inplace(op.record, [input, { p, training }]) : op(input, { p, training })
  }

  override extraRepr(): string {
    return showAll({ p: this.p, inplace: this.inplace })
  }
}

/**
 * Sets elements to 0 with probability `p`, and scales the others by 1 / (1 - p), while training.
 * [Hinton et al., 2012](https://arxiv.org/abs/1207.0580)
 *
 * @example
 * ```ts
 * import { nn, ones } from '@flambeau/core'
 * console.log(new nn.Dropout(0.2).eval().forward(ones([2])).toArray()) // → [ 1, 1 ]
 * ```
 */
export class Dropout extends DropoutBase {
  static readonly signature: string = 'Dropout(p, {inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.dropout, input)
  }
}

/** Drops whole channels of [N, C, L] or [C, L]. */
export class Dropout1d extends DropoutBase {
  static readonly signature: string = 'Dropout1d(p, {inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.dropout1d, input)
  }
}

/** Drops whole channels of [N, C, H, W]. */
export class Dropout2d extends DropoutBase {
  static readonly signature: string = 'Dropout2d(p, {inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.dropout2d, input)
  }
}

/** Drops whole channels of [N, C, D, H, W] or [C, D, H, W]. */
export class Dropout3d extends DropoutBase {
  static readonly signature: string = 'Dropout3d(p, {inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.dropout3d, input)
  }
}

/** Dropout that keeps mean and variance, for SELU. [Klambauer et al., 2017](https://arxiv.org/abs/1706.02515) */
export class AlphaDropout extends DropoutBase {
  static readonly signature: string = 'AlphaDropout(p, {inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.alphaDropout, input)
  }
}

/** `AlphaDropout` of whole channels. */
export class FeatureAlphaDropout extends DropoutBase {
  static readonly signature: string = 'FeatureAlphaDropout(p, {inplace})'
  override forward(input: Tensor): Tensor {
    return this.run(F.featureAlphaDropout, input)
  }
}
