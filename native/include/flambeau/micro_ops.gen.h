// Made by tools/codegen.mjs from native/include/flambeau/micro_ops.def. Do not edit.
#pragma once

namespace flambeau {

enum class MicroOp : int {
  add_,
  sub_,
  mul_,
  div_,
  mul_add_,
  mul_conj_,
  div_conj_,
  neg_,
  abs_,
  sign_,
  sgn_,
  square_,
  reciprocal_,
  sqrt_,
  rsqrt_,
  conj_,
  real_,
  imag_,
  angle_,
  pow_,
  trunc_divide_,
  floor_divide_,
  fmod_,
  remainder_,
  maximum_,
  minimum_,
  fmax_,
  fmin_,
  clamp_,
  hypot_,
  atan2_,
  copysign_,
  nextafter_,
  gcd_,
  lcm_,
  heaviside_,
  xlogy_,
  xlog1py_,
  logaddexp_,
  logaddexp2_,
  make_complex_,
  polar_,
  ceil_,
  floor_,
  round_,
  trunc_,
  frac_,
  eq_,
  ne_,
  lt_,
  le_,
  gt_,
  ge_,
  logical_and_,
  logical_or_,
  logical_xor_,
  logical_not_,
  bitwise_and_,
  bitwise_or_,
  bitwise_xor_,
  bitwise_not_,
  left_shift_,
  right_shift_,
  isnan_,
  isinf_,
  isfinite_,
  isposinf_,
  isneginf_,
  signbit_,
  where_,
  exp_,
  exp2_,
  expm1_,
  log_,
  log2_,
  log10_,
  log1p_,
  sin_,
  cos_,
  tan_,
  asin_,
  acos_,
  atan_,
  sinh_,
  cosh_,
  tanh_,
  asinh_,
  acosh_,
  atanh_,
  sigmoid_,
  sinc_,
  erf_,
  erfc_,
  erfinv_,
  lgamma_,
  digamma_,
  polygamma_,
  zeta_,
  igamma_,
  igammac_,
  i0_,
  i0e_,
  i1_,
  i1e_,
  bessel_j0_,
  bessel_j1_,
  bessel_y0_,
  bessel_y1_,
  modified_bessel_k0_,
  modified_bessel_k1_,
  scaled_modified_bessel_k0_,
  scaled_modified_bessel_k1_,
  spherical_bessel_j0_,
  airy_ai_,
  erfcx_,
  ndtri_,
  log_ndtr_,
  chebyshev_t_,
  chebyshev_u_,
  chebyshev_v_,
  chebyshev_w_,
  hermite_h_,
  hermite_he_,
  laguerre_,
  legendre_,
  relu_,
  gelu_,
  gelu_slope_,
  silu_,
  silu_slope_,
  count
};
inline constexpr int kNumMicroOps = static_cast<int>(MicroOp::count);
inline constexpr int kMicroArity[] = {2, 2, 2, 2, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 1, 2, 2, 1, 1, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1};

}  // namespace flambeau

// X(name, arity) for each micro-op that real floating-point, integer and complex compute types have, compiled for each ISA.
#define FLAMBEAU_MICRO_OPS_FLOAT(X) \
  X(add, 2) \
  X(sub, 2) \
  X(mul, 2) \
  X(div, 2) \
  X(mul_add, 3) \
  X(mul_conj, 2) \
  X(div_conj, 2) \
  X(neg, 1) \
  X(abs, 1) \
  X(sign, 1) \
  X(sgn, 1) \
  X(square, 1) \
  X(reciprocal, 1) \
  X(sqrt, 1) \
  X(rsqrt, 1) \
  X(conj, 1) \
  X(real, 1) \
  X(imag, 1) \
  X(angle, 1) \
  X(pow, 2) \
  X(trunc_divide, 2) \
  X(maximum, 2) \
  X(minimum, 2) \
  X(fmax, 2) \
  X(fmin, 2) \
  X(clamp, 3) \
  X(hypot, 2) \
  X(atan2, 2) \
  X(copysign, 2) \
  X(heaviside, 2) \
  X(xlogy, 2) \
  X(xlog1py, 2) \
  X(logaddexp, 2) \
  X(logaddexp2, 2) \
  X(ceil, 1) \
  X(floor, 1) \
  X(round, 1) \
  X(trunc, 1) \
  X(frac, 1) \
  X(eq, 2) \
  X(ne, 2) \
  X(lt, 2) \
  X(le, 2) \
  X(gt, 2) \
  X(ge, 2) \
  X(logical_and, 2) \
  X(logical_or, 2) \
  X(logical_xor, 2) \
  X(logical_not, 1) \
  X(isnan, 1) \
  X(isinf, 1) \
  X(isfinite, 1) \
  X(isposinf, 1) \
  X(isneginf, 1) \
  X(signbit, 1) \
  X(where, 3) \
  X(exp, 1) \
  X(exp2, 1) \
  X(expm1, 1) \
  X(log, 1) \
  X(log2, 1) \
  X(log10, 1) \
  X(log1p, 1) \
  X(sin, 1) \
  X(cos, 1) \
  X(tan, 1) \
  X(asin, 1) \
  X(acos, 1) \
  X(atan, 1) \
  X(sinh, 1) \
  X(cosh, 1) \
  X(tanh, 1) \
  X(asinh, 1) \
  X(acosh, 1) \
  X(atanh, 1) \
  X(sigmoid, 1) \
  X(sinc, 1) \
  X(erf, 1) \
  X(erfc, 1) \
  X(relu, 1) \
  X(gelu, 1) \
  X(gelu_slope, 1) \
  X(silu, 1) \
  X(silu_slope, 1)

#define FLAMBEAU_MICRO_OPS_INT(X) \
  X(add, 2) \
  X(sub, 2) \
  X(mul, 2) \
  X(mul_add, 3) \
  X(mul_conj, 2) \
  X(neg, 1) \
  X(abs, 1) \
  X(sign, 1) \
  X(sgn, 1) \
  X(square, 1) \
  X(conj, 1) \
  X(real, 1) \
  X(imag, 1) \
  X(angle, 1) \
  X(maximum, 2) \
  X(minimum, 2) \
  X(fmax, 2) \
  X(fmin, 2) \
  X(clamp, 3) \
  X(heaviside, 2) \
  X(ceil, 1) \
  X(floor, 1) \
  X(round, 1) \
  X(trunc, 1) \
  X(eq, 2) \
  X(ne, 2) \
  X(lt, 2) \
  X(le, 2) \
  X(gt, 2) \
  X(ge, 2) \
  X(logical_and, 2) \
  X(logical_or, 2) \
  X(logical_xor, 2) \
  X(logical_not, 1) \
  X(bitwise_and, 2) \
  X(bitwise_or, 2) \
  X(bitwise_xor, 2) \
  X(bitwise_not, 1) \
  X(left_shift, 2) \
  X(right_shift, 2) \
  X(isnan, 1) \
  X(isinf, 1) \
  X(isfinite, 1) \
  X(isposinf, 1) \
  X(isneginf, 1) \
  X(signbit, 1) \
  X(where, 3) \
  X(relu, 1)

#define FLAMBEAU_MICRO_OPS_COMPLEX(X) \
  X(add, 2) \
  X(sub, 2) \
  X(mul, 2) \
  X(mul_add, 3) \
  X(mul_conj, 2) \
  X(neg, 1) \
  X(conj, 1)

// The same for those that are compiled once.
#define FLAMBEAU_SCALAR_MICRO_OPS_FLOAT(X) \
  X(floor_divide, 2) \
  X(fmod, 2) \
  X(remainder, 2) \
  X(nextafter, 2) \
  X(erfinv, 1) \
  X(lgamma, 1) \
  X(digamma, 1) \
  X(polygamma, 2) \
  X(zeta, 2) \
  X(igamma, 2) \
  X(igammac, 2) \
  X(i0, 1) \
  X(i0e, 1) \
  X(i1, 1) \
  X(i1e, 1) \
  X(bessel_j0, 1) \
  X(bessel_j1, 1) \
  X(bessel_y0, 1) \
  X(bessel_y1, 1) \
  X(modified_bessel_k0, 1) \
  X(modified_bessel_k1, 1) \
  X(scaled_modified_bessel_k0, 1) \
  X(scaled_modified_bessel_k1, 1) \
  X(spherical_bessel_j0, 1) \
  X(airy_ai, 1) \
  X(erfcx, 1) \
  X(ndtri, 1) \
  X(log_ndtr, 1) \
  X(chebyshev_t, 2) \
  X(chebyshev_u, 2) \
  X(chebyshev_v, 2) \
  X(chebyshev_w, 2) \
  X(hermite_h, 2) \
  X(hermite_he, 2) \
  X(laguerre, 2) \
  X(legendre, 2)

#define FLAMBEAU_SCALAR_MICRO_OPS_INT(X) \
  X(pow, 2) \
  X(trunc_divide, 2) \
  X(floor_divide, 2) \
  X(fmod, 2) \
  X(remainder, 2) \
  X(gcd, 2) \
  X(lcm, 2)

#define FLAMBEAU_SCALAR_MICRO_OPS_COMPLEX(X) \
  X(div, 2) \
  X(div_conj, 2) \
  X(abs, 1) \
  X(sgn, 1) \
  X(square, 1) \
  X(reciprocal, 1) \
  X(sqrt, 1) \
  X(rsqrt, 1) \
  X(real, 1) \
  X(imag, 1) \
  X(angle, 1) \
  X(pow, 2) \
  X(logaddexp, 2) \
  X(make_complex, 2) \
  X(polar, 2) \
  X(eq, 2) \
  X(ne, 2) \
  X(logical_and, 2) \
  X(logical_or, 2) \
  X(logical_xor, 2) \
  X(logical_not, 1) \
  X(isnan, 1) \
  X(isinf, 1) \
  X(isfinite, 1) \
  X(where, 3) \
  X(exp, 1) \
  X(exp2, 1) \
  X(expm1, 1) \
  X(log, 1) \
  X(log2, 1) \
  X(log10, 1) \
  X(log1p, 1) \
  X(sin, 1) \
  X(cos, 1) \
  X(tan, 1) \
  X(asin, 1) \
  X(acos, 1) \
  X(atan, 1) \
  X(sinh, 1) \
  X(cosh, 1) \
  X(tanh, 1) \
  X(asinh, 1) \
  X(acosh, 1) \
  X(atanh, 1) \
  X(sigmoid, 1) \
  X(sinc, 1) \
  X(silu, 1) \
  X(silu_slope, 1)
