#include "unfold_convolution.h"

#include <algorithm>
#include <array>
#include <vector>

#include "blocks.h"
#include "gemm.h"

namespace flambeau::cpu::unfold {
namespace {

// Everything as three spatial dimensions; missing ones have size 1.
struct Shape {
  int64_t batch, channels, out_channels, groups;
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1}, stride{1, 1, 1}, padding{0, 0, 0},
      dilation{1, 1, 1};

  Shape(const TensorView& input, const TensorView& weight, const TensorView& output, const IntList& s, const IntList& p,
        const IntList& d, int64_t g)
      : batch(input.shape[0]), channels(input.shape[1]), out_channels(weight.shape[0]), groups(g) {
    const int spatial = input.ndim - 2, first = 3 - spatial;
    for (int i = 0; i < spatial; ++i) {
      in[first + i] = input.shape[2 + i];
      out[first + i] = output.shape[2 + i];
      kernel[first + i] = weight.shape[2 + i];
      stride[first + i] = s[i];
      padding[first + i] = p[i];
      dilation[first + i] = d[i];
    }
  }
  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
  int64_t kernel_size() const { return kernel[0] * kernel[1] * kernel[2]; }
  int64_t group_in() const { return channels / groups; }
  int64_t group_out() const { return out_channels / groups; }
  int64_t columns() const { return group_in() * kernel_size(); }
};

// Calls visit(column row, output position, input position or -1) for one channel group.
template <typename Visit>
void each_tap(const Shape& s, const Visit& visit) {
  int64_t row = 0;
  for (int64_t c = 0; c < s.group_in(); ++c)
    for (int64_t kd = 0; kd < s.kernel[0]; ++kd)
      for (int64_t kh = 0; kh < s.kernel[1]; ++kh)
        for (int64_t kw = 0; kw < s.kernel[2]; ++kw, ++row) {
          int64_t at = 0;
          for (int64_t od = 0; od < s.out[0]; ++od) {
            const int64_t d = od * s.stride[0] - s.padding[0] + kd * s.dilation[0];
            for (int64_t oh = 0; oh < s.out[1]; ++oh) {
              const int64_t h = oh * s.stride[1] - s.padding[1] + kh * s.dilation[1];
              const bool inside = d >= 0 && d < s.in[0] && h >= 0 && h < s.in[1];
              const int64_t base = ((c * s.in[0] + d) * s.in[1] + h) * s.in[2];
              for (int64_t ow = 0; ow < s.out[2]; ++ow, ++at) {
                const int64_t w = ow * s.stride[2] - s.padding[2] + kw * s.dilation[2];
                visit(row, at, inside && w >= 0 && w < s.in[2] ? base + w : int64_t{-1});
              }
            }
          }
        }
}

template <typename T>
std::vector<ComputeType<T>> widen(const TensorView& t) {
  std::vector<ComputeType<T>> result(t.numel());
  load_block(result.data(), t.as<T>(), 1, t.numel());
  return result;
}

template <typename Body>
Status visit(DType dtype, const Body& body) {
  if (dtype == DType::boolean) return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)};
  visit_dtype(dtype, [&]<typename T>() {
    if constexpr (!std::is_same_v<T, bool>) body.template operator()<T>();
  });
  return {};
}

// Complex results conjugate nothing: as PyTorch's, the backward products take conjugates on the host.
template <typename T>
void unfold(const Shape& s, const T* image, T* columns) {
  each_tap(s, [&](int64_t row, int64_t at, int64_t from) {
    columns[row * s.out_size() + at] = from < 0 ? T(0) : image[from];
  });
}

}  // namespace

Status forward(const TensorView& out, const TensorView& input, const TensorView& weight, const TensorView& bias,
               const IntList& stride, const IntList& padding, const IntList& dilation, int64_t groups) {
  const Shape s(input, weight, out, stride, padding, dilation, groups);
  return visit(out.dtype, [&]<typename T>() {
    using C = ComputeType<T>;
    const std::vector<C> x = widen<T>(input), w = widen<T>(weight);
    std::vector<C> y(out.numel(), C(0)), columns(s.columns() * s.out_size());
    if (bias.defined()) {
      const std::vector<C> b = widen<T>(bias);
      for (int64_t i = 0; i < s.batch * s.out_channels; ++i)
        std::fill_n(&y[i * s.out_size()], s.out_size(), b[i % s.out_channels]);
    }
    if (s.columns() > 0)
      for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t g = 0; g < groups; ++g) {
          unfold(s, &x[(n * s.channels + g * s.group_in()) * s.in_size()], columns.data());
          gemm<C>(false, false, s.group_out(), s.out_size(), s.columns(), &w[g * s.group_out() * s.columns()],
                  s.columns(), columns.data(), s.out_size(), true,
                  &y[(n * s.out_channels + g * s.group_out()) * s.out_size()], s.out_size());
        }
    store_block(out.as<T>(), 1, y.data(), out.numel());
  });
}

Status backward_input(const TensorView& grad_input, const TensorView& grad, const TensorView& weight,
                      const IntList& stride, const IntList& padding, const IntList& dilation, int64_t groups) {
  const Shape s(grad_input, weight, grad, stride, padding, dilation, groups);
  return visit(grad.dtype, [&]<typename T>() {
    using C = ComputeType<T>;
    const std::vector<C> dy = widen<T>(grad), w = widen<T>(weight);
    std::vector<C> dx(grad_input.numel(), C(0)), columns(s.columns() * s.out_size());
    if (s.out_size() > 0 && s.columns() > 0 && s.group_out() > 0)
      for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t g = 0; g < groups; ++g) {
          gemm<C>(true, false, s.columns(), s.out_size(), s.group_out(), &w[g * s.group_out() * s.columns()],
                  s.columns(), &dy[(n * s.out_channels + g * s.group_out()) * s.out_size()], s.out_size(), false,
                  columns.data(), s.out_size());
          C* image = &dx[(n * s.channels + g * s.group_in()) * s.in_size()];
          each_tap(s, [&](int64_t row, int64_t at, int64_t to) {
            if (to >= 0) image[to] += columns[row * s.out_size() + at];
          });
        }
    store_block(grad_input.as<T>(), 1, dx.data(), grad_input.numel());
  });
}

Status backward_weight(const TensorView& grad_weight, const TensorView& grad_bias, const TensorView& grad,
                       const TensorView& input, const IntList& stride, const IntList& padding, const IntList& dilation,
                       int64_t groups) {
  const Shape s(input, grad_weight, grad, stride, padding, dilation, groups);
  return visit(grad.dtype, [&]<typename T>() {
    using C = ComputeType<T>;
    const std::vector<C> dy = widen<T>(grad), x = widen<T>(input);
    std::vector<C> dw(grad_weight.numel(), C(0)), columns(s.columns() * s.out_size());
    if (s.out_size() > 0 && s.columns() > 0 && s.group_out() > 0)
      for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t g = 0; g < groups; ++g) {
          unfold(s, &x[(n * s.channels + g * s.group_in()) * s.in_size()], columns.data());
          gemm<C>(false, true, s.group_out(), s.columns(), s.out_size(),
                  &dy[(n * s.out_channels + g * s.group_out()) * s.out_size()], s.out_size(), columns.data(),
                  s.out_size(), true, &dw[g * s.group_out() * s.columns()], s.columns());
        }
    store_block(grad_weight.as<T>(), 1, dw.data(), grad_weight.numel());
    if (grad_bias.defined()) {
      std::vector<C> db(s.out_channels, C(0));
      for (int64_t i = 0; i < s.batch * s.out_channels; ++i)
        for (int64_t j = 0; j < s.out_size(); ++j) db[i % s.out_channels] += dy[i * s.out_size() + j];
      store_block(grad_bias.as<T>(), 1, db.data(), s.out_channels);
    }
  });
}

}  // namespace flambeau::cpu::unfold
