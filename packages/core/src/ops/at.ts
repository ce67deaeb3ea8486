// Indexing as Python's brackets do it: `x.at(0, slice(1, 3), ELLIPSIS, null, mask)` reads, `x.put([...], value)` writes.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DeviceError, DTypeError, describe, IndexError, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { broadcastShapes, broadcastStrides, formatShape, MAX_DIMS, numelOf, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { add } from './arithmetic.js'
import { lt } from './comparison.js'
import { where } from './conditional.js'
import { tensor } from './construct.js'
import { clone, copy_, to } from './copies.js'
import { type FillValue, fullLike, zeros } from './creation.js'
import { composite, inplacePrimitive, primitive } from './dispatch.js'
import { checkIndex, checkingRange, REDUCE } from './indexing.js'
import { inplace } from './inplace.js'
import { nonzero } from './masks.js'
import { item } from './reading.js'
import { type InplaceOp, type Op, saving } from './record.js'
import { select, sliceAlong } from './slicing.js'
import { expand, reshape, unsqueeze, view } from './views.js'

/** A range of positions along a dimension; made by `slice`. */
export class Slice {
  readonly start: number | null
  readonly stop: number | null
  readonly step: number
  constructor(start: number | null, stop: number | null, step: number) {
    this.start = start
    this.stop = stop
    this.step = step
  }
}

/** Stands for as many whole dimensions as are left. */
export const ELLIPSIS: unique symbol = Symbol('ELLIPSIS')

/** An index of one or more dimensions. A string such as `'1:3'` is a slice; a list of numbers is an index tensor. */
export type Index =
  | number
  | bigint
  | Slice
  | typeof ELLIPSIS
  | null
  | boolean
  | string
  | Tensor
  | readonly (number | boolean | readonly number[])[]

const bound = (name: string, value: unknown): number | null => {
  if (value === null || value === undefined) return null
  if (Tensor.is(value) && value.numel() === 1) return Number(item(value))
  if (typeof value !== 'number' || !Number.isInteger(value))
    throw new ArgumentError(`slice: expected an integer or null for ${name}, got ${describe(value)}`)
  return value
}

/**
 * The positions `start, start + step, …` before `stop`, as Python's `start:stop:step`; negative ones count from the end.
 *
 * @example
 * ```ts
 * import { arange, slice } from '@flambeau/core'
 * console.log(arange(10).at(slice(2, -2, 3)).toArray()) // → [ 2, 5 ]
 * console.log(arange(10).at('7:').toArray()) // → [ 7, 8, 9 ]
 * ```
 */
export function slice(start: number | null = null, stop: number | null = null, step: number | null = null): Slice {
  const by = bound('step', step) ?? 1
  if (by < 1) throw new ArgumentError(`slice: expected step ≥ 1, got ${by}; use flip() to reverse`)
  return new Slice(bound('start', start), bound('stop', stop), by)
}

function parseSlice(operation: string, text: string): Slice | typeof ELLIPSIS {
  if (text === '...') return ELLIPSIS
  const match = /^\s*(-?\d*)\s*:\s*(-?\d*)\s*(?::\s*(-?\d*)\s*)?$/.exec(text)
  if (!match) throw new ArgumentError(`${operation}: expected a slice such as '1:3' or '::2', got ${describe(text)}`)
  const number = (part: string | undefined): number | null => (part === undefined || part === '' ? null : Number(part))
  return slice(number(match[1]), number(match[2]), number(match[3]))
}

/** How many dimensions an index takes. */
const taken = (index: Index): number => {
  if (index === null || index === ELLIPSIS || typeof index === 'boolean') return 0
  if (index instanceof Tensor && (index.dtype === 'bool' || index.dtype === 'uint8')) return index.ndim
  return 1
}

function normalized(
  operation: string,
  self: Tensor,
  index: unknown,
): Exclude<Index, string | bigint | readonly unknown[]> {
  if (typeof index === 'string') return parseSlice(operation, index)
  if (typeof index === 'bigint') return Number(index)
  if (Array.isArray(index)) return indexTensor(self, index as readonly number[])
  if (index === undefined) throw new ArgumentError(`${operation}: expected an index, got undefined`)
  if (
    index === null ||
    index === ELLIPSIS ||
    typeof index === 'number' ||
    typeof index === 'boolean' ||
    index instanceof Slice
  )
    return index
  if (index instanceof Tensor) {
    if (index.device !== self.device)
      throw new DeviceError(`${operation}: expected an index on ${self.device}, got ${index.device}`)
    return index
  }
  throw new ArgumentError(
    `${operation}: expected integers, slices, ELLIPSIS, null, booleans or tensors, got ${describe(index)}`,
  )
}

function indexTensor(self: Tensor, list: readonly (number | boolean | readonly number[])[]): Tensor {
  const device = self.device
  // No tensor has as many dimensions as a list that holds itself has levels; `tensor` then refuses it.
  const isMask = (v: unknown, level: number): boolean =>
    Array.isArray(v) ? level < MAX_DIMS && v.some((item) => isMask(item, level + 1)) : typeof v === 'boolean'
  return isMask(list, 0)
    ? tensor(list as never, { dtype: 'bool', device })
    : tensor(list as never, { dtype: 'int64', device })
}

interface Plan {
  /** `self` after the integers, slices and new dimensions. */
  readonly part: Tensor
  /** Dimensions of `part` that tensors index, ascending. */
  readonly dims: number[]
  readonly indices: Tensor[]
}

/** Does what views can do, and lists what is left for index tensors. */
function plan(operation: string, self: Tensor, given: readonly Index[]): Plan {
  // `Array.from` sees the holes of a list, which `map` passes over.
  const list = Array.from(given, (index) => normalized(operation, self, index))
  const count = list.reduce((n: number, index) => n + taken(index), 0)
  if (list.filter((index) => index === ELLIPSIS).length > 1)
    throw new ArgumentError(`${operation}: expected at most one ELLIPSIS`)
  if (count > self.ndim)
    throw new IndexError(`${operation}: ${count} indices for a tensor of shape ${formatShape(self.shape)}`)
  let part = self
  let dim = 0
  const dims: number[] = []
  const indices: Tensor[] = []
  const add = (index: Tensor): void => {
    dims.push(dim++)
    indices.push(index)
  }
  for (const index of list) {
    if (index === ELLIPSIS) dim += self.ndim - count
    else if (index === null) part = unsqueeze(part, dim++)
    else if (typeof index === 'number') part = select(part, dim, index)
    else if (index instanceof Slice) part = sliceAlong(part, dim++, index.start, index.stop, index.step)
    else if (typeof index === 'boolean') {
      part = unsqueeze(part, dim)
      add(tensor(index ? [0n] : new BigInt64Array(0), { device: self.device }))
    } else if (index.dtype === 'bool' || index.dtype === 'uint8') {
      if (index.ndim === 0) {
        part = unsqueeze(part, dim)
        add(reshape(nonzero(reshape(index, [1])), [-1]))
        continue
      }
      index.shape.forEach((n, d) => {
        if (n !== part.shape[dim + d])
          throw new IndexError(
            `${operation}: a mask of shape ${formatShape(index.shape)} does not fit dimensions ${dim} … of shape ${formatShape(part.shape)}`,
          )
      })
      const found = nonzero(index)
      for (let d = 0; d < index.ndim; d++) add(select(found, 1, d))
    } else if (index.ndim === 0 && index.dtype !== 'float32') {
      if (index.dtype !== 'int64' && index.dtype !== 'int32' && index.dtype !== 'int16' && index.dtype !== 'int8')
        throw notInteger(operation, index)
      part = select(part, dim, Number(item(index)))
    } else {
      add(integers(operation, index))
    }
  }
  return { part, dims, indices }
}

const notInteger = (operation: string, index: Tensor): DTypeError =>
  new DTypeError(
    `${operation}: expected index tensors of dtype int64, int32, int16, int8, bool or uint8, got ${index.dtype}`,
  )

function integers(operation: string, index: Tensor): Tensor {
  if (index.dtype === 'int64') return index
  if (index.dtype !== 'int32' && index.dtype !== 'int16' && index.dtype !== 'int8') throw notInteger(operation, index)
  return to(index, { dtype: 'int64' })
}

interface Layout {
  readonly shape: readonly number[]
  /** Where the dimensions of the index tensors go in the result. */
  readonly at: number
  readonly common: readonly number[]
  /** Strides of `self` in the result's shape, 0 where the indices move. */
  readonly strides: readonly number[]
  readonly indices: readonly Tensor[]
  readonly sizes: readonly number[]
  readonly steps: readonly number[]
}

/** The result of indexing `dims` of `self`: in place where they are neighbours, in front otherwise. */
function layout(operation: string, self: Tensor, dims: readonly number[], indices: readonly Tensor[]): Layout {
  let common: readonly number[] = []
  for (const index of indices) {
    try {
      common = broadcastShapes(operation, common, index.shape)
    } catch {
      throw new IndexError(
        `${operation}: expected index tensors that broadcast, got shapes ${indices.map((i) => formatShape(i.shape)).join(' and ')}`,
      )
    }
  }
  const neighbours = dims.every((d, i) => i === 0 || d === dims[i - 1] + 1)
  const at = neighbours ? dims[0] : 0
  const rest = self.shape.map((_, d) => d).filter((d) => !dims.includes(d))
  const shape = rest.map((d) => self.shape[d])
  const strides = rest.map((d) => self.strides[d])
  shape.splice(at, 0, ...common)
  strides.splice(at, 0, ...common.map(() => 0))
  const after = shape.length - at - common.length
  return {
    shape,
    at,
    common,
    strides,
    indices: indices.map((index) => {
      const own = broadcastStrides(index.shape, index.strides, common)
      return alias(index, shape, [...shape.slice(0, at).map(() => 0), ...own, ...new Array<number>(after).fill(0)])
    }),
    sizes: dims.map((d) => self.shape[d]),
    steps: dims.map((d) => self.strides[d]),
  }
}

function checkEmpty(operation: string, l: Layout): void {
  if (numelOf(l.common) > 0 && l.sizes.some((n) => n === 0))
    throw new IndexError(`${operation}: index 0 is out of range for size 0`)
}

/** The elements of `self` at index tensors for the dimensions `dims`. */
const index_: Op<[self: Tensor, dims: readonly number[], indices: readonly Tensor[]]> = primitive({
  signature: '_index(self, dims, indices)',
  forward(self: Tensor, dims: readonly number[], indices: readonly Tensor[]) {
    const l = layout('at', self, dims, indices)
    checkEmpty('at', l)
    const out = allocate(l.shape, self.dtype, self.device)
    checkingRange('at', () => kernels.indexGet(out, alias(self, l.shape, l.strides), l.indices, l.sizes, l.steps, true))
    return saving(out, self.shape, dims, ...indices)
  },
  backward: (grad, [shape, dims, ...indices]) => [
    indexPut_(zeros(shape, { dtype: grad.dtype, device: grad.device }), grad, dims, indices, true),
  ],
})

/** A copy of `self` with `values` at index tensors for the dimensions `dims`. */
const indexPut_: InplaceOp<
  [self: Tensor, values: Tensor, dims: readonly number[], indices: readonly Tensor[], accumulate: boolean]
> = inplacePrimitive({
  signature: '_index_put(self, values, dims, indices, accumulate)',
  forward(self: Tensor, values: Tensor, dims: readonly number[], indices: readonly Tensor[], accumulate: boolean) {
    const out = clone(self)
    writeIndexed(out, values, dims, indices, accumulate)
    return saving(out, dims, accumulate, ...indices)
  },
  into: writeIndexed,
  backward(grad, [dims, accumulate, ...indices], needs) {
    const rest = !needs(0)
      ? null
      : accumulate
        ? grad
        : indexPut_(grad, zeros([], { dtype: grad.dtype, device: grad.device }), dims, indices, false)
    return [rest, needs(1) ? index_(grad, dims, indices) : null]
  },
})

function writeIndexed(
  out: Tensor,
  values: Tensor,
  dims: readonly number[],
  indices: readonly Tensor[],
  accumulate: boolean,
): void {
  const l = layout('put', out, dims, indices)
  checkEmpty('put', l)
  const spread = broadcastStrides(values.shape, values.strides, l.shape)
  checkingRange('put', () =>
    kernels.indexSet(
      alias(out, l.shape, l.strides),
      alias(values, l.shape, spread),
      l.indices,
      l.sizes,
      l.steps,
      true,
      accumulate ? REDUCE.add : REDUCE.assign,
    ),
  )
}

/**
 * The part of the tensor at the given indices, as Python's `x[…]`: integers select, slices and strings such as `'1:3'`
 * narrow, `null` adds a dimension, `ELLIPSIS` skips dimensions (these are views); boolean masks and integer tensors pick
 * elements (a copy), whose dimensions come first unless they are neighbours.
 *
 * @throws IndexError when an index is out of range or there are too many
 * @example
 * ```ts
 * import { arange, ELLIPSIS, slice, tensor } from '@flambeau/core'
 * const x = arange(12).reshape([3, 4])
 * console.log(x.at(1, slice(1, 3)).toArray()) // → [ 5, 6 ]
 * console.log(x.at(ELLIPSIS, tensor([0n, 3n])).shape) // → [ 3, 2 ]
 * ```
 */
export const at: Op<[self: Tensor, ...indices: Index[]]> = composite(
  'getitem(self, ...indices)',
  (self: Tensor, ...indices: Index[]): Tensor => {
    const { part, dims, indices: tensors } = plan('at', self, indices)
    if (dims.length > 0) return index_(part, dims, tensors)
    return part === self ? view(self, self.shape) : part
  },
)

/** Drops leading dimensions of size 1 that are too many, as assignment in PyTorch does. */
function fitted(operation: string, value: Tensor, shape: readonly number[]): Tensor {
  let fit = value
  while (fit.ndim > shape.length && fit.shape[0] === 1) fit = select(fit, 0, 0)
  let ok = fit.ndim <= shape.length
  if (ok) ok = fit.shape.every((n, i) => n === 1 || n === shape[shape.length - fit.ndim + i])
  if (!ok)
    throw new ShapeError(
      `${operation}: a value of shape ${formatShape(value.shape)} does not fit a part of shape ${formatShape(shape)}`,
    )
  return fit
}

/** What is written: a tensor, or a number as a tensor of the right dtype. */
function written(operation: string, self: Tensor, value: Tensor | FillValue): Tensor {
  if (!(value instanceof Tensor)) return fullLike(alias(self, [], []), value)
  if (value.device !== self.device) {
    if (value.numel() !== 1)
      throw new DeviceError(`${operation}: expected a value on ${self.device}, got ${value.device}`)
    return to(value, { device: self.device, dtype: self.dtype })
  }
  return value.dtype === self.dtype ? value : to(value, { dtype: self.dtype })
}

/** Writes `value` where `at` reads, broadcast and converted. @returns the tensor */
export function assign(self: Tensor, indices: readonly Index[], value: Tensor | FillValue): Tensor {
  if (!Array.isArray(indices)) throw new ArgumentError(`put: expected a list of indices, got ${describe(indices)}`)
  const { part, dims, indices: tensors } = plan('put', self, indices)
  const source = written('put', self, value)
  if (dims.length === 0) {
    copy_(part, fitted('put', source, part.shape))
    return self
  }
  const { shape } = layout('put', part, dims, tensors)
  inplace(indexPut_.record, [part, fitted('put', source, shape), dims, tensors, false])
  return self
}

/** The dims and tensors of a list with null for dimensions that are taken whole. */
function resolved(
  operation: string,
  self: Tensor,
  indices: readonly (Tensor | null)[],
): { dims: number[]; tensors: Tensor[] } {
  if (!Array.isArray(indices) || !indices.every((i) => i === null || i instanceof Tensor))
    throw new ArgumentError(`${operation}: expected a list of index tensors, got ${describe(indices)}`)
  const {
    part,
    dims,
    indices: tensors,
  } = plan(
    operation,
    self,
    indices.map((i) => i ?? slice()),
  )
  // A 0-d index counts as one here, so that the value keeps its place.
  if (sameShape(part.shape, self.shape)) return { dims, tensors }
  const lifted = indices.map((i) =>
    i !== null && i.ndim === 0 && i.dtype !== 'bool' ? expand(i, [1]) : (i ?? slice()),
  )
  const again = plan(operation, self, lifted)
  return { dims: again.dims, tensors: again.indices }
}

/**
 * A copy of `self` with `values` at the elements that the index tensors give, one for each dimension from the first on.
 *
 * @param indices int64 or bool tensors that broadcast; null for a whole dimension
 */
export const indexPut: InplaceOp<
  [self: Tensor, indices: readonly (Tensor | null)[], values: Tensor, accumulate?: boolean]
> = inplacePrimitive({
  signature: 'index_put(self, indices, values, accumulate)',
  forward(self: Tensor, indices: readonly (Tensor | null)[], values: Tensor, accumulate = false) {
    checkValues(self, values)
    const { dims, tensors } = resolved('index_put', self, indices)
    const out = clone(self)
    if (dims.length === 0) throw new ArgumentError('index_put: expected at least one index tensor')
    writeIndexed(
      out,
      fitted('index_put', values, layout('index_put', out, dims, tensors).shape),
      dims,
      tensors,
      accumulate,
    )
    return saving(out, indices.filter((i) => i !== null).length, values.shape, dims, accumulate, ...tensors)
  },
  backward(grad, [count, shape, dims, accumulate, ...tensors]) {
    const rest = accumulate
      ? grad
      : indexPut_(grad, zeros([], { dtype: grad.dtype, device: grad.device }), dims, tensors, false)
    const read = index_(grad, dims, tensors)
    const skipped = new Array<null>(count).fill(null)
    return [
      rest,
      ...skipped,
      shape.length > read.ndim ? reshape(read.sumToSize(shape.slice(shape.length - read.ndim)), shape) : read,
    ]
  },
})

function checkValues(self: Tensor, values: unknown): asserts values is Tensor {
  if (!(values instanceof Tensor))
    throw new ArgumentError(`index_put: expected a tensor for values, got ${describe(values)}`)
  if (values.dtype !== self.dtype)
    throw new DTypeError(`index_put: expected values of dtype ${self.dtype}, got ${values.dtype}`)
  if (values.device !== self.device)
    throw new DeviceError(`index_put: expected values on ${self.device}, got ${values.device}`)
}

/** The elements at `index` along `dim`, both broadcast but for `dim`; flat positions without `dim`. */
export const takeAlongDim: Op<[self: Tensor, indices: Tensor, dim?: number | null]> = composite(
  'take_along_dim(self, indices, dim)',
  (self: Tensor, indices: Tensor, dim: number | null = null): Tensor => {
    checkIndex('take_along_dim', indices, self, 'indices')
    if (dim === null) return reshape(self, [-1]).gather(0, reshape(indices, [-1]))
    if (self.ndim !== indices.ndim)
      throw new ShapeError(`take_along_dim: expected indices of ${self.ndim} dimensions, got ${indices.ndim}`)
    const wrapped = dim < 0 ? dim + self.ndim : dim
    if (!(wrapped in self.shape))
      throw new IndexError(`take_along_dim: expected dim in [${-self.ndim}, ${self.ndim - 1}], got ${dim}`)
    const positions = where(lt(indices, 0), add(indices, self.shape[wrapped]), indices)
    const common = broadcastShapes(
      'take_along_dim',
      self.shape.map((n, d) => (d === wrapped ? 1 : n)),
      indices.shape.map((n, d) => (d === wrapped ? 1 : n)),
    )
    const source = expand(
      self,
      common.map((n, d) => (d === wrapped ? self.shape[d] : n)),
    )
    return source.gather(
      wrapped,
      expand(
        positions,
        common.map((n, d) => (d === wrapped ? indices.shape[d] : n)),
      ),
    )
  },
)
