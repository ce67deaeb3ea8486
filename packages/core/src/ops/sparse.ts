// Sparse tensors in coordinate form: gradients of tables of which a batch uses few rows.
import { gradMode } from '../autograd/mode.js'
import { ArgumentError, AutogradError, DTypeError, describe, ShapeError } from '../errors.js'
import { alias } from '../tensor/create.js'
import { contiguousStrides, formatShape, numelOf, sameShape } from '../tensor/shape.js'
import { SparseStorage } from '../tensor/storage.js'
import { scope, Tensor } from '../tensor/tensor.js'
import { add, mul } from './arithmetic.js'
import { clone, detach, to } from './copies.js'
import { unique } from './counting.js'
import { zeros } from './creation.js'
import { composite } from './dispatch.js'
import { indexAdd, indexSelect } from './indexing.js'
import { cat, stack } from './joining.js'
import type { Op } from './record.js'
import { amax, amin } from './reductions.js'
import { unravelIndex } from './unusual.js'
import { reshape } from './views.js'

/**
 * A tensor that holds the elements, or slices, at given coordinates; all others are zero. Coordinates may repeat, and
 * then their values add up.
 *
 * It is what `backward()` leaves in the `grad` of a table that is looked up with `sparse: true`. Operators take strided
 * tensors: `toDense()` makes one.
 *
 * @example
 * ```ts
 * import { sparseCooTensor, tensor } from '@flambeau/core'
 * const s = sparseCooTensor(tensor([[0n, 2n, 0n]]), tensor([1, 2, 3]), [4])
 * console.log(s.coalesce().values().toArray()) // → [ 4, 2 ]
 * console.log(s.toDense().toArray()) // → [ 4, 0, 2, 0 ]
 * ```
 */
export class SparseTensor extends Tensor {
  readonly #indices: Tensor
  readonly #values: Tensor
  readonly #coalesced: boolean

  /** @internal Use `sparseCooTensor()`. Indices and values are not checked; they are shared. */
  constructor(indices: Tensor, values: Tensor, shape: readonly number[], coalesced: boolean) {
    super(new SparseStorage(values.device), values.dtype, shape, contiguousStrides(shape), 0)
    // Of its own, whatever scope they were made in: they end with this tensor.
    const outer = scope.tensors
    scope.tensors = null
    try {
      this.#indices = alias(indices)
      this.#values = alias(values)
    } finally {
      scope.tensors = outer
    }
    this.#coalesced = coalesced
  }

  /** How many coordinates are stored. */
  nnz(): number {
    return this.#indices.shape[1]
  }

  /** The number of dimensions that coordinates select in. */
  sparseDim(): number {
    return this.#indices.shape[0]
  }

  /** The number of dimensions of each stored value. */
  denseDim(): number {
    return this.#values.ndim - 1
  }

  /** Whether coordinates are known to be in order and to occur once. */
  isCoalesced(): boolean {
    return this.#coalesced
  }

  /** The coordinates, int64 [sparseDim, nnz]. @throws ArgumentError unless the tensor is coalesced */
  indices(): Tensor {
    this.#expectCoalesced('indices')
    return this.#indices
  }

  /** The values, [nnz, …]. @throws ArgumentError unless the tensor is coalesced */
  values(): Tensor {
    this.#expectCoalesced('values')
    return this.#values
  }

  /** @internal The coordinates and values as they are stored, PyTorch's `_indices()` and `_values()`. */
  get stored(): { readonly indices: Tensor; readonly values: Tensor } {
    return { indices: this.#indices, values: this.#values }
  }

  #expectCoalesced(operation: string): void {
    if (!this.#coalesced)
      throw new ArgumentError(`${operation}: coordinates of this sparse tensor may repeat; call coalesce() first`)
  }

  /** The same tensor with coordinates in order, each once. */
  coalesce(): SparseTensor {
    if (this.#coalesced) return this
    const sizes = this.shape.slice(0, this.sparseDim())
    if (this.nnz() === 0) return new SparseTensor(this.#indices, this.#values, this.shape, true)
    const { values: places, inverse } = unique(linear(this.#indices, sizes), { returnInverse: true })
    const count = places.shape[0]
    const target = zeros([count, ...this.#values.shape.slice(1)], { dtype: this.dtype, device: this.device })
    const indices = sizes.length === 1 ? reshape(places, [1, count]) : stack(unravelIndex(places, sizes))
    return new SparseTensor(indices, indexAdd(target, 0, inverse, this.#values), this.shape, true)
  }

  override dispose(): void {
    if (this.isDisposed) return
    super.dispose()
    this.#indices.dispose()
    this.#values.dispose()
  }

  /** The tensor as text, as PyTorch prints it. */
  override toString(): string {
    const of = (name: string, t: Tensor): string =>
      `${name}=${t.toString().replaceAll('\n', `\n${' '.repeat(8 + name.length)}`)}`
    const rest = [
      `size=(${this.shape.join(', ')}${this.ndim === 1 ? ',' : ''})`,
      `nnz=${this.nnz()}`,
      'layout=torch.sparse_coo',
    ]
    return `tensor(${of('indices', this.#indices)},\n       ${of('values', this.#values)},\n       ${rest.join(', ')})`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** The row-major positions of coordinates in a tensor of `sizes`. */
function linear(indices: Tensor, sizes: readonly number[]): Tensor {
  if (sizes.length === 1) return reshape(indices, [-1])
  const strides = contiguousStrides(sizes)
  const rows = strides.map((stride, dim) => mul(indices.select(0, dim), stride))
  return rows.reduce((total, row) => add(total, row))
}

/** What `sparseCooTensor` takes. */
export interface SparseOptions {
  /** Says that coordinates are in order and occur once, which is not checked. Default false. */
  readonly isCoalesced?: boolean
}

/**
 * A sparse tensor from coordinates and the values there.
 *
 * @param indices integers [sparseDim, nnz]
 * @param values [nnz, …]; further dimensions make the stored values slices
 * @param size default: as large as the coordinates ask for
 * @throws ArgumentError when a coordinate is outside of `size`
 */
export function sparseCooTensor(
  indices: Tensor,
  values: Tensor,
  size?: readonly number[] | null,
  options: SparseOptions = {},
): SparseTensor {
  const name = 'sparse_coo_tensor'
  for (const [what, t] of [['indices', indices] as const, ['values', values] as const])
    if (!Tensor.is(t) || t.isSparse)
      throw new ArgumentError(`${name}: expected a strided tensor for ${what}, got ${describe(t)}`)
  if (indices.isFloatingPoint() || indices.isComplex() || indices.dtype === 'bool')
    throw new DTypeError(`${name}: expected integer indices, got ${indices.dtype}`)
  if (indices.ndim !== 2 || values.ndim < 1 || values.shape[0] !== indices.shape[1] || indices.shape[0] < 1)
    throw new ShapeError(
      `${name}: expected indices [sparse dimensions, n] and values [n, …], got ${formatShape(indices.shape)} and ${formatShape(values.shape)}`,
    )
  const [dims, count] = indices.shape
  const low = count === 0 ? [] : (amin(indices, 1).toArray() as number[])
  const high = count === 0 ? new Array<number>(dims).fill(-1) : (amax(indices, 1).toArray() as number[])
  const shape = size ?? [...high.map((index) => index + 1), ...values.shape.slice(1)]
  if (
    !Array.isArray(shape) ||
    shape.length !== dims + values.ndim - 1 ||
    !shape.every((n) => Number.isInteger(n) && n >= 0)
  )
    throw new ShapeError(`${name}: expected ${dims + values.ndim - 1} sizes, got ${describe(size)}`)
  if (!sameShape(shape.slice(dims), values.shape.slice(1)))
    throw new ShapeError(
      `${name}: values of shape ${formatShape(values.shape)} do not fit size ${formatShape(shape)} with ${dims} sparse dimensions`,
    )
  for (let d = 0; d < dims; d++)
    if (low[d] < 0 || high[d] >= shape[d])
      throw new ArgumentError(
        `${name}: expected indices of dimension ${d} in [0, ${shape[d]}), got ${low[d] < 0 ? low[d] : high[d]}`,
      )
  return new SparseTensor(to(detach(indices), 'int64'), detach(values), [...shape], options.isCoalesced ?? false)
}

/** The tensor itself, or a sparse one with its zeros. */
export const toDense: Op<[self: Tensor]> = composite('to_dense(self)', (self: Tensor): Tensor => {
  if (!Tensor.is(self)) throw new ArgumentError(`to_dense: expected a tensor, got ${describe(self)}`)
  if (!(self instanceof SparseTensor)) return self
  const { indices, values } = self.stored
  const sizes = self.shape.slice(0, self.sparseDim())
  const flat = zeros([numelOf(sizes), ...values.shape.slice(1)], { dtype: self.dtype, device: self.device })
  return reshape(indexAdd(flat, 0, linear(indices, sizes), values), self.shape)
})

/** `rows` of a strided tensor at the coordinates of a sparse one, as `[nnz, …]`. */
export function valuesAt(dense: Tensor, { stored, shape }: SparseTensor): Tensor {
  const sizes = shape.slice(0, stored.indices.shape[0])
  return indexSelect(reshape(dense, [numelOf(sizes), ...shape.slice(sizes.length)]), 0, linear(stored.indices, sizes))
}

/** `dense += alpha · sparse`, where the sparse tensor's values may be replaced; the dense one is contiguous. */
export function addSparse_(
  dense: Tensor,
  sparse: SparseTensor,
  alpha: number,
  values: Tensor = sparse.stored.values,
): void {
  const { indices } = sparse.stored
  const sizes = sparse.shape.slice(0, indices.shape[0])
  if (!dense.isContiguous()) {
    dense.copy_(to(toDense(new SparseTensor(indices, mul(values, alpha), sparse.shape, false)), dense.dtype).add(dense))
    return
  }
  dense
    .view([numelOf(sizes), ...sparse.shape.slice(sizes.length)])
    .indexAdd_(0, linear(indices, sizes), values, { alpha })
}

/** The sum of two gradients, of which either may be sparse; sparse where both are. */
export function addGradients(a: Tensor, b: Tensor): Tensor {
  if (a instanceof SparseTensor && b instanceof SparseTensor) {
    const joined = new SparseTensor(
      cat([a.stored.indices, b.stored.indices], 1),
      cat([a.stored.values, b.stored.values]),
      a.shape,
      false,
    )
    return a.isCoalesced() && b.isCoalesced() ? joined.coalesce() : joined
  }
  return add(toDense(a), toDense(b))
}

/** `into += grad`, where the gradient may be sparse. */
export function addGradientTo(into: Tensor, grad: Tensor): void {
  if (grad instanceof SparseTensor) addSparse_(into, grad, 1)
  else into.add_(grad)
}

/** A sparse tensor without elements, of the shape and dtype of another. */
export function emptySparse({ stored, shape }: SparseTensor): SparseTensor {
  return new SparseTensor(stored.indices.narrow(1, 0, 0), stored.values.narrow(0, 0, 0), shape, true)
}

/** A copy of a gradient, which may be sparse. */
export function cloneGradient(grad: Tensor): Tensor {
  if (!(grad instanceof SparseTensor)) return clone(grad)
  const { indices, values } = grad.stored
  return new SparseTensor(clone(indices), clone(values), grad.shape, grad.isCoalesced())
}

/** The gradient of a table [rows, width] of which rows `indices` were read: a sparse tensor of the gradients of what was read. */
export function sparseRows(
  operation: string,
  grad: Tensor,
  indices: Tensor,
  rows: number,
  paddingIndex: number,
): SparseTensor {
  if (gradMode.enabled)
    throw new AutogradError(`${operation}: a sparse gradient cannot be differentiated again; use sparse: false`)
  const width = grad.shape[grad.ndim - 1]
  let at = to(reshape(indices, [-1]), 'int64')
  let values = reshape(grad, [at.shape[0], width])
  if (paddingIndex >= 0) {
    const kept = reshape(at.ne(paddingIndex).nonzero() as Tensor, [-1])
    at = indexSelect(at, 0, kept)
    values = indexSelect(values, 0, kept)
  }
  return new SparseTensor(reshape(at, [1, -1]), values, [rows, width], false)
}
