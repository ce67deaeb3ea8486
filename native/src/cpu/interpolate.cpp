// Resizing. Every mode is a linear map of each dimension, given as taps (interpolate_taps.h); the gradient is the
// transposed map. Along the last dimension elements are gathered, along the others whole rows are blended
// (interpolate_rows.h); what comes first is what makes less work. An element is one number, or a block of channels in a
// blocked layout.
#include <array>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/interpolate.gen.h"
#include "flambeau/parallel.h"
#include "interpolate_bytes.h"
#include "interpolate_rows.h"
#include "interpolate_taps.h"

namespace flambeau::cpu {
namespace {

template <typename C>
struct Map {
  std::array<Taps<C>, 3> taps;  // depth, height, width; an identity where there are fewer dimensions
  int64_t planes = 1, inner = 1;

  int64_t in(int d) const { return taps[d].sources; }
  int64_t out(int d) const { return taps[d].size(); }
  int64_t in_plane() const { return in(0) * in(1) * in(2) * inner; }
  int64_t out_rows() const { return out(0) * out(1); }
};

// Weights have the precision of W.
template <typename C, typename W>
Map<C> make_map_of(const InterpolateArgs& args) {
  Map<C> map;
  const int spatial = static_cast<int>(args.scales.size()), lead = args.input.ndim - spatial;
  const Resize mode = static_cast<Resize>(args.mode);
  for (int d = 0; d < 3; ++d) {
    const int i = d - (3 - spatial);
    if (i < 0) {
      map.taps[d].sources = 1;
      map.taps[d].add(0, 1);
      map.taps[d].next();
      continue;
    }
    const int64_t from = args.input.shape[lead + i], to = args.out.shape[lead + i];
    map.taps[d] = args.transposed ? transpose(make_taps<C, W>(to, from, args.scales[i], mode, args.align_corners))
                                  : make_taps<C, W>(from, to, args.scales[i], mode, args.align_corners);
  }
  map.inner = std::max(1, args.input.layout);
  for (int i = 0; i < lead; ++i) map.planes *= args.input.shape[i];
  map.planes /= map.inner;
  return map;
}

// The weights of halves are halves themselves where PyTorch's are: not in bilinear images, and not in gradients.
template <typename T, typename C>
Map<C> make_map(const InterpolateArgs& args) {
  const Resize mode = static_cast<Resize>(args.mode);
  if constexpr (kIsHalf<T>) {
    if (!args.transposed && (mode == Resize::cubic || (mode == Resize::linear && args.scales.size() != 2)))
      return make_map_of<C, T>(args);
  }
  return make_map_of<C, C>(args);
}

// The sources of elements [begin, end): a range, since taps come in order.
template <typename C>
std::pair<int64_t, int64_t> sources_of(const Taps<C>& taps, int64_t begin, int64_t end) {
  const int64_t first = taps.begin[begin], last = taps.begin[end];
  if (first == last) return {0, 0};
  const auto [low, high] = std::minmax_element(taps.at.begin() + first, taps.at.begin() + last);
  return {*low, *high + 1};
}

// Rows of a plane, from row (depth, height) on that is at `base`.
template <typename C>
struct Rows {
  const C* base;
  int64_t depth, height, depth_step, row_step;

  const C* at(int64_t i, int64_t j) const { return base + (i - depth) * depth_step + (j - height) * row_step; }
};

// Output rows [begin, end) of all planes.
template <typename T, typename C>
class RowResizer {
 public:
  RowResizer(const Map<C>& map, T* out, const T* in)
      : map_(map),
        out_(out),
        in_(in),
        in_width_(map.in(2) * map.inner),
        out_width_(map.out(2) * map.inner),
        columns_(map.in(2) * kGatherRows) {}

  void run(int64_t begin, int64_t end) {
    const bool rows_stay = map_.taps[0].stays() && map_.taps[1].stays();
    const bool width_first = map_.in(0) * map_.in(1) < map_.out_rows();
    const int64_t most = width_first ? 4 * kGatherRows : kGatherRows;
    for (int64_t r = begin; r < end;) {
      const int64_t h = r % map_.out(1);
      const int64_t rows = std::min({most, end - r, rows_stay ? end - r : map_.out(1) - h});
      if (rows_stay)
        resize_width(r, load(in_ + r * in_width_, rows, loaded_), rows);
      else
        resize_block(r, rows, width_first);
      r += rows;
    }
  }

 private:
  // Rows in the type that is computed with: themselves, or a copy.
  const C* load(const T* from, int64_t rows, std::vector<C>& copy) {
    if constexpr (kDirect) {
      return from;
    } else {
      copy.resize(rows * in_width_);
      load_block(copy.data(), from, 1, rows * in_width_);
      return copy.data();
    }
  }
  // Where output rows from r on are computed, and how they get to their place from there.
  C* target(int64_t r, int64_t rows) {
    if constexpr (kDirect) return out_ + r * out_width_;
    made_.resize(rows * out_width_);
    return made_.data();
  }
  void store(int64_t r, int64_t rows) {
    if constexpr (!kDirect) store_block(out_ + r * out_width_, 1, made_.data(), rows * out_width_);
  }

  void resize_width(int64_t r, const C* from, int64_t rows) {
    gather_rows(target(r, rows), out_width_, from, in_width_, rows, map_.taps[2], map_.inner, columns_.data());
    store(r, rows);
  }

  // Rows of one plane and depth.
  void resize_block(int64_t r, int64_t rows, bool width_first) {
    const int64_t d = r / map_.out(1) % map_.out(0), h = r % map_.out(1);
    const auto [d0, d1] = sources_of(map_.taps[0], d, d + 1);
    const auto [h0, h1] = sources_of(map_.taps[1], h, h + rows);
    const int64_t depths = d1 - d0, high = h1 - h0;
    const T* plane = in_ + r / map_.out_rows() * map_.in_plane() + (d0 * map_.in(1) + h0) * in_width_;
    Rows<C> source{nullptr, d0, h0, 0, in_width_};
    if constexpr (kDirect) {
      source.base = plane;
      source.depth_step = map_.in(1) * in_width_;
    } else {
      loaded_.resize(depths * high * in_width_);
      for (int64_t i = 0; i < depths; ++i)
        load_block(loaded_.data() + i * high * in_width_, plane + i * map_.in(1) * in_width_, 1, high * in_width_);
      source.base = loaded_.data();
      source.depth_step = high * in_width_;
    }
    if (map_.taps[2].stays()) {
      blend_block(target(r, rows), d, h, rows, out_width_, source);
      store(r, rows);
    } else if (width_first) {
      resized_.resize(depths * high * out_width_);
      for (int64_t i = 0; i < depths; ++i)
        gather_rows(resized_.data() + i * high * out_width_, out_width_, source.base + i * source.depth_step, in_width_,
                    high, map_.taps[2], map_.inner, columns_.data());
      blend_block(target(r, rows), d, h, rows, out_width_,
                  Rows<C>{resized_.data(), d0, h0, high * out_width_, out_width_});
      store(r, rows);
    } else {
      resized_.resize(rows * in_width_);
      blend_block(resized_.data(), d, h, rows, in_width_, source);
      resize_width(r, resized_.data(), rows);
    }
  }

  // Output rows (d, h), (d, h + 1), …, of which each is a sum of weighted rows.
  void blend_block(C* to, int64_t d, int64_t h, int64_t rows, int64_t width, const Rows<C>& source) {
    const Taps<C>&deep = map_.taps[0], &high = map_.taps[1];
    pointers_.clear();
    weights_.clear();
    begin_.assign(1, 0);
    for (int64_t k = h; k < h + rows; ++k) {
      for (int64_t i = deep.begin[d]; i < deep.begin[d + 1]; ++i)
        for (int64_t j = high.begin[k]; j < high.begin[k + 1]; ++j) {
          pointers_.push_back(source.at(deep.at[i], high.at[j]));
          weights_.push_back(deep.weight[i] * high.weight[j]);
        }
      begin_.push_back(static_cast<int64_t>(weights_.size()));
    }
    blend_rows(to, width, pointers_.data(), weights_.data(), begin_.data(), rows, width);
  }

  static constexpr bool kDirect = std::is_same_v<T, C>;
  const Map<C>& map_;
  T* out_;
  const T* in_;
  int64_t in_width_, out_width_;
  std::vector<C> columns_, loaded_, resized_, made_, weights_;
  std::vector<const C*> pointers_;
  std::vector<int64_t> begin_;
};

// The nearest elements, copied.
template <typename T, typename C>
void copy_rows(const Map<C>& map, T* out, const T* in, int64_t begin, int64_t end) {
  const Taps<C>& wide = map.taps[2];
  const int64_t inner = map.inner, width = map.out(2);
  for (int64_t r = begin; r < end; ++r) {
    const int64_t d = map.taps[0].at[r / map.out(1) % map.out(0)], h = map.taps[1].at[r % map.out(1)];
    const T* from = in + r / map.out_rows() * map.in_plane() + (d * map.in(1) + h) * map.in(2) * inner;
    T* to = out + r * width * inner;
    if (inner == 1)
      for (int64_t x = 0; x < width; ++x) to[x] = from[wide.at[x]];
    else
      for (int64_t x = 0; x < width; ++x) std::copy_n(from + wide.at[x] * inner, inner, to + x * inner);
  }
}

}  // namespace

Status interpolate(InterpolateArgs& args) {
  const bool nearest = static_cast<Resize>(args.mode) <= Resize::nearest_exact;
  const DType dtype = args.out.dtype;
  if (!is_floating(dtype) && dtype != DType::u8) return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)};
  if (dtype == DType::u8 && !nearest) {
    const Map<double> map = make_map<uint8_t, double>(args);
    resize_bytes(args.out, args.input, ByteTaps(map.taps[1]), ByteTaps(map.taps[2]));
    return {};
  }
  visit_dtype(dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T> || std::is_same_v<T, uint8_t>) {
      using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
      const Map<C> map = make_map<T, C>(args);
      const int64_t work = (map.in_plane() / std::max<int64_t>(1, map.out_rows()) + map.out(2) * map.inner) * 2 + 1;
      parallel_for(map.planes * map.out_rows(), std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
        T* out = args.out.as<T>();
        const T* in = args.input.as<T>();
        if constexpr (std::is_same_v<T, uint8_t>)
          copy_rows(map, out, in, begin, end);
        else if (nearest && !args.transposed)
          copy_rows(map, out, in, begin, end);
        else
          RowResizer<T, C>(map, out, in).run(begin, end);
      });
    }
  });
  return {};
}

}  // namespace flambeau::cpu
