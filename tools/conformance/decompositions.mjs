// Decompositions that are unique only up to sign, order or phase: right when their parts have the properties that define
// them and give the input when put together.
import { bytesOf, tensorsIn } from './cases.mjs'
import { compareValues, toleranceOf, valuesOf } from './compare.mjs'
import { Tensor } from './library.mjs'
import * as m from './matrices.mjs'
import { decode, numelOf } from './values.mjs'

/** Column norms and angles, and eigenvalues of large condition, cost a little more than one product. */
const SLACK = 10

/** What an operator's results must satisfy; `a` is the input, `outs` the results, `near` compares matrices. */
const CHECKS = {
  'linalg.qr': qr,
  qr,
  'linalg.svd': ({ a, outs: [u, s, vh], near, same }) => same(1) && svd(a, u, s, m.matrices(vh), near),
  svd: ({ a, outs: [u, s, v], near, same }) => same(1) && svd(a, u, s, m.adjoint(m.matrices(v)), near),
  'linalg.eigh'({ a, outs: [w, v], near, same, hermitian }) {
    const vectors = m.matrices(v)
    return same(0) && orthonormal(vectors, near) && near(m.multiply(hermitian(a), vectors), m.scaleColumns(vectors, w))
  },
  'linalg.eig'({ a, outs: [w, v], near, sameSet }) {
    const vectors = m.matrices(v)
    return sameSet(0) && near(m.multiply(a, vectors), m.scaleColumns(vectors, w)) && unitColumns(vectors, near)
  },
  'linalg.eigvals': ({ sameSet }) => sameSet(0),
  'linalg.lu': ({ a, outs: [p, l, u], near }) =>
    near(m.multiply(m.multiply(m.matrices(p), m.matrices(l)), m.matrices(u)), a),
  'linalg.lu_factor': packedLu,
  'linalg.lu_factor_ex': packedLu,
  lu: packedLu,
}

function qr({ a, outs: [q, r], near }) {
  const upper = m.matrices(r)
  if (!near(m.upper(upper), upper)) return false
  // Mode 'r' gives no q.
  if (numelOf(q.shape) === 0 && numelOf(r.shape) > 0)
    return near(m.multiply(m.adjoint(upper), upper), m.multiply(m.adjoint(a), a))
  const vectors = m.matrices(q)
  return orthonormal(vectors, near) && near(m.multiply(vectors, upper), a)
}

function svd(a, uValues, s, vh, near) {
  const u = m.matrices(uValues)
  // Without vectors, the singular values are all there is.
  if (u.re.length === 0 || vh.re.length === 0) return true
  const k = Math.min(a.rows, a.cols)
  return (
    orthonormal(u, near) &&
    orthonormal(m.adjoint(vh), near) &&
    near(m.multiply(m.scaleColumns(m.columns(u, k), s), m.rows(vh, k)), a)
  )
}

function packedLu({ a, outs: [lu, pivots], near }) {
  const packed = m.matrices(lu)
  return near(m.unpivot(m.multiply(m.lowerUnit(packed), m.upper(packed)), pivots), a)
}

const orthonormal = (v, near) => near(m.multiply(m.adjoint(v), v), m.identity(v.batch, v.cols))

function unitColumns(v, near) {
  const gram = m.multiply(m.adjoint(v), v)
  const diagonal = m.identity(v.batch, v.cols)
  for (let i = 0; i < gram.re.length; i++) if (diagonal.re[i] === 0) gram.re[i] = gram.im[i] = 0
  return near(gram, diagonal)
}

/** Whether results that differ from PyTorch's are another right answer of the operator `name`. */
export function reconstructs(name, args, testCase, data, outs) {
  const check = CHECKS[name]
  if (!check || !(args[0] instanceof Tensor)) return false
  const wants = [...tensorsIn(testCase.expected)].map((t) => ({
    dtype: t.dtype,
    shape: t.shape,
    ...decode(t.dtype, bytesOf(data, t)),
  }))
  const values = outs.filter((out) => out instanceof Tensor).map(valuesOf)
  if (values.length !== wants.length) return false
  for (let i = 0; i < wants.length; i++)
    if (values[i].dtype !== wants[i].dtype || String(values[i].shape) !== String(wants[i].shape)) return false
  const [, tolerance] = toleranceOf(wants[0].dtype, 10 * SLACK)
  return check({
    a: m.matrices(valuesOf(args[0])),
    outs: values,
    near: (x, y) => m.close(x, y, tolerance),
    same: (i) => compareValues(values[i], wants[i], 10) === null,
    sameSet: (i) => sameSet(values[i], wants[i], tolerance),
    hermitian: (a) => triangleOf(a, testCase.kwargs.UPLO ?? 'L'),
  })
}

/** The Hermitian matrix of which one triangle is read. */
function triangleOf(a, uplo) {
  const lower = uplo.toUpperCase() === 'L'
  const other = m.adjoint(a)
  const out = { ...a, re: a.re.slice(), im: a.im.slice() }
  for (let b = 0; b < a.batch; b++)
    for (let i = 0; i < a.rows; i++)
      for (let j = 0; j < a.cols; j++) {
        const at = (b * a.rows + i) * a.cols + j
        if (lower ? j > i : j < i) [out.re[at], out.im[at]] = [other.re[at], other.im[at]]
        if (i === j) out.im[at] = 0
      }
  return out
}

/** The same values in any order along the last dimension. */
function sameSet(got, want, tolerance) {
  const n = want.shape.at(-1) ?? 1
  const of = (v, i) => [Number(v.re[i]), v.im?.[i] ?? 0]
  for (let start = 0; start < want.re.length; start += n) {
    const left = new Set(Array.from({ length: n }, (_, i) => start + i))
    for (let i = start; i < start + n; i++) {
      const [wr, wi] = of(want, i)
      const found = [...left].find((j) => {
        const [gr, gi] = of(got, j)
        return Math.hypot(gr - wr, gi - wi) <= tolerance * (1 + Math.hypot(wr, wi))
      })
      if (found === undefined) return false
      left.delete(found)
    }
  }
  return true
}
