// Softmax and its logarithm along any dimension, and their gradients.
#include <memory>

#include "along_dim.h"
#include "blocks.h"
#include "flambeau/kernels/softmax.gen.h"
#include "softmax_rows.h"

namespace flambeau::cpu {
namespace {

// Columns of a strip: enough to fill cache lines, few enough that the strip stays in the L2 cache.
int64_t strip_width(int64_t size) { return std::clamp<int64_t>(32768 / std::max<int64_t>(size, 1) / 16 * 16, 16, 512); }

template <typename R>
struct Scratch {
  std::unique_ptr<R[]> data;
  int64_t size = 0;
  R* get(int64_t n) {
    if (size < n) {
      data.reset(new R[n]);
      size = n;
    }
    return data.get();
  }
};

template <typename Body>
Status for_floating(DType dtype, const Body& body) {
  return visit_dtype(dtype, [&]<typename T>() -> Status {
    if constexpr (std::is_floating_point_v<ComputeType<T>>) {
      body.template operator()<T, ComputeType<T>>();
      return {};
    } else {
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(dtype)};
    }
  });
}

}  // namespace

Status softmax(SoftmaxArgs& args) {
  if (args.out.numel() == 0) return {};
  return for_floating(args.input.dtype, [&]<typename T, typename R>() {
    const SoftmaxFunctions<R> f = softmax_functions(R());
    const AlongDim<2> along({&args.input, &args.out}, args.dim);
    const T* in = args.input.as<T>();
    T* out = args.out.as<T>();
    const int64_t size = along.sizes[0], in_step = along.steps[0], out_step = along.steps[1];
    if (!along.across()) {
      along.each_line(
          [&](const auto& at) {
            if constexpr (std::is_same_v<T, R>) {
              if (in_step == 1 && out_step == 1) {
                f.row(out + at[1], in + at[0], size, args.log);
                return;
              }
            }
            thread_local Scratch<R> scratch;
            R* line = scratch.get(size);
            load_block(line, in + at[0], in_step, size);
            f.row(line, line, size, args.log);
            store_block(out + at[1], out_step, line, size);
          },
          kGrain / 8);
      return;
    }
    const int64_t in_col = along.loop.inner_stride(0), out_col = along.loop.inner_stride(1);
    along.each_strip(strip_width(size), [&](const auto& at, int64_t n) {
      thread_local Scratch<R> scratch;
      R* strip = scratch.get((size + 2) * n);
      for (int64_t k = 0; k < size; ++k) load_block(strip + k * n, in + at[0] + k * in_step, in_col, n);
      f.strip(strip, strip + size * n, size, n, args.log);
      for (int64_t k = 0; k < size; ++k) store_block(out + at[1] + k * out_step, out_col, strip + k * n, n);
    });
  });
}

Status softmax_backward(SoftmaxBackwardArgs& args) {
  if (args.out.numel() == 0) return {};
  return for_floating(args.output.dtype, [&]<typename T, typename R>() {
    const SoftmaxFunctions<R> f = softmax_functions(R());
    const AlongDim<3> along({&args.output, &args.grad, &args.out}, args.dim);
    const T* output = args.output.as<T>();
    const T* grad = args.grad.as<T>();
    T* out = args.out.as<T>();
    const auto [output_step, grad_step, out_step] = along.steps;
    const int64_t size = along.sizes[0];
    if (!along.across()) {
      along.each_line(
          [&, output_step = output_step, grad_step = grad_step, out_step = out_step](const auto& at) {
            if constexpr (std::is_same_v<T, R>) {
              if (output_step == 1 && grad_step == 1 && out_step == 1) {
                f.row_backward(out + at[2], grad + at[1], output + at[0], size, args.log);
                return;
              }
            }
            thread_local Scratch<R> scratch;
            R* line = scratch.get(2 * size);
            load_block(line, output + at[0], output_step, size);
            load_block(line + size, grad + at[1], grad_step, size);
            f.row_backward(line + size, line + size, line, size, args.log);
            store_block(out + at[2], out_step, line + size, size);
          },
          kGrain / 8);
      return;
    }
    along.each_strip(strip_width(2 * size), [&, output_step = output_step, grad_step = grad_step, out_step = out_step](
                                                const auto& at, int64_t n) {
      thread_local Scratch<R> scratch;
      R* outputs = scratch.get((2 * size + 2) * n);
      R* grads = outputs + size * n;
      for (int64_t k = 0; k < size; ++k) {
        load_block(outputs + k * n, output + at[0] + k * output_step, along.loop.inner_stride(0), n);
        load_block(grads + k * n, grad + at[1] + k * grad_step, along.loop.inner_stride(1), n);
      }
      f.strip_backward(grads, outputs, grads + size * n, size, n, args.log);
      for (int64_t k = 0; k < size; ++k)
        store_block(out + at[2] + k * out_step, along.loop.inner_stride(2), grads + k * n, n);
    });
  });
}

}  // namespace flambeau::cpu
