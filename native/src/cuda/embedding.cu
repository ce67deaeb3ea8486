// Rows of a table by index, and the gradient of the table.
#include "device.cuh"
#include "flambeau/kernels/embedding.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

struct Indices {
  const void* data;
  bool narrow;
  explicit Indices(const TensorView& t) : data(t.data), narrow(t.dtype == DType::i32) {}
  __device__ __forceinline__ int64_t at(int64_t i) const {
    return narrow ? static_cast<const int32_t*>(data)[i] : static_cast<const int64_t*>(data)[i];
  }
};

template <typename T>
__global__ void gather(T* out, const T* weight, Indices indices, int64_t n, int64_t width, int64_t rows,
                       int64_t row_stride, int64_t col_stride, ErrorSlot errors) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.y) {
    const int64_t row = indices.at(i);
    if (row < 0 || row >= rows) {
      if (threadIdx.x == 0) report(errors, StatusCode::index_out_of_range, i, row, rows);
      continue;
    }
    for (int64_t k = threadIdx.x; k < width; k += blockDim.x)
      out[i * width + k] = weight[row * row_stride + k * col_stride];
  }
}

__global__ void check(Indices indices, int64_t n, int64_t rows, ErrorSlot errors) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const int64_t row = indices.at(i);
  if (row < 0 || row >= rows) report(errors, StatusCode::index_out_of_range, i, row, rows);
}

// A warp for each row of the table looks through all indices and adds the rows of its own in their order, so that the
// sum does not depend on chance.
template <typename T, typename C>
__global__ void scatter(T* out, const T* grad, Indices indices, int64_t n, int64_t width, int64_t rows, int64_t padding,
                        bool by_frequency) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  const bool padded = row == padding;
  int64_t found = 0;
  if (by_frequency)
    for (int64_t from = 0; from < n; from += 32) {
      const bool mine = from + threadIdx.x < n && indices.at(from + threadIdx.x) == row;
      found += __popc(__ballot_sync(0xffffffffu, mine));
    }
  const C scale = by_frequency && found > 0 ? C(1) / static_cast<C>(found) : C(1);
  for (int64_t first = 0; first < width; first += 128) {
    C sum[4] = {};
    if (!padded)
      for (int64_t from = 0; from < n; from += 32) {
        const bool mine = from + threadIdx.x < n && indices.at(from + threadIdx.x) == row;
        for (unsigned left = __ballot_sync(0xffffffffu, mine); left != 0; left &= left - 1) {
          const T* src = grad + (from + __ffs(left) - 1) * width + first + threadIdx.x;
#pragma unroll
          for (int k = 0; k < 4; ++k)
            if (first + threadIdx.x + 32 * k < width) sum[k] += convert<C>(src[32 * k]) * scale;
        }
      }
#pragma unroll
    for (int k = 0; k < 4; ++k)
      if (first + threadIdx.x + 32 * k < width) out[row * width + first + threadIdx.x + 32 * k] = convert<T>(sum[k]);
  }
}

}  // namespace

Status embedding(EmbeddingArgs& args) {
  const TensorView& weight = args.weight;
  const int64_t width = weight.shape[1], n = args.indices.numel();
  if (n == 0) return {};
  const Context& c = context();
  visit_size(size_of(weight.dtype), [&]<typename T>() {
    gather<<<blocks_for(n, 8), dim3(32, 8), 0, c.stream>>>(args.out.as<T>(), weight.as<T>(), Indices(args.indices), n,
                                                           width, weight.shape[0], weight.strides[0], weight.strides[1],
                                                           c.errors);
  });
  return launched();
}

Status embedding_backward(EmbeddingBackwardArgs& args) {
  const int64_t rows = args.out.shape[0], width = args.out.shape[1], n = args.indices.numel();
  if (rows * width == 0) return {};
  const Context& c = context();
  if (n > 0)
    check<<<static_cast<unsigned>((n + 255) / 256), 256, 0, c.stream>>>(Indices(args.indices), n, rows, c.errors);
  const bool known = visit_real(args.out.dtype, [&]<typename T>() {
    scatter<T, ComputeOf<T>><<<static_cast<unsigned>((rows + 3) / 4), dim3(32, 4), 0, c.stream>>>(
        args.out.as<T>(), args.grad.as<T>(), Indices(args.indices), n, width, rows, args.padding_index,
        args.scale_by_frequency);
  });
  return known ? launched() : unsupported(args.out.dtype);
}

}  // namespace flambeau::cuda
