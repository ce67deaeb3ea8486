import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  arange,
  DTypeError,
  FormatError,
  loadNpy,
  loadNpz,
  loadSparseNpz,
  memory,
  ones,
  openNpz,
  saveNpy,
  saveNpz,
  type Tensor,
  tensor,
  zeros,
} from '@flambeau/core'
import { afterAll, expect, test } from '@jest/globals'
import { bytesSource } from '../dist/files/source.js'
import { ZipReader } from '../dist/files/zip.js'
import { ZipWriter } from '../dist/files/zip-write.js'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-numpy-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)

// Made by NumPy 2.4 and SciPy 1.17: fixtures/files/make_numpy.py
const fixture = join(fileURLToPath(new URL('.', import.meta.url)), 'fixtures/files/numpy.zip')
const zip = new ZipReader(bytesSource('numpy.zip', readFileSync(fixture)))
for (const [name, entry] of zip.entries) writeFileSync(at(name), zip.read(entry))
interface Expected {
  readonly shape: number[]
  readonly values: (number | boolean | [number, number])[]
}
const arrays: Record<string, Expected> = JSON.parse(readFileSync(at('arrays.json'), 'utf8'))

const flat = (t: Tensor): unknown[] => {
  const values = t.contiguous().reshape([t.numel()])
  if (t.dtype === 'int64') return Array.from(values.data() as BigInt64Array, Number)
  const list = values.toArray() as (number | boolean | { re: number; im: number })[]
  return list.map((v) => (typeof v === 'object' ? [v.re, v.im] : v))
}

test('reads every array that NumPy wrote', () => {
  const seen = new Set<string>()
  for (const [name, { shape, values }] of Object.entries(arrays))
    for (const t of [loadNpy(at(name)), loadNpy(at(name), { mmap: false }), loadNpy(readFileSync(at(name)))]) {
      expect([name, t.shape]).toEqual([name, shape])
      if (values.length > 0) expect([name, flat(t)]).toEqual([name, values])
      seen.add(t.dtype)
    }
  // All but bfloat16, which NumPy does not have.
  expect(seen.size).toBe(11)
  const dtypes = ['u2-little', 'u4-large', 'u8-big', 'b1-little', 'c16-big', 'f2-big'].map(
    (name) => loadNpy(at(`${name}.npy`)).dtype,
  )
  expect(dtypes).toEqual(['int32', 'int64', 'int64', 'bool', 'complex128', 'float16'])
  const turned = loadNpy(at('fortran.npy'))
  expect([turned.stride(), turned.isContiguous()]).toEqual([[1, 2, 6], false])
  const long = loadNpy(at('long.npy'))
  expect([long.at(123, 2).item(), long.stride(), long.sum().item()]).toEqual([23, [1, 10000], 1_715_000])
})

test('writes what NumPy writes, byte for byte', () => {
  const rewritten = Object.keys(arrays).filter((name) => !/-big|^u[248]|version-[23]/.test(name))
  expect(rewritten.length).toBeGreaterThan(14)
  for (const name of rewritten) {
    saveNpy(at('again'), loadNpy(at(name)))
    expect([name, readFileSync(at('again')).equals(readFileSync(at(name)))]).toEqual([name, true])
  }
  // Neither row-major nor the reverse: packed.
  const odd = arange(24).reshape([2, 3, 4]).permute([1, 0, 2]).at('::2')
  saveNpy(at('odd'), odd)
  expect(loadNpy(at('odd')).toArray()).toEqual(odd.toArray())
  expect(() => saveNpy(at('odd'), zeros([2], { dtype: 'bfloat16' }))).toThrow(/NumPy has no bfloat16; convert/)
  expect(() => saveNpy(at('odd'), zeros([2], { device: 'meta' }))).toThrow(/meta tensor/)
  expect(loadNpy(at('odd')).shape).toEqual([2, 2, 4])
})

test('a large array is the file\u2019s memory, and writing to it changes no file', () => {
  const values = arange(300_000)
  saveNpy(at('large'), values)
  const before = readFileSync(at('large'))
  const { inUse } = memory()
  const t = loadNpy(at('large'))
  expect(memory().inUse - inUse).toBeLessThan(10_000)
  t.mul_(-1)
  expect(t.at(-1).item()).toBe(-299_999)
  expect(readFileSync(at('large')).equals(before)).toBe(true)
  expect(loadNpy(at('large')).eq(values).all().item()).toBe(true)
  truncateSync(at('large'), 2_000_000)
  expect(() => loadNpy(at('large'))).toThrow(/truncated: its array takes 2400000 bytes, and 1999872 follow the header/)
})

test('archives, stored and deflated', () => {
  for (const name of ['stored.npz', 'deflated.npz']) {
    const { arr_0, x, fortran, empty, ...others } = loadNpz(at(name))
    expect(arr_0.toArray()).toEqual([0, 1, 2, 3])
    expect([x.dtype, x.toArray()]).toEqual([
      'float32',
      [
        [-2, 0, 1],
        [3, 100, 7],
      ],
    ])
    expect(others['y/z'].toArray()).toEqual([0, 1, 2])
    expect([fortran.toArray(), fortran.isContiguous()]).toEqual([x.toArray(), false])
    expect(empty.shape).toEqual([0, 2])
    const file = openNpz(at(name))
    expect([file.keys(), file.has('x')]).toEqual([['x', 'y/z', 'fortran', 'empty', 'arr_0'], true])
    expect(() => file.get('q')).toThrow(/has no array 'q' \(it has: x, y/)
    file.close()
    expect(() => file.get('x')).toThrow(/was closed/)
  }
  const big = arange(1_500_000).reshape([3, 500_000])
  for (const compressed of [false, true]) {
    saveNpz(at('ours.npz'), { big, turned: big.transpose(0, 1), none: zeros([0]) }, { compressed })
    const loaded = loadNpz(at('ours.npz'))
    expect(loaded.big.eq(big).all().item() && loaded.turned.eq(big.transpose(0, 1)).all().item()).toBe(true)
    expect([loaded.turned.shape, loaded.none.shape]).toEqual([[500_000, 3], [0]])
    saveNpz(at('ours.npz'), [ones([2]), tensor([true])], { compressed })
    expect(Object.entries(loadNpz(at('ours.npz'))).map(([name, t]) => [name, t.toArray()])).toEqual([
      ['arr_0', [1, 1]],
      ['arr_1', [true]],
    ])
  }
  const kept = readFileSync(at('ours.npz'))
  expect(() => saveNpz(at('ours.npz'), { a: zeros([1], { dtype: 'bfloat16' }) })).toThrow(DTypeError)
  expect(() => saveNpz(at('ours.npz'), { a: 3 } as never)).toThrow(/for 'a', got 3/)
  expect(readFileSync(at('ours.npz')).equals(kept)).toBe(true)
  expect(readdirSync(folder).filter((name) => name.includes('.tmp'))).toEqual([])
})

test('what is no tensor is refused by name', () => {
  const rows: [string, RegExp][] = [
    ['structured', /the array is structured \(fields 'a', 'b'\)/],
    ['objects', /dtype '\|O': Python objects, which only running code could make/],
    ['strings', /dtype '<U2': strings/],
    ['bytes', /dtype '\|S2': byte strings/],
    ['dates', /dtype '<M8\[D\]'/],
    ['longdouble', /dtype '<f16': floating-point numbers of another size/],
    ['void', /dtype '\|V2': raw bytes; if they are bfloat16/],
  ]
  for (const [name, message] of rows) {
    expect(() => loadNpy(at(`${name}.npy`))).toThrow(message)
    expect(() => loadNpy(at(`${name}.npy`))).toThrow(FormatError)
  }
})

/** An .npy file of this header. */
function npy(header: string, data: number | Uint8Array = 0, version = 1): Buffer {
  const length = Buffer.alloc(version === 1 ? 2 : 4)
  if (version === 1) length.writeUInt16LE(header.length)
  else length.writeUInt32LE(header.length)
  return Buffer.concat([
    Buffer.from([0x93, 78, 85, 77, 80, 89, version, 0]),
    length,
    Buffer.from(header, 'latin1'),
    typeof data === 'number' ? Buffer.alloc(data) : data,
  ])
}
const header = (descr: string, shape: string, order = 'False') =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`

test('corrupt files are named for what is wrong with them', () => {
  const rows: [Buffer, RegExp][] = [
    [Buffer.from('PK'), /does not begin with NumPy's signature/],
    [npy(header("'<f4'", '(1,)'), 4, 4), /version 4.0 of the .npy format is not known/],
    [npy(' '.repeat(70_000), 0, 2), /header is refused: it has 70000 bytes/],
    [npy('').fill(255, 8), /its header would end at byte 65545 of 10/],
    [npy('{'), /corrupt: it ends too early/],
    [npy('[]'), /it is not a dict/],
    [npy('{}'), /expected descr, fortran_order and shape, got/],
    [npy(`${'['.repeat(40)}`), /corrupt: it has/],
    [npy("{'descr': '<f4', 'descr': '<f4'}"), /corrupt: it has/],
    [npy(header("'<f4'", '(1,)', '1')), /expected descr, fortran_order and shape/],
    [npy(header("'<f4'", '3')), /expected descr/],
    [npy(header("'<f4'", '(-1,)')), /the shape is \[-1\]/],
    [npy(header("'<f4'", '(True,)')), /the shape is/],
    [npy(header("'<f4'", `(${'1,'.repeat(17)})`)), /the shape is/],
    [npy(header("'<f4'", '(1099511627776, 1099511627776)')), /which is too large/],
    [npy(header("'<f4'", '(0, 1099511627776, 1099511627776)')), /which is too large/],
    [npy(header("'<f4'", '(99999999999999999999,)')), /the shape is/],
    [npy(header("'<f4'", '(2,)'), 7), /truncated: its array takes 8 bytes, and 7 follow/],
    [npy(header("'<f4'", '(1 2)'), 8), /corrupt: it has/],
    [npy(`${header("'<f4'", '()')} x`, 8), /corrupt: it has "x"/],
    [npy("{'descr': '\\x41'}", 8), /corrupt: it has/],
  ]
  for (const [bytes, message] of rows) {
    writeFileSync(at('bad'), bytes)
    for (const load of [() => loadNpy(bytes), () => loadNpy(at('bad')), () => loadNpy(at('bad'), { mmap: false })]) {
      expect(load).toThrow(message)
      expect(load).toThrow(FormatError)
    }
  }
  expect(() => loadNpy(npy(header("'<q9'", '()'), 9))).toThrow(/dtype '<q9'; supported are u2/)
  const last = Buffer.from([0, 0, 0, 0, 0, 0, 0, 255])
  expect(() => loadNpy(npy(header("'>u8'", '()'), last))).not.toThrow()
  expect(() => loadNpy(npy(header("'<u8'", '()'), last))).toThrow(/uint64 values above/)
  // Headers of Python 2, of one quote or the other, of lists.
  expect(loadNpy(npy(header('"<i4"', '[2L, 1L]'), 8)).shape).toEqual([2, 1])
  expect(loadNpy(npy(header("'|?'", '()'), 1)).dtype).toBe('bool')
})

test('corrupt archives', () => {
  const archive = (name: string, bytes: Uint8Array, deflated = false) => {
    const pieces: Uint8Array[] = []
    const zip = new ZipWriter((piece) => void pieces.push(piece.slice()))
    if (deflated) zip.deflate(name, bytes.length, (append) => append(bytes))
    else zip.store(name, bytes.length, bytes)
    zip.finish()
    writeFileSync(at('bad.npz'), Buffer.concat(pieces))
    return () => loadNpz(at('bad.npz'))
  }
  for (const deflated of [false, true]) {
    expect(archive('a.npy', npy(header("'<f4'", '(2,)'), 7), deflated)).toThrow(/a.npy: its header and array take/)
    expect(archive('a.npy', npy(header("'<f4'", '(2,)'), 9), deflated)).toThrow(/a.npy: its header and array take/)
    expect(archive('a.npy', npy(header("'|O'", '(2,)'), 9), deflated)).toThrow(/a.npy: the array has dtype '\|O'/)
    expect(archive('a.npy', Buffer.from('text'), deflated)).toThrow(FormatError)
    // What is no array is not looked at, wherever its name leads.
    expect(archive('../../etc/passwd', Buffer.from('text'), deflated)()).toEqual({})
    expect(Object.keys(archive('../a.npy', npy(header("'|b1'", '()'), 1), deflated)())).toEqual(['../a'])
    expect(Object.keys(archive('__proto__.npy', npy(header("'|b1'", '()'), 1), deflated)())).toEqual(['__proto__'])
  }
  // An array that claims more than the archive: refused before anything is made of it.
  expect(archive('a.npy', npy(header("'<f4'", '(1000000000000,)'), 100), true)).toThrow(/its header and array take/)
  // A wrong checksum.
  saveNpz(at('bad.npz'), { a: ones([1000]) })
  const bytes = readFileSync(at('bad.npz'))
  bytes[2000] ^= 1
  writeFileSync(at('bad.npz'), bytes)
  expect(() => loadNpz(at('bad.npz'))).toThrow(/its checksum is wrong/)
  mkdirSync(at('dir'))
  expect(() => loadNpz(at('dir'))).toThrow(/EISDIR|not a zip archive/)
})

test('sparse matrices of SciPy', () => {
  const dense = [
    [0, 1.5, 0, -2],
    [3, 0, 0, 0],
    [0, 0, 0, 4],
    [5, 0, 6, 0],
  ]
  for (const format of ['csr', 'csc', 'coo', 'bsr', 'dia']) {
    const t = loadSparseNpz(at(`${format}.npz`))
    expect([format, t.dtype, t.toArray()]).toEqual([format, 'float64', dense])
  }
  expect(loadSparseNpz(at('wide.npz')).toArray()).toEqual(dense.slice(0, 3).map((row) => row.map((v) => v !== 0)))
  expect(loadSparseNpz(at('twice.npz')).toArray()).toEqual([
    [0, 3, 0],
    [0, 0, 4],
  ])
  expect(() => loadSparseNpz(at('csr.npz'), { maxBytes: 127 })).toThrow(
    /shape \[4, 4\] would take 128 bytes, over the limit of 127; raise maxBytes/,
  )
  expect(() => loadSparseNpz(at('stored.npz'))).toThrow(/not a sparse matrix of SciPy: it has no 'format'/)

  const text = (value: string) => npy(header(`'|S${value.length}'`, '()'), Buffer.from(value))
  const ints = (...values: number[]) =>
    npy(header("'<i4'", `(${values.length},)`), new Uint8Array(Int32Array.from(values).buffer))
  const sparse = (parts: Record<string, Uint8Array>) => {
    const pieces: Uint8Array[] = []
    const zip = new ZipWriter((piece) => void pieces.push(piece.slice()))
    for (const [name, bytes] of Object.entries(parts)) zip.store(`${name}.npy`, bytes.length, bytes)
    zip.finish()
    writeFileSync(at('sparse.npz'), Buffer.concat(pieces))
    return () => loadSparseNpz(at('sparse.npz'))
  }
  const csr = { format: text('csr'), shape: ints(2, 2), data: ints(7), indices: ints(1), indptr: ints(0, 1, 1) }
  expect(sparse(csr)().toArray()).toEqual([
    [0, 7],
    [0, 0],
  ])
  const rows: [Record<string, Uint8Array>, RegExp][] = [
    [{ ...csr, format: text('csx') }, /sparse format 'csx' is not known/],
    [{ ...csr, format: ints(3) }, /format.npy: expected a string/],
    [{ ...csr, shape: ints(2, 2, 2) }, /expected a matrix, got shape \[2, 2, 2\]/],
    [{ ...csr, shape: ints(-1, 2) }, /shape: expected integers in/],
    [{ ...csr, indices: ints(2) }, /indices: expected integers in \[0, 1\], got 2 at 0/],
    [{ ...csr, indices: ints(-1) }, /indices: expected integers in \[0, 1\], got -1 at 0/],
    [{ ...csr, indptr: ints(0, 2, 2) }, /indptr: expected integers in \[0, 1\], got 2 at 1/],
    [{ ...csr, indptr: ints(0, 1, 0) }, /indptr: expected integers in \[1, 1\], got 0 at 2/],
    [{ ...csr, indptr: ints(0, 1) }, /indptr: expected 3 integers, got 2/],
    [{ ...csr, data: ints(1, 2) }, /data: expected shape \[1\], got \[2\]/],
    [{ format: text('coo'), shape: ints(2, 2), data: ints(1), row: ints(2), col: ints(0) }, /row: expected integers/],
    [{ format: text('coo'), shape: ints(2, 2), data: ints(1), row: ints(0), col: ints(0, 1) }, /data: expected shape/],
    [{ ...csr, format: text('bsr') }, /data: expected shape/],
    [{ format: text('csr'), shape: ints(2, 2), data: ints(7) }, /the sparse matrix has no 'indices'/],
    [{ format: text('dia'), shape: ints(2, 2), data: ints(1), offsets: ints(0, 1) }, /data: expected shape/],
  ]
  for (const [parts, message] of rows) {
    expect(sparse(parts)).toThrow(message)
    expect(sparse(parts)).toThrow(FormatError)
  }
  expect(sparse({ ...csr, shape: ints(2 ** 30, 2 ** 30) })).toThrow(/would take .* bytes, over the limit/)
})
