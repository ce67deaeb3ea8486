"""Fits the polynomials of native/src/cpu/vector_math-inl.h, relative errors minimised.

Of pow: log2((1+s)/(1-s))/s in s^2, and (2^r - 1)/r. Of sin and cos: (r - sin r)/r^3 and (cos r - 1 + r^2/2)/r^4 in r^2.
"""

import numpy as np

POINTS = 4000


def fit(x, value, degree, scale, size):
    """The polynomial of `x` nearest to `value`, its error counted in `scale`: least squares with the weight moved to where the error is large (Lawson)."""
    columns, weight, best = np.vander(x / size, degree + 1, increasing=True), np.ones(POINTS), None
    for _ in range(400):
        w = np.sqrt(weight) / scale
        p, *_ = np.linalg.lstsq(columns * w[:, None], value * w, rcond=None)
        error = np.abs((columns @ p - value) / scale)
        if best is None or error.max() < best[0]:
            best = error.max(), p / size ** np.arange(degree + 1)
        weight = weight * error / error.max()
        weight /= weight.max()
    print(f"relative error 2^{np.log2(best[0]):.1f}", [f"{c:.17g}" for c in best[1]])


nodes = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
largest = (np.sqrt(2) - 1) / (np.sqrt(2) + 1) * 1.0001
s = np.sqrt((nodes + 1) / 2) * largest
quotient = 2 * np.arctanh(s) / np.log(2) / s
fit(s * s, quotient, 4, quotient, largest**2)
r = nodes * 0.5001
fit(r, np.expm1(r * np.log(2)) / r, 5, 2**r / np.abs(r), 0.5)
# Up to π/4 and what the rounding of x·2/π adds to it at a million.
z = (nodes + 1) / 2 * 0.66 + 1e-3
series = [sum((-1) ** k * z**k / np.prod(np.arange(1.0, 2 * k + first + 1)) for k in range(12)) for first in (3, 4)]
r = np.sqrt(z)
fit(z, series[0], 3, np.sin(r) / r**3, 0.66)
fit(z, series[1], 2, np.cos(r) / z**2, 0.66)
