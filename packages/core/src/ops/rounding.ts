// Rounding to whole numbers.
import { ArgumentError, DTypeError } from '../errors.js'
import { isFloating } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { zeroGrad } from './arithmetic.js'
import { choosing, type UnaryOp, unary, unaryRecord } from './pointwise.js'
import type { InplaceOp } from './record.js'

/** The smallest whole number not below each element. */
export const ceil: UnaryOp = unary({
  signature: 'ceil(self)',
  program: 'ceil',
  refuses: ['bool'],
  saves: 'none',
  derivative: zeroGrad,
})

/** The largest whole number not above each element. */
export const floor: UnaryOp = unary({
  signature: 'floor(self)',
  program: 'floor',
  refuses: ['bool'],
  saves: 'none',
  derivative: zeroGrad,
})

/** The whole part of each element. */
export const trunc: UnaryOp = unary({
  signature: 'trunc(self)',
  program: 'trunc',
  refuses: ['bool'],
  saves: 'none',
  derivative: zeroGrad,
})

/** The fractional part of each element, with its sign. */
export const frac: UnaryOp = unary({ signature: 'frac(self)', program: 'frac', saves: 'none', derivative: (g) => g })

const whole = unaryRecord({
  signature: 'round(self)',
  program: 'round',
  refuses: ['bool'],
  saves: 'none',
  derivative: zeroGrad,
})
// With 10^|decimals| as parameter, so that it is exact.
const decimal = unaryRecord({
  signature: 'round(self)',
  program: (p, x, ten) => p.op('div', p.op('round', p.op('mul', x, ten)), ten),
  saves: 'none',
  derivative: zeroGrad,
})
const tens = unaryRecord({
  signature: 'round(self)',
  program: (p, x, ten) => p.op('mul', p.op('round', p.op('div', x, ten)), ten),
  saves: 'none',
  derivative: zeroGrad,
})

/** The nearest whole number, halves to even. @param options `decimals`: digits that stay after the point; may be negative */
export const round: InplaceOp<[self: Tensor, options?: { readonly decimals?: number }]> = choosing(
  'round(self, {decimals})',
  whole,
  (self: Tensor, options?: { readonly decimals?: number }) => {
    const decimals = options?.decimals ?? 0
    if (!Number.isInteger(decimals))
      throw new ArgumentError(`round: expected a whole number of decimals, got ${decimals}`)
    if (decimals === 0) return [whole, self]
    if (!isFloating(self.dtype))
      throw new DTypeError(`round: decimals are for floating-point tensors, got ${self.dtype}`)
    return [decimals > 0 ? decimal : tens, self, 10 ** Math.abs(decimals)]
  },
)

export const fix = trunc
