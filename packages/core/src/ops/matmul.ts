// Matrix products.
import * as kernels from '../binding/kernels.gen.js'
import { DeviceError, DTypeError, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { isInteger } from '../tensor/dtype.js'
import { broadcastShapes, broadcastStrides, formatShape } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { add, mul } from './arithmetic.js'
import { conj } from './complex.js'
import { composite, inplaceComposite, primitive } from './dispatch.js'
import type { Operand } from './promotion.js'
import { type InplaceOp, type Op, saving } from './record.js'
import { permute, reshape } from './views.js'

/** The last two dimensions exchanged. */
const swapped = (t: Tensor): Tensor =>
  permute(t, [...Array.from({ length: t.ndim - 2 }, (_, i) => i), t.ndim - 1, t.ndim - 2])

/** The conjugate transpose of the last two dimensions. */
const adjoint = (t: Tensor): Tensor => conj(swapped(t))

function checkPair(operation: string, a: Tensor, b: Tensor): void {
  checkSame(operation, a, b)
  if (a.dtype === 'bool') throw new DTypeError(`${operation}: not implemented for bool`)
}

function checkSame(operation: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype)
    throw new DTypeError(`${operation}: expected operands of one dtype, got ${a.dtype} and ${b.dtype}`)
  if (a.device !== b.device)
    throw new DeviceError(`${operation}: expected tensors on one device, got ${a.device} and ${b.device}`)
}

/** The product of matrices in the last two dimensions, the others broadcast. */
const product: Op<[self: Tensor, other: Tensor]> = primitive({
  signature: '_matmul(self, other)',
  forward(self: Tensor, other: Tensor) {
    const [m, k] = self.shape.slice(-2)
    const n = other.shape[other.ndim - 1]
    const batch = broadcastShapes('matmul', self.shape.slice(0, -2), other.shape.slice(0, -2))
    const out = allocate([...batch, m, n], self.dtype, self.device)
    const a = [...batch, m, k]
    const b = [...batch, k, n]
    kernels.matmul(
      out,
      alias(self, a, broadcastStrides(self.shape, self.strides, a)),
      alias(other, b, broadcastStrides(other.shape, other.strides, b)),
      null,
    )
    return saving(out, self, other)
  },
  backward: (grad, [self, other], needs) => [
    needs(0) ? product(grad, adjoint(other)) : null,
    needs(1) ? product(adjoint(self), grad) : null,
  ],
})

/**
 * The matrix product: of two vectors their dot product, of matrices their product, of more dimensions a batch of
 * products, whose leading dimensions broadcast.
 *
 * @param self shape [K], [M, K] or […, M, K]
 * @param other shape [K], [K, N] or […, K, N]
 * @returns shape […, M, N], without the dimensions that a vector lacks
 * @throws ShapeError when the inner sizes differ
 * @example
 * ```ts
 * import { ones } from '@flambeau/core'
 * console.log(ones([2, 3]).matmul(ones([3, 4])).shape) // → [ 2, 4 ]
 * ```
 */
export const matmul: Op<[self: Tensor, other: Tensor]> = composite('matmul(self, other)', (self, other) => {
  checkPair('matmul', self, other)
  if (self.ndim === 0 || other.ndim === 0)
    throw new ShapeError(
      `matmul: expected tensors of at least 1 dimension, got shapes ${formatShape(self.shape)} and ${formatShape(other.shape)}`,
    )
  const k = self.shape[self.ndim - 1]
  const inner = other.shape[Math.max(other.ndim - 2, 0)]
  if (k !== inner)
    throw new ShapeError(
      `matmul: expected equal inner sizes, got shapes ${formatShape(self.shape)} and ${formatShape(other.shape)} (${k} and ${inner})`,
    )
  const vectorA = self.ndim === 1
  const vectorB = other.ndim === 1
  // A batch times one matrix is one product of taller matrices.
  if (self.ndim > 2 && other.ndim <= 2 && self.isContiguous()) {
    const b = vectorB ? reshape(other, [k, 1]) : other
    const rows = product(reshape(self, [self.numel() / Math.max(k, 1), k]), b)
    if (k > 0) return reshape(rows, vectorB ? self.shape.slice(0, -1) : [...self.shape.slice(0, -1), b.shape[1]])
  }
  const a = vectorA ? reshape(self, [1, k]) : self
  const b = vectorB ? reshape(other, [k, 1]) : other
  const out = product(a, b)
  if (!vectorA && !vectorB) return out
  const shape = [...out.shape]
  if (vectorB) shape.pop()
  if (vectorA) shape.splice(shape.length - (vectorB ? 1 : 2), 1)
  return reshape(out, shape)
})

function checkDims(operation: string, a: Tensor, aDims: number, b: Tensor, bDims: number): void {
  checkPair(operation, a, b)
  const shapes = `${formatShape(a.shape)} and ${formatShape(b.shape)}`
  if (a.ndim !== aDims || b.ndim !== bDims)
    throw new ShapeError(`${operation}: expected tensors of ${aDims} and ${bDims} dimensions, got shapes ${shapes}`)
  if (a.shape[aDims - 1] !== b.shape[Math.max(bDims - 2, 0)])
    throw new ShapeError(`${operation}: expected equal inner sizes, got shapes ${shapes}`)
  if (aDims === 3 && bDims === 3 && a.shape[0] !== b.shape[0])
    throw new ShapeError(`${operation}: expected equal batch sizes, got shapes ${shapes}`)
}

/** The product of two matrices, without broadcasting. @param self [M, K] @param mat2 [K, N] @returns [M, N] */
export const mm: Op<[self: Tensor, mat2: Tensor]> = composite('mm(self, mat2)', (self, mat2) => {
  checkDims('mm', self, 2, mat2, 2)
  return product(self, mat2)
})

/** The products of two batches of matrices. @param self [B, M, K] @param mat2 [B, K, N] @returns [B, M, N] */
export const bmm: Op<[self: Tensor, mat2: Tensor]> = composite('bmm(self, mat2)', (self, mat2) => {
  checkDims('bmm', self, 3, mat2, 3)
  return product(self, mat2)
})

/** A matrix times a vector. @param self [M, K] @param vec [K] @returns [M] */
export const mv: Op<[self: Tensor, vec: Tensor]> = composite('mv(self, vec)', (self, vec) => {
  checkDims('mv', self, 2, vec, 1)
  return matmul(self, vec)
})

/** The dot product of two vectors of one length, without conjugation. */
export const dot: Op<[self: Tensor, tensor: Tensor]> = composite('dot(self, tensor)', (self, tensor) => {
  checkDims('dot', self, 1, tensor, 1)
  return matmul(self, tensor)
})

/** The dot product of the conjugate of `self` with `other`. */
export const vdot: Op<[self: Tensor, other: Tensor]> = composite('vdot(self, other)', (self, other) => {
  checkDims('vdot', self, 1, other, 1)
  return matmul(conj(self), other)
})

/** Every product of an element of one vector with one of the other. @param self [N] @param vec2 [M] @returns [N, M] */
export const outer: Op<[self: Tensor, vec2: Tensor]> = composite('outer(self, vec2)', (self, vec2) => {
  if (self.ndim !== 1 || vec2.ndim !== 1)
    throw new ShapeError(
      `outer: expected vectors, got shapes ${formatShape(self.shape)} and ${formatShape(vec2.shape)}`,
    )
  return mul(reshape(self, [self.shape[0], 1]), vec2)
})

/** `beta` and `alpha` of the fused forms: β·self + α·(a · b). */
export interface ScaleOptions {
  /** Default 1. With 0, `self` is not read. */
  readonly beta?: number
  /** Default 1. */
  readonly alpha?: number
}

/** β·self + α·value, of the shape of `value`. */
function scaled(operation: string, self: Tensor, value: Tensor, { beta = 1, alpha = 1 }: ScaleOptions = {}): Tensor {
  checkSame(operation, self, value)
  const shape = broadcastShapes(operation, self.shape, value.shape)
  if (shape.length !== value.ndim || shape.some((n, i) => n !== value.shape[i]))
    throw new ShapeError(
      `${operation}: expected self to broadcast to ${formatShape(value.shape)}, got ${formatShape(self.shape)}`,
    )
  // The factors take the tensors' kind, as in PyTorch: 0.6 is 0 among integers and true among booleans.
  const factorOf = (factor: number): Operand =>
    value.dtype === 'bool' ? factor !== 0 : isInteger(value.dtype) ? Math.trunc(factor) : factor
  const times = (t: Tensor, factor: number): Tensor => (factor === 1 ? t : mul(t, factorOf(factor)))
  return beta === 0 ? times(value, alpha) : add(times(value, alpha), times(self, beta))
}

/** β·self + α·(mat1 · mat2). @param self broadcasts to [M, N] @param mat1 [M, K] @param mat2 [K, N] */
export const addmm: InplaceOp<[self: Tensor, mat1: Tensor, mat2: Tensor, options?: ScaleOptions]> = inplaceComposite(
  'addmm(self, mat1, mat2, {beta, alpha})',
  (self: Tensor, mat1, mat2, options) => scaled('addmm', self, mm(mat1, mat2), options),
)

/** β·self + α·(batch1 · batch2). @param self broadcasts to [B, M, N] @param batch1 [B, M, K] @param batch2 [B, K, N] */
export const baddbmm: InplaceOp<[self: Tensor, batch1: Tensor, batch2: Tensor, options?: ScaleOptions]> =
  inplaceComposite('baddbmm(self, batch1, batch2, {beta, alpha})', (self: Tensor, batch1, batch2, options) =>
    scaled('baddbmm', self, bmm(batch1, batch2), options),
  )

/** β·self + α·Σ batch1ᵢ · batch2ᵢ. @param self broadcasts to [M, N] @param batch1 [B, M, K] @param batch2 [B, K, N] */
export const addbmm: InplaceOp<[self: Tensor, batch1: Tensor, batch2: Tensor, options?: ScaleOptions]> =
  inplaceComposite('addbmm(self, batch1, batch2, {beta, alpha})', (self: Tensor, batch1, batch2, options) => {
    checkDims('addbmm', batch1, 3, batch2, 3)
    const [batch, m, k] = batch1.shape
    // Σᵢ aᵢ · bᵢ is one product, of the matrices side by side and below each other.
    const beside = reshape(permute(batch1, [1, 0, 2]), [m, batch * k])
    return scaled('addbmm', self, product(beside, reshape(batch2, [batch * k, batch2.shape[2]])), options)
  })

/** β·self + α·(mat · vec). @param self broadcasts to [M] @param mat [M, K] @param vec [K] */
export const addmv: InplaceOp<[self: Tensor, mat: Tensor, vec: Tensor, options?: ScaleOptions]> = inplaceComposite(
  'addmv(self, mat, vec, {beta, alpha})',
  (self: Tensor, mat, vec, options) => scaled('addmv', self, mv(mat, vec), options),
)

/** β·self + α·(vec1 ⊗ vec2). @param self broadcasts to [N, M] @param vec1 [N] @param vec2 [M] */
export const addr: InplaceOp<[self: Tensor, vec1: Tensor, vec2: Tensor, options?: ScaleOptions]> = inplaceComposite(
  'addr(self, vec1, vec2, {beta, alpha})',
  (self: Tensor, vec1, vec2, options) => scaled('addr', self, outer(vec1, vec2), options),
)
