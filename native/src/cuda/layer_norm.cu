// Layer and root-mean-square normalization of a contiguous [rows, n] input: a warp or a block for each row. The
// parameters' gradients are summed over parts of the rows first, and the parts in order.
#include <memory>

#include "flambeau/kernels/layer_norm.gen.h"
#include "kernels.h"
#include "lines.cuh"

namespace flambeau::cuda {
namespace {

// A parameter of any floating-point dtype, or `missing` where it is absent.
struct Parameter {
  const void* data = nullptr;
  DType dtype = DType::f32;
  explicit Parameter(const TensorView& t) {
    if (!t.defined()) return;
    data = t.data;
    dtype = t.dtype;
  }
  template <typename R>
  __device__ __forceinline__ R at(int64_t i, R missing) const {
    return data ? load_real<R>(data, dtype, i) : missing;
  }
};

template <typename R>
R* optional(const TensorView& t) {
  return t.defined() ? t.as<R>() : nullptr;
}

template <bool kWarp, typename T, typename R>
__global__ void forward(T* out, R* means, R* rstds, const T* in, Parameter weight, Parameter bias, int64_t rows,
                        int64_t n, double eps) {
  const int64_t row = line_index<kWarp>();
  if (row >= rows) return;
  const T* x = in + row * n;
  const int lanes = kWarp ? 32 : kLineThreads;
  R mean = 0;
  if (means) {
    for (int64_t i = threadIdx.x; i < n; i += lanes) mean += convert<R>(x[i]);
    mean = line_sum<kWarp>(mean) / static_cast<R>(n);
  }
  R squares = 0;
  for (int64_t i = threadIdx.x; i < n; i += lanes) {
    const R d = convert<R>(x[i]) - mean;
    squares += d * d;
  }
  const R rstd = R(1) / sqrt(line_sum<kWarp>(squares) / static_cast<R>(n) + static_cast<R>(eps));
  for (int64_t i = threadIdx.x; i < n; i += lanes)
    out[row * n + i] = convert<T>((convert<R>(x[i]) - mean) * rstd * weight.at(i, R(1)) + bias.at(i, R(0)));
  if (threadIdx.x == 0) {
    if (means) means[row] = mean;
    rstds[row] = rstd;
  }
}

// dx = σ⁻¹·(g − mean(g) − x̂·mean(g·x̂)), where g = dy·w; without means, mean(g) stays.
template <bool kWarp, typename T, typename R>
__global__ void backward(T* out, const T* grad, const T* in, const R* means, const R* rstds, Parameter weight,
                         int64_t rows, int64_t n) {
  const int64_t row = line_index<kWarp>();
  if (row >= rows) return;
  const T *x = in + row * n, *dy = grad + row * n;
  const R mean = means ? means[row] : R(0), rstd = rstds[row];
  const int lanes = kWarp ? 32 : kLineThreads;
  R sum = 0, products = 0;
  for (int64_t i = threadIdx.x; i < n; i += lanes) {
    const R g = product(convert<R>(dy[i]), weight.at(i, R(1)));
    sum += g;
    products += g * (convert<R>(x[i]) - mean) * rstd;
  }
  sum = means ? line_sum<kWarp>(sum) / static_cast<R>(n) : R(0);
  products = line_sum<kWarp>(products) / static_cast<R>(n);
  for (int64_t i = threadIdx.x; i < n; i += lanes) {
    const R g = product(convert<R>(dy[i]), weight.at(i, R(1)));
    out[row * n + i] = convert<T>(rstd * (g - sum - (convert<R>(x[i]) - mean) * rstd * products));
  }
}

// Block (32, 8) over 32 columns and a part of the rows; sums [part][2][n].
template <typename T, typename R>
__global__ void sum_columns(R* sums, const T* grad, const T* in, const R* means, const R* rstds, int64_t rows,
                            int64_t n, int64_t per_part) {
  __shared__ R shared[2][8][32];
  const int64_t col = static_cast<int64_t>(blockIdx.x) * 32 + threadIdx.x;
  const int64_t begin = blockIdx.y * per_part, end = min(rows, begin + per_part);
  R weight = 0, bias = 0;
  if (col < n)
    for (int64_t row = begin + threadIdx.y; row < end; row += 8) {
      const R g = convert<R>(grad[row * n + col]);
      bias += g;
      weight += g * (convert<R>(in[row * n + col]) - (means ? means[row] : R(0))) * rstds[row];
    }
  shared[0][threadIdx.y][threadIdx.x] = weight;
  shared[1][threadIdx.y][threadIdx.x] = bias;
  __syncthreads();
  if (threadIdx.y > 1 || col >= n) return;
  R total = 0;
  for (int k = 0; k < 8; ++k) total += shared[threadIdx.y][k][threadIdx.x];
  sums[(blockIdx.y * 2 + threadIdx.y) * n + col] = total;
}

template <typename R>
__global__ void join_columns(void* out, DType dtype, const R* sums, int64_t n, int parts, int which) {
  const int64_t col = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (col >= n) return;
  R total = 0;
  for (int k = 0; k < parts; ++k) total += sums[(2 * k + which) * n + col];
  store_real<R>(out, dtype, col, total);
}

}  // namespace

Status layer_norm(LayerNormArgs& args) {
  const int64_t rows = args.input.shape[0], n = args.input.shape[1];
  if (rows * n == 0) return {};
  const bool known = visit_real(args.input.dtype, [&]<typename T>() {
    using R = ComputeOf<T>;
    launch_lines(rows, n, [&]<bool kWarp>(unsigned grid, dim3 block) {
      forward<kWarp, T, R><<<grid, block, 0, context().stream>>>(
          args.out.as<T>(), optional<R>(args.mean), args.rstd.as<R>(), args.input.as<T>(), Parameter(args.weight),
          Parameter(args.bias), rows, n, args.eps);
    });
  });
  return known ? launched() : unsupported(args.input.dtype);
}

Status layer_norm_backward(LayerNormBackwardArgs& args) {
  const int64_t rows = args.input.shape[0], n = args.input.shape[1];
  const cudaStream_t stream = context().stream;
  for (const TensorView* t : {&args.weight_grad, &args.bias_grad})
    if (rows == 0 && t->defined() && n > 0) {
      FillArgs zeros{*t, Scalar{}};
      fill(zeros);
    }
  if (rows * n == 0) return {};
  const bool known = visit_real(args.input.dtype, [&]<typename T>() {
    using R = ComputeOf<T>;
    if (args.out.defined())
      launch_lines(rows, n, [&]<bool kWarp>(unsigned grid, dim3 block) {
        backward<kWarp, T, R><<<grid, block, 0, stream>>>(args.out.as<T>(), args.grad.as<T>(), args.input.as<T>(),
                                                          optional<R>(args.mean), args.rstd.as<R>(),
                                                          Parameter(args.weight), rows, n);
      });
    if (!args.weight_grad.defined() && !args.bias_grad.defined()) return;
    const int64_t columns = (n + 31) / 32;
    const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(rows / 32, 2 * context().multiprocessors / columns));
    const Workspace sums(static_cast<size_t>(parts * 2 * n) * sizeof(R));
    sum_columns<T, R><<<dim3(static_cast<unsigned>(columns), static_cast<unsigned>(parts)), dim3(32, 8), 0, stream>>>(
        sums.as<R>(), args.grad.as<T>(), args.input.as<T>(), optional<R>(args.mean), args.rstd.as<R>(), rows, n,
        (rows + parts - 1) / parts);
    const auto blocks = static_cast<unsigned>((n + 127) / 128);
    if (args.weight_grad.defined())
      join_columns<<<blocks, 128, 0, stream>>>(args.weight_grad.data, args.weight_grad.dtype, sums.as<R>(), n,
                                               static_cast<int>(parts), 0);
    if (args.bias_grad.defined())
      join_columns<<<blocks, 128, 0, stream>>>(args.bias_grad.data, args.bias_grad.dtype, sums.as<R>(), n,
                                               static_cast<int>(parts), 1);
  });
  return known ? launched() : unsupported(args.input.dtype);
}

}  // namespace flambeau::cuda
