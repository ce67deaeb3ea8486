// The formats whose readers are fuzzed: real files, and how one is read. `make`, where it is there, damages what lies
// inside of a file rather than the file, which a checksum or a directory would give away at once.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { core } from '../conformance/library.mjs'
import { root } from '../setup/exec.mjs'
import { mutate } from './mutate.mjs'

const fixtures = join(root, 'packages/core/test/fixtures/files')
const dist = (path) => import(pathToFileURL(join(root, 'packages/core/dist', path)).href)
const read = (name) => readFileSync(join(fixtures, name))

const { ZipReader } = await dist('files/zip.js')
const { ZipWriter } = await dist('files/zip-write.js')
const { bytesSource } = await dist('files/source.js')

/** An archive with one of its entries damaged, and everything around it right. */
function damagedEntry(r, bytes, others) {
  const zip = new ZipReader(bytesSource('seed', bytes))
  const names = [...zip.entries.keys()]
  // What describes the rest is the first entry.
  const chosen = r.chance(0.8) ? names[0] : r.pick(names)
  const pieces = []
  const out = new ZipWriter((piece) => pieces.push(Buffer.from(piece)))
  for (const name of names) {
    const entry = zip.get(name)
    const contents = name === chosen ? mutate(r, zip.read(entry), others) : zip.read(entry)
    if (r.chance(0.1)) out.deflate(name, contents.length, (append) => append(contents))
    else out.store(name, contents.length, contents)
  }
  out.finish()
  return Buffer.concat(pieces)
}

const archives = ['torch-values.pt', 'torch-training.pt', 'torch-big-endian.pt', 'torch-protocol-5.pt'].map(read)
const legacy = [read('torch-legacy.pt')]

export const formats = {
  torch: {
    seeds: [...archives, ...legacy],
    make: (r, seed, seeds) => (legacy.includes(seed) ? mutate(r, seed, seeds) : damagedEntry(r, seed, seeds)),
    read: (path) => core.load(path),
  },
  safetensors: {
    seeds: [read('all-dtypes.safetensors')],
    read: (path) => core.loadSafetensors(path),
  },
}
