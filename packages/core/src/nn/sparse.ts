// Layers that look vectors up.
import { ArgumentError, ShapeError } from '../errors.js'
import { empty, F } from '../ops/index.js'
import { Parameter } from '../tensor/parameter.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { normal_, zeros_ } from './init.js'
import { type LayerOptions, Module } from './module.js'
import { checkSize, showAll } from './shapes.js'

export interface EmbeddingOptions extends LayerOptions {
  /** The index whose vector stays as it is, zero at first. Default none. */
  readonly paddingIdx?: number | null
  /** Vectors that are looked up are scaled down to this norm. Default none. */
  readonly maxNorm?: number | null
  /** The p of that norm. Default 2. */
  readonly normType?: number
  /** Divide gradients by how often an index is in the batch. Default false. */
  readonly scaleGradByFreq?: boolean
  /** Make the gradient a `SparseTensor` of the vectors that were looked up, for `optim.SparseAdam`. Default false. */
  readonly sparse?: boolean
}

/**
 * A vector for each index. Vectors start normal.
 *
 * Input: integers of any shape [*]; result: [*, embeddingDim].
 *
 * @example
 * ```ts
 * import { nn, tensor } from '@flambeau/core'
 * const embedding = new nn.Embedding(10, 3)
 * console.log(embedding.forward(tensor([[1n, 2n, 4n, 5n]])).shape) // → [ 1, 4, 3 ]
 * ```
 */
export class Embedding extends Module {
  static readonly signature: string =
    'Embedding(num_embeddings, embedding_dim, {padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, device, dtype})'
  readonly numEmbeddings: number
  readonly embeddingDim: number
  readonly paddingIdx: number | null
  readonly maxNorm: number | null
  readonly normType: number
  readonly scaleGradByFreq: boolean
  readonly sparse: boolean
  /** Shape [numEmbeddings, embeddingDim]. */
  weight: Parameter

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    {
      paddingIdx = null,
      maxNorm = null,
      normType = 2,
      scaleGradByFreq = false,
      sparse = false,
      ...options
    }: EmbeddingOptions = {},
  ) {
    super()
    this.numEmbeddings = checkSize('Embedding', 'numEmbeddings', numEmbeddings, 0)
    this.embeddingDim = checkSize('Embedding', 'embeddingDim', embeddingDim, 0)
    if (
      paddingIdx !== null &&
      (!Number.isInteger(paddingIdx) || paddingIdx >= numEmbeddings || paddingIdx < -numEmbeddings)
    )
      throw new ArgumentError(
        `Embedding: expected paddingIdx in [${-numEmbeddings}, ${numEmbeddings - 1}], got ${paddingIdx}`,
      )
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx
    this.maxNorm = maxNorm
    this.normType = normType
    this.scaleGradByFreq = scaleGradByFreq
    this.sparse = sparse
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim], options))
    this.resetParameters()
  }

  /** Draws the vectors anew. */
  resetParameters(): void {
    normal_(this.weight)
    if (this.paddingIdx !== null) zeros_(this.weight.detach().select(0, this.paddingIdx))
  }

  /** An embedding of given vectors, frozen unless `freeze` is false. */
  static fromPretrained(
    embeddings: Tensor,
    { freeze = true, ...options }: EmbeddingOptions & { readonly freeze?: boolean } = {},
  ): Embedding {
    if (embeddings.ndim !== 2)
      throw new ShapeError(`fromPretrained: expected a matrix, got shape ${formatShape(embeddings.shape)}`)
    const [count, dim] = embeddings.shape
    const result = new Embedding(count, dim, { device: 'meta', ...options })
    result.weight = new Parameter(embeddings, !freeze)
    return result
  }

  override forward(input: Tensor): Tensor {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this
    return F.embedding(input, this.weight, {
      normType,
      scaleGradByFreq,
      sparse,
      ...(paddingIdx !== null && { paddingIdx }),
      ...(maxNorm !== null && { maxNorm }),
    })
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx, maxNorm, sparse } = this
    const rest = showAll({
      ...(paddingIdx !== null && { paddingIdx }),
      ...(maxNorm !== null && { maxNorm }),
      ...(sparse && { sparse }),
    })
    return `${numEmbeddings}, ${embeddingDim}${rest && `, ${rest}`}`
  }
}

export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** Sums, means or maxima. Default 'mean'. */
  readonly mode?: 'sum' | 'mean' | 'max'
  /** Whether the last offset is the end of the last bag. Default false. */
  readonly includeLastOffset?: boolean
}

/**
 * Sums, means or maxima of the vectors of bags of indices, without the vectors in between. Vectors start normal.
 *
 * Input: bags of one size [B, n], or all bags in one vector with offsets [B]; result: [B, embeddingDim].
 *
 * @example
 * ```ts
 * import { nn, tensor } from '@flambeau/core'
 * const bags = new nn.EmbeddingBag(10, 3, { mode: 'sum' })
 * console.log(bags.forward(tensor([1n, 2n, 4n, 5n, 4n]), tensor([0n, 3n])).shape) // → [ 2, 3 ]
 * ```
 */
export class EmbeddingBag extends Module<
  [input: Tensor, offsets?: Tensor | null, perSampleWeights?: Tensor | null],
  Tensor
> {
  static readonly signature: string =
    'EmbeddingBag(num_embeddings, embedding_dim, {max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx, device, dtype})'
  static readonly forwardSignature: string = 'forward(input, offsets, per_sample_weights)'
  readonly numEmbeddings: number
  readonly embeddingDim: number
  readonly options: Omit<EmbeddingBagOptions, keyof LayerOptions>
  /** Shape [numEmbeddings, embeddingDim]. */
  weight: Parameter

  constructor(numEmbeddings: number, embeddingDim: number, { device, dtype, ...options }: EmbeddingBagOptions = {}) {
    super()
    this.numEmbeddings = checkSize('EmbeddingBag', 'numEmbeddings', numEmbeddings, 0)
    this.embeddingDim = checkSize('EmbeddingBag', 'embeddingDim', embeddingDim, 0)
    const { paddingIdx = null, mode = 'mean' } = options
    if (
      paddingIdx !== null &&
      (!Number.isInteger(paddingIdx) || paddingIdx >= numEmbeddings || paddingIdx < -numEmbeddings)
    )
      throw new ArgumentError(
        `EmbeddingBag: expected paddingIdx in [${-numEmbeddings}, ${numEmbeddings - 1}], got ${paddingIdx}`,
      )
    const row = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx
    this.options = { ...options, mode, paddingIdx: row }
    const where = { ...(device !== undefined && { device }), ...(dtype !== undefined && { dtype }) }
    this.weight = new Parameter(empty([numEmbeddings, embeddingDim], where))
    this.resetParameters()
  }

  /** Draws the vectors anew. */
  resetParameters(): void {
    normal_(this.weight)
    const { paddingIdx = null } = this.options
    if (paddingIdx !== null) zeros_(this.weight.detach().select(0, paddingIdx))
  }

  /** Bags of given vectors, frozen unless `freeze` is false. */
  static fromPretrained(
    embeddings: Tensor,
    { freeze = true, ...options }: EmbeddingBagOptions & { readonly freeze?: boolean } = {},
  ): EmbeddingBag {
    if (embeddings.ndim !== 2)
      throw new ShapeError(`fromPretrained: expected a matrix, got shape ${formatShape(embeddings.shape)}`)
    const [count, dim] = embeddings.shape
    const result = new EmbeddingBag(count, dim, { device: 'meta', ...options })
    result.weight = new Parameter(embeddings, !freeze)
    return result
  }

  override forward(input: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    return F.embeddingBag(input, this.weight, { ...this.options, offsets, perSampleWeights })
  }

  override extraRepr(): string {
    const { mode, paddingIdx } = this.options
    const rest = showAll({ mode, ...(paddingIdx !== null && { paddingIdx }) })
    return `${this.numEmbeddings}, ${this.embeddingDim}, ${rest}`
  }
}
