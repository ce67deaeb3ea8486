// Batch normalization over [N, C, …]: a block for each channel.
#include "device.cuh"
#include "flambeau/kernels/batch_norm.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

constexpr int kThreads = 512;

// A value for each channel, of any floating-point dtype.
struct PerChannel {
  void* data = nullptr;
  DType dtype = DType::f32;
  int64_t stride = 0;
  explicit PerChannel(const TensorView& t) {
    if (!t.defined()) return;
    data = t.data;
    dtype = t.dtype;
    stride = t.strides[0];
  }
  template <typename R>
  __device__ __forceinline__ R get(int64_t c, R missing) const {
    return data ? load_real<R>(data, dtype, c * stride) : missing;
  }
  template <typename R>
  __device__ __forceinline__ void set(int64_t c, R value) const {
    if (data) store_real<R>(data, dtype, c * stride, value);
  }
};

// The elements of one channel: `batch` runs of `size` elements.
struct Runs {
  int64_t batch, channels, size;
  FastDivisor by_size;
  bool wide;
  explicit Runs(const TensorView& t) : batch(t.shape[0]), channels(t.shape[1]), size(1) {
    for (int i = 2; i < t.ndim; ++i) size *= t.shape[i];
    wide = batch * size >= (int64_t{1} << 31);
    if (!wide && size > 0) by_size = FastDivisor(static_cast<uint32_t>(size));
  }
  __device__ __forceinline__ int64_t at(int64_t channel, int64_t i) const {
    const int64_t n = wide ? i / size : by_size.divide(static_cast<uint32_t>(i));
    return (n * channels + channel) * size + (i - n * size);
  }
};

template <typename T, typename R>
__global__ void __launch_bounds__(kThreads)
    forward(T* out, const T* in, Runs runs, PerChannel mean_out, PerChannel invstd_out, PerChannel weight,
            PerChannel bias, PerChannel running_mean, PerChannel running_var, bool training, double momentum,
            double eps) {
  const int64_t channel = blockIdx.x, count = runs.batch * runs.size;
  R mean, variance;
  if (training) {
    R sum = 0;
    for (int64_t i = threadIdx.x; i < count; i += blockDim.x) sum += convert<R>(in[runs.at(channel, i)]);
    mean = block_sum(sum) / static_cast<R>(count);
    R squares = 0;
    for (int64_t i = threadIdx.x; i < count; i += blockDim.x) {
      const R d = convert<R>(in[runs.at(channel, i)]) - mean;
      squares += d * d;
    }
    squares = block_sum(squares);
    variance = squares / static_cast<R>(count);
    if (threadIdx.x == 0) {
      const R unbiased = squares / static_cast<R>(count > 1 ? count - 1 : 0), m = static_cast<R>(momentum);
      const R before_mean = running_mean.get(channel, R(0)), before_var = running_var.get(channel, R(1));
      running_mean.set(channel, before_mean + m * (mean - before_mean));
      running_var.set(channel, before_var + m * (unbiased - before_var));
    }
  } else {
    mean = running_mean.get(channel, R(0));
    variance = running_var.get(channel, R(1));
  }
  const R invstd = R(1) / sqrt(variance + static_cast<R>(eps));
  const R scale = invstd * weight.get(channel, R(1)), shift = bias.get(channel, R(0)) - mean * scale;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const int64_t at = runs.at(channel, i);
    out[at] = convert<T>(convert<R>(in[at]) * scale + shift);
  }
  if (threadIdx.x == 0) {
    mean_out.set(channel, mean);
    invstd_out.set(channel, invstd);
  }
}

// dx = w·σ⁻¹·(dy − mean(dy) − x̂·mean(dy·x̂)) when training; the statistics are constants otherwise.
template <typename T, typename R>
__global__ void __launch_bounds__(kThreads)
    backward(T* out, const T* grad, const T* in, Runs runs, PerChannel grad_weight, PerChannel grad_bias,
             PerChannel weight, PerChannel means, PerChannel invstds, bool training) {
  const int64_t channel = blockIdx.x, count = runs.batch * runs.size;
  const R mean = means.get(channel, R(0)), invstd = invstds.get(channel, R(1));
  R sum = 0, products = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const int64_t at = runs.at(channel, i);
    const R g = convert<R>(grad[at]);
    sum += g;
    products += g * (convert<R>(in[at]) - mean);
  }
  sum = block_sum(sum);
  products = block_sum(products);
  const R scale = weight.get(channel, R(1)) * invstd;
  const R slope = training ? -scale * invstd * invstd * products / static_cast<R>(count) : R(0);
  const R shift = training ? -scale * sum / static_cast<R>(count) - slope * mean : R(0);
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const int64_t at = runs.at(channel, i);
    out[at] = convert<T>(convert<R>(grad[at]) * scale + convert<R>(in[at]) * slope + shift);
  }
  if (threadIdx.x == 0) {
    grad_weight.set(channel, products * invstd);
    grad_bias.set(channel, sum);
  }
}

}  // namespace

Status batch_norm(BatchNormArgs& args) {
  const Runs runs(args.input);
  if (runs.channels == 0) return {};
  const bool known = visit_real(args.input.dtype, [&]<typename T>() {
    forward<T, ComputeOf<T>><<<static_cast<unsigned>(runs.channels), kThreads, 0, context().stream>>>(
        args.out.as<T>(), args.input.as<T>(), runs, PerChannel(args.mean), PerChannel(args.invstd),
        PerChannel(args.weight), PerChannel(args.bias), PerChannel(args.running_mean), PerChannel(args.running_var),
        args.training, args.momentum, args.eps);
  });
  return known ? launched() : unsupported(args.input.dtype);
}

Status batch_norm_backward(BatchNormBackwardArgs& args) {
  const Runs runs(args.input);
  if (runs.channels == 0) return {};
  const bool known = visit_real(args.input.dtype, [&]<typename T>() {
    backward<T, ComputeOf<T>><<<static_cast<unsigned>(runs.channels), kThreads, 0, context().stream>>>(
        args.grad_input.as<T>(), args.grad.as<T>(), args.input.as<T>(), runs, PerChannel(args.grad_weight),
        PerChannel(args.grad_bias), PerChannel(args.weight), PerChannel(args.mean), PerChannel(args.invstd),
        args.training);
  });
  return known ? launched() : unsupported(args.input.dtype);
}

}  // namespace flambeau::cuda
