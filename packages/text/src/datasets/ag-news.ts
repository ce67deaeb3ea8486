// News by topic.
import { data } from '@flambeau/core'
import * as hub from '@flambeau/core/hub'
import { CsvTable } from '@flambeau/core/tables'
import { checkSplit, needFile } from './files.js'

export interface AgNewsOptions<X = string> {
  /** Default 'train'. */
  readonly split?: 'train' | 'test'
  /** Of the text. */
  readonly transform?: data.Transform<string, X>
  /** Of the class, 1 to 4. */
  readonly targetTransform?: data.Transform<number, number>
}

const SPLITS = ['train', 'test'] as const
const ADDRESS = 'https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv'

/**
 * AG's news: 120,000 to learn from and 7,600 others, of the world (1), sports (2), business (3) and science (4). A sample is
 * the class and the text, title first, as in TorchText. Files: `AG_NEWS/train.csv`, `AG_NEWS/test.csv`.
 */
export class AG_NEWS<X = string> extends data.Dataset<[label: number, text: X]> {
  static readonly classes: readonly string[] = ['World', 'Sports', 'Business', 'Sci/Tech']
  static readonly resources: readonly hub.Resource[] = [
    {
      path: 'AG_NEWS/train.csv',
      url: `${ADDRESS}/train.csv`,
      checksum: { algorithm: 'md5', digest: 'b1a00f826fdfbd249f79597b59e1dc12' },
    },
    {
      path: 'AG_NEWS/test.csv',
      url: `${ADDRESS}/test.csv`,
      checksum: { algorithm: 'md5', digest: 'd52ea96a97a2d943681189a97654912d' },
    },
  ]

  readonly #table: CsvTable
  readonly #options: AgNewsOptions<X>

  constructor(root: string, options: AgNewsOptions<X> = {}) {
    super()
    const split = checkSplit('AG_NEWS', SPLITS, options.split ?? 'train')
    this.#table = new CsvTable(needFile('AG_NEWS', root, `AG_NEWS/${split}.csv`), {
      header: ['class', 'title', 'description'],
      columns: { class: 'int64' },
    })
    this.#options = options
  }

  static download(root: string, options: hub.FetchOptions = {}): Promise<void> {
    return hub.fetchResources('AG_NEWS', root, AG_NEWS.resources, options)
  }

  get length(): number {
    return this.#table.length
  }

  get(index: number): [label: number, text: X] {
    const row = this.#table.row(index)
    const { targetTransform, transform } = this.#options
    const label = Number(row.class)
    const text = `${row.title} ${row.description}`
    return [
      targetTransform === undefined ? label : data.applyTransform(targetTransform, label),
      transform === undefined ? (text as X) : data.applyTransform(transform, text),
    ]
  }
}
