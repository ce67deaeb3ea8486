import { AutogradFunction, type FunctionContext } from '../autograd/function.js'
import { isGradEnabled } from '../autograd/mode.js'
import { Tensor } from '../tensor/tensor.js'

/** Sees the gradients of a module's results and may return others. */
export type BackwardPreHook<M> = (module: M, gradOutput: (Tensor | null)[]) => (Tensor | null)[] | void
/** Sees the gradients of a module's tensor arguments and results; may return others for the arguments. */
export type BackwardHook<M> = (
  module: M,
  gradInput: (Tensor | null)[],
  gradOutput: (Tensor | null)[],
) => (Tensor | null)[] | void

/** The hooks of one module. */
export interface Hooks {
  readonly pre: Set<(args: unknown[]) => unknown>
  readonly post: Set<(args: unknown[], output: unknown) => unknown>
  readonly backward: Set<(gradInput: (Tensor | null)[], gradOutput: (Tensor | null)[]) => (Tensor | null)[] | void>
  readonly backwardPre: Set<(gradOutput: (Tensor | null)[]) => (Tensor | null)[] | void>
}

/** Runs `forward` with the hooks around it. */
export function runHooked(hooks: Hooks, given: unknown[], forward: (args: unknown[]) => unknown): unknown {
  let args = given
  for (const hook of hooks.pre) {
    const replaced = hook(args)
    if (replaced !== undefined) args = Array.isArray(replaced) ? replaced : [replaced]
  }
  const taps = isGradEnabled() && hooks.backward.size + hooks.backwardPre.size > 0 ? new Taps(hooks) : null
  let output = forward(taps === null ? args : taps.inputs(args))
  for (const hook of hooks.post) {
    const replaced = hook(args, output)
    if (replaced !== undefined) output = replaced
  }
  return taps === null ? output : taps.outputs(output)
}

/** Steps of the graph around one call of a module, which see the gradients go by. */
class Taps {
  readonly hooks: Hooks
  gradOutput: (Tensor | null)[] = []
  /** Whether gradients reach the arguments, so that hooks wait for those. */
  tracksInputs = false
  #inputs = 0

  constructor(hooks: Hooks) {
    this.hooks = hooks
  }

  inputs(args: unknown[]): unknown[] {
    const tensors = args.filter((arg): arg is Tensor => arg instanceof Tensor)
    this.#inputs = tensors.length
    this.tracksInputs = tensors.some((t) => t.requiresGrad)
    if (!this.tracksInputs) return args
    const tapped = InputTap.apply(this, ...tensors)
    let at = 0
    return args.map((arg) => (arg instanceof Tensor ? tapped[at++] : arg))
  }

  outputs(output: unknown): unknown {
    if (output instanceof Tensor) return output.requiresGrad ? OutputTap.apply(this, output)[0] : output
    if (!Array.isArray(output)) return output
    const tensors = output.filter((t): t is Tensor => t instanceof Tensor && t.requiresGrad)
    if (tensors.length === 0) return output
    const tapped = OutputTap.apply(this, ...tensors)
    let at = 0
    return output.map((t) => (t instanceof Tensor && t.requiresGrad ? tapped[at++] : t))
  }

  /** The gradients for the arguments, after the hooks. */
  finish(gradInput: (Tensor | null)[]): (Tensor | null)[] {
    let current = gradInput
    for (const hook of this.hooks.backward) current = hook(current, this.gradOutput) ?? current
    return current
  }

  finishWithoutInputs(): void {
    this.finish(new Array(this.#inputs).fill(null))
  }
}

class InputTap extends AutogradFunction {
  static forward(ctx: FunctionContext, taps: Taps, ...tensors: Tensor[]): Tensor[] {
    ctx.setMaterializeGrads(false)
    InputTap.taps.set(ctx, taps)
    return tensors
  }

  static backward(ctx: FunctionContext, ...grads: (Tensor | null)[]): (Tensor | null)[] {
    return [null, ...(InputTap.taps.get(ctx)?.finish(grads) ?? grads)]
  }

  static readonly taps = new WeakMap<FunctionContext, Taps>()
}

class OutputTap extends AutogradFunction {
  static forward(ctx: FunctionContext, taps: Taps, ...tensors: Tensor[]): Tensor[] {
    ctx.setMaterializeGrads(false)
    InputTap.taps.set(ctx, taps)
    return tensors
  }

  static backward(ctx: FunctionContext, ...grads: (Tensor | null)[]): (Tensor | null)[] {
    const taps = InputTap.taps.get(ctx)
    if (taps === undefined) return [null, ...grads]
    let current = grads
    for (const hook of taps.hooks.backwardPre) current = hook(current) ?? current
    taps.gradOutput = current
    if (!taps.tracksInputs) taps.finishWithoutInputs()
    return [null, ...current]
  }
}
