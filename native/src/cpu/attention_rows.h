// The pointwise parts of attention, on a row of scores or of a head, for the ISA at hand. R is float or double.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

template <typename R>
struct AttentionRows {
  // The largest of the scores and `least`.
  R (*largest)(const R* s, R least, int64_t n);
  // s = exp(s - shift); returns the sum.
  R (*exponentials)(R* s, R shift, int64_t n);
  R (*dot)(const R* a, const R* b, int64_t n);
  // s[i] = q · row i, of n rows that lie `stride` apart.
  void (*dots)(R* s, const R* q, const R* rows, int64_t stride, int64_t n, int64_t features);
  // out = Σ s[i] row i.
  void (*weigh)(R* out, const R* s, const R* rows, int64_t stride, int64_t n, int64_t features);
  void (*scale)(R* x, R factor, int64_t n);
  void (*add)(R* s, const R* mask, int64_t n);
  // s = -∞ where `visible` is 0.
  void (*hide)(R* s, const uint8_t* visible, int64_t n);
  // The gradient of the scores: p (dp - delta), written to dp.
  void (*score_grad)(R* dp, const R* p, R delta, int64_t n);
};

AttentionRows<float> attention_rows(float);
AttentionRows<double> attention_rows(double);

}  // namespace flambeau::cpu
