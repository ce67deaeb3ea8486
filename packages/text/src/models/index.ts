export type { ActivationName } from './activations.js'
export { type BertConfig, type BertInputs, BertModel, type BertOutput } from './bert.js'
export {
  type AnsweredBertInputs,
  type AnswerOutput,
  BertForMaskedLM,
  BertForQuestionAnswering,
  BertForSequenceClassification,
  BertForTokenClassification,
  type ClassifierOutput,
  type LabelledBertInputs,
} from './bert-heads.js'
export { KeyValueCache } from './cache.js'
export { type GPT2Config, GPT2LMHeadModel, GPT2Model } from './gpt2.js'
export { type LlamaConfig, LlamaForCausalLM, LlamaModel } from './llama.js'
export { fromPretrained, type PretrainedModel, registry } from './load.js'
export type { CausalInputs, DecoderInputs, LMOutput } from './outputs.js'
export type { PretrainedOptions } from './pretrained.js'
export type { RopeConfig } from './rope.js'
export { T5ForConditionalGeneration, type T5Inputs, type T5Output } from './t5.js'
export type { T5Config } from './t5-config.js'
export type { T5Cache } from './t5-layers.js'
