// Second-order gradients against finite differences of first-order ones, in one random direction (as JAX tests them):
// three runs instead of a whole Jacobian.
import { bytesOf } from './cases.mjs'
import { leavesOf, valuesOf } from './compare.mjs'
import { core, fromBytes, fromValues, Tensor } from './library.mjs'
import { materialize } from './ops.mjs'
import { decode, isComplex, isFloating, positions, sizeOf } from './values.mjs'

/** Steps that are tried; a kink may lie within the first one, and near a pole only the last one is small enough. */
const STEPS = [1e-6, 1e-5, 1e-4, 1e-8]
const RELATIVE = 1e-3
const ABSOLUTE = 1e-5
/** Within which two difference quotients must agree to mean something. */
const AGREEMENT = 0.01
const DOUBLE = new Set(['float64', 'complex128'])

/**
 * Operators of which a tensor (by its number) is read by one triangle, while its gradient is that of a matrix that is
 * Hermitian or triangular: PyTorch's own tests put such a matrix in, so it is moved among such matrices only.
 */
const STRUCTURED = {
  cholesky: [0, hermitian], 'linalg.cholesky': [0, hermitian], 'linalg.cholesky_ex': [0, hermitian],
  'linalg.eigh': [0, hermitian], 'linalg.eigvalsh': [0, hermitian], 'linalg.pinv.hermitian': [0, hermitian],
  cholesky_inverse: [0, triangular], cholesky_solve: [1, triangular],
} // biome-ignore format: a table

/** A gradient at a kink has no derivative; PyTorch's own test expects that to fail. */
const AT_KINKS = new Set(['linalg.norm.subgradients_at_zero'])

/** Calls `visit(at, mirrored, i, j)` with where the elements [i, j] and [j, i] of each matrix lie among the numbers. */
function eachElement({ dtype, shape, stride, storageOffset = 0 }, visit) {
  const n = shape.at(-1)
  const parts = isComplex(dtype) ? 2 : 1
  const at = positions(shape, stride, storageOffset)
  for (let start = 0; start < at.length; start += n * n)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) visit(parts * at[start + i * n + j], parts * at[start + j * n + i], i, j)
}

function hermitian(direction, description) {
  const complex = isComplex(description.dtype)
  eachElement(description, (at, mirrored, i, j) => {
    if (i > j) direction[mirrored] = direction[at]
    if (complex && i >= j) direction[mirrored + 1] = i === j ? 0 : -direction[at + 1]
  })
}

function triangular(direction, description, { upper = false }) {
  const parts = isComplex(description.dtype) ? 2 : 1
  eachElement(description, (at, _, i, j) => {
    if (upper ? i > j : i < j) direction.fill(0, at, at + parts)
  })
}

/** A small generator of its own: the library's must not be disturbed. */
function normals(seed) {
  let state = seed >>> 0
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())
}

/** The storage of a tensor, moved along a direction. */
function moved(bytes, direction, step) {
  const copy = new Uint8Array(bytes) // a Buffer's own slice would share its memory
  const numbers = new Float64Array(copy.buffer, copy.byteOffset, copy.byteLength / 8)
  for (let i = 0; i < numbers.length; i++) numbers[i] += step * direction[i]
  return copy
}

/** A copy of a storage's numbers that `restrict` has put right. */
function restricted(bytes, restrict) {
  const copy = new Uint8Array(bytes)
  restrict(new Float64Array(copy.buffer, 0, copy.byteLength / 8))
  return copy
}

/** Null, or what is wrong with the derivative of the gradients of a case in double precision. */
export function checkSecondOrder(operator, testCase, data, float) {
  if (AT_KINKS.has(testCase.op)) return null
  const random = normals(12345)
  // What PyTorch gives no gradient is no variable: a target of 1 or -1 stays what it is.
  let order = 0
  const wanted = testCase.requiresGrad.map((flag) => flag && testCase.grads[order++] !== null)
  const directions = []
  let at = 0
  const make = (step) => (description, bytes) => {
    const i = at++
    // What is in single precision beside doubles, such as weights, is too coarse for steps.
    if (!DOUBLE.has(description.dtype)) wanted[i] = false
    if (!wanted[i]) return fromBytes(description, bytes)
    const [which, restrict] = STRUCTURED[testCase.op] ?? []
    // One direction for the whole storage: elements that share memory move together.
    if (directions[i] === undefined) {
      directions[i] = Float64Array.from({ length: bytes.byteLength / 8 }, random)
      if (which === i) restrict(directions[i], description, testCase.kwargs)
    }
    const base = which === i ? restricted(bytes, (numbers) => restrict(numbers, description, testCase.kwargs)) : bytes
    return fromBytes(description, step === 0 ? base : moved(base, directions[i], step))
  }
  const cotangents = testCase.cotangents.map(({ $tensor }) => ({
    ...$tensor,
    ...decode($tensor.dtype, bytesOf(data, $tensor)),
  }))
  const cotangentDirections = cotangents.map(({ re, im }) => ({
    re: Float64Array.from(re, random),
    im: im && Float64Array.from(im, random),
  }))

  /** Gradients as a function of the inputs and the cotangents, `step` along the direction. */
  const gradients = (step, createGraph) => {
    at = 0
    if (typeof core.manualSeed === 'function') core.manualSeed(42)
    const { args, kwargs, tensors } = materialize(testCase, data, { float, make: make(step) })
    const inputs = tensors.filter((_, i) => wanted[i])
    const outs = leavesOf(operator.call(args, kwargs)).filter(
      (t) => t instanceof Tensor && (isFloating(t.dtype) || isComplex(t.dtype)) && t.requiresGrad,
    )
    const gradOutputs = cotangents.map(({ dtype, shape, re, im }, i) => {
      const d = cotangentDirections[i]
      const v = fromValues(dtype, shape, re.map((x, j) => x + step * d.re[j]), im?.map((x, j) => x + step * d.im[j])) // biome-ignore format: one value
      return createGraph ? v.requiresGrad_() : v
    })
    // Nothing depends on the inputs: the first-order check has seen that this is right.
    if (outs.length === 0) return { inputs, gradOutputs, grads: inputs.map(() => null) }
    return { inputs, gradOutputs, grads: core.grad(outs, inputs, { gradOutputs, createGraph, allowUnused: true }) }
  }

  const { inputs, gradOutputs, grads } = gradients(0, true)
  // Where a gradient is not finite, no difference quotient is.
  if (grads.some((g) => g !== null && !allFinite(valuesOf(g)))) return null
  const firsts = grads.filter((g) => g?.requiresGrad)
  const weights = grads.map((g) => (g === null ? null : weightsLike(valuesOf(g), random)))
  let analytic = 0
  if (firsts.length > 0) {
    const us = grads.flatMap((g, i) =>
      g?.requiresGrad ? [fromValues(g.dtype, g.shape, weights[i].re, weights[i].im)] : [],
    )
    const variables = [...inputs, ...gradOutputs]
    const seconds = core.grad(firsts, variables, { gradOutputs: us, allowUnused: true })
    const inputDirections = inputs.map((t, i) =>
      alongElements(t, directions[wanted.flatMap((w, j) => (w ? [j] : []))[i]]),
    )
    const moves = [...inputDirections, ...cotangentDirections]
    seconds.forEach((g, i) => {
      if (g !== null) analytic += inner(valuesOf(g), moves[i])
    })
  }
  const quotients = []
  for (const step of STEPS) {
    const ahead = gradients(step, false).grads
    const behind = gradients(-step, false).grads
    let numeric = 0
    for (let i = 0; i < grads.length; i++)
      if (weights[i] !== null)
        numeric += (inner(valuesOf(ahead[i]), weights[i]) - inner(valuesOf(behind[i]), weights[i])) / (2 * step)
    const error = Math.abs(analytic - numeric)
    if (error <= ABSOLUTE + RELATIVE * Math.abs(numeric) || (Number.isNaN(analytic) && Number.isNaN(numeric)))
      return null
    quotients.push(numeric)
  }
  // At kinks, and at numbers so large that a step is lost in them, quotients say nothing: no two agree with each other.
  const agree = (a, b) => Math.abs(a - b) <= AGREEMENT * Math.max(Math.abs(a), Math.abs(b))
  if (!quotients.some((a, i) => quotients.slice(i + 1).some((b) => agree(a, b)))) return null
  return `second-order gradient: ${analytic} in a random direction, finite differences give ${quotients[0]}`
}

const weightsLike = ({ re, im }, random) => ({
  re: Float64Array.from(re, random),
  im: im && Float64Array.from(im, random),
})

const allFinite = ({ re, im }) => re.every(Number.isFinite) && (im === null || im.every(Number.isFinite))

/** Re⟨a, b⟩. */
function inner(a, b) {
  let sum = 0
  for (let i = 0; i < a.re.length; i++) sum += a.re[i] * b.re[i] + (a.im ? a.im[i] * b.im[i] : 0)
  return sum
}

/** A direction of the storage as each element of the tensor sees it. */
function alongElements(t, direction) {
  const at = positions(t.shape, t.strides, t.offset)
  if (sizeOf(t.dtype) === 8) return { re: Float64Array.from(at, (p) => direction[p]), im: null }
  return { re: Float64Array.from(at, (p) => direction[2 * p]), im: Float64Array.from(at, (p) => direction[2 * p + 1]) }
}
