// Ranges: arange, linspace, logspace. Results are contiguous vectors.
#include <cmath>

#include "blocks.h"
#include "count.h"
#include "flambeau/kernels/creation.gen.h"
#include "flambeau/parallel.h"
#include "stream.h"

namespace flambeau::cpu {
namespace {

// The type in which a range over T is computed.
template <typename T>
using RangeType = std::conditional_t<kIsComplex<T>, T,
                                     std::conditional_t<kIsHalf<T> || std::is_same_v<T, float>, float,
                                                        std::conditional_t<std::is_same_v<T, double>, double, float>>>;

// a · b + c
template <typename Value>
Value multiply_add(Value a, Value b, Value c) {
  if constexpr (kIsComplex<Value>)
    return a * b + c;
  else
    return std::fma(a, b, c);
}

// Counts from the nearer end, as PyTorch does, so that both ends are exact; each is rounded once.
template <typename T, typename Value>
void spaced(T* out, int64_t n, Value start, Value end, const auto& finish) {
  const Value step = n > 1 ? (end - start) / Value(static_cast<double>(n - 1)) : Value(0);
  parallel_for(n, kGrain, [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) {
      const Value v = i < n / 2 || n == 1 ? multiply_add(step, Value(static_cast<double>(i)), start)
                                          : multiply_add(-step, Value(static_cast<double>(n - i - 1)), end);
      out[i] = finish(v);
    }
  });
}

// `some(to, i, n)` writes elements [i, i + n) of the result.
template <typename T>
void generate(T* out, int64_t n, const auto& some) {
  const bool stream = streams(out, n * int64_t{sizeof(T)}, kStreamBytes);
  parallel_for(
      n, kGrain,
      [&](int64_t b, int64_t e) {
        if (!stream) return some(out + b, b, e - b);
        T block[kBlock];
        for (int64_t i = b; i < e; i += kBlock) {
          const int64_t m = std::min(kBlock, e - i);
          some(block, i, m);
          stream_copy(out + i, block, m * int64_t{sizeof(T)});
        }
        stream_done();
      },
      64);
}

}  // namespace

Status arange(ArangeArgs& args) {
  const int64_t n = args.out.numel();
  visit_dtype(args.out.dtype, [&]<typename T>() {
    T* out = args.out.as<T>();
    if (args.start.kind == Scalar::Kind::integer && args.step.kind == Scalar::Kind::integer && std::is_integral_v<T>) {
      const auto start = static_cast<uint64_t>(args.start.integer), step = static_cast<uint64_t>(args.step.integer);
      // Added up: there are no products of 64-bit integers in vectors.
      generate(out, n, [=](T* to, int64_t first, int64_t count) {
        uint64_t value = start + step * static_cast<uint64_t>(first);
        if constexpr (std::is_same_v<T, int64_t>) return count_up(to, count, value, step);
        for (int64_t i = 0; i < count; ++i, value += step) to[i] = convert<T>(static_cast<int64_t>(value));
      });
    } else {
      const double start = args.start.to<double>(), step = args.step.to<double>();
      // An integer range starts and steps in integers.
      const bool whole = std::is_integral_v<T>;
      const double from = whole ? std::trunc(start) : start, by = whole ? std::trunc(step) : step;
      generate(out, n, [=](T* to, int64_t first, int64_t count) {
        for (int64_t i = 0; i < count; ++i) to[i] = convert<T>(from + by * static_cast<double>(first + i));
      });
    }
  });
  return {};
}

Status linspace(LinspaceArgs& args) {
  visit_dtype(args.out.dtype, [&]<typename T>() {
    T* out = args.out.as<T>();
    const int64_t n = args.out.numel();
    if constexpr (std::is_integral_v<T>) {
      // Integer ends are truncated first; the step is fractional.
      const T start = convert<T>(args.start.to<double>()), end = convert<T>(args.end.to<double>());
      const auto from = static_cast<double>(start), to = static_cast<double>(end);
      const double step = n > 1 ? (to - from) / static_cast<double>(n - 1) : 0.0;
      for (int64_t i = 0; i < n; ++i)
        out[i] = i < n / 2 || n == 1 ? convert<T>(from + step * static_cast<double>(i))
                                     : convert<T>(to - step * static_cast<double>(n - i - 1));
    } else if constexpr (kIsHalf<T>) {
      // Every step is rounded, as PyTorch has it.
      const auto round = [](float v) { return static_cast<float>(T(v)); };
      const float from = round(args.start.to<float>()), to = round(args.end.to<float>());
      const float step = n > 1 ? round(round(to - from) / static_cast<float>(n - 1)) : 0.0F;
      for (int64_t i = 0; i < n; ++i)
        out[i] = i < n / 2 || n == 1 ? T(from + round(step * static_cast<float>(i)))
                                     : T(to - round(step * static_cast<float>(n - i - 1)));
    } else {
      using Value = RangeType<T>;
      spaced(out, n, args.start.to<Value>(), args.end.to<Value>(), [](Value v) { return convert<T>(v); });
    }
  });
  return {};
}

Status logspace(LogspaceArgs& args) {
  visit_dtype(args.out.dtype, [&]<typename T>() {
    using Value = RangeType<T>;
    if constexpr (kIsComplex<T>) {
      const Value base(static_cast<typename Value::value_type>(args.base), 0);
      spaced(args.out.as<T>(), args.out.numel(), args.start.to<Value>(), args.end.to<Value>(),
             [base](Value v) { return std::pow(base, v); });
    } else {
      // Integer ends are truncated and those of half types rounded; steps are not, as PyTorch has it.
      using Step = std::conditional_t<std::is_integral_v<T>, double, Value>;
      const auto end_value = [&](const Scalar& s) {
        if constexpr (std::is_integral_v<T>)
          return static_cast<Step>(convert<T>(s.to<double>()));
        else
          return static_cast<Step>(convert<T>(s.to<Step>()));
      };
      const int64_t n = args.out.numel();
      T* out = args.out.as<T>();
      const Step from = end_value(args.start), to = end_value(args.end);
      const Step step = n > 1 ? (to - from) / static_cast<Step>(n - 1) : Step(0);
      const double base = args.base;
      parallel_for(n, kGrain, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) {
          if (n == 1) {
            out[0] =
                convert<T>(std::pow(base, std::is_integral_v<T> ? static_cast<double>(from) : args.start.to<double>()));
            continue;
          }
          const Step v = i < n / 2 ? from + step * static_cast<Step>(i) : to - step * static_cast<Step>(n - i - 1);
          out[i] = convert<T>(std::pow(base, static_cast<double>(v)));
        }
      });
    }
  });
  return {};
}

}  // namespace flambeau::cpu
