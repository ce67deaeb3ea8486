// Pooling over regions: bilinear samples averaged (He et al., 2017, arXiv:1703.06870), or maxima (Girshick, 2015).
//
// A bilinear weight is a product of one for the row and one for the column, and so is the mean over a bin's grid of
// samples. A bin therefore is a short list of rows and one of columns, in which samples that fall between the same
// pixels are added up before any pixel is read.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/regions.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

template <typename C>
struct Tap {
  int64_t at;
  C weight;
};

// The taps of all bins of one dimension: those of bin b are [begin[b], begin[b + 1]).
template <typename C>
struct Axis {
  std::vector<Tap<C>> taps;
  std::vector<int64_t> begin;
};

template <typename C>
void add_tap(Axis<C>& axis, int64_t first, int64_t at, C weight) {
  const int64_t end = static_cast<int64_t>(axis.taps.size());
  // Samples go upward: what falls on a pixel again is among the last two.
  for (int64_t i = end - 1; i >= std::max(first, end - 2); --i)
    if (axis.taps[i].at == at) {
      axis.taps[i].weight += weight;
      return;
    }
  axis.taps.push_back({at, weight});
}

template <typename C>
void place(Axis<C>& axis, C start, C length, int64_t bins, int64_t size, int64_t sampling) {
  axis.taps.clear();
  axis.begin.assign(1, 0);
  const C bin = length / static_cast<C>(bins);
  const double wanted = sampling > 0 ? static_cast<double>(sampling) : std::ceil(static_cast<double>(bin));
  const C samples = static_cast<C>(wanted), share = C(1) / std::max(samples, C(1));
  for (int64_t b = 0; b < bins; ++b) {
    const int64_t first = static_cast<int64_t>(axis.taps.size());
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
      add_tap(axis, first, low, (C(1) - above) * share);
      if (above > C(0)) add_tap(axis, first, low + 1, above * share);
    }
    axis.begin.push_back(static_cast<int64_t>(axis.taps.size()));
  }
}

// The geometry of one region; which image it is of.
template <typename T, typename C>
int64_t place_region(Axis<C>& rows, Axis<C>& columns, const T* roi, C scale, int64_t sampling, bool aligned,
                     int64_t bins_y, int64_t bins_x, int64_t height, int64_t width) {
  const C offset = aligned ? C(0.5) : C(0);
  const C x1 = static_cast<C>(roi[1]) * scale - offset, y1 = static_cast<C>(roi[2]) * scale - offset;
  const C x2 = static_cast<C>(roi[3]) * scale - offset, y2 = static_cast<C>(roi[4]) * scale - offset;
  const C least = aligned ? -std::numeric_limits<C>::infinity() : C(1);
  place(rows, y1, std::max(y2 - y1, least), bins_y, height, sampling);
  place(columns, x1, std::max(x2 - x1, least), bins_x, width, sampling);
  return static_cast<int64_t>(static_cast<C>(roi[0]));
}

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

}  // namespace

Status roi_align(RoiAlignArgs& args) {
  const int64_t images = args.input.shape[0], channels = args.input.shape[1], height = args.input.shape[2],
                width = args.input.shape[3];
  const int64_t count = args.out.shape[0], bins_y = args.out.shape[2], bins_x = args.out.shape[3];
  Status status;
  visit_dtype(args.out.dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      using C = ComputeType<T>;
      const T* rois = args.rois.as<T>();
      status = check<T, C>(rois, count, images);
      if (!status.ok()) return;
      const int64_t work = channels * bins_y * bins_x * 16 + 1;
      parallel_for(count, std::max<int64_t>(1, kGrain / work), [&](int64_t first, int64_t last) {
        Axis<C> rows, columns;
        std::vector<C> sums(bins_x);
        for (int64_t k = first; k < last; ++k) {
          const int64_t image = place_region(rows, columns, rois + 5 * k, static_cast<C>(args.scale), args.sampling,
                                             args.aligned, bins_y, bins_x, height, width);
          for (int64_t c = 0; c < channels; ++c) {
            const T* plane = args.input.as<T>() + (image * channels + c) * height * width;
            T* out = args.out.as<T>() + (k * channels + c) * bins_y * bins_x;
            for (int64_t y = 0; y < bins_y; ++y, out += bins_x) {
              std::fill(sums.begin(), sums.end(), C(0));
              for (int64_t r = rows.begin[y]; r < rows.begin[y + 1]; ++r) {
                const T* row = plane + rows.taps[r].at * width;
                const C weight = rows.taps[r].weight;
                for (int64_t x = 0; x < bins_x; ++x) {
                  C sum = 0;
                  for (int64_t t = columns.begin[x]; t < columns.begin[x + 1]; ++t)
                    sum += columns.taps[t].weight * static_cast<C>(row[columns.taps[t].at]);
                  sums[x] += weight * sum;
                }
              }
              for (int64_t x = 0; x < bins_x; ++x) out[x] = convert<T>(sums[x]);
            }
          }
        }
      });
    } else {
      status = {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(args.out.dtype)};
    }
  });
  return status;
}

Status roi_align_backward(RoiAlignBackwardArgs& args) {
  const int64_t images = args.grad_input.shape[0], channels = args.grad_input.shape[1],
                height = args.grad_input.shape[2], width = args.grad_input.shape[3];
  const int64_t count = args.grad.shape[0], bins_y = args.grad.shape[2], bins_x = args.grad.shape[3];
  Status status;
  visit_dtype(args.grad.dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      using C = ComputeType<T>;
      const T* rois = args.rois.as<T>();
      status = check<T, C>(rois, count, images);
      if (!status.ok()) return;
      struct Region {
        Axis<C> rows, columns;
        int64_t image;
      };
      std::vector<Region> regions(count);
      parallel_for(count, 64, [&](int64_t first, int64_t last) {
        for (int64_t k = first; k < last; ++k)
          regions[k].image = place_region(regions[k].rows, regions[k].columns, rois + 5 * k, static_cast<C>(args.scale),
                                          args.sampling, args.aligned, bins_y, bins_x, height, width);
      });
      // A plane belongs to one thread: regions overlap.
      const int64_t work = (count * bins_y * bins_x * 16) / std::max<int64_t>(1, images) + height * width;
      parallel_for(images * channels, std::max<int64_t>(1, kGrain / work), [&](int64_t first, int64_t last) {
        std::vector<C> plane(height * width);
        for (int64_t p = first; p < last; ++p) {
          std::fill(plane.begin(), plane.end(), C(0));
          for (int64_t k = 0; k < count; ++k) {
            const auto& [rows, columns, image] = regions[k];
            if (image != p / channels) continue;
            const T* grad = args.grad.as<T>() + (k * channels + p % channels) * bins_y * bins_x;
            for (int64_t y = 0; y < bins_y; ++y, grad += bins_x)
              for (int64_t r = rows.begin[y]; r < rows.begin[y + 1]; ++r) {
                C* row = plane.data() + rows.taps[r].at * width;
                for (int64_t x = 0; x < bins_x; ++x) {
                  const C share = rows.taps[r].weight * static_cast<C>(grad[x]);
                  for (int64_t t = columns.begin[x]; t < columns.begin[x + 1]; ++t)
                    row[columns.taps[t].at] += share * columns.taps[t].weight;
                }
              }
          }
          T* out = args.grad_input.as<T>() + p * height * width;
          for (int64_t i = 0; i < height * width; ++i) out[i] = convert<T>(plane[i]);
        }
      });
    } else {
      status = {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(args.grad.dtype)};
    }
  });
  return status;
}

Status roi_max_positions(RoiMaxPositionsArgs& args) {
  const int64_t images = args.input.shape[0], channels = args.input.shape[1], height = args.input.shape[2],
                width = args.input.shape[3];
  const int64_t count = args.indices.shape[0], bins_y = args.indices.shape[2], bins_x = args.indices.shape[3];
  Status status;
  visit_dtype(args.input.dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      using C = ComputeType<T>;
      const T* rois = args.rois.as<T>();
      status = check<T, C>(rois, count, images);
      if (!status.ok()) return;
      const C scale = static_cast<C>(args.scale);
      parallel_for(count, 1, [&](int64_t first, int64_t last) {
        // Beyond the image is all the same.
        const auto rounded = [&](T corner) {
          return static_cast<int64_t>(std::clamp(std::round(static_cast<C>(corner) * scale), C(-1 << 24), C(1 << 24)));
        };
        for (int64_t k = first; k < last; ++k) {
          const T* roi = rois + 5 * k;
          const int64_t x1 = rounded(roi[1]), y1 = rounded(roi[2]), x2 = rounded(roi[3]), y2 = rounded(roi[4]);
          const C bin_y = static_cast<C>(std::max<int64_t>(y2 - y1 + 1, 1)) / static_cast<C>(bins_y);
          const C bin_x = static_cast<C>(std::max<int64_t>(x2 - x1 + 1, 1)) / static_cast<C>(bins_x);
          const auto edge = [](C offset, int64_t start, int64_t size) {
            return std::clamp<int64_t>(static_cast<int64_t>(offset) + start, 0, size);
          };
          for (int64_t c = 0; c < channels; ++c) {
            const int64_t base = (static_cast<int64_t>(static_cast<C>(roi[0])) * channels + c) * height * width;
            const T* plane = args.input.as<T>() + base;
            int64_t* out = args.indices.as<int64_t>() + (k * channels + c) * bins_y * bins_x;
            for (int64_t y = 0; y < bins_y; ++y) {
              const int64_t top = edge(std::floor(static_cast<C>(y) * bin_y), y1, height);
              const int64_t bottom = edge(std::ceil(static_cast<C>(y + 1) * bin_y), y1, height);
              for (int64_t x = 0; x < bins_x; ++x) {
                const int64_t left = edge(std::floor(static_cast<C>(x) * bin_x), x1, width);
                const int64_t right = edge(std::ceil(static_cast<C>(x + 1) * bin_x), x1, width);
                int64_t best = -1;
                C most = -std::numeric_limits<C>::max();
                for (int64_t i = top; i < bottom; ++i)
                  for (int64_t j = left; j < right; ++j) {
                    const C value = static_cast<C>(plane[i * width + j]);
                    if (!(value > most)) continue;
                    most = value;
                    best = base + i * width + j;
                  }
                *out++ = best;
              }
            }
          }
        }
      });
    } else {
      status = {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(args.input.dtype)};
    }
  });
  return status;
}

}  // namespace flambeau::cpu
