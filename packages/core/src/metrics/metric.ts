// What a metric is: a value over many batches, from a state that adds up.
import { noGrad } from '../autograd/mode.js'
import { ArgumentError, describe } from '../errors.js'
import { maximum, minimum, zeros } from '../ops/index.js'
import type { Device } from '../tensor/device.js'
import type { DType } from '../tensor/dtype.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import { Tensor } from '../tensor/tensor.js'

/** How the states of two parts of the data become that of both. */
export type StateReduction = 'sum' | 'max' | 'min' | 'cat'

/** What a metric remembers, by name: tensors, or lists of tensors that grow. */
export type MetricState = { [name: string]: Tensor | Tensor[] }

/** One entry of a state: how it begins, and how parts become one. */
export interface StateEntry<T extends Tensor | Tensor[]> {
  readonly initial: () => T
  readonly reduction: StateReduction
}

/** The entries of a state by name. */
export type StateEntries<S extends MetricState> = { readonly [K in keyof S]: StateEntry<S[K]> }

/** An entry that begins with zeros and adds up. */
export const summed = (shape: readonly number[] = [], dtype: DType = 'float32'): StateEntry<Tensor> => ({
  initial: () => zeros([...shape], { dtype, device: 'cpu' }),
  reduction: 'sum',
})

/** An entry that begins as an empty list; lists are joined. */
export const collected = (): StateEntry<Tensor[]> => ({ initial: () => [], reduction: 'cat' })

/** A metric of any arguments and result. */
// biome-ignore lint/suspicious/noExplicitAny: a metric's own arguments are narrower than any list of metrics can say
export type AnyMetric = Metric<any, any[], unknown>

/**
 * The base of every metric: `update` takes a batch into the state, `compute` gives the value over all batches since
 * `reset`, and `forward` does both and gives the value of the batch alone.
 *
 * A subclass says what its state is made of, and how two states become one, so that processes that have each seen a
 * part of the data can add theirs up.
 *
 * @typeParam S the state: tensors, or lists of tensors, by name
 * @typeParam Args what `update` takes
 * @typeParam Out what `compute` gives
 * @example
 * ```ts
 * import { type Tensor, tensor } from '@flambeau/core'
 * import { Metric, summed } from '@flambeau/core/metrics'
 * class Misses extends Metric<{ misses: Tensor }, [preds: Tensor, target: Tensor], Tensor> {
 *   constructor() {
 *     super({ misses: summed([], 'int64') })
 *   }
 *   override update(preds: Tensor, target: Tensor): void {
 *     this.add('misses', preds.ne(target).sum())
 *   }
 *   override compute(): Tensor {
 *     return this.state.misses
 *   }
 * }
 * const metric = new Misses()
 * console.log(metric.forward(tensor([1, 2]), tensor([1, 3])).item()) // → 1
 * metric.update(tensor([1, 2]), tensor([2, 1]))
 * console.log(metric.compute().item()) // → 3
 * ```
 */
export abstract class Metric<
  S extends MetricState = MetricState,
  Args extends unknown[] = [preds: Tensor, target: Tensor],
  Out = Tensor,
> {
  /** Whether a larger value is a better one; null where that cannot be said. */
  readonly higherIsBetter: boolean | null = null
  /** The entries that the state is made of. */
  readonly entries: StateEntries<S>
  /** What has been taken in since the last `reset`. */
  state: S
  /** What the last `forward` gave; null before there was one. */
  batchValue: Out | null = null

  constructor(entries: StateEntries<S>) {
    this.entries = entries
    this.state = this.initialState()
  }

  /** Takes a batch into the state. */
  abstract update(...args: Args): void
  /** The value over everything since the last `reset`. */
  abstract compute(): Out

  /** Takes a batch into the state. @returns the value of this batch alone */
  forward(...args: Args): Out {
    const before = this.state
    this.state = this.initialState()
    let value: Out
    try {
      this.update(...args)
      value = this.compute()
    } catch (error) {
      this.state = before
      throw error
    }
    this.state = this.#merged(before, this.state)
    this.batchValue = value
    return value
  }

  /** Begins anew. */
  reset(): void {
    this.state = this.initialState()
    this.batchValue = null
  }

  /** Takes over what another metric of the same kind has seen. */
  mergeState(other: this | S): void {
    this.state = this.#merged(this.state, other instanceof Metric ? (other.state as S) : other)
  }

  /** @internal */
  protected initialState(): S {
    return Object.fromEntries(Object.entries(this.entries).map(([name, { initial }]) => [name, initial()])) as S
  }

  /** Adds to an entry that adds up, on the device of what is added. */
  protected add(name: keyof S & string, value: Tensor | number): void {
    const entry: Tensor | Tensor[] = this.state[name]
    if (Array.isArray(entry)) throw new ArgumentError(`${this.constructor.name}.add: '${name}' is a list; use append`)
    noGrad(() => {
      const sum = value instanceof Tensor && value.device !== entry.device ? entry.to(value.device) : entry
      this.state[name] = sum.add(value) as S[keyof S & string]
    })
  }

  /** Appends to an entry that is a list. */
  protected append(name: keyof S & string, value: Tensor): void {
    const entry: Tensor | Tensor[] = this.state[name]
    if (!Array.isArray(entry)) throw new ArgumentError(`${this.constructor.name}.append: '${name}' is no list; use add`)
    entry.push(value.detach())
  }

  #merged(a: S, b: S): S {
    const merged = Object.entries(this.entries).map(([name, { reduction }]) => [
      name,
      reduce(this.constructor.name, name, reduction, a[name], b[name]),
    ])
    return Object.fromEntries(merged) as S
  }

  /** The state, of which lists are arrays. */
  stateDict(): S {
    const copied = Object.entries(this.state).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value])
    return Object.fromEntries(copied) as S
  }

  /** Goes on from a state. @throws ArgumentError where it is that of another metric */
  loadStateDict(state: { readonly [name: string]: unknown }): void {
    const name = this.constructor.name
    if (typeof state !== 'object' || state === null)
      throw new ArgumentError(`${name}.loadStateDict: expected a state dict, got ${describe(state)}`)
    const expected = Object.keys(this.entries)
    const missing = expected.filter((key) => !Object.hasOwn(state, key))
    const unexpected = Object.keys(state).filter((key) => !expected.includes(key))
    if (missing.length + unexpected.length > 0)
      throw new ArgumentError(
        `${name}.loadStateDict: missing: ${missing.join(', ') || 'none'}; not expected: ${unexpected.join(', ') || 'none'}`,
      )
    const loaded = expected.map((key) => [key, checked(`${name}.loadStateDict`, key, this.state[key], state[key])])
    this.state = Object.fromEntries(loaded) as S
  }

  /** Moves the state to a device. @returns this metric */
  to(device: Device): this {
    const moved = Object.entries(this.state).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((t) => t.to(device)) : value.to(device),
    ])
    this.state = Object.fromEntries(moved) as S
    return this
  }

  /** A metric like this one, with a state of its own. */
  clone(): this {
    const copy: this = Object.assign(Object.create(Object.getPrototypeOf(this)), this)
    copy.state = this.stateDict()
    return copy
  }

  toString(): string {
    return `${this.constructor.name}()`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

function reduce(
  metric: string,
  name: string,
  reduction: StateReduction,
  a: Tensor | Tensor[],
  b: Tensor | Tensor[],
): Tensor | Tensor[] {
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b]
  if (Array.isArray(a) || Array.isArray(b) || !fits(a, b))
    throw new ArgumentError(
      `${metric}.mergeState: '${name}' is ${shapeOf(a)} in one and ${shapeOf(b)} in the other; both must be of one metric`,
    )
  const left = a.device === b.device ? a : a.to(b.device)
  switch (reduction) {
    case 'sum':
      return left.add(b)
    case 'max':
      return maximum(left, b)
    case 'min':
      return minimum(left, b)
    case 'cat':
      throw new ArgumentError(`${metric}: '${name}' is reduced by 'cat', so it must be a list`)
    default:
      return reduction satisfies never
  }
}

/** A state begins as a scalar where its shape is that of the first batch. */
const fits = (a: Tensor, b: Tensor): boolean => a.ndim === 0 || b.ndim === 0 || sameShape(a.shape, b.shape)

const shapeOf = (value: Tensor | Tensor[]): string => (Array.isArray(value) ? 'a list' : formatShape(value.shape))

function checked(operation: string, key: string, own: Tensor | Tensor[], given: unknown): Tensor | Tensor[] {
  if (Array.isArray(own) && Array.isArray(given) && given.every((t) => t instanceof Tensor)) return [...given]
  if (own instanceof Tensor && given instanceof Tensor && fits(own, given)) return given.clone()
  const got = given instanceof Tensor ? `a tensor of shape ${formatShape(given.shape)}` : describe(given)
  const expected = own instanceof Tensor ? `a tensor of shape ${formatShape(own.shape)}` : 'a list of tensors'
  throw new ArgumentError(`${operation}: expected ${expected} as '${key}', got ${got}`)
}
