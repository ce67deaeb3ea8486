// Every elementwise operator.
export {
  type AlphaOptions,
  abs,
  absolute,
  add,
  div,
  divide,
  floorDivide,
  fmod,
  gcd,
  lcm,
  mul,
  multiply,
  neg,
  negative,
  positive,
  type RoundingMode,
  remainder,
  rsub,
  sgn,
  sign,
  sub,
  subtract,
  trueDivide,
  zeroGrad,
} from './arithmetic.js'
export * from './combinations.js'
export * from './comparison.js'
export * from './complex.js'
export * from './conditional.js'
export * from './extrema.js'
export * from './powers.js'
export * from './rounding.js'
export * from './special.js'
export * from './transcendental.js'
