export {
  BucketBatchSampler,
  type BucketOptions,
  bucketLoader,
  padBatch,
} from './batching.js'
export * as datasets from './datasets/index.js'
export { CausalModel, type Decoding, type Generated, GenerativeModel } from './generation/model.js'
export type { GenerateOptions, LogitsProcessor } from './generation/options.js'
export type { FinishReason } from './generation/stopping.js'
export { StreamDecoder } from './generation/stream-decoder.js'
export * as models from './models/index.js'
export * as tokenizers from './tokenizers/index.js'
export { AddedToken, Encoding, Tokenizer } from './tokenizers/index.js'
export * as transforms from './transforms/index.js'
export { type BuildVocabOptions, buildVocabFromIterator, Vocab, vocab } from './vocab.js'
