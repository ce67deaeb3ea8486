// Numbers out of bytes: every dtype of the cases as double precision, int64 as bigint.

/** Bytes an element of each dtype that PyTorch has; the runner reads all of them, whether or not the library does. */
const SIZES = {
  float64: 8, float32: 4, float16: 2, bfloat16: 2, complex128: 16, complex64: 8, complex32: 4,
  int64: 8, int32: 4, int16: 2, int8: 1, uint64: 8, uint32: 4, uint16: 2, uint8: 1, bool: 1,
} // biome-ignore format: a table

export const isComplex = (dtype) => dtype.startsWith('complex')
export const isFloating = (dtype) => dtype.startsWith('float') || dtype === 'bfloat16'
export const sizeOf = (dtype) => SIZES[dtype]

let halves = null
/** Every float16 by its bits. */
function halfTable() {
  if (halves !== null) return halves
  halves = new Float64Array(65536)
  for (let bits = 0; bits < 65536; bits++) {
    const exponent = (bits >> 10) & 31
    const mantissa = bits & 1023
    const magnitude =
      exponent === 0
        ? mantissa * 2 ** -24
        : exponent === 31
          ? mantissa
            ? Number.NaN
            : Number.POSITIVE_INFINITY
          : (1 + mantissa / 1024) * 2 ** (exponent - 15)
    halves[bits] = bits & 0x8000 ? -magnitude : magnitude
  }
  return halves
}

function reals(dtype, bytes) {
  const { buffer, byteOffset, byteLength } = bytes
  const view = (array) => {
    const n = byteLength / array.BYTES_PER_ELEMENT
    return byteOffset % array.BYTES_PER_ELEMENT === 0
      ? new array(buffer, byteOffset, n)
      : new array(buffer.slice(byteOffset, byteOffset + byteLength))
  }
  switch (dtype) {
    case 'float64':
      return view(Float64Array)
    case 'float32':
      return Float64Array.from(view(Float32Array))
    case 'float16': {
      const table = halfTable()
      return Float64Array.from(view(Uint16Array), (bits) => table[bits])
    }
    case 'bfloat16':
      return Float64Array.from(new Float32Array(Uint32Array.from(view(Uint16Array), (bits) => bits << 16).buffer))
    case 'int64':
      return view(BigInt64Array)
    case 'uint64':
      return view(BigUint64Array)
    case 'int32':
      return view(Int32Array)
    case 'uint32':
      return view(Uint32Array)
    case 'int16':
      return view(Int16Array)
    case 'uint16':
      return view(Uint16Array)
    case 'int8':
      return view(Int8Array)
    default:
      return view(Uint8Array)
  }
}

const PARTS = { complex128: 'float64', complex64: 'float32', complex32: 'float16' }

/** Contiguous elements as { re, im }; `im` is null for real dtypes. */
export function decode(dtype, bytes) {
  if (!isComplex(dtype)) return { re: reals(dtype, bytes), im: null }
  const both = reals(PARTS[dtype], bytes)
  const n = both.length / 2
  const re = new Float64Array(n)
  const im = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    re[i] = both[2 * i]
    im[i] = both[2 * i + 1]
  }
  return { re, im }
}

export const numelOf = (shape) => shape.reduce((n, size) => n * size, 1)

/** The position in the storage of each element in row-major order. */
export function positions(shape, stride, offset) {
  const n = numelOf(shape)
  const out = new Int32Array(n)
  const index = new Array(shape.length).fill(0)
  let at = offset
  for (let i = 0; i < n; i++) {
    out[i] = at
    for (let d = shape.length - 1; d >= 0; d--) {
      at += stride[d]
      if (++index[d] < shape[d]) break
      at -= stride[d] * shape[d]
      index[d] = 0
    }
  }
  return out
}

/** The multi-dimensional index of the i-th element in row-major order. */
export function indexOf(shape, i) {
  const index = new Array(shape.length)
  for (let d = shape.length - 1; d >= 0; d--) {
    index[d] = i % shape[d]
    i = Math.floor(i / shape[d])
  }
  return index
}
