// Gradients in flat pieces of memory: few large all-reduces are faster than many small ones.
import { noGrad } from '../autograd/mode.js'
import { detach } from '../ops/index.js'
import { allocate } from '../tensor/create.js'
import { DTYPES } from '../tensor/dtype.js'
import type { Parameter } from '../tensor/parameter.js'
import type { Tensor } from '../tensor/tensor.js'

/** A parameter's place in a bucket. */
export interface Slot {
  readonly name: string
  readonly parameter: Parameter
  /** The part of the bucket that its gradient goes to, in the parameter's shape. */
  readonly view: Tensor
}

/** Gradients that are exchanged together. */
export class GradBucket {
  readonly #index: number
  readonly #last: boolean
  readonly #slots: readonly Slot[]
  #buffer: Tensor

  constructor(index: number, last: boolean, parameters: readonly (readonly [string, Parameter])[]) {
    const [, { dtype, device }] = parameters[0]
    const size = parameters.reduce((n, [, p]) => n + p.numel(), 0)
    const buffer = allocate([size], dtype, device)
    let at = 0
    this.#slots = parameters.map(([name, parameter]) => {
      const n = parameter.numel()
      const view = noGrad(() => buffer.narrow(0, at, n).view(parameter.shape))
      at += n
      return { name, parameter, view }
    })
    this.#index = index
    this.#last = last
    this.#buffer = buffer
    buffer.zero_()
  }

  /** @internal */
  get slots(): readonly Slot[] {
    return this.#slots
  }

  /** Its number: 0 is the first that is complete. */
  index(): number {
    return this.#index
  }
  /** All gradients, one after another; shape [n]. */
  buffer(): Tensor {
    return this.#buffer
  }
  /** Puts other values of the same shape in the place of the gradients. */
  setBuffer(values: Tensor): void {
    if (values !== this.#buffer) noGrad(() => this.#buffer.copy_(detach(values)))
  }
  /** The gradients in the parameters' shapes. They share memory with the bucket. */
  gradients(): Tensor[] {
    return this.#slots.map(({ view }) => view)
  }
  parameters(): Parameter[] {
    return this.#slots.map(({ parameter }) => parameter)
  }
  /** Whether it is the one that is complete last. */
  isLast(): boolean {
    return this.#last
  }
}

const MEGABYTE = 2 ** 20
/** The first bucket is small, so that exchanging begins early. */
const FIRST = MEGABYTE

/** Divides parameters into buckets, from the last parameter to the first: roughly in the order of their gradients. */
export function makeBuckets(named: readonly (readonly [string, Parameter])[], capMb: number): GradBucket[] {
  const groups: (readonly [string, Parameter])[][] = []
  // One dtype and one device each; a bucket of one stays open while parameters of another come by.
  const open = new Map<string, { group: (readonly [string, Parameter])[]; bytes: number }>()
  for (const entry of [...named].reverse()) {
    const [, parameter] = entry
    const bytes = parameter.numel() * DTYPES[parameter.dtype].size
    const kind = `${parameter.dtype} on ${parameter.device}`
    let current = open.get(kind)
    const cap =
      current !== undefined && current.group === groups[0] ? Math.min(FIRST, capMb * MEGABYTE) : capMb * MEGABYTE
    if (current === undefined || current.bytes >= cap) {
      current = { group: [], bytes: 0 }
      groups.push(current.group)
      open.set(kind, current)
    }
    current.group.push(entry)
    current.bytes += bytes
  }
  return groups.map((group, i) => new GradBucket(i, i === groups.length - 1, group))
}
