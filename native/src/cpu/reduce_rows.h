// What a reduction does to a block of elements: functions for the ISA at hand, by kind and compute type.
#pragma once
#include <cmath>
#include <cstdint>
#include <iterator>

#include "blocks.h"
#include "flambeau/dtype.h"

namespace flambeau::cpu {

// The dtype of ComputeType.
inline DType compute_of(DType dtype) {
  return visit_dtype(dtype, []<typename T>() {
    using C = ComputeType<T>;
    if constexpr (std::is_same_v<C, float>)
      return DType::f32;
    else if constexpr (std::is_same_v<C, double>)
      return DType::f64;
    else if constexpr (std::is_same_v<C, int64_t>)
      return DType::i64;
    else if constexpr (std::is_same_v<C, complex64>)
      return DType::c64;
    else if constexpr (std::is_same_v<C, complex128>)
      return DType::c128;
    else
      return DType::i32;
  });
}

// What is accumulated. The last two take a parameter: the exponent, and the value subtracted first.
enum class ReduceKind : int {
  sum,
  prod,
  max,
  min,
  count,
  nan_sum,
  square_sum,
  abs_sum,
  abs_max,
  abs_min,
  pow_sum,
  variation
};
inline constexpr int kNumReduceKinds = static_cast<int>(ReduceKind::variation) + 1;

// What a caller asks for. The order is that of REDUCE in packages/core/src/ops/reduce.ts.
enum class ReduceOp : int {
  sum,
  mean,
  prod,
  amax,
  amin,
  any,
  all,
  count_nonzero,
  nansum,
  norm1,
  norm2,
  norm_inf,
  norm_neg_inf,
  norm_p,
  count
};

inline constexpr ReduceKind kReduceKinds[] = {
    ReduceKind::sum,        ReduceKind::sum,     ReduceKind::prod,    ReduceKind::max,     ReduceKind::min,
    ReduceKind::count,      ReduceKind::count,   ReduceKind::count,   ReduceKind::nan_sum, ReduceKind::abs_sum,
    ReduceKind::square_sum, ReduceKind::abs_max, ReduceKind::abs_min, ReduceKind::pow_sum};
static_assert(std::size(kReduceKinds) == static_cast<size_t>(ReduceOp::count));

// The result of `count` elements, of which `value` has been accumulated.
inline double finish_real(ReduceOp op, double value, double count, double exponent = 0) {
  if (op == ReduceOp::mean) return value / count;
  if (op == ReduceOp::norm2) return std::sqrt(value);
  if (op == ReduceOp::norm_p) return std::pow(value, 1 / exponent);
  return value;
}

// How work is split, by shape alone.
inline constexpr int64_t kChunk = 32768;     // elements of a part of one long reduction
inline constexpr int64_t kManyOutputs = 64;  // from here on, outputs alone are enough to share

// Rows of fewer elements are reduced in one stream of eight lanes.
inline constexpr int64_t kFewElements = 32;

// Elements are reduced into lanes, whose type bounds the rounding error over kLaneSteps steps, and lanes into
// accumulators: double, int64_t or complex128.
enum class Accumulator : int { real, integer, complex };
inline constexpr int64_t kLaneSteps = 256;
inline constexpr int64_t kMaxLaneSize = 16;

struct ReduceFunctions {
  Accumulator accumulator = Accumulator::real;
  int64_t accumulator_size() const { return accumulator == Accumulator::complex ? 16 : 8; }
  void (*init)(void* acc, int64_t n) = nullptr;
  void (*merge)(void* acc, const void* other, int64_t n) = nullptr;  // acc[i] = acc[i] with other[i]
  // *acc = *acc with the n elements
  void (*block)(void* acc, const void* x, int64_t n, double param) = nullptr;
  // The same with n of bfloat16 or float16, in the same order; null where they must become floats in memory first.
  void (*bf16_block)(void* acc, const void* x, int64_t n) = nullptr;
  void (*f16_block)(void* acc, const void* x, int64_t n) = nullptr;
  int64_t lane_size = 0;
  bool any_length = false;  // whether the result is the same for a block of any length
  // *acc = *acc with what four vectors of sums have of the elements before (chain_fold), and n more; null where there
  // is no such sum
  void (*resume)(void* acc, const void* sums, const void* x, int64_t n) = nullptr;
  // acc[r] = acc[r] with the n elements of row r; params has one number a row, or is null
  void (*rows)(void* acc, const void* x, int64_t stride, int64_t rows, int64_t n, const double* params) = nullptr;
  // lanes[i] = lanes[i] with x[i]
  void (*row)(void* lanes, const void* x, const double* params, int64_t n) = nullptr;
  // The same with four rows, in their order; null for those that take a parameter.
  void (*four_rows)(void* lanes, const void* x, int64_t stride, int64_t n) = nullptr;
  void (*reset)(void* lanes, int64_t n) = nullptr;
  void (*flush)(void* acc, const void* lanes, int64_t n) = nullptr;  // acc[i] = acc[i] with lanes[i]
};

// Empty functions where the compute type (f32, f64, i32, i64, c64 or c128) has no such reduction.
ReduceFunctions reduce_functions(ReduceKind kind, DType compute);

}  // namespace flambeau::cpu
