#include "winograd_tiles.h"

#include <algorithm>

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/winograd_tiles.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#ifndef FLAMBEAU_WINOGRAD_POINTS
#define FLAMBEAU_WINOGRAD_POINTS
namespace flambeau::cpu {
// The polynomials are evaluated at 0, ±a, ±b and infinity. These points lose the least: 8e-7 of a result's size with 64
// channels, where 1 and 2 lose 1.6e-6 and a direct sum 1.6e-7.
inline constexpr float kA = 0.625f, kB = 1.5f, kA2 = kA * kA, kB2 = kB * kB;
// One over the product of a point's distances from the other finite ones.
inline constexpr float kAt0 = 1 / (kA2 * kB2), kAtA = 1 / (2 * kA2 * (kA2 - kB2)), kAtB = 1 / (2 * kB2 * (kB2 - kA2));
}  // namespace flambeau::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 8>;
using V = hn::Vec<D>;
inline constexpr int64_t kChannels = 8;

// The lines below: what stands at src, src + from, … is transformed and stored at dst, dst + to, …
struct InputLine {
  static constexpr int kIn = 6, kOut = 6;
  HWY_INLINE void operator()(D d, const float* const* src, int64_t l, float* dst, int64_t to) const {
    const V x0 = hn::LoadU(d, src[0] + l), x1 = hn::LoadU(d, src[1] + l), x2 = hn::LoadU(d, src[2] + l);
    const V x3 = hn::LoadU(d, src[3] + l), x4 = hn::LoadU(d, src[4] + l), x5 = hn::LoadU(d, src[5] + l);
    const V a2 = hn::Set(d, kA2), b2 = hn::Set(d, kB2), sum = hn::Set(d, kA2 + kB2), product = hn::Set(d, kA2 * kB2);
    const V even_a = hn::NegMulAdd(b2, x2, x4), odd_a = hn::Mul(hn::Set(d, kA), hn::NegMulAdd(b2, x1, x3));
    const V even_b = hn::NegMulAdd(a2, x2, x4), odd_b = hn::Mul(hn::Set(d, kB), hn::NegMulAdd(a2, x1, x3));
    hn::StoreU(hn::MulAdd(product, x0, hn::NegMulAdd(sum, x2, x4)), d, dst + l);
    hn::StoreU(hn::Add(even_a, odd_a), d, dst + to + l);
    hn::StoreU(hn::Sub(even_a, odd_a), d, dst + 2 * to + l);
    hn::StoreU(hn::Add(even_b, odd_b), d, dst + 3 * to + l);
    hn::StoreU(hn::Sub(even_b, odd_b), d, dst + 4 * to + l);
    hn::StoreU(hn::MulAdd(product, x1, hn::NegMulAdd(sum, x3, x5)), d, dst + 5 * to + l);
  }
};

struct OutputLine {
  static constexpr int kIn = 6, kOut = 4;
  HWY_INLINE void operator()(D d, const float* const* src, int64_t l, float* dst, int64_t to) const {
    const V p = hn::LoadU(d, src[1] + l), q = hn::LoadU(d, src[2] + l), r = hn::LoadU(d, src[3] + l),
            s = hn::LoadU(d, src[4] + l);
    const V even_a = hn::Add(p, q), odd_a = hn::Sub(p, q), even_b = hn::Add(r, s), odd_b = hn::Sub(r, s);
    hn::StoreU(hn::Add(hn::LoadU(d, src[0] + l), hn::Add(even_a, even_b)), d, dst + l);
    hn::StoreU(hn::MulAdd(hn::Set(d, kA), odd_a, hn::Mul(hn::Set(d, kB), odd_b)), d, dst + to + l);
    hn::StoreU(hn::MulAdd(hn::Set(d, kA2), even_a, hn::Mul(hn::Set(d, kB2), even_b)), d, dst + 2 * to + l);
    const V cubes = hn::MulAdd(hn::Set(d, kA * kA2), odd_a, hn::Mul(hn::Set(d, kB * kB2), odd_b));
    hn::StoreU(hn::Add(hn::LoadU(d, src[5] + l), cubes), d, dst + 3 * to + l);
  }
};

struct GradientLine {
  static constexpr int kIn = 4, kOut = 6;
  HWY_INLINE void operator()(D d, const float* const* src, int64_t l, float* dst, int64_t to) const {
    const V x0 = hn::LoadU(d, src[0] + l), x1 = hn::LoadU(d, src[1] + l), x2 = hn::LoadU(d, src[2] + l),
            x3 = hn::LoadU(d, src[3] + l);
    const V a2 = hn::Set(d, kA2), b2 = hn::Set(d, kB2);
    const V even_a = hn::MulAdd(a2, x2, x0), odd_a = hn::Mul(hn::Set(d, kA), hn::MulAdd(a2, x3, x1));
    const V even_b = hn::MulAdd(b2, x2, x0), odd_b = hn::Mul(hn::Set(d, kB), hn::MulAdd(b2, x3, x1));
    hn::StoreU(x0, d, dst + l);
    hn::StoreU(hn::Add(even_a, odd_a), d, dst + to + l);
    hn::StoreU(hn::Sub(even_a, odd_a), d, dst + 2 * to + l);
    hn::StoreU(hn::Add(even_b, odd_b), d, dst + 3 * to + l);
    hn::StoreU(hn::Sub(even_b, odd_b), d, dst + 4 * to + l);
    hn::StoreU(x3, d, dst + 5 * to + l);
  }
};

struct FilterLine {
  static constexpr int kIn = 3, kOut = 6;
  HWY_INLINE void operator()(D d, const float* const* src, int64_t l, float* dst, int64_t to) const {
    const V x0 = hn::LoadU(d, src[0] + l), x1 = hn::LoadU(d, src[1] + l), x2 = hn::LoadU(d, src[2] + l);
    const V even_a = hn::Mul(hn::Set(d, kAtA), hn::MulAdd(hn::Set(d, kA2), x2, x0));
    const V even_b = hn::Mul(hn::Set(d, kAtB), hn::MulAdd(hn::Set(d, kB2), x2, x0));
    const V odd_a = hn::Mul(hn::Set(d, kAtA * kA), x1), odd_b = hn::Mul(hn::Set(d, kAtB * kB), x1);
    hn::StoreU(hn::Mul(hn::Set(d, kAt0), x0), d, dst + l);
    hn::StoreU(hn::Add(even_a, odd_a), d, dst + to + l);
    hn::StoreU(hn::Sub(even_a, odd_a), d, dst + 2 * to + l);
    hn::StoreU(hn::Add(even_b, odd_b), d, dst + 3 * to + l);
    hn::StoreU(hn::Sub(even_b, odd_b), d, dst + 4 * to + l);
    hn::StoreU(x2, d, dst + 5 * to + l);
  }
};

struct FilterGradientLine {
  static constexpr int kIn = 6, kOut = 3;
  HWY_INLINE void operator()(D d, const float* const* src, int64_t l, float* dst, int64_t to) const {
    const V p = hn::LoadU(d, src[1] + l), q = hn::LoadU(d, src[2] + l), r = hn::LoadU(d, src[3] + l),
            s = hn::LoadU(d, src[4] + l);
    const V even_a = hn::Mul(hn::Set(d, kAtA), hn::Add(p, q)), odd_a = hn::Mul(hn::Set(d, kAtA * kA), hn::Sub(p, q));
    const V even_b = hn::Mul(hn::Set(d, kAtB), hn::Add(r, s)), odd_b = hn::Mul(hn::Set(d, kAtB * kB), hn::Sub(r, s));
    hn::StoreU(hn::MulAdd(hn::Set(d, kAt0), hn::LoadU(d, src[0] + l), hn::Add(even_a, even_b)), d, dst + l);
    hn::StoreU(hn::Add(odd_a, odd_b), d, dst + to + l);
    const V squares = hn::MulAdd(hn::Set(d, kA2), even_a, hn::Mul(hn::Set(d, kB2), even_b));
    hn::StoreU(hn::Add(hn::LoadU(d, src[5] + l), squares), d, dst + 2 * to + l);
  }
};

// A line transform over the columns and then over the rows of kIn × kIn pixels. `pixel(i, j)` is where one lies, and
// result (i, j) of the kOut × kOut goes to dst + (i * kOut + j) * to.
template <typename Line, typename Pixel>
HWY_INLINE void square(const Line& line, const Pixel& pixel, float* dst, int64_t to) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float columns[Line::kOut * Line::kIn * kChannels];
  const float* src[Line::kIn];
  for (int j = 0; j < Line::kIn; ++j) {
    for (int i = 0; i < Line::kIn; ++i) src[i] = pixel(i, j);
    for (int64_t l = 0; l < kChannels; l += lanes) line(d, src, l, columns + j * kChannels, Line::kIn * kChannels);
  }
  for (int i = 0; i < Line::kOut; ++i) {
    for (int j = 0; j < Line::kIn; ++j) src[j] = columns + (i * Line::kIn + j) * kChannels;
    for (int64_t l = 0; l < kChannels; l += lanes) line(d, src, l, dst + i * Line::kOut * to, to);
  }
}

// The pixels of a tile that may reach over the plane's borders.
template <typename Line>
HWY_INLINE void tile(const Line& line, float* u, int64_t stride, Plane<const float> plane, int64_t y, int64_t x) {
  const float* first = plane.data + (y * plane.width + x) * kChannels;
  const int64_t row = plane.width * kChannels;
  if (y >= 0 && x >= 0 && y + Line::kIn <= plane.height && x + Line::kIn <= plane.width) {
    square(
        line, [&](int i, int j) { return first + i * row + j * kChannels; }, u, stride);
    return;
  }
  static constexpr float kNothing[kChannels] = {};
  const auto inside = [](int64_t at, int64_t size) { return at >= 0 && at < size; };
  square(
      line,
      [&](int i, int j) {
        return inside(y + i, plane.height) && inside(x + j, plane.width) ? first + i * row + j * kChannels : kNothing;
      },
      u, stride);
}

void input(float* u, int64_t stride, Plane<const float> plane, int64_t y, int64_t x) {
  tile(InputLine(), u, stride, plane, y, x);
}

void gradient(float* u, int64_t stride, Plane<const float> plane, int64_t y, int64_t x) {
  tile(GradientLine(), u, stride, plane, y, x);
}

void output(Plane<float> plane, int64_t y, int64_t x, const float* u, int64_t stride, const float* bias) {
  const D d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  HWY_ALIGN float results[16 * kChannels];
  square(
      OutputLine(), [&](int i, int j) { return u + (i * 6 + j) * stride; }, results, kChannels);
  const int64_t rows = std::min<int64_t>(4, plane.height - y), cols = std::min<int64_t>(4, plane.width - x);
  for (int64_t l = 0; l < kChannels; l += lanes) {
    const V b = bias ? hn::LoadU(d, bias + l) : hn::Zero(d);
    for (int64_t i = 0; i < rows; ++i) {
      float* row = plane.data + ((y + i) * plane.width + x) * kChannels + l;
      for (int64_t j = 0; j < cols; ++j)
        hn::StoreU(hn::Add(hn::Load(d, results + (i * 4 + j) * kChannels + l), b), d, row + j * kChannels);
    }
  }
}

void filter(float* u, int64_t stride, const float* filters, int64_t step, bool turned) {
  HWY_ALIGN float taps[9 * kChannels];
  for (int64_t c = 0; c < kChannels; ++c)
    for (int t = 0; t < 9; ++t) taps[t * kChannels + c] = filters[c * step + (turned ? 8 - t : t)];
  square(
      FilterLine(), [&](int i, int j) { return taps + (i * 3 + j) * kChannels; }, u, stride);
}

void filter_gradient(float* filters, const float* u, int64_t stride) {
  HWY_ALIGN float taps[9 * kChannels];
  square(
      FilterGradientLine(), [&](int i, int j) { return u + (i * 6 + j) * stride; }, taps, kChannels);
  for (int64_t c = 0; c < kChannels; ++c)
    for (int t = 0; t < 9; ++t) filters[c * 9 + t] = taps[t * kChannels + c];
}

void find(WinogradTransforms& transforms) { transforms = {input, output, gradient, filter, filter_gradient}; }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find);

WinogradTransforms winograd_transforms() {
  WinogradTransforms transforms;
  HWY_DYNAMIC_DISPATCH(find)(transforms);
  return transforms;
}

}  // namespace flambeau::cpu
#endif
