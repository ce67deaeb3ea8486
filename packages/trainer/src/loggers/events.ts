// TensorBoard's event files: records framed as TFRecord does, each a protocol buffer `Event`.

const POLYNOMIAL = 0x82f63b78
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1
  return c
})

/** CRC-32C, masked as TFRecord has it. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8)
  crc = ~crc >>> 0
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

/** Length, its checksum, the data, its checksum. */
export function record(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(data.length + 16)
  const view = new DataView(out.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedCrc(out.subarray(0, 8)), true)
  out.set(data, 12)
  view.setUint32(12 + data.length, maskedCrc(data), true)
  return out
}

/** A field of a message: a number of the wire type that it has, bytes, or a message. */
type Field =
  | readonly [id: number, type: 'double' | 'float' | 'varint', value: number]
  | readonly [id: number, type: 'bytes', value: Uint8Array | string]

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  bytes.push(Number(rest))
  return bytes
}

/** A message of its fields. */
export function message(...fields: readonly Field[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const [id, type, value] of fields) {
    const wire = { varint: 0, double: 1, bytes: 2, float: 5 }[type]
    parts.push(Uint8Array.from(varint((id << 3) | wire)))
    if (typeof value === 'string' || value instanceof Uint8Array) {
      const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value
      parts.push(Uint8Array.from(varint(bytes.length)), bytes)
    } else if (type === 'double') parts.push(new Uint8Array(Float64Array.of(Number(value)).buffer))
    else if (type === 'float') parts.push(new Uint8Array(Float32Array.of(Number(value)).buffer))
    else parts.push(Uint8Array.from(varint(value)))
  }
  return Buffer.concat(parts)
}

/** Numbers of the fields of TensorBoard's messages (event.proto, summary.proto, tensor.proto). */
const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const
const VALUE = { tag: 1, simpleValue: 2, tensor: 8, metadata: 9 } as const
const DT_STRING = 7

/** The event that a file begins with. */
export const fileVersion = (wallTime: number): Uint8Array =>
  message([EVENT.wallTime, 'double', wallTime], [EVENT.fileVersion, 'bytes', 'brain.Event:2'])

/** Values at a step. */
export function scalars(wallTime: number, step: number, metrics: Readonly<Record<string, number>>): Uint8Array {
  const values = Object.entries(metrics).map(
    ([tag, value]): Field => [1, 'bytes', message([VALUE.tag, 'bytes', tag], [VALUE.simpleValue, 'float', value])],
  )
  return message(
    [EVENT.wallTime, 'double', wallTime],
    [EVENT.step, 'varint', step],
    [EVENT.summary, 'bytes', message(...values)],
  )
}

/** A text, which TensorBoard shows as Markdown. */
export function text(wallTime: number, step: number, tag: string, markdown: string): Uint8Array {
  const shape = message([2, 'bytes', message([1, 'varint', 1])])
  const tensor = message([1, 'varint', DT_STRING], [2, 'bytes', shape], [8, 'bytes', markdown])
  const metadata = message([1, 'bytes', message([1, 'bytes', 'text'])])
  const value = message([VALUE.tag, 'bytes', tag], [VALUE.metadata, 'bytes', metadata], [VALUE.tensor, 'bytes', tensor])
  return message(
    [EVENT.wallTime, 'double', wallTime],
    [EVENT.step, 'varint', step],
    [EVENT.summary, 'bytes', message([1, 'bytes', value])],
  )
}
