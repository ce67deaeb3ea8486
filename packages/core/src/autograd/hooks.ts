import { AutogradError } from '../errors.js'
import type { GradHook, Tensor } from '../tensor/tensor.js'
import { type AccumulateGrad, edgeOf, Node } from './node.js'

/** Takes a hook away again: call `remove`, or let `using` do it. */
export interface HookHandle extends Disposable {
  remove(): void
}

/** Adds `hook` to `hooks`. @returns what takes it away */
export function addHook<H>(hooks: Set<H>, hook: H): HookHandle {
  hooks.add(hook)
  const remove = () => {
    hooks.delete(hook)
  }
  return { remove, [Symbol.dispose]: remove }
}

/** Calls `hook` with the gradient of `self` whenever one is computed; what it returns takes the gradient's place. */
export function registerHook(self: Tensor, hook: GradHook): HookHandle {
  const edge = edgeOf(self)
  if (edge === null) throw new AutogradError('registerHook: the tensor does not require grad')
  // A function of its own each time, so that one hook may be registered twice.
  const own: GradHook = (grad) => hook(grad)
  if (self.isLeaf) {
    self.hooks ??= new Set()
    return addHook(self.hooks, own)
  }
  const node = edge.node as Node
  node.hooks ??= new Map()
  let hooks = node.hooks.get(edge.output)
  if (hooks === undefined) {
    hooks = new Set()
    node.hooks.set(edge.output, hooks)
  }
  return addHook(hooks, own)
}

/** Calls `hook` with a leaf after its gradient was added to `grad`; it may use the gradient and set it to null. */
export function registerPostAccumulateGradHook(self: Tensor, hook: (variable: Tensor) => void): HookHandle {
  if (!self.isLeaf || !self.requiresGrad)
    throw new AutogradError('registerPostAccumulateGradHook: expected a leaf that requires grad')
  const node = edgeOf(self)?.node as AccumulateGrad
  node.after ??= new Set()
  return addHook(node.after, (variable: Tensor) => hook(variable))
}

/** Keeps the gradient of a tensor that is not a leaf in its `grad` as well. */
export function retainGrad(self: Tensor): void {
  const edge = edgeOf(self)
  if (edge === null) throw new AutogradError('retainGrad: the tensor does not require grad')
  if (self.isLeaf || self.retainsGrad) return
  self.retainsGrad = true
  if (self.node instanceof Node) self.node.become(self, self.output)
}

/** Takes the tensor out of its graph, in place. */
export function detach_(self: Tensor): Tensor {
  if (self.viewOf !== null && !self.viewOf.noGrad)
    throw new AutogradError('detach_: a view cannot be detached in place; use detach()')
  self.node = null
  self.output = 0
  self.leafRequiresGrad = false
  self.retainsGrad = false
  return self
}
