// Linear algebra of 512×512: `time NAME DTYPE` answers milliseconds, `values NAME DTYPE` what does not depend on signs.
import { linalg, manualSeed, noGrad, randn } from '@flambeau/core'
import { serve } from '../support/serve.mjs'

const N = 512

function inputs(dtype) {
  manualSeed(0)
  const A = randn([N, N], { dtype })
  const B = randn([N, N], { dtype })
  const positive = A.matmul(A.mT).div(N).add(linalg.diagonal(A).mul(0).add(1).diagEmbed())
  return { A, B, symmetric: A.add(A.mT), positive }
}
const data = { float32: inputs('float32'), float64: inputs('float64') }

const OPERATORS = {
  svd: ({ A }) => linalg.svd(A).S,
  eigh: ({ symmetric }) => linalg.eigh(symmetric).eigenvalues,
  qr: ({ A }) => linalg.qr(A).R.abs(),
  solve: ({ positive, B }) => linalg.solve(positive, B),
  cholesky: ({ positive }) => linalg.cholesky(positive),
}

await serve((line) =>
  noGrad(() => {
    const [what, name, dtype] = line.split(' ')
    if (what === 'values') return Array.from(OPERATORS[name](data[dtype]).data())
    const times = []
    for (let i = 0; i < 3; i++) {
      const start = process.hrtime.bigint()
      OPERATORS[name](data[dtype])
      times.push(Number(process.hrtime.bigint() - start) / 1e6)
    }
    return times.sort((a, b) => a - b)[1]
  }),
)
