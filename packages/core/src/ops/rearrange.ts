// Copies of a tensor in another arrangement: flips, rolls, repetitions, diagonals.
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { contiguousStrides, formatShape, MAX_DIMS, numelOf, wrapDim, wrapDims } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { combinationIndices } from './combinatorics.js'
import { tensor } from './construct.js'
import { clone } from './copies.js'
import { resolveOptions, type TensorOptions } from './creation.js'
import { composite, primitive } from './dispatch.js'
import { indexSelect } from './indexing.js'
import { cat } from './joining.js'
import { data } from './reading.js'
import { type FunctionOp, type Op, saving } from './record.js'
import { sum } from './reductions.js'
import { diagonal, embed, narrow } from './slicing.js'
import { expand, flatten, reshape, transpose, unsqueeze } from './views.js'

/** The elements in reverse order along the given dimensions. */
export const flip: Op<[self: Tensor, dims: number | readonly number[]]> = primitive({
  signature: 'flip(self, dims)',
  forward(self: Tensor, dims: number | readonly number[]) {
    const turned = wrapDims('flip', dims, self.ndim, false)
    const out = allocate(self.shape, self.dtype, self.device)
    if (numelOf(self.shape) > 0) {
      let { offset } = self
      const strides = [...self.strides]
      for (const d of turned) {
        if (self.ndim === 0) continue
        offset += (self.shape[d] - 1) * strides[d]
        strides[d] = -strides[d]
      }
      kernels.copy(out, alias(self, self.shape, strides, offset))
    }
    return saving(out, turned)
  },
  backward: (grad, [dims]) => [flip(grad, dims)],
})

function flipper(name: string, ndim: number, dim: number): Op<[self: Tensor]> {
  return composite(`${name}(self)`, (self: Tensor): Tensor => {
    if (self.ndim < ndim)
      throw new ShapeError(`${name}: expected at least ${ndim} dimensions, got shape ${formatShape(self.shape)}`)
    return flip(self, [dim])
  })
}
/** Columns in reverse order: dimension 1. */
export const fliplr: Op<[self: Tensor]> = flipper('fliplr', 2, 1)
/** Rows in reverse order: dimension 0. */
export const flipud: Op<[self: Tensor]> = flipper('flipud', 1, 0)

/** Turns by 90°, `k` times, in the plane of two dimensions, from the first towards the second. */
export const rot90: Op<[self: Tensor, k?: number, dims?: readonly number[]]> = composite(
  'rot90(self, k, dims)',
  (self: Tensor, k = 1, dims: readonly number[] = [0, 1]): Tensor => {
    if (!Number.isInteger(k)) throw new ArgumentError(`rot90: expected an integer for k, got ${describe(k)}`)
    if (!Array.isArray(dims) || dims.length !== 2 || self.ndim < 2)
      throw new ArgumentError(
        `rot90: expected two of at least 2 dimensions, got ${describe(dims)} for shape ${formatShape(self.shape)}`,
      )
    const [a, b] = dims.map((d) => wrapDim('rot90', d, self.ndim))
    if (a === b) throw new ArgumentError(`rot90: expected two different dimensions, got ${describe(dims)}`)
    switch (((k % 4) + 4) % 4) {
      case 1:
        return transpose(flip(self, [b]), a, b)
      case 2:
        return flip(self, [a, b])
      case 3:
        return transpose(flip(self, [a]), a, b)
      default:
        return clone(self)
    }
  },
)

/** Moves elements by `shifts` along `dims`; those pushed out come in at the other end. Without `dims`, of the flat tensor. */
export const roll: Op<[self: Tensor, shifts: number | readonly number[], dims?: number | readonly number[] | null]> =
  composite(
    'roll(self, shifts, dims)',
    (self: Tensor, shifts: number | readonly number[], dims: number | readonly number[] | null = null): Tensor => {
      const by = typeof shifts === 'number' ? [shifts] : shifts
      const along = dims === null ? [] : typeof dims === 'number' ? [dims] : dims
      if (!Array.isArray(by) || by.length === 0 || by.some((s) => !Number.isInteger(s)))
        throw new ArgumentError(`roll: expected integers for shifts, got ${describe(shifts)}`)
      if (along.length === 0) {
        if (by.length !== 1) throw new ArgumentError(`roll: expected one shift without dims, got ${describe(shifts)}`)
        return reshape(roll(flatten(self), by, 0), self.shape)
      }
      if (along.length !== by.length)
        throw new ArgumentError(`roll: expected as many shifts as dims, got ${describe(shifts)} and ${describe(dims)}`)
      if (self.numel() === 0) return clone(self)
      let result = self
      along.forEach((dim: number, i: number) => {
        const at = wrapDim('roll', dim, self.ndim)
        const n = self.shape[at]
        const split = (((n - by[i]) % n) + n) % n
        if (split !== 0) result = cat([narrow(result, at, split, n - split), narrow(result, at, 0, split)], at)
      })
      return result === self ? clone(self) : result
    },
  )

/** The tensor several times along each dimension, leading ones being added. @param repeats how often, a number for each dimension */
export const repeat: Op<[self: Tensor, repeats: readonly number[]]> = primitive({
  signature: 'repeat(self, repeats)',
  forward(self: Tensor, repeats: readonly number[]) {
    if (!Array.isArray(repeats) || repeats.some((r) => !Number.isInteger(r) || r < 0))
      throw new ArgumentError(`repeat: expected numbers ≥ 0, got ${describe(repeats)}`)
    const lead = repeats.length - self.ndim
    if (lead < 0)
      throw new ShapeError(
        `repeat: expected at least ${self.ndim} numbers for shape ${formatShape(self.shape)}, got ${describe(repeats)}`,
      )
    const shape = [...new Array<number>(lead).fill(1), ...self.shape]
    const strides = [...new Array<number>(lead).fill(0), ...self.strides]
    const out = allocate(
      shape.map((n, d) => n * repeats[d]),
      self.dtype,
      self.device,
    )
    // Each repeated dimension is two: which copy, and where in it.
    const sizes: number[] = []
    const from: number[] = []
    const to: number[] = []
    shape.forEach((n, d) => {
      if (repeats[d] !== 1) {
        sizes.push(repeats[d])
        from.push(0)
        to.push(n * out.strides[d])
      }
      sizes.push(n)
      from.push(strides[d])
      to.push(out.strides[d])
    })
    if (sizes.length > MAX_DIMS)
      throw new ShapeError(`repeat: ${sizes.length} dimensions are needed, at most ${MAX_DIMS} are possible`)
    if (numelOf(out.shape) > 0) kernels.copy(alias(out, sizes, to), alias(self, sizes, from))
    return saving(out, self.shape, shape, repeats)
  },
  backward(grad, [shape, padded, repeats]) {
    const split = reshape(
      grad,
      padded.flatMap((n, d) => [repeats[d], n]),
    )
    return [
      reshape(
        sum(
          split,
          padded.map((_, d) => 2 * d),
        ),
        shape,
      ),
    ]
  },
})

/** `repeat` whose missing leading numbers are 1. */
export const tile: Op<[self: Tensor, dims: readonly number[]]> = composite(
  'tile(self, dims)',
  (self: Tensor, dims: readonly number[]): Tensor => {
    if (!Array.isArray(dims)) throw new ArgumentError(`tile: expected numbers ≥ 0, got ${describe(dims)}`)
    return repeat(self, [...new Array<number>(Math.max(self.ndim - dims.length, 0)).fill(1), ...dims])
  },
)

/** Options of `repeatInterleave`. */
export interface RepeatInterleaveOptions {
  /** The size of the result along `dim`, where it is known. */
  readonly outputSize?: number
}

/** Each slice of a dimension several times in a row. @param repeats a number, or an integer tensor with one for each slice */
export const repeatInterleave: Op<
  [self: Tensor, repeats: number | Tensor, dim?: number | null, options?: RepeatInterleaveOptions]
> = composite(
  'repeat_interleave(self, repeats, dim, {outputSize})',
  (
    self: Tensor,
    repeats: number | Tensor,
    dim: number | null = null,
    { outputSize }: RepeatInterleaveOptions = {},
  ): Tensor => {
    const source = dim === null ? flatten(self) : self
    const at = wrapDim('repeat_interleave', dim ?? 0, source.ndim)
    const lifted = source.ndim === 0 ? reshape(source, [1]) : source
    const n = lifted.shape[at]
    if (typeof repeats === 'number') {
      if (!Number.isInteger(repeats) || repeats < 0)
        throw new ArgumentError(`repeat_interleave: expected repeats to be an integer ≥ 0, got ${repeats}`)
      const wide = expand(unsqueeze(lifted, at + 1), [
        ...lifted.shape.slice(0, at + 1),
        repeats,
        ...lifted.shape.slice(at + 1),
      ])
      return checkedSize(
        reshape(
          clone(wide),
          lifted.shape.map((s, d) => (d === at ? s * repeats : s)),
        ),
        at,
        outputSize,
      )
    }
    if (!(repeats instanceof Tensor) || (repeats.dtype !== 'int64' && repeats.dtype !== 'int32'))
      throw new DTypeError(
        `repeat_interleave: expected repeats as a number or an int64 or int32 tensor, got ${repeats instanceof Tensor ? repeats.dtype : describe(repeats)}`,
      )
    if (repeats.ndim > 1 || (repeats.numel() !== 1 && repeats.numel() !== n))
      throw new ShapeError(
        `repeat_interleave: expected ${n} repeats, one for each slice, got shape ${formatShape(repeats.shape)}`,
      )
    const counts = Array.from(data(repeats), Number)
    const negative = counts.find((c) => c < 0)
    if (negative !== undefined) throw new ArgumentError(`repeat_interleave: expected repeats ≥ 0, got ${negative}`)
    const rows: bigint[] = []
    for (let i = 0; i < n; i++) for (let k = counts[counts.length === 1 ? 0 : i]; k > 0; k--) rows.push(BigInt(i))
    return checkedSize(
      indexSelect(lifted, at, tensor(new BigInt64Array(rows), { device: self.device })),
      at,
      outputSize,
    )
  },
)

function checkedSize(result: Tensor, dim: number, expected: number | undefined): Tensor {
  if (expected !== undefined && expected !== null && result.shape[dim] !== expected)
    throw new ArgumentError(
      `repeat_interleave: expected outputSize to be ${result.shape[dim]}, the sum of the repeats, got ${expected}`,
    )
  return result
}

/** Matrices whose diagonals are the last dimension of `self`, zeros elsewhere. */
export const diagEmbed: Op<[self: Tensor, offset?: number, dim1?: number, dim2?: number]> = composite(
  'diag_embed(self, offset, dim1, dim2)',
  (self: Tensor, offset = 0, dim1 = -2, dim2 = -1): Tensor => {
    if (self.ndim === 0) throw new ShapeError('diag_embed: expected at least 1 dimension, got a 0-d tensor')
    if (!Number.isInteger(offset))
      throw new ArgumentError(`diag_embed: expected an integer for offset, got ${describe(offset)}`)
    const a = wrapDim('diag_embed', dim1, self.ndim + 1, 'dim1')
    const b = wrapDim('diag_embed', dim2, self.ndim + 1, 'dim2')
    if (a === b) throw new ArgumentError(`diag_embed: expected two different dimensions, got ${dim1} and ${dim2}`)
    const n = self.shape[self.ndim - 1] + Math.abs(offset)
    const size = self.shape.slice(0, -1)
    for (const d of [a, b].sort((x, y) => x - y)) size.splice(d, 0, n)
    return embed(self, size, self.dtype, (whole) => diagonal(whole, offset, a, b))
  },
)

/** The matrix with a vector on its diagonal, or the diagonal of a matrix, as a copy. */
export const diag: Op<[self: Tensor, diagonal?: number]> = composite(
  'diag(self, diagonal)',
  (self: Tensor, offset = 0): Tensor => {
    if (self.ndim !== 1 && self.ndim !== 2)
      throw new ShapeError(`diag: expected 1 or 2 dimensions, got shape ${formatShape(self.shape)}`)
    return self.ndim === 1 ? diagEmbed(self, offset) : clone(diagonal(self, offset))
  },
)

/** The matrix with the elements of `self`, laid flat, on its diagonal. */
export const diagflat: Op<[self: Tensor, offset?: number]> = composite(
  'diagflat(self, offset)',
  (self: Tensor, offset = 0): Tensor => diagEmbed(reshape(self, [-1]), offset),
)

function triangleIndices(
  name: string,
  inside: (row: number, col: number, offset: number) => boolean,
): FunctionOp<[row: number, col: number, offset?: number | TensorOptions, options?: TensorOptions], Tensor> {
  return primitive({
    signature: `${name}(row, col, offset, {dtype, device, requiresGrad})`,
    forward(row: number, col: number, offset: number | TensorOptions = 0, options: TensorOptions = {}) {
      const by = typeof offset === 'number' ? offset : 0
      for (const [key, n] of Object.entries({ row, col }))
        if (!Number.isInteger(n) || n < 0)
          throw new ArgumentError(`${name}: expected ${key} to be an integer ≥ 0, got ${describe(n)}`)
      if (!Number.isInteger(by))
        throw new ArgumentError(`${name}: expected an integer for offset, got ${describe(offset)}`)
      const { dtype, device, finish } = resolveOptions(
        name,
        typeof offset === 'object' && offset !== null ? offset : options,
        'int64',
      )
      const rows: bigint[] = []
      const cols: bigint[] = []
      for (let r = 0; r < row; r++)
        for (let c = 0; c < col; c++)
          if (inside(r, c, by)) {
            rows.push(BigInt(r))
            cols.push(BigInt(c))
          }
      const flat = tensor(new BigInt64Array([...rows, ...cols]), { dtype, device })
      return saving(finish(alias(flat, [2, rows.length], contiguousStrides([2, rows.length]))))
    },
  })
}
/** The coordinates of the lower triangle of a matrix, row by row. @returns shape `[2, count]` */
export const trilIndices: FunctionOp<
  [row: number, col: number, offset?: number | TensorOptions, options?: TensorOptions],
  Tensor
> = triangleIndices('tril_indices', (r, c, offset) => c - r <= offset)
/** The coordinates of the upper triangle of a matrix, row by row. @returns shape `[2, count]` */
export const triuIndices: FunctionOp<
  [row: number, col: number, offset?: number | TensorOptions, options?: TensorOptions],
  Tensor
> = triangleIndices('triu_indices', (r, c, offset) => c - r >= offset)

/** What `combinations` takes. */
export interface CombinationsOptions {
  /** Whether an element may be drawn several times. Default false. */
  readonly withReplacement?: boolean
}

/** All ways of choosing `r` elements of a vector, in order, as rows. */
export const combinations: Op<[self: Tensor, r?: number, options?: CombinationsOptions]> = composite(
  'combinations(self, r, {withReplacement})',
  (self: Tensor, r = 2, { withReplacement = false }: CombinationsOptions = {}): Tensor => {
    if (self.ndim !== 1) throw new ShapeError(`combinations: expected a vector, got shape ${formatShape(self.shape)}`)
    if (!Number.isInteger(r) || r < 0)
      throw new ArgumentError(`combinations: expected r to be an integer ≥ 0, got ${describe(r)}`)
    if (r === 0) return narrow(self, 0, 0, 0)
    const rows = combinationIndices(self.shape[0], r, withReplacement)
    const index = tensor(new BigInt64Array(rows.flat().map(BigInt)), { device: self.device })
    return reshape(indexSelect(self, 0, index), [rows.length, r])
  },
)
