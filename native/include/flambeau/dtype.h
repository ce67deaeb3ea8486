// Element types, their sizes, and the 16-bit floats.
#pragma once
#include <bit>
#include <complex>
#include <cstddef>
#include <cstdint>

namespace flambeau {

// The order is the code used by packages/core/src/tensor/dtype.ts.
enum class DType : uint8_t { f32, f64, f16, bf16, i8, u8, i16, i32, i64, boolean, c64, c128, c32 };
inline constexpr int kNumDTypes = 13;

struct bfloat16 {
  uint16_t bits = 0;
  bfloat16() = default;
  explicit bfloat16(float value) {
    const uint32_t x = std::bit_cast<uint32_t>(value);
    // Round to nearest even; a NaN stays a NaN.
    bits = (x & 0x7fffffffu) > 0x7f800000u ? uint16_t(0x7fc0) : uint16_t((x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
  }
  operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};

struct float16 {
  uint16_t bits = 0;
  float16() = default;
  explicit float16(float value) { bits = from_float(value); }
  operator float() const { return to_float(bits); }

  static uint16_t from_float(float value) {
    const uint32_t x = std::bit_cast<uint32_t>(value);
    const uint32_t sign = (x >> 16) & 0x8000u;
    uint32_t magnitude = x & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return uint16_t(sign | 0x7e00u);
    if (magnitude >= 0x47800000u) return uint16_t(sign | 0x7c00u);
    if (magnitude < 0x38800000u) {
      // Subnormal: adding 0.5 aligns the mantissa so that the hardware rounds it.
      const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
      return uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
    }
    magnitude += 0xc8000fffu + ((magnitude >> 13) & 1u);
    return uint16_t(sign | (magnitude >> 13));
  }
  static float to_float(uint16_t h) {
    const uint32_t sign = uint32_t(h & 0x8000u) << 16;
    const uint32_t magnitude = uint32_t(h & 0x7fffu) << 13;
    if (magnitude >= 0x0f800000u) return std::bit_cast<float>(sign | magnitude | 0x7f800000u);
    if (magnitude < 0x00800000u) {
      // Subnormal: 2^-24 times the mantissa.
      const float value = float(h & 0x3ffu) * 5.9604644775390625e-8f;
      return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
    }
    return std::bit_cast<float>(sign | (magnitude + 0x38000000u));
  }
};

using complex64 = std::complex<float>;
using complex128 = std::complex<double>;

// Two halves: stored and converted; arithmetic is complex64's.
struct complex32 {
  float16 re, im;
  complex32() = default;
  explicit complex32(complex64 value) : re(value.real()), im(value.imag()) {}
  operator complex64() const { return {float(re), float(im)}; }
};

constexpr size_t size_of(DType dtype) {
  constexpr size_t sizes[kNumDTypes] = {4, 8, 2, 2, 1, 1, 2, 4, 8, 1, 8, 16, 4};
  return sizes[int(dtype)];
}

constexpr const char* name_of(DType dtype) {
  constexpr const char* names[kNumDTypes] = {"float32",   "float64",    "float16",  "bfloat16", "int8",
                                             "uint8",     "int16",      "int32",    "int64",    "bool",
                                             "complex64", "complex128", "complex32"};
  return names[int(dtype)];
}

constexpr bool is_complex(DType d) { return d >= DType::c64; }
constexpr bool is_floating(DType d) { return d <= DType::bf16; }

template <DType D>
struct CType;
template <>
struct CType<DType::f32> {
  using type = float;
};
template <>
struct CType<DType::f64> {
  using type = double;
};
template <>
struct CType<DType::f16> {
  using type = float16;
};
template <>
struct CType<DType::bf16> {
  using type = bfloat16;
};
template <>
struct CType<DType::i8> {
  using type = int8_t;
};
template <>
struct CType<DType::u8> {
  using type = uint8_t;
};
template <>
struct CType<DType::i16> {
  using type = int16_t;
};
template <>
struct CType<DType::i32> {
  using type = int32_t;
};
template <>
struct CType<DType::i64> {
  using type = int64_t;
};
template <>
struct CType<DType::boolean> {
  using type = bool;
};
template <>
struct CType<DType::c64> {
  using type = complex64;
};
template <>
struct CType<DType::c128> {
  using type = complex128;
};
template <>
struct CType<DType::c32> {
  using type = complex32;
};

// Calls `body.template operator()<T>()` for the C++ type of `dtype`; the one place that switches over dtypes. complex32
// never comes here: the host gives it to kernels that are marked so in kernels/*.def, and those use visit_stored_dtype.
template <typename Body>
decltype(auto) visit_dtype(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::f32:
      return body.template operator()<float>();
    case DType::f64:
      return body.template operator()<double>();
    case DType::f16:
      return body.template operator()<float16>();
    case DType::bf16:
      return body.template operator()<bfloat16>();
    case DType::i8:
      return body.template operator()<int8_t>();
    case DType::u8:
      return body.template operator()<uint8_t>();
    case DType::i16:
      return body.template operator()<int16_t>();
    case DType::i32:
      return body.template operator()<int32_t>();
    case DType::i64:
      return body.template operator()<int64_t>();
    case DType::boolean:
      return body.template operator()<bool>();
    case DType::c64:
      return body.template operator()<complex64>();
    case DType::c128:
    case DType::c32:
      break;
  }
  return body.template operator()<complex128>();
}

// The same with complex32.
template <typename Body>
decltype(auto) visit_stored_dtype(DType dtype, Body&& body) {
  if (dtype == DType::c32) return body.template operator()<complex32>();
  return visit_dtype(dtype, body);
}

}  // namespace flambeau
