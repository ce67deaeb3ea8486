// Windows of an image as columns, and columns added back into an image. A row of the columns is one position within the
// window; along it, the positions of an image row lie `stride` apart, so both directions run over contiguous memory.
#include <algorithm>
#include <cstring>
#include <vector>

#include "accumulate.h"
#include "flambeau/kernels/fold.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

struct Side {
  int64_t size, kernel, dilation, padding, stride, windows;

  // The windows [first, last) whose element k lies inside of the image.
  int64_t first(int64_t k) const {
    const int64_t outside = padding - k * dilation;
    return std::clamp<int64_t>(outside <= 0 ? 0 : (outside + stride - 1) / stride, 0, windows);
  }
  int64_t last(int64_t k) const {
    const int64_t inside = size + padding - k * dilation;
    return std::clamp<int64_t>(inside <= 0 ? 0 : (inside + stride - 1) / stride, first(k), windows);
  }
  int64_t position(int64_t window, int64_t k) const { return window * stride - padding + k * dilation; }
};

struct Geometry {
  Side y, x;
  int64_t planes;

  template <typename Args>
  Geometry(const Args& args, const TensorView& image) : planes(image.shape[0] * image.shape[1]) {
    for (int d = 0; d < 2; ++d) {
      Side& side = d == 0 ? y : x;
      side = {image.shape[2 + d], args.kernel[d], args.dilation[d], args.padding[d], args.stride[d], 0};
      side.windows = (side.size + 2 * side.padding - side.dilation * (side.kernel - 1) - 1) / side.stride + 1;
    }
  }
  int64_t image() const { return y.size * x.size; }
  int64_t row() const { return y.windows * x.windows; }
  int64_t window() const { return y.kernel * x.kernel; }
};

}  // namespace

Status unfold_windows(UnfoldWindowsArgs& args) {
  const Geometry g(args, args.input);
  visit_dtype(args.out.dtype, [&]<typename T>() {
    const int64_t rows = g.planes * g.window();
    parallel_for(rows, std::max<int64_t>(1, kGrain / (g.row() + 1)), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        const T* image = args.input.as<T>() + r / g.window() * g.image();
        const int64_t ky = r % g.window() / g.x.kernel, kx = r % g.x.kernel;
        const int64_t first = g.x.first(kx), last = g.x.last(kx);
        T* to = args.out.as<T>() + r * g.row();
        for (int64_t oy = 0; oy < g.y.windows; ++oy, to += g.x.windows) {
          const int64_t iy = g.y.position(oy, ky);
          if (iy < 0 || iy >= g.y.size || first == last) {
            std::fill_n(to, g.x.windows, T(0));
            continue;
          }
          std::fill_n(to, first, T(0));
          const T* from = image + iy * g.x.size + g.x.position(first, kx);
          if (g.x.stride == 1)
            std::copy_n(from, last - first, to + first);
          else
            for (int64_t i = 0; i < last - first; ++i) to[first + i] = from[i * g.x.stride];
          std::fill_n(to + last, g.x.windows - last, T(0));
        }
      }
    });
  });
  return {};
}

Status fold_windows(FoldWindowsArgs& args) {
  const Geometry g(args, args.out);
  visit_dtype(args.out.dtype, [&]<typename T>() {
    // Halves are summed in float.
    using Sum = std::conditional_t<kIsHalf<T>, float, T>;
    const int64_t work = g.window() * g.row() + g.image() + 1;
    parallel_for(g.planes, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
      std::vector<float> half(kIsHalf<T> ? g.image() : 0);
      for (int64_t plane = begin; plane < end; ++plane) {
        T* out = args.out.as<T>() + plane * g.image();
        Sum* sums;
        if constexpr (kIsHalf<T>)
          sums = half.data();
        else
          sums = out;
        std::fill_n(sums, g.image(), Sum(0));
        const T* from = args.input.as<T>() + plane * g.window() * g.row();
        for (int64_t k = 0; k < g.window(); ++k) {
          const int64_t ky = k / g.x.kernel, kx = k % g.x.kernel;
          const int64_t first = g.x.first(kx), last = g.x.last(kx);
          for (int64_t oy = 0; oy < g.y.windows; ++oy, from += g.x.windows) {
            const int64_t iy = g.y.position(oy, ky);
            if (iy < 0 || iy >= g.y.size || first == last) continue;
            Sum* to = sums + iy * g.x.size + g.x.position(first, kx);
            if (g.x.stride == 1)
              for (int64_t i = 0; i < last - first; ++i) to[i] = plus(to[i], convert<Sum>(from[first + i]));
            else
              for (int64_t i = 0; i < last - first; ++i)
                to[i * g.x.stride] = plus(to[i * g.x.stride], convert<Sum>(from[first + i]));
          }
        }
        if constexpr (kIsHalf<T>) store_block(out, 1, sums, g.image());
      }
    });
  });
  return {};
}

}  // namespace flambeau::cpu
