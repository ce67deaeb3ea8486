// Determinants and their logarithms.
import { gradMode } from '../../autograd/mode.js'
import * as kernels from '../../binding/kernels.gen.js'
import { allocate } from '../../tensor/create.js'
import { isComplex } from '../../tensor/dtype.js'
import type { Tensor } from '../../tensor/tensor.js'
import { abs, add, mul, remainder, sgn, sub } from '../arithmetic.js'
import { logicalNot, lt, ne } from '../comparison.js'
import { complex, conj } from '../complex.js'
import { maskedFill } from '../conditional.js'
import { to } from '../copies.js'
import { arange, fillRaw, zerosLike } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { indexCopy, indexFill, indexSelect } from '../indexing.js'
import { cat } from '../joining.js'
import { argwhere } from '../masks.js'
import { matmul } from '../matmul.js'
import { diagEmbed, flip } from '../rearrange.js'
import { type FunctionOp, type Op, saving } from '../record.js'
import { castRaw } from '../reduce.js'
import { prod, sum } from '../reductions.js'
import { cumprod } from '../scans.js'
import { narrow } from '../slicing.js'
import { imag } from '../strided.js'
import { log } from '../transcendental.js'
import { expand, reshape } from '../views.js'
import { epsilonOf } from './rank.js'
import {
  adjoint,
  allocateInfo,
  batchOf,
  checkLapack,
  checkSquare,
  columns,
  diagonals,
  perColumn,
  perRow,
  rowsOf,
} from './shared.js'
import { solveEx } from './solve.js'
import { svdFull } from './svd.js'

/** LU factors, and the sign of the permutation: 1 or -1. */
function factors(A: Tensor): { lu: Tensor; pivots: Tensor; sign: Tensor } {
  const lu = columns(A)
  const pivots = allocate(A.shape.slice(0, -1), 'int32', A.device)
  kernels.luFactor(lu, pivots, allocateInfo(batchOf(A), A.device))
  const order = arange(1, rowsOf(A) + 1, { dtype: 'int32', device: A.device })
  const odd = castRaw(remainder(sum(ne(pivots, order), -1), 2), A.dtype)
  return { lu, pivots, sign: sub(mul(odd, -2), -1) }
}

/** Multiples of the identity, one factor a matrix. */
const scalarMatrices = (factor: Tensor, n: number): Tensor => diagEmbed(expand(perRow(factor), [...factor.shape, n]))

/** factor·A⁻ᴴ by the factors of A; without history. */
function solveAdjoint(lu: Tensor, pivots: Tensor, factor: Tensor): Tensor {
  const x = columns(scalarMatrices(factor, rowsOf(lu)))
  kernels.luSolve(x, lu, pivots, 2)
  return x
}

/** The product of all other elements of the last dimension. */
function productOfOthers(t: Tensor): Tensor {
  const n = t.shape[t.ndim - 1]
  const ones = fillRaw([...t.shape.slice(0, -1), 1], 1, t.dtype, t.device)
  const before = cumprod(cat([ones, narrow(t, -1, 0, n - 1)], -1), -1)
  const after = flip(cumprod(cat([ones, flip(narrow(t, -1, 1, n - 1), -1)], -1), -1), -1)
  return mul(before, after)
}

/** grad·conj(adj(A))ᵀ for singular matrices: by their singular values, where the product of the others is finite. */
function adjugateGrad(A: Tensor, grad: Tensor): Tensor {
  const { U, S, Vh } = svdFull(A)
  const factor = mul(conj(mul(determinant(U), determinant(Vh))), grad)
  return matmul(mul(U, perColumn(mul(productOfOthers(S), perRow(factor)))), Vh)
}

/** g·conj(det A)·A⁻ᴴ of regular matrices. */
const regularGrad = (A: Tensor, grad: Tensor, out: Tensor): Tensor =>
  solveEx(adjoint(A), scalarMatrices(mul(grad, conj(out)), rowsOf(A))).result

/** The gradient of determinants of which those at `singular` are nearly zero. */
function mixedGrad(A: Tensor, grad: Tensor, out: Tensor, singular: Tensor): Tensor {
  const n = rowsOf(A)
  const count = out.numel()
  if (singular.numel() === count) return adjugateGrad(A, grad)
  const isSingular = indexFill(fillRaw([count], false, 'bool', A.device), 0, singular, true)
  const regular = reshape(argwhere(logicalNot(isSingular)), [-1])
  const [a, g, d] = [reshape(A, [count, n, n]), reshape(grad, [count]), reshape(out, [count])]
  const pick = (t: Tensor, index: Tensor): Tensor => indexSelect(t, 0, index)
  const zeros = fillRaw(a.shape, 0, A.dtype, A.device)
  const first = indexCopy(zeros, 0, singular, adjugateGrad(pick(a, singular), pick(g, singular)))
  return reshape(
    indexCopy(first, 0, regular, regularGrad(pick(a, regular), pick(g, regular), pick(d, regular))),
    A.shape,
  )
}

const determinant: FunctionOp<[A: Tensor], Tensor> = primitive({
  signature: '_det(A)',
  forward(A: Tensor) {
    const { lu, pivots, sign } = factors(A)
    const out = mul(prod(diagonals(lu), -1), sign)
    return saving(out, A, out, lu, pivots)
  },
  backward(grad, [A, out, lu, pivots]) {
    if (out.numel() === 0 || rowsOf(A) === 0) return [zerosLike(A)]
    // Where the determinant is zero its gradient need not be, but the factors no longer tell it.
    const nearZero = lt(abs(out.detach()), 100 * epsilonOf(A.dtype))
    const singular = reshape(argwhere(reshape(nearZero, [-1])), [-1])
    if (singular.numel() > 0) return [mixedGrad(A, grad, out, singular)]
    return [gradMode.enabled ? regularGrad(A, grad, out) : solveAdjoint(lu, pivots, mul(grad, conj(out)))]
  },
})

/**
 * The determinants of square matrices.
 *
 * @param A shape […, N, N]
 * @returns the batch's shape
 * @example
 * ```ts
 * import { linalg, tensor } from '@flambeau/core'
 * console.log(linalg.det(tensor([[2, 1], [0, 4]])).item()) // → 8
 * ```
 */
const det: FunctionOp<[A: Tensor], Tensor> = composite('linalg.det(A)', (A: Tensor): Tensor => {
  checkSquare('linalg.det', A)
  checkLapack('linalg.det', A)
  return determinant(A)
})

export { det as detOf }

/** The determinants of square matrices. @see linalg.det */
const detMethod: Op<[self: Tensor]> = composite('det(self)', (self: Tensor): Tensor => {
  checkSquare('det', self)
  checkLapack('det', self)
  return determinant(self)
})

export { detMethod as det }

const signAndLog: FunctionOp<[A: Tensor], Tensor[]> = primitive({
  signature: '_slogdet(A)',
  forward(A: Tensor) {
    const { lu, pivots, sign } = factors(A)
    const diagonal = diagonals(lu)
    const phase = mul(prod(sgn(diagonal), -1), sign)
    return saving([phase, sum(log(abs(diagonal)), -1)], A, phase, lu, pivots)
  },
  backward([gradSign, gradLog], [A, sign, lu, pivots]) {
    // With t = tr(A⁻¹dA): d(log|det|) = Re t, and d(sign) = sign·i·Im t, which is none for real matrices.
    let factor = gradLog
    if (isComplex(A.dtype) && gradSign !== null) {
      const turned = imag(mul(gradSign, conj(sign)))
      factor = complex(gradLog ?? zerosLike(turned), turned)
    }
    if (factor === null) return [null]
    const g = to(factor, A.dtype)
    return [gradMode.enabled ? solveEx(adjoint(A), scalarMatrices(g, rowsOf(A))).result : solveAdjoint(lu, pivots, g)]
  },
})

/** The sign of a determinant (of modulus 1 where it is complex), and the logarithm of its absolute value. */
export interface SignAndLog {
  readonly sign: Tensor
  readonly logabsdet: Tensor
}

function slogdetChecked(operation: string, A: Tensor): SignAndLog {
  checkSquare(operation, A)
  checkLapack(operation, A)
  const [sign, logabsdet] = signAndLog(A)
  return { sign, logabsdet }
}

const slogdet: FunctionOp<[A: Tensor], SignAndLog> = composite(
  'linalg.slogdet(A)',
  (A: Tensor): SignAndLog => slogdetChecked('linalg.slogdet', A),
)

/**
 * The signs and the logarithms of the absolute values of determinants, which do not overflow; 0 and -Infinity for
 * singular matrices.
 *
 * @param A shape […, N, N]
 */
export { slogdet as slogdetOf }

const slogdetMethod: Op<[self: Tensor], SignAndLog> = composite(
  'slogdet(self)',
  (self: Tensor): SignAndLog => slogdetChecked('slogdet', self),
)

/** The signs and logarithms of determinants. @see linalg.slogdet */
export { slogdetMethod as slogdet }

/** The logarithms of determinants: NaN for negative ones, -Infinity for zero. */
export const logdet: Op<[self: Tensor]> = composite('logdet(self)', (self: Tensor): Tensor => {
  const { sign, logabsdet } = slogdetChecked('logdet', self)
  return isComplex(self.dtype) ? add(log(sign), logabsdet) : maskedFill(logabsdet, lt(sign, 0), Number.NaN)
})
