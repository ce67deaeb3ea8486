// The windows of a pooling (pooling.cpp), and its inner loops over planes, vectorised for the ISA at hand.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace flambeau::cpu {

// The input positions begin, begin + step, … < end of one output position, clipped to the input.
struct Window {
  int64_t begin, end, step;
  int64_t count;  // positions with padding, as averages divide by
};

// Outputs [begin, end) of a row whose windows are all of `size` elements, each `stride` after the one before.
struct Regular {
  int64_t begin = 0, end = 0, size = 0, stride = 1;
};

struct Pool {
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1};
  std::array<std::vector<Window>, 3> windows;
  Regular regular;  // of the last dimension
  int64_t planes, inner;

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

// What averages divide by: a number given, or the size of the window, with the padding that it reaches over or without.
struct Divisor {
  int64_t given;
  bool include_padding;

  int64_t of(const Window& d, const Window& h, const Window& w) const {
    if (given != 0) return given;
    if (include_padding) return d.count * h.count * w.count;
    return (d.end - d.begin) * (h.end - h.begin) * (w.end - w.begin);
  }
};

// Of a plane of blocks of p.inner floats: the maxima and, unless it is null, their positions; the averages, and the
// gradient of these, which is added to `to`.
void max_pool_blocks(const Pool& p, float* out, int32_t* indices, const float* in);
void avg_pool_blocks(const Pool& p, float* out, const float* in, const Divisor& divisor);
void avg_pool_blocks_backward(const Pool& p, float* to, const float* grad, const Divisor& divisor);

// The same of a plain plane.
template <typename R>
struct PoolFunctions {
  void (*max)(const Pool& p, R* out, int32_t* indices, const R* in);
  void (*average)(const Pool& p, R* out, const R* in, const Divisor& divisor);
  void (*average_backward)(const Pool& p, R* to, const R* grad, const Divisor& divisor);
};
PoolFunctions<float> pool_functions(float);
PoolFunctions<double> pool_functions(double);

}  // namespace flambeau::cpu
