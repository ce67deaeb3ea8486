// The inner loops of resizing (interpolate.cpp) and of pooling over regions (regions.cpp), vectorised for the ISA at
// hand.
#pragma once
#include <cstdint>

#include "interpolate_taps.h"

namespace flambeau::cpu {

// Rows that `gather_rows` works on at a time.
inline constexpr int64_t kGatherRows = 8;

// Sums of weighted rows of n numbers: row y of `to`, each `step` numbers after the last, is Σ weights[k] · rows[k] over
// k in [begin[y], begin[y + 1]), on top of what it holds where `add` is set.
void blend_rows(float* to, int64_t step, const float* const* rows, const float* weights, const int64_t* begin,
                int64_t count, int64_t n, bool add = false);
void blend_rows(double* to, int64_t step, const double* const* rows, const double* weights, const int64_t* begin,
                int64_t count, int64_t n, bool add = false);

// Each row, `from_step` numbers after the last, resized along its length. An element is `inner` numbers: 1, or a block
// of channels. `workspace` has room for kGatherRows · taps.sources numbers.
void gather_rows(float* to, int64_t to_step, const float* from, int64_t from_step, int64_t rows,
                 const Taps<float>& taps, int64_t inner, float* workspace);
void gather_rows(double* to, int64_t to_step, const double* from, int64_t from_step, int64_t rows,
                 const Taps<double>& taps, int64_t inner, double* workspace);

}  // namespace flambeau::cpu
