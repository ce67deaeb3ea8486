#include "flambeau/dtype.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "cpu/half_blocks.h"

using namespace flambeau;

// Every finite value of a 16-bit float reads back as itself, and so does whatever lies nearer to it than to the next;
// halfway goes to the even one. That is the definition of rounding to nearest, so no reference is needed.
template <typename T>
int wrong_roundings(uint16_t infinity) {
  int wrong = 0;
  const auto make = [](unsigned bits) {
    T value;
    value.bits = static_cast<uint16_t>(bits);
    return value;
  };
  for (unsigned bits = 0; bits < infinity; ++bits) {
    const double here = float(make(bits));
    // Beyond the largest value, the next would have been one step further.
    const double next = bits + 1 < infinity ? float(make(bits + 1)) : 2 * here - float(make(bits - 1));
    const float half = float((here + next) / 2);
    const unsigned even = bits % 2 == 0 ? bits : bits + 1;
    for (const unsigned sign : {0u, 0x8000u}) {
      const float s = sign ? -1.0f : 1.0f;
      wrong += T(s * float(here)).bits != (bits | sign);
      wrong += T(s * half).bits != (even | sign);
      wrong += T(s * std::nextafter(half, 0.0f)).bits != (bits | sign);
      wrong += T(s * std::nextafter(half, std::numeric_limits<float>::infinity())).bits != ((bits + 1) | sign);
    }
  }
  return wrong;
}

TEST_CASE("float16 rounds to nearest even, subnormals and overflow included") {
  CHECK(wrong_roundings<float16>(0x7c00) == 0);
}

TEST_CASE("bfloat16 rounds to nearest even, subnormals and overflow included") {
  // The largest bfloat16 is next to the largest float, so only its own step overflows.
  CHECK(wrong_roundings<bfloat16>(0x7f7f) == 0);
  CHECK(std::isinf(float(bfloat16(std::numeric_limits<float>::max()))));
}

TEST_CASE_TEMPLATE("16-bit floats keep infinities and NaN", T, float16, bfloat16) {
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(float(T(infinity)) == infinity);
  CHECK(float(T(-infinity)) == -infinity);
  CHECK(std::isnan(float(T(std::numeric_limits<float>::quiet_NaN()))));
  CHECK(std::signbit(float(T(-0.0f))));
}

TEST_CASE("visit_stored_dtype gives the type of the size that size_of states") {
  for (int code = 0; code < kNumDTypes; ++code) {
    const DType dtype = static_cast<DType>(code);
    CHECK(visit_stored_dtype(dtype, []<typename T>() { return sizeof(T); }) == size_of(dtype));
  }
}

// Blocks go through the processor's own conversions where it has some.
template <typename T>
int wrong_in_blocks() {
  int wrong = 0;
  std::vector<T> halves(65536);
  std::vector<float> wide(halves.size());
  for (unsigned bits = 0; bits < 65536; ++bits) halves[bits].bits = static_cast<uint16_t>(bits);
  flambeau::cpu::load_half(wide.data(), halves.data(), 65536);
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float one = float(halves[bits]);
    wrong +=
        std::isnan(one) ? !std::isnan(wide[bits]) : std::bit_cast<uint32_t>(one) != std::bit_cast<uint32_t>(wide[bits]);
  }
  // Odd lengths, and every sixteen thousandth float of all.
  for (uint64_t start = 0; start < (uint64_t{1} << 32); start += 1009 * 16411) {
    float values[1009];
    T rounded[1009];
    for (int i = 0; i < 1009; ++i) values[i] = std::bit_cast<float>(static_cast<uint32_t>(start + i * 16411ull));
    flambeau::cpu::store_half(rounded, values, 1009);
    for (int i = 0; i < 1009; ++i)
      wrong += std::isnan(values[i]) ? !std::isnan(float(rounded[i])) : rounded[i].bits != T(values[i]).bits;
  }
  return wrong;
}

TEST_CASE("blocks of halves are converted as single ones are") {
  CHECK(wrong_in_blocks<float16>() == 0);
  CHECK(wrong_in_blocks<bfloat16>() == 0);
}
