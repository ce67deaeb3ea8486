// Special functions of one or two numbers, with PyTorch's values at poles and outside of the domain.
#pragma once

// CUDA compiles the same functions for the device (cuda/elementwise_special.cu).
#ifdef __CUDACC__
#define FLAMBEAU_BOTH __host__ __device__
#else
#define FLAMBEAU_BOTH
#endif

namespace flambeau::cpu::special {

FLAMBEAU_BOTH double erfinv(double y);
FLAMBEAU_BOTH double lgamma(double x);
FLAMBEAU_BOTH double digamma(double x);
FLAMBEAU_BOTH double polygamma(double n, double x);
FLAMBEAU_BOTH double zeta(double x, double q);     // Σ (k + q)^-x
FLAMBEAU_BOTH double igamma(double a, double x);   // regularised lower incomplete gamma function
FLAMBEAU_BOTH double igammac(double a, double x);  // upper
FLAMBEAU_BOTH double erfcx(double x);              // exp(x²)·erfc(x)
FLAMBEAU_BOTH double ndtri(double p);              // inverse of the normal distribution function
FLAMBEAU_BOTH double log_ndtr(double x);

// Bessel functions; a final e: times exp(-|x|), scaled: times exp(x).
FLAMBEAU_BOTH double i0(double x);
FLAMBEAU_BOTH double i0e(double x);
FLAMBEAU_BOTH double i1(double x);
FLAMBEAU_BOTH double i1e(double x);
FLAMBEAU_BOTH double bessel_j0(double x);
FLAMBEAU_BOTH double bessel_j1(double x);
FLAMBEAU_BOTH double bessel_y0(double x);
FLAMBEAU_BOTH double bessel_y1(double x);
FLAMBEAU_BOTH double modified_bessel_k0(double x);
FLAMBEAU_BOTH double modified_bessel_k1(double x);
FLAMBEAU_BOTH double scaled_modified_bessel_k0(double x);
FLAMBEAU_BOTH double scaled_modified_bessel_k1(double x);
FLAMBEAU_BOTH double spherical_bessel_j0(double x);
FLAMBEAU_BOTH double airy_ai(double x);

// Orthogonal polynomials of degree n.
FLAMBEAU_BOTH double chebyshev_t(double x, double n);
FLAMBEAU_BOTH double chebyshev_u(double x, double n);
FLAMBEAU_BOTH double chebyshev_v(double x, double n);
FLAMBEAU_BOTH double chebyshev_w(double x, double n);
FLAMBEAU_BOTH double hermite_h(double x, double n);
FLAMBEAU_BOTH double hermite_he(double x, double n);
FLAMBEAU_BOTH double laguerre(double x, double n);
FLAMBEAU_BOTH double legendre(double x, double n);

}  // namespace flambeau::cpu::special
