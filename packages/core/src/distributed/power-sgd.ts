// Gradients exchanged as products of two thin matrices. [Vogels et al., 2019](https://arxiv.org/abs/1905.13727)
import { noGrad } from '../autograd/mode.js'
import { ArgumentError } from '../errors.js'
import { Generator, linalg, matmul, randn, sub } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import type { Tensor } from '../tensor/tensor.js'
import type { GradBucket } from './bucket.js'
import { allReduce } from './collectives.js'
import { allreduceHook, type PendingGradients } from './comm-hooks.js'
import type { ProcessGroup } from './process-group.js'

export interface PowerSGDOptions {
  /** Default: all processes. */
  readonly processGroup?: ProcessGroup | null
  /** Columns of the two matrices: more are closer to the gradient. Default 1. */
  readonly matrixApproximationRank?: number
  /** Steps with plain means before. Default 1000. */
  readonly startPowerSGDIter?: number
  /** Gradients are sent as they are unless this makes them so many times smaller. Default 2. */
  readonly minCompressionRate?: number
  /** Adds what was lost in one step to the next. Default true. */
  readonly useErrorFeedback?: boolean
  /** Begins each step from the matrix of the one before. Default true. */
  readonly warmStart?: boolean
  /** Of the matrices that it begins with. Default 0. */
  readonly randomSeed?: number
}

/** What `powerSGDHook` remembers from step to step. */
export class PowerSGDState {
  readonly options: Required<PowerSGDOptions>
  /** Steps so far. */
  iter = 0
  /** @internal What each bucket has lost. */
  readonly errors = new Map<number, Tensor>()
  /** @internal The right-hand matrices of each bucket. */
  readonly factors = new Map<number, Tensor[]>()
  /** @internal The same on every rank. */
  readonly generator: Generator

  constructor(options: PowerSGDOptions = {}) {
    const all = {
      processGroup: null,
      matrixApproximationRank: 1,
      startPowerSGDIter: 1000,
      minCompressionRate: 2,
      useErrorFeedback: true,
      warmStart: true,
      randomSeed: 0,
      ...options,
    }
    if (!(Number.isInteger(all.matrixApproximationRank) && all.matrixApproximationRank > 0))
      throw new ArgumentError(
        `PowerSGDState: expected a positive integer for matrixApproximationRank, got ${String(all.matrixApproximationRank)}`,
      )
    if ((all.useErrorFeedback || all.warmStart) && all.startPowerSGDIter < 2)
      throw new ArgumentError(
        `PowerSGDState: expected startPowerSGDIter of at least 2 with useErrorFeedback or warmStart, got ${all.startPowerSGDIter}`,
      )
    this.options = all
    this.generator = new Generator().manualSeed(all.randomSeed)
  }
}

/** The mean over all ranks, in which each matrix is replaced by its approximation of low rank. */
export function powerSGDHook(state: PowerSGDState, bucket: GradBucket): PendingGradients {
  const { processGroup: group, startPowerSGDIter } = state.options
  const plain = state.iter < startPowerSGDIter
  if (bucket.isLast()) state.iter++
  if (plain) return allreduceHook(group, bucket)
  noGrad(() => approximate(state, bucket))
  return { wait: () => bucket.buffer() }
}

function approximate(state: PowerSGDState, bucket: GradBucket): void {
  const {
    processGroup: group,
    matrixApproximationRank,
    minCompressionRate,
    useErrorFeedback,
    warmStart,
  } = state.options
  const buffer = bucket.buffer()
  const error = state.errors.get(bucket.index())
  if (useErrorFeedback && error !== undefined) buffer.add_(error)
  const before = useErrorFeedback ? buffer.clone() : null
  const matrices: Tensor[] = []
  const others: Tensor[] = []
  for (const grad of bucket.gradients()) {
    const n = grad.shape[0] ?? 1
    const m = grad.numel() / Math.max(n, 1)
    const rank = Math.min(n, m, matrixApproximationRank)
    const worth = grad.ndim > 1 && (n + m) * rank * minCompressionRate < n * m
    if (worth) matrices.push(grad.view([n, m]))
    else others.push(grad)
  }
  exchange(others, 'avg', group)
  const known = warmStart ? state.factors.get(bucket.index()) : undefined
  const right = matrices.map((matrix, i) => {
    const [n, m] = matrix.shape
    const q = known?.[i] ?? randn([m, Math.min(n, m, matrixApproximationRank)], { generator: state.generator })
    return orthogonal(q, matrix)
  })
  const left = matrices.map((matrix, i) => matmul(matrix, right[i]))
  exchange(left, 'sum', group)
  const basis = left.map((p) => orthogonal(p, p))
  const projected = matrices.map((matrix, i) => matmul(matrix.t(), basis[i]))
  exchange(projected, 'avg', group)
  for (const [i, matrix] of matrices.entries()) matrix.copy_(matmul(basis[i], projected[i].t()))
  if (before !== null) state.errors.set(bucket.index(), sub(before, buffer))
  if (warmStart) state.factors.set(bucket.index(), projected)
}

/** Orthogonal columns in the dtype and on the device of `like`. The factorisation is the CPU's: the matrices are thin. */
const orthogonal = (q: Tensor, like: Tensor): Tensor =>
  linalg.qr(q.to({ device: 'cpu', dtype: like.dtype })).Q.to(like.device)

/** Combines tensors of all ranks in one message. */
function exchange(tensors: readonly Tensor[], op: 'sum' | 'avg', group: ProcessGroup | null): void {
  if (tensors.length === 0) return
  const flat = allocate([tensors.reduce((n, t) => n + t.numel(), 0)], tensors[0].dtype, tensors[0].device)
  const each = (visit: (part: Tensor, t: Tensor) => void): void => {
    let at = 0
    for (const t of tensors) {
      visit(flat.narrow(0, at, t.numel()).view(t.shape), t)
      at += t.numel()
    }
  }
  each((part, t) => part.copy_(t))
  allReduce(flat, { op, group })
  each((part, t) => t.copy_(part))
}
