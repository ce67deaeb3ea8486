// Gradients held against finite differences.
import { grad } from '../autograd/engine.js'
import { enableGrad, noGrad } from '../autograd/mode.js'
import { ArgumentError, AutogradError, describe } from '../errors.js'
import { clone, tensor } from '../ops/index.js'
import { isComplex, isDifferentiable } from '../tensor/dtype.js'
import { Tensor } from '../tensor/tensor.js'

export interface GradcheckOptions {
  /** The step of the finite differences. Default 1e-6. */
  readonly eps?: number
  /** Default 1e-5. */
  readonly atol?: number
  /** Default 1e-3. */
  readonly rtol?: number
  /** Throw where a gradient is wrong, rather than return false. Default true. */
  readonly raiseException?: boolean
}

type Checked<Args extends unknown[]> = (...args: Args) => Tensor | readonly Tensor[]

/** The real numbers that a tensor is made of: complex elements are two. */
const numbers = (t: Tensor): Float64Array => noGrad(() => Float64Array.from(clone(t.detach()).data() as Float64Array))

function differentiable(outputs: Tensor | readonly Tensor[]): Tensor[] {
  const list: unknown = Tensor.is(outputs) ? [outputs] : outputs
  if (!Array.isArray(list))
    throw new ArgumentError(`gradcheck: expected fn to return a tensor or a list of tensors, got ${describe(list)}`)
  return list.filter((t) => Tensor.is(t) && isDifferentiable(t.dtype))
}

/** Where the `k`-th number of a tensor is, in words. */
function place(t: Tensor, k: number): string {
  const parts = isComplex(t.dtype) ? 2 : 1
  let left = Math.floor(k / parts)
  const index = [...t.shape].reverse().map((size) => {
    const at = left % size
    left = Math.floor(left / size)
    return at
  })
  return `[${index.reverse().join(', ')}]${parts === 2 ? (k % 2 ? ' (imaginary part)' : ' (real part)') : ''}`
}

/** The position of the `k`-th number in the storage, in numbers. */
function position(t: Tensor, k: number): number {
  const parts = isComplex(t.dtype) ? 2 : 1
  let left = Math.floor(k / parts)
  let offset = t.offset
  for (let d = t.ndim - 1; d >= 0; d--) {
    offset += (left % t.shape[d]) * t.strides[d]
    left = Math.floor(left / t.shape[d])
  }
  return offset * parts + (k % parts)
}

/** Writes one number of a tensor behind autograd's back. */
function poke(t: Tensor, at: number, value: number): void {
  t.storage.write('gradcheck', at * 8, Float64Array.of(value))
}

/** d output / d input by central differences: one row a number of the input, the numbers of all outputs in it. */
function numericalRows(run: () => Tensor[], input: Tensor, eps: number): Float64Array[][] {
  const count = input.numel() * (isComplex(input.dtype) ? 2 : 1)
  const values = numbers(input)
  const rows: Float64Array[][] = []
  for (let k = 0; k < count; k++) {
    const at = position(input, k)
    poke(input, at, values[k] + eps)
    const above = run().map(numbers)
    poke(input, at, values[k] - eps)
    const below = run().map(numbers)
    poke(input, at, values[k])
    rows.push(above.map((list, o) => list.map((value, i) => (value - below[o][i]) / (2 * eps))))
  }
  return rows
}

function checkArguments(operation: string, fn: unknown, inputs: unknown, options: unknown): void {
  if (typeof fn !== 'function') throw new ArgumentError(`${operation}: expected a function, got ${describe(fn)}`)
  if (!Array.isArray(inputs))
    throw new ArgumentError(`${operation}: expected an array of inputs, got ${describe(inputs)}`)
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`${operation}: expected options, got ${describe(options)}`)
}

/** A tensor of zeros like `t` but for the `k`-th number, which is 1. */
function unit(t: Tensor, k: number): Tensor {
  const complex = isComplex(t.dtype)
  const list = new Float64Array(t.numel() * (complex ? 2 : 1))
  list[k] = 1
  if (!complex) return tensor(list, { dtype: t.dtype }).reshape(t.shape)
  const pairs = Array.from({ length: t.numel() }, (_, i) => ({ re: list[2 * i], im: list[2 * i + 1] }))
  return tensor(pairs, { dtype: t.dtype }).reshape(t.shape)
}

/**
 * Compares the gradients of `fn` with finite differences, each output with respect to each input that requires grad.
 *
 * @param fn made of operators; gives a tensor or a list of them
 * @param inputs those that require grad are float64 or complex128
 * @returns whether all agree
 * @throws AutogradError that names the first element that does not
 * @example
 * ```ts
 * import { gradcheck, tensor } from '@flambeau/core'
 * const x = tensor([1, 2, 3], { dtype: 'float64' }).requiresGrad_()
 * console.log(gradcheck((t) => t.mul(t).sin(), [x])) // → true
 * ```
 */
export function gradcheck<Args extends unknown[]>(
  fn: Checked<Args>,
  inputs: Args,
  options: GradcheckOptions = {},
): boolean {
  checkArguments('gradcheck', fn, inputs, options)
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, raiseException = true } = options
  const wanted: { input: Tensor; number: number }[] = []
  inputs.forEach((input, number) => {
    if (!(input instanceof Tensor) || !input.requiresGrad) return
    if (input.dtype !== 'float64' && input.dtype !== 'complex128')
      throw new ArgumentError(
        `gradcheck: expected inputs of float64 or complex128, got ${input.dtype} for input ${number}`,
      )
    wanted.push({ input, number })
  })
  if (wanted.length === 0) throw new ArgumentError('gradcheck: expected at least one input that requires grad')
  const plain = (): Tensor[] => noGrad(() => differentiable(fn(...inputs)))
  const problem = enableGrad(() => {
    const outputs = differentiable(fn(...inputs))
    const analytical = outputs.map((output) => {
      const count = output.numel() * (isComplex(output.dtype) ? 2 : 1)
      return Array.from({ length: count }, (_, k) => {
        if (!output.requiresGrad) return wanted.map(() => null)
        const gradOutputs = [unit(output, k)]
        return grad(
          output,
          wanted.map(({ input }) => input),
          { gradOutputs, allowUnused: true, retainGraph: true },
        ).map((g) => (g === null ? null : numbers(g)))
      })
    })
    for (const [w, { input, number }] of wanted.entries()) {
      const rows = numericalRows(plain, input, eps)
      for (let k = 0; k < rows.length; k++)
        for (let o = 0; o < outputs.length; o++)
          for (let i = 0; i < rows[k][o].length; i++) {
            const expected = rows[k][o][i]
            const got = analytical[o][i][w]?.[k] ?? 0
            if (Math.abs(got - expected) <= atol + rtol * Math.abs(expected)) continue
            return (
              `gradcheck: the derivative of output ${o} at ${place(outputs[o], i)} with respect to input ${number} at ${place(input, k)} ` +
              `is ${expected} by finite differences, ${got} by backward (tolerance ${atol} + ${rtol} · |value|)`
            )
          }
    }
    return null
  })
  if (problem !== null && raiseException) throw new AutogradError(problem)
  return problem === null
}

/** Cotangents without structure, the same each time. */
function cotangent(t: Tensor, salt: number): Tensor {
  const value = (i: number): number => Math.cos(1.7 * i + 2.3 * salt + 0.4) + 0.1
  const complex = isComplex(t.dtype)
  const list = Array.from({ length: t.numel() }, (_, i) =>
    complex ? { re: value(2 * i), im: value(2 * i + 1) } : value(i),
  )
  return tensor(list, { dtype: t.dtype }).reshape(t.shape)
}

/**
 * Compares the gradients of the gradients of `fn` with finite differences of the gradients.
 *
 * @param gradOutputs the cotangents that the first gradients are taken with; made up where they are not given
 * @throws AutogradError that names the first element that does not agree
 */
export function gradgradcheck<Args extends unknown[]>(
  fn: Checked<Args>,
  inputs: Args,
  gradOutputs?: readonly Tensor[],
  options: GradcheckOptions = {},
): boolean {
  checkArguments('gradgradcheck', fn, inputs, options)
  const outputs = enableGrad(() => differentiable(fn(...inputs))).filter((t) => t.requiresGrad)
  const cotangents = (gradOutputs ?? outputs.map(cotangent)).map((t) => t.detach().requiresGrad_())
  const first = (...args: unknown[]): Tensor[] => {
    const own = args.slice(0, inputs.length) as Args
    const given = args.slice(inputs.length) as Tensor[]
    // Finite differences are taken without recording, and still need the first gradients.
    return enableGrad(() => {
      const outs = differentiable(fn(...own)).filter((t) => t.requiresGrad)
      const wanted = own.filter((t): t is Args[number] & Tensor => t instanceof Tensor && t.requiresGrad)
      const grads = grad(outs, wanted, { gradOutputs: given, createGraph: true, allowUnused: true })
      return grads.filter((g): g is Tensor => g !== null)
    })
  }
  return gradcheck(first, [...inputs, ...cotangents], options)
}
