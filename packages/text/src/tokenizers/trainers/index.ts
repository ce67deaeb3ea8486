export { BpeTrainer, type BpeTrainerOptions, WordPieceTrainer, type WordPieceTrainerOptions } from './bpe.js'
export type { Trained, Trainer } from './trainer.js'
export { UnigramTrainer, type UnigramTrainerOptions } from './unigram.js'
