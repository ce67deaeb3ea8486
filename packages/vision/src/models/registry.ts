// The package's models by name.
import type { nn } from '@flambeau/core'
import { type LoadWeightsOptions, ModelRegistry, type PublishedWeights } from '@flambeau/core/hub'
import { publishedWeights } from './weights.js'

/** Options of any builder. */
export type ModelOptions = Readonly<Record<string, unknown>>

/** Every model by TorchVision's name. */
export const registry: ModelRegistry<nn.AnyModule, ModelOptions> = new ModelRegistry('@flambeau/vision')

/** What a builder is given beside the user's options when published weights go into it: what they were trained with. */
const withWeights = new Map<string, (weights: PublishedWeights) => ModelOptions>()

/** Adds a builder. @param trained the options that published weights need @returns the builder */
export function register<M extends nn.AnyModule, O extends object>(
  name: string,
  build: (options?: O) => M,
  trained?: (weights: PublishedWeights) => O,
): (options?: O) => M {
  registry.register(name, {
    build: (options) => build(options as O | undefined),
    weights: publishedWeights[name] ?? {},
  })
  if (trained !== undefined) withWeights.set(name, (weights) => Object.fromEntries(Object.entries(trained(weights))))
  return build
}

/**
 * A model by name, with random weights.
 *
 * @throws ArgumentError for an unknown name, with the known ones
 * @example
 * ```ts
 * import { models } from '@flambeau/vision'
 * const net = models.getModel('mobilenet_v2', { numClasses: 10 })
 * console.log(net.parameters().length, models.listModels(/^vit/)[0]) // → 158 vit_b_16
 * ```
 */
export const getModel = (name: string, options?: ModelOptions): nn.AnyModule => registry.get(name, options)

/** The names of all models, or of those that `include` matches. */
export const listModels = (include?: RegExp): string[] => registry.list(include)

/** The published weights of a model: address, checksum, and in `meta` the classes' number, accuracy and transform. */
export const getModelWeights = (name: string): Readonly<Record<string, PublishedWeights>> => registry.weights(name)

/**
 * A model by name with published weights, downloaded once, or with those of a file.
 *
 * @throws DownloadError where neither the cache nor the server has them
 * @throws ArgumentError for weights of another model, with the keys that differ
 */
export function loadModel(name: string, options: LoadWeightsOptions<ModelOptions> = {}): Promise<nn.AnyModule> {
  const published = registry.weights(name)
  const { weights = 'DEFAULT' } = options
  const found = weights === 'DEFAULT' ? Object.values(published)[0] : published[weights]
  const trained = found === undefined ? undefined : withWeights.get(name)?.(found)
  return registry.load(name, { ...options, options: { ...trained, ...options.options } })
}
