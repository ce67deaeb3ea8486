// SciPy's sparse matrices, which scipy.sparse.save_npz writes, as dense tensors.
import { ArgumentError, describe, FormatError, OutOfMemoryError } from '../errors.js'
import { frombuffer, put, to, zeros } from '../ops/index.js'
import { DTYPES } from '../tensor/dtype.js'
import { formatShape, numelOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { type NpzFile, openNpz } from './npz.js'

/** The options of `loadSparseNpz`. */
export interface LoadSparseNpzOptions {
  /** The most bytes that the dense tensor may take: a small file can describe a vast matrix. Default 2^30. */
  readonly maxBytes?: number
}

/** Elements and where each one goes in row-major order; what is named twice is added. */
interface Entries {
  readonly values: Tensor
  readonly positions: BigInt64Array
}

/** Integers of a file, each of which must be in a range. */
class Integers {
  readonly #name: string
  readonly values: readonly number[] | Float64Array

  constructor(file: NpzFile, name: string) {
    this.#name = `${file.path}: ${name}`
    if (!file.has(name)) throw new FormatError(`${file.path}: the sparse matrix has no '${name}'`)
    const t = file.get(name)
    if (DTYPES[t.dtype].kind !== 'int' || t.ndim !== 1)
      throw new FormatError(
        `${this.#name}: expected a list of integers, got ${t.dtype} of shape ${formatShape(t.shape)}`,
      )
    this.values = Float64Array.from(to(t, 'int64').data() as BigInt64Array, Number)
  }

  get length(): number {
    return this.values.length
  }

  /** @throws FormatError for a value below `least` or not below `limit` */
  at(i: number, least: number, limit: number): number {
    const value = this.values[i]
    if (!(value >= least && value < limit))
      throw new FormatError(`${this.#name}: expected integers in [${least}, ${limit - 1}], got ${value} at ${i}`)
    return value
  }
}

/**
 * Reads a sparse matrix of SciPy as a dense tensor: the formats csr, csc, coo, bsr and dia of `scipy.sparse.save_npz`.
 * Elements that are stored twice are added, as SciPy does.
 *
 * @param path the file
 * @throws FormatError for a corrupt file, or indices outside of the matrix
 * @throws OutOfMemoryError where the dense tensor would take more than `maxBytes`
 */
export function loadSparseNpz(path: string, options: LoadSparseNpzOptions = {}): Tensor {
  const { maxBytes = 2 ** 30 } = options
  if (typeof maxBytes !== 'number' || !(maxBytes >= 0))
    throw new ArgumentError(`loadSparseNpz: expected a number of bytes for maxBytes, got ${describe(maxBytes)}`)
  if (typeof path !== 'string') throw new ArgumentError(`loadSparseNpz: expected a path, got ${describe(path)}`)
  const file = openNpz(path)
  try {
    return dense(file, maxBytes)
  } finally {
    file.close()
  }
}

function dense(file: NpzFile, maxBytes: number): Tensor {
  for (const name of ['format', 'shape', 'data'])
    if (!file.has(name)) throw new FormatError(`${file.path}: not a sparse matrix of SciPy: it has no '${name}'`)
  const format = file.text('format')
  const read = FORMATS.get(format)
  if (read === undefined)
    throw new FormatError(
      `${file.path}: sparse format ${describe(format)} is not known; known are ${[...FORMATS.keys()].join(', ')}`,
    )
  const sizes = new Integers(file, 'shape')
  const shape = Array.from(sizes.values, (_, i) => sizes.at(i, 0, 2 ** 53))
  if (shape.length !== 2) throw new FormatError(`${file.path}: expected a matrix, got shape ${formatShape(shape)}`)
  const data = file.get('data')
  const n = numelOf(shape)
  const nbytes = n * DTYPES[data.dtype].size
  if (!(nbytes <= maxBytes))
    throw new OutOfMemoryError(
      `loadSparseNpz: the dense tensor of shape ${formatShape(shape)} would take ${nbytes} bytes, over the limit of ${maxBytes}; raise maxBytes`,
    )
  const { values, positions } = read(file, data, shape[0], shape[1])
  // Sums of booleans are true where any of them is.
  const numbers = values.dtype === 'bool' ? to(values, 'int64') : values
  const index = frombuffer(positions, { dtype: 'int64' })
  const flat = zeros([n], { dtype: numbers.dtype, device: 'cpu' })
  const summed = index.numel() === 0 ? flat : put(flat, index, numbers, true)
  return to(summed, data.dtype).reshape(shape)
}

type Reader = (file: NpzFile, data: Tensor, rows: number, columns: number) => Entries

function checkData(file: NpzFile, data: Tensor, shape: readonly number[]): void {
  if (data.ndim !== shape.length || data.shape.some((size, i) => size !== shape[i]))
    throw new FormatError(`${file.path}: data: expected shape ${formatShape(shape)}, got ${formatShape(data.shape)}`)
}

/** Calls `each(line, i)` for every stored place of lines whose ends are in `indptr`. */
function forLines(file: NpzFile, lines: number, stored: number, each: (line: number, i: number) => void): void {
  const ends = new Integers(file, 'indptr')
  if (ends.length !== lines + 1)
    throw new FormatError(`${file.path}: indptr: expected ${lines + 1} integers, got ${ends.length}`)
  let at = ends.at(0, 0, 1)
  for (let line = 0; line < lines; line++)
    for (const end = ends.at(line + 1, at, stored + 1); at < end; at++) each(line, at)
}

const compressed =
  (byRow: boolean): Reader =>
  (file, data, rows, columns) => {
    const [lines, across] = byRow ? [rows, columns] : [columns, rows]
    const indices = new Integers(file, 'indices')
    checkData(file, data, [indices.length])
    const positions = new BigInt64Array(indices.length)
    let count = 0
    forLines(file, lines, indices.length, (line, i) => {
      const other = indices.at(i, 0, across)
      positions[i] = BigInt(byRow ? line * columns + other : other * columns + line)
      count = i + 1
    })
    return { values: data.narrow(0, 0, count), positions: positions.subarray(0, count) }
  }

const coordinates: Reader = (file, data, rows, columns) => {
  const row = new Integers(file, 'row')
  const column = new Integers(file, 'col')
  checkData(file, data, [row.length])
  checkData(file, data, [column.length])
  const positions = BigInt64Array.from(row.values, (_, i) =>
    BigInt(row.at(i, 0, rows) * columns + column.at(i, 0, columns)),
  )
  return { values: data, positions }
}

/** Blocks, each a small dense matrix. */
const blocks: Reader = (file, data, rows, columns) => {
  const indices = new Integers(file, 'indices')
  const [, height = 0, width = 0] = data.shape
  checkData(file, data, [indices.length, height, width])
  if (height === 0 || width === 0 || rows % height !== 0 || columns % width !== 0)
    throw new FormatError(`${file.path}: data: blocks of ${height} × ${width} do not make up ${rows} × ${columns}`)
  const positions = new BigInt64Array(data.numel())
  let count = 0
  forLines(file, rows / height, indices.length, (line, i) => {
    const across = indices.at(i, 0, columns / width)
    for (let r = 0; r < height; r++)
      for (let c = 0; c < width; c++)
        positions[(i * height + r) * width + c] = BigInt((line * height + r) * columns + across * width + c)
    count = i + 1
  })
  const size = count * height * width
  return { values: data.reshape([data.numel()]).narrow(0, 0, size), positions: positions.subarray(0, size) }
}

/** Diagonals: column j of a diagonal of offset k is the element (j - k, j). */
const diagonals: Reader = (file, data, rows, columns) => {
  const offsets = new Integers(file, 'offsets')
  const width = data.shape[1] ?? 0
  checkData(file, data, [offsets.length, width])
  const taken: bigint[] = []
  const positions: bigint[] = []
  for (let d = 0; d < offsets.length; d++) {
    const offset = offsets.at(d, -(2 ** 53), 2 ** 53)
    const last = Math.min(width, columns, rows + offset)
    for (let j = Math.max(0, offset); j < last; j++) {
      taken.push(BigInt(d * width + j))
      positions.push(BigInt((j - offset) * columns + j))
    }
  }
  const index = frombuffer(BigInt64Array.from(taken), { dtype: 'int64' })
  return { values: data.reshape([data.numel()]).indexSelect(0, index), positions: BigInt64Array.from(positions) }
}

const FORMATS: ReadonlyMap<string, Reader> = new Map([
  ['csr', compressed(true)],
  ['csc', compressed(false)],
  ['coo', coordinates],
  ['bsr', blocks],
  ['dia', diagonals],
])
