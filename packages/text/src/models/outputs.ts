// What the models take and give.
import { F, type Tensor } from '@flambeau/core'
import type { KeyValueCache } from './cache.js'

export interface DecoderInputs {
  /** Shape [B, S], of what has been read and what is new: 0 for padding, which is on the left where there is a cache. */
  readonly attentionMask?: Tensor | null
  /** Shape [B, L]: the place of each token. Default: from what has been read on. */
  readonly positionIds?: Tensor | null
  /** Keys and values of what has been read, to which those of the new tokens are added. */
  readonly cache?: KeyValueCache | null
}

export interface CausalInputs extends DecoderInputs {
  /** Shape [B, L]: the tokens themselves, -100 where there is no loss; they are shifted here. */
  readonly labels?: Tensor | null
  /** Give the logits of the last token only. Default false. */
  readonly lastOnly?: boolean
}

export interface LMOutput {
  /** Shape [B, L, vocabulary]. */
  readonly logits: Tensor
  /** The mean cross entropy, where there are labels. */
  readonly loss: Tensor | null
}

/** The cross entropy of each next token. */
export function nextTokenLoss(logits: Tensor, labels: Tensor): Tensor {
  const [, length, classes] = logits.shape
  return F.crossEntropy(
    logits.narrow(1, 0, length - 1).reshape([-1, classes]),
    labels.narrow(1, 1, length - 1).reshape([-1]),
  )
}
