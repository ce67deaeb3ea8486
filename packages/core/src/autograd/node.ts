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

// Every operator that is recorded makes a node: its lists are made at their final length, since one that grows gets room
// for 17 elements at once.
const NONE: never[] = []

/** A step of the graph. `apply` turns the gradients of its results into those of its inputs. */
export abstract class Node implements GradNode {
  /** Given after the edges, so that whatever an edge leads to was numbered before. */
  readonly seq: number
  edges: (Edge | null)[]
  outputs: OutputMeta[] = NONE
  /** Hooks on the tensors that this node made, by result. */
  hooks: Map<number, Set<GradHook>> | null = null
  /** Results whose gradient is kept in `.grad`. */
  retained: Map<number, Tensor> | null = null

  constructor(edges: (Edge | null)[] = []) {
    this.edges = edges
    this.seq = nextSeq++
  }

  abstract readonly name: string
  abstract apply(grads: (Tensor | null)[]): (Tensor | null)[]
  /** Drops what was saved for backward. */
  release(): void {}

  /**
   * Whether the gradients that it is given, what it makes of them and what it returns are seen by nobody but the engine,
   * which then gives their memory back as soon as it is done with them.
   */
  readonly internal: boolean = false

  /** For the pass that is running: whether the gradient of an edge leads anywhere; null where all do. */
  wanted: ((edge: Edge) => boolean) | null = null

  /** Whether the gradient of input `i` is wanted. */
  needs(i: number): boolean {
    const edge = this.edges[i]
    return edge !== null && edge !== undefined && (this.wanted === null || this.wanted(edge))
  }

  /** Tells what the gradient of the next result must look like. */
  describe(result: OutputMeta): void {
    if (this.outputs === NONE) this.outputs = [result]
    else this.outputs.push(result)
  }

  /** Makes `t` the next result of this node. */
  adopt(t: Tensor): void {
    this.become(t, this.outputs.length)
    this.describe({ shape: t.shape, dtype: t.dtype, device: t.device })
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
  /** Called once the gradient is in `grad`. */
  after: Set<(variable: Tensor) => void> | null = null
  /** Runs as soon as its gradient is complete, not at the end of the pass. */
  eager = false

  constructor(variable: Tensor) {
    super()
    this.variable = variable
    this.describe(variable)
  }

  apply(): (Tensor | null)[] {
    return []
  }
}

/** The edge to where the gradient of `t` goes; null when it wants none. */
export function edgeOf(t: Tensor): Edge | null {
  if (t.viewOf !== null) refreshView(t)
  if (t.node !== null) return { node: t.node, output: t.output }
  if (!t.leafRequiresGrad) return null
  t.accumulator ??= new AccumulateGrad(t)
  return { node: t.accumulator, output: 0 }
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
  #values: readonly unknown[]
  readonly #versions: readonly number[]
  readonly #pack: SavedPack | null
  #released = false

  /** @param hooked whether `savedHook` may take the values */
  constructor(values: readonly unknown[], hooked = true) {
    this.#pack = hooked && savedHook.pack !== null ? savedHook.pack(values) : null
    if (this.#pack !== null) {
      this.#values = NONE
      this.#versions = NONE
      return
    }
    let versions: number[] | null = null
    for (let i = 0; i < values.length; i++) {
      const value = values[i]
      if (value instanceof Tensor) {
        versions ??= new Array<number>(values.length)
        versions[i] = value.storage.version
        value.storage.refs++
      }
    }
    this.#values = values
    this.#versions = versions ?? NONE
  }

  /** The `i`-th value. @throws AutogradError when it was freed or modified in place */
  get(i: number, node: string): unknown {
    this.#checkReleased(node)
    if (this.#pack !== null) return this.#pack.values()[i]
    const value = this.#values[i]
    if (!(value instanceof Tensor)) return value
    if (value.storage.version !== this.#versions[i])
      throw new AutogradError(
        `backward: a tensor of shape [${value.shape.join(', ')}] that ${node} needs was modified in place ` +
          `(it is at version ${value.storage.version}, ${this.#versions[i]} was saved); write to a clone() instead`,
      )
    return value.isDisposed ? revive(value) : value
  }

  all(node: string): unknown[] {
    this.#checkReleased(node)
    if (this.#pack !== null) return [...this.#pack.values()]
    return this.#values.map((_, i) => this.get(i, node))
  }

  #checkReleased(node: string): void {
    if (this.#released)
      throw new AutogradError(
        `backward: the values saved by ${node} were freed by an earlier backward(); pass { retainGraph: true } to that one to run it twice`,
      )
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#pack?.release()
    for (const value of this.#values) if (value instanceof Tensor) value.storage.release()
    this.#values = NONE
  }
}

/** The user disposed the tensor, the graph still holds its storage: backward works on a tensor of its own. */
function revive(t: Tensor): Tensor {
  const copy = new Tensor(t.storage, t.dtype, t.shape, t.strides, t.offset)
  copy.node = t.node
  copy.output = t.output
  copy.leafRequiresGrad = t.leafRequiresGrad
  copy.accumulator = t.accumulator
  return copy
}
