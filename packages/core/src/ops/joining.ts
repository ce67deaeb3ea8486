// Joining tensors: cat, stack and their kin; meshgrid and products of sets.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DeviceError, describe, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { promoteTypes } from '../tensor/dtype.js'
import { formatShape, wrapDim } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { zeros } from './creation.js'
import { composite, primitive } from './dispatch.js'
import { type FunctionOp, saving } from './record.js'
import { narrow } from './slicing.js'
import { atleast1d, atleast2d, atleast3d, expand, reshape, unsqueeze } from './views.js'

type ListOp = FunctionOp<[tensors: readonly Tensor[], dim?: number], Tensor>

function checkList(operation: string, tensors: unknown, least = 1): asserts tensors is readonly Tensor[] {
  if (!Array.isArray(tensors) || tensors.length < least || !tensors.every((x) => x instanceof Tensor))
    throw new ArgumentError(
      `${operation}: expected a list of ${least > 0 ? 'at least one tensor' : 'tensors'}, got ${describe(tensors)}`,
    )
  for (const x of tensors)
    if (x.device !== tensors[0].device)
      throw new DeviceError(`${operation}: expected tensors on one device, got ${tensors[0].device} and ${x.device}`)
}

/** A vector of no elements, which `cat` lets pass in any company. */
const isLegacyEmpty = (x: Tensor): boolean => x.ndim === 1 && x.shape[0] === 0

/**
 * Joins tensors along a dimension that they have.
 *
 * @param tensors of one shape but for `dim`; dtypes are promoted
 * @example
 * ```ts
 * import { cat, ones, zeros } from '@flambeau/core'
 * console.log(cat([zeros([1, 3]), ones([2, 3])]).shape) // → [ 3, 3 ]
 * ```
 */
export const cat: ListOp = primitive({
  signature: 'cat(tensors, dim)',
  forward(tensors: readonly Tensor[], dim = 0) {
    checkList('cat', tensors)
    const lead = tensors.find((x) => !isLegacyEmpty(x)) ?? tensors[0]
    if (tensors.some((x) => x.ndim === 0))
      throw new ShapeError('cat: expected tensors of at least one dimension, got a 0-d tensor; use stack()')
    const at = wrapDim('cat', dim, lead.ndim)
    const dtype = tensors.map((x) => x.dtype).reduce(promoteTypes)
    const sizes = tensors.map((x) => (isLegacyEmpty(x) && lead.ndim !== 1 ? 0 : x.shape[at]))
    for (const x of tensors) {
      if (isLegacyEmpty(x)) continue
      if (x.ndim !== lead.ndim || x.shape.some((n, d) => d !== at && n !== lead.shape[d]))
        throw new ShapeError(
          `cat: expected tensors of one shape but for dimension ${at}, got ${formatShape(lead.shape)} and ${formatShape(x.shape)}`,
        )
    }
    const total = sizes.reduce((a, b) => a + b, 0)
    const out = allocate(
      lead.shape.map((n, d) => (d === at ? total : n)),
      dtype,
      lead.device,
    )
    let from = 0
    tensors.forEach((x, i) => {
      const part = alias(
        out,
        out.shape.map((n, d) => (d === at ? sizes[i] : n)),
        out.strides,
        from * out.strides[at],
      )
      if (sizes[i] > 0) kernels.copy(part, x)
      from += sizes[i]
    })
    return saving(
      out,
      sizes,
      at,
      tensors.map((x) => x.shape),
    )
  },
  backward(grad, [sizes, at, shapes], needs) {
    let from = 0
    return sizes.map((n, i) => {
      const start = from
      from += n
      if (!needs(i)) return null
      const part = narrow(grad, at, start, n)
      return part.ndim === shapes[i].length ? part : reshape(part, shapes[i])
    })
  },
})

/** Another name of `cat`. */
export const concat: ListOp = composite(
  'concat(tensors, dim)',
  (tensors: readonly Tensor[], dim = 0): Tensor => cat(tensors, dim),
)
/** Another name of `cat`. */
export const concatenate: ListOp = composite(
  'concatenate(tensors, dim)',
  (tensors: readonly Tensor[], dim = 0): Tensor => cat(tensors, dim),
)

/** Joins tensors of one shape along a new dimension. @returns shape with `tensors.length` at `dim` */
export const stack: ListOp = composite('stack(tensors, dim)', (tensors: readonly Tensor[], dim = 0): Tensor => {
  checkList('stack', tensors)
  const { shape } = tensors[0]
  for (const x of tensors)
    if (x.ndim !== shape.length || x.shape.some((n, d) => n !== shape[d]))
      throw new ShapeError(
        `stack: expected tensors of one shape, got ${formatShape(shape)} and ${formatShape(x.shape)}`,
      )
  const at = wrapDim('stack', dim, shape.length + 1)
  return cat(
    tensors.map((x) => unsqueeze(x, at)),
    at,
  )
})

type StackOp = FunctionOp<[tensors: readonly Tensor[]], Tensor>
function stacker(
  name: string,
  prepare: (tensors: readonly Tensor[]) => readonly Tensor[],
  dimOf: (list: readonly Tensor[]) => number,
): StackOp {
  return composite(`${name}(tensors)`, (tensors: readonly Tensor[]): Tensor => {
    checkList(name, tensors)
    const list = prepare(tensors)
    return cat(list, dimOf(list))
  })
}
const padded = (pad: (x: Tensor) => Tensor) => (tensors: readonly Tensor[]) => tensors.map((x) => pad(x))

/** Joins side by side: along dimension 1, or 0 for vectors. */
export const hstack: StackOp = stacker(
  'hstack',
  padded((x) => atleast1d(x)),
  (list) => (list[0].ndim === 1 ? 0 : 1),
)
/** Joins one below the other: along dimension 0, vectors being rows. */
export const vstack: StackOp = stacker(
  'vstack',
  padded((x) => atleast2d(x)),
  () => 0,
)
/** Another name of `vstack`. */
export const rowStack: StackOp = stacker(
  'row_stack',
  padded((x) => atleast2d(x)),
  () => 0,
)
/** Joins in depth: along dimension 2. */
export const dstack: StackOp = stacker(
  'dstack',
  padded((x) => atleast3d(x)),
  () => 2,
)
/** Joins columns: vectors become columns first. */
export const columnStack: StackOp = stacker(
  'column_stack',
  padded((x) => (x.ndim <= 1 ? reshape(x, [x.numel(), 1]) : x)),
  () => 1,
)

/** What `meshgrid` takes. */
export interface MeshgridOptions {
  /** `'ij'` (default): the first tensor varies along dimension 0; `'xy'`: along dimension 1. */
  readonly indexing?: 'ij' | 'xy'
}

/** Grids of coordinates from vectors: the i-th varies along dimension i; views. */
export const meshgrid: FunctionOp<[tensors: readonly Tensor[], options?: MeshgridOptions], Tensor[]> = composite(
  'meshgrid(tensors, {indexing})',
  (tensors: readonly Tensor[], { indexing = 'ij' }: MeshgridOptions = {}): Tensor[] => {
    checkList('meshgrid', tensors)
    if (indexing !== 'ij' && indexing !== 'xy')
      throw new ArgumentError(`meshgrid: expected indexing 'ij' or 'xy', got ${describe(indexing)}`)
    for (const x of tensors) {
      if (x.ndim > 1)
        throw new ShapeError(`meshgrid: expected vectors or 0-d tensors, got shape ${formatShape(x.shape)}`)
      if (x.dtype !== tensors[0].dtype)
        throw new ArgumentError(`meshgrid: expected tensors of one dtype, got ${tensors[0].dtype} and ${x.dtype}`)
    }
    const swap = indexing === 'xy' && tensors.length >= 2
    const list = swap ? [tensors[1], tensors[0], ...tensors.slice(2)] : tensors
    const shape = list.map((x) => x.numel())
    const grids = list.map((x, i) =>
      expand(
        reshape(
          x,
          shape.map((n, d) => (d === i ? n : 1)),
        ),
        shape,
      ),
    )
    if (!swap) return grids
    return [grids[1], grids[0], ...grids.slice(2)]
  },
)

/** All tuples with one element of each vector, as rows. @returns shape `[∏ sizes, tensors.length]`; a vector for one */
export const cartesianProd: FunctionOp<[...tensors: Tensor[]], Tensor> = composite(
  'cartesian_prod(...tensors)',
  (...tensors: Tensor[]): Tensor => {
    const list = tensors.flat()
    checkList('cartesian_prod', list)
    for (const x of list)
      if (x.ndim !== 1) throw new ShapeError(`cartesian_prod: expected vectors, got shape ${formatShape(x.shape)}`)
    if (list.length === 1) return list[0]
    return stack(
      meshgrid(list).map((g) => reshape(g, [-1])),
      1,
    )
  },
)

/** Matrices along a diagonal, zeros elsewhere; vectors count as rows, numbers as 1×1. */
export const blockDiag: FunctionOp<[...tensors: Tensor[]], Tensor> = composite(
  'block_diag(...tensors)',
  (...tensors: Tensor[]): Tensor => {
    const list = tensors.flat()
    if (list.length === 0) return zeros([1, 0])
    checkList('block_diag', list)
    for (const x of list)
      if (x.ndim > 2)
        throw new ShapeError(`block_diag: expected at most 2 dimensions, got shape ${formatShape(x.shape)}`)
    const blocks = list.map((x) => atleast2d(x) as Tensor)
    const dtype = blocks.map((x) => x.dtype).reduce(promoteTypes)
    const columns = blocks.reduce((n, x) => n + x.shape[1], 0)
    let before = 0
    const rows = blocks.map((x) => {
      const zero = (n: number) => zeros([x.shape[0], n], { dtype, device: x.device })
      const row = cat([zero(before), x.to({ dtype }), zero(columns - before - x.shape[1])], 1)
      before += x.shape[1]
      return row
    })
    return cat(rows, 0)
  },
)
