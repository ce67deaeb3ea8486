// What is done to texts and tokens on their way into a model: TorchText's transforms.
import { ArgumentError, type DType, data, F, nn, type Tensor, tensor } from '@flambeau/core'
import { describe } from '@flambeau/core/errors'
import type { Tokenizer as AnyTokenizer } from '../tokenizers/index.js'
import type { Vocab } from '../vocab.js'

/** A list of tokens, or several. */
export type Nested<T> = readonly T[] | readonly (readonly T[])[]

const isNested = <T>(list: Nested<T>): list is readonly (readonly T[])[] => Array.isArray(list[0])

/** Does the same to a list, or to each of several. */
const each = <T, U>(list: Nested<T>, change: (one: readonly T[]) => U[]): U[] | U[][] =>
  isNested(list) ? list.map(change) : change(list)

const checkLength = (transform: string, name: string, value: number): number => {
  if (!Number.isInteger(value) || value < 0)
    throw new ArgumentError(`${transform}: expected ${name} to be an integer ≥ 0, got ${describe(value)}`)
  return value
}

/** The ids of a text's tokens. */
export class TokenizerTransform extends nn.Module<[text: string | readonly string[]], number[] | number[][]> {
  readonly tokenizer: AnyTokenizer
  readonly addSpecialTokens: boolean

  constructor(tokenizer: AnyTokenizer, { addSpecialTokens = true }: { readonly addSpecialTokens?: boolean } = {}) {
    super()
    this.tokenizer = tokenizer
    this.addSpecialTokens = addSpecialTokens
  }

  override forward(text: string | readonly string[]): number[] | number[][] {
    const { addSpecialTokens } = this
    return typeof text === 'string'
      ? this.tokenizer.encode(text, { addSpecialTokens }).ids
      : this.tokenizer.encodeBatch(text, { addSpecialTokens }).map(({ ids }) => ids)
  }
}

/** The indices of tokens. */
export class VocabTransform extends nn.Module<[tokens: Nested<string>], number[] | number[][]> {
  readonly vocab: Vocab

  constructor(vocab: Vocab) {
    super()
    this.vocab = vocab
  }

  override forward(tokens: Nested<string>): number[] | number[][] {
    return each(tokens, (one) => this.vocab.forward(one))
  }
}

/**
 * A tensor of numbers: of several lists, filled up to the longest.
 *
 * @example
 * ```ts
 * import { transforms } from '@flambeau/text'
 * console.log(new transforms.ToTensor(0).forward([[1, 2, 3], [4]]).toArray()) // → [ [ 1, 2, 3 ], [ 4, 0, 0 ] ]
 * ```
 */
export class ToTensor extends nn.Module<[input: Nested<number>]> {
  readonly paddingValue: number | null
  readonly dtype: DType

  constructor(paddingValue: number | null = null, dtype: DType = 'int64') {
    super()
    this.paddingValue = paddingValue
    this.dtype = dtype
  }

  override forward(input: Nested<number>): Tensor {
    const { dtype, paddingValue } = this
    if (!isNested(input)) return tensor(input, { dtype })
    if (paddingValue === null) return tensor(input, { dtype })
    const longest = input.reduce((most, list) => Math.max(most, list.length), 0)
    return tensor(
      input.map((list) => [...list, ...new Array<number>(longest - list.length).fill(paddingValue)]),
      { dtype },
    )
  }
}

/** A class as a number, in the order in which the labels are given, or of the alphabet. */
export class LabelToIndex extends nn.Module<[label: string | readonly string[]], number | number[]> {
  readonly labels: readonly string[]

  constructor(labels: readonly string[], { sortNames = false }: { readonly sortNames?: boolean } = {}) {
    super()
    this.labels = sortNames ? [...labels].sort() : [...labels]
  }

  override forward(label: string | readonly string[]): number | number[] {
    const indexOf = (name: string): number => {
      const index = this.labels.indexOf(name)
      if (index < 0)
        throw new ArgumentError(`LabelToIndex: expected one of ${this.labels.join(', ')}, got ${describe(name)}`)
      return index
    }
    return typeof label === 'string' ? indexOf(label) : label.map(indexOf)
  }
}

/** At most so many tokens. */
export class Truncate<T = number> extends nn.Module<[input: Nested<T>], T[] | T[][]> {
  readonly maxSeqLen: number

  constructor(maxSeqLen: number) {
    super()
    this.maxSeqLen = checkLength('Truncate', 'maxSeqLen', maxSeqLen)
  }

  override forward(input: Nested<T>): T[] | T[][] {
    return each(input, (one) => one.slice(0, this.maxSeqLen))
  }
}

/** A token before, or behind. */
export class AddToken<T = number> extends nn.Module<[input: Nested<T>], T[] | T[][]> {
  readonly token: T
  readonly begin: boolean

  constructor(token: T, begin = true) {
    super()
    this.token = token
    this.begin = begin
  }

  override forward(input: Nested<T>): T[] | T[][] {
    return each(input, (one) => (this.begin ? [this.token, ...one] : [...one, this.token]))
  }
}

/** A tensor filled up to a length along its last dimension. */
export class PadTransform extends nn.Module {
  readonly maxLength: number
  readonly padValue: number

  constructor(maxLength: number, padValue: number) {
    super()
    this.maxLength = checkLength('PadTransform', 'maxLength', maxLength)
    this.padValue = padValue
  }

  override forward(x: Tensor): Tensor {
    const length = x.shape[x.ndim - 1]
    return length < this.maxLength ? F.pad(x, [0, this.maxLength - length], { value: this.padValue }) : x
  }
}

/** Integers that are written as texts. */
export class StrToInt extends nn.Module<[input: Nested<string>], number[] | number[][]> {
  override forward(input: Nested<string>): number[] | number[][] {
    const number = (text: string): number => {
      if (!/^\s*[+-]?\d+\s*$/.test(text))
        throw new ArgumentError(`StrToInt: expected an integer, got ${describe(text)}`)
      return Number(text)
    }
    return each(input, (one) => one.map(number))
  }
}

/**
 * Several transforms, one after the other.
 *
 * @example
 * ```ts
 * import { Vocab, transforms } from '@flambeau/text'
 * const vocab = new Vocab(['<pad>', '<bos>', 'a', 'b', 'c'])
 * const transform = new transforms.Sequential(
 *   new transforms.VocabTransform(vocab),
 *   new transforms.Truncate(2),
 *   new transforms.AddToken(vocab.get('<bos>')),
 *   new transforms.ToTensor(0),
 *   new transforms.PadTransform(5, 0),
 * )
 * console.log(transform.forward(['c', 'b', 'a'])?.toString()) // → tensor([1, 4, 3, 0, 0])
 * ```
 */
export class Sequential<X = readonly string[], Y = Tensor> extends nn.Module<[x: X], Y> {
  readonly transforms: readonly data.Transform<never, unknown>[]

  constructor(...transforms: readonly data.Transform<never, unknown>[]) {
    super()
    this.transforms = transforms
  }

  override forward(x: X): Y {
    return this.transforms.reduce<unknown>((value, transform) => data.applyTransform(transform, value as never), x) as Y
  }
}
