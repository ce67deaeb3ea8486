// Pooling over regions: bilinear samples averaged (He et al., 2017, arXiv:1703.06870), or maxima (Girshick, 2015).
//
// A bilinear weight is a product of one for the row and one for the column, and so is the mean over a bin's grid of
// samples. A bin therefore is a short list of rows and one of columns, in which samples that fall between the same
// pixels are added up before any pixel is read: pooling a region is resizing it (interpolate_rows.h).
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/regions.gen.h"
#include "flambeau/parallel.h"
#include "interpolate_rows.h"

namespace flambeau::cpu {
namespace {

// Bins, each a sum of weighted pixels, and the first pixel that one reads: taps count from there.
template <typename C>
struct Axis {
  Taps<C> taps;
  int64_t first = 0;

  int64_t span() const { return taps.sources; }
};

template <typename C>
void add_tap(Taps<C>& taps, int64_t at, C weight) {
  const int64_t end = static_cast<int64_t>(taps.at.size());
  // Samples go upward: what falls on a pixel again is among the last two.
  for (int64_t i = end - 1; i >= std::max(taps.begin.back(), end - 2); --i)
    if (taps.at[i] == at) {
      taps.weight[i] += weight;
      return;
    }
  taps.add(at, weight);
}

template <typename C>
void place(Axis<C>& axis, C start, C length, int64_t bins, int64_t size, int64_t sampling) {
  Taps<C>& taps = axis.taps;
  taps.clear();
  const C bin = length / static_cast<C>(bins);
  const double wanted = sampling > 0 ? static_cast<double>(sampling) : std::ceil(static_cast<double>(bin));
  const C samples = static_cast<C>(wanted), share = C(1) / std::max(samples, C(1));
  for (int64_t b = 0; b < bins; ++b) {
    const C origin = start + static_cast<C>(b) * bin;
    // A region far larger than the image has no more samples than those that touch it.
    double from = 0, to = wanted;
    if (wanted > 1024) {
      const double step = static_cast<double>(bin) / wanted;
      from = std::clamp(std::floor((-1.0 - origin) / step) - 2, 0.0, wanted);
      to = std::clamp(std::ceil((static_cast<double>(size) - origin) / step) + 2, 0.0, wanted);
    }
    for (double i = from; i < to; ++i) {
      C at = origin + (static_cast<C>(i) + C(0.5)) * bin / samples;
      if (!(at >= C(-1) && at <= static_cast<C>(size))) continue;
      at = std::max(at, C(0));
      const int64_t low = std::min(static_cast<int64_t>(at), size - 1);
      const C above = low == size - 1 ? C(0) : at - static_cast<C>(low);
      add_tap(taps, low, (C(1) - above) * share);
      if (above > C(0)) add_tap(taps, low + 1, above * share);
    }
    taps.next();
  }
  if (taps.at.empty()) {
    axis.first = taps.sources = 0;
    return;
  }
  const auto [least, most] = std::minmax_element(taps.at.begin(), taps.at.end());
  axis.first = *least;
  taps.sources = *most + 1 - axis.first;
  for (int64_t& at : taps.at) at -= axis.first;
}

// A region: the image that it is of, and its bins.
template <typename C>
struct Region {
  int64_t image = 0;
  Axis<C> rows, columns;

  template <typename T, typename Args>
  void place_at(const T* roi, const Args& args, int64_t bins_y, int64_t bins_x, int64_t height, int64_t width) {
    const C offset = args.aligned ? C(0.5) : C(0), scale = static_cast<C>(args.scale);
    const C x1 = static_cast<C>(roi[1]) * scale - offset, y1 = static_cast<C>(roi[2]) * scale - offset;
    const C x2 = static_cast<C>(roi[3]) * scale - offset, y2 = static_cast<C>(roi[4]) * scale - offset;
    const C least = args.aligned ? -std::numeric_limits<C>::infinity() : C(1);
    place(rows, y1, std::max(y2 - y1, least), bins_y, height, args.sampling);
    place(columns, x1, std::max(x2 - x1, least), bins_x, width, args.sampling);
    image = static_cast<int64_t>(static_cast<C>(roi[0]));
  }
};

// Image numbers must exist, and corners be finite.
template <typename T, typename C>
Status check(const T* rois, int64_t count, int64_t images) {
  for (int64_t k = 0; k < count; ++k) {
    const C image = static_cast<C>(rois[5 * k]);
    if (!(image >= C(0) && image < static_cast<C>(images)))
      return {StatusCode::index_out_of_range, k, std::isfinite(image) ? static_cast<int64_t>(image) : -1, images};
    for (int i = 1; i < 5; ++i)
      if (!std::isfinite(static_cast<C>(rois[5 * k + i]))) return {StatusCode::invalid_value, k};
  }
  return {};
}

// The sizes of [N, C, H, W] and of [K, C, bins_y, bins_x].
struct Sizes {
  int64_t images, channels, height, width, count, bins_y, bins_x;

  Sizes(const TensorView& maps, const TensorView& pooled)
      : images(maps.shape[0]),
        channels(maps.shape[1]),
        height(maps.shape[2]),
        width(maps.shape[3]),
        count(pooled.shape[0]),
        bins_y(pooled.shape[2]),
        bins_x(pooled.shape[3]) {}
  int64_t bins() const { return bins_y * bins_x; }
};

// Runs body<T, C>(rois) for a floating dtype and regions that are right.
template <typename Body>
Status visit_regions(const TensorView& rois, const Sizes& sizes, const Body& body) {
  return visit_dtype(rois.dtype, [&]<typename T>() -> Status {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      using C = ComputeType<T>;
      const Status status = check<T, C>(rois.as<T>(), sizes.count, sizes.images);
      if (status.ok()) body.template operator()<T, C>(rois.as<T>());
      return status;
    } else {
      return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(rois.dtype)};
    }
  });
}

}  // namespace

Status roi_align(RoiAlignArgs& args) {
  const Sizes sizes(args.input, args.out);
  return visit_regions(args.rois, sizes, [&]<typename T, typename C>(const T* rois) {
    const int64_t work = sizes.channels * sizes.bins() * 16 + 1;
    parallel_for(sizes.count, std::max<int64_t>(1, kGrain / work), [&](int64_t first, int64_t last) {
      Region<C> region;
      std::vector<C> read, blended, columns, pooled(sizes.bins());
      std::vector<const C*> pixels;
      for (int64_t k = first; k < last; ++k) {
        region.place_at(rois + 5 * k, args, sizes.bins_y, sizes.bins_x, sizes.height, sizes.width);
        const auto& [image, rows, across] = region;
        const int64_t span = across.span(), taps = static_cast<int64_t>(rows.taps.at.size());
        blended.resize(sizes.bins_y * span);
        columns.resize(kGatherRows * span);
        pixels.resize(taps);
        if constexpr (!std::is_same_v<T, C>) read.resize(taps * span);
        for (int64_t c = 0; c < sizes.channels; ++c) {
          // The rows of all bins first, then their columns.
          const T* from = args.input.as<T>() +
                          ((image * sizes.channels + c) * sizes.height + rows.first) * sizes.width + across.first;
          for (int64_t t = 0; t < taps; ++t) {
            if constexpr (std::is_same_v<T, C>) {
              pixels[t] = from + rows.taps.at[t] * sizes.width;
            } else {
              load_block(read.data() + t * span, from + rows.taps.at[t] * sizes.width, 1, span);
              pixels[t] = read.data() + t * span;
            }
          }
          blend_rows(blended.data(), span, pixels.data(), rows.taps.weight.data(), rows.taps.begin.data(), sizes.bins_y,
                     span);
          T* out = args.out.as<T>() + (k * sizes.channels + c) * sizes.bins();
          C* to;
          if constexpr (std::is_same_v<T, C>)
            to = out;
          else
            to = pooled.data();
          gather_rows(to, sizes.bins_x, blended.data(), span, sizes.bins_y, across.taps, 1, columns.data());
          if constexpr (!std::is_same_v<T, C>) store_block(out, 1, to, sizes.bins());
        }
      }
    });
  });
}

Status roi_align_backward(RoiAlignBackwardArgs& args) {
  const Sizes sizes(args.grad_input, args.grad);
  return visit_regions(args.rois, sizes, [&]<typename T, typename C>(const T* rois) {
    // Where bins go to: the transposed taps.
    struct Spread {
      int64_t image, top, left;
      Taps<C> rows, columns;
    };
    std::vector<Spread> regions(sizes.count);
    parallel_for(sizes.count, 64, [&](int64_t first, int64_t last) {
      Region<C> region;
      for (int64_t k = first; k < last; ++k) {
        region.place_at(rois + 5 * k, args, sizes.bins_y, sizes.bins_x, sizes.height, sizes.width);
        const auto& [image, rows, across] = region;
        regions[k] = {image, rows.first, across.first, transpose(rows.taps), transpose(across.taps)};
      }
    });
    // A plane belongs to one thread: regions overlap.
    const int64_t work =
        sizes.count * sizes.bins() * 16 / std::max<int64_t>(1, sizes.images) + sizes.height * sizes.width;
    parallel_for(sizes.images * sizes.channels, std::max<int64_t>(1, kGrain / work), [&](int64_t first, int64_t last) {
      std::vector<C> plane(sizes.height * sizes.width), pooled(sizes.bins()), wide, columns(sizes.bins_x * kGatherRows);
      std::vector<const C*> sources;
      for (int64_t p = first; p < last; ++p) {
        std::fill(plane.begin(), plane.end(), C(0));
        for (int64_t k = 0; k < sizes.count; ++k) {
          const auto& [image, top, left, rows, across] = regions[k];
          if (image != p / sizes.channels) continue;
          const int64_t span = across.size();
          load_block(pooled.data(), args.grad.as<T>() + (k * sizes.channels + p % sizes.channels) * sizes.bins(), 1,
                     sizes.bins());
          wide.resize(sizes.bins_y * span);
          gather_rows(wide.data(), span, pooled.data(), sizes.bins_x, sizes.bins_y, across, 1, columns.data());
          sources.clear();
          for (const int64_t y : rows.at) sources.push_back(wide.data() + y * span);
          blend_rows(plane.data() + top * sizes.width + left, sizes.width, sources.data(), rows.weight.data(),
                     rows.begin.data(), rows.size(), span, true);
        }
        store_block(args.grad_input.as<T>() + p * sizes.height * sizes.width, 1, plane.data(),
                    sizes.height * sizes.width);
      }
    });
  });
}

Status roi_max_positions(RoiMaxPositionsArgs& args) {
  const Sizes sizes(args.input, args.indices);
  return visit_regions(args.rois, sizes, [&]<typename T, typename C>(const T* rois) {
    const C scale = static_cast<C>(args.scale);
    parallel_for(sizes.count, 1, [&](int64_t first, int64_t last) {
      // Beyond the image is all the same.
      const auto rounded = [&](T corner) {
        return static_cast<int64_t>(std::clamp(std::round(static_cast<C>(corner) * scale), C(-1 << 24), C(1 << 24)));
      };
      for (int64_t k = first; k < last; ++k) {
        const T* roi = rois + 5 * k;
        const int64_t x1 = rounded(roi[1]), y1 = rounded(roi[2]), x2 = rounded(roi[3]), y2 = rounded(roi[4]);
        const C bin_y = static_cast<C>(std::max<int64_t>(y2 - y1 + 1, 1)) / static_cast<C>(sizes.bins_y);
        const C bin_x = static_cast<C>(std::max<int64_t>(x2 - x1 + 1, 1)) / static_cast<C>(sizes.bins_x);
        const auto edge = [](C offset, int64_t start, int64_t size) {
          return std::clamp<int64_t>(static_cast<int64_t>(offset) + start, 0, size);
        };
        for (int64_t c = 0; c < sizes.channels; ++c) {
          const int64_t base =
              (static_cast<int64_t>(static_cast<C>(roi[0])) * sizes.channels + c) * sizes.height * sizes.width;
          const T* plane = args.input.as<T>() + base;
          int64_t* out = args.indices.as<int64_t>() + (k * sizes.channels + c) * sizes.bins();
          for (int64_t y = 0; y < sizes.bins_y; ++y) {
            const int64_t top = edge(std::floor(static_cast<C>(y) * bin_y), y1, sizes.height);
            const int64_t bottom = edge(std::ceil(static_cast<C>(y + 1) * bin_y), y1, sizes.height);
            for (int64_t x = 0; x < sizes.bins_x; ++x) {
              const int64_t left = edge(std::floor(static_cast<C>(x) * bin_x), x1, sizes.width);
              const int64_t right = edge(std::ceil(static_cast<C>(x + 1) * bin_x), x1, sizes.width);
              int64_t best = -1;
              C most = -std::numeric_limits<C>::max();
              for (int64_t i = top; i < bottom; ++i)
                for (int64_t j = left; j < right; ++j) {
                  const C value = static_cast<C>(plane[i * sizes.width + j]);
                  if (!(value > most)) continue;
                  most = value;
                  best = base + i * sizes.width + j;
                }
              *out++ = best;
            }
          }
        }
      }
    });
  });
}

}  // namespace flambeau::cpu
