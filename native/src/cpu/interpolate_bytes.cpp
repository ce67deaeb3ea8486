#include "interpolate_bytes.h"

#include <algorithm>
#include <cstring>

#include "flambeau/parallel.h"

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/interpolate_bytes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

inline uint8_t rounded(int32_t sum, int bits) { return static_cast<uint8_t>(std::clamp(sum >> bits, 0, 255)); }

// Whether the bytes of a pixel follow each other, and pixels too.
bool packed(const BytePlanes& p) {
  if (p.count < 3 || p.step != p.count) return false;
  for (int c = 1; c < p.count; ++c)
    if (p.in[c] != p.in[0] + c) return false;
  return true;
}

// One row of the planes as pixels of four bytes.
void interleave(uint8_t* pixels, const BytePlanes& p, int64_t y, int64_t width) {
  const uint8_t* row[4];
  for (int c = 0; c < 4; ++c) row[c] = p.in[std::min<int64_t>(c, p.count - 1)] + y * p.row_step;
  int64_t x = 0;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  const hn::CappedTag<uint8_t, 16> d;
  if (packed(p) && p.count == 3) {
    alignas(16) static constexpr uint8_t kSpread[16] = {0, 1, 2, 0x80, 3, 4, 5, 0x80, 6, 7, 8, 0x80, 9, 10, 11, 0x80};
    const auto spread = hn::Load(d, kSpread);
    // Sixteen bytes are read for four pixels of twelve.
    for (; x + 6 <= width; x += 4)
      hn::StoreU(hn::TableLookupBytesOr0(hn::LoadU(d, row[0] + 3 * x), spread), d, pixels + 4 * x);
  } else if (p.step == 1) {
    for (; x + 16 <= width; x += 16)
      hn::StoreInterleaved4(hn::LoadU(d, row[0] + x), hn::LoadU(d, row[1] + x), hn::LoadU(d, row[2] + x),
                            hn::LoadU(d, row[3] + x), d, pixels + 4 * x);
  }
#endif
  for (; x < width; ++x)
    for (int c = 0; c < 4; ++c) pixels[4 * x + c] = row[c][x * p.step];
}

void deinterleave(const BytePlanes& p, int64_t offset, const uint8_t* pixels, int64_t width) {
  int64_t x = 0;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  const hn::CappedTag<uint8_t, 16> d;
  for (; x + 16 <= width; x += 16) {
    hn::Vec<decltype(d)> v[4];
    hn::LoadInterleaved4(d, pixels + 4 * x, v[0], v[1], v[2], v[3]);
    for (int64_t c = 0; c < p.count; ++c) hn::StoreU(v[c], d, p.out[c] + offset + x);
  }
#endif
  for (; x < width; ++x)
    for (int64_t c = 0; c < p.count; ++c) p.out[c][offset + x] = pixels[4 * x + c];
}

// A row of pixels of kStep bytes resized along its length, to pixels of four. Bytes beyond the last pixel are read, as
// many as kSlack, and pixels beyond it, for weights of 0.
template <int kStep>
void across(uint8_t* to, const uint8_t* from, const ByteTaps& taps) {
  const int64_t size = taps.size();
  int64_t x = 0;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  // Two pixels for one half of a vector and two for the other: their bytes in pairs, as 16-bit numbers.
  constexpr uint8_t kZero = 0x80, s = kStep, t = 2 * kStep, u = 3 * kStep;
  alignas(32) static constexpr uint8_t kPairs[32] = {
      0, kZero, s, kZero, 1,     kZero, s + 1, kZero, 2,     kZero, s + 2, kZero, 3,     kZero, s + 3, kZero,
      t, kZero, u, kZero, t + 1, kZero, u + 1, kZero, t + 2, kZero, u + 2, kZero, t + 3, kZero, u + 3, kZero};
  // Two weights for the one half and two for the other.
  alignas(32) static constexpr uint8_t kWeights[32] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3,
                                                       4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7};
  const hn::CappedTag<uint8_t, 32> d8;
  const hn::Repartition<int16_t, decltype(d8)> d16;
  const hn::Repartition<int32_t, decltype(d8)> d32;
  const hn::Repartition<uint64_t, decltype(d8)> d64;
  const hn::Half<decltype(d32)> half32;
  const hn::Half<decltype(d16)> half16;
  const hn::Half<decltype(d8)> half8;
  const auto pairs = hn::Load(d8, kPairs), spread = hn::Load(d8, kWeights);
  const auto round = hn::Set(half32, 1 << taps.bits >> 1);
  const auto sum = [&](int64_t at) {
    const uint8_t* source = from + kStep * taps.start[at];
    const int16_t* weights = taps.weights(at);
    auto total = hn::Zero(d32);
    for (int64_t k = 0; k < taps.width; k += 4) {
      uint64_t four;
      std::memcpy(&four, weights + k, 8);
      const auto w = hn::TableLookupBytesOr0(hn::BitCast(d8, hn::Set(d64, four)), spread);
      const auto v = hn::TableLookupBytesOr0(hn::LoadDup128(d8, source + kStep * k), pairs);
      total = hn::ReorderWidenMulAccumulate(d32, hn::BitCast(d16, v), hn::BitCast(d16, w), total, total);
    }
    return hn::Add(hn::Add(hn::LowerHalf(half32, total), hn::UpperHalf(half32, total)), round);
  };
  for (; x + 4 <= size; x += 4) {
    const auto a = hn::Combine(d32, sum(x + 1), sum(x)), b = hn::Combine(d32, sum(x + 3), sum(x + 2));
    const auto low = hn::DemoteTo(half16, hn::ShiftRightSame(a, taps.bits));
    const auto high = hn::DemoteTo(half16, hn::ShiftRightSame(b, taps.bits));
    hn::StoreU(hn::DemoteTo(half8, hn::Combine(d16, high, low)), half8, to + 4 * x);
  }
#endif
  for (; x < size; ++x) {
    int32_t total[4];
    std::fill_n(total, 4, 1 << taps.bits >> 1);
    for (int64_t k = 0; k < taps.count[x]; ++k)
      for (int c = 0; c < 4; ++c) total[c] += taps.weights(x)[k] * from[kStep * (taps.start[x] + k) + c];
    for (int c = 0; c < 4; ++c) to[4 * x + c] = rounded(total[c], taps.bits);
  }
}

// The weighted sum of rows of n bytes.
void down(uint8_t* to, const uint8_t* const* rows, const int16_t* weights, int64_t count, int bits, int64_t n) {
  int64_t i = 0;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
  const hn::CappedTag<uint8_t, 16> d8;
  const hn::Rebind<int16_t, decltype(d8)> d16;
  const hn::Repartition<int32_t, decltype(d16)> d32;
  const auto round = hn::Set(d32, 1 << bits >> 1);
  for (; i + 16 <= n; i += 16) {
    auto low = round, high = round;
    for (int64_t k = 0; k < count; k += 2) {
      // A row without a partner is its own, with a weight of 0.
      const bool both = k + 1 < count;
      const auto a = hn::PromoteTo(d16, hn::LoadU(d8, rows[k] + i));
      const auto b = hn::PromoteTo(d16, hn::LoadU(d8, rows[both ? k + 1 : k] + i));
      const uint32_t second = both ? static_cast<uint16_t>(weights[k + 1]) : 0;
      const auto w =
          hn::BitCast(d16, hn::Set(d32, static_cast<int32_t>(second << 16 | static_cast<uint16_t>(weights[k]))));
      low = hn::ReorderWidenMulAccumulate(d32, hn::InterleaveLower(d16, a, b), w, low, low);
      high = hn::ReorderWidenMulAccumulate(d32, hn::InterleaveUpper(d16, a, b), w, high, high);
    }
    const auto sums = hn::ReorderDemote2To(d16, hn::ShiftRightSame(low, bits), hn::ShiftRightSame(high, bits));
    hn::StoreU(hn::DemoteTo(d8, sums), d8, to + i);
  }
#endif
  for (; i < n; ++i) {
    int32_t total = 1 << bits >> 1;
    for (int64_t k = 0; k < count; ++k) total += weights[k] * rows[k][i];
    to[i] = rounded(total, bits);
  }
}

// Output rows [begin, end) of some planes. Each row that they need is resized along its length once, and kept in a
// ring.
void resize_planes(const BytePlanes& planes, const ByteTaps& high, const ByteTaps& wide, int64_t begin, int64_t end) {
  const bool wider = wide.size() != wide.sources, higher = high.size() != high.sources;
  const int64_t in_width = wide.sources, width = wide.size(), kept = higher ? high.width : 1;
  const int64_t step = 4 * width + kSlack, beyond = 4 * wide.width + kSlack;
  const bool direct = packed(planes) && planes.row_step > 0;
  std::vector<uint8_t> pixels(4 * in_width + beyond), ring(kept * step), line(step);
  std::vector<const uint8_t*> rows(kept);
  int64_t made = higher ? high.start[begin] : begin;
  for (int64_t y = begin; y < end; ++y) {
    const int64_t first = higher ? high.start[y] : y, count = higher ? high.count[y] : 1;
    for (made = std::max(made, first); made < first + count; ++made) {
      uint8_t* to = ring.data() + made % kept * step;
      // Where rows follow that are long enough, what lies beyond this one may be read.
      if (wider && direct && (high.sources - 1 - made) * planes.row_step >= beyond) {
        const uint8_t* from = planes.in[0] + made * planes.row_step;
        planes.count == 3 ? across<3>(to, from, wide) : across<4>(to, from, wide);
        continue;
      }
      interleave(wider ? pixels.data() : to, planes, made, in_width);
      if (wider) across<4>(to, pixels.data(), wide);
    }
    for (int64_t k = 0; k < count; ++k) rows[k] = ring.data() + (first + k) % kept * step;
    if (higher) down(line.data(), rows.data(), high.weights(y), count, high.bits, 4 * width);
    deinterleave(planes, y * width, higher ? line.data() : rows[0], width);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(resize_planes);

ByteTaps::ByteTaps(const Taps<double>& taps) : sources(taps.sources) {
  // Taps that fall on one element are added up.
  std::vector<double> exact;
  std::vector<int64_t> first;
  double most = 0;
  for (int64_t i = 0; i < taps.size(); ++i) {
    first.push_back(static_cast<int64_t>(exact.size()));
    start.push_back(taps.count(i) > 0 ? taps.at[taps.begin[i]] : 0);
    for (int64_t k = taps.begin[i]; k < taps.begin[i + 1]; ++k) {
      if (k > taps.begin[i] && taps.at[k] == taps.at[k - 1])
        exact.back() += taps.weight[k];
      else
        exact.push_back(taps.weight[k]);
    }
    count.push_back(static_cast<int64_t>(exact.size()) - first.back());
    width = std::max(width, count.back());
  }
  for (const double w : exact) most = std::max(most, w);
  while (bits < 22 && static_cast<int>(0.5 + most * (1 << (bits + 1))) < (1 << 15)) ++bits;
  width = (width + 3) / 4 * 4;
  weight.assign(size() * width, 0);
  for (int64_t i = 0; i < size(); ++i)
    for (int64_t k = 0; k < count[i]; ++k) {
      const double w = exact[first[i] + k];
      weight[i * width + k] = static_cast<int16_t>(w * (1 << bits) + (w < 0 ? -0.5 : 0.5));
    }
}

void resize_bytes(const TensorView& out, const TensorView& in, const ByteTaps& high, const ByteTaps& wide) {
  const int64_t images = in.shape[0], channels = in.shape[1], pixels = high.size() * wide.size();
  // The three channels of a picture together; otherwise four planes, whosever they are.
  const int64_t together = channels == 3 ? 3 : 4, planes = images * channels;
  const int64_t groups = (planes + together - 1) / together;
  const int64_t work = 4 * (high.sources * wide.sources / high.size() + wide.size() * (high.width + wide.width)) + 1;
  parallel_for(groups * high.size(), std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end;) {
      const int64_t group = row / high.size(), y = row % high.size(), rows = std::min(end - row, high.size() - y);
      BytePlanes some;
      some.row_step = in.strides[2];
      some.step = in.strides[3];
      some.count = std::min(together, planes - group * together);
      for (int64_t c = 0; c < some.count; ++c) {
        const int64_t p = group * together + c;
        some.in[c] = in.as<uint8_t>() + p / channels * in.strides[0] + p % channels * in.strides[1];
        some.out[c] = out.as<uint8_t>() + p * pixels;
      }
      HWY_DYNAMIC_DISPATCH(resize_planes)(some, high, wide, y, y + rows);
      row += rows;
    }
  });
}

}  // namespace flambeau::cpu
#endif
