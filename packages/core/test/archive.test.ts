import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { ArgumentError, FormatError } from '@flambeau/core'
import { extractArchive } from '@flambeau/core/hub'
import { afterAll, expect, test } from '@jest/globals'
import * as tar from 'tar'
import { ZipWriter } from '../dist/files/zip-write.js'

const folder = mkdtempSync(join(tmpdir(), 'flambeau-archive-'))
afterAll(() => rmSync(folder, { recursive: true }))

const contents: Record<string, string> = { 'a/one.txt': 'first', 'two.txt': 'second' }
const source = join(folder, 'source')
mkdirSync(join(source, 'a'), { recursive: true })
for (const [name, text] of Object.entries(contents)) writeFileSync(join(source, name), text)

function zip(name: string, entries: Record<string, string>): string {
  const pieces: Uint8Array[] = []
  const writer = new ZipWriter((piece) => pieces.push(Uint8Array.from(piece)))
  for (const [entry, text] of Object.entries(entries)) writer.store(entry, text.length, new TextEncoder().encode(text))
  writer.finish()
  return written(name, Buffer.concat(pieces))
}

function written(name: string, bytes: Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

/** A tar archive of entries that the library would not make. */
function rawTar(
  name: string,
  entries: { path: string; type?: tar.Header['type']; linkpath?: string; size?: number }[],
) {
  const blocks = entries.map(({ path, type = 'File', linkpath, size = 0 }) => {
    const block = Buffer.alloc(512)
    new tar.Header({ path, type, size, mode: 0o644, mtime: new Date(0), ...(linkpath && { linkpath }) }).encode(block)
    return Buffer.concat([block, Buffer.alloc(Math.min(Math.ceil(size / 512), 4) * 512)])
  })
  // An entry of more than four blocks is cut.
  return written(
    name,
    Buffer.concat([...blocks, ...(entries.some(({ size = 0 }) => size > 2048) ? [] : [Buffer.alloc(1024)])]),
  )
}

let count = 0
const target = (): string => join(folder, `target-${count++}`)
const read = (at: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(at, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(at.length + 1), readFileSync(path, 'utf8')]),
  )

test('zip, tar, tar.gz and gz', async () => {
  const paths = [zip('x.zip', { 'a/': '', ...contents })]
  for (const name of ['x.tar', 'x.tar.gz', 'x.tgz']) {
    const file = join(folder, name)
    await tar.create({ cwd: source, file, gzip: !name.endsWith('.tar') }, ['.'])
    paths.push(file)
  }
  for (const path of paths) {
    const to = target()
    await extractArchive(path, to)
    expect(read(to)).toEqual(contents)
  }
  const to = target()
  await extractArchive(written('images.idx.gz', gzipSync('pixels')), to)
  expect(read(to)).toEqual({ 'images.idx': 'pixels' })
})

test.each<[string, () => string, string]>([
  ['a zip that leads outside', () => zip('out.zip', { 'ok.txt': '', '../evil.txt': 'x' }), "got '../evil.txt'"],
  ['a zip of an absolute path', () => zip('abs.zip', { '/tmp/evil.txt': 'x' }), "got '/tmp/evil.txt'"],
  ['a zip with backslashes', () => zip('back.zip', { '..\\evil.txt': 'x' }), 'expected a path inside'],
  ['a tar that leads outside', () => rawTar('out.tar', [{ path: 'ok' }, { path: '../evil.txt' }]), "got '../evil.txt'"],
  ['a tar of an absolute path', () => rawTar('abs.tar', [{ path: '/tmp/evil.txt' }]), "got '/tmp/evil.txt'"],
  [
    'a tar with a link',
    () => rawTar('link.tar', [{ path: 'link', type: 'SymbolicLink', linkpath: '/etc/passwd' }]),
    "'link' is a link",
  ],
  [
    'a tar with a hard link',
    () => rawTar('hard.tar', [{ path: 'h', type: 'Link', linkpath: '/etc/passwd' }]),
    'is a link',
  ],
  [
    'a tar with a device',
    () => rawTar('dev.tar', [{ path: 'd', type: 'CharacterDevice' }]),
    "'d' is a CharacterDevice",
  ],
  ['a tar of one name twice', () => rawTar('twice.tar', [{ path: 'a' }, { path: 'a' }]), "two files are 'a'"],
  ['a truncated tar', () => written('cut.tar', readFileSync(join(folder, 'x.tar')).subarray(0, 1100)), 'is corrupt'],
  ['a tar cut inside of a file', () => rawTar('cut2.tar', [{ path: 'a', size: 5000 }]), 'is corrupt'],
  ['a truncated gzip', () => written('cut.gz', gzipSync('x'.repeat(1000)).subarray(0, 20)), 'is corrupt'],
  ['a truncated tar.gz', () => written('cut.tgz', readFileSync(join(folder, 'x.tgz')).subarray(0, 90)), 'is corrupt'],
  ['a file below a file', () => zip('below.zip', { a: 'x', 'a/b': 'y' }), "two entries are 'a/b', or one is a file"],
  ['a folder below a file', () => zip('below2.zip', { a: 'x', 'a/b/c/': '' }), "two entries are 'a/b/c/', or one is"],
  ['a file where a folder is', () => zip('above.zip', { 'a/b': 'x', a: 'y' }), "two entries are 'a', or one is a file"],
  ['a name that is too long', () => zip('long.zip', { ['x'.repeat(300)]: 'x' }), 'is no name for a file here'],
  ['something else', () => written('x.rar', Buffer.from('Rar!')), 'expected a zip, tar, tar.gz or gz archive'],
])('refuses %s, and leaves nothing', async (_, make, message) => {
  const archive = make()
  const to = target()
  const refused = extractArchive(archive, to)
  await expect(refused).rejects.toThrow(FormatError)
  await expect(refused).rejects.toThrow(message)
  expect(readdirSync(folder).filter((name) => name.startsWith('target-') && name.includes('.tmp'))).toEqual([])
  expect(readdirSync(folder)).not.toContain(to.slice(folder.length + 1))
  expect(readdirSync(folder)).not.toContain('evil.txt')
})

test('a link inside of a zip is refused', async () => {
  const bytes = readFileSync(zip('ln.zip', { link: '/etc/passwd' }))
  bytes.writeUInt32LE((0o120777 << 16) >>> 0, bytes.lastIndexOf('link') - 46 + 38)
  await expect(extractArchive(written('ln2.zip', bytes), target())).rejects.toThrow("'link' is a link")
})

test('more bytes than expected are refused', async () => {
  const bomb = written('bomb.gz', gzipSync(Buffer.alloc(50_000_000)))
  await expect(extractArchive(bomb, target(), { maxBytes: 1e6 })).rejects.toThrow('more than 1000000 bytes')
  const many = zip('many.zip', { a: 'x'.repeat(600), b: 'x'.repeat(600) })
  await expect(extractArchive(many, target(), { maxBytes: 1000 })).rejects.toThrow('more than 1000 bytes')
  const large = rawTar('large.tar', [{ path: 'a', size: 2000 }])
  await expect(extractArchive(large, target(), { maxBytes: 1000 })).rejects.toThrow('more than 1000 bytes')
})

test('a folder that is in use is left alone; an empty one is taken', async () => {
  const used = target()
  mkdirSync(used)
  await extractArchive(join(folder, 'x.zip'), used)
  expect(read(used)).toEqual(contents)
  const refused = extractArchive(join(folder, 'x.zip'), used)
  await expect(refused).rejects.toThrow(ArgumentError)
  await expect(refused).rejects.toThrow('not to be there, or to be empty')
  symlinkSync(used, join(folder, 'linked'))
  await expect(extractArchive(join(folder, 'x.zip'), join(folder, 'linked'))).rejects.toThrow(ArgumentError)
})
