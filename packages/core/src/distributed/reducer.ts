// Averages gradients over the ranks while backward goes on: a bucket is exchanged as soon as its gradients are there.
import { makeEager, queueCallback } from '../autograd/engine.js'
import { registerPostAccumulateGradHook } from '../autograd/hooks.js'
import { noGrad } from '../autograd/mode.js'
import { type AccumulateGrad, edgeOf } from '../autograd/node.js'
import { AutogradError } from '../errors.js'
import { detach, tensor } from '../ops/index.js'
import type { Parameter } from '../tensor/parameter.js'
import type { Tensor } from '../tensor/tensor.js'
import { type GradBucket, makeBuckets, type Slot } from './bucket.js'
import { allReduce } from './collectives.js'
import type { PendingGradients } from './comm-hooks.js'
import type { ProcessGroup } from './process-group.js'
import { put } from './request.js'

export interface ReducerOptions {
  readonly group: ProcessGroup
  readonly bucketCapMb: number
  readonly findUnusedParameters: boolean
  readonly gradientAsBucketView: boolean
}

/** What is going on in one bucket during a backward pass. */
interface Progress {
  readonly bucket: GradBucket
  /** Slots whose gradient is in the bucket. */
  readonly ready: Set<Slot>
  pending: PendingGradients | null
}

export class Reducer {
  readonly #options: ReducerOptions
  readonly #buckets: readonly GradBucket[]
  readonly #progress: Progress[]
  /** Buckets are exchanged in order, as they are on every other rank. */
  #next = 0
  #running = false
  readonly #ends: (() => void)[] = []
  /** Whether backward exchanges gradients now. */
  sync = true
  exchange: (bucket: GradBucket) => PendingGradients

  constructor(
    named: readonly (readonly [string, Parameter])[],
    options: ReducerOptions,
    exchange: (bucket: GradBucket) => PendingGradients,
  ) {
    this.#options = options
    this.exchange = exchange
    this.#buckets = makeBuckets(named, options.bucketCapMb)
    this.#progress = this.#buckets.map((bucket) => ({ bucket, ready: new Set(), pending: null }))
    for (const progress of this.#progress)
      for (const slot of progress.bucket.slots) {
        const handle = registerPostAccumulateGradHook(slot.parameter, () => this.#arrived(progress, slot))
        const end = makeEager(edgeOf(slot.parameter)?.node as AccumulateGrad)
        this.#ends.push(() => handle.remove(), end)
      }
  }

  /** Leaves the parameters alone from now on. */
  close(): void {
    for (const end of this.#ends.splice(0)) end()
  }

  #arrived(progress: Progress, slot: Slot): void {
    if (!this.sync) return
    if (!this.#running) {
      this.#running = true
      queueCallback((done) => this.#finish(done))
    }
    if (progress.pending !== null)
      throw new AutogradError(
        `DistributedDataParallel: the gradient of '${slot.name}' changed after it was exchanged: the parameter is used in ` +
          'several backward passes within one, such as two checkpoints',
      )
    const { grad } = slot.parameter
    if (grad !== null && !sameMemory(grad, slot.view)) put(slot.view, detach(grad))
    progress.ready.add(slot)
    this.#launch()
  }

  /** Exchanges whatever is complete and in turn. */
  #launch(): void {
    for (; this.#next < this.#progress.length; this.#next++) {
      const progress = this.#progress[this.#next]
      if (progress.ready.size < progress.bucket.slots.length) return
      progress.pending = this.exchange(progress.bucket)
    }
  }

  #finish(done: boolean): void {
    try {
      if (done) this.#complete()
    } finally {
      this.#running = false
      this.#next = 0
      for (const progress of this.#progress) {
        progress.ready.clear()
        progress.pending = null
      }
    }
  }

  #complete(): void {
    const unused = this.#progress.flatMap(({ bucket, ready }) => bucket.slots.filter((slot) => !ready.has(slot)))
    const { findUnusedParameters, gradientAsBucketView } = this.#options
    if (unused.length > 0 && !findUnusedParameters)
      throw new AutogradError(
        `DistributedDataParallel: backward gave no gradient to ${names(unused)}; pass { findUnusedParameters: true } where a ` +
          'pass does not use all parameters',
      )
    for (const { parameter, view } of unused) {
      // Gradients of earlier passes, where steps are accumulated.
      if (parameter.grad === null) view.zero_()
      else if (!sameMemory(parameter.grad, view)) put(view, detach(parameter.grad))
    }
    for (const progress of this.#progress) for (const slot of progress.bucket.slots) progress.ready.add(slot)
    this.#launch()
    const used = findUnusedParameters ? this.#usedAnywhere(new Set(unused)) : null
    for (const { bucket, pending } of this.#progress) {
      const averaged = pending?.wait()
      if (averaged !== undefined) bucket.setBuffer(averaged)
      for (const slot of bucket.slots) {
        const { parameter, view } = slot
        // What no rank has used keeps what it had, which may be nothing.
        if (used !== null && !used.has(slot)) continue
        if (gradientAsBucketView) parameter.grad = view
        else if (parameter.grad === null) parameter.grad = noGrad(() => view.clone())
        else put(parameter.grad, view)
      }
    }
  }

  #usedAnywhere(unused: ReadonlySet<Slot>): Set<Slot> {
    const slots = this.#buckets.flatMap((bucket) => [...bucket.slots])
    const flags = this.#sumFlags(slots.map((slot) => !unused.has(slot)))
    return new Set(slots.filter((_, i) => flags[i]))
  }

  #sumFlags(flags: readonly boolean[]): boolean[] {
    const { group } = this.#options
    const t = tensor([...flags].map(Number), { dtype: 'uint8', device: group.device })
    allReduce(t, { op: 'max', group })
    return (t.tolist() as number[]).map((value) => value !== 0)
  }

  /** Takes part in a backward pass of the others with gradients of zero. */
  shadow(): void {
    const pending = this.#buckets.map((bucket) => {
      bucket.buffer().zero_()
      return this.exchange(bucket)
    })
    if (this.#options.findUnusedParameters) this.#sumFlags(this.#buckets.flatMap(({ slots }) => slots.map(() => false)))
    for (const one of pending) one.wait()
  }
}

const sameMemory = (a: Tensor, b: Tensor): boolean => a.storage === b.storage && a.offset === b.offset

const names = (slots: readonly Slot[]): string => {
  const list = slots.map(({ name }) => `'${name}'`)
  return list.length <= 8 ? list.join(', ') : `${list.slice(0, 8).join(', ')} and ${list.length - 8} more`
}
