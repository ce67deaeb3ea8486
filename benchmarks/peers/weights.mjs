// Files by which a peer gets our parameters and inputs (safetensors: a header of JSON, then the numbers), and samples of what it made of them.
import { readFileSync } from 'node:fs'

const KINDS = { F32: Float32Array, I32: Int32Array }

/** { name: { shape, data } } */
export function readWeights(file) {
  const bytes = readFileSync(file)
  const length = Number(bytes.readBigUInt64LE(0))
  const { __metadata__: _, ...header } = JSON.parse(bytes.subarray(8, 8 + length).toString())
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => {
        const copy = Uint8Array.prototype.slice.call(bytes, 8 + length + from, 8 + length + to)
        return [name, { shape, data: new KINDS[dtype](copy.buffer) }]
      },
    ),
  )
}

const SAMPLES = 512
/** Evenly spaced elements. */
export const sample = (shape, data) => {
  const k = Math.min(data.length, SAMPLES)
  const stride = Math.floor(data.length / k)
  return { shape: [...shape], values: Array.from({ length: k }, (_, i) => data[i * stride]) }
}
