import '../polyfill.js'
import { ArgumentError, AutogradError, describe } from '../errors.js'
import type { Device } from './device.js'
import { DTYPES, type DType, isDifferentiable } from './dtype.js'
import { isContiguous, numelOf } from './shape.js'
import type { Storage } from './storage.js'

/** A node of the autograd graph: how the gradient of an operator's results becomes that of its arguments. */
export interface GradNode {
  /** The operator's name, such as `MulBackward`. */
  readonly name: string
  /** Nodes made later have larger numbers; an edge always leads to a smaller one. */
  readonly seq: number
  readonly edges: readonly (Edge | null)[]
}

/** The node that adds a leaf's gradient to what is there. */
export interface LeafNode extends GradNode {
  /** The leaf's gradient is a tensor that autograd made and nobody has been given. */
  ownsGradient: boolean
}

/** Where a gradient goes next: a node, and which of its results it is the gradient of. */
export interface Edge {
  readonly node: GradNode
  readonly output: number
}

/** How a tensor reads the storage of another: writing through it changes the base's history. */
export interface ViewInfo {
  readonly base: Tensor
  /** Makes the same view of a tensor like the base. */
  readonly replay: (base: Tensor) => Tensor
  /** The storage's version when this view's node was made. */
  version: number
  /** Made under noGrad: it has no history, and its base none through it. */
  readonly noGrad: boolean
}

/** A function that sees a tensor's gradient and may return another in its place. */
export type GradHook = (grad: Tensor) => Tensor | void

/** Tensors made while a scope of `tidy` is open. */
export const scope: { tensors: Tensor[] | null } = { tensors: null }

/**
 * A multi-dimensional array of one dtype, with automatic differentiation. Its operators are methods: what each does
 * is documented with the function of the same name.
 *
 * Memory is collected with the object; `dispose()`, `using` and `tidy()` give it back at a line.
 */
export class Tensor {
  /** The element type. */
  readonly dtype: DType
  /** The size of each dimension. */
  shape: readonly number[]
  /** @internal */
  strides: readonly number[]
  /** @internal In elements. */
  offset: number
  /** @internal */
  storage: Storage
  /** @internal The dtype's native code. */
  readonly code: number
  /** @internal The node that made this value; null for a leaf. */
  node: GradNode | null = null
  /** @internal Which of the node's results this is. */
  output = 0
  /** @internal A leaf that asks for a gradient. */
  leafRequiresGrad = false
  /** @internal The node that adds a leaf's gradient to `grad`. */
  accumulator: LeafNode | null = null
  /** @internal */
  viewOf: ViewInfo | null = null
  /** @internal */
  hooks: Set<GradHook> | null = null
  /** @internal */
  retainsGrad = false
  /** @internal Made under inferenceMode: autograd never records it. */
  inference = false
  /** @internal What `grad` gives, for those who neither keep it nor hand it on. */
  gradValue: Tensor | null = null
  #disposed = false

  /** @internal Whether `value` was made by this class; an object that only has its prototype was not. */
  static is(value: unknown): value is Tensor {
    return typeof value === 'object' && value !== null && #disposed in value
  }

  /** @internal Use `tensor()`, `zeros()` and their kin. */
  constructor(storage: Storage, dtype: DType, shape: readonly number[], strides: readonly number[], offset: number) {
    this.storage = storage
    this.dtype = dtype
    this.code = DTYPES[dtype].code
    this.shape = shape
    this.strides = strides
    this.offset = offset
    storage.refs++
    if (scope.tensors !== null) scope.tensors.push(this)
  }

  /**
   * The gradient that `backward()` accumulated, or null. One that nobody has read gives its memory back as soon as
   * another, or null, takes its place.
   */
  get grad(): Tensor | null {
    if (this.accumulator !== null) this.accumulator.ownsGradient = false
    return this.gradValue
  }

  set grad(value: Tensor | null) {
    const { gradValue: before, accumulator } = this
    this.gradValue = value
    if (accumulator?.ownsGradient !== true) return
    accumulator.ownsGradient = false
    if (before !== value) before?.dispose()
  }

  get device(): Device {
    return this.storage.device
  }

  /** The number of dimensions. */
  get ndim(): number {
    return this.shape.length
  }

  /** Whether operators on this tensor are recorded for `backward()`. */
  get requiresGrad(): boolean {
    if (this.leafRequiresGrad || this.node !== null) return true
    const { viewOf } = this
    return viewOf !== null && !viewOf.noGrad && viewOf.version !== this.storage.version && viewOf.base.requiresGrad
  }

  set requiresGrad(value: boolean) {
    this.requiresGrad_(value)
  }

  /** @internal Takes over values, shape and dtype of another tensor, and keeps its identity: what `Module.to` does. */
  setData(from: Tensor): void {
    from.storage.refs++
    if (!this.#disposed) this.storage.release()
    this.#disposed = false
    const { dtype, code, storage, shape, strides, offset } = from
    Object.assign(this, { dtype, code, storage, shape, strides, offset })
  }

  /** Asks for this leaf's gradient, or no longer. @returns this tensor */
  requiresGrad_(value = true): this {
    if (typeof value !== 'boolean')
      throw new ArgumentError(`requiresGrad_: expected true or false, got ${describe(value)}`)
    if (this.node !== null) {
      if (value) return this
      throw new AutogradError(
        'requiresGrad_: only a leaf can stop requiring grad; use detach() to get a tensor without history',
      )
    }
    if (value && !isDifferentiable(this.dtype))
      throw new AutogradError(`requiresGrad_: expected a floating-point or complex dtype, got ${this.dtype}`)
    this.leafRequiresGrad = value
    return this
  }

  /** Whether this tensor was made by the user rather than by a recorded operator. */
  get isLeaf(): boolean {
    return this.node === null
  }

  /** The number of elements. */
  numel(): number {
    return numelOf(this.shape)
  }

  /** The number of dimensions. */
  dim(): number {
    return this.shape.length
  }

  /** Bytes an element. */
  elementSize(): number {
    return DTYPES[this.dtype].size
  }

  /** The step to the next element along each dimension, or along `dim`, in elements. */
  stride(): number[]
  stride(dim: number): number
  stride(dim?: number): number | number[] {
    if (dim === undefined) return [...this.strides]
    const { ndim } = this
    const at = typeof dim === 'number' && dim < 0 ? dim + ndim : dim
    if (!Number.isInteger(at) || at < 0 || at >= ndim)
      throw new ArgumentError(`stride: expected dim in [${-ndim}, ${ndim - 1}], got ${describe(dim)}`)
    return this.strides[at]
  }

  /** The position of the first element in the storage, in elements. */
  storageOffset(): number {
    return this.offset
  }

  /** Whether the elements lie in row-major order without gaps. */
  isContiguous(): boolean {
    return isContiguous(this.shape, this.strides)
  }

  /** Whether the memory is the CPU's and pinned, so that CUDA devices copy from it by themselves. */
  isPinned(): boolean {
    return this.storage.isPinned()
  }

  /** Whether this is a `SparseTensor`, which most operators refuse. */
  get isSparse(): boolean {
    return this.storage.layout < 0
  }

  isFloatingPoint(): boolean {
    return DTYPES[this.dtype].kind === 'float'
  }

  isComplex(): boolean {
    return DTYPES[this.dtype].kind === 'complex'
  }

  get isDisposed(): boolean {
    return this.#disposed
  }

  /**
   * Ends this tensor. Its memory goes back at once when no other tensor or graph uses it. Any later use is a
   * `DisposedError`; disposing twice is harmless.
   */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.storage.release()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
