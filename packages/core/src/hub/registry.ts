// Models by name, and the weights that are published for them.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { homedir } from 'node:os'
import { basename, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ArgumentError, describe, FormatError } from '../errors.js'
import { loadSafetensors, load as loadTorch } from '../files/index.js'
import { Tensor } from '../tensor/tensor.js'
import type { TransferOptions } from './download.js'
import { fetchResources } from './resources.js'

/** What a registry needs of a model. */
interface Loadable {
  loadStateDict(stateDict: Record<string, Tensor>): unknown
}

/** Weights that somebody has published. */
export interface PublishedWeights {
  readonly url: string
  /** The first hexadecimal digits of the file's SHA-256, as PyTorch's hub has them in file names ('-0676ba61.pth'). */
  readonly sha256?: string
  /** What is known of them: classes, accuracy, number of parameters, licence. */
  readonly meta?: Readonly<Record<string, unknown>>
}

/** A model that a registry knows. */
export interface ModelEntry<M, O> {
  /** Makes the model with random weights. */
  readonly build: (options?: O) => M
  /** Published weights by name; the first is 'DEFAULT'. */
  readonly weights?: Readonly<Record<string, PublishedWeights>>
}

/** Options of `ModelRegistry.load`. */
export interface LoadWeightsOptions<O> extends TransferOptions {
  /** The name of published weights, 'DEFAULT', or a file (.pth, .pt, .safetensors). */
  readonly weights?: string
  /** Options of the builder. */
  readonly options?: O
  /** Where downloads are kept. Default `TORCH_HOME`/hub/checkpoints, or ~/.cache/torch/hub/checkpoints: PyTorch's own. */
  readonly cacheDir?: string
}

/**
 * The models of a package by name.
 *
 * @example
 * ```ts
 * import { nn } from '@flambeau/core'
 * import * as hub from '@flambeau/core/hub'
 * const registry = new hub.ModelRegistry<nn.Module, { classes?: number }>('examples')
 * registry.register('line', { build: ({ classes = 2 } = {}) => new nn.Linear(3, classes) })
 * console.log(registry.list(), registry.get('line', { classes: 5 }).parameters().length) // → [ 'line' ] 2
 * ```
 */
export class ModelRegistry<M extends Loadable, O = unknown> {
  readonly #package: string
  readonly #entries = new Map<string, ModelEntry<M, O>>()

  /** @param packageName whose models these are, for messages */
  constructor(packageName: string) {
    this.#package = packageName
  }

  /** @throws ArgumentError for a name that is taken */
  register(name: string, entry: ModelEntry<M, O>): void {
    if (this.#entries.has(name)) throw new ArgumentError(`registerModel: there is a model '${name}' already`)
    this.#entries.set(name, entry)
  }

  /** The names, in alphabetical order, of all models or of those that `include` matches. */
  list(include?: RegExp): string[] {
    return [...this.#entries.keys()].filter((name) => include === undefined || include.test(name)).sort()
  }

  /** The model with random weights. @throws ArgumentError for an unknown name, with the known ones */
  get(name: string, options?: O): M {
    return this.#entry('getModel', name).build(options)
  }

  /** The published weights of a model by name. */
  weights(name: string): Readonly<Record<string, PublishedWeights>> {
    return this.#entry('getModelWeights', name).weights ?? {}
  }

  /**
   * The model with published weights, downloaded once, or with those of a file.
   *
   * @throws DownloadError where neither the cache nor the server has them
   * @throws FormatError for a damaged file
   * @throws ArgumentError for weights of another model, with the keys that differ
   */
  async load(name: string, options: LoadWeightsOptions<O> = {}): Promise<M> {
    const { weights = 'DEFAULT', cacheDir = defaultCache() } = options
    const model = this.get(name, options.options)
    const published = this.weights(name)
    const found = weights === 'DEFAULT' ? Object.values(published)[0] : published[weights]
    if (found === undefined && !/\.(pth?|bin|ckpt|safetensors)$/.test(weights))
      throw new ArgumentError(
        `loadModel: expected weights of ${name} to be ${[...Object.keys(published).map((w) => `'${w}'`), 'a file (.pth, .pt, .bin, .ckpt, .safetensors)'].join(', ')}, got ${describe(weights)}`,
      )
    const path = found === undefined ? weights : await this.#fetch(found, cacheDir, options)
    model.loadStateDict(readStateDict(path))
    return model
  }

  async #fetch({ url, sha256 }: PublishedWeights, folder: string, options: TransferOptions): Promise<string> {
    const file = basename(new URL(url).pathname)
    await fetchResources(this.#package, folder, [{ path: file, url }], options)
    const path = join(folder, file)
    const hash = createHash('sha256')
    if (sha256 !== undefined) {
      await pipeline(createReadStream(path), hash)
      const digest = hash.digest('hex')
      if (!digest.startsWith(sha256.toLowerCase()))
        throw new FormatError(`${path}: expected a SHA-256 that begins with ${sha256}, got ${digest}: delete the file`)
    }
    return path
  }

  #entry(operation: string, name: string): ModelEntry<M, O> {
    const entry = this.#entries.get(name)
    if (entry === undefined)
      throw new ArgumentError(
        `${operation}: expected one of ${this.list().join(', ')} of ${this.#package}, got ${describe(name)}`,
      )
    return entry
  }
}

const defaultCache = (): string =>
  join(
    process.env.TORCH_HOME || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'torch'),
    'hub/checkpoints',
  )

/** The tensors of a file of weights: safetensors, or PyTorch's, where they may lie under 'state_dict' or 'model'. */
function readStateDict(path: string): Record<string, Tensor> {
  if (path.endsWith('.safetensors')) return loadSafetensors(path)
  const value = loadTorch(path)
  for (const candidate of [value, member(value, 'state_dict'), member(value, 'model')])
    if (isStateDict(candidate)) return candidate
  throw new FormatError(`${path}: expected a dict of tensors, got ${describe(value)}`)
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? Reflect.get(value, name) : undefined

const isStateDict = (value: unknown): value is Record<string, Tensor> =>
  typeof value === 'object' && value !== null && Object.values(value).every((v) => v instanceof Tensor)
