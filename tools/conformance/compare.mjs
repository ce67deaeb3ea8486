// Whether a result is what PyTorch's is: dtype, shape, and values within the tolerances of the cases' README.
import { DTYPES, Tensor, toBytes } from './library.mjs'
import { decode, indexOf, isComplex, isFloating } from './values.mjs'

const TOLERANCES = {
  float64: [1e-7, 1e-7], complex128: [1e-7, 1e-7],
  float32: [1.3e-6, 1e-5], complex64: [1.3e-6, 1e-5],
  bfloat16: [1.6e-2, 1e-2], float16: [1e-3, 1e-3], complex32: [1e-3, 1e-3],
} // biome-ignore format: a table

/** Where rounding depends on the order of summation or on the approximation chosen: ten times the tolerance. */
const WIDE = [
  // reductions, and what is made of them
  /^(nan)?(sum|mean|median|quantile)$|^(sum_to_size|prod|trace|dist|cdist|cov|corrcoef|histc|histogram|histogramdd|norm|renorm|logsumexp)$/,
  /^(std|var)(_mean)?$|^(log)?cum(sum|prod|sumexp)$|trapezoid$|^trapz$|^masked\.|softm(ax|in)|^_segment_reduce|^scatter_(add|reduce)/,
  /^index_(add|reduce)|loss|cross_entropy|avg_pool|lp_pool|^nn\.functional\.(kl_div|pdist|pairwise_distance|cosine_similarity|embedding_bag)$/,
  // matrix products and convolutions
  /mm$|^(add)?mv$|matmul|^v?dot$|^(inner|outer|addr|kron|einsum|tensordot)$|conv|functional\.(bi)?linear$|attention/,
  // normalizations
  /_norm(_|$)|normalize$/,
  // special functions
  /^special\.|^(erf|erfc|erfinv|lgamma|digamma|i0|igamma|igammac|polygamma|mvlgamma)$/,
  // fft and linalg
  /^fft\.|^i?stft$|^linalg\.|^(cholesky|lu|qr|svd|geqrf|ormqr|pinverse|inverse|logdet|triangular_solve|matrix_exp|pca|pinv)/,
]

/** The factor of an operator's tolerance; `name` is without the variant. */
export const factorOf = (name) => (WIDE.some((pattern) => pattern.test(name)) ? 10 : 1)

export const toleranceOf = (dtype, factor) => {
  const base = TOLERANCES[dtype]
  return base === undefined ? [0, 0] : [base[0] * factor, base[1] * factor]
}

/** A tensor's values in double precision. */
export function valuesOf(t) {
  const { re, im } = decode(t.dtype, toBytes(t))
  return { dtype: t.dtype, shape: [...t.shape], re, im }
}

const within = (got, want, [rtol, atol]) =>
  got === want || Math.abs(got - want) <= atol + rtol * Math.abs(want) || (Number.isNaN(got) && Number.isNaN(want))

/** One complex number: by distance where finite, part by part otherwise; PyTorch takes one NaN part for a NaN. */
function complexWithin(gr, gi, wr, wi, tolerance) {
  if (Number.isNaN(wr) || Number.isNaN(wi)) return Number.isNaN(gr) || Number.isNaN(gi)
  if (Number.isFinite(wr) && Number.isFinite(wi))
    return Math.hypot(gr - wr, gi - wi) <= tolerance[1] + tolerance[0] * Math.hypot(wr, wi)
  return within(gr, wr, tolerance) && within(gi, wi, tolerance)
}

/** No farther from the exact value than PyTorch's own, plus the tolerance. */
function nearExact(got, want, exact, i, [rtol, atol]) {
  const part = (v, name) => (v[name] === null ? 0 : Number(v[name][i]))
  const [gr, gi, wr, wi, er, ei] = [
    part(got, 're'),
    part(got, 'im'),
    part(want, 're'),
    part(want, 'im'),
    part(exact, 're'),
    part(exact, 'im'),
  ]
  if (Number.isNaN(er) || Number.isNaN(ei)) return Number.isNaN(gr) || Number.isNaN(gi)
  if (gr === er && gi === ei) return true
  // Where PyTorch's own is NaN, only the exact value is there to be near to.
  const allowed = Number.isNaN(wr) || Number.isNaN(wi) ? 0 : Math.hypot(wr - er, wi - ei)
  return Math.hypot(gr - er, gi - ei) <= allowed + atol + rtol * Math.hypot(er, ei)
}

const show = (v, i) => (v.im === null ? String(v.re[i]) : `${v.re[i]}${v.im[i] < 0 ? '' : '+'}${v.im[i]}i`)

/** The first difference between values, or null. `exact` are the values in double precision, where the case has them. */
export function compareValues(got, want, factor, exact = null) {
  if (got.dtype !== want.dtype) return `dtype ${got.dtype}, expected ${want.dtype}`
  if (got.shape.length !== want.shape.length || got.shape.some((n, i) => n !== want.shape[i]))
    return `shape [${got.shape}], expected [${want.shape}]`
  const tolerance = toleranceOf(want.dtype, factor)
  const approximate = isFloating(want.dtype) || isComplex(want.dtype)
  const n = want.re.length
  for (let i = 0; i < n; i++) {
    const same = !approximate
      ? got.re[i] === want.re[i]
      : want.im === null
        ? within(got.re[i], want.re[i], tolerance)
        : complexWithin(got.re[i], got.im[i], want.re[i], want.im[i], tolerance)
    if (same || (approximate && exact !== null && nearExact(got, want, exact, i, tolerance))) continue
    const where =
      want.shape.length === 0 ? 'value' : `element [${indexOf(want.shape, i)}] of ${want.dtype}[${want.shape}]`
    return `${where} is ${show(got, i)}, expected ${show(want, i)}`
  }
  return null
}

/** The leaves of a result in order: of lists, and of objects by their properties. */
export function leavesOf(result) {
  if (result instanceof Tensor || result === null || typeof result !== 'object') return [result]
  if (Array.isArray(result)) return result.flatMap(leavesOf)
  if (typeof result.re === 'number' && typeof result.im === 'number') return [result]
  return Object.values(result).flatMap(leavesOf)
}

/** The first difference of a plain value: a number, boolean, bigint, complex number or string. */
export function comparePlain(got, want, factor) {
  if (typeof want === 'object' && want !== null && 're' in want) {
    const { re, im } = typeof got === 'object' && got !== null ? got : {}
    return typeof re === 'number' && complexWithin(re, im, want.re, want.im, toleranceOf('complex64', factor))
      ? null
      : `value ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`
  }
  if (typeof want === 'number' && typeof got === 'bigint')
    return BigInt(Math.trunc(want)) === got ? null : `value ${got}, expected ${want}`
  const same =
    typeof want === 'number' && typeof got === 'number'
      ? within(got, want, toleranceOf('float32', factor))
      : got === want
  return same ? null : `value ${String(got)}, expected ${String(want)}`
}

/** Shape and dtype only, for random results. */
export const compareKind = (t, want) =>
  t.dtype !== want.dtype || t.shape.length !== want.shape.length || t.shape.some((n, i) => n !== want.shape[i])
    ? `${t.dtype}[${t.shape}], expected ${want.dtype}[${want.shape}]`
    : null

export const isKnownDType = (dtype) => dtype in DTYPES
