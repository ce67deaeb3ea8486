// The namespace `functional`: each metric of one batch, without a state.
export { confusionMatrix, jaccardIndex } from './classification/confusion.js'
export { auroc, averagePrecision } from './classification/curves.js'
export { accuracy, f1Score, fbetaScore, precision, recall } from './classification/scores.js'
export { statScores } from './classification/stat-scores.js'
export { meanAveragePrecision } from './detection/mean-average-precision.js'
export { peakSignalNoiseRatio, structuralSimilarityIndexMeasure } from './image.js'
export { meanAbsoluteError, meanSquaredError, r2Score } from './regression.js'
export { bleuScore, charErrorRate, perplexity, wordErrorRate } from './text.js'
