// Activations: each one fused program forward and one backward, differentiable to second order.
import { noGrad } from '../../autograd/mode.js'
import { ArgumentError, DTypeError, describe, ShapeError } from '../../errors.js'
import { type DType, isComplex } from '../../tensor/dtype.js'
import { formatShape, wrapDim } from '../../tensor/shape.js'
import type { Tensor } from '../../tensor/tensor.js'
import { abs, add, div, mul, mulConj, zeroGrad } from '../arithmetic.js'
import { conj } from '../complex.js'
import { fillRaw } from '../creation.js'
import { composite, inplaceComposite, inplacePrimitive } from '../dispatch.js'
import { binary, choosing, multiRecord, unaryRecord } from '../pointwise.js'
import type { Program, ProgramWriter, Register } from '../programs.js'
import { type Operand, unwrap } from '../promotion.js'
import { uniform } from '../random.js'
import type { FunctionOp, InplaceOp, Op } from '../record.js'
import { narrow } from '../slicing.js'
import { reluBackward, sigmoid, sigmoidBackward } from '../transcendental.js'
import { view } from '../views.js'

export { sigmoid, tanh } from '../transcendental.js'

/** A function of one number, written as instructions. */
type Curve = (p: ProgramWriter, x: Register, ...params: Register[]) => Register

const INTEGERS: readonly DType[] = ['bool', 'uint8', 'int8', 'int16', 'int32', 'int64']
const COMPLEX: readonly DType[] = ['complex64', 'complex128']

interface Activation {
  /** PyTorch's name below `nn.functional`. */
  readonly name: string
  /** Names of the parameters after `input`. */
  readonly params?: readonly string[]
  readonly defaults?: readonly number[]
  readonly value: Program
  /** The first derivative. */
  readonly slope: Curve
  /** Where the first derivative is 0, even for a gradient that is infinite. */
  readonly flat?: Curve
  /** The second derivative; without it, it is 0. */
  readonly curvature?: Curve
  readonly refuses?: readonly DType[]
  readonly result?: 'float'
}

/** The record of an activation. */
function activationRecord({
  name,
  params = [],
  defaults,
  value,
  slope,
  flat,
  curvature,
  refuses = INTEGERS,
  result,
}: Activation) {
  const list = params.map((param) => `, ${param}`).join('')
  type Backward = Op<[grad: Tensor, input: Tensor, ...params: number[]]>
  // grad · f″(x) · gg, which is as far as PyTorch goes.
  const second =
    curvature &&
    (inplacePrimitive(
      multiRecord(
        {
          signature: `_${name}_double_backward(grad, input${list})`,
          program: (p, g, x, ...rest) => p.op('mulConj', g, curvature(p, x, ...rest)),
          result: 'first',
        },
        2,
        undefined,
      ),
    ) as Backward)
  const backward = inplacePrimitive(
    multiRecord(
      {
        signature: `_${name}_backward(grad, input${list})`,
        program: (p, g, x, ...rest) => {
          const product = p.op('mulConj', g, slope(p, x, ...rest))
          return flat ? p.op('where', flat(p, x, ...rest), 0, product) : product
        },
        result: 'first',
      },
      2,
      [
        // The conjugate of a slope is the slope at the conjugate.
        (gg: Tensor, _g: Tensor, x: Tensor, ...rest: number[]) => backward(gg, conj(x), ...rest),
        second ? (gg: Tensor, g: Tensor, x: Tensor, ...rest: number[]) => second(mulConj(g, gg), x, ...rest) : zeroGrad,
      ],
    ),
  ) as Backward
  return unaryRecord({
    signature: `nn.functional.${name}(input${list})`,
    program: value,
    refuses,
    ...(result && { result }),
    ...(defaults && { defaults }),
    derivative: (g, x, ...rest) => backward(g, x, ...rest),
  })
}

const activation = <P extends unknown[] = []>(spec: Activation): InplaceOp<[input: Tensor, ...params: P]> =>
  inplacePrimitive(activationRecord(spec)) as InplaceOp<[input: Tensor, ...params: P]>

/** `max(x, 0)`. */
export const relu: InplaceOp<[input: Tensor]> = inplacePrimitive(
  unaryRecord({
    signature: 'nn.functional.relu(input)',
    program: 'relu',
    refuses: ['bool'],
    saves: 'result',
    derivative: (g, y) => reluBackward(g, y),
  }),
) as InplaceOp<[input: Tensor]>

/** Not strictly between two bounds; NaN is not, either. */
const outside = (p: ProgramWriter, x: Register, min: Register | number, max: Register | number): Register =>
  p.op('logicalNot', p.op('logicalAnd', p.op('gt', x, min), p.op('lt', x, max)))

const bounded: Omit<Activation, 'name' | 'value'> = {
  slope: (p) => p.constant(1),
  flat: (p, x, min, max) => outside(p, x, min, max),
  refuses: ['bool'],
}

/** `min(max(x, 0), 6)`. */
export const relu6: InplaceOp<[input: Tensor]> = activation({
  ...bounded,
  name: 'relu6',
  value: (p, x) => p.op('clamp', x, 0, 6),
  flat: (p, x) => outside(p, x, 0, 6),
})

const hardtanhRecord = activationRecord({
  ...bounded,
  name: 'hardtanh',
  params: ['min_val', 'max_val'],
  defaults: [-1, 1],
  value: 'clamp',
})
/** `x` limited to `minVal … maxVal`; by default -1 … 1. */
export const hardtanh: InplaceOp<[input: Tensor, minVal?: number, maxVal?: number]> = choosing(
  'nn.functional.hardtanh(input, min_val, max_val)',
  hardtanhRecord,
  (_input: Tensor, minVal: number = -1, maxVal: number = 1) => {
    if (unwrap(minVal) > unwrap(maxVal))
      throw new ArgumentError(`hardtanh: expected minVal ≤ maxVal, got ${minVal} and ${maxVal}`)
    return null
  },
)

const density = (p: ProgramWriter, x: Register): Register =>
  p.op('mul', p.op('exp', p.op('mul', p.op('square', x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
const exactGelu = activationRecord({
  name: 'gelu',
  value: 'gelu',
  // Φ(x) + x·φ(x), then φ(x)(2 - x²)
  slope: (p, x) => p.op('geluSlope', x),
  curvature: (p, x) => p.op('mul', density(p, x), p.op('sub', p.constant(2), p.op('square', x))),
})

const K = Math.sqrt(2 / Math.PI)
const C = 0.044715
const inner = (p: ProgramWriter, x: Register): Register =>
  p.op('tanh', p.op('mul', p.op('mul', x, p.op('add', p.op('mul', p.op('square', x), C), 1)), K))
const innerSlope = (p: ProgramWriter, x: Register): Register =>
  p.op('mul', p.op('add', p.op('mul', p.op('square', x), 3 * C), 1), K)
const tanhGelu = activationRecord({
  name: 'gelu',
  value: (p, x) => p.op('mul', p.op('mul', x, 0.5), p.op('add', inner(p, x), 1)),
  // (1 + t)/2 + x(1 - t²)u′/2 with t = tanh u(x)
  slope: (p, x) => {
    const t = inner(p, x)
    const rest = p.op('mul', p.op('mul', x, p.op('sub', p.constant(1), p.op('square', t))), innerSlope(p, x))
    return p.op('mul', p.op('add', p.op('add', t, 1), rest), 0.5)
  },
  // (1 - t²)(u′ + x(u″/2 - t·u′²))
  curvature: (p, x) => {
    const t = inner(p, x)
    const u = innerSlope(p, x)
    const bend = p.op('sub', p.op('mul', x, 3 * C * K), p.op('mul', t, p.op('square', u)))
    return p.op('mul', p.op('sub', p.constant(1), p.op('square', t)), p.op('add', u, p.op('mul', x, bend)))
  },
})

/** The Gaussian error linear unit, `x·Φ(x)`. @param options `approximate`: `'none'` (default) or `'tanh'` */
export const gelu: InplaceOp<[input: Tensor, options?: { readonly approximate?: 'none' | 'tanh' }]> = choosing(
  'nn.functional.gelu(input, {approximate})',
  exactGelu,
  (input: Tensor, options?: { readonly approximate?: 'none' | 'tanh' }) => {
    const approximate = options?.approximate ?? 'none'
    if (approximate !== 'none' && approximate !== 'tanh')
      throw new ArgumentError(`gelu: expected approximate 'none' or 'tanh', got ${describe(approximate)}`)
    return [approximate === 'none' ? exactGelu : tanhGelu, input]
  },
)

/** The sigmoid linear unit, `x·sigmoid(x)`, also known as swish. */
export const silu: InplaceOp<[input: Tensor]> = activation({
  name: 'silu',
  value: 'silu',
  // s(1 + x(1 - s)), then s(1 - s)(2 + x(1 - 2s))
  slope: (p, x) => p.op('siluSlope', x),
  curvature: (p, x) => {
    const s = p.op('sigmoid', x)
    const bump = p.op('mul', s, p.op('sub', p.constant(1), s))
    return p.op('mul', bump, p.op('add', p.op('mul', x, p.op('sub', p.constant(1), p.op('add', s, s))), 2))
  },
})

const softplusOf = (p: ProgramWriter, x: Register): Register =>
  p.op('where', p.op('gt', x, 20), x, p.op('log1p', p.op('exp', x)))
/** `x·tanh(softplus(x))`. */
export const mish: InplaceOp<[input: Tensor]> = activation({
  name: 'mish',
  value: (p, x) => p.op('mul', x, p.op('tanh', softplusOf(p, x))),
  // With t = tanh(softplus x), d = 1 - t², s = sigmoid x: t + x·s·d, then d·s(2 + x(1 - s) - 2x·t·s)
  slope: (p, x) => {
    const t = p.op('tanh', softplusOf(p, x))
    const d = p.op('sub', p.constant(1), p.op('square', t))
    return p.op('add', t, p.op('mul', p.op('mul', x, p.op('sigmoid', x)), d))
  },
  curvature: (p, x) => {
    const t = p.op('tanh', softplusOf(p, x))
    const s = p.op('sigmoid', x)
    const d = p.op('sub', p.constant(1), p.op('square', t))
    const twoTs = p.op('mul', p.op('mul', t, s), 2)
    const bend = p.op('add', p.op('mul', x, p.op('sub', p.op('sub', p.constant(1), s), twoTs)), 2)
    return p.op('mul', p.op('mul', d, s), bend)
  },
})

/** `scale·x` above 0, `scale·alpha·(exp(x / width) - 1)` below: elu, selu and celu. */
const exponential = (name: string, scale: number | null, alpha: number | null, fixed: boolean): Activation => {
  const parts = (p: ProgramWriter, params: Register[]) => ({
    a: fixed ? p.constant(alpha ?? 1) : params[0],
    wide: name === 'celu' ? params[0] : null,
    outer: scale,
  })
  const times = (p: ProgramWriter, r: Register, k: number | null): Register => (k === null ? r : p.op('mul', r, k))
  const argument = (p: ProgramWriter, x: Register, wide: Register | null): Register => (wide ? p.op('div', x, wide) : x)
  return {
    name,
    params: fixed ? [] : ['alpha'],
    ...(fixed ? {} : { defaults: [1] }),
    value: (p, x, ...params) => {
      const { a, wide, outer } = parts(p, params)
      return times(p, p.op('where', p.op('gt', x, 0), x, p.op('mul', p.op('expm1', argument(p, x, wide)), a)), outer)
    },
    slope: (p, x, ...params) => {
      const { a, wide, outer } = parts(p, params)
      const e = p.op('exp', argument(p, x, wide))
      return times(p, p.op('where', p.op('gt', x, 0), 1, wide ? e : p.op('mul', e, a)), outer)
    },
    curvature: (p, x, ...params) => {
      const { a, wide, outer } = parts(p, params)
      const e = p.op('exp', argument(p, x, wide))
      return times(p, p.op('where', p.op('gt', x, 0), 0, wide ? p.op('div', e, a) : p.op('mul', e, a)), outer)
    },
  }
}

/** `x` above 0, `alpha·(exp(x) - 1)` below. */
export const elu: InplaceOp<[input: Tensor, alpha?: number]> = activation<[alpha?: number]>(
  exponential('elu', null, null, false),
)
/** The self-normalizing elu, with fixed scale and alpha. */
export const selu: InplaceOp<[input: Tensor]> = activation(
  exponential('selu', 1.0507009873554805, 1.6732632423543772, true),
)
const celuRecord = activationRecord(exponential('celu', null, null, false))
/** `x` above 0, `alpha·(exp(x / alpha) - 1)` below. */
export const celu: InplaceOp<[input: Tensor, alpha?: number]> = choosing(
  'nn.functional.celu(input, alpha)',
  celuRecord,
  (_input: Tensor, alpha: number = 1) => {
    if (unwrap(alpha) === 0) throw new ArgumentError('celu: expected alpha other than 0')
    return null
  },
)

const leaky: Omit<Activation, 'name'> = {
  value: (p, x, slope) => p.op('where', p.op('gt', x, 0), x, p.op('mul', x, slope)),
  slope: (p, x, slope) => p.op('where', p.op('gt', x, 0), 1, slope),
  refuses: [...INTEGERS, ...COMPLEX],
}
/** `x` above 0, `negativeSlope·x` below. @param negativeSlope default 0.01 */
export const leakyRelu: InplaceOp<[input: Tensor, negativeSlope?: number]> = activation<[negativeSlope?: number]>({
  ...leaky,
  name: 'leaky_relu',
  params: ['negative_slope'],
  defaults: [0.01],
})

/** `log(1 + exp(beta·x)) / beta`, `x` itself where `beta·x` is above `threshold`. */
export const softplus: InplaceOp<[input: Tensor, beta?: number, threshold?: number]> = activation<
  [beta?: number, threshold?: number]
>({
  name: 'softplus',
  params: ['beta', 'threshold'],
  defaults: [1, 20],
  value: (p, x, beta, threshold) => {
    const scaled = p.op('mul', x, beta)
    return p.op('where', p.op('gt', scaled, threshold), x, p.op('div', p.op('log1p', p.op('exp', scaled)), beta))
  },
  slope: (p, x, beta, threshold) => {
    const scaled = p.op('mul', x, beta)
    return p.op('where', p.op('gt', scaled, threshold), 1, p.op('sigmoid', scaled))
  },
  curvature: (p, x, beta, threshold) => {
    const scaled = p.op('mul', x, beta)
    const s = p.op('sigmoid', scaled)
    return p.op(
      'where',
      p.op('gt', scaled, threshold),
      0,
      p.op('mul', beta, p.op('mul', s, p.op('sub', p.constant(1), s))),
    )
  },
})

const realSoftsign: InplaceOp<[input: Tensor]> = activation({
  name: 'softsign',
  refuses: COMPLEX,
  result: 'float',
  value: (p, x) => p.op('div', x, p.op('add', p.op('abs', x), 1)),
  slope: (p, x) => p.op('reciprocal', p.op('square', p.op('add', p.op('abs', x), 1))),
  curvature: (p, x) => {
    const size = p.op('add', p.op('abs', x), 1)
    return p.op('div', p.op('mul', p.op('sign', x), -2), p.op('mul', size, p.op('square', size)))
  },
})

/** `x / (1 + |x|)`. */
export const softsign: InplaceOp<[input: Tensor]> = inplaceComposite(
  'nn.functional.softsign(input)',
  (input: Tensor): Tensor => (isComplex(input.dtype) ? div(input, add(abs(input), 1)) : realSoftsign(input)),
)

/** `x / 6 + 1/2`, limited to 0 … 1. */
export const hardsigmoid: InplaceOp<[input: Tensor]> = activation({
  name: 'hardsigmoid',
  value: (p, x) => p.op('div', p.op('clamp', p.op('add', x, 3), 0, 6), 6),
  slope: (p) => p.constant(1 / 6),
  flat: (p, x) => outside(p, x, -3, 3),
})

/** `x·hardsigmoid(x)`. */
export const hardswish: InplaceOp<[input: Tensor]> = activation({
  name: 'hardswish',
  value: (p, x) => p.op('div', p.op('mul', x, p.op('clamp', p.op('add', x, 3), 0, 6)), 6),
  slope: (p, x) => p.op('where', p.op('ge', x, 3), 1, p.op('add', p.op('div', x, 3), 0.5)),
  flat: (p, x) => p.op('le', x, -3),
  curvature: (p, x) => p.op('where', p.op('lt', p.op('abs', x), 3), 1 / 3, 0),
})

/** `x - tanh(x)`. */
export const tanhshrink: InplaceOp<[input: Tensor]> = activation({
  name: 'tanhshrink',
  refuses: [],
  result: 'float',
  value: (p, x) => p.op('sub', x, p.op('tanh', x)),
  slope: (p, x) => p.op('square', p.op('tanh', x)),
  curvature: (p, x) => {
    const t = p.op('tanh', x)
    return p.op('mul', p.op('add', t, t), p.op('sub', p.constant(1), p.op('square', t)))
  },
})

const within: Curve = (p, x, lambd) => p.op('le', p.op('abs', x), lambd)
/** The gradient vanishes at NaN, too. */
const notBeyond: Curve = (p, x, lambd) => p.op('logicalNot', p.op('gt', p.op('abs', x), lambd))
const softshrinkRecord = activationRecord({
  name: 'softshrink',
  params: ['lambd'],
  defaults: [0.5],
  value: (p, x, lambd) => {
    const shrunk = p.op('sub', x, p.op('copysign', lambd, x))
    return p.op('where', within(p, x, lambd), p.op('mul', x, 0), shrunk)
  },
  slope: (p) => p.constant(1),
  flat: notBeyond,
})
/** `x` moved towards 0 by `lambd`, 0 where it is nearer. @param lambd default 0.5 */
export const softshrink: InplaceOp<[input: Tensor, lambd?: number]> = choosing(
  'nn.functional.softshrink(input, lambd)',
  softshrinkRecord,
  (_input: Tensor, lambd: number = 0.5) => {
    if (!(unwrap(lambd) >= 0)) throw new ArgumentError(`softshrink: expected lambd ≥ 0, got ${lambd}`)
    return null
  },
)

/** `x`, 0 where `|x| ≤ lambd`. @param lambd default 0.5 */
export const hardshrink: InplaceOp<[input: Tensor, lambd?: number]> = activation<[lambd?: number]>({
  name: 'hardshrink',
  params: ['lambd'],
  defaults: [0.5],
  value: (p, x, lambd) => p.op('where', within(p, x, lambd), 0, x),
  slope: (p) => p.constant(1),
  flat: notBeyond,
  refuses: [...INTEGERS, ...COMPLEX],
})

/** `x` above `threshold`, `value` elsewhere. */
export const threshold: InplaceOp<[input: Tensor, threshold: number, value: number]> = activation<
  [threshold: number, value: number]
>({
  name: 'threshold',
  params: ['threshold', 'value'],
  value: (p, x, limit, value) => p.op('where', p.op('le', x, limit), value, x),
  slope: (p) => p.constant(1),
  flat: (p, x, limit) => p.op('le', x, limit),
  refuses: ['bool'],
})

/** `log(sigmoid(x))`, without overflow. */
export const logsigmoid: InplaceOp<[input: Tensor]> = activation({
  name: 'logsigmoid',
  value: (p, x) => p.op('sub', p.op('minimum', x, 0), p.op('log1p', p.op('exp', p.op('neg', p.op('abs', x))))),
  slope: (p, x) => p.op('sigmoid', p.op('neg', x)),
  curvature: (p, x) => {
    const s = p.op('sigmoid', x)
    return p.op('neg', p.op('mul', s, p.op('sub', p.constant(1), s)))
  },
})

const weigh: Op<[input: Tensor, weight: Tensor]> = binary({
  signature: '_prelu(input, weight)',
  program: (p, x, w) => p.op('where', p.op('gt', x, 0), x, p.op('mul', w, x)),
  refuses: [...INTEGERS, ...COMPLEX],
  derivatives: [(g, x, w) => weighBackward(g, x, w), (g, x) => belowZero(mulConj(g, x), x)],
})
// grad above 0, weight·grad below.
const weighBackward: InplaceOp<[grad: Tensor, input: Operand, weight: Operand]> = inplacePrimitive(
  multiRecord(
    {
      signature: '_prelu_backward(grad, input, weight)',
      program: (p, g, x, w) => p.op('where', p.op('gt', x, 0), g, p.op('mul', w, g)),
      result: 'first',
    },
    3,
    [
      (gg: Tensor, _g: Tensor, x: Tensor, w: Tensor) => weighBackward(gg, x, w),
      zeroGrad,
      (gg: Tensor, g: Tensor, x: Tensor) => belowZero(mulConj(g, gg), x),
    ],
  ),
)
// The value where input is not above 0, otherwise 0.
const belowZero: Op<[value: Tensor, input: Tensor]> = inplacePrimitive(
  multiRecord(
    {
      signature: '_where_not_positive(value, input)',
      program: (p, v, x) => p.op('where', p.op('gt', x, 0), 0, v),
      result: 'first',
    },
    2,
    [(g: Tensor, _v: Tensor, x: Tensor) => belowZero(g, x), null],
  ),
)

/**
 * `x` above 0, `weight·x` below, with a weight that is learned.
 *
 * @param input shape [N, C, …]
 * @param weight one number, or one a channel: shape [C]
 */
export const prelu: FunctionOp<[input: Tensor, weight: Tensor], Tensor> = composite(
  'nn.functional.prelu(input, weight)',
  (input: Tensor, weight: Tensor): Tensor => {
    if (weight.ndim > 1)
      throw new ShapeError(`prelu: expected weight with at most 1 dimension, got ${formatShape(weight.shape)}`)
    if (weight.dtype !== input.dtype)
      throw new DTypeError(`prelu: expected weight of dtype ${input.dtype}, got ${weight.dtype}`)
    if (weight.numel() === 1) return weigh(input, weight.ndim === 0 ? weight : view(weight, []))
    const channels = input.ndim === 0 ? null : input.ndim === 1 ? 1 : input.shape[1]
    if (channels !== weight.numel())
      throw new ShapeError(
        `prelu: expected one weight or one a channel, got ${weight.numel()} for input of shape ${formatShape(input.shape)}`,
      )
    return weigh(
      input,
      view(
        weight,
        input.shape.map((_, d) => (d === 1 ? channels : 1)),
      ),
    )
  },
)

const gate: Op<[a: Tensor, b: Tensor]> = binary({
  signature: '_glu(a, b)',
  program: (p, a, b) => p.op('mul', a, p.op('sigmoid', b)),
  refuses: [...INTEGERS, ...COMPLEX],
  derivatives: [
    (g, _a, b) => gate(g, b as Tensor),
    (g, a, b) => mul(g, mul(a, sigmoidBackward(onesLike(g), sigmoid(b as Tensor)))),
  ],
})
const onesLike = (t: Tensor): Tensor => fillRaw(t.shape, 1, t.dtype, t.device)

/** The gated linear unit: the first half along `dim` times the sigmoid of the second. @returns `dim` halved */
export const glu: FunctionOp<[input: Tensor, dim?: number], Tensor> = composite(
  'nn.functional.glu(input, dim)',
  (input: Tensor, dim = -1): Tensor => {
    if (input.ndim === 0) throw new ShapeError('glu: expected at least 1 dimension, got a 0-d tensor')
    const at = wrapDim('glu', dim, input.ndim)
    const size = input.shape[at]
    if (size % 2 !== 0)
      throw new ShapeError(`glu: expected an even size along dim ${dim}, got ${formatShape(input.shape)}`)
    return gate(narrow(input, at, 0, size / 2), narrow(input, at, size / 2, size / 2))
  },
)

/** The options of `rrelu`. */
export interface RreluOptions {
  /** The smallest slope below 0. Default 1/8. */
  readonly lower?: number
  /** The largest slope below 0. Default 1/3. */
  readonly upper?: number
  /** Whether each slope is drawn at random; otherwise all are the mean. Default false. */
  readonly training?: boolean
}

/** `x` above 0, `slope·x` below, with a slope between `lower` and `upper`. */
export const rrelu: InplaceOp<[input: Tensor, options?: RreluOptions]> = inplaceComposite(
  'nn.functional.rrelu(input, {lower, upper, training})',
  (input: Tensor, { lower = 1 / 8, upper = 1 / 3, training = false }: RreluOptions = {}): Tensor => {
    const [low, high] = [unwrap(lower), unwrap(upper)]
    if (!(low <= high)) throw new ArgumentError(`rrelu: expected lower ≤ upper, got ${low} and ${high}`)
    if (!training) return leakyRelu(input, (low + high) / 2)
    return weigh(
      input,
      noGrad(() => uniform(input, low, high)),
    )
  },
)
