// The header of a safetensors file: 8 bytes of length, then JSON that says where each tensor's bytes are.
// https://huggingface.co/docs/safetensors
import { DTypeError, describe, FormatError } from '../errors.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { formatShape, MAX_DIMS, numelOf } from '../tensor/shape.js'
import { FOREIGN, type Foreign } from './foreign.js'

/** The header's length, before it. */
export const PREFIX = 8
/** As in the reference implementation. */
const MAX_HEADER = 100_000_000
/** The data begins at a multiple of this. */
const ALIGNMENT = 8

/** The format's name of each dtype; null where it has none. */
const NAMES: { readonly [D in DType]: string | null } = {
  float32: 'F32',
  float64: 'F64',
  float16: 'F16',
  bfloat16: 'BF16',
  int8: 'I8',
  uint8: 'U8',
  int16: 'I16',
  int32: 'I32',
  int64: 'I64',
  bool: 'BOOL',
  complex64: 'C64',
  complex128: null,
  complex32: null,
}

/** What the format has beyond the dtypes: an element type that is converted, or bits an element where none is. */
const OTHERS: { readonly [format: string]: Foreign | number } = {
  U16: FOREIGN.uint16,
  U32: FOREIGN.uint32,
  U64: FOREIGN.uint64,
  F8_E5M2: FOREIGN.float8_e5m2,
  F8_E4M3: FOREIGN.float8_e4m3fn,
  F8_E5M2FNUZ: FOREIGN.float8_e5m2fnuz,
  F8_E4M3FNUZ: FOREIGN.float8_e4m3fnuz,
  F8_E8M0: FOREIGN.float8_e8m0fnu,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
}

/** How elements are read: as a dtype, by conversion, or, a number of bits each, not at all. */
export type Reading = DType | Foreign | number

const READINGS = new Map<string, Reading>(Object.entries(OTHERS))
for (const [dtype, name] of Object.entries(NAMES)) if (name !== null) READINGS.set(name, dtype as DType)

const bitsOf = (reading: Reading): number =>
  typeof reading === 'number' ? reading : 8 * DTYPES[typeof reading === 'string' ? reading : reading.raw].size

/** Where a tensor is. */
export interface TensorEntry {
  readonly name: string
  /** The element type by the format's name. */
  readonly format: string
  readonly reading: Reading
  readonly shape: readonly number[]
  /** In bytes, from the beginning of the data. */
  readonly begin: number
  readonly nbytes: number
}

/** The entry of a tensor that is saved. */
export const entryOf = (name: string, dtype: DType, shape: readonly number[], begin: number): TensorEntry => ({
  name,
  format: formatName(name, dtype),
  reading: dtype,
  shape,
  begin,
  nbytes: numelOf(shape) * DTYPES[dtype].size,
})

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  /** In the order of the data. */
  readonly entries: readonly TensorEntry[]
}

/** The bytes of a header, length and padding included. */
export function encodeHeader({ metadata, entries }: SafetensorsHeader): Uint8Array {
  const fields: [string, unknown][] = entries.map(({ name, format, shape, begin, nbytes }) => [
    name,
    { dtype: format, shape, data_offsets: [begin, begin + nbytes] },
  ])
  if (Object.keys(metadata).length > 0) fields.unshift(['__metadata__', metadata])
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(fields)))
  const length = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT
  const bytes = new Uint8Array(PREFIX + length).fill(0x20, PREFIX)
  bytes.set(json, PREFIX)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  return bytes
}

function formatName(name: string, dtype: DType): string {
  const format = NAMES[dtype]
  if (format === null)
    throw new DTypeError(`saveSafetensors: the format has no ${dtype}, the dtype of '${name}'; save viewAsReal() of it`)
  return format
}

/** The reference implementation's order of data: later ones first, so that wide elements stay aligned. */
const ORDER: readonly DType[] = [
  'bool',
  'uint8',
  'int8',
  'int16',
  'float16',
  'bfloat16',
  'int32',
  'float32',
  'complex64',
  'float64',
  'int64',
]

/** Which of two tensors comes first in the data. */
export const storageOrder = (a: { name: string; dtype: DType }, b: { name: string; dtype: DType }): number =>
  ORDER.indexOf(b.dtype) - ORDER.indexOf(a.dtype) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

/** The length of the header's JSON. @throws FormatError unless the file can hold it */
export function headerLength(file: string, prefix: Uint8Array, fileSize: number): number {
  if (fileSize < PREFIX || prefix.length < PREFIX)
    throw new FormatError(`${file}: not a safetensors file: ${fileSize} bytes are too few for a header`)
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER))
    throw new FormatError(
      `${file}: not a safetensors file: its header would be ${length} bytes long, over the limit of ${MAX_HEADER}`,
    )
  if (PREFIX + Number(length) > fileSize)
    throw new FormatError(
      `${file}: the file is truncated or corrupt: a header of ${length} bytes does not fit its ${fileSize} bytes`,
    )
  return Number(length)
}

/**
 * Reads and checks a header: every tensor's bytes are where its shape and dtype need them, and all of the data belongs
 * to exactly one tensor.
 *
 * @param json the header without its length
 * @param dataSize the bytes after it
 */
export function decodeHeader(file: string, json: Uint8Array, dataSize: number): SafetensorsHeader {
  const fail = (why: string): never => {
    throw new FormatError(`${file}: the safetensors header is corrupt: ${why}`)
  }
  let text = ''
  let parsed: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(json)
    parsed = JSON.parse(text)
  } catch (error) {
    fail((error as Error).message)
  }
  if (!text.startsWith('{') || !isObject(parsed)) return fail('it is not an object')
  const fields = Object.entries(parsed)
  const twice = duplicate(text)
  if (twice !== null) fail(`${describe(twice)} appears twice`)

  let metadata: Record<string, string> = {}
  const entries: TensorEntry[] = []
  for (const [name, value] of fields) {
    if (name === '__metadata__') {
      if (!isObject(value) || !Object.values(value).every((v) => typeof v === 'string'))
        fail('its metadata are not all strings')
      metadata = value as Record<string, string>
    } else entries.push(decodeEntry(file, name, value, fail))
  }
  entries.sort((a, b) => a.begin - b.begin || a.nbytes - b.nbytes)
  let end = 0
  for (const { name, begin, nbytes } of entries) {
    if (begin !== end)
      fail(`the bytes of '${name}' begin at ${begin} where ${end} was expected: tensors overlap or leave a gap`)
    end = begin + nbytes
  }
  if (end > dataSize)
    throw new FormatError(
      `${file}: the file is truncated: its tensors take ${end} bytes, and ${dataSize} follow the header`,
    )
  if (end < dataSize) fail(`${dataSize - end} bytes at the end belong to no tensor`)
  return { metadata, entries }
}

function decodeEntry(file: string, name: string, value: unknown, fail: (why: string) => never): TensorEntry {
  if (!isObject(value)) return fail(`'${name}' is not an object`)
  const { dtype: format, shape, data_offsets: offsets } = value
  const reading = typeof format === 'string' ? READINGS.get(format) : undefined
  if (typeof format !== 'string' || reading === undefined)
    throw new FormatError(
      `${file}: '${name}' has dtype ${describe(format)}; known are ${[...READINGS.keys()].join(', ')}`,
    )
  if (!Array.isArray(shape) || shape.length > MAX_DIMS || !shape.every(isSize))
    return fail(`'${name}' has shape ${describe(shape)}`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    return fail(`'${name}' has offsets ${describe(offsets)}`)
  const [begin, end] = offsets
  const numel = shape.reduce((n: number, size: number) => n * size, 1)
  if (shape.reduce((n: number, size: number) => n * Math.max(size, 1), 1) > 2 ** 53)
    return fail(`'${name}' has shape ${formatShape(shape)}, which is too large`)
  const nbytes = (numel * bitsOf(reading)) / 8
  if (!Number.isSafeInteger(nbytes) || end - begin !== nbytes)
    fail(`'${name}' of shape ${formatShape(shape)} and dtype ${format} takes ${nbytes} bytes, and has ${end - begin}`)
  return { name, format, reading, shape, begin, nbytes }
}

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * A name that occurs twice in one object of valid JSON; JSON.parse would keep the last one in silence. No regular
 * expression: its stack would overflow on a long string.
 */
function duplicate(text: string): string | null {
  const objects: Set<string>[] = []
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (c === '{') objects.push(new Set())
    else if (c === '}') objects.pop()
    else if (c === '"') {
      const end = closingQuote(text, i)
      let next = end + 1
      while (text[next] === ' ' || text[next] === '\n' || text[next] === '\r' || text[next] === '\t') next++
      if (text[next] === ':') {
        const name: string = JSON.parse(text.slice(i, end + 1))
        const names = objects[objects.length - 1]
        if (names.has(name)) return name
        names.add(name)
      }
      i = next - 1
    }
  }
  return null
}

/** Where the string that begins at `start` ends. */
function closingQuote(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); ; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text[at - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return at
  }
}
