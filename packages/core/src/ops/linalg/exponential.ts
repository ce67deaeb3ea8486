// The matrix exponential.
import * as kernels from '../../binding/kernels.gen.js'
import { DTypeError } from '../../errors.js'
import { allocate } from '../../tensor/create.js'
import { isComplex, isFloating } from '../../tensor/dtype.js'
import type { Tensor } from '../../tensor/tensor.js'
import { zerosLike } from '../creation.js'
import { composite, primitive } from '../dispatch.js'
import { contiguousRaw } from '../inplace.js'
import { cat } from '../joining.js'
import { type FunctionOp, type Op, saving } from '../record.js'
import { castRaw } from '../reduce.js'
import { narrow } from '../slicing.js'
import { adjoint, checkSquare, rowsOf } from './shared.js'

const exponential: FunctionOp<[A: Tensor], Tensor> = primitive({
  signature: '_matrix_exp(A)',
  forward(A: Tensor) {
    const half = A.dtype === 'float16' || A.dtype === 'bfloat16'
    const input = contiguousRaw(half ? castRaw(A, 'float32') : A)
    const out = allocate(input.shape, input.dtype, input.device)
    kernels.matrixExp(out, input)
    return saving(half ? castRaw(out, A.dtype) : out, A)
  },
  // The derivative at Aᴴ in the direction g is the corner of the exponential of a block triangle (Al-Mohy and Higham
  // 2009, "Computing the Fréchet derivative of the matrix exponential").
  backward(grad, [A]) {
    const n = rowsOf(A)
    if (A.numel() === 0) return [zerosLike(A)]
    const Ah = adjoint(A)
    const blocks = cat([cat([Ah, grad], -1), cat([zerosLike(Ah), Ah], -1)], -2)
    return [narrow(narrow(exponential(blocks), -2, 0, n), -1, n, n)]
  },
})

function exponentialChecked(operation: string, A: Tensor): Tensor {
  checkSquare(operation, A)
  if (!isFloating(A.dtype) && !isComplex(A.dtype))
    throw new DTypeError(`${operation}: expected a floating-point or complex dtype, got ${A.dtype}`)
  return exponential(A)
}

const matrixExpOf: FunctionOp<[A: Tensor], Tensor> = composite(
  'linalg.matrix_exp(A)',
  (A: Tensor): Tensor => exponentialChecked('linalg.matrix_exp', A),
)

/**
 * The exponential Σ Aᵏ/k! of square matrices, by scaling and squaring (Higham 2005).
 *
 * @param A shape […, N, N]
 */
export { matrixExpOf }

/** The exponential of square matrices. @see linalg.matrixExp */
export const matrixExp: Op<[self: Tensor]> = composite(
  'matrix_exp(self)',
  (self: Tensor): Tensor => exponentialChecked('matrix_exp', self),
)
