// Softmax and its logarithm along any dimension, and their gradients: a warp or a block for each line.
#include "flambeau/kernels/softmax.gen.h"
#include "kernels.h"
#include "lines.cuh"

namespace flambeau::cuda {
namespace {

template <bool kWarp, typename T, typename R>
__global__ void forward(T* out, const T* in, const __grid_constant__ Lines<2> lines, bool log) {
  const int64_t line = line_index<kWarp>();
  if (line >= lines.count) return;
  int64_t at[2];
  lines.at.at(line, at);
  const T* x = in + at[0];
  T* y = out + at[1];
  const int lanes = kWarp ? 32 : kLineThreads;
  const R low = -__int_as_float(0x7f800000);
  R largest = low;
  for (int64_t i = threadIdx.x; i < lines.size; i += lanes) {
    const R v = convert<R>(x[i * lines.steps[0]]);
    largest = v > largest || v != v ? v : largest;
  }
  largest = line_reduce<kWarp>(
      largest, [](R a, R b) { return a > b || a != a ? a : b; }, low);
  R sum = 0;
  for (int64_t i = threadIdx.x; i < lines.size; i += lanes) sum += exp(convert<R>(x[i * lines.steps[0]]) - largest);
  sum = line_sum<kWarp>(sum);
  const R shift = log ? largest + ::log(sum) : largest, scale = R(1) / sum;
  for (int64_t i = threadIdx.x; i < lines.size; i += lanes) {
    const R v = convert<R>(x[i * lines.steps[0]]) - shift;
    y[i * lines.steps[1]] = convert<T>(log ? v : exp(v) * scale);
  }
}

// dx = y·(dy − Σ dy·y), or dy − exp(y)·Σ dy.
template <bool kWarp, typename T, typename R>
__global__ void backward(T* out, const T* grad, const T* output, const __grid_constant__ Lines<3> lines, bool log) {
  const int64_t line = line_index<kWarp>();
  if (line >= lines.count) return;
  int64_t at[3];
  lines.at.at(line, at);
  const T *y = output + at[0], *dy = grad + at[1];
  T* dx = out + at[2];
  const int lanes = kWarp ? 32 : kLineThreads;
  R sum = 0;
  for (int64_t i = threadIdx.x; i < lines.size; i += lanes) {
    const R g = convert<R>(dy[i * lines.steps[1]]);
    sum += log ? g : g * convert<R>(y[i * lines.steps[0]]);
  }
  sum = line_sum<kWarp>(sum);
  for (int64_t i = threadIdx.x; i < lines.size; i += lanes) {
    const R g = convert<R>(dy[i * lines.steps[1]]), v = convert<R>(y[i * lines.steps[0]]);
    dx[i * lines.steps[2]] = convert<T>(log ? g - exp(v) * sum : v * (g - sum));
  }
}

}  // namespace

Status softmax(SoftmaxArgs& args) {
  if (args.out.numel() == 0) return {};
  const Lines<2> lines({&args.input, &args.out}, args.dim);
  const bool known = visit_real(args.input.dtype, [&]<typename T>() {
    launch_lines(lines.count, lines.size, [&]<bool kWarp>(unsigned grid, dim3 block) {
      forward<kWarp, T, ComputeOf<T>>
          <<<grid, block, 0, context().stream>>>(args.out.as<T>(), args.input.as<T>(), lines, args.log);
    });
  });
  return known ? launched() : unsupported(args.input.dtype);
}

Status softmax_backward(SoftmaxBackwardArgs& args) {
  if (args.out.numel() == 0) return {};
  const Lines<3> lines({&args.output, &args.grad, &args.out}, args.dim);
  const bool known = visit_real(args.output.dtype, [&]<typename T>() {
    launch_lines(lines.count, lines.size, [&]<bool kWarp>(unsigned grid, dim3 block) {
      backward<kWarp, T, ComputeOf<T>><<<grid, block, 0, context().stream>>>(args.out.as<T>(), args.grad.as<T>(),
                                                                             args.output.as<T>(), lines, args.log);
    });
  });
  return known ? launched() : unsupported(args.output.dtype);
}

}  // namespace flambeau::cuda
