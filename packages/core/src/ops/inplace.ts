// In-place forms: `op_(self, …)` from the record of `op`, with the checks and the history that autograd needs.
import { gradMode } from '../autograd/mode.js'
import { edgeOf, Node, refreshView } from '../autograd/node.js'
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, AutogradError, DisposedError, DTypeError, describe, ShapeError, unforeseen } from '../errors.js'
import { allocate } from '../tensor/create.js'
import { formatShape, isContiguous, numelOf, sameShape } from '../tensor/shape.js'
import { type Edge, Tensor } from '../tensor/tensor.js'
import { dispatch } from './dispatch.js'
import { canCast } from './promotion.js'
import type { AnyRecord } from './record.js'

/** Throws unless `self` may be written to. */
export function checkWritable(operation: string, self: Tensor, tracked: boolean): void {
  if (!Tensor.is(self)) throw new ArgumentError(`${operation}: expected a tensor to write to, got ${describe(self)}`)
  if (self.isDisposed)
    throw new DisposedError(`${operation}: a tensor of shape ${formatShape(self.shape)} was used after dispose()`)
  for (let i = 0; i < self.shape.length; i++)
    if (self.shape[i] > 1 && self.strides[i] === 0)
      throw new ShapeError(
        `${operation}: several elements of an expanded tensor share memory; write to a clone() instead`,
      )
  if (!gradMode.enabled) return
  if (self.leafRequiresGrad)
    throw new AutogradError(`${operation}: a leaf that requires grad cannot be written to in place; use noGrad`)
  if (self.viewOf?.base.leafRequiresGrad)
    throw new AutogradError(
      `${operation}: a view of a leaf that requires grad cannot be written to in place; use noGrad`,
    )
  if (self.viewOf?.noGrad && (tracked || self.viewOf.base.requiresGrad))
    throw new AutogradError(
      `${operation}: a view made under noGrad cannot be written to where autograd records; make the view outside, or write under noGrad`,
    )
  if (tracked && self.inference)
    throw new AutogradError(`${operation}: a tensor made in inferenceMode cannot be written to where autograd records`)
}

const wantsGrad = (value: unknown): boolean =>
  value instanceof Tensor ? value.requiresGrad : Array.isArray(value) && value.some(wantsGrad)

/** Runs the in-place form of an operator. */
export function inplace(record: AnyRecord, args: readonly [Tensor, ...unknown[]]): Tensor {
  try {
    return writeResult(record, args)
  } catch (error) {
    throw unforeseen(`${record.name}_`, record.signature, args, error)
  }
}

function writeResult(record: AnyRecord, args: readonly [Tensor, ...unknown[]]): Tensor {
  const self = args[0]
  const operation = `${record.name}_`
  const tracked = gradMode.enabled && args.some(wantsGrad)
  checkWritable(operation, self, tracked)
  const takesLayouts = record.kind === 'primitive' && record.opaque
  for (const arg of args)
    if (arg instanceof Tensor && arg.isSparse)
      throw new ArgumentError(
        `${operation}: expected strided tensors, got a sparse one of shape ${formatShape(arg.shape)}; use toDense()`,
      )
    else if (
      arg instanceof Tensor &&
      arg.storage.layout !== 0 &&
      !(takesLayouts && arg.storage.layout === self.storage.layout)
    )
      arg.storage.makeStrided()
  if (!tracked && record.kind === 'primitive' && record.into && !overlaps(args)) {
    record.into(...args)
    self.storage.version++
    return self
  }
  // What the record saves of `self` must be its value before the write.
  const before = tracked ? snapshot(self) : self
  const result = dispatch(
    record,
    args.map((arg) => (arg === self ? before : arg)),
  ) as Tensor
  return write(operation, self, result)
}

/** The value of `self` with its history, in memory of its own. */
function snapshot(self: Tensor): Tensor {
  const edge = edgeOf(self)
  const copy = allocate(self.shape, self.dtype, self.device)
  if (self.storage.layout !== 0) copy.storage.makeBlocked(self.storage.layout, self.shape, self.code)
  copyRaw(copy, self)
  if (edge !== null) {
    copy.node = edge.node
    copy.output = edge.output
  }
  return copy
}

/** Puts `result` into `self`: its values, and its history. @param independent whether the result is not made from `self` */
export function write(operation: string, self: Tensor, result: Tensor, independent = false): Tensor {
  if (!sameShape(result.shape, self.shape))
    throw new ShapeError(
      `${operation}: expected a result of the tensor's shape ${formatShape(self.shape)}, got ${formatShape(result.shape)}`,
    )
  if (!canCast(result.dtype, self.dtype))
    throw new DTypeError(
      `${operation}: a result of dtype ${result.dtype} cannot be written to a tensor of dtype ${self.dtype}`,
    )
  copyRaw(self, result)
  self.storage.version++
  if (gradMode.enabled && (result.requiresGrad || self.requiresGrad)) rebase(self, result, independent)
  else if (self.viewOf !== null) self.viewOf.version = self.storage.version
  return self
}

/** Copies values; flat between equal layouts. */
function copyRaw(to: Tensor, from: Tensor): void {
  if (to.storage.layout === 0 || to.storage.layout !== from.storage.layout || to.dtype !== from.dtype) {
    to.storage.makeStrided()
    from.storage.makeStrided()
    kernels.copy(to, from)
    return
  }
  const flat = ({ storage: { handle, device, base, meta }, code, offset, shape }: Tensor) => ({
    storage: { handle, device, base, meta, layout: 0 },
    code,
    offset,
    shape: [numelOf(shape)],
    strides: [1],
  })
  kernels.copy(flat(to), flat(from))
}

/** Makes the history of `result` that of `self`; through a view, the base's history continues with the write. */
function rebase(self: Tensor, result: Tensor, independent: boolean): void {
  const view = self.viewOf
  if (view === null || view.noGrad) {
    // A node of its own: that of the result may belong to another tensor, with hooks of that one.
    const written = edgeOf(result)
    new Overwrite([independent || written === null ? edgeOf(self) : null, written]).adopt(self)
    return
  }
  const node = new ViewWrite(view.replay, view.base, [edgeOf(view.base), edgeOf(result)])
  node.adopt(view.base)
  view.version = -1
  refreshView(self)
}

/** A whole tensor after its values were replaced: the gradient goes to what was written. */
class Overwrite extends Node {
  readonly name = 'CopyBackward'

  apply([grad]: (Tensor | null)[]): (Tensor | null)[] {
    if (grad === null) return [null, null]
    return [this.needs(0) ? zerosLike(grad) : null, this.needs(1) ? grad : null]
  }
}

const zerosLike = (t: Tensor): Tensor => {
  const zeros = allocate(t.shape, t.dtype, t.device)
  kernels.fill(zeros, 0)
  return zeros
}

/** The base after a write through a view: the written part's gradient goes to what was written, the rest to the base. */
class ViewWrite extends Node {
  readonly name = 'ViewWriteBackward'
  readonly #view: (base: Tensor) => Tensor
  /** The base's strides: a view may exist with them only. */
  readonly #strides: readonly number[]

  constructor(view: (base: Tensor) => Tensor, base: Tensor, edges: (Edge | null)[]) {
    super(edges)
    this.#view = view
    this.#strides = base.strides
  }

  apply([grad]: (Tensor | null)[]): (Tensor | null)[] {
    if (grad === null) return [null, null]
    const rest = ops.cloneAs(grad, this.#strides)
    const written = this.needs(1) ? ops.clone(this.#view(rest)) : null
    if (!this.needs(0)) return [null, written]
    ops.zeroInPlace(this.#view(rest))
    return [rest, written]
  }
}

/** The operators that ViewWrite needs; `ops/index.ts` provides them. */
interface WriteOps {
  clone(t: Tensor): Tensor
  /** A copy with the strides given, which are dense. */
  cloneAs(t: Tensor, strides: readonly number[]): Tensor
  zeroInPlace(t: Tensor): void
}
let ops: WriteOps
export function provideWriteOps(provided: WriteOps): void {
  ops = provided
}

/** Whether an argument reads memory of `self` in another arrangement, so that writing would change it on the way. */
function overlaps(args: readonly [Tensor, ...unknown[]]): boolean {
  const self = args[0]
  for (let i = 1; i < args.length; i++) {
    const t = args[i]
    if (!(t instanceof Tensor) || t.storage !== self.storage || t === self) continue
    if (t.offset !== self.offset || !sameShape(t.strides, self.strides) || !sameShape(t.shape, self.shape)) return true
  }
  return false
}

/** A contiguous tensor of the same values, the tensor itself where it is contiguous; without history. */
export function contiguousRaw(t: Tensor): Tensor {
  if (isContiguous(t.shape, t.strides)) return t
  const out = allocate(t.shape, t.dtype, t.device)
  kernels.copy(out, t)
  return out
}
