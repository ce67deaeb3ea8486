// The windows of a pooling (pooling.cpp), and its inner loop over blocks of channels, vectorised for the ISA at hand.
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

struct Pool {
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1};
  std::array<std::vector<Window>, 3> windows;
  int64_t planes, inner;

  int64_t in_size() const { return in[0] * in[1] * in[2]; }
  int64_t out_size() const { return out[0] * out[1] * out[2]; }
};

// The maxima of a plane of blocks of p.inner floats, and their positions.
void max_pool_blocks(const Pool& p, float* out, int32_t* indices, const float* in);

}  // namespace flambeau::cpu
