// Files made to do harm, or damaged: each is a clear error. What is in a file is never run.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FormatError, load, memory, type Tensor } from '@flambeau/core'
import { afterAll, expect, test } from '@jest/globals'
import { PickleOutput } from '../dist/files/pickle-output.js'
import { ZipWriter } from '../dist/files/zip-write.js'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-hostile-'))
afterAll(() => rmSync(folder, { recursive: true }))
const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(`fixtures/files/${name}`, import.meta.url))))

type Records = Record<string, Uint8Array>
const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function archive(fill: (zip: ZipWriter) => void): Uint8Array {
  const pieces: Uint8Array[] = []
  const zip = new ZipWriter((piece) => pieces.push(Uint8Array.from(piece)))
  fill(zip)
  zip.finish()
  return new Uint8Array(Buffer.concat(pieces))
}

/** A file of torch.save with this pickle and these storages. */
const file = (pickle: Uint8Array, records: Records = {}): Uint8Array =>
  archive((zip) => {
    zip.store('x/data.pkl', pickle.length, pickle)
    for (const [name, bytes] of Object.entries(records)) zip.store(`x/${name}`, bytes.length, bytes)
  })

/** A pickle written by hand: opcodes as characters, PROTO and STOP added. */
const ops = (characters: string): Uint8Array => Buffer.from(`\x80\x02${characters}.`, 'latin1')

function pickled(write: (out: PickleOutput) => void): Uint8Array {
  const out = new PickleOutput()
  write(out)
  return Uint8Array.from(out.finish())
}

interface Layout {
  type?: string
  key?: string
  numel?: number | bigint
  offset?: number | bigint
  size?: readonly number[]
  stride?: readonly number[]
  conj?: boolean
}

/** The pickle of one tensor, of what is given; a whole storage of four floats otherwise. */
const tensorPickle = ({
  type = 'FloatStorage',
  key = '0',
  numel = 4,
  offset = 0,
  size = [4],
  stride = [1],
  conj = false,
}: Layout): Uint8Array =>
  pickled((out) => {
    out.global('torch._utils', '_rebuild_tensor_v2')
    out.op('((')
    out.string('storage')
    out.global('torch', type)
    out.string(key)
    out.string('cpu')
    out.integer(numel)
    out.op('tQ')
    out.integer(offset)
    out.integers(size)
    out.integers(stride)
    out.bool(false)
    out.global('collections', 'OrderedDict')
    out.op(')R')
    if (conj) {
      out.op('}')
      out.string('conj')
      out.bool(true)
      out.op('s')
    }
    out.op('tR')
  })

const four: Records = { 'data/0': new Uint8Array(16) }
const tensorFile = (layout: Layout, records = four): Uint8Array => file(tensorPickle(layout), records)

test('the files made here are right where nothing is wrong with them', () => {
  const t = load<Tensor>(tensorFile({ size: [2, 2], stride: [2, 1] }))
  expect([t.dtype, t.toArray()]).toEqual([
    'float32',
    [
      [0, 0],
      [0, 0],
    ],
  ])
})

const marker = join(folder, 'it-ran')
const command = `touch ${marker}`
const unicode = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`
const short = (value: string): string => `\x8c${String.fromCharCode(value.length)}${value}`

test.each<[string, string, string]>([
  ['os.system', `cos\nsystem\n${unicode(command)}\x85R`, 'os.system'],
  ['posix.system by STACK_GLOBAL', `${short('posix')}${short('system')}\x93${unicode(command)}\x85R`, 'posix.system'],
  ['eval', `c__builtin__\neval\n${unicode('1')}\x85R`, 'builtins.eval'],
  ['getattr', 'cbuiltins\ngetattr\n.', 'builtins.getattr'],
  ['subprocess by INST', `(${unicode(command)}isubprocess\nPopen\n`, 'subprocess.Popen'],
  ['a class by OBJ', '(cshutil\nrmtree\no', 'shutil.rmtree'],
  ['a class by NEWOBJ', 'cctypes\nCDLL\n)\x81', 'ctypes.CDLL'],
  ['torch.load', 'ctorch\nload\n.', 'torch.load'],
  ['code from bytes', 'ctorch.storage\n_load_from_bytes\n.', 'torch.storage._load_from_bytes'],
  ['a name of JavaScript', 'c__proto__\nconstructor\n.', '__proto__.constructor'],
  ['numpy.load', 'cnumpy\nload\n.', 'numpy.load'],
])('%s is refused by name', (_, pickle, name) => {
  for (const bytes of [file(ops(pickle)), ops(pickle)]) {
    expect(() => load(bytes)).toThrow(FormatError)
    expect(() => load(bytes)).toThrow(`asks for ${name}, which is not on the list`)
  }
  expect(existsSync(marker)).toBe(false)
})

test('whole modules, TorchScript, other formats and foreign dtypes are named', () => {
  expect(() => load(fixture('torch-module.pt'))).toThrow(
    'holds a whole module (torch.nn.modules.linear.Linear), which only its Python code can read; save its state_dict()',
  )
  expect(() => load(fixture('torch-script.pt'))).toThrow('is a TorchScript archive')
  expect(() => load(fixture('all-dtypes.safetensors'))).toThrow('it is a safetensors file; use loadSafetensors')
  expect(() => load(text('\x93NUMPY'))).toThrow(FormatError)
  const tar = new Uint8Array(1024)
  tar.set(text('ustar'), 257)
  expect(() => load(tar)).toThrow('it is a tar archive')
  expect(() => load(tensorFile({ type: 'QInt8Storage' }))).toThrow('torch.QInt8Storage is not supported')
  expect(() => load(file(ops('ctorch\nbits8\n')))).toThrow('torch.bits8 is not supported')
  expect(() => load(archive((zip) => zip.store('a', 1, text('a'))))).toThrow('the archive has no data.pkl')
})

test.each<[string, Uint8Array, string]>([
  ['a record that is not there', tensorFile({ key: '1' }), "no entry 'x/data/1'"],
  ['a path for a key', tensorFile({ key: '../../data.pkl' }), "no entry 'x/data/../../data.pkl'"],
  ['a record too small', tensorFile({ numel: 5 }), "storage '0' of 5 float32 takes 20 bytes, its record has 16"],
  ['a record too large', tensorFile({ numel: 3, size: [3] }), 'takes 12 bytes, its record has 16'],
  ['a negative number of elements', tensorFile({ numel: -4 }), "storage '0' has -4 elements"],
  ['more elements than numbers count', tensorFile({ numel: 2n ** 70n }), "storage '0' has 1180591620717411303424"],
  ['an offset past the end', tensorFile({ offset: 1 }), "need 5 elements, storage '0' has 4"],
  ['an enormous offset', tensorFile({ offset: 2n ** 62n }), 'the offset is 4611686018427387904'],
  ['a negative offset', tensorFile({ offset: -1 }), 'the offset is -1'],
  ['strides past the end', tensorFile({ size: [2, 2], stride: [3, 1] }), 'need 5 elements'],
  ['a negative stride', tensorFile({ stride: [-1] }), 'the strides are (-1)'],
  ['strides of another rank', tensorFile({ stride: [1, 1] }), 'the strides are (1, 1) for a shape of [4]'],
  ['a negative size', tensorFile({ size: [-1] }), 'the shape is (-1)'],
  ['an enormous expanded shape', tensorFile({ size: [2 ** 40, 2 ** 40], stride: [0, 0] }), 'is too large'],
  [
    'values to compute that overlap',
    tensorFile({ numel: 4, size: [2, 3], stride: [1, 1], conj: true }),
    'reads 4 elements again and again',
  ],
  [
    'too many dimensions',
    tensorFile({ size: new Array(17).fill(1), stride: new Array(17).fill(1) }),
    '17 dimensions are over the limit of 16',
  ],
  [
    'a deep nesting that does not end',
    file(Buffer.from(`\x80\x02${']('.repeat(1000)}`, 'latin1')),
    'the pickle is truncated',
  ],
  ['a value from nowhere', file(ops('h\x05')), 'it refers to value 5, which it has not made'],
  ['nothing to pop', file(ops('0')), 'a value is missing'],
  ['no mark', file(ops(']e')), 'a mark is missing'],
  ['a mark in the way', file(ops('N(a')), 'a value is missing'],
  ['left-over values', file(ops('NN')), '1 values are left over'],
  ['a string longer than the file', file(ops('X\xff\xff\xff\x7fabc')), '2147483647 bytes are announced'],
  ['bytes longer than the file', file(ops('\x8e\xff\xff\xff\xff\xff\xff\xff\x7f')), 'bytes are announced'],
  ['an integer of 2 GB', file(ops('\x8b\xff\xff\xff\x7f')), 'an integer has 2147483647 bytes'],
  ['an unknown opcode', file(ops('\xff')), '0xff is no opcode'],
  ['an unknown protocol', file(Buffer.from('\x80\x06N.', 'latin1')), 'protocol 6 is not known'],
  ['a call of a value', file(ops('K\x01)R')), 'expected something to call, got 1'],
  ['items of a number', file(ops('K\x01K\x02a')), 'expected a list to append to, got 1'],
  ['a key without a value', file(ops('}(K\x01u')), 'a key has no value'],
  ['an extension code', file(ops('\x82\x01')), 'the registry of extensions'],
  ['a buffer outside of the file', file(ops('\x97')), 'buffers that are not in the file'],
  ['a class as a value', file(ops('ctorch\nTensor\n')), 'holds the class or function torch.Tensor'],
  ['text that is not UTF-8', file(ops('X\x01\0\0\0\xff')), 'a string is not UTF-8'],
  ['another byte order', file(ops('N'), { byteorder: text('middle') }), "the byte order is 'middle'"],
  ['a large byte order', file(ops('N'), { byteorder: new Uint8Array(100) }), 'byteorder is refused'],
])('refuses %s', (_, bytes, message) => {
  expect(() => load(bytes)).toThrow(FormatError)
  expect(() => load(bytes)).toThrow(message)
})

test('a conjugated view that is expanded stays expanded', () => {
  const t = load<Tensor>(
    tensorFile({ type: 'ComplexFloatStorage', numel: 2, size: [2 ** 40, 2], stride: [0, 1], conj: true }),
  )
  expect([t.shape, t.stride()]).toEqual([
    [2 ** 40, 2],
    [0, 1],
  ])
})

test('two descriptions of one storage have to agree', () => {
  const one = tensorPickle({}).slice(2, -1)
  const other = tensorPickle({ numel: 2, size: [2] }).slice(2, -1)
  // Memo numbers begin anew in the second; both are the same there.
  const both = Buffer.concat([Buffer.from('\x80\x02', 'latin1'), one, other, Buffer.from('\x86.', 'latin1')])
  expect(() => load(file(both, four))).toThrow("storage '0' is 4 of float32 at first, then 2 of float32")
})

test('pickles that copy themselves are refused before memory is gone', () => {
  // A list of 50,000, of which each call of 10 bytes makes another copy.
  const list = `](${'N'.repeat(50_000)}eq\0`
  for (const call of ['cbuiltins\nlist\nh\0\x85R0', 'cbuiltins\nset\nh\0\x85R0', 'cbuiltins\ntuple\nh\0\x85R0']) {
    const bytes = file(ops(`${list}${call.repeat(100_000)}`))
    expect(() => load(bytes)).toThrow('it copies its own values beyond any use')
  }
  const string = `X\x50\xc3\0\0${'a'.repeat(50_000)}q\0`
  const encode = `c_codecs\nencode\nh\0${unicode('latin1')}\x86R0`
  expect(() => load(file(ops(`${string}${encode.repeat(20_000)}`)))).toThrow('beyond any use')
})

test('more containers than any real file has are refused', () => {
  expect(() => load(file(ops(']'.repeat(5_100_000))))).toThrow('it has more than 5000000 lists, tuples and dicts')
})

test('shared values do not multiply: a "billion laughs" is a small graph', () => {
  // Each list holds the one before it ten times.
  let pickle = ']q\0'
  for (let i = 0; i < 200; i++) pickle += `](${`h${String.fromCharCode(i)}`.repeat(10)}eq${String.fromCharCode(i + 1)}`
  let value = load<unknown[]>(file(ops(`(${pickle}t`)))
  value = value.at(-1) as unknown[]
  expect(value.length).toBe(10)
  expect(new Set(value).size).toBe(1)
})

test('a storage that inflates beyond reason is refused before it is', () => {
  const bytes = 64 * 2 ** 20
  const bomb = archive((zip) => {
    const pickle = tensorPickle({ numel: bytes / 4, size: [bytes / 4] })
    zip.store('x/data.pkl', pickle.length, pickle)
    zip.deflate('x/data/0', bytes, (append) => append(new Uint8Array(bytes)))
  })
  expect(bomb.length).toBeLessThan(100_000)
  const before = memory().peak
  expect(() => load(bomb)).toThrow('its records would inflate to 67108864 bytes')
  expect(memory().peak).toBe(before)
})

test('a moderately deflated archive loads', () => {
  const pickle = tensorPickle({ numel: 1000, size: [1000] })
  const floats = new Uint8Array(new Float32Array(1000).fill(2).buffer)
  const zipped = archive((zip) => {
    zip.deflate('x/data.pkl', pickle.length, (append) => append(pickle))
    zip.deflate('x/data/0', floats.length, (append) => append(floats))
  })
  expect(load<Tensor>(zipped).sum().item()).toBe(2000)
})

test.each(['torch-values.pt', 'torch-legacy.pt', 'torch-protocol-5.pt'])('%s: every truncation is an error', (name) => {
  const bytes = fixture(name)
  for (let n = 0; n < bytes.length; n += n < 200 ? 1 : 37) expect(() => load(bytes.subarray(0, n))).toThrow(FormatError)
})

test('old files: storages of another size, there twice, or not there', () => {
  const bytes = Buffer.from(fixture('torch-legacy.pt'))
  const list = bytes.lastIndexOf(Buffer.from('\x80\x02]q', 'latin1'))
  const change = (from: string, to: string): Uint8Array => {
    const copy = Buffer.from(bytes)
    copy.write(to, copy.indexOf(from, list, 'latin1'), 'latin1')
    return new Uint8Array(copy)
  }
  // Each storage is 8 bytes of its number of elements, then these.
  const six = '\x06\0\0\0\0\0\0\0'
  expect(() => load(change(six, six.replace('\x06', '\x07')))).toThrow('has 7 elements where 6 were expected')
  const keys = [
    ...bytes
      .toString('latin1')
      .slice(list)
      .matchAll(/X.\0\0\0(\d+)q/g),
  ].map(([, key]) => key)
  const [first, second] = keys.filter((key) => key.length === keys[0].length)
  expect(() => load(change(second, first))).toThrow('is not known, or there twice')
  expect(() => load(change(first, '9'.repeat(first.length)))).toThrow('is not known, or there twice')
})
