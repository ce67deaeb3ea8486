// Tables in text files: one line a row, more where a field has line ends between quotes.
import { closeSync, openSync, readSync } from 'node:fs'
import { type CsvError, parse } from 'csv-parse/sync'
import { checkIndex, Dataset } from '../data/dataset.js'
import { applyTransform, type Transform } from '../data/transform.js'
import { ArgumentError, describe, FormatError } from '../errors.js'
import type { DType } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { type ColumnType, checkColumn, checkColumnType, columnTensor, parseField, type Row } from './columns.js'

export interface CsvOptions<T = Row> {
  /** What is between fields: one ASCII character. Default ','. */
  readonly delimiter?: string
  /** What fields are quoted with; null where quotes mean nothing. Default '"'. */
  readonly quote?: string | null
  /** Whether the first line has the names of the columns; if not, their names. Default true. */
  readonly header?: boolean | readonly string[]
  /** What columns hold; those that are not named hold text. */
  readonly columns?: Readonly<Record<string, ColumnType>>
  /** What a row becomes. */
  readonly transform?: Transform<Row, T>
}

const CHUNK = 1 << 20
const [NEWLINE, RETURN] = [10, 13]
const BOM = [0xef, 0xbb, 0xbf]

/**
 * A table in a text file, such as CSV or TSV, as a data set: a row is read when it is wanted, and only where the rows begin
 * is kept in memory.
 *
 * @throws FormatError for rows with too many or too few fields, and for fields that are not what their column holds
 * @example
 * ```ts
 * import { mkdtempSync, writeFileSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { CsvTable } from '@flambeau/core/tables'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'points.csv')
 * writeFileSync(path, 'name,x,y\n"a, first",1,2.5\nb,3,4\n')
 * const table = new CsvTable(path, { columns: { x: 'int64', y: 'float32' } })
 * console.log(table.length, table.get(0)) // → 2 { name: 'a, first', x: 1, y: 2.5 }
 * console.log(table.column('y').toArray()) // → [ 2.5, 4 ]
 * ```
 */
export class CsvTable<T = Row> extends Dataset<T> {
  readonly path: string
  /** The names of the columns. */
  readonly names: readonly string[]
  readonly types: readonly ColumnType[]
  readonly #options: CsvOptions<T>
  /** Where rows begin; the last is where the file ends. */
  readonly #starts: Float64Array
  #file: number | null

  constructor(path: string, options: CsvOptions<T> = {}) {
    super()
    if (typeof path !== 'string') throw new ArgumentError(`CsvTable: expected a path, got ${describe(path)}`)
    const { columns = {}, delimiter = ',', header = true, quote = '"' } = options
    for (const [name, value] of Object.entries({ delimiter, ...(quote !== null && { quote }) }))
      if (typeof value !== 'string' || !/^[\t -~]$/.test(value))
        throw new ArgumentError(`CsvTable: expected ${name} to be one ASCII character, got ${describe(value)}`)
    this.path = path
    this.#options = options
    this.#file = openSync(path, 'r')
    try {
      const starts = rowStarts(this.#file, quote === null ? -1 : quote.charCodeAt(0))
      if (header === true && starts.length < 2)
        throw new FormatError(`${path}: expected a line with the names of the columns, got none`)
      this.names = header === true ? this.#parse(starts[0], starts[1], 1) : header === false ? [] : [...header]
      this.#starts = header === true ? starts.subarray(1) : starts
      if (header === false && this.length > 0)
        this.names = this.#parse(starts[0], starts[1], 1).map((_, i) => `column${i}`)
      const repeated = this.names.find((name, i) => this.names.indexOf(name) < i)
      if (repeated !== undefined)
        throw new FormatError(`${path}: expected different names of columns, got ${describe(repeated)} twice`)
      for (const name of Object.keys(columns)) checkColumn('CsvTable', this.names, name)
      this.types = this.names.map((name) =>
        checkColumnType('CsvTable', name, Object.hasOwn(columns, name) ? columns[name] : 'string'),
      )
    } catch (error) {
      this.close()
      throw error
    }
  }

  get length(): number {
    return Math.max(0, this.#starts.length - 1)
  }

  get(index: number): T {
    const row = this.row(index)
    const { transform } = this.#options
    return transform === undefined ? (row as T) : applyTransform(transform, row)
  }

  /** A row before the transform. */
  row(index: number): Row {
    const fields = this.fields(index)
    const row: Row = {}
    for (const [i, name] of this.names.entries()) {
      const value = parseField(fields[i], this.types[i], () => `${this.path}, row ${index}, column ${describe(name)}`)
      // A column may be called '__proto__'.
      Object.defineProperty(row, name, { value, enumerable: true, writable: true, configurable: true })
    }
    return row
  }

  /** A row's fields as they are written. */
  fields(index: number): string[] {
    const at = checkIndex('CsvTable', index, this.length)
    const fields = this.#parse(this.#starts[at], this.#starts[at + 1], at)
    if (fields.length !== this.names.length)
      throw new FormatError(`${this.path}: expected ${this.names.length} fields in row ${at}, got ${fields.length}`)
    return fields
  }

  /**
   * All values of a column of numbers.
   *
   * @param dtype default: the column's own
   * @returns shape [rows]
   */
  column(name: string, { dtype }: { readonly dtype?: DType } = {}): Tensor {
    const type = this.types[checkColumn('CsvTable.column', this.names, name)]
    if (type === 'string')
      throw new ArgumentError(
        `CsvTable.column: column ${describe(name)} holds text: name its dtype in columns, or use table.texts`,
      )
    return columnTensor('CsvTable.column', name, Array.from(this.#values(name)), dtype ?? type)
  }

  /** All values of a column, as they are written. */
  texts(name: string): string[] {
    const at = checkColumn('CsvTable.texts', this.names, name)
    return Array.from({ length: this.length }, (_, row) => this.fields(row)[at])
  }

  *#values(name: string) {
    for (let row = 0; row < this.length; row++) yield this.row(row)[name]
  }

  #parse(start: number, end: number, row: number): string[] {
    const bytes = Buffer.alloc(end - start)
    readFully(this.#handle(), bytes, start, this.path)
    const { delimiter = ',', quote = '"' } = this.#options
    try {
      const rows: string[][] = parse(bytes, {
        delimiter,
        quote: quote ?? false,
        relax_column_count: true,
        bom: start === 0,
      })
      return rows[0] ?? ['']
    } catch (error) {
      throw new FormatError(`${this.path}: row ${row} cannot be read: ${(error as CsvError).message}`)
    }
  }

  #handle(): number {
    if (this.#file === null) throw new ArgumentError(`CsvTable: ${this.path} is closed`)
    return this.#file
  }

  /** Closes the file. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function readFully(file: number, bytes: Buffer, position: number, path: string): void {
  let done = 0
  while (done < bytes.length) {
    const count = readSync(file, bytes, done, bytes.length - done, position + done)
    if (count === 0) throw new FormatError(`${path}: the file has become shorter since it was opened`)
    done += count
  }
}

/** Where rows begin. A line end between quotes is part of a field; lines without anything are no rows. */
function rowStarts(file: number, quote: number): Float64Array {
  const starts: number[] = []
  const chunk = Buffer.alloc(CHUNK)
  let position = 0
  let quoted = false
  let start = 0
  let isEmpty = true
  for (;;) {
    const count = readSync(file, chunk, 0, CHUNK, position)
    if (count === 0) break
    for (let i = 0; i < count; i++) {
      const byte = chunk[i]
      if (byte === quote) {
        quoted = !quoted
        isEmpty = false
      } else if (byte === NEWLINE && !quoted) {
        if (!isEmpty) starts.push(start)
        start = position + i + 1
        isEmpty = true
      } else if (byte !== RETURN && !(position + i < 3 && byte === BOM[position + i])) isEmpty = false
    }
    position += count
  }
  if (!isEmpty) starts.push(start)
  starts.push(position)
  return Float64Array.from(starts)
}
