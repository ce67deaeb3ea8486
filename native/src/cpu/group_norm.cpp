// Group normalization of a contiguous [N, C, size]: the channels of a group lie side by side, so that its statistics
// are those of one run, and each channel then is a run with its own scale and shift.
#include <algorithm>
#include <cmath>
#include <vector>

#include "channel_rows.h"
#include "flambeau/kernels/group_norm.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

struct Groups {
  int64_t batch, channels, size, groups;
  Groups(const TensorView& input, const TensorView& mean)
      : batch(input.shape[0]), channels(input.shape[1]), size(input.shape[2]), groups(mean.shape[1]) {}
  int64_t each() const { return channels / groups; }
  int64_t count() const { return each() * size; }

  // Calls body(row, first element, first channel) for each group of each image.
  template <typename Body>
  void each_row(const Body& body) const {
    parallel_for(batch * groups, std::max<int64_t>(1, kGrain / 4 / std::max<int64_t>(1, count())),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t row = begin; row < end; ++row) body(row, row * count(), row % groups * each());
                 });
  }
};

// A parameter of a channel in all lanes.
template <typename R>
struct Uniform {
  R at[kChannelLanes];
  explicit Uniform(double value) { std::fill_n(at, kChannelLanes, static_cast<R>(value)); }
};

std::vector<double> values_of(const TensorView& t, int64_t n, double missing) {
  std::vector<double> values(n, missing);
  if (t.defined())
    visit_dtype(t.dtype, [&]<typename T>() {
      for (int64_t i = 0; i < n; ++i) values[i] = convert<double>(t.as<T>()[i * t.strides[0]]);
    });
  return values;
}

double total(const double (&lanes)[kChannelLanes]) {
  double sum = 0;
  for (double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

Status group_norm(GroupNormArgs& args) {
  const Groups g(args.input, args.mean);
  return visit_floating(args.input.dtype, [&]<typename T>() {
    using R = ComputeType<T>;
    const T* input = args.input.as<T>();
    const std::vector<double> weight = values_of(args.weight, g.channels, 1),
                              bias = values_of(args.bias, g.channels, 0);
    g.each_row([&](int64_t row, int64_t first, int64_t channel) {
      const T* x = input + first;
      T* out = args.out.as<T>() + first;
      const auto count = static_cast<double>(g.count());
      // Around the first element; around the mean where that is so far off that digits are lost.
      double mean = static_cast<double>(static_cast<R>(x[0])), variance = 0;
      for (int pass = 0; pass < 2; ++pass) {
        const Uniform<R> center(mean);
        double sums[kChannelLanes] = {}, squares[kChannelLanes] = {};
        ChannelRuns<T>::moments(x, center.at, g.count(), sums, squares);
        const double shift = total(sums) / count;
        mean = static_cast<double>(center.at[0]) + shift;
        variance = total(squares) / count - shift * shift;
        if (!(shift * shift > 100 * variance)) break;
      }
      variance = std::isnan(mean) ? mean : std::max(0.0, variance);
      const double rstd = 1 / std::sqrt(variance + args.eps);
      args.mean.as<R>()[row] = static_cast<R>(mean);
      args.rstd.as<R>()[row] = static_cast<R>(rstd);
      const Uniform<R> center(mean);
      const double rest = static_cast<double>(center.at[0]) - mean;
      for (int64_t c = 0; c < g.each(); ++c) {
        const double scale = rstd * weight[channel + c];
        ChannelRuns<T>::apply(out + c * g.size, x + c * g.size, center.at, Uniform<R>(scale).at,
                              Uniform<R>(bias[channel + c] + rest * scale).at, g.size);
      }
    });
  });
}

Status group_norm_backward(GroupNormBackwardArgs& args) {
  const Groups g(args.input, args.mean);
  return visit_floating(args.input.dtype, [&]<typename T>() {
    using R = ComputeType<T>;
    const std::vector<double> weight = values_of(args.weight, g.channels, 1);
    // Of each image's channels: the sum of dy, and that of dy·(x − mean).
    std::vector<double> sums(g.batch * g.channels), products(g.batch * g.channels);
    g.each_row([&](int64_t row, int64_t first, int64_t channel) {
      const T *x = args.input.as<T>() + first, *dy = args.grad.as<T>() + first;
      const R mean = args.mean.as<R>()[row];
      const auto rstd = static_cast<double>(args.rstd.as<R>()[row]);
      const Uniform<R> center(static_cast<double>(mean));
      double* sum = sums.data() + row * g.each();
      double* product = products.data() + row * g.each();
      double a = 0, b = 0;
      for (int64_t c = 0; c < g.each(); ++c) {
        double s[kChannelLanes] = {}, p[kChannelLanes] = {};
        ChannelRuns<T>::products(dy + c * g.size, x + c * g.size, center.at, g.size, s, p);
        sum[c] = total(s);
        product[c] = total(p);
        a += weight[channel + c] * sum[c];
        b += weight[channel + c] * product[c];
      }
      if (!args.grad_input.defined()) return;
      // dx = σ⁻¹·(w·dy − mean(w·dy) − x̂·mean(w·dy·x̂))
      T* dx = args.grad_input.as<T>() + first;
      const auto count = static_cast<double>(g.count());
      const Uniform<R> slope(-rstd * rstd * rstd * b / count), shift(-rstd * a / count);
      for (int64_t c = 0; c < g.each(); ++c)
        ChannelRuns<T>::combine(dx + c * g.size, dy + c * g.size, x + c * g.size, center.at,
                                Uniform<R>(rstd * weight[channel + c]).at, slope.at, shift.at, g.size);
    });
    const auto put = [&](const TensorView& out, const auto& value) {
      if (!out.defined()) return;
      visit_dtype(out.dtype, [&]<typename W>() {
        for (int64_t c = 0; c < g.channels; ++c) {
          double sum = 0;
          for (int64_t n = 0; n < g.batch; ++n) sum += value(n, c);
          out.as<W>()[c * out.strides[0]] = convert<W>(sum);
        }
      });
    };
    put(args.grad_weight, [&](int64_t n, int64_t c) {
      return products[n * g.channels + c] * static_cast<double>(args.rstd.as<R>()[n * g.groups + c / g.each()]);
    });
    put(args.grad_bias, [&](int64_t n, int64_t c) { return sums[n * g.channels + c]; });
  });
}

}  // namespace flambeau::cpu
