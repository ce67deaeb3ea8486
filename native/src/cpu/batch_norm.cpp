// Batch normalization over [N, C, …]: statistics in double precision, one pass to apply, one to sum for the gradient.
#include <algorithm>
#include <cmath>
#include <vector>

#include "blocks.h"
#include "engine.h"
#include "flambeau/kernels/batch_norm.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

// The elements of a channel lie in `batch` runs. Blocked: [N, C / inner, size, inner]; plain: inner = 1.
struct Channels {
  int64_t batch, channels, size, inner;

  explicit Channels(const TensorView& t)
      : batch(t.shape[0]), channels(t.shape[1]), size(1), inner(t.layout > 0 ? t.layout : 1) {
    for (int i = 2; i < t.ndim; ++i) size *= t.shape[i];
  }
  int64_t groups() const { return channels / inner; }
  int64_t count() const { return batch * size; }
  // The first element of image n, channel group g.
  int64_t at(int64_t n, int64_t g) const { return (n * groups() + g) * size * inner; }
};

template <typename Body>
void each_group(const Channels& c, const Body& body) {
  parallel_for(c.groups(), std::max<int64_t>(1, kGrain / std::max<int64_t>(1, c.count() * c.inner)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t g = begin; g < end; ++g) body(g);
               });
}

// A per-channel parameter as doubles; `missing` where it is absent.
std::vector<double> parameter(const TensorView& t, int64_t channels, double missing) {
  std::vector<double> values(channels, missing);
  if (t.defined())
    visit_dtype(t.dtype, [&]<typename T>() {
      for (int64_t i = 0; i < channels; ++i) values[i] = convert<double>(t.as<T>()[i * t.strides[0]]);
    });
  return values;
}

void put(const TensorView& t, const std::vector<double>& values) {
  if (!t.defined()) return;
  visit_dtype(t.dtype, [&]<typename T>() {
    for (size_t i = 0; i < values.size(); ++i)
      t.as<T>()[static_cast<int64_t>(i) * t.strides[0]] = convert<T>(values[i]);
  });
}

// Sums over a run of a group, in partial sums of the compute type that are short enough to be exact to its precision.
template <typename T, typename Term>
void sum_run(const Channels& c, int64_t g, double* total, const Term& term) {
  using C = ComputeType<T>;
  constexpr int64_t kPart = 256;
  for (int64_t n = 0; n < c.batch; ++n) {
    const int64_t base = c.at(n, g);
    for (int64_t i0 = 0; i0 < c.size; i0 += kPart) {
      const int64_t i1 = std::min(c.size, i0 + kPart);
      C part[16] = {};
      if (c.inner == 1) {
        // Eight independent sums, so that the compiler may vectorise without reordering.
        C lanes[8] = {};
        int64_t i = i0;
        for (; i + 8 <= i1; i += 8)
          for (int l = 0; l < 8; ++l) lanes[l] += term(base + i + l, 0);
        for (; i < i1; ++i) lanes[0] += term(base + i, 0);
        for (C lane : lanes) part[0] += lane;
      } else {
        for (int64_t i = i0; i < i1; ++i)
          for (int64_t l = 0; l < c.inner; ++l) part[l] += term(base + i * c.inner + l, l);
      }
      for (int64_t l = 0; l < c.inner; ++l) total[l] += static_cast<double>(part[l]);
    }
  }
}

template <typename Body>
Status visit_float(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::f32:
      body.template operator()<float>();
      return {};
    case DType::f64:
      body.template operator()<double>();
      return {};
    case DType::f16:
      body.template operator()<float16>();
      return {};
    case DType::bf16:
      body.template operator()<bfloat16>();
      return {};
    default:
      return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)};
  }
}

}  // namespace

Status batch_norm(BatchNormArgs& args) {
  const Channels c(args.input);
  return visit_float(args.input.dtype, [&]<typename T>() {
    using C = ComputeType<T>;
    const T* x = args.input.as<T>();
    T* out = args.out.as<T>();
    const std::vector<double> weight = parameter(args.weight, c.channels, 1),
                              bias = parameter(args.bias, c.channels, 0);
    std::vector<double> mean = parameter(args.running_mean, c.channels, 0),
                        variance = parameter(args.running_var, c.channels, 1);
    std::vector<double> running_mean = mean, running_var = variance, invstd(c.channels);
    each_group(c, [&](int64_t g) {
      const int64_t first = g * c.inner;
      if (args.training) {
        const double count = static_cast<double>(c.count());
        double total[16] = {}, squares[16] = {};
        sum_run<T>(c, g, total, [&](int64_t i, int64_t) { return static_cast<C>(x[i]); });
        C center[16] = {};
        for (int64_t l = 0; l < c.inner; ++l) center[l] = static_cast<C>(mean[first + l] = total[l] / count);
        sum_run<T>(c, g, squares, [&](int64_t i, int64_t l) {
          const C d = static_cast<C>(x[i]) - center[l];
          return d * d;
        });
        for (int64_t l = 0; l < c.inner; ++l) {
          variance[first + l] = squares[l] / count;
          const double unbiased = count > 1 ? squares[l] / (count - 1) : squares[l] / 0.0;
          running_mean[first + l] += args.momentum * (mean[first + l] - running_mean[first + l]);
          running_var[first + l] += args.momentum * (unbiased - running_var[first + l]);
        }
      }
      C scale[16], shift[16];
      for (int64_t l = 0; l < c.inner; ++l) {
        invstd[first + l] = 1 / std::sqrt(variance[first + l] + args.eps);
        scale[l] = static_cast<C>(invstd[first + l] * weight[first + l]);
        shift[l] = static_cast<C>(bias[first + l] - mean[first + l] * invstd[first + l] * weight[first + l]);
      }
      for (int64_t n = 0; n < c.batch; ++n) {
        const int64_t base = c.at(n, g);
        if (c.inner == 1) {
          for (int64_t i = 0; i < c.size; ++i)
            out[base + i] = convert<T>(static_cast<C>(x[base + i]) * scale[0] + shift[0]);
        } else {
          for (int64_t i = 0; i < c.size; ++i)
            for (int64_t l = 0; l < c.inner; ++l)
              out[base + i * c.inner + l] = convert<T>(static_cast<C>(x[base + i * c.inner + l]) * scale[l] + shift[l]);
        }
      }
    });
    put(args.mean, mean);
    put(args.invstd, invstd);
    if (args.training) {
      put(args.running_mean, running_mean);
      put(args.running_var, running_var);
    }
  });
}

Status batch_norm_backward(BatchNormBackwardArgs& args) {
  const Channels c(args.input);
  return visit_float(args.input.dtype, [&]<typename T>() {
    using C = ComputeType<T>;
    const T *x = args.input.as<T>(), *dy = args.grad.as<T>();
    T* dx = args.grad_input.as<T>();
    const std::vector<double> weight = parameter(args.weight, c.channels, 1),
                              mean = parameter(args.mean, c.channels, 0),
                              invstd = parameter(args.invstd, c.channels, 1);
    std::vector<double> grad_weight(c.channels), grad_bias(c.channels);
    each_group(c, [&](int64_t g) {
      const int64_t first = g * c.inner;
      double sums[16] = {}, products[16] = {};
      C center[16] = {};
      for (int64_t l = 0; l < c.inner; ++l) center[l] = static_cast<C>(mean[first + l]);
      sum_run<T>(c, g, sums, [&](int64_t i, int64_t) { return static_cast<C>(dy[i]); });
      sum_run<T>(c, g, products,
                 [&](int64_t i, int64_t l) { return static_cast<C>(dy[i]) * (static_cast<C>(x[i]) - center[l]); });
      // dx = w·σ⁻¹·(dy − mean(dy) − x̂·mean(dy·x̂)) when training; the statistics are constants otherwise.
      C a[16], b[16], shift[16];
      const double count = static_cast<double>(c.count());
      for (int64_t l = 0; l < c.inner; ++l) {
        const double inv = invstd[first + l], scale = weight[first + l] * inv;
        grad_bias[first + l] = sums[l];
        grad_weight[first + l] = products[l] * inv;
        a[l] = static_cast<C>(scale);
        const double slope = args.training ? -scale * inv * inv * products[l] / count : 0;
        b[l] = static_cast<C>(slope);
        shift[l] = static_cast<C>(args.training ? -scale * sums[l] / count - slope * mean[first + l] : 0);
      }
      for (int64_t n = 0; n < c.batch; ++n) {
        const int64_t base = c.at(n, g);
        if (c.inner == 1) {
          for (int64_t i = base; i < base + c.size; ++i)
            dx[i] = convert<T>(static_cast<C>(dy[i]) * a[0] + static_cast<C>(x[i]) * b[0] + shift[0]);
        } else {
          for (int64_t i = 0; i < c.size; ++i)
            for (int64_t l = 0; l < c.inner; ++l) {
              const int64_t at = base + i * c.inner + l;
              dx[at] = convert<T>(static_cast<C>(dy[at]) * a[l] + static_cast<C>(x[at]) * b[l] + shift[l]);
            }
        }
      }
    });
    put(args.grad_weight, grad_weight);
    put(args.grad_bias, grad_bias);
  });
}

}  // namespace flambeau::cpu
