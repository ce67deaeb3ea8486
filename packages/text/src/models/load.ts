// The model that a folder says it has.
import { FormatError, type nn } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { BertModel } from './bert.js'
import {
  BertForMaskedLM,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
} from './bert-heads.js'
import { GPT2LMHeadModel, GPT2Model } from './gpt2.js'
import { LlamaForCausalLM, LlamaModel } from './llama.js'
import { configOf, type PretrainedOptions } from './pretrained.js'
import { T5ForConditionalGeneration } from './t5.js'

const ARCHITECTURES = {
  BertForMaskedLM,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
  GPT2LMHeadModel,
  GPT2Model,
  LlamaForCausalLM,
  LlamaModel,
  T5ForConditionalGeneration,
} as const

type Architecture = keyof typeof ARCHITECTURES

/** Any of the models, in the way that each of them is. */
export type PretrainedModel = InstanceType<(typeof ARCHITECTURES)[Architecture]>

const isArchitecture = (name: unknown): name is Architecture =>
  typeof name === 'string' && Object.hasOwn(ARCHITECTURES, name)

/**
 * The model of a folder in Hugging Face's layout, or of the hub, by the name that is in its `config.json`.
 *
 * @throws FormatError where that is none of the models here, with those that are
 */
export async function fromPretrained(from: string, options: PretrainedOptions = {}): Promise<PretrainedModel> {
  const loaded = await hub.load(from, options)
  const config = configOf(loaded)
  const names = config.lacks('architectures') ? [] : config.list('architectures')
  const name = names.find(isArchitecture)
  if (name === undefined)
    throw new FormatError(
      `${config.at('architectures')}: expected one of ${Object.keys(ARCHITECTURES).join(', ')}, got ${JSON.stringify(names)}`,
    )
  const architecture: { load(loaded: hub.LoadedModel, dtype: PretrainedOptions['dtype']): PretrainedModel } =
    ARCHITECTURES[name]
  return architecture.load(loaded, options.dtype)
}

/** The models by name, with random weights: `registry.get('GPT2LMHeadModel', { nLayer: 2 })`. */
export const registry: hub.ModelRegistry<nn.AnyModule, object> = new hub.ModelRegistry('@flambeau/text')
for (const [name, model] of Object.entries(ARCHITECTURES))
  registry.register(name, { build: (options) => new model(options) })
