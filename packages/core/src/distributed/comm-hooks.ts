// How gradients are exchanged: as they are, or as 16-bit floats.
import { noGrad } from '../autograd/mode.js'
import { detach, to } from '../ops/index.js'
import type { DType } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import type { GradBucket } from './bucket.js'
import { allReduce } from './collectives.js'
import type { ProcessGroup } from './process-group.js'

/** What a communication hook gives: `wait` blocks, and gives the averaged gradients of the bucket. */
export interface PendingGradients {
  wait(): Tensor
}

/** Exchanges the gradients of a bucket. It is called with the buckets in the same order on every rank. */
export type CommHook<State> = (state: State, bucket: GradBucket) => PendingGradients

/** The mean over all ranks. */
export function allreduceHook(group: ProcessGroup | null, bucket: GradBucket): PendingGradients {
  const buffer = bucket.buffer()
  const work = allReduce(buffer, { op: 'avg', group, asyncOp: true })
  return {
    wait() {
      work.wait()
      return buffer
    },
  }
}

function compressed(dtype: DType, group: ProcessGroup | null, bucket: GradBucket): PendingGradients {
  const buffer = bucket.buffer()
  const small = noGrad(() => to(detach(buffer), dtype))
  const work = allReduce(small, { op: 'avg', group, asyncOp: true })
  return {
    wait() {
      work.wait()
      return noGrad(() => to(small, buffer.dtype))
    },
  }
}

/** The mean over all ranks, sent as float16. */
export const fp16CompressHook = (group: ProcessGroup | null, bucket: GradBucket): PendingGradients =>
  compressed('float16', group, bucket)

/** The mean over all ranks, sent as bfloat16. */
export const bf16CompressHook = (group: ProcessGroup | null, bucket: GradBucket): PendingGradients =>
  compressed('bfloat16', group, bucket)
