// Vectors of floats from and to half types in memory. No include guard: foreach_target.h includes this file's user
// again for each target.
HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr hn::ScalableTag<float> kF32;
constexpr hn::RebindToUnsigned<decltype(kF32)> kU32;
constexpr hn::Rebind<uint16_t, decltype(kF32)> kU16;
constexpr hn::Rebind<hwy::float16_t, decltype(kF32)> kHalves;
using FloatVec = hn::Vec<decltype(kF32)>;

HWY_INLINE FloatVec load_vector(const bfloat16* src) {
  const auto bits = hn::PromoteTo(kU32, hn::LoadU(kU16, reinterpret_cast<const uint16_t*>(src)));
  return hn::BitCast(kF32, hn::ShiftLeft<16>(bits));
}
// Two vectors at once: those at even places, those at odd ones.
HWY_INLINE void load_pairs(const bfloat16* src, FloatVec& even, FloatVec& odd) {
  const auto pairs = hn::LoadU(kU32, reinterpret_cast<const uint32_t*>(src));
  even = hn::BitCast(kF32, hn::ShiftLeft<16>(pairs));
  odd = hn::BitCast(kF32, hn::And(pairs, hn::Set(kU32, 0xffff0000u)));
}
HWY_INLINE void store_vector(bfloat16* dst, FloatVec v) {
  const auto x = hn::BitCast(kU32, v);
  const auto odd = hn::And(hn::ShiftRight<16>(x), hn::Set(kU32, 1u));
  const auto rounded = hn::ShiftRight<16>(hn::Add(x, hn::Add(odd, hn::Set(kU32, 0x7fffu))));
  const auto bits = hn::IfThenElse(hn::RebindMask(kU32, hn::IsNaN(v)), hn::Set(kU32, 0x7fc0u), rounded);
  hn::StoreU(hn::TruncateTo(kU16, bits), kU16, reinterpret_cast<uint16_t*>(dst));
}
// Processors with AVX2 convert to and from float16 themselves.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
HWY_INLINE FloatVec load_vector(const float16* src) {
  return hn::PromoteTo(kF32, hn::LoadU(kHalves, reinterpret_cast<const hwy::float16_t*>(src)));
}
HWY_INLINE void store_vector(float16* dst, FloatVec v) {
  hn::StoreU(hn::DemoteTo(kHalves, v), kHalves, reinterpret_cast<hwy::float16_t*>(dst));
}
constexpr bool kFloat16Vectors = true;
#else
HWY_INLINE FloatVec load_vector(const float16*) { return hn::Zero(kF32); }
HWY_INLINE void store_vector(float16*, FloatVec) {}
constexpr bool kFloat16Vectors = false;
#endif

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();
