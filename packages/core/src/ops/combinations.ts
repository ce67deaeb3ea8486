// Sums of one tensor with a product, a quotient or a part of a difference: `addcmul`, `addcdiv`, `lerp`.
import { ArgumentError, DTypeError, describe } from '../errors.js'
import { isComplex, isFloating } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { div, isWhole, mul, mulConj, neg, rsub, sub } from './arithmetic.js'
import { choosing, multiRecord } from './pointwise.js'
import { reciprocal } from './powers.js'
import { type FloatScalar, type Operand, resultType, type Scalar, unwrap } from './promotion.js'
import type { InplaceOp } from './record.js'

/** The options of `addcmul` and `addcdiv`. */
export interface ValueOptions {
  /** Multiplies the product or quotient. Default 1. */
  readonly value?: Scalar | FloatScalar
}

function factorOf(operation: string, operands: readonly Tensor[], { value = 1 }: ValueOptions = {}): Scalar {
  const dtype = resultType(operation, operands)
  if (!isFloating(dtype) && !isComplex(dtype) && !isWhole(value))
    throw new ArgumentError(`${operation}: expected a whole value for ${dtype} tensors, got ${describe(unwrap(value))}`)
  return unwrap(value)
}

const product = multiRecord(
  {
    signature: 'addcmul(self, tensor1, tensor2)',
    program: (p, self, a, b, value) => p.op('add', self, p.op('mul', p.op('mul', value, a), b)),
    refuses: ['bool'],
  },
  3,
  [
    (g: Tensor) => g,
    (g: Tensor, _self: Tensor, _a: Tensor, b: Tensor, value: number) => mulConj(g, mul(b, value)),
    (g: Tensor, _self: Tensor, a: Tensor, _b: Tensor, value: number) => mulConj(g, mul(a, value)),
  ],
)

/** Elementwise `self + value · tensor1 · tensor2`. */
export const addcmul: InplaceOp<[self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: ValueOptions]> = choosing(
  'addcmul(self, tensor1, tensor2, {value})',
  product,
  (self: Tensor, a: Tensor, b: Tensor, options?: ValueOptions) => [
    product,
    self,
    a,
    b,
    factorOf('addcmul', [self, a, b], options),
  ],
)

const quotient = multiRecord(
  {
    signature: 'addcdiv(self, tensor1, tensor2)',
    program: (p, self, a, b, value) => p.op('add', self, p.op('div', p.op('mul', value, a), b)),
  },
  3,
  [
    (g: Tensor) => g,
    (g: Tensor, _self: Tensor, _a: Tensor, b: Tensor, value: number) => mulConj(g, mul(reciprocal(b), value)),
    (g: Tensor, _self: Tensor, a: Tensor, b: Tensor, value: number) => neg(mulConj(g, div(mul(a, value), mul(b, b)))),
  ],
)

/** Elementwise `self + value · tensor1 / tensor2`. */
export const addcdiv: InplaceOp<[self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: ValueOptions]> = choosing(
  'addcdiv(self, tensor1, tensor2, {value})',
  quotient,
  (self: Tensor, a: Tensor, b: Tensor, options?: ValueOptions) => [
    quotient,
    self,
    a,
    b,
    factorOf('addcdiv', [self, a, b], options),
  ],
)

const lerpDerivatives = [
  (g: Tensor, _self: Tensor, _end: Tensor, weight: Operand) =>
    mulConj(g, weight instanceof Tensor ? rsub(weight, 1) : oneMinus(weight)),
  (g: Tensor, _self: Tensor, _end: Tensor, weight: Operand) => mulConj(g, weight),
  (g: Tensor, self: Tensor, end: Tensor) => mulConj(g, sub(end, self)),
]
const realLerp = multiRecord(
  {
    signature: 'lerp(self, end, weight)',
    // From the nearer end, so that both ends are met exactly.
    program: (p, self, end, weight) => {
      const difference = p.op('sub', end, self)
      const far = p.op('sub', end, p.op('mul', difference, p.op('sub', p.constant(1), weight)))
      return p.op(
        'where',
        p.op('lt', p.op('abs', weight), 0.5),
        p.op('add', self, p.op('mul', weight, difference)),
        far,
      )
    },
  },
  3,
  lerpDerivatives,
)
const complexLerp = multiRecord(
  {
    signature: 'lerp(self, end, weight)',
    program: (p, self, end, weight) => p.op('add', self, p.op('mul', weight, p.op('sub', end, self))),
  },
  3,
  lerpDerivatives,
)
/** Linear interpolation, `self + weight · (end - self)`. @param weight a tensor or a number */
export const lerp: InplaceOp<[self: Tensor, end: Tensor, weight: Operand]> = choosing(
  'lerp(self, end, weight)',
  realLerp,
  (self: Tensor, end: Tensor, weight: Operand) => {
    const others = weight instanceof Tensor ? [end, weight] : [end]
    for (const t of others)
      if (!(t instanceof Tensor) || t.dtype !== self.dtype)
        throw new DTypeError(
          `lerp: expected end and weight of dtype ${self.dtype}, got ${t instanceof Tensor ? t.dtype : describe(t)}`,
        )
    return isComplex(self.dtype) ? [complexLerp, self, end, weight] : null
  },
)
const oneMinus = (value: Scalar | FloatScalar): Scalar => {
  const v = unwrap(value)
  return typeof v === 'object' ? { re: 1 - v.re, im: -v.im } : 1 - Number(v)
}
