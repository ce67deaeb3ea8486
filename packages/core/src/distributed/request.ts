// Tensors as collectives take them, and the one way to the addon.

import { noGrad } from '../autograd/mode.js'
import { observed } from '../binding/call.js'
import type { Memory } from '../binding/distributed.js'
import { native } from '../binding/native.js'
import { ArgumentError, DeviceError, DisposedError, DTypeError, describe, ShapeError } from '../errors.js'
import { contiguous, detach } from '../ops/index.js'
import { DTYPES, type DType, isComplex, isFloating, isInteger } from '../tensor/dtype.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'
import { checkTimeout, guarded } from './failures.js'
import { type Backend, groupFor, type ProcessGroup } from './process-group.js'
import { Work } from './work.js'

const lib = native.distributed

/** How the values of several ranks become one. */
export const ReduceOp = {
  SUM: 'sum',
  AVG: 'avg',
  PRODUCT: 'product',
  MIN: 'min',
  MAX: 'max',
  BAND: 'band',
  BOR: 'bor',
  BXOR: 'bxor',
} as const
export type ReduceOp = (typeof ReduceOp)[keyof typeof ReduceOp]

/** The order is that of native/include/flambeau/distributed.h. */
const OPS: readonly ReduceOp[] = ['sum', 'avg', 'product', 'min', 'max', 'band', 'bor', 'bxor']
export const KINDS = [
  'all_reduce',
  'reduce',
  'broadcast',
  'all_gather',
  'gather',
  'scatter',
  'reduce_scatter',
  'all_to_all',
  'barrier',
] as const
export type Kind = (typeof KINDS)[number]

/** The options that every collective has. */
export interface CollectiveOptions {
  /** Default: all processes. */
  readonly group?: ProcessGroup | null
  /** Give a `Work` at once instead of waiting. Default false. */
  readonly asyncOp?: boolean
  /** How long to wait, in milliseconds. Default: the group's. */
  readonly timeout?: number
}

export interface AsyncOptions extends CollectiveOptions {
  readonly asyncOp: true
}

/** What is said of tensors that are elsewhere; PyTorch's words for NCCL. */
const ELSEWHERE: Record<Backend, (device: string) => string> = {
  gloo: () => 'Gloo exchanges tensors of the CPU',
  mpi: () => 'MPI exchanges tensors of the CPU',
  nccl: (device) => `No backend type associated with device type ${device.replace(/:.*/, '')}`,
}

/** Throws unless `t` is a tensor that a process group can take. */
export function checkTensor(operation: string, name: string, t: unknown, { backend, device }: ProcessGroup): Tensor {
  if (!(t instanceof Tensor)) throw new ArgumentError(`${operation}: expected a tensor for ${name}, got ${describe(t)}`)
  if (t.device !== device)
    throw new DeviceError(
      `${operation}: expected ${name} on ${device}, got it on ${t.device}; ${ELSEWHERE[backend](t.device)}`,
    )
  if (t.isDisposed) throw new DisposedError(`${operation}: ${name} was used after dispose()`)
  return t
}

export function checkTensors(operation: string, name: string, list: unknown, group: ProcessGroup): Tensor[] {
  if (!Array.isArray(list) || list.length !== group.size)
    throw new ArgumentError(`${operation}: expected a list of ${group.size} tensors for ${name}, got ${describe(list)}`)
  return list.map((t, i) => checkTensor(operation, `${name}[${i}]`, t, group))
}

/** Throws unless both have one dtype, and `shape` where one is given. */
export function checkLike(
  operation: string,
  name: string,
  t: Tensor,
  dtype: DType,
  shape: readonly number[] | null,
): void {
  if (t.dtype !== dtype) throw new DTypeError(`${operation}: expected ${name} of ${dtype}, got ${t.dtype}`)
  if (shape !== null && !sameShape(t.shape, shape))
    throw new ShapeError(`${operation}: expected ${name} of shape ${formatShape(shape)}, got ${formatShape(t.shape)}`)
}

export function checkOp(operation: string, op: unknown, dtype: DType): ReduceOp {
  if (!OPS.includes(op as ReduceOp))
    throw new ArgumentError(`${operation}: expected one of ${OPS.join(', ')} for op, got ${describe(op)}`)
  const bits = op === 'band' || op === 'bor' || op === 'bxor'
  const ordered = op === 'min' || op === 'max'
  const refused =
    dtype === 'complex32' ||
    (bits && !isInteger(dtype) && dtype !== 'bool') ||
    (ordered && isComplex(dtype)) ||
    (op === 'avg' && !isFloating(dtype) && !isComplex(dtype))
  if (refused) throw new DTypeError(`${operation}: ${String(op)} is not there for ${dtype}`)
  return op as ReduceOp
}

/** A tensor's memory, dense; where the tensor is not, a copy of it, which `back` puts into it. */
export interface Dense {
  readonly tensor: Tensor
  readonly back: () => void
}

export function dense(t: Tensor): Dense {
  t.storage.makeStrided()
  if (t.isContiguous()) return { tensor: t, back: () => wrote(t) }
  const copy = noGrad(() => contiguous(detach(t)))
  return { tensor: copy, back: () => put(t, copy) }
}

/** Copies values into a tensor, past autograd. */
export function put(target: Tensor, value: Tensor): void {
  noGrad(() => detach(target).copy_(value))
}

/** Backward is to notice that these values have changed. */
export function wrote(t: Tensor): void {
  t.storage.version++
}

export function memoryOf(operation: string, t: Tensor): Memory {
  const { handle, base } = t.storage
  if (handle === null) throw new DisposedError(`${operation}: a tensor was used after dispose()`)
  return { handle, at: base + t.offset * DTYPES[t.dtype].size }
}

/** What kept calls would compute is not there yet. */
export function checkNow(operation: string): void {
  if (observed.by !== null)
    throw new ArgumentError(
      `${operation}: cannot be called inside of runAsync or compile: the values are not computed yet`,
    )
}

export interface Request {
  readonly kind: Kind
  readonly op?: ReduceOp
  readonly root?: number
  readonly dtype: DType
  /** Of one rank's part. */
  readonly shape: readonly number[]
  readonly data?: Tensor | null
  readonly output?: Tensor | null
  /** How many parts `data` and `output` hold. */
  readonly inParts?: number
  readonly outParts?: number
  readonly sendCounts?: readonly number[]
  readonly receiveCounts?: readonly number[]
  readonly note?: string
  /** What is left to do once it is done. */
  readonly finish?: () => void
}

/** Runs a collective: to its end, or with `asyncOp` in the background. */
export function submit(operation: string, request: Request, options: CollectiveOptions): Work | undefined {
  checkNow(operation)
  const group = groupFor(operation, options.group)
  const handle = group.handleFor(operation)
  const timeout = options.timeout === undefined ? group.timeout : checkTimeout(operation, options.timeout)
  const { kind, op = 'sum', root = -1, dtype, shape, data, output, inParts = 1, outParts = 1, finish } = request
  const wait = options.asyncOp !== true
  const work = guarded(operation, () =>
    lib.runCollective(
      handle,
      {
        kind: KINDS.indexOf(kind),
        op: OPS.indexOf(op),
        dtype: DTYPES[dtype].code,
        root,
        count: shape.reduce((n, size) => n * size, 1),
        shape,
        sendCounts: request.sendCounts ?? [],
        receiveCounts: request.receiveCounts ?? [],
        note: request.note ?? '',
        timeout,
        data: data ? memoryOf(operation, data) : null,
        output: output ? memoryOf(operation, output) : null,
      },
      inParts,
      outParts,
      wait,
    ),
  )
  const under = new Work(operation, work, () => finish?.())
  if (!wait) return under
  under.wait()
  return undefined
}
