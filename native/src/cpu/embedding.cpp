// Rows of a table by index, and the gradient of the table.
#include <numeric>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/embedding.gen.h"
#include "flambeau/parallel.h"
#include "per_thread.h"
#include "stream.h"

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

// `out` [rows, width] and `grad` [n, width] are contiguous. Each row of `out` is written once, with the sum of its rows
// of `grad`, which are added in order.
Status embedding_backward(EmbeddingBackwardArgs& args) {
  const int64_t rows = args.out.shape[0], width = args.out.shape[1], n = args.indices.numel();
  if (const Status status = check_indices(args.indices, rows); !status.ok()) return status;
  if (rows * width == 0) return {};
  // The positions of row r are order[first[r]] to order[first[r + 1] - 1]: a counting sort, one place ahead until then.
  std::vector<int64_t> first(rows + 2), order(n);
  for (int64_t i = 0; i < n; ++i)
    if (const int64_t row = index_value(args.indices, i); row != args.padding_index) ++first[row + 2];
  std::partial_sum(first.begin(), first.end(), first.begin());
  for (int64_t i = 0; i < n; ++i)
    if (const int64_t row = index_value(args.indices, i); row != args.padding_index) order[first[row + 1]++] = i;
  // Threads share rows and positions alike: work w is row r and the positions before it where w = r + first[r].
  const int64_t work = rows + first[rows];
  const auto row_at = [&](int64_t w) {
    int64_t low = 0, high = rows;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (middle + first[middle] < w)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  };
  visit_dtype(args.out.dtype, [&]<typename T>() {
    using C = ComputeType<T>;  // halves are summed in float
    const int64_t row_bytes = width * int64_t{sizeof(T)};
    const bool stream =
        (row_bytes % 64 == 0 || row_bytes >= kStreamRowBytes) && streams(args.out.data, rows * row_bytes, kStreamBytes);
    const PerThread buffers(width * int64_t{sizeof(C)} / int64_t{sizeof(float)} + 16);
    T* out = args.out.as<T>();
    const T* grad = args.grad.as<T>();
    parallel_for(work, kGrain / (width + 1) + 1, [&](int64_t b, int64_t e) {
      C* sum = reinterpret_cast<C*>(buffers.mine());
      for (int64_t row = row_at(b), end = row_at(e); row < end; ++row) {
        const C scale = C(1) / static_cast<C>(std::max<int64_t>(1, first[row + 1] - first[row]));
        std::fill_n(sum, width, C(0));
        for (int64_t k = first[row]; k < first[row + 1]; ++k) {
          const T* src = grad + order[k] * width;
          if (args.scale_by_frequency)
            for (int64_t j = 0; j < width; ++j) sum[j] += convert<C>(src[j]) * scale;
          else
            for (int64_t j = 0; j < width; ++j) sum[j] += convert<C>(src[j]);
        }
        T* dst = out + row * width;
        if constexpr (std::is_same_v<C, T>) {
          if (stream)
            stream_copy(dst, sum, row_bytes);
          else
            std::copy_n(sum, width, dst);
        } else {
          store_block(dst, 1, sum, width);
        }
      }
      if (stream) stream_done();
    });
  });
  return {};
}

}  // namespace flambeau::cpu
