// The cache of the Hugging Face tools, in their own layout, so that both find what the other has downloaded:
//   models--org--name/refs/main                      the commit that a branch is at
//   models--org--name/blobs/<etag>                   contents
//   models--org--name/snapshots/<commit>/config.json a link to its contents
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { copyFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { ArgumentError, describe, FormatError } from '../errors.js'

/** What kind of repository. */
export type RepoType = 'model' | 'dataset' | 'space'

export const REPO_TYPES: readonly RepoType[] = ['model', 'dataset', 'space']

const environment = (...names: string[]): string | undefined => names.map((name) => process.env[name]).find(Boolean)

/** `HF_HOME`, or `~/.cache/huggingface`. */
export function huggingFaceHome(): string {
  const cache = environment('XDG_CACHE_HOME') ?? join(homedir(), '.cache')
  return expand(environment('HF_HOME') ?? join(cache, 'huggingface'))
}

/** `HF_HUB_CACHE`, or the folder `hub` in `HF_HOME`. */
export function defaultCache(): string {
  return expand(environment('HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE') ?? join(huggingFaceHome(), 'hub'))
}

const expand = (path: string): string => (/^~[\\/]/.test(path) ? join(homedir(), path.slice(2)) : path)

/** The access token: `HF_TOKEN`, or what `huggingface-cli login` has stored. */
export function storedToken(): string | null {
  const named = environment('HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN')
  if (named !== undefined) return named.trim() || null
  const path = expand(environment('HF_TOKEN_PATH') ?? join(huggingFaceHome(), 'token'))
  return existsSync(path) ? readFileSync(path, 'utf8').trim() || null : null
}

/** Throws unless `name` is that of a repository. */
export function checkRepo(operation: string, name: unknown): string {
  const legal =
    typeof name === 'string' && /^[\w.-]+(\/[\w.-]+)?$/.test(name) && !/--|\.\.|^[-.]|[-.]$|\.git$/.test(name)
  if (!legal || name.length > 96)
    throw new ArgumentError(
      `${operation}: expected a repository such as 'org/name', or a folder, got ${describe(name)}`,
    )
  return name
}

/** Throws unless `path` stays inside of the folder that it is relative to: it comes from a server. */
export function checkInside(what: string, path: unknown): string {
  const parts = typeof path === 'string' ? path.split('/') : []
  if (parts.length === 0 || parts.some((part) => part === '' || part === '.' || part === '..' || /[\\:\0]/.test(part)))
    throw new FormatError(`${what}: expected a path inside of the repository, got ${describe(path)}`)
  return String(path)
}

/** One repository in the cache. */
export class CachedRepo {
  readonly folder: string

  constructor(cache: string, type: RepoType, name: string) {
    this.folder = join(cache, `${type}s--${name.replaceAll('/', '--')}`)
  }

  /** The commit that a branch, tag or commit stood at when it was last looked up; null where it never was. */
  commitOf(revision: string): string | null {
    if (isCommit(revision)) return revision
    const path = join(this.folder, 'refs', checkInside('revision', revision))
    const commit = existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
    return isCommit(commit) ? commit : null
  }

  /** Notes that `revision` is at `commit`. */
  async setRef(revision: string, commit: string): Promise<void> {
    if (revision === commit || this.commitOf(revision) === commit) return
    const path = join(this.folder, 'refs', checkInside('revision', revision))
    await mkdir(dirname(path), { recursive: true })
    const temporary = temporaryName(path)
    await writeFile(temporary, commit)
    await rename(temporary, path)
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit)
  }

  /** Where a file of a commit is, downloaded or not. */
  file(commit: string, path: string): string {
    return join(this.snapshot(commit), checkInside('file', path))
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag)
  }

  /** Makes a blob appear under its name in a snapshot. */
  async link(etag: string, commit: string, path: string): Promise<string> {
    const target = this.file(commit, path)
    if (existsSync(target)) return target
    await mkdir(dirname(target), { recursive: true })
    const temporary = temporaryName(target)
    try {
      await symlink(relative(dirname(target), this.blob(etag)), temporary)
    } catch (error) {
      // Windows needs a privilege for links.
      if ((error as { code?: string }).code !== 'EPERM') throw error
      await copyFile(this.blob(etag), temporary)
    }
    try {
      await rename(temporary, target)
    } finally {
      await rm(temporary, { force: true })
    }
    return target
  }
}

const temporaryName = (path: string): string => `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`

/** The hash of a commit. */
export const isCommit = (text: string): boolean => /^[0-9a-f]{40}$/.test(text)
