// A function with a derivative of its own: a logarithm that stays finite at 0, checked against finite differences.
import { autograd, type Tensor, tensor } from '@flambeau/core'

/** log(x + eps), whose gradient 1 / (x + eps) is written by hand. */
class SafeLog extends autograd.Function {
  static forward(ctx: autograd.FunctionContext, x: Tensor, eps: number): Tensor {
    const shifted = x.add(eps)
    ctx.saveForBackward(shifted)
    return shifted.log()
  }

  /** One gradient for each argument of forward; eps has none. */
  static backward(ctx: autograd.FunctionContext, grad: Tensor): [Tensor, null] {
    const [shifted] = ctx.savedTensors
    return [grad.div(shifted), null]
  }
}

const x = tensor([0, 0.5, 2], { dtype: 'float64', requiresGrad: true })
const y = SafeLog.apply(x, 1e-3)
y.sum().backward()
console.log('value   ', y.tolist())
console.log('gradient', x.grad?.tolist())

// The same by central differences.
const h = 1e-7
const difference = (at: number) => {
  const [above, below] = [at + h, at - h].map((value) =>
    SafeLog.apply(tensor([value], { dtype: 'float64' }), 1e-3).item(),
  )
  return (above - below) / (2 * h)
}
console.log('checked ', [0, 0.5, 2].map(difference))
