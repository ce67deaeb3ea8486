// Unpacking archives that came from somewhere: no path leads out of the folder, no link, and no more bytes than expected.
import { randomBytes } from 'node:crypto'
import { closeSync, createReadStream, createWriteStream, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import * as tar from 'tar'
import { ArgumentError, FormatError } from '../errors.js'
import { withSource } from '../files/source.js'
import { ZipReader } from '../files/zip.js'
import { checkInside } from './cache.js'

export interface ExtractOptions {
  /** The most bytes of all files together. Default 1 GiB and 50 times the archive's size. */
  readonly maxBytes?: number
}

/** A tar archive is made of blocks of this size. */
const TAR_BLOCK = 512

type Kind = 'zip' | 'tar' | 'tar.gz' | 'gz'

/**
 * Unpacks a zip, tar, tar.gz or gz archive into a new folder, which appears whole or not at all.
 *
 * @param archive the file
 * @param folder where to; it must not be there, or be empty
 * @throws FormatError for a damaged archive, or one that has links, paths that lead elsewhere, or too many bytes
 */
export async function extractArchive(archive: string, folder: string, options: ExtractOptions = {}): Promise<void> {
  const kind = await kindOf(archive)
  const { size } = await stat(archive)
  const { maxBytes = 2 ** 30 + 50 * size } = options
  if (isUsed(folder)) throw new ArgumentError(`extractArchive: expected ${folder} not to be there, or to be empty`)
  const temporary = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  await mkdir(temporary, { recursive: true })
  try {
    const budget = new Budget(archive, maxBytes)
    if (kind === 'tar' && size % TAR_BLOCK !== 0)
      throw new FormatError(`${archive}: the archive is corrupt: it ends inside of a block`)
    if (kind === 'zip') extractZip(archive, temporary, budget)
    else if (kind === 'gz') await extractGzip(archive, temporary, budget)
    else extractTar(archive, temporary, budget)
    await rm(folder, { recursive: true, force: true })
    await rename(temporary, folder)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

function isUsed(folder: string): boolean {
  try {
    return readdirSync(folder).length > 0
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return false
    throw error
  }
}

/** Counts bytes; more than allowed are an error. */
class Budget {
  readonly #archive: string
  readonly #most: number
  #used = 0

  constructor(archive: string, most: number) {
    this.#archive = archive
    this.#most = most
  }

  spend(bytes: number): void {
    this.#used += bytes
    if (this.#used > this.#most)
      throw new FormatError(
        `${this.#archive}: the archive is refused: it would unpack to more than ${this.#most} bytes`,
      )
  }
}

async function kindOf(archive: string): Promise<Kind> {
  const file = await open(archive, 'r')
  const head = Buffer.alloc(512)
  try {
    await file.read(head, 0, head.length, 0)
  } finally {
    await file.close()
  }
  if (head.subarray(0, 2).toString('latin1') === 'PK') return 'zip'
  if (head.subarray(257, 262).toString('latin1') === 'ustar') return 'tar'
  if (head[0] === 0x1f && head[1] === 0x8b) return /\.(tgz|tar\.gz)$/i.test(archive) ? 'tar.gz' : 'gz'
  if (/\.tar$/i.test(archive)) return 'tar'
  throw new FormatError(`${archive}: expected a zip, tar, tar.gz or gz archive`)
}

const TYPE_MASK = 0o170000
const LINK = 0o120000

function extractZip(archive: string, folder: string, budget: Budget): void {
  withSource('extractArchive', archive, (source) => {
    const zip = new ZipReader(source)
    for (const entry of zip.entries.values()) {
      const isFolder = entry.name.endsWith('/')
      const path = join(folder, checkInside(archive, isFolder ? entry.name.slice(0, -1) : entry.name))
      if (((entry.externalAttributes >>> 16) & TYPE_MASK) === LINK) throw linkError(archive, entry.name)
      budget.spend(entry.size)
      const fd = named(archive, entry.name, () => {
        mkdirSync(isFolder ? path : dirname(path), { recursive: true })
        return isFolder ? null : openSync(path, 'wx')
      })
      if (fd === null) continue
      try {
        zip.stream(entry, (piece) => {
          for (let at = 0; at < piece.length; ) at += writeSync(fd, piece, at)
        })
      } finally {
        closeSync(fd)
      }
    }
  })
}

/** Makes what an entry names. The folder was empty: what is in the way came from the archive itself. */
function named<R>(archive: string, name: string, make: () => R): R {
  try {
    return make()
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'EISDIR')
      throw new FormatError(
        `${archive}: the archive is corrupt: two entries are '${name}', or one is a file and a folder`,
      )
    if (code === 'ENAMETOOLONG' || code === 'EINVAL' || code === 'EILSEQ')
      throw new FormatError(`${archive}: the archive is refused: '${name}' is no name for a file here (${code})`)
    throw error
  }
}

const linkError = (archive: string, name: string): FormatError =>
  new FormatError(`${archive}: the archive is refused: '${name}' is a link`)

function extractTar(archive: string, folder: string, budget: Budget): void {
  // Thrown inside of the library's events, it would reach nobody.
  let problem: unknown = null
  const seen = new Set<string>()
  const filter = (name: string, entry: { readonly size?: number; readonly type?: string } | object): boolean => {
    if (problem !== null) return false
    try {
      const { type, size = 0 } = entry as { type?: string; size?: number }
      const path = checkInside(archive, name.replace(/^(\.\/)+/, '').replace(/\/$/, '') || 'x')
      if (type === 'Link' || type === 'SymbolicLink') throw linkError(archive, name)
      const isFile = type === 'File' || type === 'OldFile' || type === 'ContiguousFile'
      if (!isFile && type !== 'Directory' && type !== 'GNUDumpDir')
        throw new FormatError(`${archive}: the archive is refused: '${name}' is a ${type}`)
      if (isFile && seen.has(path)) throw new FormatError(`${archive}: the archive is corrupt: two files are '${name}'`)
      if (isFile) seen.add(path)
      budget.spend(size)
      return true
    } catch (error) {
      problem = error
      return false
    }
  }
  try {
    // In one go: what the library has begun to write when it meets damage would otherwise appear after the clean-up.
    tar.extract({ sync: true, file: archive, cwd: folder, strict: true, filter, noChmod: true })
  } catch (error) {
    if (problem === null)
      throw new FormatError(`${archive}: the archive is corrupt: ${(error as Error).message}`, { cause: error })
  }
  if (problem !== null) throw problem
}

async function extractGzip(archive: string, folder: string, budget: Budget): Promise<void> {
  const name = basename(archive).replace(/\.gz$/i, '')
  const count = new Transform({
    transform(piece: Buffer, _, done) {
      try {
        budget.spend(piece.length)
        done(null, piece)
      } catch (error) {
        done(error as Error)
      }
    },
  })
  try {
    await pipeline(createReadStream(archive), createGunzip(), count, createWriteStream(join(folder, name)))
  } catch (error) {
    if (error instanceof FormatError) throw error
    throw new FormatError(`${archive}: the archive is corrupt: ${(error as Error).message}`, { cause: error })
  }
}
