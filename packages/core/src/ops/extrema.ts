// Larger, smaller, and bounded values.
import { ArgumentError } from '../errors.js'
import type { Tensor } from '../tensor/tensor.js'
import { zeroGrad } from './arithmetic.js'
import { inplacePrimitive } from './dispatch.js'
import { binary, binaryRecord, choosing, multiRecord, type TernaryOp, ternary } from './pointwise.js'
import type { Program } from './programs.js'
import type { Operand } from './promotion.js'
import type { InplaceOp } from './record.js'

/** An operator of two tensors. */
type PairOp = InplaceOp<[self: Tensor, other: Tensor]>

/** Passes the gradient where a condition on two operands holds; half of it where they are equal, if `ties` says so. */
const gate = (signature: string, program: Program): TernaryOp => {
  const op: TernaryOp = ternary({
    signature,
    program,
    result: 'first',
    derivatives: [(g, _grad, a, b) => op(g, a, b), zeroGrad, zeroGrad],
  })
  return op
}
const gradWhereGreater = gate('_grad_where_greater(grad, self, other)', (p, g, a, b) =>
  p.op('where', p.op('eq', a, b), p.op('mul', g, p.constant(0.5)), p.op('where', p.op('lt', a, b), p.constant(0), g)),
)
const gradWhereLess = gate('_grad_where_less(grad, self, other)', (p, g, a, b) =>
  p.op('where', p.op('eq', a, b), p.op('mul', g, p.constant(0.5)), p.op('where', p.op('gt', a, b), p.constant(0), g)),
)
// Where a is the result of fmax or fmin; a tie is given to the first.
const gradWhereFirst = (name: 'ge' | 'le', first: boolean): TernaryOp =>
  gate(`_grad_of_f${name}${first ? '1' : '2'}(grad, self, other)`, (p, g, a, b) => {
    const taken = p.op('logicalOr', p.op(name, a, b), p.op('isnan', b))
    return first ? p.op('where', taken, g, p.constant(0)) : p.op('where', taken, p.constant(0), g)
  })
const fmaxFirst = gradWhereFirst('ge', true)
const fmaxSecond = gradWhereFirst('ge', false)
const fminFirst = gradWhereFirst('le', true)
const fminSecond = gradWhereFirst('le', false)

/** The larger of two elements; NaN where one is NaN. */
export const maximum: PairOp = binary({
  signature: 'maximum(self, other)',
  scalars: 'none',
  program: 'maximum',
  derivatives: [gradWhereGreater, (g, self, other) => gradWhereGreater(g, other, self)],
})

/** The smaller of two elements; NaN where one is NaN. */
export const minimum: PairOp = binary({
  signature: 'minimum(self, other)',
  scalars: 'none',
  program: 'minimum',
  derivatives: [gradWhereLess, (g, self, other) => gradWhereLess(g, other, self)],
})

/** The larger of two elements; the number where one is NaN. */
export const fmax: PairOp = binary({
  signature: 'fmax(self, other)',
  scalars: 'none',
  program: 'fmax',
  derivatives: [fmaxFirst, fmaxSecond],
})

/** The smaller of two elements; the number where one is NaN. */
export const fmin: PairOp = binary({
  signature: 'fmin(self, other)',
  scalars: 'none',
  program: 'fmin',
  derivatives: [fminFirst, fminSecond],
})

const gradInside = (bound: 'ge' | 'le') =>
  gate(`_grad_where_${bound}(grad, self, bound)`, (p, g, x, b) => p.op('where', p.op(bound, x, b), g, p.constant(0)))
const gradOutside = (bound: 'lt' | 'gt') =>
  gate(`_grad_where_${bound}(grad, self, bound)`, (p, g, x, b) => p.op('where', p.op(bound, x, b), g, p.constant(0)))
const whereAtLeast = gradInside('ge')
const whereAtMost = gradInside('le')
const whereBelow = gradOutside('lt')
const whereAbove = gradOutside('gt')

const atLeast = binaryRecord({
  signature: 'clamp(self, min)',
  program: 'maximum',
  refuses: ['bool'],
  derivatives: [whereAtLeast, whereBelow],
})
const atMost = binaryRecord({
  signature: 'clamp(self, max)',
  program: 'minimum',
  refuses: ['bool'],
  derivatives: [whereAtMost, whereAbove],
})
const between = multiRecord({ signature: 'clamp(self, min, max)', program: 'clamp', refuses: ['bool'] }, 3, [
  (g: Tensor, self: Tensor, min: Operand, max: Operand) => whereAtMost(whereAtLeast(g, self, min), self, max),
  // The lower bound counts where it is below the upper one, and gives way to it otherwise.
  (g: Tensor, self: Tensor, min: Tensor, max: Operand) => whereBelow(whereBelow(g, self, min), min, max),
  (g: Tensor, self: Tensor, min: Operand, max: Tensor) => gradOfUpper(g, self, min, max),
])
const gradOfUpper: InplaceOp<[grad: Tensor, self: Operand, min: Operand, max: Operand]> = inplacePrimitive(
  multiRecord(
    {
      signature: '_clamp_grad_of_max(grad, self, min, max)',
      program: (p, g, x, min, max) =>
        p.op('where', p.op('logicalOr', p.op('gt', x, max), p.op('lt', max, min)), g, p.constant(0)),
      result: 'first',
    },
    4,
    [
      (g: Tensor, _grad: Tensor, x: Operand, min: Operand, max: Operand) => gradOfUpper(g, x, min, max),
      zeroGrad,
      zeroGrad,
      zeroGrad,
    ],
  ),
)

/** A bound, or none. */
type Bound = Operand | null

/**
 * Limits each element to `min … max`, numbers or tensors; `null` leaves a side open. NaN stays NaN.
 *
 * @example
 * ```ts
 * import { ones } from '@flambeau/core'
 * console.log(ones([2]).clamp(null, 0.5).shape) // → [ 2 ]
 * ```
 */
export const clamp: InplaceOp<[self: Tensor, min?: Bound, max?: Bound]> = choosing(
  'clamp(self, min, max)',
  between,
  (self: Tensor, min: Bound = null, max: Bound = null) => {
    if (min === null && max === null) throw new ArgumentError('clamp: expected min, max or both')
    return min === null ? [atMost, self, max] : max === null ? [atLeast, self, min] : [between, self, min, max]
  },
)
export const clip = clamp

/** Raises elements below `min` to it. */
export const clampMin: InplaceOp<[self: Tensor, min: Operand]> = binary({
  signature: 'clamp_min(self, min)',
  program: 'maximum',
  derivatives: [whereAtLeast, whereBelow],
})

/** Lowers elements above `max` to it. */
export const clampMax: InplaceOp<[self: Tensor, max: Operand]> = binary({
  signature: 'clamp_max(self, max)',
  program: 'minimum',
  derivatives: [whereAtMost, whereAbove],
})
