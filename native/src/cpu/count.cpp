#include "count.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/count.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Four vectors, so that the additions do not wait for one another.
void count(uint64_t* to, int64_t n, uint64_t start, uint64_t step) {
  const hn::ScalableTag<uint64_t> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  if (n >= 4 * lanes) {
    for (int64_t l = 0; l < 4 * lanes; ++l) to[l] = start + static_cast<uint64_t>(l) * step;
    auto a = hn::LoadU(d, to), b = hn::LoadU(d, to + lanes);
    auto c = hn::LoadU(d, to + 2 * lanes), e = hn::LoadU(d, to + 3 * lanes);
    const auto next = hn::Set(d, static_cast<uint64_t>(4 * lanes) * step);
    for (i = 4 * lanes; i + 4 * lanes <= n; i += 4 * lanes) {
      a = hn::Add(a, next);
      b = hn::Add(b, next);
      c = hn::Add(c, next);
      e = hn::Add(e, next);
      hn::StoreU(a, d, to + i);
      hn::StoreU(b, d, to + i + lanes);
      hn::StoreU(c, d, to + i + 2 * lanes);
      hn::StoreU(e, d, to + i + 3 * lanes);
    }
  }
  for (; i < n; ++i) to[i] = start + static_cast<uint64_t>(i) * step;
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(count);

void count_up(int64_t* to, int64_t n, uint64_t start, uint64_t step) {
  HWY_DYNAMIC_DISPATCH(count)(reinterpret_cast<uint64_t*>(to), n, start, step);
}

}  // namespace flambeau::cpu
#endif
