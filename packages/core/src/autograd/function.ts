import { ArgumentError, AutogradError } from '../errors.js'
import { alias } from '../tensor/create.js'
import { isDifferentiable } from '../tensor/dtype.js'
import { formatShape } from '../tensor/shape.js'
import { type Edge, Tensor } from '../tensor/tensor.js'
import { gradMode } from './mode.js'
import { edgeOf, Node, type OutputMeta, SavedValues } from './node.js'

/** What `forward` and `backward` of a custom function share. */
export class FunctionContext {
  /** Whether each argument of `forward` is a tensor whose gradient is wanted. */
  readonly needsInputGrad: readonly boolean[]
  /** @internal */
  saved: readonly (Tensor | null)[] = []
  /** @internal */
  values: SavedValues | null = null
  /** @internal */
  readonly dirty = new Set<Tensor>()
  /** @internal */
  readonly constant = new Set<Tensor>()
  /** @internal */
  materialize = true
  readonly #name: string

  constructor(name: string, needsInputGrad: readonly boolean[]) {
    this.#name = name
    this.needsInputGrad = needsInputGrad
  }

  /** Keeps arguments or results for `backward`, which notices when they were modified since. Once, in `forward`. */
  saveForBackward(...tensors: (Tensor | null)[]): void {
    this.saved = tensors
  }

  /** What `saveForBackward` kept. */
  get savedTensors(): Tensor[] {
    if (this.values === null) return this.saved as Tensor[]
    return this.values.all(this.#name) as Tensor[]
  }

  /** Declares arguments that `forward` wrote to; they must be among its results. */
  markDirty(...tensors: Tensor[]): void {
    for (const t of tensors) this.dirty.add(t)
  }

  /** Declares results that no gradient flows through. */
  markNonDifferentiable(...tensors: Tensor[]): void {
    for (const t of tensors) this.constant.add(t)
  }

  /** Whether `backward` is given zeros rather than null for results that nothing depends on. Default true. */
  setMaterializeGrads(value: boolean): void {
    this.materialize = value
  }
}

/** A class with the static methods of a custom function. */
export interface FunctionClass<Args extends unknown[], R extends Tensor | Tensor[]> {
  readonly name: string
  forward(ctx: FunctionContext, ...args: Args): R
  backward(ctx: FunctionContext, ...grads: Tensor[]): Tensor | null | (Tensor | null)[]
}

class FunctionNode extends Node {
  readonly name: string
  readonly context: FunctionContext
  readonly #backward: (...grads: (Tensor | null)[]) => Tensor | null | (Tensor | null)[]
  /** Which argument each edge belongs to. */
  readonly #positions: readonly number[]
  readonly #args: number

  constructor(
    owner: Pick<FunctionClass<never[], Tensor>, 'name' | 'backward'>,
    context: FunctionContext,
    edges: (Edge | null)[],
    positions: readonly number[],
    args: number,
  ) {
    super(edges)
    this.name = `${owner.name}Backward`
    this.context = context
    this.#backward = (...grads) => owner.backward(context, ...(grads as Tensor[]))
    this.#positions = positions
    this.#args = args
  }

  apply(grads: (Tensor | null)[]): (Tensor | null)[] {
    const given = grads.map((grad, i) => grad ?? (this.context.materialize ? zerosOf(this, i) : null))
    const result = this.#backward(...given)
    const list = Array.isArray(result) ? result : [result]
    if (list.length !== this.#args && !(list.length === 1 && this.#positions.length === 1))
      throw new AutogradError(
        `${this.name}: expected ${this.#args} gradients, one for each argument of forward, got ${list.length}`,
      )
    return this.#positions.map((at, i) => {
      const grad = (list.length === this.#args ? list[at] : list[0]) ?? null
      if (grad !== null && !(grad instanceof Tensor))
        throw new AutogradError(`${this.name}: expected a tensor or null as gradient ${at}`)
      return this.needs(i) ? grad : null
    })
  }

  override release(): void {
    this.context.values?.release()
  }
}

let makeZeros: (like: OutputMeta) => Tensor

/** `ops` provides zeros, since imports point downward only. */
export function provideZeros(provided: typeof makeZeros): void {
  makeZeros = provided
}

const zerosOf = (node: FunctionNode, output: number): Tensor => makeZeros(node.result(output))

/**
 * A function with a derivative of your own: subclass with static `forward` and `backward`, and call it by `apply`.
 *
 * `backward` gets the gradient of each result and returns one for each argument of `forward`, null for those that have
 * none. Written in operators, it can itself be differentiated.
 *
 * @example
 * ```ts
 * import { autograd, type Tensor, tensor } from '@flambeau/core'
 * class Cube extends autograd.Function {
 *   static forward(ctx: autograd.FunctionContext, x: Tensor): Tensor {
 *     ctx.saveForBackward(x)
 *     return x.mul(x).mul(x)
 *   }
 *   static backward(ctx: autograd.FunctionContext, grad: Tensor): Tensor {
 *     const [x] = ctx.savedTensors
 *     return grad.mul(x.mul(x).mul(3))
 *   }
 * }
 * const x = tensor(2).requiresGrad_()
 * Cube.apply(x).backward()
 * console.log(x.grad?.item()) // → 12
 * ```
 */
export abstract class AutogradFunction {
  /** Runs `forward` and records `backward`. */
  static apply<Args extends unknown[], R extends Tensor | Tensor[]>(this: FunctionClass<Args, R>, ...args: Args): R {
    if (typeof this.forward !== 'function' || typeof this.backward !== 'function')
      throw new ArgumentError(`${this.name}: expected static methods forward and backward`)
    const tracked = gradMode.enabled
    const edges: (Edge | null)[] = []
    const positions: number[] = []
    args.forEach((arg, i) => {
      if (!(arg instanceof Tensor)) return
      edges.push(tracked ? edgeOf(arg) : null)
      positions.push(i)
    })
    const needs = args.map((_, i) => edges[positions.indexOf(i)] != null)
    const context = new FunctionContext(this.name, needs)
    const outer = gradMode.enabled
    gradMode.enabled = false
    let result: R
    try {
      result = this.forward(context, ...args)
    } finally {
      gradMode.enabled = outer
    }
    const outputs: readonly unknown[] = Array.isArray(result) ? result : [result]
    for (const out of outputs)
      if (!(out instanceof Tensor))
        throw new ArgumentError(`${this.name}: expected forward to return a tensor or a list of tensors`)
    if (!needs.includes(true)) return result
    const node = new FunctionNode(this, context, edges, positions, args.length)
    const adopted = (outputs as readonly Tensor[]).map((out) => adopt(node, context, args, out))
    context.values = new SavedValues(
      context.saved.map((t) => (t === null ? null : (adopted[(outputs as readonly Tensor[]).indexOf(t)] ?? t))),
    )
    return (Array.isArray(result) ? adopted : adopted[0]) as R
  }
}

function adopt(node: FunctionNode, context: FunctionContext, args: readonly unknown[], out: Tensor): Tensor {
  const differentiable = isDifferentiable(out.dtype) && !context.constant.has(out)
  if (!differentiable) {
    node.describe(out)
    return out
  }
  if (context.dirty.has(out)) {
    if (out.leafRequiresGrad)
      throw new AutogradError(`${node.name}: a leaf that requires grad cannot be written to in place`)
    if (out.viewOf !== null)
      throw new AutogradError(
        `${node.name}: markDirty of a view of shape ${formatShape(out.shape)}; write to a clone() instead`,
      )
    node.adopt(out)
    return out
  }
  // An argument that is returned as it is, or something with a history of its own, becomes another tensor.
  const own = args.includes(out) || out.node !== null || out.leafRequiresGrad ? alias(out) : out
  own.viewOf = null
  node.adopt(own)
  return own
}
