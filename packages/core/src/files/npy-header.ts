// The header of an .npy file: a signature, a version, and a Python dict of element type, order and shape.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { DTypeError, describe, FormatError } from '../errors.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { formatShape, MAX_DIMS, numelOf } from '../tensor/shape.js'
import { FOREIGN, type Foreign } from './foreign.js'
import { type Literal, parseLiteral } from './python-literal.js'

/** The signature, the version, and at most 4 bytes of length. */
export const PREFIX = 12
/** NumPy itself refuses headers of more than 10,000 bytes unless it is told otherwise. */
export const MAX_HEADER = 2 ** 16
const ALIGNMENT = 64
const SIGNATURE = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]

/** NumPy's kind and size of each dtype; null where it has none. */
const NAMES: { readonly [D in DType]: string | null } = {
  float32: 'f4',
  float64: 'f8',
  float16: 'f2',
  bfloat16: null,
  int8: 'i1',
  uint8: 'u1',
  int16: 'i2',
  int32: 'i4',
  int64: 'i8',
  bool: 'b1',
  complex64: 'c8',
  complex128: 'c16',
  complex32: null,
}

const READINGS = new Map<string, DType | Foreign>([
  ['u2', FOREIGN.uint16],
  ['u4', FOREIGN.uint32],
  ['u8', FOREIGN.uint64],
])
for (const [dtype, name] of Object.entries(NAMES)) if (name !== null) READINGS.set(name, dtype as DType)

/** Kinds that are no numbers of a size that tensors have. */
const REFUSED: Readonly<Record<string, string>> = {
  O: 'Python objects, which only running code could make',
  S: 'byte strings',
  a: 'byte strings',
  U: 'strings',
  V: 'raw bytes; if they are bfloat16, save them as float32 or as safetensors',
  M: 'dates',
  m: 'spans of time',
  f: 'floating-point numbers of another size; convert them with astype(numpy.float64)',
  c: 'complex numbers of another size; convert them with astype(numpy.complex128)',
}

/** What an .npy file holds. */
export interface NpyHeader {
  /** NumPy's name of the element type, such as `<f4`. */
  readonly descr: string
  readonly reading: DType | Foreign
  readonly bigEndian: boolean
  /** Whether the first dimension is the innermost one in memory. */
  readonly fortran: boolean
  readonly shape: readonly number[]
  /** Where the data begins. */
  readonly dataStart: number
  readonly nbytes: number
}

/** A header without its element type, which a reader of other things than tensors may know. */
export interface NpyLayout {
  readonly descr: Literal
  readonly fortran: boolean
  readonly shape: readonly number[]
  readonly dataStart: number
}

/** Where the header of a file that begins with `prefix` ends. @throws FormatError for what is no .npy file */
export function headerEnd(file: string, prefix: Uint8Array): number {
  if (prefix.length < 10 || SIGNATURE.some((byte, i) => prefix[i] !== byte))
    throw new FormatError(`${file}: not an .npy file: it does not begin with NumPy's signature`)
  const [major, minor] = prefix.subarray(6, 8)
  if (major < 1 || major > 3 || minor !== 0)
    throw new FormatError(
      `${file}: version ${major}.${minor} of the .npy format is not known; known are 1.0, 2.0 and 3.0`,
    )
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.length)
  if (major > 1 && prefix.length < PREFIX) throw new FormatError(`${file}: the file is truncated in its header`)
  const [start, length] = major === 1 ? [10, view.getUint16(8, true)] : [PREFIX, view.getUint32(8, true)]
  if (length > MAX_HEADER)
    throw new FormatError(
      `${file}: the .npy header is refused: it has ${length} bytes, over the limit of ${MAX_HEADER}`,
    )
  return start + length
}

/** Reads a header. @param bytes all of it, from the beginning of the file */
export function decodeLayout(file: string, bytes: Uint8Array): NpyLayout {
  const fail = (why: string): never => {
    throw new FormatError(`${file}: the .npy header is corrupt: ${why}`)
  }
  const major = bytes[6]
  const text = bytes.subarray(major === 1 ? 10 : PREFIX)
  let header: Literal = null
  try {
    header = parseLiteral(new TextDecoder(major === 3 ? 'utf-8' : 'latin1', { fatal: true }).decode(text))
  } catch (error) {
    fail((error as Error).message)
  }
  if (!(header instanceof Map)) return fail('it is not a dict')
  const [descr, fortran, shape] = ['descr', 'fortran_order', 'shape'].map((key) => header.get(key))
  if (header.size !== 3 || descr === undefined || typeof fortran !== 'boolean' || !Array.isArray(shape))
    return fail(`expected descr, fortran_order and shape, got ${[...header.keys()].map(describe).join(', ')}`)
  if (shape.length > MAX_DIMS || !shape.every(isSize)) return fail(`the shape is ${describe(shape)}`)
  if (shape.reduce((n: number, size: number) => n * Math.max(size, 1), 1) > 2 ** 53)
    return fail(`the shape is ${formatShape(shape)}, which is too large`)
  return { descr, fortran, shape, dataStart: bytes.length }
}

/** How the elements are read. @throws FormatError for types that no tensor has */
export function withReading(file: string, { descr, fortran, shape, dataStart }: NpyLayout): NpyHeader {
  if (typeof descr !== 'string')
    throw new FormatError(
      `${file}: the array is structured (${fieldNames(descr)}), and a tensor has one type; save its fields one by one`,
    )
  const [, order, kind, size] = /^([<>|=]?)([A-Za-z])(\d*)$/.exec(descr.replace('?', 'b1')) ?? []
  const reading = READINGS.get(`${kind}${size}`)
  if (reading === undefined) {
    const why = kind === undefined ? undefined : REFUSED[kind]
    throw new FormatError(
      `${file}: the array has dtype ${describe(descr)}${why === undefined ? '' : `: ${why}`}; supported are ${[...READINGS.keys()].join(', ')}`,
    )
  }
  const nbytes = numelOf(shape) * DTYPES[typeof reading === 'string' ? reading : reading.raw].size
  return { descr, reading, bigEndian: order === '>', fortran, shape, dataStart, nbytes }
}

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

function fieldNames(descr: Literal): string {
  const fields = Array.isArray(descr) ? descr : []
  const names = fields.map((field) => (Array.isArray(field) ? describe(field[0]) : describe(field)))
  return names.length === 0
    ? 'of no known layout'
    : `fields ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`
}

/** Digits that NumPy leaves room for, so that an array can grow in place. */
const GROWTH_DIGITS = 21

/** The header that NumPy would write. */
export function encodeNpyHeader(dtype: DType, shape: readonly number[], fortran: boolean): Uint8Array {
  const name = NAMES[dtype]
  if (name === null)
    throw new DTypeError(
      `saveNpy: NumPy has no ${dtype}; convert the tensor to ${DTYPES[dtype].compute}, or save it with save()`,
    )
  const descr = `${DTYPES[dtype].size === 1 ? '|' : '<'}${name}`
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const growing = shape.length === 0 ? null : String(shape[fortran ? shape.length - 1 : 0])
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${sizes}), }`
  const text = dict + ' '.repeat(growing === null ? 0 : GROWTH_DIGITS - growing.length)
  const length = Math.ceil((10 + text.length + 1) / ALIGNMENT) * ALIGNMENT
  const bytes = new Uint8Array(length).fill(0x20)
  bytes.set([...SIGNATURE, 1, 0])
  new DataView(bytes.buffer).setUint16(8, length - 10, true)
  bytes.set(new TextEncoder().encode(text), 10)
  bytes[length - 1] = 0x0a
  return bytes
}
