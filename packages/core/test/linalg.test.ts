// What the conformance cases cannot say: gradients of decompositions whose parts are not unique, errors, layouts, threads.

import {
  autograd,
  type DType,
  eye,
  gradcheck,
  gradgradcheck,
  IndexError,
  LinAlgError,
  linalg,
  luUnpack,
  manualSeed,
  ones,
  ormqr,
  randn,
  stack,
  svdLowrank,
  type Tensor,
  tensor,
  zeros,
} from '@flambeau/core'
import { describe, expect, test } from '@jest/globals'

const adjoint = (t: Tensor): Tensor => t.mH
/** Well apart from what is singular, and from repeated values. */
function matrix(shape: number[], dtype: DType): Tensor {
  manualSeed(3)
  return randn(shape, { dtype })
}
const close = (a: Tensor, b: Tensor, tolerance = 1e-10): boolean =>
  a.sub(b).abs().amax().item() <= tolerance * (1 + Number(b.abs().amax().item()))

/** Functions of a decomposition that do not depend on the choice of signs and phases. */
const functions: Record<string, { shapes: number[][]; of: (A: Tensor) => Tensor | Tensor[] }> = {
  'svd, projections': {
    shapes: [
      [3, 3],
      [4, 3],
      [3, 4],
      [2, 3, 2],
    ],
    of: (A) => {
      const { U, S, Vh } = linalg.svd(A, false)
      const [u, v] = [U.select(-1, 0).unsqueeze(-1), Vh.select(-2, 0).unsqueeze(-2)]
      return [u.matmul(adjoint(u)), adjoint(v).matmul(v), u.matmul(v), S]
    },
  },
  'eigh, projections': {
    shapes: [
      [3, 3],
      [2, 3, 3],
    ],
    of: (A) => {
      const { eigenvalues, eigenvectors } = linalg.eigh(A.add(adjoint(A)))
      const v = eigenvectors.select(-1, 0).unsqueeze(-1)
      return [v.matmul(adjoint(v)), eigenvalues]
    },
  },
  'eig, projections': {
    shapes: [[3, 3]],
    of: (A) => {
      const { eigenvalues, eigenvectors } = linalg.eig(A)
      const v = eigenvectors.select(-1, 0).unsqueeze(-1)
      return [v.matmul(adjoint(v)), eigenvalues.prod()]
    },
  },
  'qr, reduced': {
    shapes: [
      [4, 3],
      [3, 3],
      [3, 5],
    ],
    of: (A) => Object.values(linalg.qr(A)),
  },
  'qr, complete': {
    shapes: [
      [3, 3],
      [3, 5],
    ],
    of: (A) => Object.values(linalg.qr(A, 'complete')),
  },
  lu: {
    shapes: [
      [3, 3],
      [4, 2],
      [2, 4],
    ],
    of: (A) => [linalg.lu(A).L, linalg.lu(A).U],
  },
  householderProduct: {
    shapes: [[4, 2]],
    of: (A) => {
      const tau = A.select(0, 0)
      return linalg.householderProduct(A, tau)
    },
  },
}

describe('gradients', () => {
  for (const [name, { shapes, of }] of Object.entries(functions))
    for (const dtype of ['float64', 'complex128'] as const)
      test(`${name} of ${dtype}`, () => {
        for (const shape of shapes) {
          const A = matrix(shape, dtype).requiresGrad_()
          expect(gradcheck((a) => of(a), [A])).toBe(true)
          expect(gradgradcheck((a) => of(a), [A])).toBe(true)
        }
      })

  test('the determinant of singular matrices, alone and beside regular ones', () => {
    // The adjugate of [[1, 2], [2, 4]], transposed.
    const A = tensor(
      [
        [1, 2],
        [2, 4],
      ],
      { dtype: 'float64' },
    ).requiresGrad_()
    expect(
      close(
        autograd.grad([linalg.det(A)], [A])[0] as Tensor,
        tensor(
          [
            [4, -2],
            [-2, 1],
          ],
          { dtype: 'float64' },
        ),
      ),
    ).toBe(true)
    const pair = stack([
      A.detach(),
      tensor(
        [
          [3, 1],
          [1, 2],
        ],
        { dtype: 'float64' },
      ),
    ]).requiresGrad_()
    const [grad] = autograd.grad([linalg.det(pair).sum()], [pair])
    const want = tensor(
      [
        [
          [4, -2],
          [-2, 1],
        ],
        [
          [2, -1],
          [-1, 3],
        ],
      ],
      { dtype: 'float64' },
    )
    expect(close(grad as Tensor, want)).toBe(true)
  })
})

describe('errors', () => {
  const pair = stack([eye(2), zeros([2, 2])])
  for (const [name, run] of Object.entries({
    solve: () => linalg.solve(pair, ones([2, 2, 1])),
    inv: () => linalg.inv(pair),
    cholesky: () => linalg.cholesky(pair),
    luFactor: () => linalg.luFactor(pair),
    ldlFactor: () => linalg.ldlFactor(pair),
  }))
    test(`${name} names the matrix of the batch`, () => {
      expect(run).toThrow(LinAlgError)
      expect(run).toThrow(/matrix 1 of the batch/)
    })

  test('values that are not finite', () => {
    const bad = tensor([
      [1, Number.NaN],
      [0, 1],
    ])
    expect(() => linalg.eig(bad)).toThrow(LinAlgError)
    expect(() => linalg.svd(bad)).toThrow(LinAlgError)
  })

  test('pivots that lead out of the matrix', () => {
    const LU = eye(2)
    const pivots = tensor([1, 3], { dtype: 'int32' })
    expect(() => linalg.luSolve(LU, pivots, ones([2, 1]))).toThrow(IndexError)
    expect(() => luUnpack(LU, pivots)).toThrow(IndexError)
    expect(() => linalg.ldlSolve(LU, tensor([1, -2], { dtype: 'int32' }), ones([2, 1]))).toThrow(IndexError)
  })

  test('info instead of an error', () => {
    expect(linalg.choleskyEx(pair).info.toArray()).toEqual([0, 1])
    expect(linalg.invEx(pair).info.toArray()).toEqual([0, 1])
  })
})

test('row-major, column-major and expanded matrices give the same', () => {
  const A = matrix([2, 4, 4], 'float64')
  const positive = A.matmul(A.mT).add(eye(4, { dtype: 'float64' }))
  const B = matrix([2, 4, 3], 'float64')
  const turned = (t: Tensor): Tensor => t.mT.contiguous().mT
  expect(close(linalg.solve(turned(positive), turned(B)), linalg.solve(positive, B))).toBe(true)
  expect(close(linalg.cholesky(turned(positive)), linalg.cholesky(positive))).toBe(true)
  for (const upper of [true, false])
    for (const unitriangular of [true, false])
      expect(
        close(
          linalg.solveTriangular(turned(positive), turned(B), { upper, unitriangular }),
          linalg.solveTriangular(positive, B, { upper, unitriangular }),
        ),
      ).toBe(true)
  const shared = positive.select(0, 0).expand([2, 4, 4])
  expect(close(linalg.inv(shared), linalg.inv(shared.contiguous()))).toBe(true)
})

test('threads over a batch give what one matrix at a time gives', () => {
  const A = matrix([500, 6, 6], 'float64')
  const inverse = linalg.inv(A)
  const { U, S, Vh } = linalg.svd(A)
  expect(close(U.mul(S.unsqueeze(-2)).matmul(Vh), A)).toBe(true)
  for (const i of [0, 123, 499]) expect(close(inverse.select(0, i), linalg.inv(A.select(0, i)))).toBe(true)
})

test('ormqr multiplies by the whole of Q', () => {
  const A = matrix([5, 3], 'complex128')
  const { a, tau } = A.geqrf()
  const full = linalg.qr(A, 'complete').Q
  const C = matrix([5, 4], 'complex128')
  expect(close(ormqr(a, tau, C), full.matmul(C))).toBe(true)
  expect(close(ormqr(a, tau, C.mT, false, true), C.mT.matmul(full.mH))).toBe(true)
})

test('svdLowrank finds the singular values of a matrix of low rank', () => {
  const A = matrix([30, 3], 'float64').matmul(matrix([3, 20], 'float64'))
  expect(close(svdLowrank(A, 5).S.narrow(0, 0, 3), linalg.svdvals(A).narrow(0, 0, 3))).toBe(true)
})
