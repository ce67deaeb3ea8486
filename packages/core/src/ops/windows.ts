// Window functions: those of `torch.signal.windows`, and the older ones at the top.
import { ArgumentError, DTypeError, describe } from '../errors.js'
import { checkDType, type DType, getDefaultDtype, isComplex, isDifferentiable } from '../tensor/dtype.js'
import type { Tensor } from '../tensor/tensor.js'
import { abs, add, div, mul, neg, sub } from './arithmetic.js'
import { arange, empty, linspace, ones, type TensorOptions } from './creation.js'
import { composite } from './dispatch.js'
import { clampMin } from './extrema.js'
import { cat } from './joining.js'
import { sqrt, square } from './powers.js'
import type { FunctionOp } from './record.js'
import { narrow } from './slicing.js'
import { i0 } from './special.js'
import { cos, exp, sin } from './transcendental.js'

/** The options of the windows of `signal.windows`. */
export interface WindowOptions extends TensorOptions {
  /** True for filters: symmetric. False for spectra: one period of the window of `m + 1` points. Default true. */
  readonly sym?: boolean
}

type WindowOp<Extra = unknown> = FunctionOp<[m: number, options?: WindowOptions & Extra], Tensor>
const OPTIONS = 'sym, dtype, device, requiresGrad'

function checkLength(operation: string, m: unknown): void {
  if (typeof m !== 'number' || !Number.isInteger(m) || m < 0)
    throw new ArgumentError(`${operation}: expected a length ≥ 0, got ${describe(m)}`)
}
function checkPositive(operation: string, name: string, value: unknown): void {
  if (typeof value !== 'number' || !(value > 0))
    throw new ArgumentError(`${operation}: expected ${name} to be a number > 0, got ${describe(value)}`)
}

/** A window of `m` points; `make` is called for two and more unless `short` says that it knows what to do with one. */
function windowed<Extra>(
  name: string,
  extra: string,
  make: (m: number, points: number, options: TensorOptions, given: WindowOptions & Extra) => Tensor,
  check: (operation: string, given: WindowOptions & Extra) => void = () => {},
  short: 'one' | 'made' = 'one',
): WindowOp<Extra> {
  const operation = `signal.windows.${name}`
  return composite(
    `${operation}(m, {${extra}${OPTIONS}})`,
    (m: number, given: WindowOptions & Extra = {} as WindowOptions & Extra): Tensor => {
      checkLength(operation, m)
      check(operation, given)
      const { sym = true, requiresGrad, device } = given
      const dtype = checkDType(operation, given.dtype ?? getDefaultDtype())
      if (dtype !== 'float32' && dtype !== 'float64')
        throw new DTypeError(`${operation}: expected float32 or float64, got ${dtype}`)
      const options = device === undefined ? { dtype } : { dtype, device }
      // The points of the symmetric window that this one begins with.
      const points = sym || (short === 'made' && m <= 1) ? m : m + 1
      let out: Tensor
      if (m === 0) out = empty([0], options)
      else if (m === 1 && short === 'one') out = ones([1], options)
      else out = make(m, points, options, given)
      return requiresGrad ? out.requiresGrad_() : out
    },
  )
}

/** `Σ (-1)^i a[i] cos(2πik / (points - 1))` for `k < m`. */
function cosineSum(m: number, points: number, a: readonly number[], options: TensorOptions): Tensor {
  const turn = (2 * Math.PI) / (points - 1)
  const k = linspace(0, (m - 1) * turn, m, options)
  return a
    .map((factor, i) => mul(cos(mul(k, i)), i % 2 === 0 ? factor : -factor))
    .reduce((total, term) => add(total, term))
}
const cosines = (name: string, a: readonly number[]): WindowOp =>
  windowed(name, '', (m, points, options) => cosineSum(m, points, a, options))

const exponential: WindowOp<{ readonly center?: number | null; readonly tau?: number }> = windowed(
  'exponential',
  'center, tau, ',
  (m, points, options, { center, tau = 1 }) => {
    const middle = center ?? (points - 1) / 2
    return exp(neg(abs(linspace(-middle / tau, (m - 1 - middle) / tau, m, options))))
  },
  (operation, { center, tau = 1, sym = true }) => {
    checkPositive(operation, 'tau', tau)
    if (sym && center !== null && center !== undefined)
      throw new ArgumentError(`${operation}: a symmetric window has its centre in the middle, got center ${center}`)
  },
  'made',
)
const cosine: WindowOp = windowed(
  'cosine',
  '',
  (m, points, options) => {
    const turn = Math.PI / points
    return sin(linspace(turn / 2, (m - 0.5) * turn, m, options))
  },
  undefined,
  'made',
)
const gaussian: WindowOp<{ readonly std?: number }> = windowed(
  'gaussian',
  'std, ',
  (m, points, options, { std = 1 }) => {
    const start = -(points - 1) / 2
    const scale = 1 / (std * Math.SQRT2)
    return exp(neg(square(linspace(start * scale, (start + m - 1) * scale, m, options))))
  },
  (operation, { std = 1 }) => checkPositive(operation, 'std', std),
  'made',
)
const kaiser: WindowOp<{ readonly beta?: number }> = windowed(
  'kaiser',
  'beta, ',
  (m, points, options, { beta = 12 }) => {
    const step = (2 * beta) / (points - 1)
    const k = linspace(-beta, Math.min(beta, -beta + (m - 1) * step), m, options)
    const end = linspace(beta, beta, 1, options)
    return div(i0(sqrt(sub(square(end), square(k)))), i0(end))
  },
  (operation, { beta = 12 }) => {
    if (typeof beta !== 'number' || !(beta >= 0))
      throw new ArgumentError(`${operation}: expected beta to be a number ≥ 0, got ${describe(beta)}`)
  },
)
const bartlett: WindowOp = windowed('bartlett', '', (m, points, options) => {
  const step = 2 / (points - 1)
  return add(neg(abs(linspace(-1, -1 + (m - 1) * step, m, options))), 1)
})
const generalCosine: WindowOp<{ readonly a: readonly number[] }> = windowed(
  'general_cosine',
  'a, ',
  (m, points, options, { a }) => cosineSum(m, points, a, options),
  (operation, { a }) => {
    if (!Array.isArray(a) || a.length === 0 || a.some((factor) => typeof factor !== 'number'))
      throw new ArgumentError(`${operation}: expected a list of coefficients for a, got ${describe(a)}`)
  },
)
const generalHamming: WindowOp<{ readonly alpha?: number }> = windowed(
  'general_hamming',
  'alpha, ',
  (m, points, options, { alpha = 0.54 }) => cosineSum(m, points, [alpha, 1 - alpha], options),
)

/**
 * Signal processing: `signal.windows` holds the window functions of `torch.signal.windows`, of `m` points, with
 * `{ sym, dtype, device, requiresGrad }`. `sym: false` makes them periodic.
 *
 * @example
 * ```ts
 * import { signal } from '@flambeau/core'
 * console.log(signal.windows.bartlett(5).toArray()) // → [ 0, 0.5, 1, 0.5, 0 ]
 * ```
 */
export const signal = {
  windows: {
    /** A triangle: `1 - |2k/(m-1) - 1|`. */
    bartlett,
    /** `0.42 - 0.5 cos x + 0.08 cos 2x`. */
    blackman: cosines('blackman', [0.42, 0.5, 0.08]),
    /** Half a period of the sine. */
    cosine,
    /** `exp(-|k - center| / tau)`. @param options `center`: only where `sym` is false; `tau`: default 1 */
    exponential,
    /** `exp(-(k / std)² / 2)` around the middle. @param options `std`: default 1 */
    gaussian,
    /** `Σ (-1)^i a[i] cos(ix)`. @param options `a`: the coefficients */
    generalCosine,
    /** `alpha - (1 - alpha) cos x`. @param options `alpha`: default 0.54 */
    generalHamming,
    /** `0.54 - 0.46 cos x`. */
    hamming: cosines('hamming', [0.54, 0.46]),
    /** `0.5 - 0.5 cos x`. */
    hann: cosines('hann', [0.5, 0.5]),
    /** `I₀(√(beta² - k²)) / I₀(beta)`. @param options `beta`: default 12 */
    kaiser,
    /** The four-term window with continuous first derivative that has the least side lobes. */
    nuttall: cosines('nuttall', [0.3635819, 0.4891775, 0.1365995, 0.0106411]),
  },
}

/** A window of the older functions: `make` gives the symmetric one of `n` points, of which a periodic one drops the last. */
function older(
  operation: string,
  length: number,
  periodic: boolean,
  options: TensorOptions,
  make: (k: Tensor, n: number) => Tensor,
): Tensor {
  checkLength(operation, length)
  const { requiresGrad, ...rest } = options
  const dtype: DType = checkDType(operation, options.dtype ?? getDefaultDtype())
  if (!isDifferentiable(dtype) || isComplex(dtype))
    throw new DTypeError(`${operation}: expected a floating-point dtype, got ${dtype}`)
  const made = { ...rest, dtype }
  if (length === 0) return empty([0], { ...made, requiresGrad })
  if (length === 1) return ones([1], { ...made, requiresGrad })
  const n = periodic ? length + 1 : length
  const out = narrow(make(arange(0, n, 1, made), n), 0, 0, length)
  return requiresGrad ? out.requiresGrad_() : out
}

const TENSOR = '{dtype, device, requiresGrad}'
type OlderOp<Extra extends unknown[] = []> = FunctionOp<
  [windowLength: number, periodic?: boolean | TensorOptions, ...extra: [...Extra, options?: TensorOptions]],
  Tensor
>

/** Options may take the place of any argument from the second on. */
function spread<V extends (boolean | number)[]>(
  rest: readonly unknown[],
  ...defaults: V
): { values: V; options: TensorOptions } {
  const at = rest.findIndex((value) => typeof value === 'object' && value !== null)
  const given = at < 0 ? rest : rest.slice(0, at)
  const values = defaults.map((value, i) => given[i] ?? value) as V
  return { values, options: at < 0 ? {} : (rest[at] as TensorOptions) }
}

/** `0.5 - 0.5 cos(2πk/(n-1))`. @param periodic default true: one period, for spectra */
export const hannWindow: OlderOp = composite(
  `hann_window(windowLength, periodic, ${TENSOR})`,
  (length: number, ...rest: unknown[]): Tensor => {
    const { values, options } = spread(rest, true)
    return older('hann_window', length, values[0], options, (k, n) =>
      add(mul(cos(mul(k, (2 * Math.PI) / (n - 1))), -0.5), 0.5),
    )
  },
)
/** `alpha - beta cos(2πk/(n-1))`. @param periodic default true @param alpha default 0.54 @param beta default 0.46 */
export const hammingWindow: OlderOp<[alpha?: number | TensorOptions, beta?: number | TensorOptions]> = composite(
  `hamming_window(windowLength, periodic, alpha, beta, ${TENSOR})`,
  (length: number, ...rest: unknown[]): Tensor => {
    const { values, options } = spread(rest, true, 0.54, 0.46)
    const [periodic, alpha, beta] = values
    return older('hamming_window', length, periodic, options, (k, n) =>
      add(mul(cos(mul(k, (2 * Math.PI) / (n - 1))), -beta), alpha),
    )
  },
)
/** `0.42 - 0.5 cos(2πk/(n-1)) + 0.08 cos(4πk/(n-1))`. @param periodic default true: one period, for spectra */
export const blackmanWindow: OlderOp = composite(
  `blackman_window(windowLength, periodic, ${TENSOR})`,
  (length: number, ...rest: unknown[]): Tensor => {
    const { values, options } = spread(rest, true)
    return older('blackman_window', length, values[0], options, (k, n) => {
      const x = mul(k, Math.PI / (n - 1))
      return add(sub(mul(cos(mul(x, 4)), 0.08), mul(cos(mul(x, 2)), 0.5)), 0.42)
    })
  },
)
/** A triangle over `windowLength` points. @param periodic default true: one period, for spectra */
export const bartlettWindow: OlderOp = composite(
  `bartlett_window(windowLength, periodic, ${TENSOR})`,
  (length: number, ...rest: unknown[]): Tensor => {
    const { values, options } = spread(rest, true)
    return older('bartlett_window', length, values[0], options, (k, n) => {
      const rising = mul(k, 2 / (n - 1))
      const half = Math.floor((n - 1) / 2) + 1
      return cat([narrow(rising, 0, 0, half), add(neg(narrow(rising, 0, half, n - half)), 2)], 0)
    })
  },
)
/** `I₀(beta √(1 - (2k/(n-1) - 1)²)) / I₀(beta)`. @param periodic default true @param beta default 12 */
export const kaiserWindow: OlderOp<[beta?: number | TensorOptions]> = composite(
  `kaiser_window(windowLength, periodic, beta, ${TENSOR})`,
  (length: number, ...rest: unknown[]): Tensor => {
    const { values, options } = spread(rest, true, 12)
    const [periodic, beta] = values
    return older('kaiser_window', length, periodic, options, (k, n) => {
      const x = sub(mul(k, 2 / (n - 1)), 1)
      const top = i0(linspace(beta, beta, 1, { dtype: k.dtype, device: k.device }))
      return div(i0(mul(sqrt(clampMin(add(neg(square(x)), 1), 0)), beta)), top)
    })
  },
)
