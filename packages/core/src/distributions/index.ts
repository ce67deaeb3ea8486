// `@flambeau/core/distributions`: probability distributions by PyTorch's names.
import './kl-mixed.js'
import './kl-multivariate.js'
import './kl-pairs.js'

export {
  Categorical,
  type CategoricalOptions,
  ExpRelaxedCategorical,
  LogitRelaxedBernoulli,
  Multinomial,
  OneHotCategorical,
  OneHotCategoricalStraightThrough,
  RelaxedBernoulli,
  RelaxedOneHotCategorical,
} from './categorical.js'
export type { Constraint } from './constraints.js'
export * as constraints from './constraints.js'
export {
  GeneralizedPareto,
  Gumbel,
  Kumaraswamy,
  Laplace,
  Pareto,
  Uniform,
  Weibull,
} from './continuous.js'
export { ContinuousBernoulli, type ContinuousBernoulliOptions } from './continuous-bernoulli.js'
export { Bernoulli, Binomial, Geometric, NegativeBinomial, Poisson, type ProbsOptions } from './discrete.js'
export {
  Distribution,
  type DistributionOptions,
  NotImplementedError,
  type Param,
  type Shape,
  setDefaultValidateArgs,
} from './distribution.js'
export { ExponentialFamily } from './exponential-family.js'
export { Beta, Chi2, Dirichlet, Exponential, FisherSnedecor, Gamma, InverseGamma, StudentT } from './gamma.js'
export { klDivergence, registerKl } from './kl.js'
export { LKJCholesky, Wishart } from './matrices.js'
export { LogisticNormal, MixtureSameFamily } from './mixture.js'
export { LowRankMultivariateNormal, type MatrixOptions, MultivariateNormal } from './multivariate.js'
export { Cauchy, HalfCauchy, HalfNormal, LogNormal, Normal } from './normal.js'
export { bijectTo, ConstraintRegistry, transformTo } from './registry.js'
export { Independent, TransformedDistribution } from './transformed.js'
export type { Transform } from './transforms.js'
export * as transforms from './transforms.js'
export { VonMises } from './von-mises.js'
