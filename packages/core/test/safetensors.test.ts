import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  arange,
  DTypeError,
  FormatError,
  loadSafetensors,
  memory,
  ones,
  openSafetensors,
  safetensorsMetadata,
  saveSafetensors,
  type Tensor,
  tensor,
  zeros,
} from '@flambeau/core'
import { afterAll, expect, test } from '@jest/globals'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-safetensors-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)
// Made by Python's safetensors 0.8: fixtures/files/make_safetensors.py
const python = join(fileURLToPath(new URL('.', import.meta.url)), 'fixtures/files/all-dtypes.safetensors')

const DTYPES = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'int32',
  'int64',
  'bool',
  'complex64',
] as const

test('reads every dtype that Python wrote', () => {
  const tensors = loadSafetensors(python)
  expect(Object.keys(tensors).sort()).toEqual([...DTYPES, 'empty', 'naïve "name"', 'scalar'].sort())
  const values = [
    [-2, 0, 1],
    [3, 100, 7],
  ]
  for (const dtype of DTYPES) {
    const t = tensors[dtype]
    expect([t.dtype, t.shape]).toEqual([dtype, [2, 3]])
    const expected =
      dtype === 'uint8'
        ? [
            [2, 0, 1],
            [3, 100, 7],
          ]
        : dtype === 'bool'
          ? values.map((row) => row.map(Boolean))
          : dtype === 'complex64'
            ? values.map((row) => row.map((re) => ({ re, im: 0 })))
            : values
    expect(t.toArray()).toEqual(expected)
  }
  expect([tensors.scalar.shape, tensors.scalar.item()]).toEqual([[], 0.5])
  expect([tensors.empty.shape, tensors.empty.numel()]).toEqual([[2, 0, 3], 0])
  expect(tensors['naïve "name"'].toArray()).toEqual([1.5, -0, Number.POSITIVE_INFINITY, Number.NaN])
  expect(safetensorsMetadata(python)).toEqual({ format: 'pt' })
})

test('writes what Python writes, byte for byte', () => {
  saveSafetensors(at('again'), loadSafetensors(python), { metadata: { format: 'pt' } })
  expect(readFileSync(at('again')).equals(readFileSync(python))).toBe(true)
})

test('views, large tensors and names of any kind', () => {
  const big = ones([3, 700_001])
  big.select(0, 1).mul_(2)
  const tensors: Record<string, Tensor> = {
    big: big.transpose(0, 1),
    row: big.select(0, 1),
    constructor: tensor([true, false]),
    '': zeros([0]),
  }
  saveSafetensors(at('views'), new Map(Object.entries(tensors)))
  const loaded = loadSafetensors(at('views'))
  expect(loaded.big.shape).toEqual([700_001, 3])
  expect(loaded.big.sum(0).toArray()).toEqual([700_001, 1_400_002, 700_001])
  expect(loaded.row.sum().item()).toBe(1_400_002)
  expect(loaded.constructor).toMatchObject({ dtype: 'bool', shape: [2] })
  expect(loaded[''].shape).toEqual([0])
  saveSafetensors(at('empty'), {})
  expect(loadSafetensors(at('empty'))).toEqual({})
})

test('a refused save leaves the old file and nothing else', () => {
  saveSafetensors(at('kept'), { a: ones([2]) })
  const before = readFileSync(at('kept'))
  const disposed = ones([2])
  disposed.dispose()
  const rows: [object, object | undefined, RegExp][] = [
    [{ a: zeros([2], { dtype: 'complex128' }) }, undefined, /the format has no complex128, the dtype of 'a'/],
    [{ a: disposed }, undefined, /'a' was disposed/],
    [{ a: [1, 2] }, undefined, /expected a tensor for 'a', got \[1, 2\]/],
    [{ __metadata__: ones([1]) }, undefined, /cannot be the name of a tensor/],
    [{ a: zeros([2], { device: 'meta' }) }, undefined, /meta tensor/],
    [{ a: ones([1]) }, { metadata: { n: 1 } }, /strings as metadata, got 1 for 'n'/],
  ]
  for (const [tensors, options, message] of rows)
    expect(() => saveSafetensors(at('kept'), tensors as Record<string, Tensor>, options)).toThrow(message)
  expect(() => saveSafetensors(at('kept'), { a: zeros([1], { dtype: 'complex128' }) })).toThrow(DTypeError)
  expect(readFileSync(at('kept')).equals(before)).toBe(true)
  expect(readdirSync(folder).filter((name) => name.includes('.tmp'))).toEqual([])
})

/** A file of this header, padded with `data` zero bytes. */
function file(header: string | object, data = 0): string {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  writeFileSync(at('bad'), Buffer.concat([length, json, Buffer.alloc(data)]))
  return at('bad')
}

test('corrupt files are named for what is wrong with them', () => {
  const entry = (dtype: string, shape: unknown, ...data_offsets: unknown[]) => ({ dtype, shape, data_offsets })
  const rows: [string | object, number, RegExp][] = [
    ['', 0, /corrupt: Unexpected end of JSON/],
    ['[]', 0, /it is not an object/],
    [' {}', 0, /it is not an object/],
    ['{"a":{},"a":{}}', 0, /'a' appears twice/],
    ['{"a":{"dtype":"F32","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1, /'dtype' appears twice/],
    ['{"a":3}', 0, /'a' is not an object/],
    [{ __metadata__: { a: 1 } }, 0, /metadata are not all strings/],
    [{ a: entry('F3', [1], 0, 1) }, 1, /'a' has dtype 'F3'; known are U16, U32/],
    [{ a: entry('F4', [3], 0, 1) }, 1, /takes 1.5 bytes, and has 1/],
    [{ a: entry('U8', [2 ** 40, 2 ** 40, 0], 0, 0) }, 0, /'a' has shape .*, which is too large/],
    [{ a: entry('U8', [-1], 0, 1) }, 1, /'a' has shape \[-1\]/],
    [{ a: entry('U8', [1.5], 0, 1) }, 1, /'a' has shape/],
    [{ a: entry('U8', Array(17).fill(1), 0, 1) }, 1, /'a' has shape/],
    [{ a: entry('U8', [2], 0) }, 2, /'a' has offsets \[0\]/],
    [{ a: entry('F32', [2], 0, 4) }, 4, /takes 8 bytes, and has 4/],
    [{ a: entry('F64', [2 ** 50, 2 ** 50], 0, 8) }, 8, /'a' has shape .*, which is too large/],
    [{ a: entry('F64', [2 ** 40], 0, 8) }, 8, /takes 8796093022208 bytes, and has 8/],
    [{ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, 3, /the bytes of 'b' begin at 1 where 2 was expected/],
    [{ a: entry('U8', [2], 1, 3) }, 3, /overlap or leave a gap/],
    [{ a: entry('U8', [2], 0, 2) }, 3, /1 bytes at the end belong to no tensor/],
    [{ a: entry('U8', [2], 0, 2) }, 1, /truncated: its tensors take 2 bytes, and 1 follow/],
  ]
  for (const [header, bytes, message] of rows) {
    for (const mmap of [true, false]) {
      const load = () => loadSafetensors(file(header, bytes), { mmap })
      expect(load).toThrow(message)
      expect(load).toThrow(FormatError)
    }
  }
  writeFileSync(at('bad'), Buffer.from([1, 2, 3]))
  expect(() => loadSafetensors(at('bad'))).toThrow(/3 bytes are too few for a header/)
  writeFileSync(at('bad'), Buffer.alloc(16, 255))
  expect(() => loadSafetensors(at('bad'))).toThrow(/over the limit/)
  writeFileSync(at('bad'), Buffer.from([200, 0, 0, 0, 0, 0, 0, 0, 123, 125]))
  expect(() => loadSafetensors(at('bad'))).toThrow(/a header of 200 bytes does not fit its 10 bytes/)
  expect(() => loadSafetensors(at('missing'))).toThrow(/ENOENT/)
  // Not only 0 and 1: still true or false.
  writeFileSync(file({ a: entry('BOOL', [3], 0, 3) }, 0), Buffer.from([0, 7, 255]), { flag: 'a' })
  expect(loadSafetensors(at('bad')).a.toArray()).toEqual([false, true, true])
})

test('element types that no tensor has are read as what holds their values', () => {
  const foreign = join(python, '../foreign.safetensors')
  for (const mmap of [true, false]) {
    const tensors = loadSafetensors(foreign, { mmap })
    const names = Object.keys(tensors).filter((name) => !name.endsWith(' read'))
    expect(names).toHaveLength(8)
    for (const name of names) {
      expect(tensors[name].dtype).toBe(tensors[`${name} read`].dtype)
      // NaN is NaN, whatever its bits.
      const values = (t: Tensor) => (t.dtype === 'int64' ? t.data() : t.toArray())
      expect(values(tensors[name])).toEqual(values(tensors[`${name} read`]))
    }
  }
  const opened = openSafetensors(foreign)
  expect(opened.info('uint16')).toEqual({ format: 'U16', dtype: 'int32', shape: [4], nbytes: 8 })
  expect(opened.slice('uint32', 1, '1:').toArray()).toEqual([2 ** 32 - 1])
  opened.close()
  const header = {
    a: { dtype: 'U64', shape: [1], data_offsets: [0, 8] },
    b: { dtype: 'F4', shape: [2], data_offsets: [8, 9] },
  }
  writeFileSync(file(header), Buffer.alloc(9, 255), { flag: 'a' })
  const odd = openSafetensors(at('bad'))
  expect(() => odd.get('a')).toThrow(/'a' has uint64 values above 2\^63 - 1/)
  expect(() => odd.get('b')).toThrow(/'b' has dtype F4, of 4 bits an element, which no tensor can have/)
  expect(odd.info('b').dtype).toBe(null)
})

test('a large file is its tensors\u2019 memory: read when used, written to in this process only', () => {
  const path = at('large')
  const w = arange(1_000_000).reshape([1000, 1000])
  const half = w.to('float16')
  saveSafetensors(path, { w, half, flags: w.gt(500), c: w.to('complex64') })
  const before = readFileSync(path)
  const { inUse } = memory()
  const opened = openSafetensors(path)
  expect(opened.keys()).toEqual(['w', 'c', 'half', 'flags'])
  expect(opened.has('w') && !opened.has('v')).toBe(true)
  const mine = opened.get('w')
  expect(memory().inUse - inUse).toBeLessThan(100_000)
  // What is got twice is two tensors.
  const other = opened.get('w')
  mine.mul_(2).add_(1)
  expect(mine.at(3, 4).item()).toBe(6009)
  expect([other.at(3, 4).item(), opened.slice('w', 3, '4:6').toArray()]).toEqual([3004, [3004, 3005]])
  const data = mine.dataShared()
  data[0] = -5n
  expect(mine.at(0, 0).item()).toBe(-5)
  opened.close()
  expect(() => opened.get('w')).toThrow(/get: .* was closed/)
  // A new file in the old one's place does not change what was read.
  saveSafetensors(path, { w: zeros([500_000]) })
  expect(other.eq(w).all().item()).toBe(true)
  expect(before.equals(readFileSync(path))).toBe(false)
  writeFileSync(path, before)
  expect(loadSafetensors(path).half.eq(half).all().item()).toBe(true)
  expect(loadSafetensors(path, { mmap: false }).c.eq(w.to('complex64')).all().item()).toBe(true)
  expect(loadSafetensors(path, { device: 'debug' }).flags.sum().item()).toBe(999_499)
  expect(() => openSafetensors(path).get('v')).toThrow(/has no tensor 'v' \(it has: w, c, half, flags\)/)
})

test('tensors that do not lie at multiples of their size are copied', () => {
  const header = {
    a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
    b: { dtype: 'F32', shape: [100_000], data_offsets: [1, 400_001] },
  }
  const bytes = Buffer.alloc(400_001)
  bytes.writeFloatLE(1.5, 1)
  bytes.writeFloatLE(-2.5, 399_997)
  writeFileSync(file(header), bytes, { flag: 'a' })
  const { b } = loadSafetensors(at('bad'))
  expect([b.at(0).item(), b.at(-1).item(), b.sum().item()]).toEqual([1.5, -2.5, -1])
})

test('a file cut off is refused when it is opened', () => {
  saveSafetensors(at('cut'), { w: zeros([200_000]) })
  const { size } = statSync(at('cut'))
  truncateSync(at('cut'), size - 1)
  expect(() => openSafetensors(at('cut'))).toThrow(
    /the file is truncated: its tensors take 800000 bytes, and 799999 follow/,
  )
  truncateSync(at('cut'), 4)
  expect(() => openSafetensors(at('cut'))).toThrow(FormatError)
})

test('sharded models', () => {
  const tensors = { a: ones([10]), b: arange(5), c: zeros([100]), d: ones([2, 0]), e: ones([3]).to('bfloat16') }
  const index = saveSafetensors(at('model.safetensors'), tensors, { maxShardSize: 100, metadata: { format: 'pt' } })
  expect(index).toBe(at('model.safetensors.index.json'))
  expect(JSON.parse(readFileSync(index, 'utf8'))).toEqual({
    metadata: { total_size: 486 },
    weight_map: {
      a: 'model-00001-of-00003.safetensors',
      b: 'model-00001-of-00003.safetensors',
      c: 'model-00002-of-00003.safetensors',
      d: 'model-00003-of-00003.safetensors',
      e: 'model-00003-of-00003.safetensors',
    },
  })
  expect(safetensorsMetadata(at('model-00002-of-00003.safetensors'))).toEqual({ format: 'pt' })
  for (const mmap of [true, false]) {
    const loaded = loadSafetensors(index, { mmap })
    expect(Object.keys(loaded)).toEqual(['a', 'b', 'c', 'd', 'e'])
    expect(loaded.b.toArray()).toEqual([0, 1, 2, 3, 4])
    expect([loaded.e.dtype, loaded.d.shape]).toEqual(['bfloat16', [2, 0]])
  }
  const opened = openSafetensors(index)
  expect([opened.metadata, opened.info('e').format]).toEqual([{ total_size: 486 }, 'BF16'])
  // Only what is asked for is opened.
  rmSync(at('model-00002-of-00003.safetensors'))
  expect(opened.get('a').sum().item()).toBe(10)
  expect(() => opened.get('c')).toThrow(/ENOENT/)
  expect(saveSafetensors(at('one.safetensors'), tensors, { maxShardSize: '5GB' })).toBe(at('one.safetensors'))
  for (const maxShardSize of ['5 monkeys', 0, Number.NaN, '0.0000001KB'])
    expect(() => saveSafetensors(at('no'), tensors, { maxShardSize })).toThrow(/maxShardSize/)

  const rows: [unknown, RegExp][] = [
    ['{', /the index is corrupt/],
    [[], /expected { metadata, weight_map }/],
    [{ weight_map: [] }, /expected { metadata, weight_map }/],
    [{ metadata: 1, weight_map: {} }, /metadata are no object/],
    [{ weight_map: { a: 3 } }, /for 'a', got 3/],
    ...['../one.safetensors', '/etc/passwd', 'a/b', 'a\\b', '..', '', 'x\0y'].map((name): [unknown, RegExp] => [
      { weight_map: { a: name } },
      /expected the name of a file beside the index for 'a'.*other folders are not read/,
    ]),
    [{ weight_map: { zzz: 'one.safetensors' } }, /'zzz' is in .*one.safetensors, which does not have it/],
  ]
  for (const [content, message] of rows)
    for (const mmap of [true, false]) {
      writeFileSync(index, typeof content === 'string' ? content : JSON.stringify(content))
      expect(() => loadSafetensors(index, { mmap })).toThrow(message)
      expect(() => loadSafetensors(index, { mmap })).toThrow(FormatError)
    }
})

test('a header as long as one string', () => {
  const name = 'x'.repeat(20_000_000)
  const opened = openSafetensors(file({ [name]: { dtype: 'U8', shape: [0], data_offsets: [0, 0] } }))
  expect(opened.keys()[0]).toHaveLength(name.length)
  expect(() => openSafetensors(file('['.repeat(3_000_000)))).toThrow(FormatError)
})

test('mutated files load or are refused', () => {
  const original = readFileSync(python)
  // A small linear congruential generator: the same mutations each run.
  let state = 12345
  const random = (n: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state % n
  }
  let refused = 0
  for (let i = 0; i < 600; i++) {
    const bytes = Buffer.from(random(4) === 0 ? original.subarray(0, random(original.length)) : original)
    for (let n = 1 + random(3); n > 0 && bytes.length > 0; n--)
      bytes[random(Math.min(bytes.length, 980))] = random(2) === 0 ? random(256) : 48 + random(10)
    writeFileSync(at('fuzz'), bytes)
    try {
      for (const t of Object.values(loadSafetensors(at('fuzz')))) t.dispose()
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      refused++
    }
  }
  expect(refused).toBeGreaterThan(200)
})
