// Every operator, attached to Tensor. A new module of operators is one line in each of the three lists.
import { backward, type BackwardOptions, provideEngineOps } from '../autograd/engine.js'
import { provideZeros } from '../autograd/function.js'
import {
  detach_,
  type HookHandle,
  registerHook,
  registerPostAccumulateGradHook,
  retainGrad,
} from '../autograd/hooks.js'
import { type GradHook, Tensor } from '../tensor/tensor.js'
import * as arithmetic from './arithmetic.js'
import { attach, type Methods } from './attach.js'
import * as copies from './copies.js'
import * as creation from './creation.js'
import { fillRaw } from './creation.js'
import './methods.js'
import * as elementwise from './elementwise.js'
import { inplace, provideWriteOps } from './inplace.js'
import * as joining from './joining.js'
import * as slicing from './slicing.js'
import * as strided from './strided.js'
import * as reductions from './reductions.js'
import * as views from './views.js'
import * as whereMethod from './where.js'

export * from './elementwise.js'
export * from './copies.js'
export {
  asTensor,
  type Element,
  frombuffer,
  type FromBufferOptions,
  type NestedData,
  tensor,
  type TypedArray,
} from './construct.js'
export * from './creation.js'
export { float, type Complex, type FloatScalar, type Operand, type Scalar } from './pointwise.js'
export { getPrintOptions, type PrintOptions, setPrintOptions } from './printing.js'
export type { Data, Item, Nested } from './reading.js'
export * from './reductions.js'
export * from './views.js'
export * from './strided.js'
export * from './slicing.js'
export * from './joining.js'

for (const module of [elementwise, copies, creation, strided, slicing, joining, reductions, views, whereMethod])
  attach(module)

interface Operators
  extends Methods<typeof elementwise>,
    Methods<typeof copies>,
    Methods<typeof creation>,
    Methods<typeof strided>,
    Methods<typeof slicing>,
    Methods<typeof joining>,
    Methods<typeof reductions>,
    Methods<typeof views>,
    Methods<typeof whereMethod> {}

declare module '../tensor/tensor.js' {
  interface Tensor extends Operators {
    /** Computes the gradients of this tensor and adds them to the `grad` of the leaves. */
    backward(gradient?: Tensor | null, options?: BackwardOptions): void
    /** Overwrites the values with those of `source`, broadcast and converted. */
    copy_(source: Tensor): Tensor
    /** Calls `hook` with this tensor's gradient whenever one is computed; what it returns takes the gradient's place. */
    registerHook(hook: GradHook): HookHandle
    /** Calls `hook` with this leaf after its gradient was added to `grad`. */
    registerPostAccumulateGradHook(hook: (variable: Tensor) => void): HookHandle
    /** Keeps the gradient in `grad` although this is not a leaf. */
    retainGrad(): void
    /** Takes this tensor out of its graph, in place. */
    detach_(): Tensor
  }
}

Object.assign(Tensor.prototype, {
  backward(this: Tensor, gradient?: Tensor | null, options?: BackwardOptions) {
    backward([this], [gradient], options)
  },
  copy_(this: Tensor, source: Tensor) {
    return copies.copy_(this, source)
  },
  registerHook(this: Tensor, hook: GradHook) {
    return registerHook(this, hook)
  },
  registerPostAccumulateGradHook(this: Tensor, hook: (variable: Tensor) => void) {
    return registerPostAccumulateGradHook(this, hook)
  },
  retainGrad(this: Tensor) {
    retainGrad(this)
  },
  detach_(this: Tensor) {
    return detach_(this)
  },
})

provideEngineOps({
  add: arithmetic.add,
  addInPlace: (a, b) => void inplace(arithmetic.add.record, [a, b]),
  clone: copies.clone,
  detach: copies.detach,
  onesLike: (a) => fillRaw(a.shape, 1, a.dtype, a.device),
  sumToSize: reductions.sumToSize,
  cast: (a, dtype) => copies.to(a, dtype),
})
provideZeros(({ shape, dtype, device }) => fillRaw(shape, 0, dtype, device))
provideWriteOps({
  clone: copies.clone,
  cloneAs: copies.cloneAs,
  zeroInPlace: (t) => void copies.copy_(t, fillRaw([], 0, t.dtype, t.device)),
})
