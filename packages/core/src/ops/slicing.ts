// Views of parts of a tensor, and their derivatives: the gradient goes back to where the part was.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, describe, IndexError, ShapeError } from '../errors.js'
import { alias } from '../tensor/create.js'
import { type DType, isInteger } from '../tensor/dtype.js'
import { contiguousStrides, formatShape, wrapDim } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { fillRaw, zeros } from './creation.js'
import { composite, primitive } from './dispatch.js'
import { cat, stack } from './joining.js'
import { item } from './reading.js'
import { type Op, saving } from './record.js'
import { stridedAdd } from './strided.js'

/** Zeros of shape `size` in which the view that `part` takes holds `self`: the derivative of that view. */
export const embed: Op<[self: Tensor, size: readonly number[], dtype: DType, part: (whole: Tensor) => Tensor]> =
  primitive({
    signature: '_embed(self, size, dtype, part)',
    forward(self: Tensor, size: readonly number[], dtype: DType, part: (whole: Tensor) => Tensor) {
      const out = fillRaw(size, 0, dtype, self.device)
      kernels.copy(part(out), self)
      return saving(out, part)
    },
    backward: (grad, [part]) => [part(grad)],
  })

/** An integer index in [0, size), from one that may be negative. */
function wrapIndex(operation: string, index: unknown, size: number, dim: number, name = 'index'): number {
  if (typeof index !== 'number' || !Number.isInteger(index))
    throw new ArgumentError(`${operation}: expected an integer for ${name}, got ${describe(index)}`)
  if (index < -size || index >= size)
    throw new IndexError(
      `${operation}: expected ${name} in [${-size}, ${size - 1}] for dimension ${dim} of size ${size}, got ${index}`,
    )
  return index < 0 ? index + size : index
}

const needsDims = (operation: string, self: Tensor): void => {
  if (self.ndim === 0)
    throw new ShapeError(`${operation}: expected a tensor of at least one dimension, got a 0-d tensor`)
}

/** The slice at `index` of a dimension, which the result lacks; a view. */
export const select: Op<[self: Tensor, dim: number, index: number]> = primitive({
  signature: 'select(self, dim, index)',
  view: true,
  forward(self: Tensor, dim: number, index: number) {
    needsDims('select', self)
    const at = wrapDim('select', dim, self.ndim)
    const i = wrapIndex('select', index, self.shape[at], at)
    const shape = self.shape.filter((_, d) => d !== at)
    const strides = self.strides.filter((_, d) => d !== at)
    return saving(alias(self, shape, strides, self.offset + i * self.strides[at]), self.shape, at, i)
  },
  backward: (grad, [shape, at, i]) => [embed(grad, shape, grad.dtype, (whole) => select(whole, at, i))],
})

/** The `length` slices of a dimension from `start` on; a view. */
export const narrow: Op<[self: Tensor, dim: number, start: number | Tensor, length: number]> = primitive({
  signature: 'narrow(self, dim, start, length)',
  view: true,
  forward(self: Tensor, dim: number, start: number | Tensor, length: number) {
    needsDims('narrow', self)
    const at = wrapDim('narrow', dim, self.ndim)
    const size = self.shape[at]
    const given = start instanceof Tensor ? Number(item(start)) : start
    if (start instanceof Tensor && (start.ndim !== 0 || !isInteger(start.dtype)))
      throw new ShapeError(
        `narrow: expected a 0-d tensor of an integer dtype for start, got ${start.dtype} of shape ${formatShape(start.shape)}`,
      )
    if (typeof given !== 'number' || !Number.isInteger(given) || given < -size || given > size)
      throw new IndexError(
        `narrow: expected start in [${-size}, ${size}] for dimension ${at} of size ${size}, got ${describe(given)}`,
      )
    const from = given < 0 ? given + size : given
    if (typeof length !== 'number' || !Number.isInteger(length) || length < 0 || from + length > size)
      throw new IndexError(
        `narrow: expected length in [0, ${size - from}] from ${from} of dimension ${at} of size ${size}, got ${describe(length)}`,
      )
    const shape = self.shape.map((n, d) => (d === at ? length : n))
    return saving(alias(self, shape, self.strides, self.offset + from * self.strides[at]), self.shape, at, from, length)
  },
  backward: (grad, [shape, at, from, length]) => [
    embed(grad, shape, grad.dtype, (whole) => narrow(whole, at, from, length)),
  ],
})

/** Where a slice begins and how long it is; bounds beyond the ends are cut as in Python. */
export function sliceBounds(
  size: number,
  start: number | null | undefined,
  end: number | null | undefined,
  step: number,
): { from: number; length: number } {
  const clamp = (v: number): number => Math.min(Math.max(v < 0 ? v + size : v, 0), size)
  const from = clamp(start ?? 0)
  const to = Math.max(clamp(end ?? size), from)
  return { from, length: Math.ceil((to - from) / step) }
}

/** Every `step`-th slice of a dimension from `start` up to `end`; a view. Bounds beyond the ends are cut. */
export const sliceAlong: Op<[self: Tensor, dim?: number, start?: number | null, end?: number | null, step?: number]> =
  primitive({
    signature: 'slice(self, dim, start, end, step)',
    view: true,
    forward(self: Tensor, dim = 0, start: number | null = null, end: number | null = null, step = 1) {
      needsDims('slice', self)
      const at = wrapDim('slice', dim, self.ndim)
      if (!Number.isInteger(step) || step < 1)
        throw new ArgumentError(`slice: expected step to be an integer ≥ 1, got ${describe(step)}`)
      for (const bound of [start, end])
        if (bound !== null && !Number.isInteger(bound))
          throw new ArgumentError(`slice: expected an integer, got ${describe(bound)}`)
      const { from, length } = sliceBounds(self.shape[at], start, end, step)
      const shape = self.shape.map((n, d) => (d === at ? length : n))
      const strides = self.strides.map((s, d) => (d === at ? s * step : s))
      return saving(
        alias(self, shape, strides, self.offset + from * self.strides[at]),
        self.shape,
        at,
        from,
        from + length * step,
        step,
      )
    },
    backward: (grad, [shape, at, from, to, step]) => [
      embed(grad, shape, grad.dtype, (whole) => sliceAlong(whole, at, from, to, step)),
    ],
  })

/** The diagonal of two dimensions, as the last dimension of the result; a view. @param offset > 0 above the main one, < 0 below */
export const diagonal: Op<[self: Tensor, offset?: number, dim1?: number, dim2?: number]> = primitive({
  signature: 'diagonal(self, offset, dim1, dim2)',
  view: true,
  forward(self: Tensor, offset = 0, dim1 = 0, dim2 = 1) {
    if (self.ndim < 2)
      throw new ShapeError(`diagonal: expected at least 2 dimensions, got shape ${formatShape(self.shape)}`)
    if (!Number.isInteger(offset))
      throw new ArgumentError(`diagonal: expected an integer for offset, got ${describe(offset)}`)
    const a = wrapDim('diagonal', dim1, self.ndim, 'dim1')
    const b = wrapDim('diagonal', dim2, self.ndim, 'dim2')
    if (a === b) throw new ArgumentError(`diagonal: expected two different dimensions, got ${dim1} and ${dim2}`)
    const { shape, strides } = self
    const length = Math.max(
      0,
      offset >= 0 ? Math.min(shape[a], shape[b] - offset) : Math.min(shape[a] + offset, shape[b]),
    )
    const start = length === 0 ? 0 : offset >= 0 ? offset * strides[b] : -offset * strides[a]
    const rest = shape.map((_, d) => d).filter((d) => d !== a && d !== b)
    const out = alias(
      self,
      [...rest.map((d) => shape[d]), length],
      [...rest.map((d) => strides[d]), strides[a] + strides[b]],
      self.offset + start,
    )
    return saving(out, shape, offset, a, b)
  },
  backward: (grad, [shape, offset, a, b]) => [embed(grad, shape, grad.dtype, (whole) => diagonal(whole, offset, a, b))],
})

/**
 * Windows of `size` slices along a dimension, `step` apart, as a last dimension; a view.
 *
 * @returns shape with `(n - size) / step + 1` windows in place of the n slices
 */
export const unfold: Op<[self: Tensor, dimension: number, size: number, step: number]> = primitive({
  signature: 'unfold(self, dimension, size, step)',
  view: true,
  forward(self: Tensor, dimension: number, size: number, step: number) {
    const at = wrapDim('unfold', dimension, self.ndim, 'dimension')
    const n = self.shape[at] ?? 1
    if (!Number.isInteger(size) || size < 0 || size > n)
      throw new ArgumentError(`unfold: expected size in [0, ${n}], got ${describe(size)}`)
    if (!Number.isInteger(step) || step < 1)
      throw new ArgumentError(`unfold: expected step to be an integer ≥ 1, got ${describe(step)}`)
    const shape = [...self.shape, size]
    const strides = [...self.strides, self.strides[at] ?? 1]
    if (self.ndim > 0) {
      shape[at] = Math.floor((n - size) / step) + 1
      strides[at] *= step
    }
    return saving(alias(self, shape, strides), self.shape, at, step)
  },
  backward(grad, [shape, at, step]) {
    // Windows overlap: each element of the gradient is added to the one that it was read from.
    const strides = contiguousStrides(shape)
    const windows = [...strides, strides[at] ?? 1]
    if (shape.length > 0) windows[at] *= step
    return [stridedAdd(grad, shape, windows)]
  },
})

/** Parts of a dimension; the sizes must sum to its own. */
export const splitWithSizes: Op<[self: Tensor, splitSizes: readonly number[], dim?: number], Tensor[]> = primitive({
  signature: 'split_with_sizes(self, splitSizes, dim)',
  view: true,
  forward(self: Tensor, splitSizes: readonly number[], dim = 0) {
    needsDims('split_with_sizes', self)
    const at = wrapDim('split_with_sizes', dim, self.ndim)
    if (!Array.isArray(splitSizes) || splitSizes.some((n) => !Number.isInteger(n) || n < 0))
      throw new ArgumentError(`split_with_sizes: expected sizes ≥ 0, got ${describe(splitSizes)}`)
    const total = splitSizes.reduce((a, b) => a + b, 0)
    if (total !== self.shape[at])
      throw new ShapeError(
        `split_with_sizes: expected sizes that sum to ${self.shape[at]}, the size of dimension ${at}, got ${describe(splitSizes)}`,
      )
    let from = 0
    const parts = splitSizes.map((n) => {
      const part = alias(
        self,
        self.shape.map((s, d) => (d === at ? n : s)),
        self.strides,
        self.offset + from * self.strides[at],
      )
      from += n
      return part
    })
    return saving(parts, self.shape, at, splitSizes, self.dtype, self.device)
  },
  backward(grads, [shape, at, sizes, dtype, device]) {
    return [
      cat(
        grads.map(
          (g, i) =>
            g ??
            zeros(
              shape.map((s, d) => (d === at ? sizes[i] : s)),
              { dtype, device },
            ),
        ),
        at,
      ),
    ]
  },
})

/** Parts of `splitSizeOrSections` slices each, the last one smaller where they do not divide; or of the given sizes. */
export const split: Op<[self: Tensor, splitSizeOrSections: number | readonly number[], dim?: number], Tensor[]> =
  composite(
    'split(self, splitSizeOrSections, dim)',
    (self: Tensor, splitSizeOrSections: number | readonly number[], dim = 0): Tensor[] => {
      needsDims('split', self)
      if (typeof splitSizeOrSections !== 'number') return splitWithSizes(self, splitSizeOrSections, dim)
      const size = self.shape[wrapDim('split', dim, self.ndim)]
      const n = splitSizeOrSections
      if (!Number.isInteger(n) || n < 0 || (n === 0 && size > 0))
        throw new ArgumentError(`split: expected a size ≥ 1, got ${describe(n)}`)
      const count = n === 0 ? 1 : Math.max(Math.ceil(size / n), 1)
      return splitWithSizes(
        self,
        Array.from({ length: count }, (_, i) => (i < count - 1 ? n : size - n * (count - 1))),
        dim,
      )
    },
  )

/** The most parts that one call makes: each is an object, and an empty dimension would divide into any number of them. */
const MAX_PARTS = 2 ** 20

/** At most `chunks` parts of equal size, the last one smaller where they do not divide. */
export const chunk: Op<[self: Tensor, chunks: number, dim?: number], Tensor[]> = composite(
  'chunk(self, chunks, dim)',
  (self: Tensor, chunks: number, dim = 0): Tensor[] => {
    needsDims('chunk', self)
    if (!Number.isInteger(chunks) || chunks < 1 || chunks > MAX_PARTS)
      throw new ArgumentError(`chunk: expected chunks to be an integer in [1, ${MAX_PARTS}], got ${describe(chunks)}`)
    const size = self.shape[wrapDim('chunk', dim, self.ndim)]
    const each = Math.ceil(size / chunks)
    return each === 0 ? splitWithSizes(self, new Array<number>(chunks).fill(0), dim) : split(self, each, dim)
  },
)

/** Parts between the given positions, or that many parts as equal as can be. */
export const tensorSplit: Op<
  [self: Tensor, indicesOrSections: number | readonly number[] | Tensor, dim?: number],
  Tensor[]
> = composite(
  'tensor_split(self, indicesOrSections, dim)',
  (self: Tensor, indicesOrSections: number | readonly number[] | Tensor, dim = 0): Tensor[] =>
    splitAt('tensor_split', self, indicesOrSections, dim),
)

function splitAt(
  operation: string,
  self: Tensor,
  sections: number | readonly number[] | Tensor,
  dim: number,
): Tensor[] {
  needsDims(operation, self)
  const at = wrapDim(operation, dim, self.ndim)
  const size = self.shape[at]
  let given = sections
  if (given instanceof Tensor) {
    if (given.dtype !== 'int64' || given.ndim > 1)
      throw new ArgumentError(
        `${operation}: expected an int64 tensor of at most one dimension, got ${given.dtype} of shape ${formatShape(given.shape)}`,
      )
    given = given.toArray() as number | number[]
  }
  if (typeof given === 'number') {
    if (!Number.isInteger(given) || given < 1 || given > MAX_PARTS)
      throw new ArgumentError(`${operation}: expected a number of sections in [1, ${MAX_PARTS}], got ${given}`)
    const n = given
    return splitWithSizes(
      self,
      Array.from({ length: n }, (_, i) => Math.floor(size / n) + (i < size % n ? 1 : 0)),
      at,
    )
  }
  if (!Array.isArray(given) || given.some((i) => !Number.isInteger(i)))
    throw new ArgumentError(`${operation}: expected integers, got ${describe(given)}`)
  // Positions need not ascend: each part is a slice of its own.
  return [...given, size].map((end: number, i) => sliceAlong(self, at, i === 0 ? 0 : (given as number[])[i - 1], end))
}

function splitter(
  name: string,
  ndim: number,
  dimOf: (self: Tensor) => number,
): Op<[self: Tensor, indicesOrSections: number | readonly number[]], Tensor[]> {
  return composite(
    `${name}(self, indicesOrSections)`,
    (self: Tensor, sections: number | readonly number[]): Tensor[] => {
      if (self.ndim < ndim)
        throw new ShapeError(`${name}: expected at least ${ndim} dimensions, got shape ${formatShape(self.shape)}`)
      const dim = dimOf(self)
      if (typeof sections === 'number' && (sections < 1 || self.shape[dim] % sections !== 0))
        throw new ShapeError(
          `${name}: dimension ${dim} of size ${self.shape[dim]} does not divide into ${sections} equal parts`,
        )
      return splitAt(name, self, sections, dim)
    },
  )
}
/** `tensorSplit` along columns: dimension 1, or 0 of a vector. */
export const hsplit: Op<[self: Tensor, indicesOrSections: number | readonly number[]], Tensor[]> = splitter(
  'hsplit',
  1,
  (x) => (x.ndim === 1 ? 0 : 1),
)
/** `tensorSplit` along rows: dimension 0. */
export const vsplit: Op<[self: Tensor, indicesOrSections: number | readonly number[]], Tensor[]> = splitter(
  'vsplit',
  2,
  () => 0,
)
/** `tensorSplit` along depth: dimension 2. */
export const dsplit: Op<[self: Tensor, indicesOrSections: number | readonly number[]], Tensor[]> = splitter(
  'dsplit',
  3,
  () => 2,
)

/** The slices of a dimension, each without it; views. */
export const unbind: Op<[self: Tensor, dim?: number], Tensor[]> = primitive({
  signature: 'unbind(self, dim)',
  view: true,
  forward(self: Tensor, dim = 0) {
    needsDims('unbind', self)
    const at = wrapDim('unbind', dim, self.ndim)
    const shape = self.shape.filter((_, d) => d !== at)
    const strides = self.strides.filter((_, d) => d !== at)
    const parts = Array.from({ length: self.shape[at] }, (_, i) =>
      alias(self, shape, strides, self.offset + i * self.strides[at]),
    )
    return saving(parts, shape, at, self.dtype, self.device)
  },
  backward: (grads, [shape, at, dtype, device]) => [
    stack(
      grads.map((g) => g ?? zeros(shape, { dtype, device })),
      at,
    ),
  ],
})
