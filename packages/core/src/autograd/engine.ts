import { observed } from '../binding/call.js'
import { ArgumentError, AutogradError, describe, ShapeError } from '../errors.js'
import { collectAfterBackward } from '../tensor/collect.js'
import { type DType, isComplex } from '../tensor/dtype.js'
import { formatShape, sameShape } from '../tensor/shape.js'
import { type Edge, type GradHook, scope, Tensor } from '../tensor/tensor.js'
import { gradMode } from './mode.js'
import { AccumulateGrad, applying, edgeOf, type Node, type OutputMeta, type Pending } from './node.js'

/** The operators that the engine itself needs; `ops` provides them, since imports point downward only. */
export interface EngineOps {
  /** Of gradients, which may be sparse. */
  add(a: Tensor, b: Tensor): Tensor
  /** To a strided one. */
  addInPlace(a: Tensor, b: Tensor): void
  clone(a: Tensor): Tensor
  detach(a: Tensor): Tensor
  onesLike(a: Tensor): Tensor
  /** Sums over broadcast dimensions until the shape fits. */
  sumToSize(a: Tensor, shape: readonly number[]): Tensor
  /** Converts; complex to real takes the real part. */
  cast(a: Tensor, dtype: DType): Tensor
}

let ops: EngineOps

export function provideEngineOps(provided: EngineOps): void {
  ops = provided
}

export interface BackwardOptions {
  /** Keep what the graph saved, so that it can be run again. Default: the value of `createGraph`. */
  readonly retainGraph?: boolean
  /** Record the backward pass itself, for gradients of gradients. Default false. */
  readonly createGraph?: boolean
}

/** A max-heap of nodes by sequence number. */
class NodeHeap {
  readonly #nodes: Node[] = []

  get nodes(): readonly Node[] {
    return this.#nodes
  }

  get size(): number {
    return this.#nodes.length
  }

  push(node: Node): void {
    const nodes = this.#nodes
    let i = nodes.push(node) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (nodes[parent].seq >= node.seq) break
      nodes[i] = nodes[parent]
      i = parent
    }
    nodes[i] = node
  }

  pop(): Node {
    const nodes = this.#nodes
    const top = nodes[0]
    const last = nodes.pop() as Node
    const n = nodes.length
    if (n > 0) {
      let i = 0
      for (;;) {
        let child = 2 * i + 1
        if (child >= n) break
        if (child + 1 < n && nodes[child + 1].seq > nodes[child].seq) child++
        if (nodes[child].seq <= last.seq) break
        nodes[i] = nodes[child]
        i = child
      }
      nodes[i] = last
    }
    return top
  }
}

/** What the passes that are running will call when the outermost ends. */
const ending: { depth: number; readonly callbacks: ((done: boolean) => void)[] } = { depth: 0, callbacks: [] }

/** How many leaves want their turn as soon as their gradient is complete; counting for them costs a walk of the graph. */
const eagerLeaves = { count: 0 }

/** Lets a leaf's gradient be added to `grad`, and its hooks run, while the pass goes on. @returns what ends it */
export function makeEager(leaf: AccumulateGrad): () => void {
  if (leaf.eager) return () => {}
  leaf.eager = true
  eagerLeaves.count++
  return () => {
    if (!leaf.eager) return
    leaf.eager = false
    eagerLeaves.count--
  }
}

/** Calls `callback` once, when the backward pass that is running ends, and says whether it got to its end. */
export function queueCallback(callback: (done: boolean) => void): void {
  ending.callbacks.push(callback)
}

/** One backward pass. Nodes run by descending sequence number, so each runs once, after all that feed it. */
class Run {
  readonly #heap = new NodeHeap()
  /** Tensors that somebody else may hold: a leaf's `grad` must not be one of them. */
  readonly #shared = new Set<Tensor>()
  /** Gradients that only this pass holds, with the number of nodes they wait for. */
  readonly #held = new Map<Tensor, number>()
  /** Whether memory goes back as the pass goes on. Not while calls are recorded, which run again on the same storages. */
  readonly #frees: boolean
  /** What a node makes, after a first element that stays: an array that becomes empty loses its memory. */
  readonly #made: Tensor[] = []
  readonly #keep: boolean
  readonly #create: boolean
  /** For `grad`: the wanted gradients by node and result, and the nodes on a way to them. */
  readonly #captures: Map<Node, Map<number, Tensor | null>> | null
  readonly #useful: Set<Node> | null
  readonly #wanted: ((edge: Edge) => boolean) | null = null
  /** For eager leaves: how many gradients are still to come. */
  readonly #uses = new Map<Node, number>()

  constructor(
    options: BackwardOptions,
    captures: Map<Node, Map<number, Tensor | null>> | null,
    useful: Set<Node> | null,
  ) {
    this.#create = options.createGraph ?? false
    this.#keep = options.retainGraph ?? this.#create
    this.#frees = !this.#create && observed.by === null
    this.#captures = captures
    this.#useful = useful
    if (captures !== null && useful !== null)
      this.#wanted = ({ node }) => useful.has(node as Node) || captures.has(node as Node)
  }

  /** Runs the pass, from the gradients of `roots`. */
  from(roots: readonly Tensor[], grads: readonly Tensor[]): void {
    const outer = { ...gradMode }
    gradMode.enabled = this.#create
    gradMode.inference = false
    ending.depth++
    let done = false
    try {
      this.#made.push(roots[0])
      for (let i = 0; i < roots.length; i++) this.#start(roots[i], grads[i])
      if (eagerLeaves.count > 0) this.#countUses()
      while (this.#heap.size > 0) {
        const node = this.#heap.pop()
        // An eager leaf has had its turn.
        if (this.#waits(node)) this.#step(node)
      }
      done = true
    } finally {
      for (const node of this.#heap.nodes) if (this.#waits(node)) this.#take(node)
      Object.assign(gradMode, outer)
      ending.depth--
      // A pass within another, as checkpoints have it, leaves them to the outer one.
      if (ending.depth === 0) {
        const callbacks = ending.callbacks.splice(0)
        for (const callback of callbacks) callback(done)
        collectAfterBackward()
      }
    }
  }

  #start(root: Tensor, grad: Tensor): void {
    const edge = edgeOf(root)
    if (edge === null) return
    this.#shared.add(grad)
    this.#deliver(edge.node as Node, edge.output, grad)
  }

  /** Whether gradients have arrived at `node` for this pass. */
  #waits(node: Node): boolean {
    return node.pending !== null && node.pending.by === this
  }

  #take(node: Node): (Tensor | null)[] {
    const { grads, outer } = node.pending as Pending
    node.pending = outer
    return grads
  }

  /** A leaf's number is that of its first use ever, so that it would run last: eager ones run after their last gradient. */
  #countUses(): void {
    const seen = new Set<Node>(this.#heap.nodes)
    const stack = [...seen]
    for (let node = stack.pop(); node !== undefined; node = stack.pop())
      for (const edge of node.edges) {
        if (!edge) continue
        const target = edge.node as Node
        if (target instanceof AccumulateGrad) {
          if (target.eager) this.#uses.set(target, (this.#uses.get(target) ?? 0) + 1)
        } else if (!seen.has(target)) {
          seen.add(target)
          stack.push(target)
        }
      }
  }

  #step(node: Node): void {
    const grads = this.#take(node)
    let arrived = grads
    if (node.hooks !== null || node.retained !== null || node instanceof AccumulateGrad) {
      // Hooks may put others in the place of those that arrived.
      arrived = [...grads]
      this.#runHooks(node, grads)
    }
    const captured = this.#captures?.get(node)
    if (captured)
      for (const output of captured.keys()) {
        const grad = grads[output] ?? null
        captured.set(output, grad)
        if (grad !== null) this.#shared.add(grad)
      }
    if (node instanceof AccumulateGrad) {
      if (this.#captures === null) this.#accumulate(node, grads[0])
    } else if (this.#captures === null || this.#useful?.has(node)) this.#pass(node, grads)
    for (let i = 0; i < arrived.length; i++) {
      const grad = arrived[i]
      if (grad) this.#drop(grad, 1)
    }
  }

  /** Hands what a node makes of its gradients on to the nodes before it. */
  #pass(node: Node, grads: (Tensor | null)[]): void {
    const { edges } = node
    const results = this.#apply(node, grads)
    let complete: Node[] | null = null
    for (let i = 0; i < edges.length; i++) {
      const edge = edges[i]
      const grad = results[i]
      if (edge && this.#uses.size > 0 && this.#isLast(edge.node as Node)) {
        complete ??= []
        complete.push(edge.node as Node)
      }
      if (!edge || !grad || (this.#wanted !== null && !this.#wanted(edge))) continue
      const target = edge.node as Node
      const fitting = conform(grad, target.result(edge.output), node.name)
      if (fitting !== grad) this.#hold(fitting)
      this.#deliver(target, edge.output, fitting)
      if (fitting !== grad) this.#drop(fitting, 0)
    }
    for (let i = 0; i < results.length; i++) {
      const grad = results[i]
      if (grad) this.#drop(grad, 0)
    }
    if (!this.#keep) node.release()
    if (complete !== null) for (const leaf of complete) if (this.#waits(leaf)) this.#step(leaf)
  }

  #isLast(target: Node): boolean {
    const uses = this.#uses.get(target)
    if (uses !== undefined) this.#uses.set(target, uses - 1)
    return uses === 1
  }

  #apply(node: Node, grads: (Tensor | null)[]): (Tensor | null)[] {
    const { node: outer, wanted } = applying
    applying.node = node
    applying.wanted = this.#wanted
    try {
      if (this.#frees && node.internal) return this.#applyFreeing(node, grads)
      // What others see may be kept by them.
      for (const grad of grads) if (grad) this.#shared.add(grad)
      return node.apply(grads)
    } finally {
      applying.node = outer
      applying.wanted = wanted
    }
  }

  /** Gives back what a node made on the way to its results, and holds those. */
  #applyFreeing(node: Node, grads: (Tensor | null)[]): (Tensor | null)[] {
    const outer = scope.tensors
    const made = this.#made
    // Hooks and functions of users may start passes of their own, which have lists of their own.
    scope.tensors = made
    let results: (Tensor | null)[]
    try {
      results = node.apply(grads)
    } finally {
      scope.tensors = outer
    }
    const kept = results.length > 8 ? new Set(results) : null
    while (made.length > 1) {
      const t = made.pop() as Tensor
      if (kept === null ? results.includes(t) : kept.has(t)) {
        this.#held.set(t, 0)
        outer?.push(t)
      } else t.dispose()
    }
    return results
  }

  /** Counts a gradient among those that nobody else has. */
  #hold(grad: Tensor): void {
    if (this.#frees) this.#held.set(grad, 0)
  }

  /** One of `count` places has no more use for a gradient. The last one gives its memory back. */
  #drop(grad: Tensor, count: 0 | 1): void {
    const held = this.#held.get(grad)
    if (held === undefined) return
    if (held > count) this.#held.set(grad, held - count)
    else {
      this.#held.delete(grad)
      if (!this.#shared.has(grad)) grad.dispose()
    }
  }

  #runHooks(node: Node, grads: (Tensor | null)[]): void {
    if (node instanceof AccumulateGrad && node.variable.hooks !== null)
      grads[0] = runHooks(node.variable.hooks, grads[0], this.#shared)
    if (node.hooks !== null)
      for (const [output, hooks] of node.hooks) grads[output] = runHooks(hooks, grads[output] ?? null, this.#shared)
    if (node.retained !== null)
      for (const [output, tensor] of node.retained) {
        const grad = grads[output]
        if (!grad) continue
        this.#shared.add(grad)
        tensor.grad = tensor.grad === null ? grad : ops.add(tensor.grad, grad)
        if (scope.tensors !== null) keepGrad(tensor)
      }
  }

  #deliver(node: Node, output: number, grad: Tensor): void {
    let pending = node.pending
    if (pending === null || pending.by !== this) {
      const grads: (Tensor | null)[] = node.results === 1 ? [null] : new Array(node.results).fill(null)
      pending = { by: this, grads, own: null, outer: pending }
      node.pending = pending
      this.#heap.push(node)
    }
    const before = pending.grads[output]
    let next = grad
    if (before !== null) {
      if (pending.own?.[output] && !this.#create && before.dtype === grad.dtype && !before.isSparse) {
        ops.addInPlace(before, grad)
        return
      }
      next = ops.add(before, grad)
      pending.own ??= []
      pending.own[output] = true
      this.#hold(next)
      this.#drop(before, 1)
    }
    pending.grads[output] = next
    const held = this.#held.get(next)
    if (held !== undefined) this.#held.set(next, held + 1)
  }

  #accumulate(node: AccumulateGrad, grad: Tensor | null): void {
    if (grad === null) return
    const { variable } = node
    const { gradValue: before } = variable
    if (before === null) {
      // The gradient itself becomes `grad` when nobody else can see it; otherwise a copy does.
      const waiting = this.#held.get(grad)
      const exclusive =
        (waiting === undefined || waiting === 1) &&
        !grad.isSparse &&
        grad.storage.refs === 1 &&
        !this.#shared.has(grad) &&
        grad.isContiguous() &&
        grad.node === null
      const own = exclusive ? grad : ops.clone(grad)
      // What a user reads, or an optimizer walks through, is strided.
      if (!grad.isSparse) own.storage.makeStrided()
      variable.gradValue = own
      node.ownsGradient = this.#frees && (!exclusive || waiting === 1)
      this.#shared.add(grad)
    } else if (this.#create || before.isSparse) {
      variable.gradValue = ops.add(before, grad)
      node.ownsGradient = false
    } else {
      ops.addInPlace(before, grad)
    }
    if (scope.tensors !== null) keepGrad(variable)
    if (node.after !== null) for (const hook of node.after) hook(variable)
  }
}

/** A gradient made inside of `tidy` outlives it. */
function keepGrad(variable: Tensor): void {
  const at = scope.tensors?.lastIndexOf(variable.gradValue as Tensor) ?? -1
  if (at >= 0) scope.tensors?.splice(at, 1)
}

function runHooks(hooks: Set<GradHook>, grad: Tensor | null, shared: Set<Tensor>): Tensor | null {
  if (grad === null) return null
  let current = grad
  for (const hook of hooks) {
    shared.add(current)
    const replaced = hook(current)
    if (replaced instanceof Tensor) {
      if (!sameShape(replaced.shape, current.shape))
        throw new ShapeError(
          `a gradient hook: expected a gradient of shape ${formatShape(current.shape)}, got ${formatShape(replaced.shape)}`,
        )
      current = replaced
      shared.add(current)
    }
  }
  return current
}

/** Undoes broadcasting and promotion: the gradient takes the shape and dtype of the value that it belongs to. */
function conform(grad: Tensor, meta: OutputMeta, node: string): Tensor {
  let result = grad
  if (!sameShape(result.shape, meta.shape)) {
    if (result.shape.length < meta.shape.length)
      throw new AutogradError(
        `${node}: the gradient has shape ${formatShape(result.shape)}, the value ${formatShape(meta.shape)}`,
      )
    result = ops.sumToSize(result, meta.shape)
  }
  if (result.dtype !== meta.dtype) result = ops.cast(result, meta.dtype)
  return result
}

/** The tensors of an argument that is one, or a list of them. */
function tensorList(operation: string, name: string, value: Tensor | readonly Tensor[]): readonly Tensor[] {
  const list = value instanceof Tensor ? [value] : value
  if (!Array.isArray(list) || !list.every((t) => t instanceof Tensor))
    throw new ArgumentError(`${operation}: expected a tensor or a list of tensors for ${name}, got ${describe(value)}`)
  return list
}

function rootGradients(
  operation: string,
  roots: readonly Tensor[],
  given: readonly (Tensor | null | undefined)[] | null | undefined,
): Tensor[] {
  if (given !== undefined && given !== null && (!Array.isArray(given) || given.length > roots.length))
    throw new ArgumentError(`${operation}: expected a list of ${roots.length} gradients, got ${describe(given)}`)
  return roots.map((root, i) => {
    if (!root.requiresGrad)
      throw new AutogradError(
        `${operation}: the tensor does not require grad and has no history; call requiresGrad_() on what it is made of`,
      )
    const grad = given?.[i]
    if (grad === null || grad === undefined) {
      if (root.numel() !== 1)
        throw new AutogradError(
          `${operation}: expected a tensor of one element, got shape ${formatShape(root.shape)}; pass the gradient to start from`,
        )
      if (isComplex(root.dtype))
        throw new AutogradError(
          `${operation}: expected a real tensor, got ${root.dtype}; pass the gradient to start from`,
        )
      return ops.onesLike(root)
    }
    if (!(grad instanceof Tensor))
      throw new ArgumentError(`${operation}: expected a tensor for the gradient, got ${describe(grad)}`)
    if (!sameShape(grad.shape, root.shape))
      throw new ShapeError(
        `${operation}: expected a gradient of shape ${formatShape(root.shape)}, got ${formatShape(grad.shape)}`,
      )
    return grad.dtype === root.dtype ? grad : ops.cast(grad, root.dtype)
  })
}

function checkRunOptions(operation: string, options: unknown): void {
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${operation}: expected options such as { retainGraph: true }, got ${describe(options)}`)
}

/** Computes the gradients of `roots` and adds them to the `grad` of the leaves. */
export function backward(
  roots: Tensor | readonly Tensor[],
  gradients?: readonly (Tensor | null | undefined)[],
  options: BackwardOptions = {},
): void {
  checkRunOptions('backward', options)
  const list = tensorList('backward', 'roots', roots)
  const starts = rootGradients('backward', list, gradients)
  const run = new Run(options, null, null)
  run.from(list, starts)
}

export interface GradOptions extends BackwardOptions {
  /** The gradients to start from; ones for scalars. */
  readonly gradOutputs?: readonly (Tensor | null)[]
  /** Give null for an input that the outputs do not depend on, instead of throwing. Default false. */
  readonly allowUnused?: boolean
}

/**
 * The gradients of `outputs` with respect to `inputs`, without touching any `grad`.
 *
 * @returns one gradient an input, of its shape; null where the outputs do not depend on it and `allowUnused` is set
 * @throws AutogradError when an input does not require grad, or is unused and `allowUnused` is not set
 * @example
 * ```ts
 * import { grad, tensor } from '@flambeau/core'
 * const x = tensor(3).requiresGrad_()
 * const [dx] = grad(x.pow(2), x, { createGraph: true })
 * const [ddx] = grad(dx, x)
 * console.log(dx.item(), ddx.item()) // → 6 2
 * ```
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions,
): Tensor[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  checkRunOptions('grad', options)
  const roots = tensorList('grad', 'outputs', outputs)
  const wanted = tensorList('grad', 'inputs', inputs)
  const starts = rootGradients('grad', roots, options.gradOutputs)
  const captures = new Map<Node, Map<number, Tensor | null>>()
  const edges = wanted.map((input, i) => {
    const edge = edgeOf(input)
    if (edge === null) throw new AutogradError(`grad: input ${i} does not require grad`)
    const node = edge.node as Node
    if (!captures.has(node)) captures.set(node, new Map())
    captures.get(node)?.set(edge.output, null)
    return { node, output: edge.output }
  })
  const run = new Run(options, captures, nodesTowards(roots, captures))
  run.from(roots, starts)
  return edges.map(({ node, output }, i) => {
    const result = captures.get(node)?.get(output) ?? null
    if (result === null && !options.allowUnused)
      throw new AutogradError(
        `grad: the outputs do not depend on input ${i}; pass { allowUnused: true } to get null for it`,
      )
    return result
  })
}

/** The nodes from which one of the captured nodes can be reached, themselves not counted unless on a way to another. */
function nodesTowards(roots: readonly Tensor[], captures: ReadonlyMap<Node, unknown>): Set<Node> {
  const useful = new Set<Node>()
  const state = new Map<Node, boolean>()
  for (const root of roots) {
    const start = edgeOf(root)?.node as Node | undefined
    if (start === undefined) continue
    const stack: { node: Node; next: number }[] = [{ node: start, next: 0 }]
    state.set(start, false)
    while (stack.length > 0) {
      const top = stack[stack.length - 1]
      if (top.next < top.node.edges.length) {
        const child = top.node.edges[top.next++]?.node as Node | undefined
        if (child && !state.has(child)) {
          state.set(child, false)
          stack.push({ node: child, next: 0 })
        }
        continue
      }
      stack.pop()
      const leads = top.node.edges.some(
        (edge) => edge && (captures.has(edge.node as Node) || useful.has(edge.node as Node)),
      )
      if (leads) useful.add(top.node)
    }
  }
  return useful
}
