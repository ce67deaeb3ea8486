import { deflateRawSync } from 'node:zlib'
import { expect, test } from '@jest/globals'
import { FormatError } from '../dist/errors.js'
import { bytesSource } from '../dist/files/source.js'
import { ZipReader } from '../dist/files/zip.js'
import { type ZipWriteOptions, ZipWriter } from '../dist/files/zip-write.js'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

function archive(fill: (zip: ZipWriter) => void, options?: ZipWriteOptions): Buffer {
  const pieces: Uint8Array[] = []
  const zip = new ZipWriter((piece) => pieces.push(Uint8Array.from(piece)), options)
  fill(zip)
  zip.finish()
  return Buffer.concat(pieces)
}

const open = (bytes: Uint8Array): ZipReader => new ZipReader(bytesSource('x.zip', bytes))
const readAll = (bytes: Uint8Array): void => {
  const zip = open(bytes)
  for (const entry of zip.entries.values()) zip.read(entry)
}

const two = archive((zip) => {
  zip.store('one', 5, text('first'))
  zip.store('two', 6, text('second'))
})
/** Where the directory's record of an entry begins. */
const central = (bytes: Buffer, name: string): number => bytes.lastIndexOf(name) - 46

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes)
  change(copy)
  return copy
}

test('stored and deflated entries come back, streamed too', () => {
  const long = new Uint8Array(3_000_000).map((_, i) => i % 251)
  const bytes = archive((zip) => {
    zip.store('größe/a', 3, text('abc'))
    zip.store('empty', 0, new Uint8Array(0))
    zip.deflate('long', long.length, (append) => {
      for (let at = 0; at < long.length; at += 700_000) append(long.subarray(at, at + 700_000))
    })
    zip.store('long too', long.length, (append) => append(long))
  })
  expect(bytes.length).toBeLessThan(4_000_000)
  const zip = open(bytes)
  expect([...zip.entries.keys()]).toEqual(['größe/a', 'empty', 'long', 'long too'])
  expect(Buffer.from(zip.read(zip.get('größe/a'))).toString()).toBe('abc')
  expect(zip.read(zip.get('empty')).length).toBe(0)
  for (const name of ['long', 'long too']) {
    expect(Buffer.compare(zip.read(zip.get(name)), long)).toBe(0)
    const seen = new Uint8Array(long.length)
    zip.stream(zip.get(name), (piece, at) => seen.set(piece, at))
    expect(Buffer.compare(seen, long)).toBe(0)
  }
})

test('contents of stored entries are aligned', () => {
  const zip = open(
    archive(
      (zip) => {
        for (let i = 0; i < 70; i++) zip.store('x'.repeat(i + 1), i, new Uint8Array(i))
      },
      { alignment: 64 },
    ),
  )
  for (const entry of zip.entries.values()) expect(zip.dataStart(entry) % 64).toBe(0)
})

test('more entries than 16 bits can count', () => {
  const bytes = archive((zip) => {
    for (let i = 0; i < 66_000; i++) zip.store(`e${i}`, 1, Uint8Array.of(i))
  })
  const zip = open(bytes)
  expect(zip.entries.size).toBe(66_000)
  expect(zip.read(zip.get('e65999'))).toEqual(Uint8Array.of(65999))
})

test('every truncation is an error', () => {
  for (let n = 0; n < two.length; n++) expect(() => readAll(two.subarray(0, n))).toThrow(FormatError)
})

test.each<[string, Buffer, string]>([
  ['no archive', Buffer.from('{"a": 1}'.repeat(10)), 'not a zip archive'],
  [
    'two entries of one name',
    changed(two, (b) => {
      b.write('one', b.indexOf('two'))
      b.write('one', b.lastIndexOf('two'))
    }),
    "two entries are named 'one'",
  ],
  ['entries that overlap', changed(two, (b) => b.writeUInt32LE(0, central(b, 'two') + 42)), 'overlaps another entry'],
  [
    'an entry beyond the file',
    changed(two, (b) => b.writeUInt32LE(4_000_000_000, central(b, 'two') + 42)),
    'lies outside of the file',
  ],
  [
    'an entry larger than the file',
    changed(two, (b) => {
      b.writeUInt32LE(1_000_000_000, central(b, 'two') + 20)
      b.writeUInt32LE(1_000_000_000, central(b, 'two') + 24)
    }),
    'lies outside of the file',
  ],
  [
    'a header of another name',
    changed(two, (b) => b.write('owt', b.indexOf('two'))),
    'the directory has another name for it',
  ],
  [
    'a local header that reaches into the next entry',
    changed(two, (b) => b.writeUInt16LE(40, 28)),
    'it overlaps another entry',
  ],
  ['wrong contents', changed(two, (b) => b.write('worst', b.indexOf('first'))), 'its checksum is wrong'],
  ['an encrypted entry', changed(two, (b) => b.writeUInt16LE(1, central(b, 'two') + 8)), 'is encrypted'],
  ['an unknown method', changed(two, (b) => b.writeUInt16LE(12, central(b, 'two') + 10)), 'by method 12'],
  [
    'a directory of more entries than it can hold',
    changed(two, (b) => {
      b.writeUInt16LE(60_000, b.length - 14)
      b.writeUInt16LE(60_000, b.length - 12)
    }),
    'cannot have 60000 entries',
  ],
  ['several files', changed(two, (b) => b.writeUInt16LE(1, b.length - 18)), 'spread over several files'],
])('refuses %s', (_, bytes, message) => {
  expect(() => readAll(bytes)).toThrow(FormatError)
  expect(() => readAll(bytes)).toThrow(message)
})

test('a zip bomb is refused before it is inflated', () => {
  const bomb = archive((zip) => zip.deflate('bomb', 10_000_000, (append) => append(new Uint8Array(10_000_000))))
  const entry = open(bomb).get('bomb')
  expect(entry.size).toBe(10_000_000)
  // It claims to be small, and is not.
  const lying = changed(bomb, (b) => b.writeUInt32LE(1000, central(b, 'bomb') + 24))
  expect(() => readAll(lying)).toThrow('it holds more than the 1000 bytes that it claims')
  // It claims more than deflate can give.
  const impossible = changed(bomb, (b) => b.writeUInt32LE(4_000_000_000, central(b, 'bomb') + 24))
  expect(() => readAll(impossible)).toThrow('which its')
  expect(deflateRawSync(new Uint8Array(10_000_000)).length).toBeGreaterThan(10_000_000 / 1032)
})

test('entries that were never asked for are an error, not undefined', () => {
  expect(() => open(two).get('three')).toThrow("no entry 'three'")
})

test('the writer refuses wrong sizes and equal names', () => {
  expect(() => archive((zip) => zip.store('a', 2, text('abc')))).toThrow("expected 2 bytes for entry 'a', got 3")
  expect(() =>
    archive((zip) => {
      zip.store('a', 0, text(''))
      zip.store('a', 0, text(''))
    }),
  ).toThrow("two entries would be named 'a'")
})
