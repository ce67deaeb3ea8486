// Articles of Wikipedia, for language models.
import { readFileSync } from 'node:fs'
import { data } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { checkIndex, checkSplit, needFile } from './files.js'

export interface WikiTextOptions<X = string> {
  /** Default 'train'. */
  readonly split?: 'train' | 'valid' | 'test'
  /** Of a line. */
  readonly transform?: data.Transform<string, X>
}

const SPLITS = ['train', 'valid', 'test'] as const
/** The first is the paper's, which is no longer served; the second is its author's. */
const addresses = (file: string): string[] => [
  `https://s3.amazonaws.com/research.metamind.io/wikitext/${file}`,
  `https://wikitext.smerity.com/${file}`,
]

/** The lines of a file, without their ends, as they are: most are paragraphs, many are blank. */
abstract class WikiText<X> extends data.Dataset<X> {
  readonly #bytes: Buffer
  readonly #starts: Float64Array
  readonly #name: string
  readonly #transform: data.Transform<string, X> | undefined

  constructor(name: string, folder: string, root: string, options: WikiTextOptions<X>) {
    super()
    const split = checkSplit(name, SPLITS, options.split ?? 'train')
    this.#bytes = readFileSync(needFile(name, root, `${folder}/wiki.${split}.tokens`))
    const starts = [0]
    for (let at = this.#bytes.indexOf(10); at >= 0; at = this.#bytes.indexOf(10, at + 1)) starts.push(at + 1)
    if (starts[starts.length - 1] < this.#bytes.length) starts.push(this.#bytes.length + 1)
    this.#starts = Float64Array.from(starts)
    this.#name = name
    this.#transform = options.transform
  }

  get length(): number {
    return this.#starts.length - 1
  }

  get(index: number): X {
    const at = checkIndex(this.#name, index, this.length)
    const line = this.#bytes.toString('utf8', this.#starts[at], this.#starts[at + 1] - 1)
    return this.#transform === undefined ? (line as X) : data.applyTransform(this.#transform, line)
  }
}

/**
 * WikiText-2: two million words of Wikipedia's good articles, line by line. Files: `wikitext-2/wiki.train.tokens` and so on.
 *
 * @see https://arxiv.org/abs/1609.07843
 */
export class WikiText2<X = string> extends WikiText<X> {
  static readonly resources: readonly hub.Resource[] = [
    {
      path: 'wikitext-2-v1.zip',
      url: addresses('wikitext-2-v1.zip'),
      checksum: { algorithm: 'md5', digest: '542ccefacc6c27f945fb54453812b3cd' },
      extractTo: 'wikitext-2',
    },
  ]

  constructor(root: string, options: WikiTextOptions<X> = {}) {
    super('WikiText2', 'wikitext-2', root, options)
  }

  static download(root: string, options: hub.FetchOptions = {}): Promise<void> {
    return hub.fetchResources('WikiText2', root, WikiText2.resources, options)
  }
}

/** WikiText-103: the same of a hundred million words. Files: `wikitext-103/wiki.train.tokens` and so on. */
export class WikiText103<X = string> extends WikiText<X> {
  static readonly resources: readonly hub.Resource[] = [
    {
      path: 'wikitext-103-v1.zip',
      url: addresses('wikitext-103-v1.zip'),
      checksum: { algorithm: 'md5', digest: '9ddaacaf6af0710eda8c456decff7832' },
      extractTo: 'wikitext-103',
    },
  ]

  constructor(root: string, options: WikiTextOptions<X> = {}) {
    super('WikiText103', 'wikitext-103', root, options)
  }

  static download(root: string, options: hub.FetchOptions = {}): Promise<void> {
    return hub.fetchResources('WikiText103', root, WikiText103.resources, options)
  }
}
