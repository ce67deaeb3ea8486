// `compile`: a function's kernel calls are taken down once for each kind of arguments, fused, and run again.
import { grad } from '../autograd/engine.js'
import { AutogradFunction, type FunctionContext } from '../autograd/function.js'
import { gradMode } from '../autograd/mode.js'
import { AccumulateGrad } from '../autograd/node.js'
import { observed } from '../binding/call.js'
import { ArgumentError, AutogradError, describe } from '../errors.js'
import { contiguous, expand, onesLike } from '../ops/index.js'
import { getDefaultDtype } from '../tensor/dtype.js'
import { isContiguous } from '../tensor/shape.js'
import type { Storage } from '../tensor/storage.js'
import { type Edge, type GradNode, Tensor } from '../tensor/tensor.js'
import { Plan, type Result, resultOf, type Table } from './plan.js'
import { recompute } from './recompute.js'
import { Recording } from './recording.js'

/** How one kind of arguments is run. */
export interface Explanation {
  /** The dtypes, shapes and strides of tensors, and the other arguments. */
  readonly arguments: string
  /** Why it runs eagerly, or null. */
  readonly eager: string | null
  /** Kernel calls of the forward pass: as the function makes them, and as they are run. */
  readonly calls: { readonly before: number; readonly after: number }
  /** The same of the backward pass; null where no gradient is wanted. */
  readonly backwardCalls: { readonly before: number; readonly after: number } | null
  /** The reductions that stayed kernel calls of their own, forward and backward, each with why. */
  readonly apart: readonly string[]
}

/** What a compiled function may return. */
type Outputs = Tensor | Tensor[]

/** A compiled function: it is called like the original. */
export interface Compiled<Args extends unknown[], R extends Outputs> {
  (...args: Args): R
  /** How each kind of arguments that it was called with is run, and why where it runs eagerly. */
  explain(): Explanation[]
  /** Forgets everything, for when what the function reads from outside has been replaced. */
  reset(): void
}

/** Kinds of arguments to keep a plan for. */
const MOST_PLANS = 64

/** A plan for one kind of arguments. */
interface Captured<R extends Outputs> {
  run(args: readonly unknown[]): R
}

interface Entry<R extends Outputs> {
  readonly captured: Captured<R> | null
  readonly explanation: Explanation
}

const tensorsOf = (args: readonly unknown[]): Tensor[] => args.filter((arg) => Tensor.is(arg))

/** What decides which kernels run, as text; null where an argument is of no known kind. */
function kindOf(args: readonly unknown[]): string | null {
  const storages: Storage[] = []
  const parts: string[] = []
  for (const arg of args) {
    if (Tensor.is(arg)) {
      let shared = storages.indexOf(arg.storage)
      if (shared < 0) shared = storages.push(arg.storage) - 1
      const { dtype, shape, strides, offset, device, storage } = arg
      const grad = gradMode.enabled && arg.requiresGrad ? ' grad' : ''
      const rest = `${offset === 0 ? '' : ` offset ${offset}`}${storage.layout === 0 ? '' : ` layout ${storage.layout}`}`
      parts.push(`${dtype}[${shape}] strides [${strides}]${rest} ${device} #${shared}${grad}`)
    } else if (arg === null || ['number', 'string', 'boolean', 'bigint', 'undefined'].includes(typeof arg)) {
      parts.push(`${typeof arg} ${Object.is(arg, -0) ? '-0' : String(arg)}`)
    } else return null
  }
  const mode = `${gradMode.enabled ? '' : ' noGrad'}${gradMode.inference ? ' inference' : ''}`
  return `${parts.join(', ')} → ${getDefaultDtype()}${mode}`
}

/** The leaves that require grad in the graph above `roots`, without going past `ends`. */
function leavesOf(roots: readonly Tensor[], ends: readonly Tensor[]): Tensor[] {
  const seen = new Set<GradNode>(ends.flatMap((t) => (t.node === null ? [] : [t.node])))
  const leaves: Tensor[] = []
  const queue = roots.flatMap((t) => (t.node === null ? [] : [t.node]))
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (seen.has(node)) continue
    seen.add(node)
    if (node instanceof AccumulateGrad) leaves.push(node.variable)
    for (const edge of node.edges as readonly (Edge | null)[]) if (edge !== null) queue.push(edge.node)
  }
  return leaves
}

/** What is wrong with the results of a captured function, or null. */
function outputProblem(outs: readonly unknown[], recording: Recording): string | null {
  const slots = new Set<number>()
  for (const out of outs) {
    if (!Tensor.is(out)) return 'it returns something other than a tensor or a list of tensors'
    const slot = recording.slotOf(out.storage)
    if (recording.slots[slot].kind !== 'made') return 'it returns an argument, a view of one, or a tensor from outside'
    if (slots.has(slot)) return 'it returns two tensors of one storage'
    slots.add(slot)
  }
  return null
}

/** Runs the function on these arguments, eagerly, and takes down what it does. */
function capture<Args extends unknown[], R extends Outputs>(
  fn: (...args: Args) => R,
  args: Args,
  kind: string,
): { readonly result: R; readonly entry: Entry<R> } {
  const recording = new Recording()
  const given = tensorsOf(args)
  for (const [i, t] of given.entries()) recording.argument(t, i)
  const versions = given.map((t) => t.storage.version)
  // A view of each argument that requires grad marks where its history ends and the function's begins.
  const inside = args.map((arg) =>
    Tensor.is(arg) && gradMode.enabled && arg.requiresGrad ? expand(arg, arg.shape) : arg,
  )
  const result = recording.take(() => fn(...(inside as Args)))
  const eager = (reason: string): { result: R; entry: Entry<R> } => ({
    result,
    entry: {
      captured: null,
      explanation: {
        arguments: kind,
        eager: reason,
        calls: { before: recording.steps.length, after: recording.steps.length },
        backwardCalls: null,
        apart: [],
      },
    },
  })
  const outs: readonly unknown[] = Array.isArray(result) ? result : [result]
  const problem = recording.problem ?? outputProblem(outs, recording)
  if (problem !== null) return eager(problem)
  if (given.some((t, i) => t.storage.version !== versions[i])) return eager('it writes to an argument')
  const results = outs as readonly Tensor[]
  const writes = recording.written()
  const forward = recording.steps

  const roots = results.filter((t) => t.requiresGrad)
  const entrances = tensorsOf(inside).filter((t) => t.requiresGrad)
  const leaves = leavesOf(roots, entrances)
  const kept = new Set(results.map((t) => recording.slotOf(t.storage)))
  const outputs = results.map((t) => resultOf(t, recording.slotOf(t.storage)))
  let backward: Backward | null = null
  let backwardSteps: typeof forward = []
  if (roots.length > 0) {
    const cotangents = roots.map((t) => contiguous(onesLike(t)))
    for (const [i, t] of cotangents.entries()) recording.argument(t, given.length + i)
    recording.steps = []
    const wanted = [...entrances, ...leaves]
    const grads = recording.take(() =>
      grad([...roots], wanted, { gradOutputs: cotangents, retainGraph: true, allowUnused: true }),
    )
    if (recording.problem !== null) return eager(`its backward pass: ${recording.problem}`)
    backwardSteps = recording.steps
    const found = grads.map((t) => (t === null ? null : resultOf(t, recording.slotOf(t.storage))))
    const gradSlots = found.flatMap((g) => (g ? [g.slot] : []))
    const made = new Set(forward.flatMap(({ slots }) => slots))
    const read = new Set<number>()
    for (const slot of [...backwardSteps.flatMap(({ slots }) => slots), ...gradSlots])
      if (made.has(slot) && recording.slots[slot].kind === 'made') read.add(slot)
    const { again, saved } = recompute(recording.slots, forward, read, new Set([...kept, ...gradSlots]))
    for (const slot of saved) kept.add(slot)
    backward = {
      plan: new Plan(recording.slots, [...again, ...backwardSteps], new Set(gradSlots)),
      saved: [...saved],
      cotangents: cotangents.map((t) => recording.slotOf(t.storage)),
      roots: roots.map((t) => results.indexOf(t)),
      grads: found,
      random: [...forward, ...backwardSteps].some(({ call }) => /^random|^dropout/.test(call.name)),
    }
  }
  const plan = new Plan(recording.slots, forward, kept)
  const slots = given.map((t) => recording.slotOf(t.storage))
  const captured = new Program(fn, plan, slots, outputs, Array.isArray(result), leaves, writes, backward)
  return {
    result,
    entry: {
      captured,
      explanation: {
        arguments: kind,
        eager: null,
        calls: { before: forward.length, after: plan.steps.length },
        backwardCalls: backward && { before: backwardSteps.length, after: backward.plan.steps.length },
        apart: [...plan.apart, ...(backward?.plan.apart ?? [])],
      },
    },
  }
}

interface Backward {
  readonly plan: Plan
  /** Slots that the forward pass leaves for it. */
  readonly saved: readonly number[]
  /** The slot of the gradient of each root. */
  readonly cotangents: readonly number[]
  /** Which results have a gradient. */
  readonly roots: readonly number[]
  /** The gradients of the arguments that require grad, then of the leaves from outside. */
  readonly grads: readonly (Result | null)[]
  /** Whether random numbers are drawn, so that it cannot be computed twice. */
  readonly random: boolean
}

/** A captured function. */
class Program<Args extends unknown[], R extends Outputs> implements Captured<R> {
  readonly #fn: (...args: Args) => R
  readonly #plan: Plan
  readonly #slots: readonly number[]
  readonly #outputs: readonly Result[]
  readonly #list: boolean
  readonly #leaves: readonly Tensor[]
  readonly #writes: readonly { storage: Storage; times: number }[]
  readonly #backward: Backward | null

  constructor(
    fn: (...args: Args) => R,
    plan: Plan,
    slots: readonly number[],
    outputs: readonly Result[],
    list: boolean,
    leaves: readonly Tensor[],
    writes: readonly { storage: Storage; times: number }[],
    backward: Backward | null,
  ) {
    this.#fn = fn
    this.#plan = plan
    this.#slots = slots
    this.#outputs = outputs
    this.#list = list
    this.#leaves = leaves
    this.#writes = writes
    this.#backward = backward
  }

  run(args: readonly unknown[]): R {
    const given = tensorsOf(args)
    if (this.#backward === null) return this.#packed(this.#forward(given).outs)
    const backward = this.#backward
    const forward = (context: FunctionContext, ...tensors: Tensor[]): Tensor[] => {
      const { outs, table } = this.#forward(tensors.slice(0, given.length))
      context.saveForBackward(...given, ...backward.saved.map((slot) => whole(table[slot])))
      outs.forEach((out, i) => {
        if (!backward.roots.includes(i)) context.markNonDifferentiable(out)
      })
      return outs
    }
    const step = (context: FunctionContext, ...grads: Tensor[]): (Tensor | null)[] =>
      gradMode.enabled ? this.#again(args, grads) : this.#gradients(context.savedTensors, given, grads)
    const owner = { name: 'Compiled', forward, backward: step }
    return this.#packed(AutogradFunction.apply.call(owner, ...given, ...this.#leaves) as Tensor[])
  }

  #packed(outs: readonly Tensor[]): R {
    return (this.#list ? outs : outs[0]) as R
  }

  #table(given: readonly Tensor[]): Table {
    const table: Table = []
    given.forEach((t, i) => {
      table[this.#slots[i]] = t.storage
    })
    return table
  }

  #forward(given: readonly Tensor[]): { outs: Tensor[]; table: Table } {
    const table = this.#table(given)
    this.#plan.run(table)
    for (const { storage, times } of this.#writes) storage.version += times
    return { outs: this.#outputs.map((output) => this.#plan.result(table, output)), table }
  }

  #gradients(saved: readonly Tensor[], given: readonly Tensor[], grads: readonly Tensor[]): (Tensor | null)[] {
    const backward = this.#backward
    if (backward === null) throw new AutogradError('a compiled function without a gradient')
    const table = this.#table(saved.slice(0, given.length))
    backward.saved.forEach((slot, i) => {
      table[slot] = saved[given.length + i].storage
    })
    backward.cotangents.forEach((slot, i) => {
      const cotangent = grads[backward.roots[i]]
      const plain = cotangent.offset === 0 && isContiguous(cotangent.shape, cotangent.strides)
      table[slot] = (plain ? cotangent : cotangent.clone().contiguous()).storage
      table[slot]?.makeStrided()
    })
    backward.plan.run(table)
    return this.#placed(
      given,
      backward.grads.map((result) => (result === null ? null : backward.plan.result(table, result))),
    )
  }

  /** The gradients as a graph of their own, for second derivatives: eagerly, from the function itself. */
  #again(args: readonly unknown[], grads: readonly Tensor[]): (Tensor | null)[] {
    const backward = this.#backward
    if (backward === null || backward.random)
      throw new AutogradError('compile: second derivatives of a function that draws random numbers; call it eagerly')
    const result = this.#fn(...(args as Args))
    const outs = Array.isArray(result) ? result : [result]
    const given = tensorsOf(args)
    const wanted = [...given.filter((t) => t.requiresGrad), ...this.#leaves]
    const found = grad(
      backward.roots.map((i) => outs[i]),
      wanted,
      { gradOutputs: backward.roots.map((i) => grads[i]), createGraph: true, allowUnused: true },
    )
    return this.#placed(given, found)
  }

  /** The gradients of the arguments that require grad, then of the leaves, as one for each argument and leaf. */
  #placed(given: readonly Tensor[], found: readonly (Tensor | null)[]): (Tensor | null)[] {
    let next = 0
    const ofGiven = given.map((t) => (t.requiresGrad ? found[next++] : null))
    return [...ofGiven, ...found.slice(next)]
  }
}

/** All bytes of a storage as a tensor. */
function whole(storage: Storage | undefined): Tensor {
  if (storage === undefined) throw new AutogradError('compile: a value that backward needs is gone')
  return new Tensor(storage, 'uint8', [storage.nbytes], [1], 0)
}

/**
 * A function that does what `fn` does in fewer passes over memory: chains of elementwise operators, and the sums, means, extremes
 * and norms of their rows, columns or all elements, run as one, forward and backward, and what lies between them is never written.
 *
 * The first call with arguments of a kind (dtypes, shapes, strides, other values) runs `fn` and takes down its kernel calls;
 * later ones run those. So `fn` must do the same each time for the same kind: what it decides by JavaScript values from
 * outside, such as a module's `training`, is decided in the first call (`reset()` forgets it). Tensors from outside, such as
 * parameters, are read anew each time. A function that reads values (`item()`, a mask as index), writes to its arguments or
 * returns them runs eagerly; `explain()` tells why.
 *
 * @param fn takes tensors and plain values, gives a tensor or a list of tensors
 * @returns a function of the same arguments; its results are those of `fn`, bit for bit, but for sums of everything in a function
 *   that reduces rows too, which are added up in another order
 * @throws ArgumentError when `fn` is no function
 * @example
 * ```ts
 * import { compile, randn, type Tensor } from '@flambeau/core'
 * const f = compile((a: Tensor, b: Tensor) => a.mul(b).add(a).tanh().mul(b.sigmoid()))
 * for (let i = 0; i < 2; i++) f(randn([1000]), randn([1000]))
 * console.log(f.explain()[0].calls) // → { before: 5, after: 1 }
 * ```
 */
export function compile<Args extends unknown[], R extends Outputs>(fn: (...args: Args) => R): Compiled<Args, R> {
  if (typeof fn !== 'function') throw new ArgumentError(`compile: expected a function, got ${describe(fn)}`)
  const entries = new Map<string, Entry<R>>()
  const call = (...args: Args): R => {
    // Inside of another capture, the calls are the outer function's.
    if (observed.by !== null) return fn(...args)
    const kind = kindOf(args)
    if (kind === null) return fn(...args)
    const known = entries.get(kind)
    if (known !== undefined) return known.captured === null ? fn(...args) : known.captured.run(args)
    if (entries.size >= MOST_PLANS) return fn(...args)
    const { result, entry } = capture(fn, args, kind)
    entries.set(kind, entry)
    return result
  }
  return Object.assign(call, {
    explain: () => [...entries.values()].map(({ explanation }) => explanation),
    reset: () => entries.clear(),
  })
}
