// Scaled dot-product attention.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, DeviceError, DTypeError, describe, ShapeError } from '../../errors.js'
import { alias, allocate } from '../../tensor/create.js'
import { isFloating } from '../../tensor/dtype.js'
import { broadcastShapes, formatShape, sameShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import { add, mul } from '../arithmetic.js'
import { eq, logicalNot } from '../comparison.js'
import { maskedFill } from '../conditional.js'
import { to } from '../copies.js'
import { ones } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { tril } from '../masks.js'
import { matmul } from '../matmul.js'
import { repeatInterleave } from '../rearrange.js'
import { type FunctionOp, saving } from '../record.js'
import { all } from '../reductions.js'
import { softmax } from '../softmax.js'
import { expand, reshape, transpose } from '../views.js'
import { composedGradients } from './composed.js'
import { dropout } from './dropout.js'

/** The options of `scaledDotProductAttention`. */
export interface AttentionOptions {
  /**
   * Broadcasts to the weights' shape […, L, S]: of bool, true where a query may see a key; of another dtype, added to
   * the scores.
   */
  readonly attnMask?: Tensor | null
  /** The probability with which a weight is zeroed. Default 0; evaluation must give 0 itself. */
  readonly dropoutP?: number
  /** Each query sees the keys up to its own position only. Default false. */
  readonly isCausal?: boolean
  /** What scores are multiplied by. Default 1 / √E. */
  readonly scale?: number | null
  /** Let each head of the keys and values serve several of the queries. Default false. */
  readonly enableGqa?: boolean
}

const OPERATION = 'scaled_dot_product_attention'

function checkMask(mask: Tensor, query: Tensor): void {
  if (!(mask instanceof Tensor))
    throw new ArgumentError(`${OPERATION}: expected a tensor for attn_mask, got ${describe(mask)}`)
  if (mask.dtype !== 'bool' && mask.dtype !== query.dtype && mask.dtype !== 'float32')
    throw new DTypeError(
      `${OPERATION}: expected attn_mask of dtype bool, float32 or the query's ${query.dtype}, got ${mask.dtype}`,
    )
}

function checkAttention(query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions): void {
  for (const [name, t] of [
    ['query', query],
    ['key', key],
    ['value', value],
  ] as const) {
    if (!(t instanceof Tensor))
      throw new ArgumentError(`${OPERATION}: expected a tensor for ${name}, got ${describe(t)}`)
    if (t.ndim < 2)
      throw new ShapeError(`${OPERATION}: expected ${name} of at least 2 dimensions, got shape ${formatShape(t.shape)}`)
    if (t.dtype !== query.dtype || !isFloating(t.dtype))
      throw new DTypeError(
        `${OPERATION}: expected query, key and value of one floating-point dtype, got ${query.dtype}, ${key.dtype} and ${value.dtype}`,
      )
    if (t.device !== query.device)
      throw new DeviceError(`${OPERATION}: expected tensors on one device, got ${query.device} and ${t.device}`)
  }
  if (
    query.shape[query.ndim - 1] !== key.shape[key.ndim - 1] ||
    key.shape[key.ndim - 2] !== value.shape[value.ndim - 2]
  )
    throw new ShapeError(
      `${OPERATION}: expected query […, L, E], key […, S, E] and value […, S, V], got shapes ${[query, key, value]
        .map((t) => formatShape(t.shape))
        .join(', ')}`,
    )
  const { attnMask, dropoutP = 0, isCausal, scale } = options
  if (attnMask) {
    if (isCausal) throw new ArgumentError(`${OPERATION}: expected no attn_mask where is_causal is true`)
    checkMask(attnMask, query)
  }
  if (typeof dropoutP !== 'number' || !(dropoutP >= 0 && dropoutP <= 1))
    throw new ArgumentError(`${OPERATION}: expected dropout_p in [0, 1], got ${describe(dropoutP)}`)
  if (scale !== undefined && scale !== null && typeof scale !== 'number')
    throw new ArgumentError(`${OPERATION}: expected a number for scale, got ${describe(scale)}`)
}

/** Repeats the heads of keys or values until there are as many as of the query. */
function repeatHeads(query: Tensor, t: Tensor, name: string): Tensor {
  if (query.ndim < 3 || t.ndim < 3)
    throw new ShapeError(
      `${OPERATION}: expected tensors of at least 3 dimensions where enable_gqa is true, got ${formatShape(query.shape)} and ${formatShape(t.shape)}`,
    )
  const wanted = query.shape[query.ndim - 3]
  const heads = t.shape[t.ndim - 3]
  if (heads === wanted) return t
  if (heads === 0 || wanted % heads !== 0)
    throw new ShapeError(`${OPERATION}: expected a number of ${name} heads that divides ${wanted}, got ${heads}`)
  return repeatInterleave(t, wanted / heads, -3)
}

/** Softmax over the last dimension that gives zeros where all scores are -∞, instead of NaN. */
function safeSoftmax(scores: Tensor): Tensor {
  const hidden = all(eq(scores, Number.NEGATIVE_INFINITY), -1, { keepdim: true })
  // The scores are replaced as well: what leaves no NaN forward must leave none backward.
  return maskedFill(softmax(maskedFill(scores, hidden, 0), -1), hidden, 0)
}

/** Attention made of products and a softmax: the reference of the kernel, and all that it does not do. */
function composedAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  causal: boolean,
  scale: number,
  dropoutP: number,
): Tensor {
  // Half types would lose too much in the scores.
  const half = query.dtype === 'float16' || query.dtype === 'bfloat16'
  const [q, k, v] = half ? [query, key, value].map((t) => to(t, 'float32')) : [query, key, value]
  let scores = matmul(mul(q, scale), transpose(k, -2, -1))
  const rule = causal
    ? tril(ones([query.shape[query.ndim - 2], key.shape[key.ndim - 2]], { dtype: 'bool', device: query.device }))
    : mask
  if (rule !== null)
    scores =
      rule.dtype === 'bool'
        ? maskedFill(scores, logicalNot(rule), Number.NEGATIVE_INFINITY)
        : to(add(scores, rule), q.dtype)
  const weights = rule === null ? softmax(scores, -1) : safeSoftmax(scores)
  const out = matmul(dropoutP > 0 ? dropout(weights, { p: dropoutP }) : weights, v)
  return half ? to(out, query.dtype) : out
}

/** The kernel reads the last dimension without gaps. */
const inRows = (t: Tensor): Tensor => (t.strides[3] === 1 || t.shape[3] === 1 ? t : contiguousRaw(t))

/** [B, H, L, E] whose memory is [B, L, H, E]: what heads are split from and joined to. */
function allocateByRow(shape: readonly number[], like: Tensor): Tensor {
  const [b, h, l, e] = shape
  return alias(allocate([b, l, h, e], like.dtype, like.device), [b, h, l, e], [l * h * e, e, h * e, 1])
}

/** Attention in one pass over tiles. [B, H, L, E], [B, G, S, E], [B, G, S, V], mask [B, H, L, S]; G divides H. */
const fusedAttention: FunctionOp<
  [query: Tensor, key: Tensor, value: Tensor, mask: Tensor | null, causal: boolean, scale: number],
  Tensor
> = primitive({
  signature: '_attention(query, key, value, mask, causal, scale)',
  forward(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | null, causal: boolean, scale: number) {
    const [b, h, l] = query.shape
    const out = allocateByRow([b, h, l, value.shape[3]], query)
    const logSum = allocate([b, h, l], query.dtype === 'float64' ? 'float64' : 'float32', query.device)
    kernels.attention(out, logSum, inRows(query), inRows(key), inRows(value), mask, scale, causal)
    return saving(out, query, key, value, mask, out, logSum, causal, scale)
  },
  backward(grad, [query, key, value, mask, out, logSum, causal, scale], needs) {
    if (gradMode.enabled)
      return composedGradients(
        ([q, k, v]) => [
          composedAttention(q, repeatHeads(q, k, 'key'), repeatHeads(q, v, 'value'), mask, causal, scale, 0),
        ],
        [query, key, value],
        [grad],
      )
    const grads = [query, key, value].map((t) => allocateByRow(t.shape, t))
    const [dq, dk, dv] = grads
    kernels.attentionBackward(
      dq,
      dk,
      dv,
      inRows(grad),
      out,
      logSum,
      inRows(query),
      inRows(key),
      inRows(value),
      mask,
      scale,
      causal,
    )
    return grads.map((t, i) => (needs(i) ? t : null))
  },
})

/** The most features of a head that the kernel's tiles are meant for. */
const MOST_FEATURES = 256

/** Whether the kernel can let heads of keys and values serve several of the queries, without repeating them. */
const sharesHeads = (query: Tensor, key: Tensor, value: Tensor): boolean =>
  [query, key, value].every((t) => t.ndim === 4 && t.numel() > 0 && t.shape[3] <= MOST_FEATURES) &&
  key.shape[0] === query.shape[0] &&
  sameShape(key.shape.slice(0, 2), value.shape.slice(0, 2)) &&
  query.shape[1] % key.shape[1] === 0

/** The kernel's result, or null where it does not do what is asked. */
function fused(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  mask: Tensor | null,
  causal: boolean,
  scale: number,
): Tensor | null {
  const { ndim } = query
  const features = Math.max(query.shape[ndim - 1], value.shape[value.ndim - 1])
  // A mask that is learned needs its gradient.
  if (features > MOST_FEATURES || (mask !== null && gradMode.enabled && mask.requiresGrad)) return null
  for (const t of [query, key, value]) if (t.ndim !== ndim || t.numel() === 0) return null
  if (ndim === 4 && mask === null && [key, value].every((t) => sameShape(t.shape.slice(0, 2), query.shape.slice(0, 2))))
    return fusedAttention(query, key, value, null, causal, scale)
  const batch = broadcastShapes(
    OPERATION,
    broadcastShapes(OPERATION, query.shape.slice(0, -2), key.shape.slice(0, -2)),
    value.shape.slice(0, -2),
  )
  const scores = [...batch, query.shape[ndim - 2], key.shape[ndim - 2]]
  if (mask !== null && !sameShape(broadcastShapes(OPERATION, scores, mask.shape), scores)) return null
  // Four dimensions: what comes before the heads as one, what is missing as 1.
  const four = (t: Tensor, shape: readonly number[]): Tensor => {
    const wide = expand(t, shape)
    return ndim === 4
      ? wide
      : reshape(wide, ndim > 4 ? [-1, ...shape.slice(-3)] : [...new Array(4 - ndim).fill(1), ...shape])
  }
  const flat = (t: Tensor): Tensor => four(t, [...batch, ...t.shape.slice(-2)])
  const out = fusedAttention(flat(query), flat(key), flat(value), mask && four(mask, scores), causal, scale)
  return ndim === 4 ? out : reshape(out, [...batch, ...out.shape.slice(-2)])
}

/**
 * Attention: `softmax(query · keyᵀ · scale + mask) · value`. A query that may see no key gets zeros.
 *
 * @param query shape […, L, E]
 * @param key shape […, S, E]
 * @param value shape […, S, V]
 * @returns shape […, L, V]
 * @throws ShapeError when the shapes do not fit
 * @see https://arxiv.org/abs/1706.03762
 * @example
 * ```ts
 * import { F, ones } from '@flambeau/core'
 * const q = ones([2, 4, 3, 8])
 * console.log(F.scaledDotProductAttention(q, q, q, { isCausal: true }).shape) // → [ 2, 4, 3, 8 ]
 * ```
 */
export const scaledDotProductAttention: FunctionOp<
  [query: Tensor, key: Tensor, value: Tensor, options?: AttentionOptions],
  Tensor
> = composite(
  'nn.functional.scaled_dot_product_attention(query, key, value, {attn_mask, dropout_p, is_causal, scale, enable_gqa})',
  (query: Tensor, key: Tensor, value: Tensor, options: AttentionOptions = {}): Tensor => {
    checkAttention(query, key, value, options)
    const { attnMask = null, dropoutP = 0, isCausal = false, enableGqa = false } = options
    const scale = options.scale ?? 1 / Math.sqrt(query.shape[query.ndim - 1])
    if (enableGqa && attnMask === null && dropoutP === 0 && sharesHeads(query, key, value))
      return fusedAttention(query, key, value, null, isCausal, scale)
    const k = enableGqa ? repeatHeads(query, key, 'key') : key
    const v = enableGqa ? repeatHeads(query, value, 'value') : value
    const out = dropoutP === 0 ? fused(query, k, v, attnMask, isCausal, scale) : null
    return out ?? composedAttention(query, k, v, attnMask, isCausal, scale, dropoutP)
  },
)
