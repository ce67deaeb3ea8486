// Layer and root-mean-square normalization of a contiguous [rows, n] input, and their gradients in one pass.
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/layer_norm.gen.h"
#include "flambeau/parallel.h"
#include "layer_norm_rows.h"
#include "stream.h"

namespace flambeau::cpu {
namespace {

// A row in the compute type: in place where that is the tensor's own, otherwise converted into `buffer`.
template <typename R, typename T>
const R* row_of(const T* row, std::vector<R>& buffer, int64_t n) {
  if constexpr (std::is_same_v<T, R>) {
    return row;
  } else {
    buffer.resize(n);
    load_block(buffer.data(), row, 1, n);
    return buffer.data();
  }
}

template <typename R>
const R* optional_row(const TensorView& t, std::vector<R>& buffer, int64_t n) {
  if (!t.defined()) return nullptr;
  return visit_dtype(t.dtype, [&]<typename T>() -> const R* {
    if constexpr (kIsComplex<T>)
      return nullptr;
    else
      return row_of<R>(t.as<T>(), buffer, n);
  });
}

template <typename Body>
Status for_floating(DType dtype, const Body& body) {
  return visit_dtype(dtype, [&]<typename T>() -> Status {
    using R = ComputeType<T>;
    if constexpr (std::is_floating_point_v<R>) {
      body.template operator()<T, R>();
      return {};
    } else {
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(dtype)};
    }
  });
}

}  // namespace

Status layer_norm(LayerNormArgs& args) {
  const int64_t rows = args.input.shape[0], n = args.input.shape[1];
  if (rows * n == 0) return {};
  return for_floating(args.input.dtype, [&]<typename T, typename R>() {
    const LayerNormFunctions<R> f = layer_norm_functions(R());
    std::vector<R> weight_buffer, bias_buffer;
    const R* weight = optional_row(args.weight, weight_buffer, n);
    const R* bias = optional_row(args.bias, bias_buffer, n);
    // A row goes to the result by way of a buffer where its dtype is another, or past the caches.
    const bool stream =
        std::is_same_v<T, R> && streams(args.out.data, rows * n * int64_t{sizeof(T)}, kStreamComputedBytes);
    const bool buffered = stream || !std::is_same_v<T, R>;
    parallel_for(rows, std::max<int64_t>(1, kGrain / 4 / n), [&](int64_t b, int64_t e) {
      std::vector<R> in_buffer, out_buffer(buffered ? n : 0);
      for (int64_t i = b; i < e; ++i) {
        const R* x = row_of<R>(args.input.as<T>() + i * n, in_buffer, n);
        R& rstd = args.rstd.as<R>()[i];
        R* own = args.mean.defined() ? args.mean.as<R>() + i : nullptr;
        f.statistics(x, n, args.eps, own, &rstd);
        const R mean = own ? *own : R(0);
        T* out = args.out.as<T>() + i * n;
        f.normalize(buffered ? out_buffer.data() : reinterpret_cast<R*>(out), x, weight, bias, mean, rstd, n);
        if (stream)
          stream_copy(out, out_buffer.data(), n * int64_t{sizeof(T)});
        else if (buffered)
          store_block(out, 1, out_buffer.data(), n);
      }
      if (stream) stream_done();
    });
  });
}

Status layer_norm_backward(LayerNormBackwardArgs& args) {
  const int64_t rows = args.input.shape[0], n = args.input.shape[1];
  return for_floating(args.input.dtype, [&]<typename T, typename R>() {
    const LayerNormFunctions<R> f = layer_norm_functions(R());
    std::vector<R> weight_buffer;
    const R* weight = optional_row(args.weight, weight_buffer, n);
    const bool centered = args.mean.defined();
    const bool parameters = args.weight_grad.defined() || args.bias_grad.defined();
    // Rows are shared out in chunks that depend on the shape alone, and their sums are joined in order.
    const int64_t chunks = std::max<int64_t>(1, std::min<int64_t>(16, rows * n / kGrain));
    const int64_t step = (rows + chunks - 1) / chunks;
    std::vector<R> sums(parameters ? chunks * 2 * n : 0);
    parallel_for(chunks, 1, [&](int64_t b, int64_t e) {
      std::vector<R> in_buffer, grad_buffer, out_buffer(std::is_same_v<T, R> ? 0 : n);
      for (int64_t c = b; c < e; ++c) {
        R* weight_sum = args.weight_grad.defined() ? sums.data() + 2 * c * n : nullptr;
        R* bias_sum = args.bias_grad.defined() ? sums.data() + (2 * c + 1) * n : nullptr;
        for (int64_t i = c * step; i < std::min(rows, (c + 1) * step); ++i) {
          const R* x = row_of<R>(args.input.as<T>() + i * n, in_buffer, n);
          const R* grad = row_of<R>(args.grad.as<T>() + i * n, grad_buffer, n);
          const R mean = centered ? args.mean.as<R>()[i] : R(0), rstd = args.rstd.as<R>()[i];
          f.accumulate(weight_sum, bias_sum, grad, x, mean, rstd, n);
          if (!args.out.defined()) continue;
          T* out = args.out.as<T>() + i * n;
          if constexpr (std::is_same_v<T, R>) {
            f.backward(out, grad, x, weight, centered, mean, rstd, n);
          } else {
            f.backward(out_buffer.data(), grad, x, weight, centered, mean, rstd, n);
            store_block(out, 1, out_buffer.data(), n);
          }
        }
      }
    });
    const auto join = [&](const TensorView& out, int64_t which) {
      if (!out.defined()) return;
      for (int64_t i = 0; i < n; ++i) {
        double total = 0;
        for (int64_t c = 0; c < chunks; ++c) total += sums[(2 * c + which) * n + i];
        visit_dtype(out.dtype, [&]<typename W>() { out.as<W>()[i] = convert<W>(total); });
      }
    };
    join(args.weight_grad, 0);
    join(args.bias_grad, 1);
  });
}

}  // namespace flambeau::cpu
