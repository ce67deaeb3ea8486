#include "half_blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/half_blocks.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void load_bf16(float* dst, const bfloat16* src, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) dst[i] = std::bit_cast<float>(uint32_t(src[i].bits) << 16);
}

void store_bf16(bfloat16* dst, const float* src, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t x = std::bit_cast<uint32_t>(src[i]);
    const uint32_t rounded = (x + 0x7fffu + ((x >> 16) & 1u)) >> 16;
    dst[i].bits = uint16_t((x & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
  }
}

// Processors with AVX2 convert to and from float16 themselves.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
constexpr hn::ScalableTag<float> kFloats;
constexpr hn::Rebind<hwy::float16_t, decltype(kFloats)> kHalves;

int64_t load_f16_vectors(float* dst, const float16* src, int64_t n) {
  const int64_t lanes = hn::Lanes(kFloats);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::PromoteTo(kFloats, hn::LoadU(kHalves, reinterpret_cast<const hwy::float16_t*>(src + i))), kFloats,
               dst + i);
  return i;
}
int64_t store_f16_vectors(float16* dst, const float* src, int64_t n) {
  const int64_t lanes = hn::Lanes(kFloats);
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    hn::StoreU(hn::DemoteTo(kHalves, hn::LoadU(kFloats, src + i)), kHalves, reinterpret_cast<hwy::float16_t*>(dst + i));
  return i;
}
#else
int64_t load_f16_vectors(float*, const float16*, int64_t) { return 0; }
int64_t store_f16_vectors(float16*, const float*, int64_t) { return 0; }
#endif

void load_f16(float* dst, const float16* src, int64_t n) {
  for (int64_t i = load_f16_vectors(dst, src, n); i < n; ++i) dst[i] = static_cast<float>(src[i]);
}
void store_f16(float16* dst, const float* src, int64_t n) {
  for (int64_t i = store_f16_vectors(dst, src, n); i < n; ++i) dst[i] = float16(src[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(load_f16);
HWY_EXPORT(load_bf16);
HWY_EXPORT(store_f16);
HWY_EXPORT(store_bf16);

void load_half(float* dst, const float16* src, int64_t n) { HWY_DYNAMIC_DISPATCH(load_f16)(dst, src, n); }
void load_half(float* dst, const bfloat16* src, int64_t n) { HWY_DYNAMIC_DISPATCH(load_bf16)(dst, src, n); }
void store_half(float16* dst, const float* src, int64_t n) { HWY_DYNAMIC_DISPATCH(store_f16)(dst, src, n); }
void store_half(bfloat16* dst, const float* src, int64_t n) { HWY_DYNAMIC_DISPATCH(store_bf16)(dst, src, n); }

}  // namespace flambeau::cpu
#endif
