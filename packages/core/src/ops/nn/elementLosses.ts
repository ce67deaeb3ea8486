// Losses of each element in one pass over memory, forward and backward; real floating-point operands of one dtype.
import { isFloating } from '../../tensor/dtype.js'
import type { Tensor } from '../../tensor/tensor.js'
import { mul, neg, rsub } from '../arithmetic.js'
import { type BinaryOp, binary, type TernaryOp, ternary } from '../pointwise.js'
import type { Operand } from '../promotion.js'
import { sigmoid } from '../transcendental.js'

/** Whether the losses of this file take these operands. */
export const takesElements = (input: Tensor, target: Tensor): boolean =>
  isFloating(input.dtype) && input.dtype === target.dtype

/** g · 2 (a - b) */
const twiceDifference: TernaryOp = ternary({
  signature: '_twice_difference(self, a, b)',
  program: (p, g, a, b) => p.op('mul', g, p.op('mul', p.op('sub', a, b), 2)),
  derivatives: [(c, _, a, b) => twiceDifference(c, a, b), (c, g) => mul(mul(c, g), 2), (c, g) => mul(mul(c, g), -2)],
})

/** (self - other)² */
export const squaredDifference: BinaryOp = binary({
  signature: '_squared_difference(self, other)',
  scalars: 'none',
  program: (p, a, b) => p.op('square', p.op('sub', a, b)),
  derivatives: [(g, a, b) => twiceDifference(g, a, b), (g, a, b) => twiceDifference(g, b, a)],
})

/** g · (σ(x) - t) */
const logitSlope: TernaryOp = ternary({
  signature: '_logit_slope(self, x, t)',
  program: (p, g, x, t) => p.op('mul', g, p.op('sub', p.op('sigmoid', x), t)),
  derivatives: [
    (c, _, x, t) => logitSlope(c, x, t),
    (c, g, x) => {
      const s = sigmoid(x as Tensor)
      return mul(mul(c, g), mul(s, rsub(s, 1)))
    },
    (c, g) => neg(mul(c, g)),
  ],
})

/** (1 - t) x - log σ(x) */
export const logitLoss: BinaryOp = binary({
  signature: '_logit_loss(self, target)',
  scalars: 'none',
  program: (p, x, t) => {
    const logs = p.op('sub', p.op('minimum', x, 0), p.op('log1p', p.op('exp', p.op('neg', p.op('abs', x)))))
    return p.op('sub', p.op('mul', p.op('sub', p.constant(1), t), x), logs)
  },
  derivatives: [(g, x, t: Operand) => logitSlope(g, x, t), (g, x) => neg(mul(g, x))],
})
