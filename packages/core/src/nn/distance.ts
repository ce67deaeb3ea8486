// Distances of vectors, and neighbouring channels.
import { ShapeError } from '../errors.js'
import { F } from '../ops/index.js'
import type { LocalResponseNormOptions } from '../ops/nn/localResponseNorm.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { Module } from './module.js'
import { checkSize, showAll } from './shapes.js'

export interface CosineSimilarityOptions {
  /** The dimension of the vectors. Default 1. */
  readonly dim?: number
  /** Keeps away from dividing by 0. Default 1e-8. */
  readonly eps?: number
}

/** The cosine of the angle between vectors, `x₁ · x₂ / max(‖x₁‖ ‖x₂‖, ε)`. */
export class CosineSimilarity extends Module<[x1: Tensor, x2: Tensor]> {
  static readonly signature: string = 'CosineSimilarity({dim, eps})'
  readonly dim: number
  readonly eps: number

  constructor({ dim = 1, eps = 1e-8 }: CosineSimilarityOptions = {}) {
    super()
    this.dim = dim
    this.eps = eps
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, { dim: this.dim, eps: this.eps })
  }

  override extraRepr(): string {
    return showAll({ dim: this.dim, eps: this.eps })
  }
}

export interface PairwiseDistanceOptions {
  /** The p of the norm. Default 2. */
  readonly p?: number
  /** Added to the differences. Default 1e-6. */
  readonly eps?: number
  /** Keep the last dimension as 1. Default false. */
  readonly keepdim?: boolean
}

/** The distance of vectors, `‖x₁ − x₂ + ε‖`, over the last dimension. */
export class PairwiseDistance extends Module<[x1: Tensor, x2: Tensor]> {
  static readonly signature: string = 'PairwiseDistance({p, eps, keepdim})'
  readonly options: PairwiseDistanceOptions

  constructor({ p = 2, eps = 1e-6, keepdim = false }: PairwiseDistanceOptions = {}) {
    super()
    this.options = { p, eps, keepdim }
  }

  override forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwiseDistance(x1, x2, this.options)
  }

  override extraRepr(): string {
    return showAll({ ...this.options })
  }
}

/** Divides by what `size` neighbouring channels hold. Input: [N, C, *]. */
export class LocalResponseNorm extends Module {
  static readonly signature: string = 'LocalResponseNorm(size, {alpha, beta, k})'
  readonly size: number
  readonly options: LocalResponseNormOptions

  constructor(size: number, { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {}) {
    super()
    this.size = checkSize('LocalResponseNorm', 'size', size, 1)
    this.options = { alpha, beta, k }
  }

  override forward(input: Tensor): Tensor {
    return F.localResponseNorm(input, this.size, this.options)
  }

  override extraRepr(): string {
    return `${this.size}, ${showAll({ ...this.options })}`
  }
}

/**
 * Divides by what neighbouring channels hold, with a window of an odd number of channels: `size`, or one less. Input:
 * [N, C, H, W].
 */
export class CrossMapLRN2d extends Module {
  static readonly signature: string = 'CrossMapLRN2d(size, {alpha, beta, k})'
  readonly size: number
  readonly options: Required<LocalResponseNormOptions>

  constructor(size: number, { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {}) {
    super()
    this.size = checkSize('CrossMapLRN2d', 'size', size, 1)
    this.options = { alpha, beta, k }
  }

  override forward(input: Tensor): Tensor {
    if (input.ndim !== 4)
      throw new ShapeError(`CrossMapLRN2d: expected an input [N, C, H, W], got shape ${formatShape(input.shape)}`)
    const { alpha, beta, k } = this.options
    const window = this.size - ((this.size + 1) % 2)
    return F.localResponseNorm(input, window, { alpha: (alpha * window) / this.size, beta, k })
  }

  override extraRepr(): string {
    return `${this.size}, ${showAll({ ...this.options })}`
  }
}
