// Extremes with their positions, and running sums, products and extremes along a dimension.
#include <cmath>

#include "along_dim.h"
#include "blocks.h"
#include "flambeau/kernels/scan.gen.h"
#include "reduce_rows.h"

namespace flambeau::cpu {
namespace {

inline constexpr int64_t kStrip = 256;
inline constexpr int64_t kSideBySide = 4;

template <typename C>
bool is_nan(C x) {
  if constexpr (kIsComplex<C>)
    return x.real() != x.real() || x.imag() != x.imag();
  else
    return x != x;
}

// Running values are kept in double (complex128), so that rounding does not pile up.
template <typename T>
using ScanType =
    std::conditional_t<kIsComplex<T>, complex128, std::conditional_t<std::is_integral_v<T>, uint64_t, double>>;

// log(exp(a) + exp(b)) without overflow.
inline double log_add_exp(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  if (is_nan(a) || is_nan(b)) return std::numeric_limits<double>::quiet_NaN();
  return std::isinf(high) ? high : high + std::log1p(std::exp(low - high));
}
inline complex128 log_add_exp(complex128 a, complex128 b) {
  if (is_nan(a) || is_nan(b))
    return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
  const bool first = a.real() >= b.real();
  const complex128 high = first ? a : b, low = first ? b : a;
  if (std::isinf(high.real()) && high.real() < 0) return high;
  if (std::isinf(high.real())) return std::isinf(low.real()) ? std::log(std::exp(high) + std::exp(low)) : high;
  return high + std::log(1.0 + std::exp(low - high));
}

// The order is that of SCAN in packages/core/src/ops/scans.ts.
enum class ScanOp : int { cumsum, cumprod, logcumsumexp, cummax, cummin };

template <typename T, typename Step>
void accumulate(ScanArgs& args, ScanType<T> start, const Step& step) {
  using A = ScanType<T>;
  const AlongDim<2> along({&args.input, &args.out}, args.dim);
  const T* in = args.input.as<T>();
  T* out = args.out.as<T>();
  const int64_t size = along.sizes[0], in_step = along.steps[0], out_step = along.steps[1];
  if (!along.across()) {
    // Each step waits for the one before, so several lines go side by side.
    const int64_t in_line = along.loop.inner_stride(0), out_line = along.loop.inner_stride(1);
    const auto lines = [&]<int64_t kLines>(const T* src, T* dst) {
      A running[kLines];
      std::fill_n(running, kLines, start);
      for (int64_t k = 0; k < size; ++k)
        for (int64_t l = 0; l < kLines; ++l) {
          running[l] = step(running[l], convert<A>(src[l * in_line + k * in_step]), k);
          dst[l * out_line + k * out_step] = convert<T>(running[l]);
        }
    };
    along.each_strip(kSideBySide, [&](const auto& at, int64_t n) {
      if (n == kSideBySide)
        lines.template operator()<kSideBySide>(in + at[0], out + at[1]);
      else
        for (int64_t l = 0; l < n; ++l)
          lines.template operator()<1>(in + at[0] + l * in_line, out + at[1] + l * out_line);
    });
    return;
  }
  const int64_t in_col = along.loop.inner_stride(0), out_col = along.loop.inner_stride(1);
  along.each_strip(kStrip, [&](const auto& at, int64_t n) {
    A running[kStrip];
    std::fill_n(running, n, start);
    for (int64_t k = 0; k < size; ++k) {
      const T* src = in + at[0] + k * in_step;
      T* dst = out + at[1] + k * out_step;
      for (int64_t c = 0; c < n; ++c) {
        running[c] = step(running[c], convert<A>(src[c * in_col]), k);
        dst[c * out_col] = convert<T>(running[c]);
      }
    }
  });
}

// The latest position wins among equals, and a NaN stays.
template <typename T, bool kMax>
void running_extreme(ScanArgs& args) {
  const AlongDim<3> along({&args.input, &args.out, &args.indices}, args.dim);
  const T* in = args.input.as<T>();
  T* out = args.out.as<T>();
  int64_t* indices = args.indices.as<int64_t>();
  along.each_line([&](const auto& at) {
    T best{};
    int64_t index = 0;
    for (int64_t k = 0; k < along.sizes[0]; ++k) {
      const T x = in[at[0] + k * along.steps[0]];
      if (k == 0 || is_nan(x) || (!is_nan(best) && (kMax ? x >= best : x <= best))) {
        best = x;
        index = k;
      }
      out[at[1] + k * along.steps[1]] = best;
      indices[at[2] + k * along.steps[2]] = index;
    }
  });
}

// The first position wins among equals, and the first NaN above all.
template <bool kMax, typename T>
bool better(T x, T best) {
  return (kMax ? x > best : x < best) || (is_nan(x) && !is_nan(best));
}

inline constexpr int64_t kPart = 256;

// The position of the extreme of a line. Long lines are reduced a part at a time; only the part that has the extreme is
// searched for it. `dtype` is that of the compute type.
template <typename T, bool kMax>
int64_t extreme_of_line(const T* line, int64_t step, int64_t size, DType dtype, T& best) {
  using C = ComputeType<T>;
  using A = std::conditional_t<std::is_integral_v<C>, int64_t, double>;
  int64_t begin = 0, end = size;
  if (size >= 64) {
    const ReduceFunctions f = reduce_functions(kMax ? ReduceKind::max : ReduceKind::min, dtype);
    C block[kPart];
    A extreme{};
    for (int64_t start = 0; start < size; start += kPart) {
      const int64_t n = std::min(kPart, size - start);
      const C* x = block;
      if constexpr (std::is_same_v<T, C>)
        if (step == 1) x = line + start;
      if (x == block) load_block(block, line + start * step, step, n);
      A found;
      f.init(&found, 1);
      f.block(&found, x, n, 0);
      if (start == 0 || better<kMax>(found, extreme)) {
        extreme = found;
        begin = start;
      }
      if (is_nan(extreme)) break;
    }
    end = std::min(size, begin + kPart);
  }
  best = line[begin * step];
  int64_t index = begin;
  for (int64_t k = begin + 1; k < end; ++k)
    if (better<kMax>(line[k * step], best)) {
      best = line[k * step];
      index = k;
    }
  return index;
}

template <typename T, bool kMax>
void extreme(ArgExtremeArgs& args) {
  const AlongDim<3> along({&args.input, &args.values, &args.indices}, args.dim);
  const T* in = args.input.as<T>();
  T* values = args.values.defined() ? args.values.as<T>() : nullptr;
  int64_t* indices = args.indices.as<int64_t>();
  const int64_t size = along.sizes[0], step = along.steps[0];
  const DType dtype = compute_of(args.input.dtype);
  if (!along.across()) {
    along.each_line([&](const auto& at) {
      T best;
      indices[at[2]] = extreme_of_line<T, kMax>(in + at[0], step, size, dtype, best);
      if (values) values[at[1]] = best;
    });
    return;
  }
  const int64_t col = along.loop.inner_stride(0);
  along.each_strip(kStrip, [&](const auto& at, int64_t n) {
    T best[kStrip];
    int64_t index[kStrip];
    for (int64_t c = 0; c < n; ++c) {
      best[c] = in[at[0] + c * col];
      index[c] = 0;
    }
    for (int64_t k = 1; k < size; ++k) {
      const T* row = in + at[0] + k * step;
      for (int64_t c = 0; c < n; ++c) {
        const T x = row[c * col];
        const bool wins = better<kMax>(x, best[c]);
        best[c] = wins ? x : best[c];
        index[c] = wins ? k : index[c];
      }
    }
    for (int64_t c = 0; c < n; ++c) {
      if (values) values[at[1] + c * along.loop.inner_stride(1)] = best[c];
      indices[at[2] + c * along.loop.inner_stride(2)] = index[c];
    }
  });
}

}  // namespace

Status scan(ScanArgs& args) {
  const auto op = static_cast<ScanOp>(args.op);
  if (args.input.numel() == 0) return {};
  return visit_dtype(args.input.dtype, [&]<typename T>() -> Status {
    using A = ScanType<T>;
    switch (op) {
      case ScanOp::cumsum:
        accumulate<T>(args, A(0), [](A a, A x, int64_t) { return a + x; });
        return {};
      case ScanOp::cumprod:
        accumulate<T>(args, A(1), [](A a, A x, int64_t) { return a * x; });
        return {};
      case ScanOp::logcumsumexp:
        if constexpr (!std::is_integral_v<T>) {
          accumulate<T>(args, A(0), [](A a, A x, int64_t k) { return k == 0 ? x : log_add_exp(a, x); });
          return {};
        }
        break;
      case ScanOp::cummax:
        if constexpr (!kIsComplex<T>) {
          running_extreme<T, true>(args);
          return {};
        }
        break;
      case ScanOp::cummin:
        if constexpr (!kIsComplex<T>) {
          running_extreme<T, false>(args);
          return {};
        }
        break;
    }
    return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.input.dtype)};
  });
}

Status arg_extreme(ArgExtremeArgs& args) {
  if (args.indices.numel() == 0) return {};
  return visit_dtype(args.input.dtype, [&]<typename T>() -> Status {
    if constexpr (kIsComplex<T>) {
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.input.dtype)};
    } else {
      if (args.largest)
        extreme<T, true>(args);
      else
        extreme<T, false>(args);
      return {};
    }
  });
}

}  // namespace flambeau::cpu
