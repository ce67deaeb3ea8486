import { gradMode } from '../autograd/mode.js'
import { applying, edgeOf, Node, SavedValues } from '../autograd/node.js'
import { ArgumentError, AutogradError, DisposedError, unforeseen } from '../errors.js'
import { isDifferentiable } from '../tensor/dtype.js'
import { type Edge, Tensor } from '../tensor/tensor.js'
import type { AnyRecord, CompositeRecord, InplaceOp, Op, PrimitiveRecord } from './record.js'
import { registry } from './record.js'

/** Sees every operator while it is on the stack: autocast, capture, profiling… `next` goes on below it. */
export interface Mode {
  handle(record: AnyRecord, args: readonly unknown[], next: (args: readonly unknown[]) => unknown): unknown
}

let modes: Mode[] | null = null

/** Runs `body` with `mode` on top of the stack. */
export function withMode<R>(mode: Mode, body: () => R): R {
  const outer = modes
  modes = [...(outer ?? []), mode]
  try {
    return body()
  } finally {
    modes = outer
  }
}

/** The one way in: every operator goes through here. */
export function dispatch(record: AnyRecord, args: readonly unknown[]): unknown {
  return modes === null ? execute(record, args) : throughModes(modes, modes.length - 1, record, args)
}

function throughModes(stack: Mode[], at: number, record: AnyRecord, args: readonly unknown[]): unknown {
  const outer = modes
  // Operators that the mode itself uses see the modes below it only.
  modes = at === 0 ? null : stack.slice(0, at)
  try {
    return stack[at].handle(record, args, (next) =>
      at === 0 ? execute(record, next) : throughModes(stack, at - 1, record, next),
    )
  } finally {
    modes = outer
  }
}

function execute(record: AnyRecord, args: readonly unknown[]): unknown {
  const tracked = checkTensors(record, args)
  if (record.kind === 'composite') return record.call(...args)
  if (!tracked || !gradMode.enabled) {
    const { out } = forward(record, args)
    if (record.view && !gradMode.inference) markView(record, args, out)
    if (gradMode.inference) for (const t of out instanceof Tensor ? [out] : out) t.inference = true
    return out
  }
  return record_(record, args)
}

/** Whether one of the tensors requires grad; throws when one was disposed. */
function checkTensors(record: AnyRecord, args: readonly unknown[]): boolean {
  let tracked = false
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]
    if (arg instanceof Tensor) {
      if (arg.isDisposed)
        throw new DisposedError(`${record.name}: a tensor of shape [${arg.shape.join(', ')}] was used after dispose()`)
      if (arg.storage.layout !== 0 && record.kind === 'primitive') {
        if (arg.isSparse)
          throw new ArgumentError(
            `${record.name}: expected a strided tensor, got a sparse one of shape [${arg.shape.join(', ')}]; use toDense()`,
          )
        if (!record.opaque) arg.storage.makeStrided()
      }
      if (arg.leafRequiresGrad || arg.node !== null || (arg.viewOf !== null && arg.requiresGrad)) tracked = true
    } else if (Array.isArray(arg) && arg[0] instanceof Tensor) {
      if (checkTensors(record, arg)) tracked = true
    }
  }
  return tracked
}

type AnyPrimitive = Extract<AnyRecord, { kind: 'primitive' }>

/** `record.forward(...args)`, for few arguments without the spread, which costs as much as a small kernel. */
function forward(record: AnyPrimitive, args: readonly unknown[]): ReturnType<AnyPrimitive['forward']> {
  switch (args.length) {
    case 1:
      return record.forward(args[0])
    case 2:
      return record.forward(args[0], args[1])
    case 3:
      return record.forward(args[0], args[1], args[2])
    default:
      return record.forward(...args)
  }
}

/** Tensors among the arguments, and in lists of them. */
function tensorCount(args: readonly unknown[]): number {
  let count = 0
  for (const arg of args)
    if (arg instanceof Tensor) count++
    else if (Array.isArray(arg) && arg[0] instanceof Tensor) count += arg.length
  return count
}

/** Runs a primitive and makes its node. */
function record_(record: AnyPrimitive, args: readonly unknown[]): Tensor | Tensor[] {
  const edges = new Array<Edge | null>(tensorCount(args))
  let at = 0
  for (const arg of args) {
    if (arg instanceof Tensor) edges[at++] = edgeOf(arg)
    else if (Array.isArray(arg) && arg[0] instanceof Tensor) for (const t of arg) edges[at++] = edgeOf(t)
  }
  // After the edges: making one may make a node, and nodes run by descending number.
  const node = new OpNode(record, edges)
  gradMode.enabled = false
  let result: { out: Tensor | Tensor[]; saved: readonly unknown[] }
  try {
    result = forward(record, args)
  } finally {
    gradMode.enabled = true
  }
  const { out, saved } = result
  if (out instanceof Tensor) {
    if (isDifferentiable(out.dtype) && record.backward) node.adopt(out)
  } else {
    node.listResult = true
    for (const t of out) {
      if (isDifferentiable(t.dtype) && record.backward) node.adopt(t)
      else node.describe(t)
    }
  }
  if (record.backward) node.saved = new SavedValues(saved)
  if (record.view) markView(record, args, out)
  return out
}

/** A view keeps its base and how it was made, so that a write through it can be told to the base's history. */
function markView(record: AnyPrimitive, args: readonly unknown[], out: Tensor | Tensor[]): void {
  const source = args[0] as Tensor
  const rest = args.slice(1)
  const before = source.viewOf
  const base = before?.base ?? source
  const list = out instanceof Tensor ? [out] : out
  if (!gradMode.enabled || before?.noGrad) {
    for (const t of list)
      if (t.storage === source.storage && t !== source)
        t.viewOf = { base, replay: refuseReplay, version: t.storage.version, noGrad: true }
    return
  }
  list.forEach((t, i) => {
    if (t.storage !== source.storage || t === source) return
    const step = (from: Tensor): Tensor => {
      const made = dispatch(record, [from, ...rest]) as Tensor | Tensor[]
      return made instanceof Tensor ? made : made[i]
    }
    t.viewOf = {
      base,
      replay: before ? (from) => step(before.replay(from)) : step,
      version: t.storage.version,
      noGrad: false,
    }
  })
}

function refuseReplay(): never {
  throw new AutogradError('a view made under noGrad has no history')
}

/** Whether the derivative that is being computed is to give the gradient of input `i`. */
const needs = (i: number): boolean => applying.node?.needs(i) === true

class OpNode extends Node {
  readonly #record: AnyPrimitive
  saved: SavedValues | null = null
  /** Whether the operator gives a list, even if of one tensor. */
  listResult = false

  constructor(record: AnyPrimitive, edges: readonly (Edge | null)[]) {
    super(edges)
    this.#record = record
  }

  get name(): string {
    return this.#record.nodeName
  }

  override get internal(): boolean {
    return true
  }

  apply(grads: (Tensor | null)[]): (Tensor | null)[] {
    const { backward } = this.#record
    if (!backward || this.saved === null) throw new AutogradError(`${this.name}: has no derivative`)
    const saved = this.saved.all(this.name)
    if (this.listResult) return backward.call(this.#record, grads, saved, needs)
    const grad = grads[0]
    return grad === null ? [] : backward.call(this.#record, grad, saved, needs)
  }

  override release(): void {
    this.saved?.release()
  }
}

/** Declares an operator with a kernel of its own. */
export function primitive<Args extends unknown[], Out extends Tensor | Tensor[], Saved extends readonly unknown[]>(
  record: Omit<PrimitiveRecord<Args, Out, Saved>, 'kind' | 'name' | 'nodeName'>,
): Op<Args, Out> {
  return register(
    { kind: 'primitive', ...namesOf(record.signature), ...record } as PrimitiveRecord<Args, Out, Saved>,
    false,
  )
}

/** Declares an operator with a kernel of its own and an in-place form, `name_`. */
export function inplacePrimitive<Args extends [Tensor, ...unknown[]], Saved extends readonly unknown[]>(
  record: Omit<PrimitiveRecord<Args, Tensor, Saved>, 'kind' | 'name' | 'nodeName'>,
): InplaceOp<Args, Tensor> {
  return register(
    { kind: 'primitive', ...namesOf(record.signature), ...record } as PrimitiveRecord<Args, Tensor, Saved>,
    true,
  )
}

/** Declares an operator made of other operators. */
export function composite<Args extends unknown[], R>(signature: string, call: (...args: Args) => R): Op<Args, R> {
  return register({ kind: 'composite', name: nameOf(signature), signature, call } as CompositeRecord<Args, R>, false)
}

/** Declares an operator made of other operators, with an in-place form, `name_`. */
export function inplaceComposite<Args extends [Tensor, ...unknown[]]>(
  signature: string,
  call: (...args: Args) => Tensor,
): InplaceOp<Args, Tensor> {
  return register(
    { kind: 'composite', name: nameOf(signature), signature, call } as CompositeRecord<Args, Tensor>,
    true,
  )
}

/** An operator's name and that of its nodes, `MulBackward`. */
function namesOf(signature: string) {
  const name = nameOf(signature)
  const camel = name.slice(1).replace(/[_.](\w)/g, (_, c: string) => c.toUpperCase())
  return { name, nodeName: `${name.charAt(0).toUpperCase()}${camel}Backward` }
}

const nameOf = (signature: string): string => signature.slice(0, signature.indexOf('('))

function register<Args extends unknown[], R>(record: AnyRecord, inplace: boolean): InplaceOp<Args, R> {
  let known: ReadonlySet<string> | null = null
  // What only other operators call takes what they give it.
  const hidden = /^_[^_]/.test(record.name)
  const run = (args: readonly unknown[]): unknown => {
    try {
      const last = args[args.length - 1]
      if (typeof last === 'object' && last !== null && !(last instanceof Tensor) && !hidden) {
        known ??= optionsOf(record.signature)
        checkOptions(record, known, last)
      }
      return dispatch(record, args)
    } catch (error) {
      throw unforeseen(record.name, record.signature, args, error)
    }
  }
  const op = Object.assign((...args: unknown[]) => run(args), {
    run,
    record,
    inplace,
    method: record.signature.includes('(self'),
  })
  registry.set(record.name, op)
  // The one seam between the records, which take anything, and the typed functions that users call.
  return op as unknown as InplaceOp<Args, R>
}

/** The members of the options object that a signature names in braces. */
function optionsOf(signature: string): ReadonlySet<string> {
  if (!signature.includes('{')) return new Set()
  const names = signature.slice(signature.indexOf('{') + 1, signature.lastIndexOf('}')).split(',')
  return new Set(names.map((name) => camelCased(name.split('=')[0].trim())))
}

const camelCased = (name: string): string => name.replace(/(?<=\w)_(\w)/g, (_, c: string) => c.toUpperCase())

/** Throws where an options object has a member that the operator does not know: a misspelt option must not be ignored. */
function checkOptions(record: AnyRecord, known: ReadonlySet<string>, given: object): void {
  const prototype: unknown = Object.getPrototypeOf(given)
  // A plain object of any realm; complex numbers are { re, im }.
  if (prototype === null || Object.getPrototypeOf(prototype) !== null || 're' in given) return
  for (const name of Object.keys(given))
    if (!known.has(name))
      throw new ArgumentError(
        `${record.name}: unknown option '${name}'; ${known.size > 0 ? `expected ${[...known].join(', ')}` : 'it takes none'}`,
      )
}
