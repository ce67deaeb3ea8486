import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  DTypeError,
  FormatError,
  loadSafetensors,
  ones,
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
    [{ a: entry('F8_E4M3', [1], 0, 1) }, 1, /'a' has dtype 'F8_E4M3'; supported are F32, F64/],
    [{ a: entry('U8', [-1], 0, 1) }, 1, /'a' has shape \[-1\]/],
    [{ a: entry('U8', [1.5], 0, 1) }, 1, /'a' has shape/],
    [{ a: entry('U8', Array(17).fill(1), 0, 1) }, 1, /'a' has shape/],
    [{ a: entry('U8', [2], 0) }, 2, /'a' has offsets \[0\]/],
    [{ a: entry('F32', [2], 0, 4) }, 4, /takes 8 bytes, and has 4/],
    [{ a: entry('F64', [2 ** 50, 2 ** 50], 0, 8) }, 8, /takes .* bytes, and has 8/],
    [{ a: entry('U8', [2], 0, 2), b: entry('U8', [2], 1, 3) }, 3, /the bytes of 'b' begin at 1 where 2 was expected/],
    [{ a: entry('U8', [2], 1, 3) }, 3, /overlap or leave a gap/],
    [{ a: entry('U8', [2], 0, 2) }, 3, /1 bytes at the end belong to no tensor/],
    [{ a: entry('U8', [2], 0, 2) }, 1, /truncated: its tensors take 2 bytes, and 1 follow/],
  ]
  for (const [header, bytes, message] of rows) {
    const load = () => loadSafetensors(file(header, bytes))
    expect(load).toThrow(message)
    expect(load).toThrow(FormatError)
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
