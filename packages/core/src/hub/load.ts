// A model's folder in the layout of the Hugging Face hub: its configuration and its weights.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { ArgumentError, DownloadError, describe, FormatError } from '../errors.js'
import { loadSafetensors, load as loadTorch } from '../files/index.js'
import { Tensor } from '../tensor/tensor.js'
import { checkInside } from './cache.js'
import { cachedSnapshot, downloadSnapshot, isOffline, isUnreachable, type RepoOptions } from './repository.js'

/** A model as its repository has it. */
export interface LoadedModel {
  /** Where its files are. */
  readonly folder: string
  /** config.json, or null where there is none. */
  readonly config: Readonly<Record<string, unknown>> | null
  /** Its weights by name, for `model.loadStateDict`. */
  readonly stateDict: Record<string, Tensor>
}

export interface LoadModelOptions extends RepoOptions {
  /** The file of weights, or the index of several. Default: the first of those below that is there. */
  readonly weights?: string
}

/** What weights are called, in the order in which they are looked for. */
const WEIGHTS = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
  'diffusion_pytorch_model.safetensors',
  'diffusion_pytorch_model.bin',
  'adapter_model.safetensors',
  'adapter_model.bin',
]

/**
 * The configuration and weights of a model: of a local folder, of the cache that the Hugging Face tools share, or
 * downloaded into it. Weights are safetensors or PyTorch's files, in one piece or in shards.
 *
 * @param from a folder, or a repository such as 'org/name'
 * @throws DownloadError where neither the cache nor the server has it
 * @throws FormatError for damaged files
 * @example
 * ```ts
 * import { mkdtempSync, writeFileSync } from 'node:fs'
 * import { tmpdir } from 'node:os'
 * import { join } from 'node:path'
 * import { nn, saveSafetensors } from '@flambeau/core'
 * import * as hub from '@flambeau/core/hub'
 * const folder = mkdtempSync(join(tmpdir(), 'example-'))
 * saveSafetensors(join(folder, 'model.safetensors'), new nn.Linear(3, 2).stateDict())
 * writeFileSync(join(folder, 'config.json'), '{ "in_features": 3 }')
 * const { config, stateDict } = await hub.load(folder)
 * console.log(config?.in_features, stateDict.weight.shape) // → 3 [ 2, 3 ]
 * ```
 */
export async function load(from: string, options: LoadModelOptions = {}): Promise<LoadedModel> {
  if (typeof from !== 'string')
    throw new ArgumentError(`hub.load: expected a folder or a repository, got ${describe(from)}`)
  const folder = isFolder(from) ? resolve(from) : await fetchModel(from, options)
  const weights = weightsIn((name) => existsSync(join(folder, name)), options.weights)
  if (weights === undefined) throw noWeights(folder, options.weights)
  return { folder, config: readConfig(join(folder, 'config.json')), stateDict: readWeights(join(folder, weights)) }
}

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

const weightsIn = (has: (name: string) => boolean, chosen: string | undefined): string | undefined =>
  (chosen === undefined ? WEIGHTS : [checkInside('weights', chosen)]).find(has)

const noWeights = (place: string, chosen: string | undefined): FormatError =>
  new FormatError(`${place} has no weights: expected ${chosen ?? `one of ${WEIGHTS.join(', ')}`}`)

/** The folder of the model in the cache, its configuration and weights being there. */
async function fetchModel(repo: string, options: LoadModelOptions): Promise<string> {
  if (/^(\.{0,2}[\\/]|[A-Za-z]:[\\/]|~)/.test(repo))
    throw new ArgumentError(`hub.load: the folder ${repo} does not exist`)
  const cached = cachedSnapshot(repo, options)
  if (isOffline(options)) {
    if (cached !== null) return cached
    throw new DownloadError(`${repo} is not in the cache, and only the cache is to be used`, repo)
  }
  const include = (file: string, files: readonly string[]): boolean => {
    const weights = weightsIn((name) => files.includes(name), options.weights)
    if (weights === undefined) throw noWeights(repo, options.weights)
    return file === 'config.json' || file === weights
  }
  try {
    const { folder, files } = await downloadSnapshot(repo, { ...options, include })
    const index = files.find((file) => file.endsWith('.index.json'))
    if (index !== undefined) {
      const shards = new Set(shardsOf(join(folder, index)).values())
      const inFolder = (file: string): boolean =>
        index.slice(0, -basename(index).length) + basename(file) === file && shards.has(basename(file))
      await downloadSnapshot(repo, { ...options, include: inFolder })
    }
    return folder
  } catch (error) {
    if (cached !== null && isUnreachable(error)) return cached
    throw error
  }
}

function readConfig(path: string): Record<string, unknown> | null {
  if (!existsSync(path)) return null
  const config = readJson(path)
  if (!isObject(config)) throw new FormatError(`${path}: expected an object, got ${describe(config)}`)
  return config
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new FormatError(`${path}: the file is no JSON: ${(error as Error).message}`)
  }
}

/** The file of each tensor. */
function shardsOf(index: string): Map<string, string> {
  const parsed = readJson(index)
  const map = isObject(parsed) ? parsed.weight_map : undefined
  if (!isObject(map)) throw new FormatError(`${index}: expected an index with a weight_map`)
  return new Map(
    Object.entries(map).map(([name, file]) => {
      if (typeof file !== 'string' || /[\\/]/.test(file))
        throw new FormatError(`${index}: expected the name of a file beside the index, got ${describe(file)}`)
      return [name, checkInside(index, file)]
    }),
  )
}

function readWeights(path: string): Record<string, Tensor> {
  if (path.endsWith('.safetensors') || path.endsWith('.safetensors.index.json')) return loadSafetensors(path)
  if (!path.endsWith('.index.json')) return tensorsOf(path)
  const shards = shardsOf(path)
  const folder = path.slice(0, -basename(path).length)
  const state: Record<string, Tensor> = {}
  for (const file of new Set(shards.values()))
    for (const [name, t] of Object.entries(tensorsOf(join(folder, file))))
      if (shards.get(name) === file) state[name] = t
  const missing = [...shards.keys()].find((name) => !(name in state))
  if (missing !== undefined) throw new FormatError(`${path}: '${missing}' is not in its file`)
  return state
}

/** A state dict of torch.save. */
function tensorsOf(path: string): Record<string, Tensor> {
  const value: unknown = loadTorch(path)
  if (!isObject(value) || !Object.values(value).every((item) => item instanceof Tensor))
    throw new FormatError(`${path}: expected tensors by name, which weights are`)
  return value as Record<string, Tensor>
}
