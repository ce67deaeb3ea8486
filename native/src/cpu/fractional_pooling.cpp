// Fractional max pooling (Graham, 2014): windows at pseudo-random places that cover a dimension evenly.
#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/fractional_pooling.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

// Where the windows of a dimension begin, for a sample in [0, 1).
template <typename C>
void place_windows(std::vector<int64_t>& begin, C sample, int64_t in, int64_t out, int64_t kernel) {
  begin.resize(out);
  if (out > 1) {
    const C alpha = static_cast<C>(in - kernel) / static_cast<C>(out - 1);
    for (int64_t i = 0; i < out - 1; ++i)
      begin[i] = static_cast<int64_t>((static_cast<C>(i) + sample) * alpha) - static_cast<int64_t>(sample * alpha);
  }
  if (out > 0) begin[out - 1] = in - kernel;
}

}  // namespace

Status fractional_max_pool(FractionalMaxPoolArgs& args) {
  const int spatial = static_cast<int>(args.kernel.size()), lead = args.input.ndim - spatial;
  std::array<int64_t, 3> in{1, 1, 1}, out{1, 1, 1}, kernel{1, 1, 1};
  int64_t planes = 1;
  for (int i = 0; i < lead; ++i) planes *= args.input.shape[i];
  for (int i = 0; i < spatial; ++i) {
    in[3 - spatial + i] = args.input.shape[lead + i];
    out[3 - spatial + i] = args.out.shape[lead + i];
    kernel[3 - spatial + i] = args.kernel[i];
  }
  const int64_t in_size = in[0] * in[1] * in[2], out_size = out[0] * out[1] * out[2];
  const int64_t work = out_size * kernel[0] * kernel[1] * kernel[2] + 1;
  if (!is_floating(args.out.dtype)) return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(args.out.dtype)};
  visit_dtype(args.out.dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      using C = ComputeType<T>;
      parallel_for(planes, std::max<int64_t>(1, kGrain / work), [&](int64_t first, int64_t last) {
        std::array<std::vector<int64_t>, 3> begin;
        begin[0] = {0};
        for (int64_t plane = first; plane < last; ++plane) {
          const T* sample = args.samples.as<T>() + plane * spatial;
          for (int d = 3 - spatial; d < 3; ++d) {
            // PyTorch's order: x before y in two dimensions, z, y, x in three.
            const int at = spatial == 2 ? 2 - d : d;
            place_windows(begin[d], static_cast<C>(sample[at]), in[d], out[d], kernel[d]);
          }
          const T* from = args.input.as<T>() + plane * in_size;
          int64_t to = plane * out_size;
          for (const int64_t z : begin[0])
            for (const int64_t y : begin[1])
              for (const int64_t x : begin[2]) {
                C best = -std::numeric_limits<C>::infinity();
                int64_t where = (z * in[1] + y) * in[2] + x;
                for (int64_t i = z; i < z + kernel[0]; ++i)
                  for (int64_t j = y; j < y + kernel[1]; ++j)
                    for (int64_t k = x; k < x + kernel[2]; ++k) {
                      const int64_t position = (i * in[1] + j) * in[2] + k;
                      const C value = static_cast<C>(from[position]);
                      if (!(value > best) && value == value) continue;
                      best = value;
                      where = position;
                    }
                args.out.as<T>()[to] = convert<T>(best);
                args.indices.as<int64_t>()[to++] = where;
              }
        }
      });
    }
  });
  return {};
}

}  // namespace flambeau::cpu
