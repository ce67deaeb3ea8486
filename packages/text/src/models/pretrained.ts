// Models from folders in Hugging Face's layout.
import { ArgumentError, type DType, FormatError, nn, setDefaultDevice, type Tensor } from '@flambeau/core'
import type * as hub from '@flambeau/core/hub'
import { Config } from '../tokenizers/config.js'

export interface PretrainedOptions extends hub.LoadModelOptions {
  /** The dtype of the weights. Default: as the file has them. */
  readonly dtype?: DType
}

/** How weights of files become a model's. */
export interface WeightRules {
  /** Names as the model has them; undefined drops a tensor that is no weight. */
  readonly rename?: (key: string) => string | undefined
  /** Weights that are others' as well, with theirs: files leave them out. */
  readonly tied?: Readonly<Record<string, string>>
  /** Weights that may be missing, and then begin at random: a new head. */
  readonly optional?: (key: string) => boolean
}

/** The configuration of a model that `hub.load` has found. */
export function configOf(loaded: hub.LoadedModel): Config {
  if (loaded.config === null) throw new FormatError(`${loaded.folder} has no config.json: expected that of a model`)
  return new Config(loaded.config, `${loaded.folder}/config.json`)
}

/**
 * Makes a model and gives it the weights of a file, without copying them.
 *
 * @throws FormatError where weights are missing, or the file has others
 */
export function withWeights<M extends nn.AnyModule>(
  build: () => M,
  { folder, stateDict }: hub.LoadedModel,
  rules: WeightRules,
  dtype?: DType,
): M {
  const state: Record<string, Tensor> = {}
  for (const [key, value] of Object.entries(stateDict)) {
    const name = rules.rename === undefined ? key : rules.rename(key)
    if (name !== undefined) state[name] = dtype === undefined ? value : value.to(dtype)
  }
  for (const [name, other] of Object.entries(rules.tied ?? {})) {
    if (state[other] !== undefined) state[name] = state[other]
    else if (state[name] !== undefined) state[other] = state[name]
  }
  const optional = rules.optional ?? (() => false)
  let model = onMeta(build)
  const names = Object.keys(model.stateDict())
  const missing = names.filter((name) => state[name] === undefined)
  const foreign = Object.keys(state).filter((name) => !names.includes(name))
  const few = (list: readonly string[]) =>
    `${list.slice(0, 4).join(', ')}${list.length > 4 ? `, … (${list.length})` : ''}`
  const needed = missing.filter((name) => !optional(name))
  if (needed.length > 0 || foreign.length > 0)
    throw new FormatError(
      `${folder}: the weights are not those of ${model.constructor.name}: ${[
        needed.length > 0 ? `missing ${few(needed)}` : '',
        foreign.length > 0 ? `unexpected ${few(foreign)}` : '',
      ]
        .filter((part) => part !== '')
        .join('; ')}`,
    )
  // What is missing needs the values that it begins with.
  if (missing.length > 0) model = build()
  try {
    model.loadStateDict(state, { strict: false, assign: true })
  } catch (error) {
    if (error instanceof ArgumentError) throw new FormatError(`${folder}: ${error.message}`)
    throw error
  }
  for (const parameter of model.parameters()) parameter.requiresGrad = true
  return model.eval()
}

/** Without memory for weights, and without drawing them. */
function onMeta<M>(build: () => M): M {
  setDefaultDevice('meta')
  try {
    return build()
  } finally {
    setDefaultDevice('cpu')
  }
}

/** Draws weights as the originals do: normal with `std`, biases zero. */
export function initialize(module: nn.AnyModule, std: number): void {
  for (const child of module.modules()) {
    if (child instanceof nn.Linear) {
      nn.init.normal_(child.weight, 0, std)
      if (child.bias !== null) nn.init.zeros_(child.bias)
    } else if (child instanceof nn.Embedding) {
      nn.init.normal_(child.weight, 0, std)
    }
  }
}
