// Values of images and volumes at given points. The taps of a few points are made once and used for all channels.
#include <algorithm>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/grid_sample.gen.h"
#include "flambeau/parallel.h"
#include "grid_taps.h"

namespace flambeau::cpu {
namespace {

using namespace grid;

struct Sizes {
  GridPlane plane;
  int64_t channels, in, points;  // in: elements of an input plane; points: of one sample

  Sizes(const TensorView& input, const TensorView& grid, int64_t mode, int64_t padding, bool align_corners) {
    plane.spatial = input.ndim - 2;
    plane.sampling = static_cast<Sampling>(mode);
    plane.border = static_cast<Border>(padding);
    plane.align_corners = align_corners;
    channels = input.shape[1];
    in = points = 1;
    for (int d = 0; d < plane.spatial; ++d) {
      plane.size[d] = input.shape[input.ndim - 1 - d];
      in *= plane.size[d];
      points *= grid.shape[1 + d];
    }
  }
};

// Inlined for the sake of GCC 12, like what it calls.
template <typename T, typename C, int kTaps>
HWY_INLINE void load_taps(GridTaps<C, kTaps>& taps, const T* grid, int64_t n, const GridPlane& plane) {
  for (int64_t p = 0; p < n; ++p) {
    PlaceType<T> point[3] = {};
    for (int d = 0; d < plane.spatial; ++d) point[d] = PlaceType<T>(grid[p * plane.spatial + d]);
    make_grid_taps(taps, p, point, plane);
  }
}

// Calls body.operator()<T, C, kTaps>().
template <typename Body>
Status visit(DType dtype, const GridPlane& plane, const Body& body) {
  if (!is_floating(dtype)) return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)};
  visit_dtype(dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      using C = ComputeType<T>;
      if (plane.sampling == Sampling::nearest)
        body.template operator()<T, C, 1>();
      else if (plane.sampling == Sampling::cubic)
        body.template operator()<T, C, 16>();
      else if (plane.spatial == 3)
        body.template operator()<T, C, 8>();
      else
        body.template operator()<T, C, 4>();
    }
  });
  return {};
}

// Calls body(sample, first point, number of points) for pieces of all samples' points, in parallel.
template <typename Body>
void each_piece(int64_t samples, const Sizes& s, int64_t work, const Body& body) {
  const int64_t pieces = (s.points + kPoints - 1) / kPoints;
  parallel_for(samples * pieces, std::max<int64_t>(1, kGrain / (kPoints * work)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % pieces * kPoints;
      body(i / pieces, first, std::min(kPoints, s.points - first));
    }
  });
}

}  // namespace

Status grid_sample(GridSampleArgs& args) {
  const Sizes s(args.input, args.grid, args.mode, args.padding, args.align_corners);
  return visit(args.out.dtype, s.plane, [&]<typename T, typename C, int kTaps>() {
    each_piece(args.input.shape[0], s, kTaps * s.channels + 8, [&](int64_t sample, int64_t first, int64_t n) {
      GridTaps<C, kTaps> taps;
      load_taps(taps, args.grid.as<T>() + (sample * s.points + first) * s.plane.spatial, n, s.plane);
      for (int64_t c = 0; c < s.channels; ++c) {
        const T* in = args.input.as<T>() + (sample * s.channels + c) * s.in;
        T* out = args.out.as<T>() + (sample * s.channels + c) * s.points + first;
        for (int64_t p = 0; p < n; ++p) {
          C sum = 0;
          for (int k = 0; k < kTaps; ++k) {
            const int64_t at = taps.at[k][p];
            sum += taps.weight[k][p] * (at >= 0 ? static_cast<C>(in[at]) : C(0));
          }
          out[p] = convert<T>(sum);
        }
      }
    });
  });
}

// Channels are shared out, so that each plane is added to by one thread in the order of points.
Status grid_sample_input_backward(GridSampleInputBackwardArgs& args) {
  const Sizes s(args.grad_input, args.grid, args.mode, args.padding, args.align_corners);
  return visit(args.grad.dtype, s.plane, [&]<typename T, typename C, int kTaps>() {
    const int64_t planes = args.grad_input.shape[0] * s.channels;
    parallel_for(planes, std::max<int64_t>(1, kGrain / (s.points * kTaps + s.in + 1)), [&](int64_t begin, int64_t end) {
      // Halves are summed in float.
      std::vector<C> sums(std::is_same_v<T, C> ? 0 : (end - begin) * s.in);
      C* to;
      if constexpr (std::is_same_v<T, C>)
        to = args.grad_input.as<T>() + begin * s.in;
      else
        to = sums.data();
      std::fill_n(to, (end - begin) * s.in, C(0));
      GridTaps<C, kTaps> taps;
      for (int64_t b = begin; b < end;) {
        const int64_t sample = b / s.channels, e = std::min(end, (sample + 1) * s.channels);
        for (int64_t first = 0; first < s.points; first += kPoints) {
          const int64_t n = std::min(kPoints, s.points - first);
          load_taps(taps, args.grid.as<T>() + (sample * s.points + first) * s.plane.spatial, n, s.plane);
          for (int64_t plane = b; plane < e; ++plane) {
            const T* grad = args.grad.as<T>() + plane * s.points + first;
            C* sum = to + (plane - begin) * s.in;
            for (int64_t p = 0; p < n; ++p) {
              const C g = static_cast<C>(grad[p]);
              for (int k = 0; k < kTaps; ++k)
                if (taps.at[k][p] >= 0) sum[taps.at[k][p]] += taps.weight[k][p] * g;
            }
          }
        }
        b = e;
      }
      if constexpr (!std::is_same_v<T, C>)
        store_block(args.grad_input.as<T>() + begin * s.in, 1, to, (end - begin) * s.in);
    });
  });
}

Status grid_sample_grid_backward(GridSampleGridBackwardArgs& args) {
  const Sizes s(args.input, args.grid, args.mode, args.padding, args.align_corners);
  return visit(args.grad.dtype, s.plane, [&]<typename T, typename C, int kTaps>() {
    const int spatial = s.plane.spatial;
    each_piece(args.input.shape[0], s, kTaps * s.channels + 8, [&](int64_t sample, int64_t first, int64_t n) {
      GridTaps<C, kTaps> taps;
      load_taps(taps, args.grid.as<T>() + (sample * s.points + first) * spatial, n, s.plane);
      C products[kTaps][kPoints] = {};
      for (int64_t c = 0; c < s.channels; ++c) {
        const T* in = args.input.as<T>() + (sample * s.channels + c) * s.in;
        const T* grad = args.grad.as<T>() + (sample * s.channels + c) * s.points + first;
        for (int k = 0; k < kTaps; ++k)
          for (int64_t p = 0; p < n; ++p) {
            const int64_t at = taps.at[k][p];
            products[k][p] += at >= 0 ? static_cast<C>(in[at]) * static_cast<C>(grad[p]) : C(0);
          }
      }
      T* to = args.grad_grid.as<T>() + (sample * s.points + first) * spatial;
      for (int64_t p = 0; p < n; ++p)
        for (int d = 0; d < spatial; ++d) {
          C sum = 0;
          for (int k = 0; k < kTaps; ++k) sum += taps.slope[d][k][p] * products[k][p];
          to[p * spatial + d] = convert<T>(sum);
        }
    });
  });
}

}  // namespace flambeau::cpu
