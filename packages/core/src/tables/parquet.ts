// Tables in Parquet files.
import { open, stat } from 'node:fs/promises'
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { checkIndex, Dataset } from '../data/dataset.js'
import { applyTransform, type Transform } from '../data/transform.js'
import { ArgumentError, describe, FormatError } from '../errors.js'
import type { DType } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { checkColumn, columnTensor, type Row, type Value } from './columns.js'

export interface ParquetOptions<T = Row> {
  /** The columns that are read. Default: all. */
  readonly columns?: readonly string[]
  /** What a row becomes. */
  readonly transform?: Transform<Row, T>
}

/** Row groups that are kept, once read. */
const KEPT = 2

/**
 * A table in a Parquet file as a data set: the group of rows that a row is in is read when it is wanted, and the last two
 * are kept. `await ParquetTable.open(path)` makes one; the file is open only while it is read, so there is nothing to close.
 */
export class ParquetTable<T = Row> extends Dataset<T> {
  readonly path: string
  /** The names of the columns that are read. */
  readonly names: readonly string[]
  readonly length: number
  readonly #options: ParquetOptions<T>
  readonly #buffer: AsyncBuffer
  readonly #metadata: FileMetaData
  /** Where groups begin; the last is the number of rows. */
  readonly #groups: readonly number[]
  readonly #kept = new Map<number, Promise<Row[]>>()

  private constructor(path: string, buffer: AsyncBuffer, metadata: FileMetaData, options: ParquetOptions<T>) {
    super()
    this.path = path
    this.#buffer = buffer
    this.#metadata = metadata
    this.#options = options
    const all = parquetSchema(metadata).children.map(({ element }) => element.name)
    for (const name of options.columns ?? []) checkColumn('ParquetTable', all, name)
    this.names = options.columns ?? all
    const groups = [0]
    for (const group of metadata.row_groups) groups.push(groups[groups.length - 1] + Number(group.num_rows))
    this.#groups = groups
    this.length = groups[groups.length - 1]
  }

  /** Reads what a file says about itself. @throws FormatError for a file that is no Parquet */
  static async open<T = Row>(path: string, options: ParquetOptions<T> = {}): Promise<ParquetTable<T>> {
    if (typeof path !== 'string') throw new ArgumentError(`ParquetTable: expected a path, got ${describe(path)}`)
    const { size } = await stat(path)
    const buffer: AsyncBuffer = { byteLength: size, slice: (start, end = size) => readPart(path, start, end) }
    const metadata = await reading(path, () => parquetMetadataAsync(buffer))
    return new ParquetTable(path, buffer, metadata, options)
  }

  async get(index: number): Promise<T> {
    const at = checkIndex('ParquetTable', index, this.length)
    const group = this.#groups.findIndex((end, i) => i > 0 && at < end) - 1
    const row = (await this.#group(group))[at - this.#groups[group]]
    const { transform } = this.#options
    return transform === undefined ? (row as T) : applyTransform(transform, row)
  }

  #group(group: number): Promise<Row[]> {
    const known = this.#kept.get(group)
    if (known !== undefined) return known
    const rows = this.#read(this.#groups[group], this.#groups[group + 1], this.names)
    this.#kept.set(group, rows)
    for (const old of this.#kept.keys()) if (this.#kept.size > KEPT && old !== group) this.#kept.delete(old)
    return rows
  }

  async #read(rowStart: number, rowEnd: number, columns: readonly string[]): Promise<Row[]> {
    const rows = await reading(this.path, () =>
      parquetReadObjects({
        file: this.#buffer,
        metadata: this.#metadata,
        columns: [...columns],
        rowStart,
        rowEnd,
        compressors,
      }),
    )
    if (rows.length !== rowEnd - rowStart)
      throw new FormatError(`${this.path}: expected ${rowEnd - rowStart} rows from ${rowStart} on, got ${rows.length}`)
    return rows as Row[]
  }

  /** All values of a column of numbers. @param dtype default: int64 for integers, otherwise float @returns shape [rows] */
  async column(name: string, { dtype }: { readonly dtype?: DType } = {}): Promise<Tensor> {
    return columnTensor('ParquetTable.column', name, await this.values(name), dtype)
  }

  /** All values of a column. */
  async values(name: string): Promise<Value[]> {
    checkColumn('ParquetTable.values', this.names, name)
    if (this.length === 0) return []
    return (await this.#read(0, this.length, [name])).map((row) => row[name])
  }
}

async function readPart(path: string, start: number, end: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(Math.max(0, end - start))
  const file = await open(path, 'r')
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done)
      if (bytesRead === 0) throw new FormatError(`${path}: expected ${end} bytes, got ${start + done}`)
      done += bytesRead
    }
  } finally {
    await file.close()
  }
  return bytes.buffer
}

/** Whatever the reader stumbles over is a damaged file. */
async function reading<R>(path: string, body: () => Promise<R>): Promise<R> {
  try {
    return await body()
  } catch (error) {
    if (error instanceof FormatError) throw error
    throw new FormatError(`${path}: the file is no Parquet, or damaged: ${(error as Error).message}`)
  }
}
