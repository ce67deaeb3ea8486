// Every operator, attached to Tensor. A new module of operators is one line in modules.ts.
import { type BackwardOptions, backward, provideEngineOps } from '../autograd/engine.js'
import { provideZeros } from '../autograd/function.js'
import {
  detach_,
  type HookHandle,
  registerHook,
  registerPostAccumulateGradHook,
  retainGrad,
} from '../autograd/hooks.js'
import { type GradHook, Tensor } from '../tensor/tensor.js'
import { assign } from './at.js'
import { attach, type Methods } from './attach.js'
import * as conversions from './conversions.js'
import { cloneAs } from './copies.js'
import { fillRaw } from './creation.js'
import './methods.js'
import { inplace, provideWriteOps } from './inplace.js'
import * as operators from './modules.js'
import { addGradients, addGradientTo, cloneGradient } from './sparse.js'
import * as whereMethod from './where.js'

export {
  asTensor,
  asTensor as asarray,
  type Element,
  type FromBufferOptions,
  frombuffer,
  type NestedData,
  type TypedArray,
  tensor,
} from './construct.js'
export * as linalg from './linalg/index.js'
export * as masked from './masked.js'
export * from './modules.js'
export * as F from './nn/index.js'
export { getPrintOptions, type PrintOptions, setPrintOptions } from './printing.js'
export { type Complex, type FloatScalar, float, type Operand, type Scalar } from './promotion.js'
export * from './queries.js'
export type { Data, Item, Nested } from './reading.js'

attach(operators)
attach(conversions)
attach(whereMethod)

type Operators = Methods<typeof conversions> &
  Omit<Methods<typeof operators>, 'put'> &
  Methods<typeof whereMethod> &
  operators.SelectionMethods &
  operators.CountingMethods

declare module '../tensor/tensor.js' {
  interface Tensor extends Operators {
    /** Computes the gradients of this tensor and adds them to the `grad` of the leaves. */
    backward(gradient?: Tensor | null, options?: BackwardOptions): void
    /** Overwrites the values with those of `source`, broadcast and converted. */
    copy_(source: Tensor): Tensor
    /** Fills with numbers of the normal distribution. */
    normal_(mean?: number, std?: number, options?: operators.DrawOptions): Tensor
    /** Writes zeros. */
    zero_(): Tensor
    /** Writes 1 with probability `p`, else 0. */
    bernoulli_(p?: number | Tensor, options?: operators.DrawOptions): Tensor
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
    return operators.copy_(this, source)
  },
  normal_(this: Tensor, mean?: number, std?: number, options?: operators.DrawOptions) {
    return inplace(operators.normalFill.record, options === undefined ? [this, mean, std] : [this, mean, std, options])
  },
  zero_(this: Tensor) {
    return inplace(operators.fill.record, [this, 0])
  },
  bernoulli_(this: Tensor, p?: number | Tensor, options?: operators.DrawOptions) {
    return operators.bernoulli_(this, p, options)
  },
  put(this: Tensor, index: Tensor | readonly operators.Index[], value: Tensor, accumulate?: boolean) {
    return index instanceof Tensor ? operators.put(this, index, value, accumulate) : assign(this, index, value)
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
  add: addGradients,
  addInPlace: addGradientTo,
  clone: cloneGradient,
  detach: operators.detach,
  onesLike: (a) => fillRaw(a.shape, 1, a.dtype, a.device),
  sumToSize: operators.sumToSize,
  cast: (a, dtype) => operators.to(a, dtype),
})
provideZeros(({ shape, dtype, device }) => fillRaw(shape, 0, dtype, device))
provideWriteOps({
  clone: operators.clone,
  cloneAs: cloneAs,
  zeroInPlace: (t) => void operators.copy_(t, fillRaw([], 0, t.dtype, t.device)),
})
