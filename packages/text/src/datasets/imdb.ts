// Reviews of films.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { data } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { checkIndex, checkSplit, needFile } from './files.js'

export interface ImdbOptions<X = string> {
  /** Default 'train'; 'unsup' has reviews without a class, which is then 0. */
  readonly split?: 'train' | 'test' | 'unsup'
  /** Of the text. */
  readonly transform?: data.Transform<string, X>
  /** Of the class: 1 negative, 2 positive. */
  readonly targetTransform?: data.Transform<number, number>
}

const SPLITS = ['train', 'test', 'unsup'] as const

/**
 * Large Movie Review Dataset: 25,000 reviews to learn from and 25,000 others. A sample is the class and the text, the
 * negative ones first. Files: `aclImdb/train/pos/*.txt` and so on, as the archive has them.
 *
 * Maas et al., 2011: Learning Word Vectors for Sentiment Analysis.
 */
export class IMDB<X = string> extends data.Dataset<[label: number, text: X]> {
  static readonly classes: readonly string[] = ['neg', 'pos']
  static readonly resources: readonly hub.Resource[] = [
    {
      path: 'aclImdb_v1.tar.gz',
      url: 'https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz',
      checksum: { algorithm: 'md5', digest: '7c2ac02c03563afcf9b574c7e56c153a' },
      extractTo: 'aclImdb',
    },
  ]

  readonly #files: readonly (readonly [label: number, path: string])[]
  readonly #options: ImdbOptions<X>

  constructor(root: string, options: ImdbOptions<X> = {}) {
    super()
    const split = checkSplit('IMDB', SPLITS, options.split ?? 'train')
    const parts: readonly (readonly [number, string])[] =
      split === 'unsup'
        ? [[0, 'train/unsup']]
        : [
            [1, `${split}/neg`],
            [2, `${split}/pos`],
          ]
    this.#files = parts.flatMap(([label, part]) => {
      const folder = needFile('IMDB', root, join('aclImdb', part))
      const names = readdirSync(folder).filter((name) => name.endsWith('.txt'))
      return names.sort().map((name) => [label, join(folder, name)] as const)
    })
    this.#options = options
  }

  static download(root: string, options: hub.FetchOptions = {}): Promise<void> {
    return hub.fetchResources('IMDB', root, IMDB.resources, options)
  }

  get length(): number {
    return this.#files.length
  }

  get(index: number): [label: number, text: X] {
    const [label, path] = this.#files[checkIndex('IMDB', index, this.length)]
    const { targetTransform, transform } = this.#options
    const text = readFileSync(path, 'utf8')
    return [
      targetTransform === undefined ? label : data.applyTransform(targetTransform, label),
      transform === undefined ? (text as X) : data.applyTransform(transform, text),
    ]
  }
}
