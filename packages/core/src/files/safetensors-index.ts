// model.safetensors.index.json: which file of a sharded model has which tensor, in the layout of the Hugging Face hub.
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, FormatError } from '../errors.js'
import { writeAtomically } from './atomic.js'

const SUFFIX = '.index.json'

export const isIndexFile = (path: string): boolean => path.endsWith(SUFFIX)

/** The tensors of a sharded model. */
export interface ShardIndex {
  /** The path of each tensor's file, by the tensor's name. */
  readonly files: ReadonlyMap<string, string>
  readonly metadata: Readonly<Record<string, unknown>>
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A file beside the index: a name that leads elsewhere could read anything. */
const isFileName = (name: unknown): name is string =>
  typeof name === 'string' && name !== '' && name !== '.' && name !== '..' && !/[\\/\0]/.test(name)

/** @throws FormatError where the index is corrupt, or names a file of another folder */
export function readIndex(path: string): ShardIndex {
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)))
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') throw error
    throw new FormatError(`${path}: the index is corrupt: ${(error as Error).message}`)
  }
  if (!isObject(parsed) || !isObject(parsed.weight_map))
    throw new FormatError(`${path}: the index is corrupt: expected { metadata, weight_map }`)
  const { metadata = {}, weight_map: map } = parsed
  if (!isObject(metadata)) throw new FormatError(`${path}: the index is corrupt: its metadata are no object`)
  const folder = dirname(path)
  const files = new Map<string, string>()
  for (const [name, file] of Object.entries(map)) {
    if (!isFileName(file))
      throw new FormatError(
        `${path}: expected the name of a file beside the index for '${name}', got ${describe(file)}; other folders are not read`,
      )
    files.set(name, join(folder, file))
  }
  return { files, metadata }
}

/** The names of `count` files that make up `path`. */
export function shardNames(path: string, count: number): string[] {
  const stem = path.replace(/\.safetensors$/, '')
  const digits = (n: number): string => String(n).padStart(5, '0')
  return Array.from({ length: count }, (_, i) => `${stem}-${digits(i + 1)}-of-${digits(count)}.safetensors`)
}

/** Writes the index of a sharded `path`. @returns its own path */
export function writeIndex(path: string, { files, metadata }: ShardIndex): string {
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const weight_map = Object.fromEntries(sorted.map(([name, file]) => [name, basename(file)]))
  const index = path.replace(/(\.safetensors)?$/, `.safetensors${SUFFIX}`)
  const text = `${JSON.stringify({ metadata, weight_map }, null, 2)}\n`
  writeAtomically(index, (append) => append(new TextEncoder().encode(text)))
  return index
}
