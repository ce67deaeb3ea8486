// IDX, the format of the MNIST files: two zero bytes, a type, the number of dimensions, their sizes, then the elements,
// all big-endian. http://yann.lecun.com/exdb/mnist/
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { FormatError, type Tensor, tensor } from '@flambeau/core'

/** Elements in the file's byte order are turned in place before the array reads them. */
interface ElementType {
  readonly size: number
  read(bytes: Buffer): Uint8Array | Int8Array | Int16Array | Int32Array | Float32Array | Float64Array
}

const TYPES: Readonly<Record<number, ElementType>> = {
  8: { size: 1, read: (b) => new Uint8Array(b.buffer) },
  9: { size: 1, read: (b) => new Int8Array(b.buffer) },
  11: { size: 2, read: (b) => new Int16Array(b.swap16().buffer) },
  12: { size: 4, read: (b) => new Int32Array(b.swap32().buffer) },
  13: { size: 4, read: (b) => new Float32Array(b.swap32().buffer) },
  14: { size: 8, read: (b) => new Float64Array(b.swap64().buffer) },
}

/** What a compressed file may grow to. */
const MAX_BYTES = 2 ** 31 - 1

/**
 * Reads an IDX file, also a gzipped one.
 *
 * @returns a tensor of the file's shape and dtype: uint8, int8, int16, int32, float32 or float64
 * @throws FormatError for a truncated or corrupt file
 */
export function readIdx(path: string): Tensor {
  const bytes = decompress(path, readFileSync(path))
  if (bytes.length < 4)
    throw new FormatError(`${path}: not an IDX file: ${bytes.length} bytes are too few for a header`)
  const [zero, alsoZero, code, ndim] = bytes
  const type = TYPES[code]
  if (zero !== 0 || alsoZero !== 0 || type === undefined)
    throw new FormatError(`${path}: not an IDX file: it begins with ${bytes.subarray(0, 4).toString('hex')}`)
  const start = 4 + 4 * ndim
  if (bytes.length < start)
    throw new FormatError(
      `${path}: the file is truncated: ${bytes.length} bytes are too few for the sizes of ${ndim} dimensions`,
    )
  if (ndim > 16) throw new FormatError(`${path}: the file is corrupt: it claims ${ndim} dimensions`)
  const shape = Array.from({ length: ndim }, (_, i) => bytes.readUInt32BE(4 + 4 * i))
  const expected = shape.reduce((n, size) => n * size, type.size)
  const found = bytes.length - start
  if (found !== expected)
    throw new FormatError(
      `${path}: the file is ${found < expected ? 'truncated' : 'corrupt'}: expected ${expected} bytes of data for shape [${shape.join(', ')}], got ${found}`,
    )
  // A copy of its own, since a typed array needs its elements aligned.
  const data = Buffer.from(new Uint8Array(bytes.subarray(start)).buffer)
  return tensor(type.read(data)).reshape(shape)
}

function decompress(path: string, bytes: Buffer): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_BYTES })
  } catch (error) {
    throw new FormatError(`${path}: the gzip data are truncated or corrupt: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
