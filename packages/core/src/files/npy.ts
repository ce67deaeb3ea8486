// NumPy's .npy files: one array each.
import { ArgumentError, DisposedError, describe, FormatError } from '../errors.js'
import { contiguous, permute } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { isContiguous } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { type Append, writeAtomically } from './atomic.js'
import { toBool } from './foreign.js'
import { CHUNK, chunks, MappedFile } from './mapped-file.js'
import {
  decodeLayout,
  encodeNpyHeader,
  headerEnd,
  MAX_HEADER,
  type NpyHeader,
  type NpyLayout,
  PREFIX,
  withReading,
} from './npy-header.js'
import { swapInPlace, wordSize } from './numpy-values.js'
import { type ByteSource, bytesSource, withSource } from './source.js'

/** The most bytes that a header takes. */
export const LONGEST_HEADER = PREFIX + MAX_HEADER

/** Reads the header of a file, whatever its elements are. */
export function readLayout(source: ByteSource): NpyLayout {
  const prefix = new Uint8Array(Math.min(PREFIX, source.size))
  source.read(0, prefix)
  const end = headerEnd(source.name, prefix)
  if (end > source.size)
    throw new FormatError(
      `${source.name}: the file is truncated: its header would end at byte ${end} of ${source.size}`,
    )
  const bytes = new Uint8Array(end)
  source.read(0, bytes)
  return decodeLayout(source.name, bytes)
}

/** Reads the header of a file, which must hold all of its data. */
function readHeader(source: ByteSource): NpyHeader {
  const header = withReading(source.name, readLayout(source))
  const { dataStart, nbytes } = header
  if (dataStart + nbytes > source.size)
    throw new FormatError(
      `${source.name}: the file is truncated: its array takes ${nbytes} bytes, and ${source.size - dataStart} follow the header`,
    )
  return header
}

/** The dtype whose bytes are read. */
export const rawDType = ({ reading }: NpyHeader): DType =>
  typeof reading === 'object' ? reading.raw : reading === 'bool' ? 'uint8' : reading

/** The shape of the elements in the order of the memory. */
export const rawShape = ({ shape, fortran }: NpyHeader): readonly number[] => (fortran ? [...shape].reverse() : shape)

/** The array, of its elements in the order of the memory. */
export function finished(name: string, { reading, fortran }: NpyHeader, raw: Tensor): Tensor {
  const converted =
    reading === 'bool' ? toBool(raw) : typeof reading === 'object' ? reading.convert(`${name}: the array`, raw) : raw
  return fortran ? permute(converted, reversed(converted)) : converted
}

const reversed = ({ shape }: Tensor): number[] => shape.map((_, i) => shape.length - 1 - i)

/** Gives the elements that a tensor's memory holds the other byte order. */
export function swapElements(t: Tensor): void {
  const word = wordSize(t.dtype)
  const { storage } = t
  const buffer = new Uint8Array(Math.min(CHUNK, storage.nbytes))
  for (const [at, length] of chunks(storage.nbytes)) {
    const chunk = buffer.subarray(0, length)
    storage.read('loadNpy', at, chunk)
    swapInPlace(chunk, word)
    storage.write('loadNpy', at, chunk)
  }
}

/** The options of `loadNpy`. */
export interface LoadNpyOptions {
  /**
   * Whether the tensor's memory is the file's pages, read when they are first used and copied when they are first written
   * to, rather than a copy; elements that must be converted are copied either way. Default true.
   */
  readonly mmap?: boolean
}

/**
 * Reads an array that NumPy wrote: versions 1 to 3 of the format, in either byte order and either order of dimensions.
 * uint16 becomes int32, uint32 and uint64 become int64; structured arrays, strings and objects are refused.
 *
 * @param from a path, or the bytes of a file
 * @returns a tensor of the array's shape; one in Fortran's order has its strides
 * @throws FormatError for a truncated or corrupt file, for element types that no tensor has, and for uint64 values that
 * int64 cannot hold
 */
export function loadNpy(from: string | Uint8Array, options: LoadNpyOptions = {}): Tensor {
  const { mmap = true } = options
  if (typeof from !== 'string') {
    // By its kind: an array of another realm is no instance of ours.
    if (Object.prototype.toString.call(from) !== '[object Uint8Array]')
      throw new ArgumentError(`loadNpy: expected a path or bytes, got ${describe(from)}`)
    return readArray(bytesSource('loadNpy', from))
  }
  if (!mmap) return withSource('loadNpy', from, readArray)
  const file = MappedFile.open(from)
  try {
    const source = mappedSource(file)
    const header = readHeader(source)
    const raw = file.tensor('loadNpy', header.dataStart, rawDType(header), rawShape(header))
    if (header.bigEndian) swapElements(raw)
    return finished(from, header, raw)
  } finally {
    file.close()
  }
}

/** A mapped file as a source of bytes. */
export const mappedSource = (file: MappedFile): ByteSource => ({
  name: file.path,
  size: file.nbytes,
  read: (position, into) => file.read('load', position, into),
})

function readArray(source: ByteSource): Tensor {
  const header = readHeader(source)
  const raw = allocate(rawShape(header), rawDType(header), 'cpu')
  const buffer = new Uint8Array(Math.min(CHUNK, header.nbytes))
  for (const [at, length] of chunks(header.nbytes)) {
    const chunk = buffer.subarray(0, length)
    source.read(header.dataStart + at, chunk)
    raw.storage.write('loadNpy', at, chunk)
  }
  if (header.bigEndian) swapElements(raw)
  return finished(source.name, header, raw)
}

/** An array that is ready to be written. */
export interface NpyContents {
  readonly nbytes: number
  append(append: Append): void
}

/** The file of a tensor: as NumPy does, in Fortran's order where the tensor lies that way. */
export function npyContents(operation: string, name: string, t: unknown): NpyContents {
  if (!(t instanceof Tensor)) throw new ArgumentError(`${operation}: expected a tensor for ${name}, got ${describe(t)}`)
  if (t.isDisposed) throw new DisposedError(`${operation}: ${name} was disposed`)
  if (t.storage.meta) throw new ArgumentError(`${operation}: ${name} is a meta tensor, which has no data`)
  const turned = permute(t, reversed(t))
  const fortran = !t.isContiguous() && isContiguous(turned.shape, turned.strides)
  const header = encodeNpyHeader(t.dtype, t.shape, fortran)
  const nbytes = t.numel() * DTYPES[t.dtype].size
  return {
    nbytes: header.length + nbytes,
    append(append) {
      append(header)
      const source = contiguous(fortran ? turned : t)
      const first = source.offset * source.elementSize()
      const buffer = new Uint8Array(Math.min(CHUNK, nbytes))
      for (const [at, length] of chunks(nbytes)) {
        const chunk = buffer.subarray(0, length)
        source.storage.read(operation, first + at, chunk)
        append(chunk)
      }
      if (source !== t && source !== turned) source.dispose()
    },
  }
}

/**
 * Writes a tensor to an .npy file, byte for byte as `numpy.save` does. The file appears whole or not at all.
 *
 * @param path the file; an existing one is replaced
 * @throws DTypeError for bfloat16, which NumPy does not have
 * @example
 * ```ts
 * import { mkdtempSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { arange, loadNpy, saveNpy } from '@flambeau/core'
 * const path = join(mkdtempSync(join(tmpdir(), 'example-')), 'array.npy')
 * saveNpy(path, arange(6).reshape([2, 3]))
 * console.log(loadNpy(path).toArray()) // → [ [ 0, 1, 2 ], [ 3, 4, 5 ] ]
 * ```
 */
export function saveNpy(path: string, t: Tensor): void {
  if (typeof path !== 'string') throw new ArgumentError(`saveNpy: expected a path, got ${describe(path)}`)
  const contents = npyContents('saveNpy', 'the array', t)
  writeAtomically(path, (append) => contents.append(append))
}
