export {
  type CTCBeamOptions,
  CTCDecoder,
  type CTCHypothesis,
  type CTCOptions,
  GreedyCTCDecoder,
} from './ctc.js'
export { type LanguageModel, NGramModel } from './ngram.js'
