// Linear filters: finite and infinite impulse responses in one pass, in double precision, since errors feed back.
#include <algorithm>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/filter.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

inline constexpr int64_t kBlock = 512;

// One channel's coefficients, divided by a[0].
struct Response {
  std::vector<double> a, b;  // a without its first

  template <typename T>
  Response(const T* a_row, int64_t p, const T* b_row, int64_t q) {
    const auto scale = static_cast<double>(a_row[0]);
    for (int64_t k = 1; k < p; ++k) a.push_back(static_cast<double>(a_row[k]) / scale);
    for (int64_t k = 0; k < q; ++k) b.push_back(static_cast<double>(b_row[k]) / scale);
  }
};

// w[i] = Σ b[k] x[i - k]; x has b's length less one samples before its beginning.
void convolve(double* w, const double* x, const std::vector<double>& b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) w[i] = b[0] * x[i];
  for (size_t k = 1; k < b.size(); ++k) {
    const double c = b[k];
    const double* from = x - k;
    for (int64_t i = 0; i < n; ++i) w[i] += c * from[i];
  }
}

// y[i] = w[i] - Σ a[k] y[i - 1 - k] in place. What came last is added last: one multiplication is between two outputs.
template <int kOrder>
void feed_back(double* y, const std::vector<double>& a, int64_t n) {
  double c[kOrder], past[kOrder];
  for (int k = 0; k < kOrder; ++k) {
    c[k] = a[k];
    past[k] = y[-1 - k];
  }
  for (int64_t i = 0; i < n; ++i) {
    double sum = y[i];
    for (int k = kOrder - 1; k >= 0; --k) sum -= c[k] * past[k];
    for (int k = kOrder - 1; k > 0; --k) past[k] = past[k - 1];
    past[0] = y[i] = sum;
  }
}

void feed_back(double* y, const std::vector<double>& a, int64_t n) {
  switch (a.size()) {
    case 0:
      return;
    case 1:
      return feed_back<1>(y, a, n);
    case 2:
      return feed_back<2>(y, a, n);
    case 3:
      return feed_back<3>(y, a, n);
    case 4:
      return feed_back<4>(y, a, n);
    default: {
      const auto order = static_cast<int64_t>(a.size());
      for (int64_t i = 0; i < n; ++i) {
        double sum = y[i];
        for (int64_t k = order - 1; k >= 0; --k) sum -= a[k] * y[i - 1 - k];
        y[i] = sum;
      }
    }
  }
}

// One line, a block at a time; what the next block needs of this one stands before it.
template <typename T>
void filter_line(T* out, int64_t out_step, const T* in, int64_t in_step, int64_t length, const Response& r) {
  const auto x_past = static_cast<int64_t>(r.b.size()) - 1, y_past = static_cast<int64_t>(r.a.size());
  std::vector<double> x_buffer(x_past + kBlock), y_buffer(y_past + kBlock);
  double *x = x_buffer.data() + x_past, *y = y_buffer.data() + y_past;
  for (int64_t start = 0; start < length; start += kBlock) {
    const int64_t n = std::min(kBlock, length - start);
    for (int64_t i = 0; i < n; ++i) x[i] = static_cast<double>(in[(start + i) * in_step]);
    convolve(y, x, r.b, n);
    feed_back(y, r.a, n);
    for (int64_t i = 0; i < n; ++i) out[(start + i) * out_step] = static_cast<T>(y[i]);
    std::copy(x + n - x_past, x + n, x - x_past);
    std::copy(y + n - y_past, y + n, y - y_past);
  }
}

}  // namespace

Status linear_filter(LinearFilterArgs& args) {
  const TensorView &input = args.input, &out = args.out;
  const int64_t batch = input.shape[0], channels = input.shape[1], length = input.shape[2];
  const int64_t p = args.a.shape[1], q = args.b.shape[1];
  const auto run = [&]<typename T>(T) {
    const int64_t grain = std::max<int64_t>(1, kGrain / (length * (p + q) + 1));
    parallel_for(batch * channels, grain, [&](int64_t begin, int64_t end) {
      for (int64_t line = begin; line < end; ++line) {
        const int64_t n = line / channels, c = line % channels;
        const Response response(args.a.as<T>() + c * p, p, args.b.as<T>() + c * q, q);
        filter_line(out.as<T>() + n * out.strides[0] + c * out.strides[1], out.strides[2],
                    input.as<T>() + n * input.strides[0] + c * input.strides[1], input.strides[2], length, response);
      }
    });
  };
  if (input.dtype == DType::f32)
    run(float{});
  else if (input.dtype == DType::f64)
    run(double{});
  else
    return {StatusCode::unsupported_dtype, 0, static_cast<int>(input.dtype)};
  return {};
}

}  // namespace flambeau::cpu
