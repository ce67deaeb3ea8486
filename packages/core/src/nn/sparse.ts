// Layers that look vectors up.
import { ArgumentError, ShapeError } from '../errors.js'
import { empty, F } from '../ops/index.js'
import { formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { normal_, zeros_ } from './init.js'
import { type LayerOptions, Module } from './module.js'
import { Parameter } from './parameter.js'
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
    'Embedding(num_embeddings, embedding_dim, {padding_idx, max_norm, norm_type, scale_grad_by_freq, device, dtype})'
  readonly numEmbeddings: number
  readonly embeddingDim: number
  readonly paddingIdx: number | null
  readonly maxNorm: number | null
  readonly normType: number
  readonly scaleGradByFreq: boolean
  /** Shape [numEmbeddings, embeddingDim]. */
  weight: Parameter

  constructor(
    numEmbeddings: number,
    embeddingDim: number,
    { paddingIdx = null, maxNorm = null, normType = 2, scaleGradByFreq = false, ...options }: EmbeddingOptions = {},
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
    const { paddingIdx, maxNorm, normType, scaleGradByFreq } = this
    return F.embedding(input, this.weight, {
      normType,
      scaleGradByFreq,
      ...(paddingIdx !== null && { paddingIdx }),
      ...(maxNorm !== null && { maxNorm }),
    })
  }

  override extraRepr(): string {
    const { numEmbeddings, embeddingDim, paddingIdx, maxNorm } = this
    const rest = showAll({ ...(paddingIdx !== null && { paddingIdx }), ...(maxNorm !== null && { maxNorm }) })
    return `${numEmbeddings}, ${embeddingDim}${rest && `, ${rest}`}`
  }
}
