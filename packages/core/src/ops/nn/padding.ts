// Padding.
import * as kernels from '../../binding/kernels.gen.js'
import { ArgumentError, describe, ShapeError } from '../../errors.js'
import { alias, allocate } from '../../tensor/create.js'
import { formatShape } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { tensor } from '../construct.js'
import { clone } from '../copies.js'
import { composite, primitive } from '../dispatch.js'
import { indexSelect } from '../indexing.js'
import type { Scalar } from '../promotion.js'
import { type FunctionOp, saving } from '../record.js'

/** How the border is filled: with a value, mirrored at the edge, with the edge, or from the other side. */
export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular'

/** What `pad` takes: for each dimension from the last on, the elements before and after; negative ones crop. */
export interface PadOptions {
  /** Default 'constant'. */
  readonly mode?: PadMode
  /** The value of a constant border. Default 0. */
  readonly value?: Scalar | null
}

/** Elements before and after each dimension, in the order of dimensions. */
function borders(input: Tensor, pad: readonly number[]): [number, number][] {
  return input.shape.map((_, d) => {
    const at = 2 * (input.ndim - 1 - d)
    return [pad[at] ?? 0, pad[at + 1] ?? 0]
  })
}

/** The part of `t` that a border of a tensor of `shape` overlaps or leaves: `lead` elements on are cut at each side. */
function inner(t: Tensor, cuts: readonly (readonly [number, number])[]): Tensor {
  let { offset } = t
  const shape = t.shape.map((n, d) => {
    const [before, after] = cuts[d]
    offset += Math.max(before, 0) * t.strides[d]
    return Math.max(0, n - Math.max(before, 0) - Math.max(after, 0))
  })
  return alias(t, shape, t.strides, shape.includes(0) ? t.offset : offset)
}

const constantPad: FunctionOp<[input: Tensor, pad: readonly number[], value: Scalar], Tensor> = primitive({
  signature: '_constant_pad(input, pad, value)',
  forward(input: Tensor, pad: readonly number[], value: Scalar) {
    const sides = borders(input, pad)
    const shape = input.shape.map((n, d) => n + sides[d][0] + sides[d][1])
    if (shape.some((n) => n < 0))
      throw new ShapeError(
        `pad: the result would have the size ${formatShape(shape)} (input ${formatShape(input.shape)}, pad ${formatShape(pad)})`,
      )
    const out = allocate(shape, input.dtype, input.device)
    kernels.fill(out, value)
    const source = inner(
      input,
      sides.map(([before, after]) => [-before, -after] as const),
    )
    if (source.numel() > 0) kernels.copy(inner(out, sides), source)
    return saving(out, pad)
  },
  backward: (grad, [pad]) => [
    constantPad(
      grad,
      pad.map((n) => -n),
      0,
    ),
  ],
})

function checkPad(operation: string, input: Tensor, pad: readonly number[]): void {
  if (!Array.isArray(pad) || pad.length % 2 !== 0 || pad.some((n) => !Number.isInteger(n)))
    throw new ArgumentError(`${operation}: expected pairs of integers for pad, got ${describe(pad)}`)
  if (pad.length > 2 * input.ndim)
    throw new ShapeError(
      `${operation}: expected at most ${2 * input.ndim} numbers for an input of shape ${formatShape(input.shape)}, got ${pad.length}`,
    )
}

/** The element of a dimension of `size` that position `at` of the padded one shows. */
function sourceOf(mode: Exclude<BorderMode, 'circular'>, at: number, size: number): number {
  if (mode === 'replicate') return Math.min(Math.max(at, 0), size - 1)
  const period = Math.max(1, 2 * (size - 1))
  const folded = ((at % period) + period) % period
  return folded < size ? folded : period - folded
}

type BorderMode = Exclude<PadMode, 'constant'>

/** Where `n` elements from `at` on lie along a dimension; with a stride of 0 one of them, below 0 in the other direction. */
function along(t: Tensor, d: number, at: number, n: number, direction: -1 | 0 | 1 = 1): Tensor {
  const start = direction < 0 ? at + n - 1 : at
  return alias(
    t,
    t.shape.map((m, i) => (i === d ? n : m)),
    t.strides.map((m, i) => (i === d ? direction * m : m)),
    t.offset + start * t.strides[d],
  )
}

/**
 * Calls `each` for every border with what it shows, both parts of a padded tensor: one dimension after another, from the
 * last one on, since borders of the next one show those of the one before. `backward` is the opposite order.
 */
function eachBorder(
  padded: Tensor,
  sides: readonly (readonly [number, number])[],
  mode: BorderMode,
  backward: boolean,
  each: (border: Tensor, shown: Tensor) => void,
): void {
  const dims = sides.map((_, d) => d)
  for (const d of backward ? dims : dims.reverse()) {
    const [before, after] = sides[d]
    // Dimensions before this one have no borders yet.
    const t = inner(
      padded,
      sides.map((cuts, i) => (i < d ? cuts : ([0, 0] as const))),
    )
    const end = t.shape[d] - after
    const [head, tail] = {
      reflect: () => [along(t, d, before + 1, before, -1), along(t, d, end - 1 - after, after, -1)],
      replicate: () => [along(t, d, before, before, 0), along(t, d, end - 1, after, 0)],
      circular: () => [along(t, d, end - before, before), along(t, d, before, after)],
    }[mode]()
    if (before > 0) each(along(t, d, 0, before), head)
    if (after > 0) each(along(t, d, end, after), tail)
  }
}

type BorderOp = FunctionOp<[input: Tensor, pad: readonly number[], mode: BorderMode], Tensor>

/** Puts borders around a tensor that show it: `pad` of numbers that are not negative. */
const borderPad: BorderOp = primitive({
  signature: '_border_pad(input, pad, mode)',
  forward(input: Tensor, pad: readonly number[], mode: BorderMode) {
    const sides = borders(input, pad)
    const out = allocate(
      input.shape.map((n, d) => n + sides[d][0] + sides[d][1]),
      input.dtype,
      input.device,
    )
    if (input.numel() > 0) {
      kernels.copy(inner(out, sides), input)
      eachBorder(out, sides, mode, false, (border, shown) => kernels.copy(border, shown))
    }
    return saving(out, pad, mode)
  },
  backward: (grad, [pad, mode]) => [borderSum(grad, pad, mode)],
})

/** Adds borders to what they show, and takes them off: the gradient of `borderPad`. */
const borderSum: BorderOp = primitive({
  signature: '_border_sum(input, pad, mode)',
  forward(input: Tensor, pad: readonly number[], mode: BorderMode) {
    const sides = borders(input, pad)
    const sums = allocate(input.shape, input.dtype, input.device)
    if (input.numel() > 0) {
      kernels.copy(sums, input)
      eachBorder(sums, sides, mode, true, (border, shown) => kernels.stridedAdd(shown, border))
    }
    return saving(clone(inner(sums, sides)), pad, mode)
  },
  backward: (grad, [pad, mode]) => [borderPad(grad, pad, mode)],
})

/**
 * Puts a border around a tensor.
 *
 * @param pad elements before and after the last dimension, then the one before it, and so on; negative ones crop
 * @throws ShapeError when a size would be negative, or a mirrored border is larger than the input allows
 * @example
 * ```ts
 * import { F, tensor } from '@flambeau/core'
 * console.log(F.pad(tensor([1, 2, 3]), [1, 2]).toArray()) // → [ 0, 1, 2, 3, 0, 0 ]
 * ```
 */
export const pad: FunctionOp<[input: Tensor, pad: readonly number[], options?: PadOptions], Tensor> = composite(
  'nn.functional.pad(input, pad, {mode, value})',
  (input: Tensor, pad: readonly number[], { mode = 'constant', value = null }: PadOptions = {}): Tensor => {
    checkPad('pad', input, pad)
    if (mode === 'constant') return constantPad(input, pad, value ?? 0)
    if (mode !== 'reflect' && mode !== 'replicate' && mode !== 'circular')
      throw new ArgumentError(
        `pad: expected mode 'constant', 'reflect', 'replicate' or 'circular', got ${describe(mode)}`,
      )
    if (value !== null && value !== 0)
      throw new ArgumentError(`pad: expected no value with mode '${mode}', got ${describe(value)}`)
    const spatial = pad.length / 2
    if (spatial < 1 || spatial > 3 || (input.ndim !== spatial + 1 && input.ndim !== spatial + 2))
      throw new ShapeError(
        `pad: expected an input of ${spatial + 1} or ${spatial + 2} dimensions for ${pad.length} numbers with mode '${mode}', got shape ${formatShape(input.shape)}`,
      )
    const sides = borders(input, pad)
    for (const [d, [before, after]] of sides.entries()) {
      if (before === 0 && after === 0) continue
      const size = input.shape[d]
      const most = mode === 'reflect' ? size - 1 : mode === 'circular' ? size : Number.POSITIVE_INFINITY
      // A circular border repeats what is left after cropping.
      const first = Math.max(0, -before)
      const left = size - first - Math.max(0, -after)
      if (
        before > most ||
        after > most ||
        size === 0 ||
        size + before + after <= 0 ||
        (mode === 'circular' && left <= 0)
      )
        throw new ShapeError(
          `pad: expected at most ${most} elements on each side of dimension ${d} with mode '${mode}', got [${before}, ${after}] for an input of shape ${formatShape(input.shape)}`,
        )
    }
    if (pad.every((n) => n >= 0)) return borderPad(input, pad, mode)
    let result = input
    for (const [d, [before, after]] of sides.entries()) {
      if (before === 0 && after === 0) continue
      const size = input.shape[d]
      const first = Math.max(0, -before)
      const left = size - first - Math.max(0, -after)
      const sources = Array.from({ length: size + before + after }, (_, i) =>
        mode === 'circular'
          ? first + ((((i - before - first) % left) + left) % left)
          : sourceOf(mode, i - before, size),
      )
      result = indexSelect(result, d, tensor(sources, { dtype: 'int64', device: input.device }))
    }
    return result
  },
)

/** Puts a border of one value around a tensor. @see pad */
export const constantPadNd: FunctionOp<[input: Tensor, pad: readonly number[], value?: Scalar], Tensor> = composite(
  'constant_pad_nd(input, pad, value)',
  (input: Tensor, pad: readonly number[], value: Scalar = 0): Tensor => {
    checkPad('constant_pad_nd', input, pad)
    return constantPad(input, pad, value)
  },
)
