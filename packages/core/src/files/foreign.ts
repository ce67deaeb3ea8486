// Element types that files have and tensors do not: read as the smallest dtype that holds every one of their values.
import { FormatError } from '../errors.js'
import { amin, bitwiseAnd, copy_, full, ne, take, tensor, to } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import type { DType } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'

/** How an element type that is no dtype is read. */
export interface Foreign {
  /** The dtype of equally many bytes that the elements are read as first. */
  readonly raw: DType
  /** What they become. */
  readonly dtype: DType
  /** @param what the operation and the tensor's name, for errors */
  convert(what: string, raw: Tensor): Tensor
}

/** Elements converted at a time by a table, whose indices take 8 bytes each. */
const BLOCK = 2 ** 18

/** A type of 256 values. */
function byTable(dtype: DType, value: (byte: number) => number): Foreign {
  const values = Array.from({ length: 256 }, (_, byte) => value(byte))
  return {
    raw: 'uint8',
    dtype,
    convert(_what, raw) {
      const table = tensor(values, { dtype })
      const n = raw.numel()
      const flat = raw.reshape([n])
      const out = allocate([n], dtype, 'cpu')
      for (let at = 0; at < n; at += BLOCK) {
        const length = Math.min(BLOCK, n - at)
        copy_(out.narrow(0, at, length), take(table, to(flat.narrow(0, at, length), 'int64')))
      }
      return out.reshape(raw.shape)
    },
  }
}

/** Numbers of 8 bits with an exponent of `8 - 1 - fraction` bits; `special` gives those that are none. */
const float8 = (fraction: number, bias: number, special: (byte: number) => number | null): Foreign =>
  byTable('float16', (byte) => {
    const other = special(byte)
    if (other !== null) return other
    const sign = byte & 0x80 ? -1 : 1
    const exponent = (byte & 0x7f) >> fraction
    const rest = (byte & ((1 << fraction) - 1)) / (1 << fraction)
    return sign * (exponent === 0 ? rest * 2 ** (1 - bias) : (1 + rest) * 2 ** (exponent - bias))
  })

/** A wider integer, of which only the lower bits count. */
const unsigned = (raw: DType, dtype: DType, mask: number): Foreign => ({
  raw,
  dtype,
  convert: (_what, t) => bitwiseAnd(to(t, dtype), full([], BigInt(mask), { dtype })),
})

export const FOREIGN = {
  uint16: unsigned('int16', 'int32', 0xffff),
  uint32: unsigned('int32', 'int64', 0xffffffff),
  uint64: {
    raw: 'int64',
    dtype: 'int64',
    convert(what, raw) {
      if (raw.numel() > 0 && amin(raw).lt(0).item())
        throw new FormatError(`${what} has uint64 values above 2^63 - 1, which int64 cannot hold`)
      return raw
    },
  },
  float8_e5m2: float8(2, 15, (byte) => {
    const magnitude = byte & 0x7f
    if (magnitude < 0x7c) return null
    return magnitude > 0x7c ? Number.NaN : byte & 0x80 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }),
  float8_e4m3fn: float8(3, 7, (byte) => ((byte & 0x7f) === 0x7f ? Number.NaN : null)),
  float8_e5m2fnuz: float8(2, 16, (byte) => (byte === 0x80 ? Number.NaN : null)),
  float8_e4m3fnuz: float8(3, 8, (byte) => (byte === 0x80 ? Number.NaN : null)),
  float8_e8m0fnu: byTable('float32', (byte) => (byte === 0xff ? Number.NaN : 2 ** (byte - 127))),
} as const satisfies Readonly<Record<string, Foreign>>

/** True and false of bytes of which any but 0 is true: a bool of another byte would be neither. */
export const toBool = (bytes: Tensor): Tensor => ne(bytes, 0)
