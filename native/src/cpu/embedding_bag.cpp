// Rows of a table added up over bags of indices, without the rows in between.
#include <algorithm>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/embedding_bag.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

enum Mode : int64_t { kSum, kMean, kMax };

Status check(const EmbeddingBagArgs& args, int64_t bags, int64_t n) {
  const int64_t* offsets = args.offsets.as<int64_t>();
  for (int64_t b = 0; b < bags; ++b) {
    const int64_t least = b == 0 ? 0 : offsets[b - 1], most = b == 0 ? 0 : n;
    if (offsets[b] < least || offsets[b] > most) return {StatusCode::invalid_value, b, offsets[b], most};
  }
  const int64_t rows = args.weight.shape[0];
  const int64_t* indices = args.indices.as<int64_t>();
  for (int64_t i = 0; i < n; ++i)
    if (indices[i] < 0 || indices[i] >= rows) return {StatusCode::index_out_of_range, i, indices[i], rows};
  return {};
}

}  // namespace

Status embedding_bag(EmbeddingBagArgs& args) {
  const int64_t bags = args.out.shape[0], width = args.out.shape[1], n = args.indices.numel();
  if (const Status status = check(args, bags, n); !status.ok()) return status;
  const int64_t *indices = args.indices.as<int64_t>(), *offsets = args.offsets.as<int64_t>();
  const TensorView& weight = args.weight;
  visit_dtype(args.out.dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      using C = ComputeType<T>;
      const int64_t work = (n / std::max<int64_t>(1, bags) + 1) * (width + 1);
      parallel_for(bags, std::max<int64_t>(1, kGrain / work), [&](int64_t first, int64_t last) {
        std::vector<C> sums(width);
        for (int64_t b = first; b < last; ++b) {
          const int64_t begin = offsets[b], end = b + 1 < bags ? offsets[b + 1] : n;
          int64_t* maximum_at = args.mode == kMax ? args.maximum_at.as<int64_t>() + b * width : nullptr;
          if (maximum_at) std::fill_n(maximum_at, width, -1);
          std::fill(sums.begin(), sums.end(), C(0));
          int64_t count = 0;
          for (int64_t i = begin; i < end; ++i) {
            args.bag_of.as<int64_t>()[i] = b;
            if (indices[i] == args.padding_index) continue;
            const T* row = weight.as<T>() + indices[i] * weight.strides[0];
            const int64_t step = weight.strides[1];
            if (maximum_at) {
              for (int64_t j = 0; j < width; ++j) {
                const C value = static_cast<C>(row[j * step]);
                if (count > 0 && !(value > sums[j])) continue;
                sums[j] = value;
                maximum_at[j] = indices[i];
              }
            } else if (args.sample_weights.defined()) {
              const C scale = static_cast<C>(args.sample_weights.as<T>()[i]);
              for (int64_t j = 0; j < width; ++j) sums[j] += static_cast<C>(row[j * step]) * scale;
            } else if (step == 1) {
              for (int64_t j = 0; j < width; ++j) sums[j] += static_cast<C>(row[j]);
            } else {
              for (int64_t j = 0; j < width; ++j) sums[j] += static_cast<C>(row[j * step]);
            }
            ++count;
          }
          args.counts.as<int64_t>()[b] = count;
          if (args.mode == kMean && count > 0)
            for (C& sum : sums) sum /= static_cast<C>(count);
          store_block(args.out.as<T>() + b * width, 1, sums.data(), width);
        }
      });
    }
  });
  return {};
}

}  // namespace flambeau::cpu
