// Repositories of the Hugging Face hub: what is in one, and getting a file or all of it into the cache.
import { existsSync } from 'node:fs'
import { ArgumentError, DownloadError, describe, FormatError } from '../errors.js'
import {
  CachedRepo,
  checkInside,
  checkRepo,
  defaultCache,
  isCommit,
  REPO_TYPES,
  type RepoType,
  storedToken,
} from './cache.js'
import { type Checksum, download, meaning, request, type TransferOptions } from './download.js'

/** Which repository, from where. */
export interface RepoOptions extends TransferOptions {
  /** A branch, a tag or a commit. Default 'main'. */
  readonly revision?: string
  /** Default 'model'. */
  readonly repoType?: RepoType
  /** The folder of the cache. Default `HF_HUB_CACHE`, or `hub` in `HF_HOME`. */
  readonly cacheDir?: string
  /** An access token; false for none. Default `HF_TOKEN`, or the one that `huggingface-cli login` has stored. */
  readonly token?: string | false
  /** The server. Default `HF_ENDPOINT`, or https://huggingface.co. */
  readonly endpoint?: string
  /** Whether to use only what is in the cache. Default: whether `HF_HUB_OFFLINE` is set. */
  readonly localFilesOnly?: boolean
}

/** What is in a repository at a revision. */
export interface RepoInfo {
  readonly commit: string
  readonly files: readonly string[]
}

interface Settings {
  readonly name: string
  readonly revision: string
  readonly cached: CachedRepo
  readonly endpoint: string
  /** Below the endpoint, of the repository. */
  readonly path: string
  readonly api: string
  readonly headers: Readonly<Record<string, string>>
  readonly offline: boolean
  readonly transfer: TransferOptions
}

function settingsOf(operation: string, repo: string, options: RepoOptions): Settings {
  const name = checkRepo(operation, repo)
  const { revision = 'main', repoType = 'model', cacheDir = defaultCache(), token, localFilesOnly } = options
  if (!REPO_TYPES.includes(repoType))
    throw new ArgumentError(`${operation}: expected repoType to be ${REPO_TYPES.join(', ')}, got ${describe(repoType)}`)
  checkInside('revision', revision)
  const endpoint = (options.endpoint ?? (process.env.HF_ENDPOINT || 'https://huggingface.co')).replace(/\/+$/, '')
  const secret = token === false ? null : (token ?? storedToken())
  return {
    name,
    revision,
    cached: new CachedRepo(cacheDir, repoType, name),
    endpoint,
    path: repoType === 'model' ? name : `${repoType}s/${name}`,
    api: `${endpoint}/api/${repoType}s/${name}/revision/${encodeURIComponent(revision)}`,
    headers: { 'user-agent': 'flambeau', ...(secret !== null && { authorization: `Bearer ${secret}` }) },
    offline: localFilesOnly ?? /^(1|true|yes|on)$/i.test(process.env.HF_HUB_OFFLINE ?? ''),
    transfer: options,
  }
}

const encodePath = (path: string): string => path.split('/').map(encodeURIComponent).join('/')

/** A server that cannot be reached, which is another thing than one that refuses. */
class Unreachable extends DownloadError {}

async function ask(settings: Settings, url: string, method: 'GET' | 'HEAD', what: string): Promise<Response> {
  const { signal, timeout = 30_000 } = settings.transfer
  const late = AbortSignal.timeout(timeout)
  let response: Response
  try {
    response = await request(url, {
      method,
      headers: { ...settings.headers, 'accept-encoding': 'identity' },
      signal: signal === undefined ? late : AbortSignal.any([signal, late]),
      // The server of large files does not know what the repository says about them.
      isFinal: (answer) => method === 'HEAD' && answer.headers.has('x-linked-etag'),
    })
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    if (error instanceof DownloadError) throw error
    const { cause } = error as { cause?: { message?: string; code?: string } }
    const why = cause?.message || cause?.code || (error as Error).message
    throw new Unreachable(`could not reach ${settings.endpoint} for ${what}: ${why}`, url, undefined, error)
  }
  if (response.status < 400) return response
  await response.body?.cancel()
  const message = response.headers.get('x-error-message')
  throw new DownloadError(
    `could not get ${what} from ${settings.endpoint}: the server answered ${response.status}${meaning(response.status)}${message === null ? '' : `: ${message}`}`,
    url,
    response.status,
  )
}

/**
 * What a repository holds.
 *
 * @throws DownloadError where the server refuses, or cannot be reached
 */
export async function repoInfo(repo: string, options: RepoOptions = {}): Promise<RepoInfo> {
  return infoOf(settingsOf('repoInfo', repo, options))
}

async function infoOf(settings: Settings): Promise<RepoInfo> {
  const what = `${settings.name} at ${settings.revision}`
  const response = await ask(settings, settings.api, 'GET', what)
  const body: unknown = await response.json().catch(() => null)
  const { sha, siblings } = (body ?? {}) as { sha?: unknown; siblings?: unknown }
  if (typeof sha !== 'string' || !isCommit(sha) || !Array.isArray(siblings))
    throw new FormatError(`${what}: the server's answer is no description of a repository`)
  const files = siblings.map((file: unknown) => checkInside(what, (file as { rfilename?: unknown } | null)?.rfilename))
  await settings.cached.setRef(settings.revision, sha)
  return { commit: sha, files }
}

/** What the server says about a file. */
interface FileInfo {
  readonly commit: string
  readonly etag: string
  readonly size: number | undefined
  readonly checksum: Checksum | undefined
}

async function fileInfo(settings: Settings, url: string, file: string): Promise<FileInfo> {
  const response = await ask(settings, url, 'HEAD', `${file} of ${settings.name}`)
  const { headers } = response
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replaceAll('"', '')
  const commit = headers.get('x-repo-commit') ?? ''
  if (!/^[\w.-]{1,128}$/.test(etag) || etag.startsWith('.') || !isCommit(commit))
    throw new DownloadError(`could not get ${file} of ${settings.name}: the server does not say its version`, url)
  const length = headers.get('x-linked-size') ?? headers.get('content-length')
  const size = length === null ? undefined : Number(length)
  return { commit, etag, size, checksum: checksumOf(etag, size) }
}

/** Large files are named by their SHA-256, others by the hash of git, which begins with their size. */
function checksumOf(etag: string, size: number | undefined): Checksum | undefined {
  if (/^[0-9a-f]{64}$/.test(etag)) return { algorithm: 'sha256', digest: etag }
  if (/^[0-9a-f]{40}$/.test(etag) && size !== undefined)
    return { algorithm: 'sha1', digest: etag, prefix: `blob ${size}\0` }
  return undefined
}

/**
 * Gets one file of a repository into the cache, where the Hugging Face tools of Python find it too. What is there
 * already is not downloaded again; what the server has anew is. A server that cannot be reached leaves what is cached.
 *
 * @param repo such as 'org/name'
 * @param file a path inside of it
 * @returns the file's path in the cache
 * @throws DownloadError where the server refuses, the connection keeps failing, or the checksum is wrong
 */
export async function downloadFile(repo: string, file: string, options: RepoOptions = {}): Promise<string> {
  return fetchFile(settingsOf('downloadFile', repo, options), checkInside('downloadFile', file))
}

async function fetchFile(settings: Settings, file: string): Promise<string> {
  const { cached, revision, endpoint, path, name, offline } = settings
  const known = cached.commitOf(revision)
  const local = known === null ? null : cached.file(known, file)
  const there = local !== null && existsSync(local)
  // What a commit holds does not change.
  if (there && (offline || isCommit(revision))) return local
  if (offline) throw notCached(settings, file)
  const url = `${endpoint}/${path}/resolve/${encodeURIComponent(revision)}/${encodePath(file)}`
  let info: FileInfo
  try {
    info = await fileInfo(settings, url, file)
  } catch (error) {
    if (error instanceof Unreachable && there) return local
    throw error
  }
  const { commit, etag, size, checksum } = info
  await cached.setRef(revision, commit)
  const target = cached.file(commit, file)
  if (existsSync(target)) return target
  if (!existsSync(cached.blob(etag)))
    await download(`${endpoint}/${path}/resolve/${commit}/${encodePath(file)}`, cached.blob(etag), {
      ...settings.transfer,
      headers: settings.headers,
      name: `${name}/${file}`,
      ...(size !== undefined && { size }),
      ...(checksum !== undefined && { checksum }),
    })
  return cached.link(etag, commit, file)
}

const notCached = ({ name, revision, cached }: Settings, what: string): DownloadError =>
  new DownloadError(
    `${what} of ${name} at ${revision} is not in the cache (${cached.folder}), and only the cache is to be used`,
    name,
  )

/** A repository at one commit, some of its files being there. */
export interface Snapshot {
  readonly folder: string
  readonly files: readonly string[]
}

/** Which files of a repository, and where they are. */
export interface SnapshotOptions extends RepoOptions {
  /** Whether a file is to be had, given all that there are. Default: every file. */
  readonly include?: (file: string, files: readonly string[]) => boolean
}

/**
 * Gets a repository, or the files of it that `include` wants, into the cache.
 *
 * @returns the folder of the snapshot, and the names of the files that were asked for
 */
export async function downloadSnapshot(repo: string, options: SnapshotOptions = {}): Promise<Snapshot> {
  const settings = settingsOf('downloadSnapshot', repo, options)
  const { include = () => true } = options
  const { commit, files } = await infoOf(settings)
  const wanted = files.filter((file) => include(file, files))
  const pinned: Settings = { ...settings, revision: commit }
  for (const file of wanted) await fetchFile(pinned, file)
  return { folder: settings.cached.snapshot(commit), files: wanted }
}

/** The folder of what is cached of a revision; null where nothing is. */
export function cachedSnapshot(repo: string, options: RepoOptions = {}): string | null {
  const { cached, revision } = settingsOf('cachedSnapshot', repo, options)
  const commit = cached.commitOf(revision)
  const folder = commit === null ? null : cached.snapshot(commit)
  return folder !== null && existsSync(folder) ? folder : null
}

/** Whether only the cache is to be used. */
export const isOffline = (options: RepoOptions): boolean => settingsOf('load', 'x', options).offline
/** Whether an error says that there is no network, rather than no file. */
export const isUnreachable = (error: unknown): boolean => error instanceof Unreachable
