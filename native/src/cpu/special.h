// Special functions of one or two numbers, with PyTorch's values at poles and outside of the domain.
#pragma once

namespace flambeau::cpu::special {

double erfinv(double y);
double lgamma(double x);
double digamma(double x);
double polygamma(double n, double x);
double zeta(double x, double q);     // Σ (k + q)^-x
double igamma(double a, double x);   // regularised lower incomplete gamma function
double igammac(double a, double x);  // upper
double erfcx(double x);              // exp(x²)·erfc(x)
double ndtri(double p);              // inverse of the normal distribution function
double log_ndtr(double x);

// Bessel functions; a final e: times exp(-|x|), scaled: times exp(x).
double i0(double x);
double i0e(double x);
double i1(double x);
double i1e(double x);
double bessel_j0(double x);
double bessel_j1(double x);
double bessel_y0(double x);
double bessel_y1(double x);
double modified_bessel_k0(double x);
double modified_bessel_k1(double x);
double scaled_modified_bessel_k0(double x);
double scaled_modified_bessel_k1(double x);
double spherical_bessel_j0(double x);
double airy_ai(double x);

// Orthogonal polynomials of degree n.
double chebyshev_t(double x, double n);
double chebyshev_u(double x, double n);
double chebyshev_v(double x, double n);
double chebyshev_w(double x, double n);
double hermite_h(double x, double n);
double hermite_he(double x, double n);
double laguerre(double x, double n);
double legendre(double x, double n);

}  // namespace flambeau::cpu::special
