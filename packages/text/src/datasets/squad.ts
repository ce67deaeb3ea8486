// Questions about passages of Wikipedia.
import { readFileSync } from 'node:fs'
import { data, FormatError } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import * as hub from '@flambeau/core/hub'
import { checkIndex, checkSplit, needFile } from './files.js'

export interface SquadSample {
  readonly id: string
  readonly context: string
  readonly question: string
  /** The answers; of a question that has none, one that is empty. */
  readonly answers: readonly string[]
  /** Where each begins in the context, in UTF-16 code units: -1 where there is none. */
  readonly answerStarts: readonly number[]
}

export interface SquadOptions<X = SquadSample> {
  /** Default 'train'. */
  readonly split?: 'train' | 'dev'
  readonly transform?: data.Transform<SquadSample, X>
}

const SPLITS = ['train', 'dev'] as const
const ADDRESS = 'https://rajpurkar.github.io/SQuAD-explorer/dataset'

const members = (value: unknown, name: string, place: string): readonly unknown[] => {
  const list: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  if (!Array.isArray(list)) throw new FormatError(`${place}: expected a list of ${name}, got ${describe(list)}`)
  return list
}

const text = (value: unknown, name: string, place: string): string => {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  if (typeof found !== 'string') throw new FormatError(`${place}: expected a text for ${name}, got ${describe(found)}`)
  return found
}

/** Files count characters, strings here UTF-16 code units. */
function startOf(context: string, answer: unknown, place: string): number {
  const start: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'answer_start') : undefined
  if (typeof start !== 'number' || !Number.isInteger(start) || start < 0 || start > context.length)
    throw new FormatError(`${place}: expected answer_start to be in the context, got ${describe(start)}`)
  if (!/[\ud800-\udbff]/.test(context)) return start
  return Array.from(context).slice(0, start).join('').length
}

function readSquad(path: string): SquadSample[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new FormatError(`${path}: the file is no JSON: ${(error as Error).message}`)
  }
  const samples: SquadSample[] = []
  for (const article of members(parsed, 'data', path))
    for (const paragraph of members(article, 'paragraphs', path)) {
      const context = text(paragraph, 'context', path)
      for (const question of members(paragraph, 'qas', path)) {
        const id = text(question, 'id', path)
        const answers = members(question, 'answers', `${path}, question ${id}`)
        samples.push({
          id,
          context,
          question: text(question, 'question', path),
          answers: answers.length === 0 ? [''] : answers.map((answer) => text(answer, 'text', path)),
          answerStarts:
            answers.length === 0 ? [-1] : answers.map((answer) => startOf(context, answer, `${path}, question ${id}`)),
        })
      }
    }
  return samples
}

abstract class SQuAD<X> extends data.Dataset<X> {
  readonly #samples: readonly SquadSample[]
  readonly #name: string
  readonly #transform: data.Transform<SquadSample, X> | undefined

  constructor(name: string, version: string, root: string, options: SquadOptions<X>) {
    super()
    const split = checkSplit(name, SPLITS, options.split ?? 'train')
    this.#samples = readSquad(needFile(name, root, `${name}/${split}-${version}.json`))
    this.#name = name
    this.#transform = options.transform
  }

  get length(): number {
    return this.#samples.length
  }

  get(index: number): X {
    const sample = this.#samples[checkIndex(this.#name, index, this.length)]
    return this.#transform === undefined ? (sample as X) : data.applyTransform(this.#transform, sample)
  }
}

const resource = (name: string, file: string, digest: string): hub.Resource => ({
  path: `${name}/${file}`,
  url: `${ADDRESS}/${file}`,
  checksum: { algorithm: 'md5', digest },
})

/**
 * The Stanford Question Answering Dataset 1.1: each question has its answer in the passage. Files:
 * `SQuAD1/train-v1.1.json`, `SQuAD1/dev-v1.1.json`.
 *
 * @see https://arxiv.org/abs/1606.05250
 */
export class SQuAD1<X = SquadSample> extends SQuAD<X> {
  static readonly resources: readonly hub.Resource[] = [
    resource('SQuAD1', 'train-v1.1.json', '981b29407e0affa3b1b156f72073b945'),
    resource('SQuAD1', 'dev-v1.1.json', '3e85deb501d4e538b6bc56f786231552'),
  ]

  constructor(root: string, options: SquadOptions<X> = {}) {
    super('SQuAD1', 'v1.1', root, options)
  }

  static download(root: string, options: hub.FetchOptions = {}): Promise<void> {
    return hub.fetchResources('SQuAD1', root, SQuAD1.resources, options)
  }
}

/** The same with questions that have no answer. Files: `SQuAD2/train-v2.0.json`, `SQuAD2/dev-v2.0.json`. */
export class SQuAD2<X = SquadSample> extends SQuAD<X> {
  static readonly resources: readonly hub.Resource[] = [
    resource('SQuAD2', 'train-v2.0.json', '62108c273c268d70893182d5cf8df740'),
    resource('SQuAD2', 'dev-v2.0.json', '246adae8b7002f8679c027697b0b7cf8'),
  ]

  constructor(root: string, options: SquadOptions<X> = {}) {
    super('SQuAD2', 'v2.0', root, options)
  }

  static download(root: string, options: hub.FetchOptions = {}): Promise<void> {
    return hub.fetchResources('SQuAD2', root, SQuAD2.resources, options)
  }
}
