// The namespace `nn.utils.rnn`: sequences of different lengths, padded to one or packed without padding.
import { ArgumentError, DTypeError, describe, ShapeError } from '../errors.js'
import {
  argsort,
  cat,
  full,
  indexCopy,
  indexSelect,
  narrow,
  reshape,
  stack,
  type ToOptions,
  tensor,
  to,
  transpose,
} from '../ops/index.js'
import type { Device } from '../tensor/device.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

/** Lengths as numbers, from a list or an integer tensor of one dimension. */
export type Lengths = Tensor | readonly number[]

const numbersOf = (t: Tensor): number[] => Array.from(t.to('float64').data() as Float64Array)

const positions = (list: readonly number[], device: Device = 'cpu'): Tensor =>
  tensor([...list], { dtype: 'int64', device })

function lengthsOf(operation: string, lengths: Lengths): number[] {
  const list = lengths instanceof Tensor ? (lengths.ndim === 1 ? numbersOf(lengths) : null) : lengths
  if (!Array.isArray(list) || !list.every((n) => Number.isInteger(n)))
    throw new ArgumentError(
      `${operation}: expected a list or a vector of whole numbers for lengths, got ${describe(lengths)}`,
    )
  return [...list]
}

/**
 * Sequences without padding: the first elements of all, longest first, then the second ones, and so on. Recurrent
 * layers take it in the place of a padded tensor.
 */
export class PackedSequence {
  /** Shape [Σ lengths, …]. */
  readonly data: Tensor
  /** How many sequences have each step: int64, not increasing. */
  readonly batchSizes: Tensor
  /** Where each packed sequence stood; null where they were given longest first. */
  readonly sortedIndices: Tensor | null
  /** Where each given sequence stands; null where they were given longest first. */
  readonly unsortedIndices: Tensor | null

  constructor(
    data: Tensor,
    batchSizes: Tensor,
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = invertPermutation(sortedIndices),
  ) {
    if (!(data instanceof Tensor) || !(batchSizes instanceof Tensor))
      throw new ArgumentError(
        `PackedSequence: expected tensors for data and batchSizes, got ${describe(data)} and ${describe(batchSizes)}`,
      )
    if (batchSizes.ndim !== 1 || batchSizes.dtype !== 'int64')
      throw new ShapeError(
        `PackedSequence: expected batchSizes to be a vector of int64, got ${batchSizes.dtype}${formatShape(batchSizes.shape)}`,
      )
    const sizes = numbersOf(batchSizes)
    const total = sizes.reduce((a, b) => a + b, 0)
    if (sizes.length === 0 || sizes.some((n, t) => n <= 0 || (t > 0 && n > sizes[t - 1])) || data.shape[0] !== total)
      throw new ShapeError(
        `PackedSequence: expected batchSizes that do not increase and add up to the ${data.shape[0]} rows of data, got ${describe(sizes)}`,
      )
    this.data = data
    this.batchSizes = batchSizes
    this.sortedIndices = sortedIndices
    this.unsortedIndices = unsortedIndices
  }

  /** @internal `batchSizes` as numbers. */
  sizes(): number[] {
    return numbersOf(this.batchSizes)
  }

  /** @internal The same sequences with other data. */
  with(data: Tensor): PackedSequence {
    return new PackedSequence(data, this.batchSizes, this.sortedIndices, this.unsortedIndices)
  }

  /** The same sequences with data of another dtype or on another device. */
  to(options: ToOptions): PackedSequence {
    return this.with(to(this.data, options))
  }
}

/** The permutation that undoes another. */
export function invertPermutation(permutation: Tensor | null): Tensor | null {
  return permutation === null ? null : argsort(permutation)
}

export interface PadOptions {
  /** Whether the result is [N, T, …] rather than [T, N, …]. Default false. */
  readonly batchFirst?: boolean
  /** What fills up. Default 0. */
  readonly paddingValue?: number
}

export interface PadSequenceOptions extends PadOptions {
  /** Where the padding goes. Default 'right'. */
  readonly paddingSide?: 'left' | 'right'
}

export interface PackOptions {
  /** Whether the tensor is [N, T, …] rather than [T, N, …]. Default false. */
  readonly batchFirst?: boolean
  /** Whether sequences must be given longest first; false sorts them. Default true. */
  readonly enforceSorted?: boolean
}

/** The rows of a [T, N] table that packed sequences fill, in their order. */
function packedRows(sizes: readonly number[], batch: number, device: Device): Tensor {
  return positions(
    sizes.flatMap((size, t) => Array.from({ length: size }, (_, i) => t * batch + i)),
    device,
  )
}

/** The sizes of the steps, from lengths that do not increase. */
const sizesOf = (lengths: readonly number[]): number[] =>
  Array.from({ length: lengths[0] }, (_, t) => lengths.filter((n) => n > t).length)

/**
 * Packs padded sequences.
 *
 * @param input shape [T, N, …], or [N, T, …] with `batchFirst`
 * @param lengths N lengths, from 1 to T
 * @example
 * ```ts
 * import { nn, tensor } from '@flambeau/core'
 * const packed = nn.utils.rnn.packPaddedSequence(tensor([[1, 2, 3], [4, 0, 0]]), [3, 1], { batchFirst: true })
 * console.log(packed.data.toArray(), packed.batchSizes.toArray()) // → [ 1, 4, 2, 3 ] [ 2, 1, 1 ]
 * ```
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: Lengths,
  { batchFirst = false, enforceSorted = true }: PackOptions = {},
): PackedSequence {
  if (!(input instanceof Tensor))
    throw new ArgumentError(`packPaddedSequence: expected a tensor for input, got ${describe(input)}`)
  if (input.ndim < 2)
    throw new ShapeError(`packPaddedSequence: expected at least 2 dimensions, got shape ${formatShape(input.shape)}`)
  const list = lengthsOf('packPaddedSequence', lengths)
  const batch = input.shape[batchFirst ? 0 : 1]
  const steps = input.shape[batchFirst ? 1 : 0]
  if (list.length !== batch || batch === 0)
    throw new ShapeError(`packPaddedSequence: expected ${batch} lengths, got ${list.length}`)
  if (list.some((n) => n < 1 || n > steps))
    throw new ArgumentError(`packPaddedSequence: expected lengths from 1 to ${steps}, got ${describe(list)}`)
  let order: Tensor | null = null
  if (enforceSorted) {
    if (list.some((n, i) => i > 0 && n > list[i - 1]))
      throw new ArgumentError(
        `packPaddedSequence: expected lengths that do not increase, got ${describe(list)}; enforceSorted: false sorts them`,
      )
  } else {
    const sorted = list.map((_, i) => i).sort((a, b) => list[b] - list[a])
    order = positions(sorted, input.device)
    list.sort((a, b) => b - a)
  }
  const turned = batchFirst ? transpose(input, 0, 1) : input
  const table = order === null ? turned : indexSelect(turned, 1, order)
  const sizes = sizesOf(list)
  const flat = reshape(table, [steps * batch, ...table.shape.slice(2)])
  return new PackedSequence(indexSelect(flat, 0, packedRows(sizes, batch, input.device)), positions(sizes), order)
}

/**
 * Pads packed sequences.
 *
 * @param options `totalLength` is the least length of the result
 * @returns shape [T, N, …], or [N, T, …] with `batchFirst`, and the lengths, an int64 vector
 */
export function padPackedSequence(
  sequence: PackedSequence,
  {
    batchFirst = false,
    paddingValue = 0,
    totalLength = null,
  }: PadOptions & { readonly totalLength?: number | null } = {},
): [Tensor, Tensor] {
  if (!(sequence instanceof PackedSequence))
    throw new ArgumentError(`padPackedSequence: expected a PackedSequence, got ${describe(sequence)}`)
  const { data, unsortedIndices } = sequence
  const sizes = sequence.sizes()
  const [batch] = sizes
  const steps = totalLength ?? sizes.length
  if (!Number.isInteger(steps) || steps < sizes.length)
    throw new ArgumentError(
      `padPackedSequence: expected totalLength of at least ${sizes.length}, got ${describe(totalLength)}`,
    )
  const rest = data.shape.slice(1)
  const empty = full([steps * batch, ...rest], paddingValue, { dtype: data.dtype, device: data.device })
  let padded = reshape(indexCopy(empty, 0, packedRows(sizes, batch, data.device), data), [steps, batch, ...rest])
  const sorted = Array.from({ length: batch }, (_, i) => sizes.filter((size) => size > i).length)
  if (unsortedIndices !== null) {
    padded = indexSelect(padded, 1, unsortedIndices)
  }
  const lengths = unsortedIndices === null ? sorted : numbersOf(unsortedIndices).map((i) => sorted[i])
  return [batchFirst ? transpose(padded, 0, 1) : padded, positions(lengths)]
}

/**
 * Pads sequences to one length.
 *
 * @param sequences shape [length, …] each
 * @returns shape [T, N, …], or [N, T, …] with `batchFirst`
 * @example
 * ```ts
 * import { nn, tensor } from '@flambeau/core'
 * const { padSequence } = nn.utils.rnn
 * console.log(padSequence([tensor([1, 2, 3]), tensor([4])], { batchFirst: true }).toArray()) // → [ [ 1, 2, 3 ], [ 4, 0, 0 ] ]
 * ```
 */
export function padSequence(
  sequences: readonly Tensor[],
  { batchFirst = false, paddingValue = 0, paddingSide = 'right' }: PadSequenceOptions = {},
): Tensor {
  const list = checkSequences('padSequence', sequences)
  if (paddingSide !== 'left' && paddingSide !== 'right')
    throw new ArgumentError(`padSequence: expected 'left' or 'right' for paddingSide, got ${describe(paddingSide)}`)
  const steps = Math.max(...list.map((t) => t.shape[0]))
  const padded = list.map((t) => {
    const missing = steps - t.shape[0]
    if (missing === 0) return t
    const filling = full([missing, ...t.shape.slice(1)], paddingValue, { dtype: t.dtype, device: t.device })
    return cat(paddingSide === 'right' ? [t, filling] : [filling, t])
  })
  return stack(padded, batchFirst ? 0 : 1)
}

function checkSequences(operation: string, sequences: readonly Tensor[]): readonly Tensor[] {
  if (!Array.isArray(sequences) || sequences.length === 0 || !sequences.every((t) => t instanceof Tensor))
    throw new ArgumentError(`${operation}: expected a list of tensors, got ${describe(sequences)}`)
  for (const t of sequences) {
    if (t.ndim === 0 || !sameShape(t.shape.slice(1), sequences[0].shape.slice(1)))
      throw new ShapeError(
        `${operation}: expected sequences that are alike but for their length, got shapes ${formatShape(sequences[0].shape)} and ${formatShape(t.shape)}`,
      )
    if (t.dtype !== sequences[0].dtype)
      throw new DTypeError(`${operation}: expected sequences of one dtype, got ${sequences[0].dtype} and ${t.dtype}`)
  }
  return sequences
}

/** Undoes `padSequence`: views of the sequences without their padding. @param lengths N lengths */
export function unpadSequence(
  padded: Tensor,
  lengths: Lengths,
  { batchFirst = false }: { readonly batchFirst?: boolean } = {},
): Tensor[] {
  if (!(padded instanceof Tensor) || padded.ndim < 2)
    throw new ArgumentError(`unpadSequence: expected a tensor of at least 2 dimensions, got ${describe(padded)}`)
  const table = batchFirst ? padded : transpose(padded, 0, 1)
  const list = lengthsOf('unpadSequence', lengths)
  if (list.length !== table.shape[0])
    throw new ShapeError(`unpadSequence: expected ${table.shape[0]} lengths, got ${list.length}`)
  return list.map((n, i) => narrow(table.select(0, i), 0, 0, n))
}

/** Packs sequences of shape [length, …] each. @param options `enforceSorted: false` takes them in any order */
export function packSequence(
  sequences: readonly Tensor[],
  { enforceSorted = true }: { readonly enforceSorted?: boolean } = {},
): PackedSequence {
  const list = checkSequences('packSequence', sequences)
  return packPaddedSequence(
    padSequence(list),
    list.map((t) => t.shape[0]),
    { enforceSorted },
  )
}

/** Undoes `packSequence`. */
export function unpackSequence(packed: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(packed, { batchFirst: true })
  return unpadSequence(padded, lengths, { batchFirst: true })
}
