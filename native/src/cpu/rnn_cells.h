// The pointwise part of recurrent cells: one step of one sequence, forward and backward. R is float or double.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

// Gates lie one after the other, n elements each: i, f, g, o of an LSTM; r, z, n of a GRU.
template <typename R>
struct CellFunctions {
  // h = tanh(z), or max(z, 0)
  void (*tanh)(R* h, int64_t n);
  void (*relu)(R* h, int64_t n);
  // The gradient of z from that of h and h itself.
  void (*tanh_backward)(R* dz, const R* dh, const R* h, int64_t n);
  void (*relu_backward)(R* dz, const R* dh, const R* h, int64_t n);
  // z [4n] becomes the gates after their activations; c the new memory, cell a copy of it, h what the cell gives.
  void (*lstm)(R* z, R* c, R* cell, R* h, int64_t n);
  // dz [4n], and dc becomes the gradient of the memory before.
  void (*lstm_backward)(R* dz, R* dc, const R* dh, const R* gates, const R* cell, const R* before, int64_t n);
  // x, y [3n] are the products of input and hidden state. gates [4n]: r, z, n and y's part of n. h becomes the new
  // state.
  void (*gru)(R* gates, R* h, const R* x, const R* y, int64_t n);
  // dx, dy [3n], and dh becomes the part of the gradient that goes around the products.
  void (*gru_backward)(R* dx, R* dy, R* dh, const R* gates, const R* before, int64_t n);
};

CellFunctions<float> cell_functions(float);
CellFunctions<double> cell_functions(double);

}  // namespace flambeau::cpu
