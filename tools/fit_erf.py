"""Fits the coefficients of `rough_erf` in native/src/cpu/micro_math-inl.h: erf(x)/x = p(x^2)/q(x^2), relative error minimised."""

from math import erf

import numpy as np

LIMIT, POINTS, P_DEGREE, Q_DEGREE = 3.93, 4000, 6, 4
x = (np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS) + 1) / 2 * LIMIT + 1e-9
f = np.array([erf(v) for v in x]) / x
s = (x / LIMIT) ** 2
weight, denominator, best = np.ones(POINTS), np.ones(POINTS), None
# Linearised least squares, with the weight moved to where the error is large (Lawson).
for _ in range(200):
    columns = [np.vander(s, P_DEGREE + 1, increasing=True), -f[:, None] * np.vander(s, Q_DEGREE + 1, increasing=True)[:, 1:]]
    scale = weight / np.abs(denominator * f)
    solution, *_ = np.linalg.lstsq(np.hstack(columns) * scale[:, None], f * scale, rcond=None)
    p, q = solution[: P_DEGREE + 1], np.r_[1, solution[P_DEGREE + 1 :]]
    denominator = np.polyval(q[::-1], s)
    error = np.abs(np.polyval(p[::-1], s) / denominator / f - 1)
    if best is None or error.max() < best[0]:
        best = error.max(), p, q
    weight = weight * (error / error.max() + 1e-3) ** 0.5
    weight /= weight.max()
print(f"relative error {best[0]:.2g}")
for coefficients in best[1:]:
    print([f"{c / LIMIT ** (2 * i):.9g}" for i, c in enumerate(coefficients)])
