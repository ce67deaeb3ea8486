// Batch normalization over [N, C, …]: one pass for the statistics, one to apply; one to sum for the gradient, one for
// it.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "blocks.h"
#include "channel_rows.h"
#include "flambeau/kernels/batch_norm.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

// The elements of a channel lie in `batch` runs. Blocked: [N, C / inner, size, inner]; plain: inner = 1. Rows of
// channels without a size are as good as blocked.
struct Channels {
  int64_t batch, channels, size, inner;

  explicit Channels(const TensorView& t)
      : batch(t.shape[0]), channels(t.shape[1]), size(1), inner(t.layout > 0 ? t.layout : 1) {
    for (int i = 2; i < t.ndim; ++i) size *= t.shape[i];
    if (size == 1 && inner == 1 && t.dtype != DType::f64) inner = std::gcd(channels, kChannelLanes);
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

// Sixteen lanes of a group's parameters, or of its sums (channel_rows.h).
template <typename R>
struct Lanes {
  R at[kChannelLanes] = {};
  // Lane l has the value of the group's channel l.
  template <typename Value>
  static Lanes of(int64_t inner, const Value& value) {
    Lanes lanes;
    for (int64_t l = 0; l < kChannelLanes; ++l) lanes.at[l] = static_cast<R>(value(l % inner));
    return lanes;
  }
  R total(int64_t inner, int64_t channel) const {
    R sum = 0;
    for (int64_t l = channel; l < kChannelLanes; l += inner) sum += at[l];
    return sum;
  }
};

template <typename Body>
void each_run(const Channels& c, int64_t g, const Body& body) {
  for (int64_t n = 0; n < c.batch; ++n) body(c.at(n, g), c.size * c.inner);
}

// The mean of each channel of a group, and the sum of squared deviations from it, in one pass around each channel's
// first element; where that lies so far off that digits are lost, in a second pass around the mean.
template <typename T>
void moments_of(const Channels& c, int64_t g, const T* x, double* mean, double* squares) {
  using R = ComputeType<T>;
  const auto count = static_cast<double>(c.count());
  auto center = Lanes<R>::of(c.inner, [&](int64_t l) { return static_cast<R>(x[c.at(0, g) + l]); });
  for (bool again = false;; again = true) {
    Lanes<double> sum, square;
    each_run(c, g, [&](int64_t at, int64_t n) { ChannelRuns<T>::moments(x + at, center.at, n, sum.at, square.at); });
    bool off = false;
    for (int64_t l = 0; l < c.inner; ++l) {
      const double total = sum.total(c.inner, l), shifted = total * total / count;
      if (!again || !std::isnan(total)) mean[l] = static_cast<double>(center.at[l]) + total / count;
      squares[l] = std::max(0.0, square.total(c.inner, l) - shifted);
      if (std::isnan(total)) squares[l] = total;
      off = off || shifted > 100 * squares[l];
    }
    if (again || !off) return;
    center = Lanes<R>::of(c.inner, [&](int64_t l) { return mean[l]; });
  }
}

}  // namespace

Status batch_norm(BatchNormArgs& args) {
  const Channels c(args.input);
  return visit_floating(args.input.dtype, [&]<typename T>() {
    using R = ComputeType<T>;
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
        const auto count = static_cast<double>(c.count());
        double squares[kChannelLanes];
        moments_of(c, g, x, mean.data() + first, squares);
        for (int64_t l = 0; l < c.inner; ++l) {
          variance[first + l] = squares[l] / count;
          const double unbiased = count > 1 ? squares[l] / (count - 1) : squares[l] / 0.0;
          running_mean[first + l] += args.momentum * (mean[first + l] - running_mean[first + l]);
          running_var[first + l] += args.momentum * (unbiased - running_var[first + l]);
        }
      }
      for (int64_t l = 0; l < c.inner; ++l) invstd[first + l] = 1 / std::sqrt(variance[first + l] + args.eps);
      // The center is rounded; what is lost there is in the shift.
      const auto center = Lanes<R>::of(c.inner, [&](int64_t l) { return mean[first + l]; });
      const auto scale = Lanes<R>::of(c.inner, [&](int64_t l) { return invstd[first + l] * weight[first + l]; });
      const auto shift = Lanes<R>::of(c.inner, [&](int64_t l) {
        const double rest = static_cast<double>(center.at[l]) - mean[first + l];
        return bias[first + l] + rest * invstd[first + l] * weight[first + l];
      });
      each_run(c, g, [&](int64_t at, int64_t n) {
        ChannelRuns<T>::apply(out + at, x + at, center.at, scale.at, shift.at, n);
      });
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
  return visit_floating(args.input.dtype, [&]<typename T>() {
    using R = ComputeType<T>;
    const T *x = args.input.as<T>(), *dy = args.grad.as<T>();
    T* dx = args.grad_input.as<T>();
    const std::vector<double> weight = parameter(args.weight, c.channels, 1),
                              mean = parameter(args.mean, c.channels, 0),
                              invstd = parameter(args.invstd, c.channels, 1);
    std::vector<double> grad_weight(c.channels), grad_bias(c.channels);
    each_group(c, [&](int64_t g) {
      const int64_t first = g * c.inner;
      const auto count = static_cast<double>(c.count());
      const auto center = Lanes<R>::of(c.inner, [&](int64_t l) { return mean[first + l]; });
      Lanes<double> sums, products;
      each_run(c, g, [&](int64_t at, int64_t n) {
        ChannelRuns<T>::products(dy + at, x + at, center.at, n, sums.at, products.at);
      });
      // dx = w·σ⁻¹·(dy − mean(dy) − x̂·mean(dy·x̂)) when training; the statistics are constants otherwise.
      Lanes<R> a, b, shift;
      for (int64_t l = 0; l < kChannelLanes; ++l) {
        const int64_t channel = first + l % c.inner;
        const double inv = invstd[channel], scale = weight[channel] * inv;
        grad_bias[channel] = sums.total(c.inner, l % c.inner);
        grad_weight[channel] = products.total(c.inner, l % c.inner) * inv;
        a.at[l] = static_cast<R>(scale);
        b.at[l] = static_cast<R>(args.training ? -scale * inv * grad_weight[channel] / count : 0);
        shift.at[l] = static_cast<R>(args.training ? -scale * grad_bias[channel] / count : 0);
      }
      each_run(c, g, [&](int64_t at, int64_t n) {
        ChannelRuns<T>::combine(dx + at, dy + at, x + at, center.at, a.at, b.at, shift.at, n);
      });
    });
    put(args.grad_weight, grad_weight);
    put(args.grad_bias, grad_bias);
  });
}

}  // namespace flambeau::cpu
