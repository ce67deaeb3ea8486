// The model in a tokenizer.json.
import { type Config, fromRegistry, type Registry } from '../config.js'
import { BPE } from './bpe.js'
import type { Model } from './model.js'
import { Unigram } from './unigram.js'
import { WordLevel } from './word-level.js'
import { WordPiece } from './word-piece.js'

const MODELS: Registry<Model> = {
  BPE: (c) => BPE.read(c),
  Unigram: (c) => Unigram.read(c),
  WordLevel: (c) => WordLevel.read(c),
  WordPiece: (c) => WordPiece.read(c),
}

/** The model that a tokenizer.json describes; old files do not name it. */
export function readModel(config: Config): Model {
  if (!config.lacks('type')) return fromRegistry(MODELS, config)
  if (Array.isArray(config.raw('merges'))) return BPE.read(config)
  if (Array.isArray(config.raw('vocab'))) return Unigram.read(config)
  return config.lacks('continuing_subword_prefix') ? WordLevel.read(config) : WordPiece.read(config)
}
