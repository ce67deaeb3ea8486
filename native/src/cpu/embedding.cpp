// Rows of a table by index, and the gradient of the table.
#include <cstring>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/embedding.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

int64_t index_value(const TensorView& indices, int64_t i) {
  return indices.dtype == DType::i32 ? indices.as<int32_t>()[i] : indices.as<int64_t>()[i];
}

Status check_indices(const TensorView& indices, int64_t rows) {
  const int64_t n = indices.numel();
  for (int64_t i = 0; i < n; ++i)
    if (const int64_t index = index_value(indices, i); index < 0 || index >= rows)
      return {StatusCode::index_out_of_range, i, index, rows};
  return {};
}

}  // namespace

// Contiguous int32 or int64 indices; weight [rows, width] of any strides; out contiguous [..., width].
Status embedding(EmbeddingArgs& args) {
  const TensorView& weight = args.weight;
  if (const Status status = check_indices(args.indices, weight.shape[0]); !status.ok()) return status;
  const int64_t width = weight.shape[1], n = args.indices.numel();
  visit_dtype(weight.dtype, [&]<typename T>() {
    parallel_for(n, std::max<int64_t>(1, kGrain / (width + 1)), [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i)
        load_block(args.out.as<T>() + i * width, weight.as<T>() + index_value(args.indices, i) * weight.strides[0],
                   weight.strides[1], width);
    });
  });
  return {};
}

// `out` [rows, width] and `grad` [n, width] are contiguous. Columns are shared out, so that rows are added in order.
Status embedding_backward(EmbeddingBackwardArgs& args) {
  const int64_t rows = args.out.shape[0], width = args.out.shape[1], n = args.indices.numel();
  if (const Status status = check_indices(args.indices, rows); !status.ok()) return status;
  std::vector<int64_t> counts(args.scale_by_frequency ? rows : 0);
  if (args.scale_by_frequency)
    for (int64_t i = 0; i < n; ++i) ++counts[index_value(args.indices, i)];
  visit_dtype(args.out.dtype, [&]<typename T>() {
    using C = ComputeType<T>;
    T* out = args.out.as<T>();
    const T* grad = args.grad.as<T>();
    const int64_t parts = std::max<int64_t>(1, kGrain / (n + 1));
    parallel_for(
        width, std::max<int64_t>(16, parts),
        [&](int64_t b, int64_t e) {
          const int64_t count = e - b;
          // Halves are summed in float.
          if constexpr (std::is_same_v<C, T>) {
            for (int64_t r = 0; r < rows; ++r) std::fill_n(out + r * width + b, count, T(0));
            for (int64_t i = 0; i < n; ++i) {
              const int64_t row = index_value(args.indices, i);
              if (row == args.padding_index) continue;
              T* dst = out + row * width + b;
              const T* src = grad + i * width + b;
              if (args.scale_by_frequency) {
                const T scale = convert<T>(1.0 / static_cast<double>(counts[row]));
                for (int64_t j = 0; j < count; ++j) dst[j] += src[j] * scale;
              } else {
                for (int64_t j = 0; j < count; ++j) dst[j] += src[j];
              }
            }
          } else {
            std::vector<C> sums(rows * count);
            for (int64_t i = 0; i < n; ++i) {
              const int64_t row = index_value(args.indices, i);
              if (row == args.padding_index) continue;
              const C scale = args.scale_by_frequency ? C(1) / static_cast<C>(counts[row]) : C(1);
              for (int64_t j = 0; j < count; ++j) sums[row * count + j] += convert<C>(grad[i * width + b + j]) * scale;
            }
            for (int64_t r = 0; r < rows; ++r) store_block(out + r * width + b, 1, sums.data() + r * count, count);
          }
        },
        16);
  });
  return {};
}

}  // namespace flambeau::cpu
