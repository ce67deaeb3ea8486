// Small damage to real files.

const EDGES = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

/** A damaged copy. `others` are more files of the kind, to take pieces from. */
export function mutate(r, bytes, others) {
  let data = Buffer.from(bytes)
  for (let n = r.int(1, 4); n > 0; n--) data = r.pick(kinds)(r, data, others)
  return data
}

const somewhere = (r, data) => r.int(0, Math.max(data.length - 1, 0))
const splice = (data, at, remove, insert) =>
  Buffer.concat([data.subarray(0, at), insert, data.subarray(Math.min(at + remove, data.length))])

const kinds = [
  function flipBit(r, data) {
    if (data.length > 0) data[somewhere(r, data)] ^= 1 << r.int(0, 7)
    return data
  },
  function setByte(r, data) {
    if (data.length > 0) data[somewhere(r, data)] = r.int(0, 255)
    return data
  },
  function setNumber(r, data) {
    const size = r.pick([1, 2, 4, 8])
    if (data.length < size) return data
    const at = r.int(0, data.length - size)
    const value = BigInt(r.pick(EDGES)) + (r.chance(0.2) ? BigInt(data.length) : 0n)
    const bits = BigInt.asUintN(8 * size, r.chance(0.3) ? -value : value)
    for (let i = 0; i < size; i++) data[at + i] = Number((bits >> BigInt(8 * i)) & 0xffn)
    return data
  },
  function countUp(r, data) {
    if (data.length > 0) data[somewhere(r, data)] += r.pick([1, -1, 16])
    return data
  },
  function remove(r, data) {
    return splice(data, somewhere(r, data), r.int(1, 16), Buffer.alloc(0))
  },
  function insert(r, data) {
    const piece = Buffer.from(r.list(1, 16, () => r.int(0, 255)))
    return splice(data, somewhere(r, data), 0, piece)
  },
  function repeat(r, data) {
    const at = somewhere(r, data)
    const piece = data.subarray(at, at + r.int(1, 64))
    return splice(data, at, 0, Buffer.concat(Array.from({ length: r.int(1, 8) }, () => piece)))
  },
  function truncate(r, data) {
    return data.subarray(0, somewhere(r, data))
  },
  function move(r, data) {
    const from = somewhere(r, data)
    const piece = Buffer.from(data.subarray(from, from + r.int(1, 64)))
    return splice(data, somewhere(r, data), piece.length, piece)
  },
  function graft(r, data, others) {
    const other = r.pick(others)
    const from = somewhere(r, other)
    const piece = other.subarray(from, from + r.int(1, 256))
    return splice(data, somewhere(r, data), r.chance(0.5) ? piece.length : 0, piece)
  },
  function changeDigit(r, data) {
    const digits = []
    for (let i = 0; i < data.length && digits.length < 2000; i++) if (data[i] >= 0x30 && data[i] <= 0x39) digits.push(i)
    if (digits.length > 0) data[r.pick(digits)] = 0x30 + r.int(0, 9)
    return data
  },
]
