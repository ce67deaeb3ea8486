// Transforms of as many lines at once as a vector has lanes. A block holds its lines side by side: for each element the
// real parts of all lanes, then the imaginary parts.
#pragma once
#include "fft_plan.h"

namespace flambeau::cpu::fft {

// Where complex elements lie: element k of lane v has its parts at re[lanes[v] + k · step] and im[…]. Without `im`
// they are real; without `re`, where they are written, the real part is dropped. Exchanging the two turns a transform
// into its inverse.
template <typename R>
struct Planes {
  R* re;
  R* im;
  int64_t step;
  int count;  // lanes in use
  int64_t lanes[kMaxLanes];
};

template <typename R>
struct BlockFunctions {
  int lanes;
  // Elements 0 … n - 1; lanes that are not in use become zero.
  void (*load)(R* block, const Planes<const R>& from, int64_t n);
  // Real parts times `re`, imaginary ones times `im`.
  void (*store)(const R* block, const Planes<R>& to, int64_t n, R re, R im);
  // Transforms block a; both are written. Returns the one with the result.
  R* (*transform)(const Passes<R>& passes, R* a, R* b);
  // Between the steps of a split, `count` columns from j on: to and from the layout that the second step reads.
  void (*put_columns)(const Split<R>& split, R* steps, R* block, int64_t j, int count);
  void (*take_columns)(const Split<R>& split, R* block, const R* steps, int64_t j, int count);
  // block[k] *= factors[k], one for all lanes; before, real and imaginary parts are exchanged if asked.
  void (*scale_rows)(R* block, const R* factors, int64_t n, bool exchange);
  // block[k] *= factors[k · step + v] for lane v.
  void (*scale_lanes)(R* block, const R* factors, int64_t step, int64_t n, bool exchange);
  // block[k] *= factors[k], a block too; before, real and imaginary parts are exchanged.
  void (*multiply_exchanged)(R* block, const R* factors, int64_t n);
  // The transform of 2h real numbers from that of them as h complex ones, and back (exchanged, conjugated first if
  // asked).
  void (*from_packed)(R* block, const Roots<R>& roots, int64_t h);
  void (*to_packed)(R* block, const Roots<R>& roots, int64_t h, bool conjugate);
  // The same for a single line of pairs, elements [begin, end) of 1 … h / 2 and their mirror images.
  void (*line_from_packed)(R* line, const Roots<R>& roots, int64_t h, int64_t begin, int64_t end, R im);
  void (*line_to_packed)(R* out, const R* line, const Roots<R>& roots, int64_t h, int64_t begin, int64_t end, R im);
};

const BlockFunctions<float>& block_functions(float);
const BlockFunctions<double>& block_functions(double);

}  // namespace flambeau::cpu::fft
