// The namespace `linalg`.

export { matmul } from '../matmul.js'
export { type VectorNormOptions, vectorNorm } from '../statistics.js'
export { type CholeskyInfo, type CholeskyOptions, choleskyEx, choleskyFull as cholesky } from './cholesky.js'
export { detOf as det, type SignAndLog, slogdetOf as slogdet } from './determinant.js'
export { type Eigen, eig, eigh, eigvals, eigvalsh } from './eigen.js'
export { matrixExpOf as matrixExp } from './exponential.js'
export {
  type LdlFactors,
  type LdlFactorsInfo,
  type LdlOptions,
  ldlFactor,
  ldlFactorEx,
  ldlSolve,
} from './ldl.js'
export { type LeastSquares, type LstsqDriver, type LstsqOptions, lstsq } from './lstsq.js'
export {
  type CheckErrorsOptions,
  type LuFactors,
  type LuFactorsInfo,
  type LuOptions,
  type LuSolveOptions,
  luFactor,
  luFactorEx,
  luFull as lu,
  luSolveFull as luSolve,
  type PermutedFactors,
} from './lu.js'
export { cond, type MatrixOrder, matrixNorm, normOf as norm } from './norms.js'
export { pinv } from './pinv.js'
export {
  type CrossOptions,
  crossOf as cross,
  type DiagonalOptions,
  diagonalOf as diagonal,
  matrixPowerOf as matrixPower,
  multiDot,
  type VanderOptions,
  type VecdotOptions,
  vander,
  vecdot,
} from './products.js'
export { householderProduct, type QrFactors, type QrMode, qrOf as qr } from './qr.js'
export { matrixRank, type ToleranceOptions } from './rank.js'
export {
  type InverseInfo,
  inv,
  invEx,
  type SolveInfo,
  type SolveOptions,
  solve,
  solveEx,
  type TensorsolveOptions,
  tensorinv,
  tensorsolve,
} from './solve.js'
export { type SingularVectors, type SvdOptions, svdOf as svd, svdvals } from './svd.js'
export { type SolveTriangularOptions, solveTriangular } from './triangular.js'
