// Counts of values in bins.
#include "blocks.h"
#include "flambeau/kernels/histogram.gen.h"

namespace flambeau::cpu {

// Contiguous float32 or float64 input; equal bins over [low, high], the last one closed. Sequential: bins are shared.
Status histc(HistcArgs& args) {
  const int64_t n = args.input.numel(), bins = args.out.shape[0];
  return visit_dtype(args.input.dtype, [&]<typename T>() -> Status {
    if constexpr (std::is_floating_point_v<T> || std::is_integral_v<T>) {
      const T* x = args.input.as<T>();
      T* out = args.out.as<T>();
      const double scale = static_cast<double>(bins) / (args.high - args.low);
      for (int64_t i = 0; i < n; ++i) {
        const auto value = static_cast<double>(x[i]);
        if (!(value >= args.low && value <= args.high)) continue;
        const auto bin = static_cast<int64_t>((value - args.low) * scale);
        out[std::min(bin, bins - 1)] += 1;
      }
      return {};
    }
    return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.input.dtype)};
  });
}

// Contiguous int64 input of values in [0, bins); the caller has zeroed `out`.
Status bincount(BincountArgs& args) {
  const int64_t n = args.input.numel(), bins = args.out.shape[0];
  const int64_t* x = args.input.as<int64_t>();
  for (int64_t i = 0; i < n; ++i)
    if (x[i] < 0 || x[i] >= bins) return {StatusCode::index_out_of_range, i, x[i], bins};
  if (!args.weights.defined()) {
    for (int64_t i = 0; i < n; ++i) ++args.out.as<int64_t>()[x[i]];
  } else if (args.weights.dtype == DType::f32) {
    for (int64_t i = 0; i < n; ++i) args.out.as<float>()[x[i]] += args.weights.as<float>()[i];
  } else {
    for (int64_t i = 0; i < n; ++i) args.out.as<double>()[x[i]] += args.weights.as<double>()[i];
  }
  return {};
}

}  // namespace flambeau::cpu
