// Batches of small complex matrices in double precision, for checking decompositions by putting them together again.
import { numelOf } from './values.mjs'

/** { batch, rows, cols, re, im } from values of shape [..., rows, cols]; `im` is always there. */
export function matrices({ shape, re, im }) {
  const [rows, cols] = shape.slice(-2)
  return {
    batch: numelOf(shape.slice(0, -2)),
    rows,
    cols,
    re: Float64Array.from(re, Number),
    im: im ?? new Float64Array(re.length),
  }
}

const empty = (batch, rows, cols) => ({
  batch,
  rows,
  cols,
  re: new Float64Array(batch * rows * cols),
  im: new Float64Array(batch * rows * cols),
})

/** A matrix from (batch, row, column) -> [re, im]. */
function build(batch, rows, cols, element) {
  const out = empty(batch, rows, cols)
  let at = 0
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++, at++) [out.re[at], out.im[at]] = element(b, i, j)
  return out
}

const get = (m, b, i, j) => {
  const at = (b * m.rows + i) * m.cols + j
  return [m.re[at], m.im[at]]
}

export function multiply(a, b) {
  const out = empty(a.batch, a.rows, b.cols)
  for (let n = 0; n < a.batch; n++)
    for (let i = 0; i < a.rows; i++)
      for (let j = 0; j < b.cols; j++) {
        let re = 0
        let im = 0
        for (let k = 0; k < a.cols; k++) {
          const [ar, ai] = get(a, n, i, k)
          const [br, bi] = get(b, n, k, j)
          re += ar * br - ai * bi
          im += ar * bi + ai * br
        }
        const at = (n * a.rows + i) * b.cols + j
        out.re[at] = re
        out.im[at] = im
      }
  return out
}

/** The conjugate transpose. */
export const adjoint = (m) =>
  build(m.batch, m.cols, m.rows, (b, i, j) => {
    const [re, im] = get(m, b, j, i)
    return [re, -im]
  })

/** The first `n` columns. */
export const columns = (m, n) => build(m.batch, m.rows, n, (b, i, j) => get(m, b, i, j))
/** The first `n` rows. */
export const rows = (m, n) => build(m.batch, n, m.cols, (b, i, j) => get(m, b, i, j))
export const identity = (batch, n) => build(batch, n, n, (_, i, j) => [i === j ? 1 : 0, 0])
/** Each column scaled by a vector's element. */
export const scaleColumns = (m, v) => {
  const re = Float64Array.from(v.re, Number)
  return build(m.batch, m.rows, m.cols, (b, i, j) => {
    const [x, y] = get(m, b, i, j)
    const s = re[b * m.cols + j]
    const t = v.im?.[b * m.cols + j] ?? 0
    return [x * s - y * t, x * t + y * s]
  })
}
/** The lower triangle with a unit diagonal, or the upper one. */
export const lowerUnit = (m) =>
  build(m.batch, m.rows, Math.min(m.rows, m.cols), (b, i, j) => (i === j ? [1, 0] : i > j ? get(m, b, i, j) : [0, 0]))
export const upper = (m) =>
  build(m.batch, Math.min(m.rows, m.cols), m.cols, (b, i, j) => (i <= j ? get(m, b, i, j) : [0, 0]))

/** Undoes LAPACK's row exchanges (1-based, in order) that made `m`. */
export function unpivot(m, { re: pivots }) {
  const out = { ...m, re: m.re.slice(), im: m.im.slice() }
  const count = m.batch === 0 ? 0 : pivots.length / m.batch
  for (let b = 0; b < m.batch; b++)
    for (let k = count - 1; k >= 0; k--) {
      const other = Number(pivots[b * count + k]) - 1
      for (let j = 0; j < m.cols; j++) {
        const p = (b * m.rows + k) * m.cols + j
        const q = (b * m.rows + other) * m.cols + j
        ;[out.re[p], out.re[q]] = [out.re[q], out.re[p]]
        ;[out.im[p], out.im[q]] = [out.im[q], out.im[p]]
      }
    }
  return out
}

/** Whether two batches agree within a tolerance relative to the larger's greatest element. */
export function close(a, b, tolerance) {
  if (a.rows !== b.rows || a.cols !== b.cols || a.batch !== b.batch) return false
  let scale = 1
  for (let i = 0; i < b.re.length; i++) scale = Math.max(scale, Math.hypot(b.re[i], b.im[i]))
  for (let i = 0; i < b.re.length; i++)
    if (!(Math.hypot(a.re[i] - b.re[i], a.im[i] - b.im[i]) <= tolerance * scale)) return false
  return true
}
