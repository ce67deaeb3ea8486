// The files of a data set: fetched once, checked, unpacked, from the first of several places that has them.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ArgumentError, DownloadError, describe, type FlambeauError } from '../errors.js'
import { type ExtractOptions, extractArchive } from './archive.js'
import { checkInside } from './cache.js'
import { type Checksum, download, type TransferOptions } from './download.js'

/** A file that a data set or a model publishes. */
export interface Resource {
  /** Where it is to lie below the root, such as 'MNIST/raw/train-images-idx3-ubyte.gz'. */
  readonly path: string
  /** Where to download it: several are mirrors, tried in this order. */
  readonly url: string | readonly string[]
  readonly checksum?: Checksum
  /** Bytes that it must have. */
  readonly size?: number
  /** For an archive: the folder below the root that its contents become. The archive itself is then not kept. */
  readonly extractTo?: string
}

/** Options of `fetchResources`. */
export interface FetchOptions extends TransferOptions, ExtractOptions {
  /** Addresses of mirrors that are tried before the resources' own, with the file's name appended. */
  readonly mirrors?: readonly string[]
}

/**
 * Makes sure of a data set's files: what lies under `root` already is left alone, the rest is downloaded, checked against
 * its checksum, unpacked, and appears whole or not at all.
 *
 * @param name of the data set, for messages
 * @param root the folder that the files are to be in
 * @throws DownloadError where no address has a file, with what each said
 * @throws FormatError for a damaged archive
 * @example
 * ```ts
 * import { once } from 'node:events'
 * import { mkdtempSync, readFileSync } from 'node:fs'
 * import { createServer } from 'node:http'
 * import type { AddressInfo } from 'node:net'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import * as hub from '@flambeau/core/hub'
 * const server = createServer((_, response) => response.end('flambeau')).listen(0, '127.0.0.1')
 * await once(server, 'listening')
 * const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/words.txt`
 * const root = mkdtempSync(join(tmpdir(), 'example-'))
 * await hub.fetchResources('Words', root, [{ path: 'words/words.txt', url }])
 * console.log(readFileSync(join(root, 'words/words.txt'), 'utf8')) // → flambeau
 * server.close()
 * ```
 */
export async function fetchResources(
  name: string,
  root: string,
  resources: readonly Resource[],
  options: FetchOptions = {},
): Promise<void> {
  if (typeof root !== 'string' || root === '')
    throw new ArgumentError(`${name}: expected root to be a folder, got ${describe(root)}`)
  for (const resource of resources) {
    checkInside('path', resource.path)
    if (resource.extractTo === undefined) await fetchFile(name, join(root, resource.path), resource, options)
    else await fetchArchive(name, root, resource.extractTo, resource, options)
  }
}

async function fetchFile(name: string, path: string, resource: Resource, options: FetchOptions): Promise<void> {
  if (existsSync(path)) return
  const file = basename(resource.path)
  const own = typeof resource.url === 'string' ? [resource.url] : resource.url
  const addresses = [...(options.mirrors ?? []).map((mirror) => `${mirror.replace(/\/+$/, '')}/${file}`), ...own]
  if (addresses.length === 0) throw new ArgumentError(`${name}: expected an address for ${file}, got none`)
  const { checksum, size } = resource
  const failures: FlambeauError[] = []
  for (const address of addresses) {
    try {
      return await download(address, path, { ...options, checksum, size, name: `${name}: ${file}` })
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error
      failures.push(error)
    }
  }
  const [only] = failures
  if (failures.length === 1) throw only
  throw new DownloadError(
    `could not download ${name}: ${file} from any of ${failures.length} addresses:\n${failures.map((e) => `  ${e.message}`).join('\n')}`,
    addresses[0],
    undefined,
    only,
  )
}

async function fetchArchive(
  name: string,
  root: string,
  extractTo: string,
  resource: Resource,
  options: FetchOptions,
): Promise<void> {
  checkInside('extractTo', extractTo)
  const folder = join(root, extractTo)
  if (await hasFiles(folder)) return
  await mkdir(dirname(folder), { recursive: true })
  const archive = join(root, resource.path)
  await fetchFile(name, archive, resource, options)
  // The archive may hold the very folder that it is to become.
  const temporary = await mkdtemp(join(root, '.unpacking-'))
  try {
    const unpacked = join(temporary, 'files')
    await extractArchive(archive, unpacked, options)
    const entries = await readdir(unpacked)
    const inner = entries.length === 1 && entries[0] === basename(folder) ? join(unpacked, entries[0]) : unpacked
    await rm(folder, { recursive: true, force: true })
    await rename(inner, folder)
  } finally {
    await rm(temporary, { recursive: true, force: true })
    // A damaged one too: another call fetches it anew.
    await rm(archive, { force: true })
  }
}

async function hasFiles(folder: string): Promise<boolean> {
  return existsSync(folder) && (await readdir(folder)).length > 0
}
