// Choosing between values by a condition.
import { ArgumentError, DTypeError, ShapeError } from '../errors.js'
import { isComplex, isFloating } from '../tensor/dtype.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { zeroGrad } from './arithmetic.js'
import { inplacePrimitive, primitive } from './dispatch.js'
import { choosing, multiRecord, unaryRecord } from './pointwise.js'
import { FloatScalar, type Operand, resultType, type Scalar } from './promotion.js'
import type { FunctionOp, InplaceOp, Op } from './record.js'

const select = multiRecord(
  { signature: 'where(condition, self, other)', program: 'where', scalars: 'any', conditions: 1 },
  3,
  [
    null,
    (g: Tensor, condition: Tensor) => _whereOr0(g, condition),
    (g: Tensor, condition: Tensor) => _where0Or(g, condition),
  ],
)

const keep = (name: string, first: boolean): Op<[grad: Tensor, condition: Tensor]> => {
  const op: Op<[grad: Tensor, condition: Tensor]> = inplacePrimitive(
    multiRecord(
      {
        signature: `${name}(grad, condition)`,
        program: (p, g, condition) =>
          first ? p.op('where', condition, g, p.constant(0)) : p.op('where', condition, p.constant(0), g),
        result: 'first',
      },
      2,
      [(g: Tensor, _grad: Tensor, condition: Tensor) => op(g, condition), null],
    ),
  )
  return op
}
const _whereOr0 = keep('_where_or_zero', true)
const _where0Or = keep('_where_zero_or', false)

function checkCondition(operation: string, condition: unknown): Tensor {
  if (!(condition instanceof Tensor)) throw new ArgumentError(`${operation}: expected a bool tensor for condition`)
  if (condition.dtype !== 'bool' && condition.dtype !== 'uint8')
    throw new DTypeError(`${operation}: expected a bool tensor for condition, got ${condition.dtype}`)
  return condition
}

/**
 * `self` where `condition` holds, otherwise `other`; all three broadcast.
 *
 * @param condition bool tensor
 * @example
 * ```ts
 * import { ones, where } from '@flambeau/core'
 * console.log(where(ones([2]).gt(0), 1.5, ones([2])).dtype) // → float32
 * ```
 */
export const where: FunctionOp<[condition: Tensor, self: Operand, other: Operand], Tensor> = primitive({
  signature: 'where(condition, self, other)',
  forward: (condition: Tensor, self: Operand, other: Operand) =>
    select.forward(checkCondition('where', condition), self, other),
  backward: select.backward,
})

const fill = multiRecord(
  {
    signature: 'masked_fill(self, mask, value)',
    program: (p, self, mask, value) => p.op('where', mask, value, self),
    result: 'first',
  },
  3,
  [
    (g: Tensor, _self: Tensor, mask: Tensor) => _where0Or(g, mask),
    null,
    (g: Tensor, _self: Tensor, mask: Tensor) => _whereOr0(g, mask),
  ],
)

/** A copy in which the elements where `mask` holds are `value`. @param mask bool, broadcasts with `self` @param value a number or a 0-d tensor */
export const maskedFill: InplaceOp<[self: Tensor, mask: Tensor, value: Operand]> = choosing(
  'masked_fill(self, mask, value)',
  fill,
  (self: Tensor, mask: Tensor, value: Operand) => {
    if (!(mask instanceof Tensor) || mask.dtype !== 'bool')
      throw new DTypeError(
        `masked_fill: expected a bool tensor for mask, got ${mask instanceof Tensor ? mask.dtype : typeof mask}`,
      )
    if (value instanceof Tensor && value.ndim > 0)
      throw new ShapeError(
        `masked_fill: expected a number or a 0-d tensor for value, got shape ${formatShape(value.shape)}`,
      )
    const dtype = resultType('masked_fill', [value])
    if (isComplex(dtype) && !isComplex(self.dtype))
      throw new DTypeError(`masked_fill: a value of dtype ${dtype} does not fit a tensor of dtype ${self.dtype}`)
    if (!(value instanceof Tensor) && !isFloating(self.dtype) && !isComplex(self.dtype))
      return [fill, self, mask, wholeOf(value)]
    return value instanceof FloatScalar ? [fill, self, mask, value.value] : null
  },
)

/** What an integer tensor holds of a number. */
function wholeOf(value: Scalar | FloatScalar): Scalar {
  const number = value instanceof FloatScalar ? value.value : value
  if (typeof number !== 'number') return number
  if (!Number.isFinite(number)) throw new ArgumentError(`masked_fill: ${number} does not fit an integer tensor`)
  return Math.trunc(number)
}

/** What replaces NaN and infinities; by default 0 and the dtype's extremes. */
export interface NanToNumOptions {
  readonly nan?: number | null
  readonly posinf?: number | null
  readonly neginf?: number | null
}

const LARGEST = {
  float64: Number.MAX_VALUE,
  complex128: Number.MAX_VALUE,
  float32: 3.4028234663852886e38,
  complex64: 3.4028234663852886e38,
  float16: 65504,
  complex32: 65504,
  bfloat16: 3.3895313892515355e38,
} as const

const numbers = unaryRecord({
  signature: 'nan_to_num(self)',
  program: (p, x, nan, posinf, neginf) =>
    p.op(
      'where',
      p.op('isnan', x),
      nan,
      p.op('where', p.op('isposinf', x), posinf, p.op('where', p.op('isneginf', x), neginf, x)),
    ),
  derivative: (g, self) => finiteOnly(g, self),
})
const finiteOnly: Op<[grad: Tensor, self: Tensor]> = inplacePrimitive(
  multiRecord(
    {
      signature: '_finite_only(grad, self)',
      program: (p, g, x) => p.op('where', p.op('isfinite', x), g, p.constant(0)),
      result: 'first',
    },
    2,
    [(g: Tensor, _grad: Tensor, self: Tensor) => finiteOnly(g, self), (g: Tensor) => zeroGrad(g)],
  ),
)

/** A copy in which NaN, ∞ and -∞ are finite numbers. */
export const nanToNum: InplaceOp<[self: Tensor, options?: NanToNumOptions]> = choosing(
  'nan_to_num(self, {nan, posinf, neginf})',
  numbers,
  (self: Tensor, options?: NanToNumOptions) => {
    const largest = self.dtype in LARGEST ? LARGEST[self.dtype as keyof typeof LARGEST] : 0
    return [numbers, self, options?.nan ?? 0, options?.posinf ?? largest, options?.neginf ?? -largest]
  },
)
