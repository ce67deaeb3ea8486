export { AddedToken, type AddedTokenOptions } from './added-tokens.js'
export { AlignedText, type SplitBehavior } from './aligned.js'
export type { Json } from './config.js'
export * as decoders from './decoders.js'
export {
  type Direction,
  Encoding,
  type EncodingParts,
  type PadOptions,
  type TruncationOptions,
  type TruncationStrategy,
} from './encoding.js'
export type { PaddingOptions } from './lengths.js'
export * as models from './models/index.js'
export * as normalizers from './normalizers.js'
export type { PatternLike } from './pattern.js'
export * as preTokenizers from './pre-tokenizers.js'
export * as processors from './processors.js'
export {
  type BatchEncoding,
  type EncodeBatchOptions,
  type EncodeOptions,
  type TextInput,
  Tokenizer,
  type TokenizerParts,
} from './tokenizer.js'
export * as trainers from './trainers/index.js'
