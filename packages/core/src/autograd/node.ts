import { AutogradError } from '../errors.js'
import type { Device } from '../tensor/device.js'
import type { DType } from '../tensor/dtype.js'
import { type Edge, type GradHook, type GradNode, Tensor } from '../tensor/tensor.js'
import { gradMode } from './mode.js'

/** What a gradient that arrives for a node's result must look like. */
export interface OutputMeta {
  readonly shape: readonly number[]
  readonly dtype: DType
  readonly device: Device
}

let nextSeq = 0

// Every operator that is recorded makes a node, and what a step has recorded lives until its backward pass: a node is one
// object as far as it can be. It stands for the edge to its first result and describes that result itself; its lists are
// made at their final length, since one that grows gets room for 17 elements at once.
const NONE: never[] = []

/** What the backward pass that is running does at this moment. */
export const applying: {
  node: Node | null
  /** Whether the gradient of an edge leads anywhere; null where all do. */
  wanted: ((edge: Edge) => boolean) | null
} = { node: null, wanted: null }

/** Gradients that have arrived at a node, for the pass `by`. */
export interface Pending {
  readonly by: object
  readonly grads: (Tensor | null)[]
  /** By result: sums that the engine made itself and may add to in place. */
  own: boolean[] | null
  /** What has arrived for the pass that this one runs within. */
  readonly outer: Pending | null
}

/** A step of the graph. `apply` turns the gradients of its results into those of its inputs. */
export abstract class Node implements GradNode, Edge, OutputMeta {
  /** Given after the edges, so that whatever an edge leads to was numbered before. */
  readonly seq: number
  readonly edges: readonly (Edge | null)[]
  /** The number of results. */
  results = 0
  /** Of the first result. */
  shape: readonly number[] = NONE
  dtype: DType = 'float32'
  device: Device = 'cpu'
  #others: OutputMeta[] | null = null
  /** Hooks on the tensors that this node made, by result. */
  hooks: Map<number, Set<GradHook>> | null = null
  /** Results whose gradient is kept in `.grad`. */
  retained: Map<number, Tensor> | null = null
  /** For passes that are running. */
  pending: Pending | null = null

  constructor(edges: readonly (Edge | null)[] = NONE) {
    this.edges = edges
    this.seq = nextSeq++
  }

  abstract readonly name: string
  abstract apply(grads: (Tensor | null)[]): (Tensor | null)[]
  /** Drops what was saved for backward. */
  release(): void {}

  /** A node is the edge to its first result. */
  get node(): this {
    return this
  }

  get output(): number {
    return 0
  }

  /**
   * Whether the gradients that it is given, what it makes of them and what it returns are seen by nobody but the engine,
   * which then gives their memory back as soon as it is done with them.
   */
  get internal(): boolean {
    return false
  }

  /** Whether the gradient of input `i` is wanted. */
  needs(i: number): boolean {
    const edge = this.edges[i]
    return edge !== null && edge !== undefined && (applying.wanted === null || applying.wanted(edge))
  }

  /** What the gradient of result `i` must look like. */
  result(i: number): OutputMeta {
    return i === 0 || this.#others === null ? this : this.#others[i - 1]
  }

  /** Tells what the gradient of the next result must look like. */
  describe({ shape, dtype, device }: OutputMeta): void {
    if (this.results++ === 0) {
      this.shape = shape
      this.dtype = dtype
      this.device = device
    } else {
      this.#others ??= []
      this.#others.push({ shape, dtype, device })
    }
  }

  /** Makes `t` the next result of this node. */
  adopt(t: Tensor): void {
    this.become(t, this.results)
    this.describe(t)
  }

  /** Makes `t` stand for result `output`. */
  become(t: Tensor, output: number): void {
    if (t.retainsGrad && t.node instanceof Node) t.node.retained?.delete(t.output)
    t.node = this
    t.output = output
    if (t.retainsGrad) {
      this.retained ??= new Map()
      this.retained.set(output, t)
    }
  }
}

/** The end of a path: adds the gradient to a leaf's `grad`. */
export class AccumulateGrad extends Node {
  readonly name = 'AccumulateGrad'
  readonly variable: Tensor
  ownsGradient = false
  /** Called once the gradient is in `grad`. */
  after: Set<(variable: Tensor) => void> | null = null
  /** Runs as soon as its gradient is complete, not at the end of the pass. */
  eager = false

  constructor(variable: Tensor) {
    super()
    this.variable = variable
    this.results = 1
  }

  apply(): (Tensor | null)[] {
    return []
  }

  /** The variable's dtype and device may change. */
  override result(): OutputMeta {
    return this.variable
  }
}

/** The edge to where the gradient of `t` goes; null when it wants none. */
export function edgeOf(t: Tensor): Edge | null {
  if (t.viewOf !== null) refreshView(t)
  const { node } = t
  if (node !== null) return t.output === 0 && node instanceof Node ? node : { node, output: t.output }
  if (!t.leafRequiresGrad) return null
  if (t.accumulator instanceof AccumulateGrad) return t.accumulator
  const made = new AccumulateGrad(t)
  t.accumulator = made
  return made
}

/** After a write through another view, or to the base, a view's history starts anew from the base's. */
export function refreshView(t: Tensor): void {
  const view = t.viewOf
  if (view === null || view.noGrad || view.version === t.storage.version) return
  view.version = t.storage.version
  if (!view.base.requiresGrad || t.leafRequiresGrad) return
  const outer = gradMode.enabled
  gradMode.enabled = true
  let fresh: Tensor
  try {
    fresh = view.replay(view.base)
  } finally {
    gradMode.enabled = outer
  }
  const { node } = fresh
  if (node instanceof Node) node.become(t, fresh.output)
}

/** Stands in for values that are to be kept for backward, and gives them when they are needed. */
export interface SavedPack {
  values(): readonly unknown[]
  release(): void
}

/** While set, what operators save goes to it: checkpointing keeps none of it. */
export const savedHook: { pack: ((values: readonly unknown[]) => SavedPack) | null } = { pack: null }

/** Values kept for backward: each holds its storage, and notices when it was written to since. */
export class SavedValues {
  /** Null once released. */
  #values: readonly unknown[] | SavedPack | null
  /** The version of each tensor's storage; null where all are 0, as those of results are that nobody has written to. */
  readonly #versions: readonly number[] | null

  /** @param hooked whether `savedHook` may take the values */
  constructor(values: readonly unknown[], hooked = true) {
    if (hooked && savedHook.pack !== null) {
      this.#values = savedHook.pack(values)
      this.#versions = null
      return
    }
    let versions: number[] | null = null
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (!(value instanceof Tensor)) continue
      const { storage } = value
      storage.refs++
      if (storage.version === 0) continue
      versions ??= new Array<number>(values.length).fill(0)
      versions[i] = storage.version
    }
    this.#values = values
    this.#versions = versions
  }

  /** The `i`-th value. @throws AutogradError when it was freed or modified in place */
  get(i: number, node: string): unknown {
    const values = held(this.#values, node)
    return isPack(this.#values) ? values[i] : current(values[i], this.#versions?.[i] ?? 0, node)
  }

  all(node: string): readonly unknown[] {
    const values = held(this.#values, node)
    if (isPack(this.#values)) return values
    const versions = this.#versions
    for (let i = 0; i < values.length; i++)
      if (current(values[i], versions?.[i] ?? 0, node) !== values[i])
        return values.map((value, k) => current(value, versions?.[k] ?? 0, node))
    return values
  }

  release(): void {
    const values = this.#values
    if (values === null) return
    this.#values = null
    if (isPack(values)) values.release()
    else
      for (let i = 0; i < values.length; i++) {
        const value = values[i]
        if (value instanceof Tensor) value.storage.release()
      }
  }
}

// Functions, since an object of a class with private methods carries a mark of that class.
function held(values: readonly unknown[] | SavedPack | null, node: string): readonly unknown[] {
  if (values === null)
    throw new AutogradError(
      `backward: the values saved by ${node} were freed by an earlier backward(); pass { retainGraph: true } to that one to run it twice`,
    )
  return isPack(values) ? values.values() : values
}

function current(value: unknown, saved: number, node: string): unknown {
  if (!(value instanceof Tensor)) return value
  if (value.storage.version !== saved)
    throw new AutogradError(
      `backward: a tensor of shape [${value.shape.join(', ')}] that ${node} needs was modified in place ` +
        `(it is at version ${value.storage.version}, ${saved} was saved); write to a clone() instead`,
    )
  return value.isDisposed ? revive(value) : value
}

const isPack = (values: readonly unknown[] | SavedPack | null): values is SavedPack =>
  values !== null && !Array.isArray(values)

/** The user disposed the tensor, the graph still holds its storage: backward works on a tensor of its own. */
function revive(t: Tensor): Tensor {
  const copy = new Tensor(t.storage, t.dtype, t.shape, t.strides, t.offset)
  copy.node = t.node
  copy.output = t.output
  copy.leafRequiresGrad = t.leafRequiresGrad
  copy.accumulator = t.accumulator
  return copy
}
