// Parameters and buffers of a module by name, and weights that are computed anew before each call.
import { ArgumentError } from '../../errors.js'
import { Parameter } from '../../tensor/parameter.js'
import { formatShape } from '../../tensor/shape.js'
import { Tensor } from '../../tensor/tensor.js'
import type { AnyModule } from '../module.js'

/** The tensor under a module's name. */
export function tensorAt(operation: string, module: AnyModule, name: string): Tensor {
  const value: unknown = Reflect.get(module, name)
  if (value instanceof Tensor) return value
  throw new ArgumentError(`${operation}: ${module.constructor.name} has no parameter or buffer '${name}'`)
}

/** The parameter under a module's name. */
export function parameterAt(operation: string, module: AnyModule, name: string): Parameter {
  const value: unknown = Reflect.get(module, name)
  if (value instanceof Parameter) return value
  throw new ArgumentError(`${operation}: ${module.constructor.name} has no parameter '${name}'`)
}

/** Makes a parameter or a buffer of a tensor, whichever it is. */
export function register(module: AnyModule, name: string, value: Tensor): void {
  if (value instanceof Parameter) module.registerParameter(name, value)
  else module.registerBuffer(name, value)
}

/** The Euclidean norm over some dimensions, kept with size 1; its gradient at 0 is 0. */
export function normOver(x: Tensor, dims: readonly number[]): Tensor {
  const squares = x.abs().square().sum(dims, { keepdim: true })
  const none = squares.eq(0)
  return squares.maskedFill(none, 1).sqrt().maskedFill(none, 0)
}

/** The norm of each slice along `dim`, or of everything where it is null: PyTorch's `norm_except_dim`. */
export function normExceptDim(x: Tensor, dim: number | null): Tensor {
  const dims = x.shape.map((_, i) => i)
  return dim === null
    ? normOver(x, dims).reshape([])
    : normOver(
        x,
        dims.filter((i) => i !== dim),
      )
}

/** A vector divided by its norm, or by `eps` where that is larger. */
export const normalized = (x: Tensor, eps: number): Tensor => x.div(normOver(x, [0]).clampMin(eps))

/** A weight as a matrix with `dim` first. */
export function asMatrix(weight: Tensor, dim: number): Tensor {
  const order = [dim, ...weight.shape.map((_, i) => i).filter((i) => i !== dim)]
  return (dim === 0 ? weight : weight.permute(order)).reshape([weight.shape[dim], -1])
}

/** A dimension counted from the front. */
export function wrapDim(operation: string, dim: number, t: Tensor): number {
  if (!Number.isInteger(dim) || dim >= t.ndim || dim < -t.ndim)
    throw new ArgumentError(`${operation}: expected a dim of a tensor of shape ${formatShape(t.shape)}, got ${dim}`)
  return dim < 0 ? dim + t.ndim : dim
}

/** Transposed convolutions have their outputs second. */
export const outputDim = (module: AnyModule): number => (module.constructor.name.startsWith('ConvTranspose') ? 1 : 0)
