// Every elementwise operator.
export {
  type AlphaOptions,
  abs,
  absolute,
  add,
  addcdiv,
  addcmul,
  copysign,
  div,
  divide,
  floatPower,
  floorDivide,
  fmod,
  gcd,
  heaviside,
  hypot,
  lcm,
  ldexp,
  lerp,
  mul,
  multiply,
  neg,
  negative,
  nextafter,
  positive,
  pow,
  type RoundingMode,
  reciprocal,
  remainder,
  rsqrt,
  rsub,
  sgn,
  sign,
  sqrt,
  square,
  sub,
  subtract,
  trueDivide,
  type ValueOptions,
  zeroGrad,
} from './arithmetic.js'
export * from './comparison.js'
export * from './complex.js'
export * from './conditional.js'
export * from './extrema.js'
export * from './rounding.js'
export * from './special.js'
export * from './transcendental.js'
