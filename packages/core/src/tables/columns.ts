// What the columns of a table are, and how their values become tensors.
import { ArgumentError, describe, FormatError } from '../errors.js'
import { tensor } from '../ops/index.js'
import { DTYPES, type DType, isComplex } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'

/** What a column holds: text, or numbers of a dtype. */
export type ColumnType = 'string' | DType

/** A value of a row. What is missing is null. */
export type Value =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | null
  | readonly Value[]
  | { readonly [name: string]: Value }

/** A row, by the names of its columns. */
export type Row = Record<string, Value>

/** Throws unless `type` is one that a column of a text file can have. */
export function checkColumnType(operation: string, name: string, type: unknown): ColumnType {
  if (type === 'string') return type
  const dtype = (Object.keys(DTYPES) as DType[]).find((known) => known === type)
  if (dtype === undefined || isComplex(dtype))
    throw new ArgumentError(
      `${operation}: expected column ${describe(name)} to be 'string' or a real dtype, got ${describe(type)}`,
    )
  return dtype
}

/** Throws for the name of a column that is not there, with those that are. */
export function checkColumn(operation: string, names: readonly string[], name: string): number {
  const at = names.indexOf(name)
  if (at < 0) throw new ArgumentError(`${operation}: expected one of ${names.join(', ')}, got ${describe(name)}`)
  return at
}

const INTEGER = /^\s*[+-]?\d+\s*$/

/** The value that a field of a text file stands for. @param place for messages */
export function parseField(text: string, type: ColumnType, place: () => string): string | number | bigint | boolean {
  if (type === 'string') return text
  const wrong = (expected: string) => new FormatError(`${place()}: expected ${expected}, got ${describe(text)}`)
  if (type === 'bool') {
    if (/^\s*(?:true|1)\s*$/i.test(text)) return true
    if (/^\s*(?:false|0)\s*$/i.test(text)) return false
    throw wrong('true or false')
  }
  if (type.startsWith('float') || type === 'bfloat16') {
    const value = /^\s*(?:nan|[+-]?inf(?:inity)?)\s*$/i.test(text)
      ? Number(
          text
            .trim()
            .toLowerCase()
            .replace(/^nan$/, 'NaN')
            .replace(/inf(?:inity)?/, 'Infinity'),
        )
      : Number(text)
    if (text.trim() === '' || (Number.isNaN(value) && !/nan/i.test(text))) throw wrong('a number')
    return value
  }
  if (!INTEGER.test(text)) throw wrong('an integer')
  const value = BigInt(text.trim().replace(/^\+/, ''))
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

/** A column's values as a tensor. @throws ArgumentError for text, and for what is missing */
export function columnTensor(operation: string, name: string, values: readonly Value[], dtype?: DType): Tensor {
  const numbers = values.map((value, row) => {
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value
    throw new ArgumentError(
      `${operation}: expected numbers in column ${describe(name)}, got ${describe(value)} in row ${row}`,
    )
  })
  if (dtype !== undefined) return tensor(numbers, { dtype })
  const whole = numbers.every((value) => typeof value === 'bigint' || Number.isInteger(value))
  if (numbers.length > 0 && numbers.every((value) => typeof value === 'boolean')) return tensor(numbers)
  return tensor(
    numbers.map((value) => (typeof value === 'boolean' ? Number(value) : value)),
    {
      ...(whole && numbers.length > 0 && { dtype: 'int64' }),
    },
  )
}
