#include "stream.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/stream.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <hwy/cache_control.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void copy_streaming(uint8_t* dst, const uint8_t* src, int64_t nbytes) {
  const hn::ScalableTag<uint8_t> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  // Up to the first whole vector, and from the last one on, in the usual way.
  const int64_t past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(dst) % static_cast<uintptr_t>(lanes));
  const int64_t head = std::min(nbytes, past == 0 ? 0 : lanes - past);
  if (head > 0) std::memcpy(dst, src, static_cast<size_t>(head));
  int64_t i = head;
  for (; i + 4 * lanes <= nbytes; i += 4 * lanes) {
    const auto a = hn::LoadU(d, src + i), b = hn::LoadU(d, src + i + lanes);
    const auto e = hn::LoadU(d, src + i + 2 * lanes), f = hn::LoadU(d, src + i + 3 * lanes);
    hn::Stream(a, d, dst + i);
    hn::Stream(b, d, dst + i + lanes);
    hn::Stream(e, d, dst + i + 2 * lanes);
    hn::Stream(f, d, dst + i + 3 * lanes);
  }
  for (; i + lanes <= nbytes; i += lanes) hn::Stream(hn::LoadU(d, src + i), d, dst + i);
  if (i < nbytes) std::memcpy(dst + i, src + i, static_cast<size_t>(nbytes - i));
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(copy_streaming);

void stream_copy(void* dst, const void* src, int64_t nbytes) {
  HWY_DYNAMIC_DISPATCH(copy_streaming)(static_cast<uint8_t*>(dst), static_cast<const uint8_t*>(src), nbytes);
}
void stream_done() { hwy::FlushStream(); }

}  // namespace flambeau::cpu
#endif
