// Operators that read the same storage in another arrangement: pure TypeScript, no native call.

import { ArgumentError, describe, ShapeError } from '../errors.js'
import { alias } from '../tensor/create.js'
import { checkDType, DTYPES, type DType } from '../tensor/dtype.js'
import {
  broadcastShapes as broadcastShapesOf,
  checkShape,
  formatShape,
  isContiguous,
  numelOf,
  sameShape,
  wrapDim,
  wrapDims,
} from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { clone, contiguous } from './copies.js'
import { composite, primitive } from './dispatch.js'
import { type Forward, type FunctionOp, type Op, saving } from './record.js'
import { sumToSize } from './reductions.js'

/**
 * Reads the tensor as if its dimensions of size 1 were repeated, without copying.
 *
 * @param self shape that broadcasts to `size`
 * @param size the new shape; -1 keeps a dimension
 * @returns a view of shape `size`
 * @throws ShapeError when a dimension that is not 1 would change
 * @example
 * ```ts
 * import { tensor } from '@flambeau/core'
 * console.log(tensor([[1], [2]]).expand([2, 3]).shape) // → [ 2, 3 ]
 * ```
 */
export const expand: Op<[self: Tensor, size: readonly number[]]> = primitive({
  signature: 'expand(self, size)',
  view: true,
  forward(self: Tensor, size: readonly number[]) {
    const lead = size.length - self.shape.length
    if (lead < 0)
      throw new ShapeError(
        `expand: expected at least ${self.shape.length} sizes for a tensor of shape ${formatShape(self.shape)}, got ${formatShape(size)}`,
      )
    const shape = size.map((n, i) => (n === -1 && i >= lead ? self.shape[i - lead] : n))
    checkShape('expand', shape)
    const strides = shape.map((n, i) => {
      if (i < lead) return 0
      const old = self.shape[i - lead]
      if (old === n) return self.strides[i - lead]
      if (old !== 1)
        throw new ShapeError(
          `expand: dimension ${i} of ${formatShape(size)} must be ${old} for a tensor of shape ${formatShape(self.shape)}`,
        )
      return 0
    })
    return saving(alias(self, shape, strides), self.shape)
  },
  backward: (grad, [shape]) => [sumToSize(grad, shape)],
})

/** The strides that read a tensor in another shape without copying, or null where that cannot be. */
export function viewStrides(
  shape: readonly number[],
  strides: readonly number[],
  to: readonly number[],
): number[] | null {
  const result = new Array<number>(to.length)
  if (numelOf(shape) === 0) {
    let stride = 1
    for (let i = to.length - 1; i >= 0; i--) {
      result[i] = stride
      stride *= Math.max(to[i], 1)
    }
    return result
  }
  let at = to.length - 1
  let chunk = 1
  let base = 1
  let open = false
  // Walk the old dimensions from the last; each run that lies evenly in memory must be filled by new dimensions.
  for (let i = shape.length - 1; i >= 0; i--) {
    if (!open) {
      base = strides[i]
      open = true
    }
    chunk *= shape[i]
    if (i > 0 && (shape[i - 1] === 1 || strides[i - 1] === chunk * base)) continue
    let filled = 1
    while (at >= 0 && (filled < chunk || to[at] === 1)) {
      result[at] = filled * base
      filled *= to[at]
      at--
    }
    if (filled !== chunk) return null
    chunk = 1
    open = false
  }
  while (at >= 0 && to[at] === 1) result[at--] = 1
  return at < 0 ? result : null
}

/** Fills in -1 and checks the number of elements. */
export function inferSize(operation: string, self: Tensor, shape: readonly number[]): number[] {
  if (!Array.isArray(shape))
    throw new ShapeError(`${operation}: expected a shape such as [2, -1], got ${describe(shape)}`)
  const unknown = shape.indexOf(-1)
  const known = shape.reduce((n, size, i) => (i === unknown ? n : n * size), 1)
  const numel = self.numel()
  const sizes = [...shape]
  if (unknown >= 0 && known > 0 && numel % known === 0) sizes[unknown] = numel / known
  if (sizes.some((n) => !Number.isInteger(n) || n < 0) || numelOf(sizes) !== numel)
    throw new ShapeError(
      `${operation}: shape ${formatShape(shape)} does not fit the ${numel} elements of a tensor of shape ${formatShape(self.shape)}`,
    )
  return sizes
}

/** The same bytes as elements of another dtype. */
function reinterpret(self: Tensor, dtype: DType): Tensor {
  const from = DTYPES[self.dtype].size
  const to = DTYPES[checkDType('view', dtype)].size
  if (from === to) return new Tensor(self.storage, dtype, self.shape, self.strides, self.offset)
  const last = self.ndim - 1
  const refuse = (why: string): never => {
    throw new ShapeError(
      `view: a tensor of ${self.dtype}, shape ${formatShape(self.shape)} and strides ${formatShape(self.strides)} cannot be read as ${dtype}: ${why}`,
    )
  }
  if (last < 0) refuse('it has no dimension to change')
  if (self.strides[last] !== 1) refuse('the stride of the last dimension is not 1')
  const shape = [...self.shape]
  if (from > to) {
    const ratio = from / to
    shape[last] *= ratio
    return new Tensor(
      self.storage,
      dtype,
      shape,
      self.strides.map((s, i) => (i === last ? 1 : s * ratio)),
      self.offset * ratio,
    )
  }
  const ratio = to / from
  if (shape[last] % ratio !== 0) refuse(`the size of the last dimension is no multiple of ${ratio}`)
  if (self.offset % ratio !== 0 || self.strides.some((s, i) => i !== last && s % ratio !== 0))
    refuse(`offset and strides are no multiples of ${ratio}`)
  shape[last] /= ratio
  return new Tensor(
    self.storage,
    dtype,
    shape,
    self.strides.map((s, i) => (i === last ? 1 : s / ratio)),
    self.offset / ratio,
  )
}

/**
 * Reads the tensor in another shape, or its bytes as another dtype, without copying.
 *
 * @param shape the new shape, of the same number of elements, of which one size may be -1; or a dtype
 * @throws ShapeError when the elements do not lie as the shape needs them; `reshape` copies then
 */
export const view: Op<[self: Tensor, shape: readonly number[] | DType]> = primitive({
  signature: 'view(self, shape)',
  view: true,
  forward(self: Tensor, shape: readonly number[] | DType): Forward<Tensor, readonly [readonly number[] | null]> {
    if (typeof shape === 'string') return saving(reinterpret(self, shape), null)
    const sizes = inferSize('view', self, shape)
    const strides = viewStrides(self.shape, self.strides, sizes)
    if (strides === null)
      throw new ShapeError(
        `view: a tensor of shape ${formatShape(self.shape)} and strides ${formatShape(self.strides)} cannot be read as ${formatShape(sizes)}; use reshape()`,
      )
    return saving(alias(self, sizes, strides), self.shape)
  },
  backward: (grad, [shape]) => [shape === null ? null : reshape(grad, shape)],
})

/**
 * The tensor in another shape: a view where that is possible, a copy otherwise.
 *
 * @param shape the new shape, of the same number of elements; one size may be -1
 */
export const reshape: Op<[self: Tensor, shape: readonly number[]]> = composite(
  'reshape(self, shape)',
  (self: Tensor, shape: readonly number[]): Tensor => {
    const sizes = inferSize('reshape', self, shape)
    if (sameShape(sizes, self.shape) && isContiguous(self.shape, self.strides)) return view(self, sizes)
    return viewStrides(self.shape, self.strides, sizes) ? view(self, sizes) : view(clone(self), sizes)
  },
)

/** Reorders the dimensions, without copying. @param dims a permutation of 0 … ndim-1 */
export const permute: Op<[self: Tensor, dims: readonly number[]]> = primitive({
  signature: 'permute(self, dims)',
  view: true,
  forward(self: Tensor, dims: readonly number[]) {
    if (!Array.isArray(dims) || dims.length !== self.ndim)
      throw new ArgumentError(`permute: expected ${self.ndim} dims, got ${describe(dims)}`)
    const order = dims.map((d) => wrapDim('permute', d, self.ndim))
    if (new Set(order).size !== order.length)
      throw new ArgumentError(`permute: a dim appears twice in ${describe(dims)}`)
    return saving(
      alias(
        self,
        order.map((d) => self.shape[d]),
        order.map((d) => self.strides[d]),
      ),
      order,
    )
  },
  backward(grad, [order]) {
    const inverse = new Array<number>(order.length)
    order.forEach((d, i) => {
      inverse[d] = i
    })
    return [permute(grad, inverse)]
  },
})

/** Exchanges two dimensions, without copying. */
export const transpose: Op<[self: Tensor, dim0: number, dim1: number]> = primitive({
  signature: 'transpose(self, dim0, dim1)',
  view: true,
  forward(self: Tensor, dim0: number, dim1: number) {
    const a = wrapDim('transpose', dim0, self.ndim, 'dim0')
    const b = wrapDim('transpose', dim1, self.ndim, 'dim1')
    if (a === b) return saving(alias(self), a, b)
    const shape = [...self.shape]
    const strides = [...self.strides]
    ;[shape[a], shape[b]] = [shape[b], shape[a]]
    ;[strides[a], strides[b]] = [strides[b], strides[a]]
    return saving(alias(self, shape, strides), a, b)
  },
  backward: (grad, [a, b]) => [transpose(grad, a, b)],
})

const swaps = (name: string): Op<[self: Tensor, dim0: number, dim1: number]> =>
  composite(`${name}(self, dim0, dim1)`, (self: Tensor, dim0: number, dim1: number) => transpose(self, dim0, dim1))
/** Another name of `transpose`. */
export const swapaxes: Op<[self: Tensor, dim0: number, dim1: number]> = swaps('swapaxes')
/** Another name of `transpose`. */
export const swapdims: Op<[self: Tensor, dim0: number, dim1: number]> = swaps('swapdims')

/** The transpose of a matrix; a tensor of fewer dimensions as it is. */
export const t: Op<[self: Tensor]> = composite('t(self)', (self: Tensor): Tensor => {
  if (self.ndim > 2)
    throw new ShapeError(`t: expected at most 2 dimensions, got shape ${formatShape(self.shape)}; use transpose()`)
  return self.ndim < 2 ? view(self, self.shape) : transpose(self, 0, 1)
})

const dimList = (dims: number | readonly number[]): readonly number[] => (typeof dims === 'number' ? [dims] : dims)

function moved(
  name: string,
): Op<[self: Tensor, source: number | readonly number[], destination: number | readonly number[]]> {
  return composite(
    `${name}(self, source, destination)`,
    (self: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor => {
      const from = dimList(source).map((d) => wrapDim(name, d, self.ndim, 'source'))
      const to = dimList(destination).map((d) => wrapDim(name, d, self.ndim, 'destination'))
      if (from.length !== to.length)
        throw new ArgumentError(
          `${name}: expected as many sources as destinations, got ${describe(source)} and ${describe(destination)}`,
        )
      if (new Set(from).size !== from.length || new Set(to).size !== to.length)
        throw new ArgumentError(`${name}: a dim appears twice in ${describe(source)} or ${describe(destination)}`)
      if (self.ndim === 0) return view(self, [])
      const rest = self.shape.map((_, d) => d).filter((d) => !from.includes(d))
      const order = self.shape.map((_, d) => {
        const k = to.indexOf(d)
        return k >= 0 ? from[k] : -1
      })
      return permute(
        self,
        order.map((d) => (d >= 0 ? d : (rest.shift() ?? 0))),
      )
    },
  )
}
/** Moves dimensions to other places; the others keep their order. */
export const movedim: Op<[self: Tensor, source: number | readonly number[], destination: number | readonly number[]]> =
  moved('movedim')
/** Another name of `movedim`. */
export const moveaxis: Op<[self: Tensor, source: number | readonly number[], destination: number | readonly number[]]> =
  moved('moveaxis')

/**
 * Drops dimensions of size 1, without copying.
 *
 * @param dim the dimension, or dimensions, to drop where they have size 1; all unless given
 */
export const squeeze: Op<[self: Tensor, dim?: number | readonly number[] | null]> = primitive({
  signature: 'squeeze(self, dim)',
  view: true,
  forward(self: Tensor, dim: number | readonly number[] | null = null) {
    const drop = new Set(dim === null ? self.shape.map((_, i) => i) : wrapDims('squeeze', dim, self.ndim, false))
    const keep = self.shape.map((_, i) => i).filter((i) => self.shape[i] !== 1 || !drop.has(i))
    return saving(
      alias(
        self,
        keep.map((i) => self.shape[i]),
        keep.map((i) => self.strides[i]),
      ),
      self.shape,
    )
  },
  backward: (grad, [shape]) => [reshape(grad, shape)],
})

/** Puts in a dimension of size 1 at `dim`, without copying. */
export const unsqueeze: Op<[self: Tensor, dim: number]> = primitive({
  signature: 'unsqueeze(self, dim)',
  view: true,
  forward(self: Tensor, dim: number) {
    const { ndim } = self
    const at = wrapDim('unsqueeze', dim, ndim + 1)
    const shape = [...self.shape]
    const strides = [...self.strides]
    strides.splice(at, 0, at < ndim ? shape[at] * strides[at] : 1)
    shape.splice(at, 0, 1)
    return saving(alias(self, shape, strides), at)
  },
  backward: (grad, [at]) => [squeeze(grad, at)],
})

/** Joins the dimensions from `startDim` to `endDim` into one; a view where that is possible. */
export const flatten: Op<[self: Tensor, startDim?: number, endDim?: number]> = composite(
  'flatten(self, startDim, endDim)',
  (self: Tensor, startDim = 0, endDim = -1): Tensor => {
    const start = wrapDim('flatten', startDim, self.ndim, 'startDim')
    const end = wrapDim('flatten', endDim, self.ndim, 'endDim')
    if (start > end) throw new ArgumentError(`flatten: expected startDim ≤ endDim, got ${startDim} and ${endDim}`)
    if (self.ndim === 0) return reshape(self, [1])
    if (start === end) return self
    const { shape } = self
    return reshape(self, [...shape.slice(0, start), numelOf(shape.slice(start, end + 1)), ...shape.slice(end + 1)])
  },
)

/** The elements as a vector; a view where that is possible. */
export const ravel: Op<[self: Tensor]> = composite(
  'ravel(self)',
  (self: Tensor): Tensor => reshape(contiguous(self), [-1]),
)

/** Splits one dimension into several. @param sizes their sizes; one may be -1 */
export const unflatten: Op<[self: Tensor, dim: number, sizes: readonly number[]]> = composite(
  'unflatten(self, dim, sizes)',
  (self: Tensor, dim: number, sizes: readonly number[]): Tensor => {
    const at = wrapDim('unflatten', dim, self.ndim)
    if (!Array.isArray(sizes) || sizes.length === 0)
      throw new ShapeError(`unflatten: expected sizes such as [2, -1], got ${describe(sizes)}`)
    const { shape } = self
    const size = shape[at] ?? 1
    const open = sizes.indexOf(-1)
    const known = sizes.reduce((n, s, i) => (i === open ? n : n * s), 1)
    const filled = sizes.map((s, i) => (i === open ? (known === 0 ? 0 : size / known) : s))
    if (filled.some((s) => !Number.isInteger(s) || s < 0) || numelOf(filled) !== size)
      throw new ShapeError(
        `unflatten: sizes ${formatShape(sizes)} do not multiply to ${size}, the size of dimension ${dim}`,
      )
    return view(self, [...shape.slice(0, at), ...filled, ...shape.slice(at + 1)])
  },
)

/** `view` in the shape of `other`. */
export const viewAs: Op<[self: Tensor, other: Tensor]> = composite(
  'view_as(self, other)',
  (self: Tensor, other: Tensor) => view(self, other.shape),
)
/** `reshape` to the shape of `other`. */
export const reshapeAs: Op<[self: Tensor, other: Tensor]> = composite(
  'reshape_as(self, other)',
  (self: Tensor, other: Tensor) => reshape(self, other.shape),
)
/** `expand` to the shape of `other`. */
export const expandAs: Op<[self: Tensor, other: Tensor]> = composite(
  'expand_as(self, other)',
  (self: Tensor, other: Tensor) => expand(self, other.shape),
)
/** `expand`, without sizes that keep a dimension. */
export const broadcastTo: Op<[self: Tensor, size: readonly number[]]> = composite(
  'broadcast_to(self, size)',
  (self: Tensor, size: readonly number[]) => expand(self, size),
)

/** Views of the tensors, expanded to the shape that all broadcast to. */
export const broadcastTensors: FunctionOp<[...tensors: Tensor[]], Tensor[]> = composite(
  'broadcast_tensors(...tensors)',
  (...tensors: Tensor[]): Tensor[] => {
    const list = tensors.flat()
    const shape = list.reduce((s: readonly number[], x) => broadcastShapesOf('broadcast_tensors', s, x.shape), [])
    return list.map((x) => expand(x, shape))
  },
)

/** The shape that all broadcast to. */
export const broadcastShapes: FunctionOp<[...shapes: (readonly number[] | number)[]], readonly number[]> = composite(
  'broadcast_shapes(...shapes)',
  (...shapes: (readonly number[] | number)[]): readonly number[] =>
    shapes.reduce(
      (a: readonly number[], b) =>
        broadcastShapesOf('broadcast_shapes', a, checkShape('broadcast_shapes', typeof b === 'number' ? [b] : b)),
      [] as readonly number[],
    ) as readonly number[],
)

function atLeast(name: string, pad: (self: Tensor) => Tensor): FunctionOp<[...tensors: Tensor[]], Tensor & Tensor[]> {
  // One tensor gives a tensor, several give a list.
  return composite(`${name}(...tensors)`, (...tensors: Tensor[]) => {
    const list = tensors.flat().map(pad)
    return (tensors.length === 1 && tensors[0] instanceof Tensor ? list[0] : list) as Tensor & Tensor[]
  })
}
/** The tensors with one dimension at least. */
export const atleast1d: FunctionOp<[...tensors: Tensor[]], Tensor & Tensor[]> = atLeast('atleast_1d', (x) =>
  x.ndim >= 1 ? x : reshape(x, [1]),
)
/** The tensors with two dimensions at least: a vector becomes a row. */
export const atleast2d: FunctionOp<[...tensors: Tensor[]], Tensor & Tensor[]> = atLeast('atleast_2d', (x) =>
  x.ndim >= 2 ? x : x.ndim === 0 ? reshape(x, [1, 1]) : unsqueeze(x, 0),
)
/** The tensors with three dimensions at least: a matrix gets a last dimension of 1, a vector a first one too. */
export const atleast3d: FunctionOp<[...tensors: Tensor[]], Tensor & Tensor[]> = atLeast('atleast_3d', (x) =>
  x.ndim >= 3
    ? x
    : x.ndim === 0
      ? reshape(x, [1, 1, 1])
      : x.ndim === 1
        ? unsqueeze(unsqueeze(x, 0), -1)
        : unsqueeze(x, -1),
)
