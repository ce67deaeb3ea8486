// The format of PyTorch before 1.6: pickles one after the other, then the storages.
import { FormatError } from '../errors.js'
import { readPickle } from './pickle.js'
import { PickleInput } from './pickle-input.js'
import { describePy } from './pickle-values.js'
import { type ByteSource, partOf } from './source.js'
import type { TorchFile } from './torch.js'
import { TorchScope } from './torch-scope.js'
import type { StoredStorage } from './torch-values.js'

const MAGIC = 0x1950a86a20f9469cfc6cn
const VERSION = 1001
/** Where a tar archive has its own magic. */
const TAR_MAGIC = 257

export function readLegacy(source: ByteSource): TorchFile {
  const { name } = source
  checkKind(source)
  const input = new PickleInput(source)
  const plain = new TorchScope(name, source.size)
  const next = (): unknown => readPickle(input, plain)
  const magic = next()
  if (magic !== MAGIC) throw new FormatError(`${name}: not a file of torch.save: it begins with ${describePy(magic)}`)
  const version = next()
  if (version !== VERSION) throw new FormatError(`${name}: version ${describePy(version)} of torch.save is not known`)
  next() // of the machine that wrote it; the data is little-endian whatever it was

  const scope = new TorchScope(name, source.size)
  const value = readPickle(input, scope)
  const keys = next()
  if (!Array.isArray(keys)) throw new FormatError(`${name}: the file is corrupt: its list of storages is not there`)
  const starts = new Map<StoredStorage, number>()
  let at = input.position
  for (const key of keys) {
    const stored = scope.storages.get(String(key))
    if (stored === undefined || starts.has(stored))
      throw new FormatError(`${name}: the file is corrupt: storage ${describePy(key)} is not known, or there twice`)
    const count = new Uint8Array(8)
    source.read(at, count)
    const numel = new DataView(count.buffer).getBigInt64(0, true)
    if (numel !== BigInt(stored.numel))
      throw new FormatError(
        `${name}: the file is corrupt: storage '${stored.key}' has ${numel} elements where ${stored.numel} were expected`,
      )
    starts.set(stored, at + 8)
    at += 8 + stored.nbytes
    if (at > source.size)
      throw new FormatError(
        `${name}: the file is truncated: storage '${stored.key}' ends at byte ${at} of ${source.size}`,
      )
  }
  for (const stored of scope.storages.values())
    if (!starts.has(stored)) throw new FormatError(`${name}: the file is corrupt: storage '${stored.key}' is not in it`)
  return {
    value,
    storages: [...starts.keys()],
    swap: false,
    bytes: (stored) => partOf(source, starts.get(stored) ?? 0, stored.nbytes),
    position: (stored) => starts.get(stored) ?? null,
  }
}

/** Says what a file is that cannot be read, where that is known. */
function checkKind(source: ByteSource): void {
  const head = new Uint8Array(Math.min(512, source.size))
  source.read(0, head)
  const text = Buffer.from(head).toString('latin1')
  const refuse = (what: string): never => {
    throw new FormatError(`${source.name}: not a file of torch.save: ${what}`)
  }
  if (text.startsWith('ustar', TAR_MAGIC))
    refuse('it is a tar archive, the format of PyTorch before 0.1.10; load and save it with a newer PyTorch')
  if (text.startsWith('\x93NUMPY')) refuse('it is a NumPy array')
  if (/^[\s\S]{8}\{"/.test(text)) refuse('it is a safetensors file; use loadSafetensors')
  if (head.length === 0) refuse('it is empty')
}
