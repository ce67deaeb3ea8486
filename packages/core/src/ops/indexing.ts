// Reading and writing along one dimension at positions that a tensor gives: gather, scatter, indexSelect and their kin.
import * as kernels from '../binding/kernels.gen.js'
import { explaining } from '../binding/status.js'
import { ArgumentError, DeviceError, DTypeError, describe, IndexError, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { isComplex } from '../tensor/dtype.js'
import { contiguousStrides, formatShape, numelOf, sameShape, wrapDim } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { mul } from './arithmetic.js'
import { clone, to } from './copies.js'
import { type FillValue, fullLike, zeros, zerosLike } from './creation.js'
import { inplacePrimitive, primitive } from './dispatch.js'
import { contiguousRaw } from './inplace.js'
import { type InplaceOp, type Op, saving } from './record.js'
import { view } from './views.js'

/** What `index_set` does with what is there (Reduce in native/src/cpu/indexing.cpp). */
export const REDUCE = { assign: 0, add: 1, prod: 2, amax: 3, amin: 4 } as const
export type ReduceCode = (typeof REDUCE)[keyof typeof REDUCE]

/** An index tensor as int64. */
export function checkIndex(operation: string, index: unknown, self: Tensor, name = 'index'): Tensor {
  if (!(index instanceof Tensor))
    throw new ArgumentError(`${operation}: expected a tensor for ${name}, got ${describe(index)}`)
  if (index.dtype !== 'int64' && index.dtype !== 'int32' && index.numel() > 0)
    throw new DTypeError(`${operation}: expected ${name} of dtype int64 or int32, got ${index.dtype}`)
  if (index.device !== self.device)
    throw new DeviceError(`${operation}: expected ${name} on ${self.device}, got ${index.device}`)
  if (index.dtype === 'int64') return index
  const wide = allocate(index.shape, 'int64', index.device)
  kernels.copy(wide, index)
  return wide
}

/** Runs a kernel so that an index out of range is reported in the operator's terms. */
export const checkingRange = <R>(operation: string, body: () => R): R =>
  explaining(({ code, position, value, limit }) => {
    if (code === 'index out of range')
      return new IndexError(`${operation}: index ${value} at position ${position} is out of range for size ${limit}`)
    return new ArgumentError(`${operation}: expected as many values as the mask selects, got ${limit} for ${value}`)
  }, body)

export const checkSource = (operation: string, self: Tensor, source: Tensor, name = 'src'): void => {
  if (!(source instanceof Tensor))
    throw new ArgumentError(`${operation}: expected a tensor for ${name}, got ${describe(source)}`)
  if (source.dtype !== self.dtype)
    throw new DTypeError(`${operation}: expected ${name} of dtype ${self.dtype}, got ${source.dtype}`)
  if (source.device !== self.device)
    throw new DeviceError(`${operation}: expected ${name} on ${self.device}, got ${source.device}`)
}

const zeroAt = (strides: readonly number[], dim: number): number[] => strides.map((s, d) => (d === dim ? 0 : s))

/** A 0-d tensor counts as a vector of one element. */
const lifted = (t: Tensor): Tensor => (t.ndim === 0 ? alias(t, [1], [1]) : t)

interface Along {
  readonly self: Tensor
  readonly index: Tensor
  readonly at: number
}

/** Checks `gather` and `scatter`: the index has as many dimensions as `self`, and is no larger but along `dim`. */
function along(operation: string, self: Tensor, dim: number, given: Tensor, source: Tensor | null): Along {
  const wide = checkIndex(operation, given, self)
  const at = wrapDim(operation, dim, self.ndim)
  const base = lifted(self)
  const index = lifted(wide)
  if (numelOf(index.shape) > 0) {
    if (index.ndim !== base.ndim)
      throw new ShapeError(
        `${operation}: expected an index of ${base.ndim} dimensions, got shape ${formatShape(given.shape)}`,
      )
    index.shape.forEach((n, d) => {
      if (d !== at && n > base.shape[d])
        throw new ShapeError(
          `${operation}: expected an index no larger than ${formatShape(self.shape)} but for dimension ${at}, got ${formatShape(given.shape)}`,
        )
    })
    if (source !== null) {
      const values = lifted(source)
      if (values.ndim !== index.ndim || index.shape.some((n, d) => n > values.shape[d]))
        throw new ShapeError(
          `${operation}: expected an index no larger than src ${formatShape(source.shape)}, got ${formatShape(given.shape)}`,
        )
    }
  }
  return { self: base, index, at }
}

/**
 * The elements of `self` at `index` along `dim`: `out[i][j] = self[index[i][j]][j]` for dim 0.
 *
 * @param index int64, of as many dimensions as `self`
 * @returns the shape of `index`
 */
export const gather: Op<[self: Tensor, dim: number, index: Tensor]> = primitive({
  signature: 'gather(self, dim, index)',
  forward(self: Tensor, dim: number, index: Tensor) {
    const a = along('gather', self, dim, index, null)
    const out = allocate(index.shape, self.dtype, self.device)
    if (numelOf(index.shape) > 0) {
      const { shape } = a.index
      const input = alias(a.self, shape, zeroAt(a.self.strides, a.at))
      checkingRange('gather', () =>
        kernels.indexGet(
          alias(out, shape, contiguousStrides(shape)),
          input,
          [a.index],
          [a.self.shape[a.at]],
          [a.self.strides[a.at]],
          false,
        ),
      )
    }
    return saving(out, self.shape, a.at, index)
  },
  backward: (grad, [shape, at, index]) => [
    scatterAdd(zeros(shape, { dtype: grad.dtype, device: grad.device }), at, index, grad),
  ],
})

/** Writes `values` into `out` at `index` along a dimension. */
export function writeAlong(
  operation: string,
  out: Tensor,
  dim: number,
  given: Tensor,
  source: Tensor | null,
  value: Tensor,
  reduce: ReduceCode,
): void {
  const { self, index, at } = along(operation, out, dim, given, source)
  if (numelOf(index.shape) === 0) return
  const target = alias(self, index.shape, zeroAt(self.strides, at))
  const values =
    source === null
      ? alias(
          value,
          index.shape,
          index.shape.map(() => 0),
        )
      : alias(value, index.shape, lifted(value).strides)
  checkingRange(operation, () =>
    kernels.indexSet(target, values, [index], [self.shape[at]], [self.strides[at]], false, reduce),
  )
}

export const valueTensor = (operation: string, self: Tensor, value: FillValue): Tensor => {
  if (value instanceof Tensor) throw new ArgumentError(`${operation}: expected a number, got a tensor`)
  return fullLike(alias(self, [], []), value)
}

/** What `scatter` takes. */
export interface ScatterOptions {
  /** What to do with the value that is there. Default: overwrite it. */
  readonly reduce?: 'add' | 'multiply'
}

/**
 * A copy of `self` with `src` written at `index` along `dim`: `out[index[i][j]][j] = src[i][j]` for dim 0.
 *
 * @param src a tensor at least as large as `index`, or a number
 */
export const scatter: InplaceOp<
  [self: Tensor, dim: number, index: Tensor, src: Tensor | FillValue, options?: ScatterOptions]
> = inplacePrimitive({
  signature: 'scatter(self, dim, index, src, {reduce})',
  forward(self: Tensor, dim: number, index: Tensor, src: Tensor | FillValue, { reduce }: ScatterOptions = {}) {
    if (reduce !== undefined && reduce !== null && reduce !== 'add' && reduce !== 'multiply')
      throw new ArgumentError(`scatter: expected reduce 'add' or 'multiply', got ${describe(reduce)}`)
    const code = reduce === 'add' ? REDUCE.add : reduce === 'multiply' ? REDUCE.prod : REDUCE.assign
    const source = src instanceof Tensor ? src : null
    if (source !== null) checkSource('scatter', self, source)
    const out = clone(self)
    writeAlong('scatter', out, dim, index, source, source ?? valueTensor('scatter', self, src), code)
    return saving(out, wrapDim('scatter', dim, self.ndim), index, source !== null, code)
  },
  backward(grad, [at, index, hasSource, code]) {
    if (code === REDUCE.prod)
      throw new ArgumentError("scatter: reduce 'multiply' has no derivative; use scatterReduce()")
    const g = code === REDUCE.add ? grad : scatter(grad, at, index, 0)
    return hasSource ? [g, null, gather(grad, at, index)] : [g]
  },
})

/** A copy of `self` with `src` added at `index` along `dim`; positions may repeat. */
export const scatterAdd: InplaceOp<[self: Tensor, dim: number, index: Tensor, src: Tensor]> = inplacePrimitive({
  signature: 'scatter_add(self, dim, index, src)',
  forward(self: Tensor, dim: number, index: Tensor, src: Tensor) {
    checkSource('scatter_add', self, src)
    const out = clone(self)
    writeAlong('scatter_add', out, dim, index, src, src, REDUCE.add)
    return saving(out, wrapDim('scatter_add', dim, self.ndim), index, src.shape)
  },
  into(self: Tensor, dim: number, index: Tensor, src: Tensor) {
    checkSource('scatter_add', self, src)
    writeAlong('scatter_add', self, dim, index, src, src, REDUCE.add)
  },
  backward: (grad, [at, index]) => [grad, null, gather(grad, at, index)],
})

/** A vector of positions along one dimension, for `indexSelect` and its kin. */
function positions(
  operation: string,
  self: Tensor,
  dim: number,
  index: Tensor,
): { at: number; wide: Tensor; base: Tensor } {
  const wide = checkIndex(operation, index, self)
  if (wide.ndim > 1)
    throw new ShapeError(
      `${operation}: expected an index of at most one dimension, got shape ${formatShape(index.shape)}`,
    )
  return { at: wrapDim(operation, dim, self.ndim), wide: lifted(wide), base: lifted(self) }
}

/** A vector, read along dimension `at` of a tensor of the given shape. */
const spread = (index: Tensor, shape: readonly number[], at: number): Tensor =>
  alias(
    index,
    shape,
    shape.map((_, d) => (d === at ? index.strides[0] : 0)),
  )

/** The slices of `self` at the positions `index` of dimension `dim`. @returns shape with `index.numel()` at `dim` */
export const indexSelect: Op<[self: Tensor, dim: number, index: Tensor]> = primitive({
  signature: 'index_select(self, dim, index)',
  forward(self: Tensor, dim: number, index: Tensor) {
    const { at, wide, base } = positions('index_select', self, dim, index)
    const shape = base.shape.map((n, d) => (d === at ? wide.shape[0] : n))
    if (self.ndim === 0 && wide.shape[0] !== 1)
      throw new ShapeError(`index_select: expected an index of one element for a 0-d tensor, got ${wide.shape[0]}`)
    const out = allocate(self.ndim === 0 ? [] : shape, self.dtype, self.device)
    const strides = contiguousStrides(shape)
    checkingRange('index_select', () =>
      kernels.indexGet(
        alias(out, shape, strides),
        alias(base, shape, zeroAt(base.strides, at)),
        [spread(wide, shape, at)],
        [base.shape[at]],
        [base.strides[at]],
        false,
      ),
    )
    return saving(out, self.shape, at, index)
  },
  backward: (grad, [shape, at, index]) => [
    indexAdd(zeros(shape, { dtype: grad.dtype, device: grad.device }), at, index, grad),
  ],
})

/** Checks that `source` holds one slice of `self` for each position. */
function checkSlices(operation: string, base: Tensor, at: number, wide: Tensor, source: Tensor): Tensor {
  const values = lifted(source)
  const expected = base.shape.map((n, d) => (d === at ? wide.shape[0] : n))
  if (!sameShape(values.shape, expected))
    throw new ShapeError(
      `${operation}: expected source of shape ${formatShape(expected)} for ${wide.shape[0]} positions of dimension ${at}, got ${formatShape(source.shape)}`,
    )
  return values
}

function writeSlices(
  operation: string,
  out: Tensor,
  dim: number,
  index: Tensor,
  source: Tensor | null,
  value: Tensor,
  reduce: ReduceCode,
): void {
  const { at, wide, base } = positions(operation, out, dim, index)
  const shape = base.shape.map((n, d) => (d === at ? wide.shape[0] : n))
  const values =
    source === null
      ? alias(
          value,
          shape,
          shape.map(() => 0),
        )
      : checkSlices(operation, base, at, wide, source)
  checkingRange(operation, () =>
    kernels.indexSet(
      alias(base, shape, zeroAt(base.strides, at)),
      values,
      [spread(wide, shape, at)],
      [base.shape[at]],
      [base.strides[at]],
      false,
      reduce,
    ),
  )
}

/** What `indexAdd` takes. */
export interface IndexAddOptions {
  /** A factor of `source`. Default 1. */
  readonly alpha?: number
}

/** A copy of `self` with the slices of `source` added at the positions `index` of `dim`; positions may repeat. */
export const indexAdd: InplaceOp<
  [self: Tensor, dim: number, index: Tensor, source: Tensor, options?: IndexAddOptions]
> = inplacePrimitive({
  signature: 'index_add(self, dim, index, source, {alpha})',
  forward(self: Tensor, dim: number, index: Tensor, source: Tensor, { alpha = 1 }: IndexAddOptions = {}) {
    checkSource('index_add', self, source, 'source')
    const out = clone(self)
    const scaled = alpha === 1 ? source : to(mul(source, alpha), { dtype: self.dtype })
    writeSlices('index_add', out, dim, index, scaled, scaled, REDUCE.add)
    return saving(out, wrapDim('index_add', dim, self.ndim), index, alpha, source.shape)
  },
  backward(grad, [at, index, alpha, shape]) {
    const part = indexSelect(grad, at, index)
    const g = sameShape(part.shape, shape) ? part : view(part, shape)
    return [grad, null, alpha === 1 ? g : mul(g, alpha)]
  },
})

/** A copy of `self` with the slices of `source` at the positions `index` of `dim`. */
export const indexCopy: InplaceOp<[self: Tensor, dim: number, index: Tensor, source: Tensor]> = inplacePrimitive({
  signature: 'index_copy(self, dim, index, source)',
  forward(self: Tensor, dim: number, index: Tensor, source: Tensor) {
    checkSource('index_copy', self, source, 'source')
    const out = clone(self)
    writeSlices('index_copy', out, dim, index, source, source, REDUCE.assign)
    return saving(out, wrapDim('index_copy', dim, self.ndim), index, source.shape)
  },
  backward(grad, [at, index, shape]) {
    const part = indexSelect(grad, at, index)
    return [indexFill(grad, at, index, 0), null, sameShape(part.shape, shape) ? part : view(part, shape)]
  },
})

/** A copy of `self` with `value` in the slices at the positions `index` of `dim`. @param value a number or a 0-d tensor */
export const indexFill: InplaceOp<[self: Tensor, dim: number, index: Tensor, value: FillValue]> = inplacePrimitive({
  signature: 'index_fill(self, dim, index, value)',
  forward(self: Tensor, dim: number, index: Tensor, value: FillValue) {
    if (value instanceof Tensor && value.ndim !== 0)
      throw new ShapeError(
        `index_fill: expected a number or a 0-d tensor for value, got shape ${formatShape(value.shape)}`,
      )
    if (!isComplex(self.dtype) && value instanceof Tensor && isComplex(value.dtype))
      throw new DTypeError(`index_fill: a complex value cannot fill a tensor of dtype ${self.dtype}`)
    const out = clone(self)
    const scalar = value instanceof Tensor ? value : valueTensor('index_fill', self, value)
    const filler = scalar.dtype === self.dtype ? scalar : to(scalar, { dtype: self.dtype })
    writeSlices('index_fill', out, dim, index, null, filler, REDUCE.assign)
    return saving(out, wrapDim('index_fill', dim, self.ndim), index)
  },
  backward: (grad, [at, index], needs) => [
    indexFill(grad, at, index, 0),
    null,
    // Positions may repeat, and count once.
    needs(2) ? mul(grad, indexFill(zerosLike(grad), at, index, 1)).sum() : null,
  ],
})

/** The elements at flat positions, which may count from the end. @returns the shape of `index` */
export const take: Op<[self: Tensor, index: Tensor]> = primitive({
  signature: 'take(self, index)',
  forward(self: Tensor, index: Tensor) {
    const wide = checkIndex('take', index, self)
    const flat = contiguousRaw(self)
    const n = self.numel()
    if (n === 0 && wide.numel() > 0) throw new IndexError('take: expected an empty index for a tensor without elements')
    const out = allocate(index.shape, self.dtype, self.device)
    checkingRange('take', () =>
      kernels.indexGet(
        out,
        alias(
          flat,
          index.shape,
          index.shape.map(() => 0),
        ),
        [wide],
        [n],
        [1],
        true,
      ),
    )
    return saving(out, self.shape, index)
  },
  backward: (grad, [shape, index]) => [
    put(zeros(shape, { dtype: grad.dtype, device: grad.device }), index, grad, true),
  ],
})

/** A copy of `self` with `source` at flat positions, which may count from the end; added there with `accumulate`. */
export const put: InplaceOp<[self: Tensor, index: Tensor, source: Tensor, accumulate?: boolean]> = inplacePrimitive({
  signature: 'put(self, index, source, accumulate)',
  forward(self: Tensor, index: Tensor, source: Tensor, accumulate = false) {
    checkSource('put', self, source, 'source')
    const wide = checkIndex('put', index, self)
    const n = wide.numel()
    if (source.numel() !== n)
      throw new ShapeError(`put: expected as many values as positions, got ${source.numel()} and ${n}`)
    const out = clone(self)
    if (self.numel() === 0 && n > 0) throw new IndexError('put: expected an empty index for a tensor without elements')
    const values = alias(contiguousRaw(source), [n], [1])
    checkingRange('put', () =>
      kernels.indexSet(
        alias(out, [n], [0]),
        values,
        [alias(contiguousRaw(wide), [n], [1])],
        [self.numel()],
        [1],
        true,
        accumulate ? REDUCE.add : REDUCE.assign,
      ),
    )
    return saving(out, index, accumulate, source.shape)
  },
  backward(grad, [index, accumulate, shape]) {
    const rest = accumulate ? grad : put(grad, index, zeros(index.shape, { dtype: grad.dtype, device: grad.device }))
    return [rest, null, view(take(grad, index), shape)]
  },
})
