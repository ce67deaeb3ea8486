// Einstein's summation convention.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import { promoteTypes } from '../tensor/dtype.js'
import { formatShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { mul } from './arithmetic.js'
import { to } from './copies.js'
import { composite } from './dispatch.js'
import { matmul } from './matmul.js'
import type { FunctionOp } from './record.js'
import { sum } from './reductions.js'
import { diagonal } from './slicing.js'
import { permute, reshape, squeeze } from './views.js'

/** A tensor with a label for each dimension: a letter, or `.k` for the k-th last dimension of an ellipsis. */
interface Labelled {
  readonly tensor: Tensor
  readonly labels: readonly string[]
}

const ELLIPSIS_LABEL = '.'

/** Letters of one operand or of the result, with the ellipsis as one label. */
function letters(part: string, equation: string): string[] {
  const at = part.indexOf('...')
  const tokens = at < 0 ? [...part] : [...part.slice(0, at), ELLIPSIS_LABEL, ...part.slice(at + 3)]
  for (const [i, token] of tokens.entries())
    if (!/[a-zA-Z]/.test(token) && !(at >= 0 && i === at))
      throw new ArgumentError(
        `einsum: expected letters, commas, '->' and at most one '...' an operand, got ${describe(equation)}`,
      )
  return tokens
}

/** `...` spelt out as the `count` labels of its dimensions, so that the last ones match. */
const spelt = (tokens: readonly string[], count: number): string[] =>
  tokens.flatMap((token) =>
    token === ELLIPSIS_LABEL ? Array.from({ length: count }, (_, i) => `${ELLIPSIS_LABEL}${count - 1 - i}`) : [token],
  )

/** The labels of each operand and of the result. */
function parse(
  equation: unknown,
  operands: readonly Tensor[],
): { readonly inputs: readonly (readonly string[])[]; readonly output: readonly string[] } {
  if (typeof equation !== 'string') throw new ArgumentError(`einsum: expected an equation, got ${describe(equation)}`)
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->')
  if (more.length > 0) throw new ArgumentError(`einsum: expected at most one '->', got ${describe(equation)}`)
  const parts = left.split(',')
  if (parts.length !== operands.length)
    throw new ArgumentError(
      `einsum: expected an operand for each of the ${parts.length} parts of ${describe(equation)}, got ${operands.length}`,
    )
  let widest = 0
  const inputs = parts.map((part, i) => {
    const tokens = letters(part, equation)
    const { shape, ndim } = operands[i]
    const hasEllipsis = tokens.includes(ELLIPSIS_LABEL)
    const rest = ndim - (hasEllipsis ? tokens.length - 1 : tokens.length)
    if (rest < 0 || (rest > 0 && !hasEllipsis))
      throw new ShapeError(
        `einsum: expected operand ${i} to have the dimensions of '${part}', got shape ${formatShape(shape)}`,
      )
    if (hasEllipsis) widest = Math.max(widest, rest)
    return spelt(tokens, rest)
  })
  const known = new Set(inputs.flat())
  if (right === undefined) {
    // Without a right side: the ellipsis, then every letter that occurs once, in the order of their codes.
    const all = inputs.flat()
    const once = [...known].filter((l) => !l.startsWith(ELLIPSIS_LABEL) && all.indexOf(l) === all.lastIndexOf(l))
    return { inputs, output: [...spelt([ELLIPSIS_LABEL], widest), ...once.sort()] }
  }
  const output = spelt(letters(right, equation), widest)
  for (const [i, label] of output.entries()) {
    if (output.indexOf(label) !== i)
      throw new ArgumentError(
        `einsum: expected each letter of the result once, got '${label}' again in ${describe(equation)}`,
      )
    if (!known.has(label))
      throw new ArgumentError(
        `einsum: expected letters of the operands in the result, got '${label}' in ${describe(equation)}`,
      )
  }
  return { inputs, output }
}

/** Takes the diagonal where a label is repeated. */
function withoutRepeats(tensor: Tensor, labels: readonly string[], operand: number): Labelled {
  let result = tensor
  const left = [...labels]
  for (let i = 0; i < left.length; i++)
    for (let j = left.indexOf(left[i], i + 1); j > 0; j = left.indexOf(left[i], i + 1)) {
      if (result.shape[i] !== result.shape[j])
        throw new ShapeError(
          `einsum: expected equal sizes where '${left[i]}' is repeated, got shape ${formatShape(tensor.shape)} for operand ${operand}`,
        )
      // The diagonal comes last; it goes where the label first stood.
      const diag = diagonal(result, 0, i, j)
      left.splice(j, 1)
      const order = Array.from({ length: diag.ndim - 1 }, (_, d) => d)
      order.splice(i, 0, diag.ndim - 1)
      result = permute(diag, order)
    }
  return { tensor: result, labels: left }
}

/** Throws unless the sizes of every label agree or are 1. */
function checkSizes(operands: readonly Labelled[]): void {
  const sizes = new Map<string, number>()
  for (const [i, { tensor, labels }] of operands.entries())
    for (const [d, label] of labels.entries()) {
      const before = sizes.get(label) ?? 1
      const size = tensor.shape[d]
      if (before !== 1 && size !== 1 && before !== size)
        throw new ShapeError(
          `einsum: expected one size for '${label}', got ${before} and ${size} (operand ${i} of shape ${formatShape(tensor.shape)})`,
        )
      sizes.set(label, before === 1 ? size : before)
    }
}

/** Without the dimensions of `labels`: summed, or of size 1 and dropped. */
function without(part: Labelled, labels: readonly string[], drop: (t: Tensor, dims: number[]) => Tensor): Labelled {
  const dims = labels.map((label) => part.labels.indexOf(label))
  if (dims.length === 0) return part
  return { tensor: drop(part.tensor, dims), labels: part.labels.filter((label) => !labels.includes(label)) }
}

/** The dimensions in the order of `labels`, those that are not there with size 1. */
function arranged({ tensor, labels }: Labelled, order: readonly string[]): Tensor {
  const there = order.filter((label) => labels.includes(label))
  const moved = there.every((label, i) => label === labels[i])
    ? tensor
    : permute(
        tensor,
        there.map((label) => labels.indexOf(label)),
      )
  if (there.length === order.length) return moved
  let d = 0
  return reshape(
    moved,
    order.map((label) => (labels.includes(label) ? moved.shape[d++] : 1)),
  )
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1)

/** Multiplies two operands and sums over the labels that are not in `keep`, by a batch of matrix products. */
function contract(left: Labelled, right: Labelled, keep: ReadonlySet<string>): Labelled {
  const sizeIn = ({ tensor, labels }: Labelled, label: string): number => tensor.shape[labels.indexOf(label)]
  const shared = left.labels.filter((label) => right.labels.includes(label))
  // A size of 1 beside another one broadcasts: the dimension is the other operand's alone.
  const narrow = (a: Labelled, b: Labelled): Labelled =>
    without(
      a,
      shared.filter((label) => sizeIn(a, label) === 1 && sizeIn(b, label) !== 1),
      (t, dims) => squeeze(t, dims),
    )
  const alone = (a: Labelled, b: Labelled): Labelled =>
    without(
      a,
      a.labels.filter((label) => !keep.has(label) && !b.labels.includes(label)),
      (t, dims) => sum(t, dims),
    )
  const a0 = narrow(left, right)
  const b0 = narrow(right, left)
  const a = alone(a0, b0)
  const b = alone(b0, a0)
  const common = a.labels.filter((label) => b.labels.includes(label))
  const batch = common.filter((label) => keep.has(label))
  const inner = common.filter((label) => !keep.has(label))
  const rows = a.labels.filter((label) => !common.includes(label))
  const columns = b.labels.filter((label) => !common.includes(label))
  const labels = [...batch, ...rows, ...columns]
  if (inner.length === 0) return { tensor: mul(arranged(a, labels), arranged(b, labels)), labels }
  const sizes = (part: Labelled, of: readonly string[]): number[] => of.map((label) => sizeIn(part, label))
  const [n, k] = [sizes(a, batch), product(sizes(a, inner))]
  const [r, c] = [sizes(a, rows), sizes(b, columns)]
  // A sum of integers is int64.
  const dtype = promoteTypes(a.tensor.dtype, b.tensor.dtype)
  const matrixA = to(reshape(arranged(a, [...batch, ...rows, ...inner]), [product(n), product(r), k]), dtype)
  const matrixB = to(reshape(arranged(b, [...batch, ...inner, ...columns]), [product(n), k, product(c)]), dtype)
  return { tensor: reshape(matmul(matrixA, matrixB), [...n, ...r, ...c]), labels }
}

/** The two operands whose contraction takes the fewest multiplications; the first ones on ties. */
function cheapest(parts: readonly Labelled[]): [number, number] {
  let best: [number, number] = [0, 1]
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < parts.length; i++)
    for (let j = i + 1; j < parts.length; j++) {
      const sizes = new Map<string, number>()
      for (const { tensor, labels } of [parts[i], parts[j]])
        for (const [d, label] of labels.entries()) sizes.set(label, Math.max(sizes.get(label) ?? 0, tensor.shape[d]))
      const cost = product([...sizes.values()])
      if (cost < least) [best, least] = [[i, j], cost]
    }
  return best
}

/**
 * Sums products of the operands' elements by Einstein's convention: each dimension has a letter, dimensions of one letter
 * run together, and letters that the result lacks are summed over.
 *
 * A letter repeated in one operand takes its diagonal; `...` stands for any further dimensions, which broadcast; without
 * `->` the result has the letters that occur once, in alphabetical order. Of more than two operands, those whose product
 * is cheapest go first.
 *
 * @param equation such as `'bij,bjk->bik'`; spaces do not matter
 * @param operands tensors of one dtype, or one list of them
 * @returns a dimension for each letter of the result
 * @throws ShapeError when sizes of one letter differ and neither is 1
 * @example
 * ```ts
 * import { einsum, ones } from '@flambeau/core'
 * console.log(einsum('bij,bjk->bik', ones([8, 2, 3]), ones([8, 3, 4])).shape) // → [ 8, 2, 4 ]
 * console.log(einsum('ii', ones([3, 3])).item()) // → 3
 * ```
 */
export const einsum: FunctionOp<[equation: string, ...operands: Tensor[] | [operands: readonly Tensor[]]], Tensor> =
  composite(
    'einsum(equation, ...operands)',
    (equation: string, ...given: Tensor[] | [operands: readonly Tensor[]]): Tensor => {
      const operands = (given.length === 1 && Array.isArray(given[0]) ? given[0] : given) as readonly Tensor[]
      if (operands.length === 0 || !operands.every((t) => t instanceof Tensor))
        throw new ArgumentError(`einsum: expected at least one tensor, got ${describe(operands)}`)
      for (const { dtype } of operands)
        if (dtype !== operands[0].dtype)
          throw new DTypeError(`einsum: expected operands of one dtype, got ${operands[0].dtype} and ${dtype}`)
      const { inputs, output } = parse(equation, operands)
      const parts = operands.map((t, i) => withoutRepeats(t, inputs[i], i))
      checkSizes(parts)
      while (parts.length > 1) {
        const [i, j] = cheapest(parts)
        const rest = parts.filter((_, n) => n !== i && n !== j)
        const keep = new Set([...output, ...rest.flatMap(({ labels }) => labels)])
        parts.splice(0, parts.length, contract(parts[i], parts[j], keep), ...rest)
      }
      const last = without(
        parts[0],
        parts[0].labels.filter((label) => !output.includes(label)),
        (t, dims) => sum(t, dims),
      )
      return arranged(last, output)
    },
  )
