export * as kaldi from './kaldi.js'
