// Tensors as text, as PyTorch writes them (its torch/_tensor_str.py).
import * as kernels from '../binding/kernels.gen.js'
import { ArgumentError, describe } from '../errors.js'
import { alias, allocate } from '../tensor/create.js'
import { getDefaultDevice } from '../tensor/device.js'
import { getDefaultDtype, isComplex, isFloating, toComplex } from '../tensor/dtype.js'
import { contiguousStrides, numelOf } from '../tensor/shape.js'
import type { Tensor } from '../tensor/tensor.js'
import type { Complex } from './promotion.js'
import { type Item, readBytes, reader } from './reading.js'

/** How tensors are printed. */
export interface PrintOptions {
  /** Digits after the point. Default 4. */
  precision: number
  /** A tensor of more elements is summarised. Default 1000. */
  threshold: number
  /** Elements at each end of a dimension in a summary. Default 3. */
  edgeitems: number
  /** Characters a line. Default 80. */
  linewidth: number
  /** Scientific notation always or never; null (default) where the values need it. */
  sciMode: boolean | null
}

const DEFAULTS: Readonly<PrintOptions> = { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null }
const PROFILES = {
  default: {},
  short: { precision: 2, edgeitems: 2 },
  full: { threshold: Number.POSITIVE_INFINITY },
} as const

const current: PrintOptions = { ...DEFAULTS }

/** How tensors are printed at present. */
export const getPrintOptions = (): PrintOptions => ({ ...current })

/**
 * Sets how tensors are printed; what is not given stays, but `sciMode` goes back to null.
 *
 * @throws ArgumentError when an option is not a whole number ≥ 0
 * @example
 * ```ts
 * import { setPrintOptions, tensor } from '@flambeau/core'
 * setPrintOptions({ precision: 2 })
 * console.log(String(tensor([1.12345]))) // → tensor([1.12])
 * ```
 */
export function setPrintOptions(options: Partial<PrintOptions> & { readonly profile?: keyof typeof PROFILES }): void {
  const { profile, sciMode = null, ...rest } = options
  if (profile !== undefined && !(profile in PROFILES))
    throw new ArgumentError(
      `setPrintOptions: expected a profile (${Object.keys(PROFILES).join(', ')}), got ${describe(profile)}`,
    )
  const next: PrintOptions = { ...current, ...(profile && { ...DEFAULTS, ...PROFILES[profile] }) }
  for (const name of ['precision', 'threshold', 'edgeitems', 'linewidth'] as const) {
    const value = rest[name]
    if (value === undefined) continue
    if (
      !(Number.isInteger(value) || value === Number.POSITIVE_INFINITY) ||
      value < 0 ||
      (name === 'precision' && value > 100)
    )
      throw new ArgumentError(`setPrintOptions: expected ${name} to be a whole number ≥ 0, got ${describe(value)}`)
    next[name] = value
  }
  Object.assign(current, next, { sciMode })
}

/** Ties go to the even digit, as C rounds; JavaScript rounds them up. `long` is the same number with 25 digits more. */
function halfEven(rounded: string, long: string, extra: number): string {
  const [mantissa, exponent] = long.split('e')
  const kept = mantissa.slice(0, -extra)
  if (!/^50*$/.test(mantissa.slice(-extra)) || /[13579]\.?$/.test(kept)) return rounded
  return kept.replace(/\.$/, '') + (exponent === undefined ? '' : `e${exponent}`)
}
const EXTRA = 25

/** Digits after the point in powers of ten, as C prints them: two digits of exponent at least. */
function exponential(v: number, precision: number): string {
  const rounded = v.toExponential(precision)
  const text = precision + EXTRA > 100 ? rounded : halfEven(rounded, v.toExponential(precision + EXTRA), EXTRA)
  return text.replace(/e([+-])(\d)$/, 'e$10$2')
}

/** Digits after the point, also from 1e21, where `toFixed` changes to exponents. */
function fixed(v: number, precision: number): string {
  if (Math.abs(v) >= 1e21) return `${BigInt(v)}${precision > 0 ? `.${'0'.repeat(precision)}` : ''}`
  const rounded = v.toFixed(precision)
  return precision + EXTRA > 100 ? rounded : halfEven(rounded, v.toFixed(precision + EXTRA), EXTRA)
}

const special = (v: number): string => (Number.isNaN(v) ? 'nan' : v > 0 ? 'inf' : '-inf')

/** toFixed and toExponential drop the sign of negative zero. */
const signed = (v: number, text: string): string =>
  v < 0 || Object.is(v, -0) ? (text.startsWith('-') ? text : `-${text}`) : text

/** Writes the numbers of one tensor to one width. */
class Formatter {
  readonly #floating: boolean
  readonly #text: (value: Item | bigint) => string
  width = 1

  constructor(values: readonly (Item | bigint)[], floating: boolean) {
    this.#floating = floating
    if (!floating) {
      this.#text = (v) => (typeof v === 'boolean' ? (v ? 'True' : 'False') : String(v))
      for (const v of values) this.width = Math.max(this.width, this.#text(v).length)
      return
    }
    const { precision, sciMode } = current
    const finite = (values as number[]).filter((v) => Number.isFinite(v) && v !== 0)
    const whole = finite.every(Number.isInteger)
    let low = Number.POSITIVE_INFINITY
    let high = 0
    for (const v of finite) {
      low = Math.min(low, Math.abs(v))
      high = Math.max(high, Math.abs(v))
    }
    const scientific = finite.length > 0 && (sciMode ?? (high / low > 1000 || high > 1e8 || low < 1e-4))
    const write = (v: number): string =>
      scientific ? exponential(v, precision) : whole ? `${fixed(v, 0)}.` : fixed(v, precision)
    this.#text = (v) => (Number.isFinite(v) ? signed(v as number, write(v as number)) : special(v as number))
    for (const v of finite) this.width = Math.max(this.width, this.#text(v).length)
  }

  format(value: Item | bigint): string {
    const text = this.#text(value)
    return this.#floating || text.length < this.width ? text.padStart(this.width) : text
  }
}

/** The first and last elements of each dimension that is too long to print. */
function summarised(t: Tensor): Tensor {
  const { edgeitems } = current
  const shape = t.shape.map((n) => Math.min(n, 2 * edgeitems))
  if (numelOf(shape) === t.numel()) return t
  const out = allocate(shape, t.dtype, t.device)
  const copyPart = (dim: number, sizes: number[], from: number, to: number): void => {
    if (dim === shape.length) {
      kernels.copy(alias(out, sizes, out.strides, to), alias(t, sizes, t.strides, from))
      return
    }
    if (t.shape[dim] === shape[dim]) {
      copyPart(dim + 1, [...sizes, shape[dim]], from, to)
      return
    }
    const next = [...sizes, edgeitems]
    copyPart(dim + 1, next, from, to)
    copyPart(dim + 1, next, from + (t.shape[dim] - edgeitems) * t.strides[dim], to + edgeitems * out.strides[dim])
  }
  copyPart(0, [], t.offset, 0)
  return out
}

type Write = (i: number) => string

/** The elements of `t.shape`, of which `held` holds the ones that are printed. */
function body(
  shape: readonly number[],
  held: readonly number[],
  summarize: boolean,
  indent: number,
  width: number,
  write: Write,
): string {
  const { edgeitems, linewidth } = current
  const strides = contiguousStrides(held)
  const part = (dim: number, from: number, margin: number): string => {
    if (dim === shape.length) return write(from)
    const skips = summarize && shape[dim] > 2 * edgeitems
    const items = Array.from({ length: held[dim] }, (_, i) => part(dim + 1, from + i * strides[dim], margin + 1))
    const gap = skips || (summarize && edgeitems === 0)
    if (dim < shape.length - 1) {
      if (gap) items.splice(edgeitems, 0, '...')
      return `[${items.join(`,${'\n'.repeat(shape.length - 1 - dim)}${' '.repeat(margin + 1)}`)}]`
    }
    if (gap) items.splice(edgeitems, 0, edgeitems === 0 ? '...' : ' ...')
    const perLine = Math.max(1, Math.floor((linewidth - margin) / (width + 2)))
    const lines: string[] = []
    for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(', '))
    return `[${lines.join(`,\n${' '.repeat(margin + 1)}`)}]`
  }
  return part(0, 0, indent)
}

function contents(t: Tensor, indent: number): string {
  const summarize = t.numel() > current.threshold
  const shown = summarize ? summarised(t) : t
  const read = reader(readBytes('toString', shown), t.dtype, (v) => v as never)
  const values: (Item | bigint)[] = Array.from({ length: shown.numel() }, (_, i) => read(i))
  if (!isComplex(t.dtype)) {
    const formatter = new Formatter(values, isFloating(t.dtype))
    return body(t.shape, shown.shape, summarize, indent, formatter.width, (i) => formatter.format(values[i]))
  }
  const parts = values as Complex[]
  const re = new Formatter(
    parts.map((v) => v.re),
    true,
  )
  const im = new Formatter(
    parts.map((v) => v.im),
    true,
  )
  const write = (i: number): string => {
    const imaginary = `${im.format(parts[i].im)}j`.trimStart()
    return `${re.format(parts[i].re)}${/^[+-]/.test(imaginary) ? '' : '+'}${imaginary}`
  }
  return body(t.shape, shown.shape, summarize, indent, re.width + im.width + 1, write)
}

const tuple = (shape: readonly number[]): string => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`)

/** The tensor as text, as PyTorch prints it. */
export function format(t: Tensor): string {
  const prefix = 'tensor('
  if (t.isDisposed) return `${prefix}<disposed>, size=${tuple(t.shape)})`
  const indent = prefix.length
  const suffixes: string[] = []
  const defaultDType = getDefaultDtype()
  const { meta } = t.storage
  if (t.device !== getDefaultDevice()) suffixes.push(`device='${t.device}'`)
  let text = '[]'
  const isEmpty = t.numel() === 0
  if (meta || isEmpty) {
    if (meta) text = '...'
    if (meta || t.ndim !== 1) suffixes.push(`size=${tuple(t.shape)}`)
    if (t.dtype !== defaultDType) suffixes.push(`dtype=torch.${t.dtype}`)
  } else {
    if (current.edgeitems === 0) suffixes.push(`size=${tuple(t.shape)}`)
    const shownByValues = [defaultDType, toComplex(defaultDType), 'int64', 'bool'].includes(t.dtype)
    if (!shownByValues) suffixes.push(`dtype=torch.${t.dtype}`)
    text = contents(t, indent)
  }
  if (t.node !== null) suffixes.push(`grad_fn=<${t.node.name}>`)
  else if (t.requiresGrad) suffixes.push('requires_grad=True')

  let result = prefix + text
  let lineLength = result.length - result.lastIndexOf('\n') + 1
  for (const suffix of suffixes) {
    if (lineLength + suffix.length + 2 > current.linewidth) {
      result += `,\n${' '.repeat(indent)}${suffix}`
      lineLength = indent + suffix.length
    } else {
      result += `, ${suffix}`
      lineLength += suffix.length + 2
    }
  }
  return `${result})`
}
