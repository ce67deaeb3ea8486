#include "rnn_cells.h"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/rnn_cells.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "micro_ops-inl.h"
#include "micro_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

template <typename R>
inline R tanh_of(R x) {
  return tanh_op()(x);
}
template <typename R>
inline R sigmoid_of(R x) {
  return sigmoid_op()(x);
}

template <typename R>
void tanh_row(R* h, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) h[i] = tanh_of(h[i]);
}
template <typename R>
void relu_row(R* h, int64_t n) {
  // NaN stays.
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) h[i] = h[i] < R(0) ? R(0) : h[i];
}
template <typename R>
void tanh_backward(R* dz, const R* dh, const R* h, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dz[i] = dh[i] * (R(1) - h[i] * h[i]);
}
template <typename R>
void relu_backward(R* dz, const R* dh, const R* h, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dz[i] = h[i] <= R(0) ? R(0) : dh[i];
}

template <typename R>
void lstm(R* z, R* c, R* cell, R* h, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < 2 * n; ++i) z[i] = sigmoid_of(z[i]);
  R *g = z + 2 * n, *o = z + 3 * n;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) g[i] = tanh_of(g[i]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) o[i] = sigmoid_of(o[i]);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const R memory = z[n + i] * c[i] + z[i] * g[i];
    c[i] = memory;
    cell[i] = memory;
    h[i] = o[i] * tanh_of(memory);
  }
}

template <typename R>
void lstm_backward(R* dz, R* dc, const R* dh, const R* gates, const R* cell, const R* before, int64_t n) {
  const R *i = gates, *f = gates + n, *g = gates + 2 * n, *o = gates + 3 * n;
#pragma GCC ivdep
  for (int64_t j = 0; j < n; ++j) {
    const R t = tanh_of(cell[j]);
    const R memory = dc[j] + dh[j] * o[j] * (R(1) - t * t);
    dz[j] = memory * g[j] * i[j] * (R(1) - i[j]);
    dz[n + j] = memory * before[j] * f[j] * (R(1) - f[j]);
    dz[2 * n + j] = memory * i[j] * (R(1) - g[j] * g[j]);
    dz[3 * n + j] = dh[j] * t * o[j] * (R(1) - o[j]);
    dc[j] = memory * f[j];
  }
}

template <typename R>
void gru(R* gates, R* h, const R* x, const R* y, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < 2 * n; ++i) gates[i] = sigmoid_of(x[i] + y[i]);
  const R *r = gates, *z = gates + n;
  R *m = gates + 2 * n, *hidden = gates + 3 * n;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    hidden[i] = y[2 * n + i];
    m[i] = tanh_of(x[2 * n + i] + r[i] * hidden[i]);
    h[i] = m[i] + z[i] * (h[i] - m[i]);
  }
}

template <typename R>
void gru_backward(R* dx, R* dy, R* dh, const R* gates, const R* before, int64_t n) {
  const R *r = gates, *z = gates + n, *m = gates + 2 * n, *hidden = gates + 3 * n;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const R dn = dh[i] * (R(1) - z[i]) * (R(1) - m[i] * m[i]);
    const R dr = dn * hidden[i] * r[i] * (R(1) - r[i]);
    const R du = dh[i] * (before[i] - m[i]) * z[i] * (R(1) - z[i]);
    dx[i] = dy[i] = dr;
    dx[n + i] = dy[n + i] = du;
    dx[2 * n + i] = dn;
    dy[2 * n + i] = dn * r[i];
    dh[i] *= z[i];
  }
}

template <typename R>
void find(CellFunctions<R>& f) {
  f = {tanh_row<R>, relu_row<R>,      tanh_backward<R>, relu_backward<R>,
       lstm<R>,     lstm_backward<R>, gru<R>,           gru_backward<R>};
}
void find_float(CellFunctions<float>& f) { find(f); }
void find_double(CellFunctions<double>& f) { find(f); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_float);
HWY_EXPORT(find_double);

CellFunctions<float> cell_functions(float) {
  CellFunctions<float> f;
  HWY_DYNAMIC_DISPATCH(find_float)(f);
  return f;
}
CellFunctions<double> cell_functions(double) {
  CellFunctions<double> f;
  HWY_DYNAMIC_DISPATCH(find_double)(f);
  return f;
}

}  // namespace flambeau::cpu
#endif
