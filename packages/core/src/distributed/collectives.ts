// The collectives: every member of a group calls the same one with tensors of the same shape and dtype.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe, ShapeError } from '../errors.js'
import { detach, select, stack } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import { formatShape, numelOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import { groupFor, type ProcessGroup } from './process-group.js'
import {
  type AsyncOptions,
  type CollectiveOptions,
  checkLike,
  checkOp,
  checkTensor,
  checkTensors,
  dense,
  put,
  type ReduceOp,
  submit,
} from './request.js'
import type { Work } from './work.js'

export interface ReduceOptions extends CollectiveOptions {
  /** Default `ReduceOp.SUM`. */
  readonly op?: ReduceOp
}

const stacked = (tensors: readonly Tensor[]): Tensor =>
  noGrad(() =>
    stack(
      tensors.map((t) => detach(t)),
      0,
    ),
  )
const parts = (group: ProcessGroup, t: Tensor): Tensor => allocate([group.size, ...t.shape], t.dtype, group.device)

/** Copies the parts of `from` into the tensors of a list. */
function spread(from: Tensor, list: readonly Tensor[]): void {
  noGrad(() => {
    for (const [i, t] of list.entries()) put(t, select(from, 0, i))
  })
}

/**
 * Combines the tensors of all ranks, in place on each of them.
 *
 * @throws DistributedError that says which ranks disagree about shape or dtype, are late, or are gone
 */
export function allReduce(tensor: Tensor, options: ReduceOptions & AsyncOptions): Work
export function allReduce(tensor: Tensor, options?: ReduceOptions): void
export function allReduce(tensor: Tensor, options: ReduceOptions = {}): Work | undefined {
  const name = 'allReduce'
  const { dtype, shape } = checkTensor(name, 'tensor', tensor, groupFor(name, options.group))
  const op = checkOp(name, options.op ?? 'sum', dtype)
  const { tensor: data, back } = dense(tensor)
  return submit(name, { kind: 'all_reduce', op, dtype, shape, data, finish: back }, options)
}

/** Combines the tensors of all ranks into that of rank `dst`; the others keep theirs. */
export function reduce(tensor: Tensor, dst: number, options: ReduceOptions & AsyncOptions): Work
export function reduce(tensor: Tensor, dst: number, options?: ReduceOptions): void
export function reduce(tensor: Tensor, dst: number, options: ReduceOptions = {}): Work | undefined {
  const name = 'reduce'
  const group = groupFor(name, options.group)
  const { dtype, shape } = checkTensor(name, 'tensor', tensor, group)
  const op = checkOp(name, options.op ?? 'sum', dtype)
  const root = group.rankOf(name, 'dst', dst)
  // The mean is of values that are scaled before they are added; those of the other ranks are not to change.
  const own = op === 'avg' && group.rank !== root ? noGrad(() => detach(tensor).clone()) : tensor
  const { tensor: data, back } = dense(own)
  return submit(name, { kind: 'reduce', op, root, dtype, shape, data, finish: back }, options)
}

/** Copies the tensor of rank `src` into those of all others. */
export function broadcast(tensor: Tensor, src: number, options: AsyncOptions): Work
export function broadcast(tensor: Tensor, src: number, options?: CollectiveOptions): void
export function broadcast(tensor: Tensor, src: number, options: CollectiveOptions = {}): Work | undefined {
  const name = 'broadcast'
  const group = groupFor(name, options.group)
  const { dtype, shape } = checkTensor(name, 'tensor', tensor, group)
  const root = group.rankOf(name, 'src', src)
  const { tensor: data, back } = dense(tensor)
  return submit(name, { kind: 'broadcast', root, dtype, shape, data, finish: back }, options)
}

/** Gives every rank the tensors of all, by rank: `tensorList` has one of the shape of `tensor` for each. */
export function allGather(tensorList: readonly Tensor[], tensor: Tensor, options: AsyncOptions): Work
export function allGather(tensorList: readonly Tensor[], tensor: Tensor, options?: CollectiveOptions): void
export function allGather(
  tensorList: readonly Tensor[],
  tensor: Tensor,
  options: CollectiveOptions = {},
): Work | undefined {
  const name = 'allGather'
  const group = groupFor(name, options.group)
  const { dtype, shape } = checkTensor(name, 'tensor', tensor, group)
  const list = checkTensors(name, 'tensorList', tensorList, group)
  for (const [i, t] of list.entries()) checkLike(name, `tensorList[${i}]`, t, dtype, shape)
  const output = parts(group, tensor)
  const request = {
    kind: 'all_gather',
    dtype,
    shape,
    data: dense(tensor).tensor,
    output,
    outParts: group.size,
  } as const
  return submit(name, { ...request, finish: () => spread(output, list) }, options)
}

/**
 * Gives every rank the tensors of all in one.
 *
 * @param output of shape [ranks, …] or [ranks · n, …], where `input` has shape [n, …]
 */
export function allGatherIntoTensor(output: Tensor, input: Tensor, options: AsyncOptions): Work
export function allGatherIntoTensor(output: Tensor, input: Tensor, options?: CollectiveOptions): void
export function allGatherIntoTensor(output: Tensor, input: Tensor, options: CollectiveOptions = {}): Work | undefined {
  const name = 'allGatherIntoTensor'
  const group = groupFor(name, options.group)
  const { dtype, shape } = checkTensor(name, 'input', input, group)
  checkParts(name, 'output', checkTensor(name, 'output', output, group), 'input', input, group.size)
  const { tensor, back } = dense(output)
  const data = dense(input).tensor
  return submit(
    name,
    { kind: 'all_gather', dtype, shape, data, output: tensor, outParts: group.size, finish: back },
    options,
  )
}

/** Throws unless `whole` holds `count` tensors like `part`, stacked or one after another. */
function checkParts(
  operation: string,
  name: string,
  whole: Tensor,
  partName: string,
  part: Tensor,
  count: number,
): void {
  checkLike(operation, name, whole, part.dtype, null)
  const along = part.ndim === 0 ? [count] : [count * part.shape[0], ...part.shape.slice(1)]
  const fits = [[count, ...part.shape], along].some((shape) => formatShape(shape) === formatShape(whole.shape))
  if (!fits)
    throw new ShapeError(
      `${operation}: expected ${name} of shape ${formatShape(along)} for ${count} ranks with ${partName} ` +
        `${formatShape(part.shape)}, got ${formatShape(whole.shape)}`,
    )
}

/** Gives rank `dst` the tensors of all: `gatherList` has one for each rank there, and is null elsewhere. */
export function gather(tensor: Tensor, gatherList: readonly Tensor[] | null, dst: number, options: AsyncOptions): Work
export function gather(
  tensor: Tensor,
  gatherList?: readonly Tensor[] | null,
  dst?: number,
  options?: CollectiveOptions,
): void
export function gather(
  tensor: Tensor,
  gatherList: readonly Tensor[] | null = null,
  dst = 0,
  options: CollectiveOptions = {},
): Work | undefined {
  const name = 'gather'
  const group = groupFor(name, options.group)
  const { dtype, shape } = checkTensor(name, 'tensor', tensor, group)
  const root = group.rankOf(name, 'dst', dst)
  const list = listAt(name, 'gatherList', gatherList, group, root, tensor)
  const output = list === null ? null : parts(group, tensor)
  const finish = (): void => {
    if (list !== null && output !== null) spread(output, list)
  }
  const data = dense(tensor).tensor
  return submit(name, { kind: 'gather', root, dtype, shape, data, output, outParts: group.size, finish }, options)
}

/** Gives each rank one of the tensors that rank `src` has in `scatterList`, which is null elsewhere. */
export function scatter(tensor: Tensor, scatterList: readonly Tensor[] | null, src: number, options: AsyncOptions): Work
export function scatter(
  tensor: Tensor,
  scatterList?: readonly Tensor[] | null,
  src?: number,
  options?: CollectiveOptions,
): void
export function scatter(
  tensor: Tensor,
  scatterList: readonly Tensor[] | null = null,
  src = 0,
  options: CollectiveOptions = {},
): Work | undefined {
  const name = 'scatter'
  const group = groupFor(name, options.group)
  const { dtype, shape } = checkTensor(name, 'tensor', tensor, group)
  const root = group.rankOf(name, 'src', src)
  const list = listAt(name, 'scatterList', scatterList, group, root, tensor)
  const data = list === null ? null : stacked(list)
  const { tensor: output, back } = dense(tensor)
  const request = { kind: 'scatter', root, dtype, shape, data, output, inParts: group.size, finish: back } as const
  return submit(name, request, options)
}

/** The list that the root alone has. */
function listAt(
  operation: string,
  name: string,
  list: readonly Tensor[] | null,
  group: ProcessGroup,
  root: number,
  like: Tensor,
): Tensor[] | null {
  if (group.rank !== root) {
    if (list !== null && !(Array.isArray(list) && list.length === 0))
      throw new ArgumentError(`${operation}: expected null for ${name} on every rank but ${group.ranks[root]}`)
    return null
  }
  const tensors = checkTensors(operation, name, list, group)
  for (const [i, t] of tensors.entries()) checkLike(operation, `${name}[${i}]`, t, like.dtype, like.shape)
  return tensors
}

/** Combines the lists of all ranks, and gives each rank its part: `output` is the combination of the n-th tensors. */
export function reduceScatter(output: Tensor, inputList: readonly Tensor[], options: ReduceOptions & AsyncOptions): Work
export function reduceScatter(output: Tensor, inputList: readonly Tensor[], options?: ReduceOptions): void
export function reduceScatter(
  output: Tensor,
  inputList: readonly Tensor[],
  options: ReduceOptions = {},
): Work | undefined {
  const name = 'reduceScatter'
  const group = groupFor(name, options.group)
  const { dtype, shape } = checkTensor(name, 'output', output, group)
  const list = checkTensors(name, 'inputList', inputList, group)
  for (const [i, t] of list.entries()) checkLike(name, `inputList[${i}]`, t, dtype, shape)
  return scatterSums(name, output, stacked(list), options)
}

/** `reduceScatter` with the parts in one tensor, of shape [ranks, …] or [ranks · n, …] for an output of [n, …]. */
export function reduceScatterTensor(output: Tensor, input: Tensor, options: ReduceOptions & AsyncOptions): Work
export function reduceScatterTensor(output: Tensor, input: Tensor, options?: ReduceOptions): void
export function reduceScatterTensor(output: Tensor, input: Tensor, options: ReduceOptions = {}): Work | undefined {
  const name = 'reduceScatterTensor'
  const group = groupFor(name, options.group)
  checkTensor(name, 'output', output, group)
  checkParts(name, 'input', checkTensor(name, 'input', input, group), 'output', output, group.size)
  // The mean scales its input, which is not to change.
  const own = options.op === 'avg' ? noGrad(() => detach(input).clone()) : input
  return scatterSums(name, output, dense(own).tensor, options)
}

function scatterSums(name: string, output: Tensor, data: Tensor, options: ReduceOptions): Work | undefined {
  const { dtype, shape } = output
  const op = checkOp(name, options.op ?? 'sum', dtype)
  const { tensor, back } = dense(output)
  const inParts = groupFor(name, options.group).size
  return submit(
    name,
    { kind: 'reduce_scatter', op, dtype, shape, data, output: tensor, inParts, finish: back },
    options,
  )
}

/** Gives each rank the n-th tensor of every rank's list. The tensors of a list may have different sizes. */
export function allToAll(outputList: readonly Tensor[], inputList: readonly Tensor[], options: AsyncOptions): Work
export function allToAll(outputList: readonly Tensor[], inputList: readonly Tensor[], options?: CollectiveOptions): void
export function allToAll(
  outputList: readonly Tensor[],
  inputList: readonly Tensor[],
  options: CollectiveOptions = {},
): Work | undefined {
  const name = 'allToAll'
  const group = groupFor(name, options.group)
  const inputs = checkTensors(name, 'inputList', inputList, group)
  const outputs = checkTensors(name, 'outputList', outputList, group)
  const { dtype } = inputs[0]
  for (const [i, t] of inputs.entries()) checkLike(name, `inputList[${i}]`, t, dtype, null)
  for (const [i, t] of outputs.entries()) checkLike(name, `outputList[${i}]`, t, dtype, null)
  const sendCounts = inputs.map((t) => t.numel())
  const receiveCounts = outputs.map((t) => t.numel())
  const data = allocate([sum(sendCounts)], dtype, group.device)
  const output = allocate([sum(receiveCounts)], dtype, group.device)
  const each = (flat: Tensor, list: readonly Tensor[], visit: (part: Tensor, t: Tensor) => void): void =>
    noGrad(() => {
      let at = 0
      for (const t of list) {
        const n = t.numel()
        visit(flat.narrow(0, at, n).view(t.shape), t)
        at += n
      }
    })
  each(data, inputs, (part, t) => put(part, detach(t)))
  const finish = (): void => each(output, outputs, (part, t) => put(t, part))
  return submit(
    name,
    { kind: 'all_to_all', dtype, shape: [], data, output, sendCounts, receiveCounts, finish },
    options,
  )
}

/**
 * Splits `input` along its first dimension, gives each rank a part, and puts what comes from them after one another.
 *
 * @param outputSplitSizes rows from each rank; default: equal parts
 * @param inputSplitSizes rows for each rank; default: equal parts
 */
export function allToAllSingle(
  output: Tensor,
  input: Tensor,
  outputSplitSizes: readonly number[] | null,
  inputSplitSizes: readonly number[] | null,
  options: AsyncOptions,
): Work
export function allToAllSingle(
  output: Tensor,
  input: Tensor,
  outputSplitSizes?: readonly number[] | null,
  inputSplitSizes?: readonly number[] | null,
  options?: CollectiveOptions,
): void
export function allToAllSingle(
  output: Tensor,
  input: Tensor,
  outputSplitSizes: readonly number[] | null = null,
  inputSplitSizes: readonly number[] | null = null,
  options: CollectiveOptions = {},
): Work | undefined {
  const name = 'allToAllSingle'
  const group = groupFor(name, options.group)
  const { size } = group
  const { dtype } = checkTensor(name, 'input', input, group)
  checkLike(name, 'output', checkTensor(name, 'output', output, group), dtype, null)
  const receiveCounts = counts(name, 'output', output, outputSplitSizes, size)
  const sendCounts = counts(name, 'input', input, inputSplitSizes, size)
  const { tensor, back } = dense(output)
  const data = dense(input).tensor
  const request = { kind: 'all_to_all', dtype, shape: [], data, output: tensor, sendCounts, receiveCounts } as const
  return submit(name, { ...request, finish: back }, options)
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

/** Elements a rank, of a tensor that is split along its first dimension. */
function counts(operation: string, name: string, t: Tensor, splits: readonly number[] | null, size: number): number[] {
  const rows = t.shape[0] ?? 0
  const row = numelOf(t.shape.slice(1))
  if (splits === null || splits.length === 0) {
    if (t.ndim === 0 || rows % size !== 0)
      throw new ShapeError(
        `${operation}: expected ${name} with a first dimension that ${size} ranks can share, got ${formatShape(t.shape)}`,
      )
    return new Array(size).fill((rows / size) * row)
  }
  const fits = splits.length === size && splits.every((n) => Number.isInteger(n) && n >= 0) && sum(splits) === rows
  if (!fits)
    throw new ArgumentError(
      `${operation}: expected ${size} sizes that add up to ${rows} for ${name}SplitSizes, got ${describe(splits)}`,
    )
  return splits.map((n) => n * row)
}

/** Waits until every rank is here. */
export function barrier(options: AsyncOptions): Work
export function barrier(options?: CollectiveOptions): void
export function barrier(options: CollectiveOptions = {}): Work | undefined {
  return submit('barrier', { kind: 'barrier', dtype: 'float32', shape: [] }, options)
}

/** `barrier`, under the name that PyTorch has for one that says which ranks did not come: every barrier here does. */
export function monitoredBarrier(
  options: { readonly group?: ProcessGroup | null; readonly timeout?: number } = {},
): void {
  submit('monitoredBarrier', { kind: 'barrier', dtype: 'float32', shape: [] }, options)
}
