// Addition, multiplication and their kin.
import type { Tensor } from '../tensor/tensor.js'
import { type BinaryOp, binary, type Operand } from './pointwise.js'

const negative = (t: Tensor): Tensor => mul(t, -1)

/** Elementwise `self + other`, broadcast and promoted. */
export const add: BinaryOp = binary({ signature: 'add(self, other)', program: 'add', saves: 'none', derivatives: [(g) => g, (g) => g] })

/** Elementwise `self - other`, broadcast and promoted. */
export const sub: BinaryOp = binary({ signature: 'sub(self, other)', program: 'sub', saves: 'none', derivatives: [(g) => g, negative] })

/** Elementwise `self * other`, broadcast and promoted. */
export const mul: BinaryOp = binary({
  signature: 'mul(self, other)',
  program: 'mul',
  derivatives: [(g, _self, other) => mul(g, other), (g, self) => mul(g, self)],
})

/** Elementwise `self / other`; integers become the default dtype. */
export const div: BinaryOp = binary({
  signature: 'div(self, other)',
  program: 'div',
  result: 'float',
  derivatives: [
    (g, _self, other) => div(g, other),
    (g, self, other: Operand) => negative(div(div(mul(g, self), other), other)),
  ],
})
