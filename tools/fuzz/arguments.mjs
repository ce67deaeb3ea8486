// Random arguments as plain descriptions, so that a case can be printed, made simpler and run again.
import { core, DTYPES, fromValues, Tensor } from '../conformance/library.mjs'

const DTYPE_NAMES = Object.keys(DTYPES)
const SHAPES = [[], [1], [2], [3], [5], [0], [2, 3], [3, 3], [1, 3], [3, 1], [0, 3], [3, 0], [4, 4], [2, 1, 3], [2, 3, 4], [1, 2, 4, 4], [2, 2, 5, 5], [1, 1, 3, 3, 3]] // biome-ignore format: a table
const NUMBERS = [0, 1, -1, 2, 3, -2, 4, 7, 0.5, -0.5, -0, 100, -100, 1e9, -1e9, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, 1e18, 1e308, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] // biome-ignore format: a table
const STRINGS = ['mean', 'sum', 'none', 'prod', 'amax', 'amin', 'batchmean', 'constant', 'reflect', 'replicate', 'circular', 'zeros', 'border', 'nearest', 'linear', 'bilinear', 'bicubic', 'trilinear', 'area', 'nearest-exact', 'same', 'valid', 'floor', 'trunc', 'fro', 'nuc', 'inf', 'left', 'right', 'L', 'U', 'ij', 'xy', 'tanh', 'forward', 'backward', 'ortho', 'lower', 'higher', 'midpoint', 'reduced', 'complete', 'r', 'ij,jk->ik', 'i,i', '', '…', '__proto__', 'x'.repeat(300)] // biome-ignore format: a table
const DEVICES = ['cpu', 'cpu', 'cpu', 'debug', 'meta', 'cuda']

const INT = /^(dim|dims|dim0|dim1|dim2|start|end|step|n|k|m|offset|diagonal|groups|upscale|downscale|bins|repeats|chunks|sections|axis|index|length|decimals|q|r|p|ord|steps|numClasses|low|high|ind)/ // biome-ignore format: one pattern
const INTS = /^(size|shape|kernelSize|stride|padding|dilation|outputSize|outputPadding|normalizedShape|pad|splitSize|shifts|reps|tile|s$|hopLength|nFft|scaleFactor|blocks|dims|memory)/ // biome-ignore format: one pattern
const BOOL = /^(keepdim|largest|sorted|stable|descending|unbiased|upper|left|transpose|adjoint|hermitian|training|ceilMode|countIncludePad|alignCorners|return|as|is|accumulate|includeSelf|center|onesided|normalized|full|log|zero|sparse|equalNan|right|some|pivot|inplace|requiresGrad|copy|swap|deterministic|replacement)/ // biome-ignore format: one pattern
const TENSORS = /^(tensors|inputs|operands|matrices|vectors|parameters)$/

const oddNumber = (r) => ({ number: r.pick(NUMBERS) })
const smallInt = (r) => ({ number: r.chance(0.9) ? r.int(-3, 4) : r.pick(NUMBERS) })
const intList = (r) => ({ list: r.list(0, 4, () => smallInt(r)) })

/** A tensor: dtype, shape, how it lies in memory, and where its values come from. */
function tensor(r) {
  return {
    tensor: {
      dtype: r.chance(0.6) ? 'float32' : r.pick(DTYPE_NAMES),
      shape: r.chance(0.9) ? r.pick(SHAPES) : r.list(0, 6, () => r.int(0, 4)),
      seed: r.int(0, 2 ** 31),
      values: r.pick(['normal', 'normal', 'normal', 'small', 'odd', 'index']),
      view: r.pick(['none', 'none', 'none', 'transposed', 'expanded', 'strided', 'offset']),
      device: r.chance(0.93) ? 'cpu' : r.pick(DEVICES.slice(0, 5)),
      grad: r.chance(0.4),
      disposed: r.chance(0.01),
    },
  }
}

const anything = [
  tensor,
  oddNumber,
  smallInt,
  intList,
  (r) => ({ string: r.pick(STRINGS) }),
  (r) => ({ string: r.pick(DTYPE_NAMES) }),
  (r) => ({ string: r.pick(DEVICES) }),
  (r) => ({ boolean: r.chance(0.5) }),
  () => ({ nothing: 'null' }),
  () => ({ nothing: 'undefined' }),
  (r) => ({
    bigint: String(r.pick(['0', '1', '-1', '9223372036854775807', '-9223372036854775808', '99999999999999999999'])),
  }),
  (r) => ({ list: r.list(0, 3, () => tensor(r)) }),
  (r) => ({ list: r.list(0, 3, () => r.pick(anything)(r)) }),
  (r) => ({ foreign: r.pick(Object.keys(FOREIGN)) }),
  (r) => ({ complex: [r.pick(NUMBERS), r.pick(NUMBERS)] }),
]

/** Things that are no tensor, number or list, however much they look like one. */
const FOREIGN = {
  object: () => ({}),
  lookalike: () => ({ shape: [2], dtype: 'float32', strides: [1], offset: 0, storage: null }),
  forged: () => Object.create(Tensor.prototype),
  function: () => () => 1,
  class: () => Tensor,
  symbol: () => Symbol('x'),
  date: () => new Date(0),
  map: () => new Map([[1, 2]]),
  typed: () => new Float32Array(3),
  buffer: () => new ArrayBuffer(8),
  nan: () => [Number.NaN],
  sparse: () => new Array(3),
  cycle: () => {
    const list = []
    list.push(list)
    return list
  },
  throwing: () => new Proxy({}, { get: () => undefined }),
  float: () => core.float?.(2),
  slice: () => core.slice?.(0, 2),
}

/** An argument that fits its name, more often than not. */
function plausible(r, name) {
  if (TENSORS.test(name)) return { list: r.list(1, 3, () => tensor(r)) }
  if (name === 'dtype') return { string: r.pick(DTYPE_NAMES) }
  if (name === 'device') return { string: r.pick(DEVICES) }
  if (BOOL.test(name)) return { boolean: r.chance(0.5) }
  if (INTS.test(name)) return r.chance(0.5) ? intList(r) : smallInt(r)
  if (INT.test(name)) return r.chance(0.8) ? smallInt(r) : intList(r)
  if (/mode|reduction|norm$|side|indexing|interpolation|equation|reduce|approximate|UPLO|driver|method/.test(name))
    return { string: r.pick(STRINGS) }
  if (/eps|alpha|beta|value|momentum|threshold|lambd|slope|margin|delta|min|max|fill|exponent|scale/.test(name))
    return r.chance(0.7) ? oddNumber(r) : tensor(r)
  return tensor(r)
}

const argument = (r, name) => (r.chance(0.8) ? plausible(r, name) : r.pick(anything)(r))

/** Random arguments for a signature, as a list of descriptions. */
export function randomArguments(r, params) {
  const args = []
  const options = {}
  for (const { name, option, rest } of params) {
    if (rest) args.push(...r.list(0, 3, () => argument(r, name)))
    else if (!option) args.push(argument(r, name))
    else if (r.chance(0.4)) options[name] = argument(r, name)
  }
  if (r.chance(0.03)) options[r.pick(['bogus', '__proto__', 'constructor'])] = oddNumber(r)
  if (Object.keys(options).length > 0) args.push({ options })
  // One in a few is cut short, and some get one too many.
  if (r.chance(0.1)) args.length = r.int(0, args.length)
  if (r.chance(0.03)) args.push(r.pick(anything)(r))
  return args
}

/** Arguments of a function of which nothing is known. */
export const anyArguments = (r) => r.list(0, 4, () => r.pick(anything)(r))

function values(description, numel, r) {
  const { values: kind } = description
  return Float64Array.from({ length: numel }, () => {
    if (kind === 'odd') return r.pick(NUMBERS)
    if (kind === 'index') return r.int(-2, 3)
    if (kind === 'small') return r.next()
    return (r.next() + r.next() + r.next() - 1.5) * 2
  })
}

function makeTensor(description, Random, tensors) {
  const { dtype, shape, view, device, grad, disposed } = description
  const r = new Random(description.seed)
  const lies = { none: shape, transposed: [...shape].reverse(), expanded: shape.map((n, i) => (i === 0 ? 1 : n)), strided: shape.map((n) => 2 * n), offset: [...shape, 3] } // biome-ignore format: a table
  const from = lies[view]
  const numel = from.reduce((n, size) => n * size, 1)
  const data = values(description, numel, r)
  const { array, kind } = DTYPES[dtype]
  let re = data
  if (array === BigInt64Array)
    re = BigInt64Array.from(data, (x) => BigInt.asIntN(64, Number.isFinite(x) ? BigInt(Math.trunc(x)) : 0n))
  else if (dtype === 'bool') re = data.map((x) => (x > 0 ? 1 : 0))
  else if (array === Uint16Array) re = data.map(() => r.int(0, 65535))
  const base = fromValues(dtype, from, re, kind === 'complex' ? data.map((x) => -x) : null)
  const stride = from.map((_, i) => from.slice(i + 1).reduce((n, size) => n * size, 1))
  const ways = {
    none: () => base,
    transposed: () => read(base, shape, [...stride].reverse(), 0),
    expanded: () => read(base, shape, stride.map((s, i) => (i === 0 ? 0 : s)), 0),
    strided: () => read(base, shape, stride.map((s) => 2 * s), 0),
    offset: () => read(base, shape, stride.slice(0, -1), shape.includes(0) ? 0 : 2),
  } // biome-ignore format: a table
  let t = ways[view]()
  if (device !== 'cpu' && typeof t.to === 'function' && device !== 'meta') t = t.contiguous().to({ device })
  if (device === 'meta') t = core.zeros(shape, { dtype, device })
  if (grad && ['float', 'complex'].includes(kind)) t.requiresGrad_()
  if (disposed) t.dispose()
  else tensors.push(t)
  return t
}

const read = (base, shape, strides, offset) => new Tensor(base.storage, base.dtype, shape, strides, offset)

/** The argument that a description stands for; tensors that can be read are added to `tensors`. */
export function makeArgument(description, Random, tensors) {
  const [[kind, value]] = Object.entries(description)
  const make = (d) => makeArgument(d, Random, tensors)
  switch (kind) {
    case 'tensor':
      return makeTensor(value, Random, tensors)
    case 'list':
      return value.map(make)
    case 'options':
      return Object.fromEntries(Object.entries(value).map(([key, d]) => [key, make(d)]))
    case 'nothing':
      return value === 'null' ? null : undefined
    case 'bigint':
      return BigInt(value)
    case 'complex':
      return { re: value[0], im: value[1] }
    case 'foreign':
      return FOREIGN[value]()
    default:
      return value
  }
}

/** A description as it reads in a report. */
export function show(description) {
  const [[kind, value]] = Object.entries(description)
  switch (kind) {
    case 'tensor': {
      const { dtype, shape, view, device, grad, disposed, values: from } = value
      const notes = [
        view !== 'none' && view,
        device !== 'cpu' && device,
        grad && 'grad',
        disposed && 'disposed',
        from !== 'normal' && from,
      ].filter(Boolean)
      return `${dtype}[${shape}]${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`
    }
    case 'list':
      return `[${value.map(show).join(', ')}]`
    case 'options':
      return `{ ${Object.entries(value)
        .map(([key, d]) => `${key}: ${show(d)}`)
        .join(', ')} }`
    case 'bigint':
      return `${value}n`
    case 'foreign':
      return `<${value}>`
    case 'string':
      return JSON.stringify(value)
    case 'complex':
      return `${value[0]}+${value[1]}i`
    default:
      return Object.is(value, -0) ? '-0' : String(value)
  }
}

/** Simpler descriptions that might fail in the same way. */
export function* simpler(args) {
  for (let i = args.length - 1; i >= 0; i--) {
    const [[kind, value]] = Object.entries(args[i])
    const replaced = (d) => args.map((a, j) => (j === i ? d : a))
    if (i === args.length - 1) yield args.slice(0, -1)
    if (kind === 'options')
      for (const key of Object.keys(value))
        yield replaced({ options: Object.fromEntries(Object.entries(value).filter(([k]) => k !== key)) })
    if (kind === 'list') {
      for (let j = 0; j < value.length; j++) yield replaced({ list: value.filter((_, k) => k !== j) })
    }
    if (kind === 'tensor') {
      for (const plain of [
        { view: 'none' },
        { grad: false },
        { device: 'cpu' },
        { disposed: false },
        { values: 'normal' },
        { dtype: 'float32' },
      ])
        if (Object.entries(plain).some(([key, v]) => value[key] !== v))
          yield replaced({ tensor: { ...value, ...plain } })
      for (let d = 0; d < value.shape.length; d++) {
        yield replaced({ tensor: { ...value, shape: value.shape.filter((_, k) => k !== d) } })
        if (value.shape[d] > 1)
          yield replaced({ tensor: { ...value, shape: value.shape.map((n, k) => (k === d ? n - 1 : n)) } })
      }
    }
  }
}
