#include "index_positions.h"

// Three levels on x86 (baseline, AVX2, AVX-512) keep compile time and size down; elsewhere the compiler's default.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/index_positions.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

bool positions(int64_t* HWY_RESTRICT to, const int64_t* HWY_RESTRICT index, int64_t n, int64_t size, bool wrap) {
  const hn::ScalableTag<int64_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto last = hn::Set(d, size - 1), added = hn::Set(d, wrap ? size : 0);
  auto outside = hn::Zero(d);  // negative once a position was out of range
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, index + i);
    const auto position = hn::Add(v, hn::And(hn::BroadcastSignBit(v), added));
    outside = hn::Or(outside, hn::Or(position, hn::Sub(last, position)));
    hn::StoreU(position, d, to + i);
  }
  bool fine = hn::AllFalse(d, hn::Lt(outside, hn::Zero(d)));
  for (; i < n; ++i) {
    to[i] = index[i] < 0 && wrap ? index[i] + size : index[i];
    fine &= to[i] >= 0 && to[i] < size;
  }
  return fine;
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(positions);

bool index_positions(int64_t* to, const int64_t* index, int64_t n, int64_t size, bool wrap) {
  return HWY_DYNAMIC_DISPATCH(positions)(to, index, n, size, wrap);
}

}  // namespace flambeau::cpu
#endif
