// Who may see whom.
import { F, ones, type Tensor } from '@flambeau/core'

/** How scaled dot-product attention is to be told. */
export interface Visibility {
  /** True where a query may see a key: broadcasts to [batch, heads, queries, keys]. */
  readonly attnMask: Tensor | null
  readonly isCausal: boolean
}

/** Each query sees the keys up to its own place, of which the last is the last query's; padding is seen by nobody. */
export function causal(queries: number, keys: number, attentionMask: Tensor | null): Visibility {
  const padding = attentionMask === null ? null : attentionMask.to('bool').reshape([-1, 1, 1, attentionMask.shape[1]])
  if (queries === 1) return { attnMask: padding, isCausal: false }
  if (padding === null && queries === keys) return { attnMask: null, isCausal: true }
  const seen = ones([queries, keys], { dtype: 'bool' }).tril(keys - queries)
  return { attnMask: padding === null ? seen : seen.logicalAnd(padding), isCausal: false }
}

/** Everybody sees everybody but the padding. */
export function bidirectional(attentionMask: Tensor | null): Visibility {
  return {
    attnMask: attentionMask === null ? null : attentionMask.to('bool').reshape([-1, 1, 1, attentionMask.shape[1]]),
    isCausal: false,
  }
}

/** [B, L, H·D] as [B, H, L, D]. */
export function splitHeads(x: Tensor, heads: number): Tensor {
  const [batch, length, width] = x.shape
  return x.reshape([batch, length, heads, width / heads]).transpose(1, 2)
}

/** [B, H, L, D] as [B, L, H·D]. */
export function joinHeads(x: Tensor): Tensor {
  const [batch, heads, length, features] = x.shape
  return x.transpose(1, 2).reshape([batch, length, heads * features])
}

/** Attention as `visibility` says. */
export function attend(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  visibility: Visibility,
  dropoutP: number,
  scale?: number,
): Tensor {
  return F.scaledDotProductAttention(query, key, value, {
    ...visibility,
    dropoutP,
    scale,
    enableGqa: key.shape[1] !== query.shape[1],
  })
}
