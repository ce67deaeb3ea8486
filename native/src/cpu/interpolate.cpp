// Resizing. Every mode is a linear map of each dimension, given as taps (interpolate_taps.h); the gradient is the
// transposed map. Along the last dimension elements are gathered, along the others whole rows are blended; what comes
// first is what makes less work. An element is one number, or a block of channels in a blocked layout.
#include <array>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/interpolate.gen.h"
#include "flambeau/parallel.h"
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

// The sum of weighted rows; `first` says whether `to` holds nothing yet.
template <typename C, typename T>
void blend(C* to, const T* a, C wa, const T* b, C wb, int64_t n, bool first) {
  if (first)
    for (int64_t i = 0; i < n; ++i) to[i] = wa * static_cast<C>(a[i]) + wb * static_cast<C>(b[i]);
  else
    for (int64_t i = 0; i < n; ++i) to[i] += wa * static_cast<C>(a[i]) + wb * static_cast<C>(b[i]);
}
template <typename C, typename T>
void blend(C* to, const T* a, C wa, int64_t n, bool first) {
  if (first)
    for (int64_t i = 0; i < n; ++i) to[i] = wa * static_cast<C>(a[i]);
  else
    for (int64_t i = 0; i < n; ++i) to[i] += wa * static_cast<C>(a[i]);
}

// Output row (d, h) of a plane whose rows are `width` numbers long; row(d, h) gives the rows.
template <typename C, typename Row>
void blend_rows(const Map<C>& map, int64_t d, int64_t h, C* to, int64_t width, const Row& row) {
  const Taps<C>&deep = map.taps[0], &high = map.taps[1];
  bool first = true;
  for (int64_t i = deep.begin[d]; i < deep.begin[d + 1]; ++i) {
    int64_t j = high.begin[h];
    for (; j + 1 < high.begin[h + 1]; j += 2, first = false)
      blend(to, row(deep.at[i], high.at[j]), deep.weight[i] * high.weight[j], row(deep.at[i], high.at[j + 1]),
            deep.weight[i] * high.weight[j + 1], width, first);
    if (j < high.begin[h + 1]) {
      blend(to, row(deep.at[i], high.at[j]), deep.weight[i] * high.weight[j], width, first);
      first = false;
    }
  }
  if (first) std::fill_n(to, width, C(0));
}

// A row resized along the last dimension. kTaps: the taps of every element, or 0.
template <int kTaps, typename To, typename From, typename C>
void gather(const Taps<C>& taps, To* to, const From* from, int64_t inner) {
  const int64_t* at = taps.at.data();
  const C* weight = taps.weight.data();
  for (int64_t x = 0; x < taps.size(); ++x, to += inner) {
    const int64_t begin = kTaps > 0 ? x * kTaps : taps.begin[x], end = kTaps > 0 ? begin + kTaps : taps.begin[x + 1];
    if (inner == 1) {
      C sum = 0;
      for (int64_t k = begin; k < end; ++k) sum += weight[k] * static_cast<C>(from[at[k]]);
      *to = convert<To>(sum);
      continue;
    }
    C sums[16] = {};
    for (int64_t k = begin; k < end; ++k)
      for (int64_t c = 0; c < inner; ++c) sums[c] += weight[k] * static_cast<C>(from[at[k] * inner + c]);
    for (int64_t c = 0; c < inner; ++c) to[c] = convert<To>(sums[c]);
  }
}

template <typename To, typename From, typename C>
void gather(const Taps<C>& taps, int64_t uniform, To* to, const From* from, int64_t inner) {
  if (uniform == 2) return gather<2>(taps, to, from, inner);
  if (uniform == 4) return gather<4>(taps, to, from, inner);
  gather<0>(taps, to, from, inner);
}

// The sources of elements [begin, end): a range, since taps come in order.
template <typename C>
std::pair<int64_t, int64_t> sources_of(const Taps<C>& taps, int64_t begin, int64_t end) {
  const int64_t first = taps.begin[begin], last = taps.begin[end];
  if (first == last) return {0, 0};
  const auto [low, high] = std::minmax_element(taps.at.begin() + first, taps.at.begin() + last);
  return {*low, *high + 1};
}

// Output rows [begin, end) of all planes, in blocks of rows of one depth.
template <typename T, typename C>
void resize_rows(const Map<C>& map, T* out, const T* in, int64_t begin, int64_t end) {
  constexpr int64_t kRows = 32;
  const Taps<C>& wide = map.taps[2];
  const int64_t inner = map.inner, in_width = map.in(2) * inner, out_width = map.out(2) * inner;
  const int64_t uniform = wide.uniform();
  const bool width_first = map.in(0) * map.in(1) < map.out_rows();
  std::vector<C> resized, row(width_first ? out_width : in_width);
  for (int64_t r = begin; r < end;) {
    const int64_t d = r / map.out(1) % map.out(0), h = r % map.out(1);
    const int64_t rows = std::min({kRows, end - r, map.out(1) - h});
    const T* plane = in + r / map.out_rows() * map.in_plane();
    const auto source = [&](int64_t i, int64_t j) { return plane + (i * map.in(1) + j) * in_width; };
    if (!width_first) {
      for (int64_t k = 0; k < rows; ++k) {
        blend_rows(map, d, h + k, row.data(), in_width, source);
        gather(wide, uniform, out + (r + k) * out_width, row.data(), inner);
      }
    } else {
      const auto [d0, d1] = sources_of(map.taps[0], d, d + 1);
      const auto [h0, h1] = sources_of(map.taps[1], h, h + rows);
      const int64_t base_d = d0, base_h = h0, high = h1 - h0;
      resized.resize((d1 - d0) * high * out_width);
      for (int64_t i = d0; i < d1; ++i)
        for (int64_t j = h0; j < h1; ++j)
          gather(wide, uniform, resized.data() + ((i - d0) * high + j - h0) * out_width, source(i, j), inner);
      const auto made = [&](int64_t i, int64_t j) {
        return static_cast<const C*>(resized.data()) + ((i - base_d) * high + j - base_h) * out_width;
      };
      for (int64_t k = 0; k < rows; ++k) {
        T* to = out + (r + k) * out_width;
        if constexpr (std::is_same_v<T, C>) {
          blend_rows(map, d, h + k, to, out_width, made);
        } else {
          blend_rows(map, d, h + k, row.data(), out_width, made);
          store_block(to, 1, row.data(), out_width);
        }
      }
    }
    r += rows;
  }
}

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

// Weights of bytes as 16-bit fixed-point numbers, as many bits as the largest weight allows (as Pillow has them).
struct ByteTaps {
  std::vector<int64_t> begin{0}, at;
  std::vector<int64_t> weight;
  int bits = 0;

  explicit ByteTaps(const Taps<double>& taps) {
    std::vector<double> exact;
    for (int64_t i = 0; i < taps.size(); ++i) {
      for (int64_t k = taps.begin[i]; k < taps.begin[i + 1]; ++k) {
        if (k > taps.begin[i] && taps.at[k] == at.back()) {
          exact.back() += taps.weight[k];
        } else {
          at.push_back(taps.at[k]);
          exact.push_back(taps.weight[k]);
        }
      }
      begin.push_back(static_cast<int64_t>(at.size()));
    }
    double most = 0;
    for (const double w : exact) most = std::max(most, w);
    while (bits < 22 && static_cast<int>(0.5 + most * (1 << (bits + 1))) < (1 << 15)) ++bits;
    for (const double w : exact) weight.push_back(static_cast<int64_t>(w * (1 << bits) + (w < 0 ? -0.5 : 0.5)));
  }

  uint8_t sum(int64_t i, const uint8_t* from, int64_t step) const {
    int64_t total = int64_t{1} << (bits - 1);
    for (int64_t k = begin[i]; k < begin[i + 1]; ++k) total += weight[k] * from[at[k] * step];
    return static_cast<uint8_t>(std::clamp<int64_t>(total >> bits, 0, 255));
  }
};

// Bytes are rounded after each dimension, the last one first; a dimension that stays is left out.
void resize_bytes(const InterpolateArgs& args) {
  const Map<double> map = make_map<uint8_t, double>(args);
  const ByteTaps wide(map.taps[2]), high(map.taps[1]);
  const int64_t in_w = map.in(2), out_w = map.out(2), in_h = map.in(1), out_h = map.out(1);
  parallel_for(map.planes, std::max<int64_t>(1, kGrain / (in_h * in_w + out_h * out_w + 1)),
               [&](int64_t begin, int64_t end) {
                 std::vector<uint8_t> rows(in_h * out_w);
                 for (int64_t plane = begin; plane < end; ++plane) {
                   const uint8_t* from = args.input.as<uint8_t>() + plane * in_h * in_w;
                   uint8_t* out = args.out.as<uint8_t>() + plane * out_h * out_w;
                   for (int64_t y = 0; in_w != out_w && y < in_h; ++y)
                     for (int64_t x = 0; x < out_w; ++x) rows[y * out_w + x] = wide.sum(x, from + y * in_w, 1);
                   const uint8_t* made = in_w != out_w ? rows.data() : from;
                   for (int64_t y = 0; y < out_h; ++y)
                     for (int64_t x = 0; x < out_w; ++x)
                       out[y * out_w + x] = in_h != out_h ? high.sum(y, made + x, out_w) : made[y * out_w + x];
                 }
               });
}

}  // namespace

Status interpolate(InterpolateArgs& args) {
  const bool nearest = static_cast<Resize>(args.mode) <= Resize::nearest_exact;
  const DType dtype = args.out.dtype;
  if (!is_floating(dtype) && dtype != DType::u8) return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)};
  if (dtype == DType::u8 && !nearest) {
    resize_bytes(args);
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
          resize_rows(map, out, in, begin, end);
      });
    }
  });
  return {};
}

}  // namespace flambeau::cpu
