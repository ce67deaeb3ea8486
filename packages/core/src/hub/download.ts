// Downloading one file: it is resumed where it was cut, checked, and appears whole or not at all.
import { createHash, type Hash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { ArgumentError, DownloadError, describe } from '../errors.js'

/** How far a download is. */
export interface Progress {
  /** The file's name, as its user knows it. */
  readonly file: string
  /** Bytes so far, with those of an earlier try. */
  readonly received: number
  /** Bytes altogether, or null where the server does not say. */
  readonly total: number | null
}

/** What a file has to be. */
export interface Checksum {
  readonly algorithm: 'sha256' | 'sha1' | 'md5'
  /** In hexadecimal digits. */
  readonly digest: string
  /** What is hashed before the contents. */
  readonly prefix?: string
}

/** Options of a download. */
export interface TransferOptions {
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: Progress) => void
  /** Ends the download; what has arrived is kept where it can be checked later. */
  readonly signal?: AbortSignal
  /** How often a connection that failed is tried again; counted anew once bytes have arrived. Default 4. */
  readonly retries?: number
  /** Milliseconds without a byte after which a connection has failed. Default 30,000. */
  readonly timeout?: number
}

export interface DownloadOptions extends TransferOptions {
  /** A file without one is not resumed by a later call, since nothing would tell if it had changed. */
  readonly checksum?: Checksum
  /** Bytes that the file must have. */
  readonly size?: number
  /** Headers of the request; `authorization` is sent to the host of `url` alone. */
  readonly headers?: Readonly<Record<string, string>>
  /** The name in messages and progress. Default: the url. */
  readonly name?: string
}

/** Of what a server may answer, that which another try may change. */
const TEMPORARY = new Set([408, 425, 429, 500, 502, 503, 504])
const MOST_REDIRECTS = 10

/**
 * Downloads `url` to `path`. The file is written beside `path` and renamed once it is complete, on the disk and has its
 * checksum; a connection that is cut is resumed where the server can.
 *
 * @throws DownloadError for a server's refusal, a connection that keeps failing, or a wrong checksum
 */
export async function download(url: string, path: string, options: DownloadOptions = {}): Promise<void> {
  checkOptions(options)
  await mkdir(dirname(path), { recursive: true })
  const claim = await claimPartial(path, options.checksum !== undefined)
  try {
    await new Transfer(url, claim.path, options).run()
    await rename(claim.path, path)
  } finally {
    await claim.release()
  }
}

function checkOptions({ checksum, size, retries = 0, timeout = 1 }: DownloadOptions): void {
  if (checksum !== undefined && !/^[0-9a-f]{32,64}$/i.test(checksum.digest))
    throw new ArgumentError(`download: expected a checksum in hexadecimal digits, got ${describe(checksum.digest)}`)
  for (const [name, value] of Object.entries({ size, retries, timeout }))
    if (value !== undefined && !(value >= 0))
      throw new ArgumentError(`download: expected ${name} to be a number ≥ 0, got ${describe(value)}`)
}

interface Claim {
  readonly path: string
  release(): Promise<void>
}

/**
 * The file that a download is written to. One process at a time has the name that a later call resumes from; any other
 * writes a file of its own.
 */
async function claimPartial(path: string, resumable: boolean): Promise<Claim> {
  const own = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.incomplete`
  if (!resumable) return { path: own, release: () => rm(own, { force: true }) }
  const lock = `${path}.lock`
  if (!(await takeLock(lock))) return { path: own, release: () => rm(own, { force: true }) }
  return { path: `${path}.incomplete`, release: () => rm(lock, { force: true }) }
}

async function takeLock(lock: string): Promise<boolean> {
  for (let tries = 0; tries < 2; tries++) {
    try {
      const file = await open(lock, 'wx')
      await file.writeFile(String(process.pid))
      await file.close()
      return true
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error
    }
    if (tries > 0 || !(await isStale(lock))) return false
    await rm(lock, { force: true })
  }
  return false
}

/** Whether the process that holds a lock has ended. One of another machine, whose number is nobody's here, looks so after a while. */
async function isStale(lock: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(lock, 'utf8'))
    const { mtimeMs } = await stat(lock)
    if (pid > 0) process.kill(pid, 0)
    else return Date.now() - mtimeMs > 60_000
    return false
  } catch (error) {
    return (error as { code?: string }).code === 'ESRCH'
  }
}

/** A connection that failed and may be tried again. */
class Interrupted extends Error {}

class Transfer {
  readonly #url: string
  readonly #path: string
  readonly #options: DownloadOptions
  readonly #name: string
  /** What the server says about the version that it sends. */
  #etag: string | null = null
  #received = 0
  /** Whether the beginning is of an earlier call. */
  #inherited = false

  constructor(url: string, path: string, options: DownloadOptions) {
    this.#url = url
    this.#path = path
    this.#options = options
    this.#name = options.name ?? url
  }

  async run(): Promise<void> {
    const { retries = 4, signal } = this.#options
    for (let failures = 0; ; ) {
      const before = this.#received
      try {
        const hash = await this.#attempt()
        if (this.#isRight(hash)) return
        await rm(this.#path, { force: true })
        this.#received = 0
        // What an earlier call left may be of another version: once more, from the beginning.
        if (!this.#inherited) throw this.#error(`the checksum is wrong: expected ${this.#expected()}, got ${hash}`)
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        if (!(error instanceof Interrupted)) throw error
        failures = this.#received > before ? 1 : failures + 1
        if (failures > retries)
          throw this.#error(
            `the connection failed${failures > 1 ? ` ${failures} times` : ''}: ${error.message}`,
            undefined,
            error.cause,
          )
        await wait(Math.min(250 * 2 ** failures, 8000), undefined, { signal })
      }
    }
  }

  #error(what: string, status?: number, cause?: unknown): DownloadError {
    return new DownloadError(`could not download ${this.#name}: ${what}`, this.#url, status, cause)
  }

  #expected(): string {
    const { checksum } = this.#options
    return checksum === undefined ? '' : `${checksum.algorithm} ${checksum.digest.toLowerCase()}`
  }

  #isRight(hash: string): boolean {
    return this.#options.checksum === undefined || hash === this.#expected()
  }

  /** One connection. @returns the checksum of the complete file */
  async #attempt(): Promise<string> {
    const { checksum, size, signal, timeout = 30_000 } = this.#options
    const hash = checksum === undefined ? null : createHash(checksum.algorithm)
    if (checksum?.prefix !== undefined) hash?.update(checksum.prefix)
    const file = await open(this.#path, 'a')
    const stalled = new AbortController()
    const timer = setTimeout(() => stalled.abort(), timeout)
    try {
      const have = (await file.stat()).size
      this.#inherited = have > 0 && this.#received === 0
      this.#received = have
      if (have !== size || have === 0) {
        const both = signal === undefined ? stalled.signal : AbortSignal.any([signal, stalled.signal])
        await this.#receive(file, hash, both, () => timer.refresh())
      } else if (hash !== null) await hashFile(this.#path, hash)
      await file.sync()
    } catch (error) {
      if (stalled.signal.aborted) throw new Interrupted(`no data for ${timeout} ms`, { cause: error })
      throw error
    } finally {
      clearTimeout(timer)
      await file.close()
    }
    return checksum === undefined || hash === null ? '' : `${checksum.algorithm} ${hash.digest('hex')}`
  }

  async #receive(file: FileHandle, hash: Hash | null, signal: AbortSignal, alive: () => void): Promise<void> {
    const { size, onProgress } = this.#options
    const range: Record<string, string> = {}
    if (this.#received > 0) {
      range.range = `bytes=${this.#received}-`
      if (this.#etag !== null) range['if-range'] = this.#etag
    }
    const response = await this.#request({ ...this.#options.headers, ...range, 'accept-encoding': 'identity' }, signal)
    await this.#begin(file, response)
    if (hash !== null && this.#received > 0) await hashFile(this.#path, hash)
    this.#etag = response.headers.get('etag')
    const announced = response.headers.get('content-length')
    const total = announced === null ? (size ?? null) : this.#received + Number(announced)
    if (size !== undefined && total !== size)
      throw this.#error(`expected ${size} bytes, the server has ${total}`, response.status)
    onProgress?.({ file: this.#name, received: this.#received, total })
    if (response.body !== null) {
      for await (const piece of pieces(response.body)) {
        alive()
        await file.appendFile(piece)
        hash?.update(piece)
        this.#received += piece.length
        if (total !== null && this.#received > total) throw this.#error(`the server sent more than ${total} bytes`)
        onProgress?.({ file: this.#name, received: this.#received, total })
      }
    }
    if (total !== null && this.#received < total)
      throw new Interrupted(`it ended after ${this.#received} of ${total} bytes`)
  }

  async #request(headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    let response: Response
    try {
      response = await request(this.#url, { headers, signal })
    } catch (error) {
      if (error instanceof DownloadError) throw error
      throw new Interrupted(messageOf(error), { cause: error })
    }
    const { status } = response
    if (status === 200 || status === 206 || (status === 416 && this.#received > 0)) return response
    await response.body?.cancel()
    if (TEMPORARY.has(status)) throw new Interrupted(`the server answered ${status}`)
    throw this.#error(`the server answered ${status}${meaning(status)}`, status)
  }

  /** Keeps what is there where the server goes on from it, and drops it otherwise. */
  async #begin(file: FileHandle, response: Response): Promise<void> {
    const [, from] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? []
    if (response.status === 206 && Number(from) === this.#received) return
    await file.truncate(0)
    this.#received = 0
    this.#inherited = false
    if (response.status === 200) return
    await response.body?.cancel()
    throw new Interrupted('the server could not go on from there')
  }
}

/** The body of a response; a cut connection is one that may be tried again. */
async function* pieces(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader()
  try {
    for (;;) {
      let next: Awaited<ReturnType<typeof reader.read>>
      try {
        next = await reader.read()
      } catch (error) {
        throw new Interrupted(messageOf(error), { cause: error })
      }
      if (next.done) return
      yield next.value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

async function hashFile(path: string, hash: Hash): Promise<void> {
  for await (const piece of createReadStream(path)) hash.update(piece)
}

/** Why fetch failed is in the cause. */
function messageOf(error: unknown): string {
  const { message, cause } = error as { message?: string; cause?: { message?: string; code?: string } }
  return cause?.message || cause?.code || message || String(error)
}

/** What a refusal means to a user. */
export function meaning(status: number): string {
  if (status === 401) return ' (not authorized): it needs a token, or the token is wrong'
  if (status === 403) return ' (forbidden): the token has no access to it, or its terms are not accepted yet'
  if (status === 404) return ' (not found)'
  return ''
}

interface RequestOptions {
  readonly method?: 'GET' | 'HEAD'
  readonly headers: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Whether an answer that redirects is already the one that is wanted. */
  readonly isFinal?: (response: Response) => boolean
}

/** Follows redirects by hand: a token is for the host that it was given for, and for nobody else. */
export async function request(url: string, options: RequestOptions): Promise<Response> {
  const { method = 'GET', headers, signal, isFinal } = options
  const { origin } = new URL(url)
  const { authorization: _, ...anonymous } = headers
  let at = new URL(url)
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const response = await fetch(at, {
      method,
      headers: at.origin === origin ? headers : anonymous,
      redirect: 'manual',
      ...(signal && { signal }),
    })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null || isFinal?.(response)) return response
    await response.body?.cancel()
    at = new URL(location, at)
    if (at.protocol !== 'http:' && at.protocol !== 'https:')
      throw new DownloadError(`could not download ${url}: it redirects to ${at.protocol}`, url, response.status)
  }
  throw new DownloadError(`could not download ${url}: more than ${MOST_REDIRECTS} redirects`, url)
}
