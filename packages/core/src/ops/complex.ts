// Conjugates, angles, and complex numbers from parts.
import { ArgumentError, describe } from '../errors.js'
import { isComplex, toReal } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'
import { abs, div, mul, mulConj, sgn, zeroGrad } from './arithmetic.js'
import { to } from './copies.js'
import { inplaceComposite } from './dispatch.js'
import { binary, type UnaryOp, unary } from './pointwise.js'
import type { InplaceOp } from './record.js'

/** The complex conjugate; real tensors are returned as they are. */
export const conj: UnaryOp = inplaceComposite(
  'conj(self)',
  (self: Tensor): Tensor => (isComplex(self.dtype) ? conjugate(self) : self),
)

const conjugate: UnaryOp = unary({
  signature: '_conj_physical(self)',
  program: 'conj',
  saves: 'none',
  derivative: (g) => conj(g),
})

/** The complex conjugate; in place, written over the tensor. */
export const conjPhysical: UnaryOp = inplaceComposite(
  'conj_physical(self)',
  (self: Tensor): Tensor => (isComplex(self.dtype) ? conjugate(self) : self),
)

function checked(operation: string, self: unknown): Tensor {
  if (!Tensor.is(self)) throw new ArgumentError(`${operation}: expected a tensor, got ${describe(self)}`)
  return self
}

/** The conjugate where autograd has made it lazy elsewhere; here conjugates are always computed. */
export const resolveConj: UnaryOp = inplaceComposite(
  'resolve_conj(self)',
  (self: Tensor): Tensor => checked('resolve_conj', self),
)

/** The negative where it is lazy elsewhere; here negatives are always computed. */
export const resolveNeg: UnaryOp = inplaceComposite(
  'resolve_neg(self)',
  (self: Tensor): Tensor => checked('resolve_neg', self),
)

/** The angle of each element in radians; of a real one, π where it is negative. */
export const angle: UnaryOp = unary({
  signature: 'angle(self)',
  program: 'angle',
  result: 'realFloat',
  // d(arg z) = im(conj(z)·dz)/|z|²: the gradient is i·z/|z|², and 0 at 0.
  derivative: (g, self) =>
    isComplex(self.dtype) ? mul(div(mul(sgn(self), { re: 0, im: 1 }), nonzero(abs(self))), g) : zeroGrad(g),
})
const nonzero: UnaryOp = unary({
  signature: '_nonzero(self)',
  program: (p, x) => p.op('where', p.op('eq', x, p.constant(0)), p.constant(1), x),
  derivative: (g) => g,
})

const realPart = (t: Tensor): Tensor => (isComplex(t.dtype) ? to(t, toReal(t.dtype)) : t)

/** Complex numbers from their real and imaginary parts. */
export const complex: InplaceOp<[real: Tensor, imag: Tensor]> = binary({
  signature: 'complex(real, imag)',
  scalars: 'none',
  program: 'makeComplex',
  result: 'complex',
  saves: 'none',
  derivatives: [(g) => realPart(g), (g) => realPart(mul(g, { re: 0, im: -1 }))],
})

/** Complex numbers from their modulus and angle. */
export const polar: InplaceOp<[abs: Tensor, angle: Tensor]> = binary({
  signature: 'polar(abs, angle)',
  scalars: 'none',
  program: 'polar',
  result: 'complex',
  derivatives: [
    (g, modulus, angle) => realPart(mulConj(g, sgnPolar(modulus, angle as Tensor))),
    (g, modulus, angle) => realPart(mulConj(g, mul(polar(modulus, angle as Tensor), { re: 0, im: 1 }))),
  ],
})
const sgnPolar = (modulus: Tensor, angle: Tensor): Tensor => polar(nonzero(mul(modulus, 0)), angle)
