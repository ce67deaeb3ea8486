// NumPy's scalars and arrays in pickles.
import { FormatError } from '../errors.js'
import { DTYPES, type DType } from '../tensor/dtype.js'
import { MAX_DIMS, numelOf } from '../tensor/shape.js'
import { type Buildable, describePy, PyComplex, PyTuple } from './pickle-values.js'

/** NumPy's kind and size of each dtype that is also one here. */
const DTYPE_OF: ReadonlyMap<string, DType> = new Map([
  ['f4', 'float32'],
  ['f8', 'float64'],
  ['f2', 'float16'],
  ['i1', 'int8'],
  ['u1', 'uint8'],
  ['i2', 'int16'],
  ['i4', 'int32'],
  ['i8', 'int64'],
  ['b1', 'bool'],
  ['c8', 'complex64'],
  ['c16', 'complex128'],
])

/** A numpy.dtype. */
export class NumpyDType implements Buildable {
  readonly dtype: DType
  readonly #file: string
  bigEndian = false

  constructor(file: string, name: unknown) {
    const [, order, kind] = typeof name === 'string' ? (/^([<>|=]?)(\w+)$/.exec(name) ?? []) : []
    const dtype = kind === undefined ? undefined : DTYPE_OF.get(kind)
    if (dtype === undefined)
      throw new FormatError(
        `${file}: NumPy's dtype ${describePy(name)} is not supported; supported are ${[...DTYPE_OF.keys()].join(', ')}`,
      )
    this.dtype = dtype
    this.bigEndian = order === '>'
    this.#file = file
  }

  build(state: unknown): void {
    const [, order, ...parts] = state instanceof PyTuple ? state.items : []
    if (typeof order !== 'string' || !'<>|='.includes(order) || parts.slice(0, 3).some((part) => part !== null))
      throw new FormatError(`${this.#file}: a NumPy dtype of state ${describePy(state)} is not supported`)
    this.bigEndian = order === '>'
  }
}

/** A numpy.ndarray; its values are set after it was made. */
export class NumpyArray implements Buildable {
  readonly #file: string
  readonly #spend: (bytes: number) => void
  dtype: DType | null = null
  shape: readonly number[] = []
  fortran = false
  bytes: Uint8Array = new Uint8Array(0)

  /** @param spend is told how many bytes the array takes */
  constructor(file: string, spend: (bytes: number) => void) {
    this.#file = file
    this.#spend = spend
  }

  #fail(what: string): never {
    throw new FormatError(`${this.#file}: a NumPy array is corrupt: ${what}`)
  }

  build(state: unknown): void {
    const [, shape, dtype, fortran, bytes] = state instanceof PyTuple ? state.items : []
    this.set(shape, dtype, fortran === true, bytes)
  }

  set(shape: unknown, dtype: unknown, fortran: boolean, bytes: unknown): void {
    const sizes = shape instanceof PyTuple ? shape.items : this.#fail(`its shape is ${describePy(shape)}`)
    if (!(dtype instanceof NumpyDType)) this.#fail(`its dtype is ${describePy(dtype)}`)
    if (sizes.length > MAX_DIMS || !sizes.every(isSize)) this.#fail(`its shape is ${describePy(shape)}`)
    if (!(bytes instanceof Uint8Array)) this.#fail(`its values are ${describePy(bytes)}`)
    const { size } = DTYPES[dtype.dtype]
    if (numelOf(sizes) * size !== bytes.length)
      this.#fail(
        `shape ${describePy(shape)} of ${dtype.dtype} takes ${numelOf(sizes) * size} bytes, and ${bytes.length} are there`,
      )
    this.#spend(bytes.length)
    this.dtype = dtype.dtype
    this.shape = sizes
    this.fortran = fortran
    this.bytes = dtype.bigEndian ? swapped(bytes, dtype.dtype) : bytes
  }
}

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** The size of what has a byte order: the parts of a complex number each have one. */
export const wordSize = (dtype: DType): number => DTYPES[dtype].size / (DTYPES[dtype].kind === 'complex' ? 2 : 1)

/** A copy with the other byte order. */
export function swapped(bytes: Uint8Array, dtype: DType): Uint8Array {
  const copy = Uint8Array.from(bytes)
  swapInPlace(copy, wordSize(dtype))
  return copy
}

/** Reverses every word. */
export function swapInPlace(bytes: Uint8Array, word: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (word === 2) buffer.swap16()
  else if (word === 4) buffer.swap32()
  else if (word === 8) buffer.swap64()
}

/** The value of a NumPy scalar. */
export function numpyScalar(file: string, dtype: unknown, bytes: unknown): unknown {
  if (!(dtype instanceof NumpyDType) || !(bytes instanceof Uint8Array) || bytes.length !== DTYPES[dtype.dtype].size)
    throw new FormatError(`${file}: a NumPy scalar of ${describePy(bytes)} is corrupt`)
  const little = !dtype.bigEndian
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  switch (dtype.dtype) {
    case 'float32':
      return view.getFloat32(0, little)
    case 'float64':
      return view.getFloat64(0, little)
    case 'float16':
    case 'bfloat16':
    case 'complex32':
      throw new FormatError(`${file}: a NumPy scalar of ${dtype.dtype} is not supported; save it as a Python float`)
    case 'int8':
      return view.getInt8(0)
    case 'uint8':
      return view.getUint8(0)
    case 'int16':
      return view.getInt16(0, little)
    case 'int32':
      return view.getInt32(0, little)
    case 'int64': {
      const value = view.getBigInt64(0, little)
      return BigInt.asIntN(53, value) === value ? Number(value) : value
    }
    case 'bool':
      return view.getUint8(0) !== 0
    case 'complex64':
      return new PyComplex(view.getFloat32(0, little), view.getFloat32(4, little))
    case 'complex128':
      return new PyComplex(view.getFloat64(0, little), view.getFloat64(8, little))
    default:
      return dtype.dtype satisfies never
  }
}
