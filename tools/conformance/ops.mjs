// One operator case: result, views, in-place form, gradients of first and second order, refusals.
import { bytesOf, decodeValue, describeCall, expectedValues, needsFloatMarks } from './cases.mjs'
import { compareKind, comparePlain, compareValues, factorOf, leavesOf, valuesOf } from './compare.mjs'
import { reconstructs } from './decompositions.mjs'
import { checkSecondOrder } from './gradgrad.mjs'
import { ArgumentError, core, fromBytes, getDevice, Tensor } from './library.mjs'
import { resolveOperator } from './operators.mjs'
import { isComplex, isFloating, positions } from './values.mjs'

/** These give a view in PyTorch by marking it as conjugated; here they may compute. */
const EAGER_CONJUGATE = new Set(['conj', 'H', 'mH', 'adjoint'])
/** Dtypes in which finite differences mean something. */
const DOUBLE = new Set(['float64', 'complex128'])
/** PyTorch's table seeds these itself, with this number. */
const TABLE_SEED = 42

/** The arguments of a case as the library takes them, with its tensors in order. */
export function materialize(testCase, data, { float = core.float, grad = true, make = fromBytes } = {}) {
  const tensors = []
  const tensorOf = (description) => {
    const t = make(description, bytesOf(data, description))
    if (grad && testCase.requiresGrad?.[tensors.length]) t.requiresGrad_()
    tensors.push(t)
    return t
  }
  const decode = (value) => placed(decodeValue(value, tensorOf, float))
  const args = decode(testCase.args)
  const kwargs = decode(testCase.kwargs)
  return { args, kwargs, tensors }
}

/** Device arguments become the device under test. */
function placed(value) {
  if (value === null || typeof value !== 'object' || value instanceof Tensor) return value
  if (value.$device !== undefined) return getDevice()
  if (Array.isArray(value)) return Object.assign(value.map(placed), value.tuple ? { tuple: true } : {})
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, v]) => [key, key === 'device' && typeof v === 'string' ? getDevice() : placed(v)]),
  )
}

/**
 * Runs a case that must succeed. Whole floats are given as plain numbers and, where that is not it, marked as floats:
 * both are the user's to write, and only on integers does it matter. Null, or what is wrong.
 */
function checkOrdinary(operator, testCase, data) {
  const attempt = (float) => {
    try {
      return checkWith(operator, testCase, data, float)
    } catch (error) {
      return describeError(error)
    }
  }
  const plain = attempt((x) => x)
  const { args, kwargs } = testCase
  if (plain === null || !needsFloatMarks(args, kwargs) || !JSON.stringify([args, kwargs]).includes('"$float"'))
    return plain
  const marked = attempt(core.float)
  return marked === null || !plain.includes('dtype') ? marked && plain : marked
}

function checkWith(operator, testCase, data, float) {
  const factor = factorOf(operator.name)
  if (typeof core.manualSeed === 'function') core.manualSeed(TABLE_SEED)
  const { args, kwargs, tensors } = materialize(testCase, data, { float })
  const outs = leavesOf(operator.call(args, kwargs))
  const problem = compareResults(testCase, data, outs, factor)
  // Another right answer than PyTorch's has gradients of its own.
  let ownChoice = false
  if (problem !== null) {
    if (testCase.random || !reconstructs(operator.name, args, testCase, data, outs)) return problem
    ownChoice = true
  }
  if (testCase.random) return null
  return (
    compareAliases(operator.name, testCase, outs, tensors) ??
    checkInplace(operator, testCase, data, factor, float) ??
    judged(checkGradients(testCase, data, outs, tensors, ownChoice), operator, testCase, data) ??
    (hasSecondOrder(testCase) ? checkSecondOrder(operator, testCase, data, float) : null)
  )
}

/** The leaves of what is expected: tensors as their descriptions, the rest as plain values. */
function expectedLeaves(value) {
  if (value === null || typeof value !== 'object' || value.$tensor) return [value]
  if (Array.isArray(value)) return value.flatMap(expectedLeaves)
  if (Object.keys(value).some((key) => key.startsWith('$'))) return [decodeValue(value, null)]
  return Object.values(value).flatMap(expectedLeaves)
}

export function compareResults(testCase, data, outs, factor) {
  const wants = expectedLeaves(testCase.expected)
  const got = outs.filter((out) => out !== undefined)
  if (got.length !== wants.length) return `${got.length} results, expected ${wants.length}`
  let tensor = 0
  for (let i = 0; i < wants.length; i++) {
    const label = wants.length > 1 ? `result ${i}: ` : ''
    const want = wants[i]
    let problem
    if (want?.$tensor) {
      const exact = testCase.expected64?.[tensor++]
      if (!(got[i] instanceof Tensor)) return `${label}${String(got[i])}, expected a tensor`
      problem = testCase.random
        ? compareKind(got[i], want.$tensor)
        : compareValues(
            valuesOf(got[i]),
            expectedValues(data, want.$tensor),
            factor,
            exact ? expectedValues(data, exact.$tensor) : null,
          )
    } else if (want === null) problem = got[i] === null ? null : 'a value, expected null'
    else if (got[i] instanceof Tensor) return `${label}a tensor, expected ${JSON.stringify(want)}`
    else problem = testCase.random ? null : comparePlain(got[i], want, factor)
    if (problem !== null) return label + problem
  }
  return null
}

function compareAliases(name, testCase, outs, tensors) {
  const { aliases } = testCase
  if (!aliases) return null
  const sources = tensors.filter((t) => t.numel() > 0)
  const results = outs.filter((out) => out instanceof Tensor)
  for (let i = 0; i < results.length; i++) {
    if (results[i].numel() === 0) continue
    const found = sources.findIndex((t) => t.storage === results[i].storage)
    const want = aliases[i] ?? -1
    if (found === want) continue
    if (found === -1 && EAGER_CONJUGATE.has(name) && isComplex(results[i].dtype)) continue
    const text = (n) => (n === -1 ? 'memory of its own' : `the memory of input ${n}`)
    return `result ${i} has ${text(found)}, expected ${text(want)}`
  }
  return null
}

/** The in-place form on a copy of the input. */
function checkInplace(operator, testCase, data, factor, float) {
  if (!testCase.inplace) return null
  if (operator.inplace === null) return 'there is no in-place form'
  try {
    return core.noGrad(() => {
      const { args, kwargs } = materialize(testCase, data, { float, grad: false })
      const copy = args[0].clone()
      const result = operator.inplace([copy, ...args.slice(1)], kwargs)
      if (result !== copy) return 'the in-place form does not return its tensor'
      const problem = compareResults(testCase, data, [copy], factor)
      return problem && `in place: ${problem}`
    })
  } catch (error) {
    return `in place: ${describeError(error)}`
  }
}

const differentiable = (t) => t instanceof Tensor && (isFloating(t.dtype) || isComplex(t.dtype))

/** Whether PyTorch gives a gradient to any input. */
const isConnected = ({ grads }) => grads.some((want) => want !== null)

const hasGradients = (testCase) => testCase.error === undefined && testCase.cotangents && isConnected(testCase)
const hasSecondOrder = (testCase) =>
  hasGradients(testCase) &&
  testCase.gradgrad &&
  DOUBLE.has(testCase.dtype) &&
  testCase.cotangents.every((v) => DOUBLE.has(v.$tensor.dtype))

function checkGradients(testCase, data, outs, tensors, ownChoice) {
  if (!hasGradients(testCase)) return null
  const inputs = tensors.filter((_, i) => testCase.requiresGrad[i])
  return compareGradients({
    outs: outs.filter((t) => differentiable(t) && t.requiresGrad),
    inputs,
    cotangents: testCase.cotangents,
    expected: testCase.grads,
    data,
    label: (i) => `gradient ${i}`,
    ownChoice,
  })
}

const DOUBLE_OF = { float32: 'float64', complex64: 'complex128', float16: 'float64', bfloat16: 'float64' }

/**
 * A gradient's problem, and who is nearer to the gradients in double precision (which pass in cases of their own). It
 * stays a failure: this only tells rounding of ours from rounding of PyTorch's.
 */
function judged(problem, operator, testCase, data) {
  if (problem === null || !(testCase.dtype in DOUBLE_OF)) return problem
  const gradients = (make) => {
    if (typeof core.manualSeed === 'function') core.manualSeed(TABLE_SEED)
    const { args, kwargs, tensors } = materialize(testCase, data, { make })
    const outs = leavesOf(operator.call(args, kwargs)).filter((t) => differentiable(t) && t.requiresGrad)
    const gradOutputs = testCase.cotangents.map(({ $tensor }) => make($tensor, bytesOf(data, $tensor)))
    const inputs = tensors.filter((_, i) => testCase.requiresGrad[i])
    return core.grad(outs, inputs, { gradOutputs, allowUnused: true })
  }
  const inDouble = (description, bytes) => {
    const t = fromBytes(description, bytes)
    return description.dtype in DOUBLE_OF ? t.to(DOUBLE_OF[description.dtype]).detach() : t
  }
  const errors = { ours: 0, theirs: 0 }
  try {
    const exact = gradients(inDouble)
    gradients(fromBytes).forEach((got, i) => {
      const want = testCase.grads[i]
      if (got === null || exact[i] === null || want === null) return
      errors.ours = Math.max(errors.ours, distance(valuesOf(got), valuesOf(exact[i])))
      errors.theirs = Math.max(errors.theirs, distance(expectedValues(data, want.$tensor), valuesOf(exact[i])))
    })
  } catch {
    return problem
  }
  const { ours, theirs } = errors
  return `${problem}; from double precision ${ours.toPrecision(2)}, PyTorch ${theirs.toPrecision(2)}`
}

/** The largest difference of an element. */
function distance(a, b) {
  let largest = 0
  for (let i = 0; i < a.re.length; i++) {
    const d = Math.hypot(a.re[i] - b.re[i], (a.im?.[i] ?? 0) - (b.im?.[i] ?? 0))
    // NaN too.
    if (!(d <= largest) && !(Number.isNaN(a.re[i]) && Number.isNaN(b.re[i]))) largest = d
  }
  return largest
}

/** Gradients of `outs` with respect to `inputs` against the expected ones; `ownChoice` only runs them. */
export function compareGradients({ outs, inputs, cotangents, expected, data, label, ownChoice = false }) {
  if (outs.length !== cotangents.length) {
    // A result that does not depend on the inputs need not say that it does.
    if (expected.every((want) => want === null || isZero(expectedValues(data, want.$tensor)))) return null
    return `${outs.length} results require grad, expected ${cotangents.length}`
  }
  const gradOutputs = cotangents.map(({ $tensor }) => fromBytes($tensor, bytesOf(data, $tensor)))
  const grads = core.grad(outs, inputs, { gradOutputs, allowUnused: true })
  if (ownChoice) return null
  for (let i = 0; i < expected.length; i++) {
    const got = grads[i]
    const want = expected[i]
    // No gradient and a gradient of zeros are the same.
    if (want === null) {
      // Views made under no_grad, as some inputs are, are leaves that PyTorch gives no gradient.
      if (got !== null && inputs[i].isContiguous() && !isZero(valuesOf(got)))
        return `${label(i)}: a gradient, expected none`
      continue
    }
    const values = expectedValues(data, want.$tensor)
    if (got === null) {
      if (isZero(values)) continue
      return `${label(i)}: none`
    }
    const problem = compareValues(valuesOf(got), values, 10)
    if (problem !== null) return `${label(i)}: ${problem}`
  }
  return null
}

const isZero = ({ re, im }) => re.every((x) => Number(x) === 0) && (im === null || im.every((x) => x === 0))

/** A deliberate one: not an argument error made of whatever JavaScript threw where no check foresaw the argument. */
const isRefusal = (error) => error instanceof ArgumentError && !UNFORESEEN.has(error.cause?.name)
const UNFORESEEN = new Set(['TypeError', 'RangeError', 'SyntaxError'])

/**
 * Whether a case says anything. Some errors PyTorch itself does not raise: its tests take the device "cpu" for one that
 * is not, and two operators take numbers after all. And `as_strided` on a contiguous slice reads memory outside of the
 * slice, which a case does not hold.
 */
function isSound({ op, args, kwargs, error, expected }, data) {
  if (op === 'as_strided.partial_views' && error === undefined) {
    const memory = expectedValues(data, args[0].$tensor).re
    const want = expectedValues(data, expected.$tensor).re
    return positions(args[1], args[2], kwargs.storage_offset ?? 0).every((at, i) => memory[at] === want[i])
  }
  if (error === undefined) return true
  if (/same device/.test(error)) return false
  return !(/^clamp_(min|max)$/.test(op) && error === '' && typeof args[1] === 'number')
}

/** Numbers that must be refused for being floats: JavaScript's 1.0 is 1, so these are tried marked as well. */
const ABOUT_FLOATS = /invalid combination of arguments|must be int|be an int|not float|integer/i

/** A case that must be refused. Null, or what is wrong. */
function checkRefusal(operator, testCase, data) {
  const tries =
    ABOUT_FLOATS.test(testCase.error) && typeof core.float === 'function' ? [(x) => x, core.float] : [(x) => x]
  let other = 'a result'
  for (const float of tries) {
    try {
      const { args, kwargs } = materialize(testCase, data, { float, grad: false })
      operator.call(args, kwargs, true)
      // Devices with a queue report bad values when they are waited for.
      core.synchronize(getDevice())
    } catch (error) {
      if (isRefusal(error)) return null
      other = describeError(error)
    }
  }
  return `expected an argument error (${testCase.error}), got ${other}`
}

/** The error's class and first line; for one that is not the library's own, or was made of one, also where it was thrown. */
export function describeError(error) {
  const text = (e) =>
    `${e?.name ?? 'error'}: ${String(e?.message ?? e)
      .split('\n')[0]
      .slice(0, 200)}`
  const foreign = UNFORESEEN.has(error?.cause?.name) ? error.cause : error instanceof core.FlambeauError ? null : error
  if (foreign === null) return text(error)
  const place = /\((?:file:\/\/)?[^)]*?([^/)]+:\d+):\d+\)/.exec(foreign?.stack ?? '')?.[1] ?? ''
  return `${text(foreign)} ${place}`.trimEnd()
}

/** Runs a folder; `started(i)` is told before each case. */
export function runOps({ cases: all, data, skip, started }) {
  const cases = all.filter((testCase) => isSound(testCase, data))
  const operator = resolveOperator(all[0].op)
  if (operator === null) return { passed: 0, failed: 0, missing: cases.length, failures: [] }
  const failures = []
  const attempt = (i, check) => {
    started(i)
    let problem
    try {
      problem = skip.get(i) ?? check(operator, cases[i], data)
    } catch (error) {
      problem = describeError(error)
    }
    if (problem !== null)
      failures.push({ sample: cases[i].sample, call: describeCall(cases[i].args, cases[i].kwargs), problem })
  }
  cases.forEach((testCase, i) => {
    if (testCase.error === undefined) attempt(i, checkOrdinary)
  })
  // An operator that does not work refuses nothing.
  const works = failures.length === 0
  cases.forEach((testCase, i) => {
    if (testCase.error === undefined) return
    attempt(i, works ? checkRefusal : () => 'a refusal counts only once the ordinary cases pass')
  })
  const count = (holds) => cases.filter((testCase) => !testCase.random && holds(testCase)).length
  const orders = [count(hasGradients), count(hasSecondOrder)]
  return { passed: cases.length - failures.length, failed: failures.length, missing: 0, failures, orders }
}
