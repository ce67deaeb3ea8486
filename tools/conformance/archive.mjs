// Many small folders of cases in one file: a header of JSON that lists them, then the bytes of their tensors.
import { readFileSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'

/** Calls `change` on every tensor description in a value, in place. */
function eachTensor(value, change) {
  if (value === null || typeof value !== 'object') return
  if (value.$tensor) change(value.$tensor)
  else for (const item of Object.values(value)) eachTensor(item, change)
}

/** One buffer from folders { name, cases, data }; only the bytes that the cases use are kept, equal ones once. */
export function packArchive(folders) {
  const parts = []
  const index = []
  let at = 0
  for (const { name, cases, data } of folders) {
    const start = at
    const known = new Map()
    eachTensor(cases, (tensor) => {
      const bytes = data.subarray(tensor.byteOffset, tensor.byteOffset + tensor.byteLength)
      const key = bytes.toString('latin1')
      if (!known.has(key)) {
        known.set(key, at - start)
        const padding = -bytes.length & 15
        parts.push(bytes, Buffer.alloc(padding))
        at += bytes.length + padding
      }
      tensor.byteOffset = known.get(key)
    })
    index.push({ name, cases, start, length: at - start })
  }
  const header = Buffer.from(JSON.stringify(index))
  const size = Buffer.alloc(16)
  size.writeUInt32LE(header.length + (-header.length & 15))
  return Buffer.concat([size, header, Buffer.alloc(-header.length & 15, ' '), ...parts])
}

/** The folders of an archive by name. */
export function openArchive(path) {
  const bytes = brotliDecompressSync(readFileSync(path))
  const end = 16 + bytes.readUInt32LE(0)
  const index = JSON.parse(bytes.toString('utf8', 16, end))
  return new Map(
    index.map(({ name, cases, start, length }) => [
      name,
      { cases, data: bytes.subarray(end + start, end + start + length) },
    ]),
  )
}
