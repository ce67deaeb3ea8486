// Multi-head attention over explicit weights.
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { isFloating } from '../../tensor/dtype.js'
import { formatShape, sameShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { add, mul } from '../arithmetic.js'
import { maskedFill } from '../conditional.js'
import { zeros } from '../creation.js'
import { composite } from '../dispatch.js'
import { cat } from '../joining.js'
import { matmul } from '../matmul.js'
import { repeat } from '../rearrange.js'
import type { FunctionOp } from '../record.js'
import { mean } from '../reductions.js'
import { chunk, narrow } from '../slicing.js'
import { softmax } from '../softmax.js'
import { expand, reshape, squeeze, transpose, unsqueeze } from '../views.js'
import { scaledDotProductAttention } from './attention.js'
import { dropout } from './dropout.js'
import { linear } from './linear.js'
import { pad } from './padding.js'

/** The options of `multiHeadAttentionForward`. */
export interface MultiHeadAttentionOptions {
  /** Whether weights are dropped. Default true. */
  readonly training?: boolean
  /** [N, S] or [S]: of bool, true where a key is ignored; otherwise added to the scores. */
  readonly keyPaddingMask?: Tensor | null
  /** Whether the attention weights are returned; without, the work is faster. Default true. */
  readonly needWeights?: boolean
  /** [L, S] or [N · heads, L, S]: of bool, true where a query must not see a key; otherwise added to the scores. */
  readonly attnMask?: Tensor | null
  /** Whether query, key and value have a weight each, rather than one together. Default false. */
  readonly useSeparateProjWeight?: boolean
  readonly qProjWeight?: Tensor | null
  readonly kProjWeight?: Tensor | null
  readonly vProjWeight?: Tensor | null
  /** [N · heads, S, E / heads]: takes the place of the projected keys. */
  readonly staticK?: Tensor | null
  /** [N · heads, S, E / heads]: takes the place of the projected values. */
  readonly staticV?: Tensor | null
  /** Whether the returned weights are the mean over the heads. Default true. */
  readonly averageAttnWeights?: boolean
  /** Says that `attnMask`, which must be given, is the causal mask. Default false. */
  readonly isCausal?: boolean
}

const OPERATION = 'multi_head_attention_forward'

const refuse = (message: string): never => {
  throw new ShapeError(`${OPERATION}: ${message}`)
}

/** A bool mask as numbers to be added: -∞ where it holds. */
function additive(name: string, mask: Tensor | null | undefined, query: Tensor): Tensor | null {
  if (mask === null || mask === undefined) return null
  if (mask.dtype !== 'bool' && !isFloating(mask.dtype))
    throw new DTypeError(`${OPERATION}: expected ${name} of dtype bool or floating-point, got ${mask.dtype}`)
  if (mask.dtype !== 'bool') return mask
  return maskedFill(zeros(mask.shape, { dtype: query.dtype, device: query.device }), mask, Number.NEGATIVE_INFINITY)
}

function checkShapes(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  heads: number,
  { keyPaddingMask, attnMask }: MultiHeadAttentionOptions,
): boolean {
  const { ndim } = query
  if (ndim !== 2 && ndim !== 3)
    refuse(`expected query of 2 dimensions, or 3 with a batch, got shape ${formatShape(query.shape)}`)
  if (key.ndim !== ndim || value.ndim !== ndim)
    refuse(
      `expected key and value of ${ndim} dimensions like the query, got shapes ${formatShape(key.shape)} and ${formatShape(value.shape)}`,
    )
  if (keyPaddingMask && keyPaddingMask.ndim !== ndim - 1)
    refuse(`expected key_padding_mask of ${ndim - 1} dimensions, got shape ${formatShape(keyPaddingMask.shape)}`)
  if (attnMask) {
    if (attnMask.ndim !== 2 && attnMask.ndim !== 3)
      refuse(`expected attn_mask of 2 or 3 dimensions, got shape ${formatShape(attnMask.shape)}`)
    const wanted = [heads, query.shape[0], key.shape[0]]
    if (ndim === 2 && attnMask.ndim === 3 && !sameShape(attnMask.shape, wanted))
      refuse(`expected attn_mask of shape ${formatShape(wanted)}, got ${formatShape(attnMask.shape)}`)
  }
  return ndim === 3
}

/** Query, key and value times their parts of one weight; tensors that are the same are projected together. */
function projectPacked(q: Tensor, k: Tensor, v: Tensor, weight: Tensor, bias: Tensor | null): Tensor[] {
  const e = q.shape[2]
  const part = (t: Tensor | null, at: number, n: number): Tensor | null => t && narrow(t, 0, at * e, n * e)
  const project = (t: Tensor, at: number, n: number): Tensor[] =>
    chunk(linear(t, narrow(weight, 0, at * e, n * e), part(bias, at, n)), n, 2)
  if (k === v && q === k) return chunk(linear(q, weight, bias), 3, 2)
  if (k === v) return [...project(q, 0, 1), ...project(k, 1, 2)]
  return [...project(q, 0, 1), ...project(k, 1, 1), ...project(v, 2, 1)]
}

/**
 * Multi-head attention: projects query, key and value, lets each head attend by itself, and projects what they give.
 *
 * @param query shape [L, N, E] or [L, E]
 * @param key shape [S, N, E_k] or [S, E_k]
 * @param value shape [S, N, E_v] or [S, E_v]
 * @param embedDimToCheck E
 * @param inProjWeight shape [3E, E]; null with `useSeparateProjWeight`
 * @param inProjBias shape [3E]
 * @param biasK shape [1, 1, E]: one more key, for all
 * @param biasV shape [1, 1, E]: its value
 * @param addZeroAttn adds a key and a value of zeros
 * @param outProjWeight shape [E, E]
 * @param outProjBias shape [E]
 * @returns the result [L, N, E] or [L, E], and the weights [N, L, S], [N, heads, L, S], both without N for inputs without it, or null
 * @see https://arxiv.org/abs/1706.03762
 */
export const multiHeadAttentionForward: FunctionOp<
  [
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embedDimToCheck: number,
    numHeads: number,
    inProjWeight: Tensor | null,
    inProjBias: Tensor | null,
    biasK: Tensor | null,
    biasV: Tensor | null,
    addZeroAttn: boolean,
    dropoutP: number,
    outProjWeight: Tensor,
    outProjBias: Tensor | null,
    options?: MultiHeadAttentionOptions,
  ],
  [Tensor, Tensor | null]
> = composite(
  'nn.functional.multi_head_attention_forward(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, {training, key_padding_mask, need_weights, attn_mask, use_separate_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, static_k, static_v, average_attn_weights, is_causal})',
  (
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embedDimToCheck: number,
    heads: number,
    inProjWeight: Tensor | null,
    inProjBias: Tensor | null,
    biasK: Tensor | null,
    biasV: Tensor | null,
    addZeroAttn: boolean,
    dropoutP: number,
    outProjWeight: Tensor,
    outProjBias: Tensor | null = null,
    options: MultiHeadAttentionOptions = {},
  ): [Tensor, Tensor | null] => {
    const { training = true, needWeights = true, averageAttnWeights = true, isCausal = false } = options
    const batched = checkShapes(query, key, value, heads, options)
    // Tensors that are the same stay so, and are projected together.
    const withBatch = (t: Tensor): Tensor => (batched ? t : unsqueeze(t, 1))
    const q3 = withBatch(query)
    const k3 = key === query ? q3 : withBatch(key)
    const v3 = value === key ? k3 : withBatch(value)
    const [targets, batch, e] = q3.shape
    if (e !== embedDimToCheck)
      refuse(`expected an embedding of ${embedDimToCheck}, got query ${formatShape(query.shape)}`)
    if (!Number.isInteger(heads) || heads <= 0 || e % heads !== 0)
      throw new ArgumentError(
        `${OPERATION}: expected num_heads that divides the embedding of ${e}, got ${describe(heads)}`,
      )
    const size = e / heads
    if (isCausal && !options.attnMask)
      throw new ArgumentError(
        `${OPERATION}: expected attn_mask where is_causal says what it is; Transformer.generateSquareSubsequentMask makes it`,
      )
    let padding = additive('key_padding_mask', options.keyPaddingMask, query)
    if (padding !== null && !batched) padding = unsqueeze(padding, 0)
    // The hint spares the mask where nothing else has to be masked.
    const causal = isCausal && padding === null && !needWeights
    let mask = causal ? null : additive('attn_mask', options.attnMask, query)

    if (!sameShape(k3.shape.slice(0, 2), v3.shape.slice(0, 2)) || k3.shape[1] !== batch)
      refuse(
        `expected key and value of one length and batch size, got query ${formatShape(query.shape)}, key ${formatShape(key.shape)} and value ${formatShape(value.shape)}`,
      )
    let parts: Tensor[]
    if (options.useSeparateProjWeight) {
      const { qProjWeight, kProjWeight, vProjWeight } = options
      if (!qProjWeight || !kProjWeight || !vProjWeight)
        throw new ArgumentError(`${OPERATION}: expected q_proj_weight, k_proj_weight and v_proj_weight`)
      const biases = inProjBias === null ? [null, null, null] : chunk(inProjBias, 3)
      parts = [
        linear(q3, qProjWeight, biases[0]),
        linear(k3, kProjWeight, biases[1]),
        linear(v3, vProjWeight, biases[2]),
      ]
    } else {
      if (inProjWeight === null) throw new ArgumentError(`${OPERATION}: expected in_proj_weight`)
      if (!sameShape(k3.shape, v3.shape) || k3.shape[2] !== e)
        refuse(`expected key and value of ${e} features, got ${formatShape(key.shape)} and ${formatShape(value.shape)}`)
      parts = projectPacked(q3, k3, v3, inProjWeight, inProjBias)
    }
    let [q, k, v] = parts

    if (mask !== null) {
      const sources = k3.shape[0]
      const wanted = mask.ndim === 2 ? [targets, sources] : [batch * heads, targets, sources]
      if (!sameShape(mask.shape, wanted))
        refuse(`expected attn_mask of shape ${formatShape(wanted)}, got ${formatShape(mask.shape)}`)
      if (mask.ndim === 2) mask = unsqueeze(mask, 0)
    }
    const widen = (t: Tensor | null): Tensor | null => t && pad(t, [0, 1])
    if ((biasK === null) !== (biasV === null))
      throw new ArgumentError(`${OPERATION}: expected bias_k and bias_v, or neither`)
    if (biasK !== null && biasV !== null) {
      if (options.staticK || options.staticV)
        throw new ArgumentError(`${OPERATION}: expected no bias_k and bias_v with static keys or values`)
      k = cat([k, repeat(biasK, [1, batch, 1])])
      v = cat([v, repeat(biasV, [1, batch, 1])])
      mask = widen(mask)
      padding = widen(padding)
    }
    const split = (t: Tensor): Tensor => transpose(reshape(t, [t.shape[0], batch * heads, size]), 0, 1)
    const fixed = (name: string, t: Tensor): Tensor => {
      if (t.ndim !== 3 || t.shape[0] !== batch * heads || t.shape[2] !== size)
        refuse(`expected ${name} of shape [${batch * heads}, S, ${size}], got ${formatShape(t.shape)}`)
      return t
    }
    q = split(q)
    k = options.staticK ? fixed('static_k', options.staticK) : split(k)
    v = options.staticV ? fixed('static_v', options.staticV) : split(v)
    if (addZeroAttn) {
      const nothing = zeros([batch * heads, 1, size], { dtype: k.dtype, device: k.device })
      k = cat([k, nothing], 1)
      v = cat([v, nothing], 1)
      mask = widen(mask)
      padding = widen(padding)
    }
    const sources = k.shape[1]
    if (padding !== null) {
      if (!sameShape(padding.shape, [batch, sources]))
        refuse(`expected key_padding_mask of shape [${batch}, ${sources}], got ${formatShape(padding.shape)}`)
      const each = reshape(expand(reshape(padding, [batch, 1, 1, sources]), [batch, heads, 1, sources]), [
        batch * heads,
        1,
        sources,
      ])
      mask = mask === null ? each : add(mask, each)
    }
    const p = training ? dropoutP : 0
    const joined = (t: Tensor): Tensor => {
      const rows = linear(reshape(transpose(t, 0, 1), [targets * batch, e]), outProjWeight, outProjBias)
      const out = reshape(rows, [targets, batch, rows.shape[1]])
      return batched ? out : squeeze(out, 1)
    }
    if (!needWeights) {
      const apart = (t: Tensor): Tensor => reshape(t, [batch, heads, t.shape[1], size])
      const attnMask =
        mask === null
          ? null
          : mask.shape[0] === 1
            ? unsqueeze(mask, 0)
            : reshape(mask, [batch, heads, mask.shape[1], sources])
      const out = scaledDotProductAttention(apart(q), apart(k), apart(v), { attnMask, dropoutP: p, isCausal: causal })
      return [joined(reshape(out, [batch * heads, targets, size])), null]
    }
    const scores = matmul(mul(q, Math.sqrt(1 / size)), transpose(k, -2, -1))
    let weights = softmax(mask === null ? scores : add(scores, mask), -1)
    if (p > 0) weights = dropout(weights, { p })
    const out = joined(matmul(weights, v))
    let shown = reshape(weights, [batch, heads, targets, sources])
    if (averageAttnWeights) shown = mean(shown, 1)
    return [out, batched ? shown : squeeze(shown, 0)]
  },
)
