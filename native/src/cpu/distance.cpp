// Distances between all pairs of rows.
#include <algorithm>
#include <cmath>
#include <limits>

#include "flambeau/kernels/distance.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {

namespace {

template <typename Body>
Status for_real(DType dtype, const Body& body) {
  if (dtype == DType::f32) {
    body.template operator()<float>();
  } else if (dtype == DType::f64) {
    body.template operator()<double>();
  } else {
    return {StatusCode::unsupported_dtype, 0, static_cast<int>(dtype)};
  }
  return {};
}

template <typename T>
T distance(const T* a, const T* b, int64_t n, double p) {
  T sum = 0;
  if (p == 0) {
    for (int64_t i = 0; i < n; ++i) sum += a[i] != b[i];
    return sum;
  }
  if (p == 1) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) sum += std::abs(a[i] - b[i]);
    return sum;
  }
  if (p == 2) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return std::sqrt(sum);
  }
  if (p == std::numeric_limits<double>::infinity()) {
    for (int64_t i = 0; i < n; ++i) {
      const T d = std::abs(a[i] - b[i]);
      if (d > sum || d != d) sum = d;  // NaN stays: nothing is greater
    }
    return sum;
  }
  for (int64_t i = 0; i < n; ++i) sum += std::pow(std::abs(a[i] - b[i]), static_cast<T>(p));
  return std::pow(sum, static_cast<T>(1 / p));
}

template <typename T>
T sign(T x) {
  return static_cast<T>((x > 0) - (x < 0));
}

/** out += g · d(distance)/d(a - b); nothing where the rows coincide. */
template <typename T>
void add_slope(T* out, const T* a, const T* b, T length, T g, int64_t n, double p) {
  if (p == 1) {
    for (int64_t i = 0; i < n; ++i) out[i] += g * sign(a[i] - b[i]);
    return;
  }
  if (length == 0) return;
  if (p == 2) {
    const T factor = g / length;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) out[i] += factor * (a[i] - b[i]);
    return;
  }
  if (p == std::numeric_limits<double>::infinity()) {
    for (int64_t i = 0; i < n; ++i)
      if (std::abs(a[i] - b[i]) == length) out[i] += g * sign(a[i] - b[i]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const T d = a[i] - b[i];
    if (d == 0 && p < 1) continue;
    out[i] += g * sign(d) * std::pow(std::abs(d) / length, static_cast<T>(p - 1));
  }
}

}  // namespace

Status distances(DistancesArgs& args) {
  const int64_t rows = args.out.shape[1], columns = args.out.shape[2], n = args.a.shape[2];
  const int64_t total = args.out.shape[0] * rows;
  if (total * columns == 0) return {};
  return for_real(args.out.dtype, [&]<typename T>() {
    const T *a = args.a.as<T>(), *b = args.b.as<T>();
    T* out = args.out.as<T>();
    parallel_for(total, std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, columns * n)),
                 [&](int64_t from, int64_t to) {
                   for (int64_t r = from; r < to; ++r)
                     for (int64_t c = 0; c < columns; ++c)
                       out[r * columns + c] = distance(a + r * n, b + (r / rows * columns + c) * n, n, args.p);
                 });
  });
}

Status distances_backward(DistancesBackwardArgs& args) {
  const int64_t rows = args.grad.shape[1], columns = args.grad.shape[2], n = args.a.shape[2];
  const int64_t total = args.grad.shape[0] * rows;
  if (total * n == 0) return {};
  return for_real(args.out.dtype, [&]<typename T>() {
    const T *a = args.a.as<T>(), *b = args.b.as<T>(), *grad = args.grad.as<T>(), *length = args.distances.as<T>();
    T* out = args.out.as<T>();
    parallel_for(total, std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, columns * n)),
                 [&](int64_t from, int64_t to) {
                   for (int64_t r = from; r < to; ++r) {
                     T* row = out + r * n;
                     for (int64_t i = 0; i < n; ++i) row[i] = 0;
                     for (int64_t c = 0; c < columns; ++c) {
                       const int64_t at = r * columns + c;
                       add_slope(row, a + r * n, b + (r / rows * columns + c) * n, length[at], grad[at], n, args.p);
                     }
                   }
                 });
  });
}

}  // namespace flambeau::cpu
