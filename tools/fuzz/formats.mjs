// The formats whose readers are fuzzed: real files, and how one is read. `make`, where it is there, damages what lies
// inside of a file rather than the file, which a checksum or a directory would give away at once.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { core } from '../conformance/library.mjs'
import { root } from '../setup/exec.mjs'
import { mutate } from './mutate.mjs'

const fixtures = join(root, 'packages/core/test/fixtures/files')
const dist = (path) => import(pathToFileURL(join(root, 'packages/core/dist', path)).href)
const read = (name) => readFileSync(join(fixtures, name))

const { ZipReader } = await dist('files/zip.js')
const { ZipWriter } = await dist('files/zip-write.js')
const { bytesSource } = await dist('files/source.js')
const { extractArchive } = await dist('hub/archive.js')
const tar = createRequire(join(root, 'packages/core/package.json'))('tar')

/** The bytes of a file that `write` makes, as a list of seeds. */
function written(extension, write) {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-seed-'))
  try {
    write(join(folder, `seed${extension}`))
    return [readFileSync(join(folder, `seed${extension}`))]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

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

/** What NumPy and SciPy wrote, by the end of its name. */
const numpy = new ZipReader(bytesSource('numpy.zip', read('numpy.zip')))
const fromNumPy = (...names) => names.map((name) => Buffer.from(numpy.read(numpy.get(name))))
const small = (name) => numpy.get(name).size < 20_000
const npy = fromNumPy(...[...numpy.entries.keys()].filter((name) => name.endsWith('.npy') && small(name)))
const npz = fromNumPy('stored.npz', 'deflated.npz')
const sparse = fromNumPy('csr.npz', 'csc.npz', 'coo.npz', 'bsr.npz', 'dia.npz', 'wide.npz', 'twice.npz')

/** A damaged index among whole files. */
const index = Buffer.from(
  JSON.stringify({
    metadata: { total_size: 1202 },
    weight_map: { float32: 'all-dtypes.safetensors', uint16: 'foreign.safetensors', bool: 'all-dtypes.safetensors' },
  }),
)
function readIndex(path) {
  const indexPath = `${path}.index.json`
  for (const name of ['all-dtypes.safetensors', 'foreign.safetensors'])
    if (!existsSync(join(dirname(path), name))) copyFileSync(join(fixtures, name), join(dirname(path), name))
  renameSync(path, indexPath)
  try {
    return core.loadSafetensors(indexPath)
  } catch (error) {
    // A name that leads to no file.
    if (error.code === 'ENOENT' || error.code === 'ENAMETOOLONG') return null
    throw error
  }
}

/** Larger ones, which are mapped: only their headers are worth damaging. */
function largeFile(header, bytes) {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(bytes)])
}
const large = [
  largeFile(
    '{"a":{"dtype":"F32","shape":[50,1000],"data_offsets":[0,200000]},"b":{"dtype":"U8","shape":[100001],"data_offsets":[200000,300001]}}',
    300_001,
  ),
  largeFile(
    '{"x":{"dtype":"BOOL","shape":[3],"data_offsets":[0,3]},"y":{"dtype":"C64","shape":[2,20000],"data_offsets":[3,320003]}}',
    320_003,
  ),
]
const HEAD = 300

/** Damaged, read both ways: the file's own memory, and a copy of it. */
const bothWays = (read) => (path) => [read(path, { mmap: true }), read(path, { mmap: false })]

/** Large enough to be mapped, with a small one beside it. */
const largeTorch = written('.pt', (path) => {
  const t = core.arange(100_000, { dtype: 'float32' })
  core.save(path, { t, part: t.narrow(0, 10, 20), flags: core.ones([100]).to('bool') })
})

/** Archives of tar, plain and compressed, and of gzip alone. */
const packed = [
  ...written('.tar', (file) => tar.create({ sync: true, file, cwd: fixtures }, ['make_torch.py', 'torch-module.pt'])),
  ...written('.tgz', (file) => tar.create({ sync: true, gzip: true, file, cwd: fixtures }, ['torch-module.pt'])),
  ...written('.gz', (file) => writeFileSync(file, gzipSync(read('torch-module.pt')))),
]

/** Unpacks into a folder of its own; whatever appears beside it got out. */
async function extract(path) {
  const folder = `${path}.folder`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'outer'), { recursive: true })
  const named = `${path}${readFileSync(path).length % 2 === 0 ? '.tgz' : '.bin'}`
  renameSync(path, named)
  let problem = null
  try {
    await extractArchive(named, join(folder, 'outer', 'target'), { maxBytes: 2 ** 22 })
  } catch (error) {
    problem = error
  }
  rmSync(named)
  const names = [...readdirSync(folder), ...readdirSync(join(folder, 'outer'))]
  if (names.some((name) => name !== 'outer' && name !== 'target')) throw new Error(`files got out: ${names}`)
  if (problem !== null) throw problem
}

export const formats = {
  torch: {
    seeds: [...archives, ...legacy],
    make: (r, seed, seeds) => (legacy.includes(seed) ? mutate(r, seed, seeds) : damagedEntry(r, seed, seeds)),
    read: (path) => core.load(path),
  },
  'torch-mapped': { seeds: largeTorch, make: damagedEntry, read: bothWays(core.load) },
  archive: {
    seeds: [...packed, ...archives],
    make: (r, seed, seeds) => (packed.includes(seed) ? mutate(r, seed, seeds) : damagedEntry(r, seed, seeds)),
    read: extract,
  },
  safetensors: {
    seeds: [read('all-dtypes.safetensors'), read('foreign.safetensors')],
    read: bothWays(core.loadSafetensors),
  },
  'safetensors-mapped': {
    seeds: large,
    make: (r, seed) => {
      const head = seed.subarray(0, HEAD)
      return Buffer.concat([mutate(r, head, [head]), seed.subarray(HEAD)])
    },
    read: bothWays(core.loadSafetensors),
  },
  'safetensors-index': { seeds: [index], read: readIndex },
  npy: { seeds: npy, read: bothWays(core.loadNpy) },
  npz: { seeds: npz, make: damagedEntry, read: (path) => core.loadNpz(path) },
  sparse: {
    seeds: sparse,
    make: damagedEntry,
    read(path) {
      try {
        return core.loadSparseNpz(path, { maxBytes: 2 ** 20 })
      } catch (error) {
        // The limit that was given.
        if (error instanceof core.OutOfMemoryError && error.message.includes('raise maxBytes')) return null
        throw error
      }
    },
  },
}
