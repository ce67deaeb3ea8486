// Which elements of a plane a point of a grid reads, with which weights, and how these change with the point.
#pragma once
#include <hwy/base.h>

#include <array>
#include <cmath>
#include <cstdint>

#include "blocks.h"

namespace flambeau::cpu::grid {

enum class Sampling : int64_t { linear, nearest, cubic };
enum class Border : int64_t { zeros, border, reflection };

// Points whose taps are held at once.
inline constexpr int64_t kPoints = 64;

// [tap][point]; at is -1 where a tap lies outside of the plane. slope is the derivative of weight along x, y, z.
template <typename C, int kTaps>
struct GridTaps {
  int64_t at[kTaps][kPoints];
  C weight[kTaps][kPoints];
  C slope[3][kTaps][kPoints];
};

struct GridPlane {
  int spatial;
  std::array<int64_t, 3> size{1, 1, 1};  // x, y, z
  Sampling sampling;
  Border border;
  bool align_corners;
};

// A number whose every operation is rounded to T, as PyTorch computes the places that grids of halves point to.
template <typename T>
class Rounded {
 public:
  Rounded() = default;
  explicit Rounded(double value) : value_(static_cast<float>(T(static_cast<float>(value)))) {}
  explicit operator float() const { return value_; }
  friend Rounded operator+(Rounded a, Rounded b) { return Rounded(a.value_ + b.value_); }
  friend Rounded operator-(Rounded a, Rounded b) { return Rounded(a.value_ - b.value_); }
  friend Rounded operator*(Rounded a, Rounded b) { return Rounded(a.value_ * b.value_); }
  friend Rounded operator/(Rounded a, Rounded b) { return Rounded(a.value_ / b.value_); }
  friend bool operator<(Rounded a, Rounded b) { return a.value_ < b.value_; }
  Rounded operator-() const { return Rounded(-value_); }

 private:
  float value_ = 0;
};

// The type in which places are computed for elements of T.
template <typename T>
using PlaceType = std::conditional_t<kIsHalf<T>, Rounded<T>, T>;

template <typename K>
using RealOf = std::conditional_t<std::is_same_v<K, double>, double, float>;
template <typename K>
RealOf<K> real(K x) {
  return static_cast<RealOf<K>>(x);
}
template <typename K>
K floored(K x) {
  return K(std::floor(real(x)));
}

// A coordinate along one dimension and its derivative by the grid's.
template <typename K>
struct Coordinate {
  K value, slope;
};

template <typename K>
Coordinate<K> clip(Coordinate<K> c, int64_t size) {
  const K last(static_cast<double>(size - 1));
  // A NaN falls on 0, as in PyTorch.
  if (!(K(0) < c.value)) return {K(0), K(0)};
  if (!(c.value < last)) return {last, K(0)};
  return c;
}

template <typename K>
Coordinate<K> reflect(Coordinate<K> c, int64_t size, const GridPlane& plane) {
  const K low(plane.align_corners ? 0 : -0.5);
  const K span(static_cast<double>(plane.align_corners ? size - 1 : size));
  if (!(K(0) < span)) return {K(0), K(0)};
  K offset = c.value - low;
  if (offset < K(0)) {
    offset = -offset;
    c.slope = -c.slope;
  }
  if (plane.spatial == 2) {
    const K twice = span + span;
    const K extra = offset - K(std::trunc(real(offset / twice))) * twice, back = twice - extra;
    return back < extra ? Coordinate<K>{back + low, -c.slope} : Coordinate<K>{extra + low, c.slope};
  }
  const K extra(std::fmod(real(offset), real(span)));
  if (std::fmod(std::floor(real(offset / span)), RealOf<K>(2)) == 0) return {extra + low, c.slope};
  return {span - extra + low, -c.slope};
}

template <typename K>
Coordinate<K> pad(Coordinate<K> c, int64_t size, const GridPlane& plane) {
  if (plane.border == Border::zeros) return c;
  if (plane.border == Border::reflection) c = reflect(c, size, plane);
  return clip(c, size);
}

// The order of operations is PyTorch's, which differs between images and volumes.
template <typename K>
Coordinate<K> unnormalize(K x, int64_t size, const GridPlane& plane) {
  const double n = static_cast<double>(plane.align_corners ? size - 1 : size);
  const K slope(n / 2);
  if (plane.spatial == 2) {
    const K scaled = (x + K(1)) * slope;
    return {plane.align_corners ? scaled : scaled - K(0.5), slope};
  }
  if (plane.align_corners) return {(x + K(1)) / K(2) * K(n), slope};
  return {((x + K(1)) * K(n) - K(1)) / K(2), slope};
}

// An index far outside stays outside: the conversion of a huge number or NaN would be undefined.
template <typename C>
int64_t position_of(C x) {
  constexpr C kFar = C(1 << 30);
  return x > -kFar && x < kFar ? static_cast<int64_t>(x) : int64_t{-(1 << 30)};
}

// GCC 12 takes the functions below for such without effect and drops their calls, unless they are inlined.
template <typename K, typename C>
HWY_INLINE void nearest_taps(GridTaps<C, 1>& taps, int64_t p, const K* point, const GridPlane& plane) {
  int64_t at = 0, step = 1;
  for (int d = 0; d < plane.spatial; ++d) {
    const int64_t n = plane.size[d];
    const int64_t i = position_of(std::nearbyint(real(pad(unnormalize(point[d], n, plane), n, plane).value)));
    at = i < 0 || i >= n || at < 0 ? -1 : at + i * step;
    step *= n;
  }
  taps.at[0][p] = at;
  taps.weight[0][p] = 1;
  for (int d = 0; d < 3; ++d) taps.slope[d][0][p] = 0;
}

template <typename K, typename C, int kTaps>
HWY_INLINE void linear_taps(GridTaps<C, kTaps>& taps, int64_t p, const K* point, const GridPlane& plane) {
  constexpr int kSpatial = kTaps == 8 ? 3 : 2;
  int64_t low[kSpatial];
  K weight[kSpatial][2], slope[kSpatial];
  for (int d = 0; d < kSpatial; ++d) {
    const int64_t n = plane.size[d];
    const Coordinate<K> c = pad(unnormalize(point[d], n, plane), n, plane);
    const K floor = floored(c.value);
    low[d] = position_of(real(floor));
    weight[d][1] = c.value - floor;
    weight[d][0] = floor + K(1) - c.value;
    slope[d] = c.slope;
  }
  for (int k = 0; k < kTaps; ++k) {
    int64_t at = 0, step = 1;
    K w(1);
    C s[3] = {1, 1, 1};
    for (int d = 0; d < kSpatial; ++d) {
      const int side = k >> d & 1;
      const int64_t i = low[d] + side;
      at = i < 0 || i >= plane.size[d] || at < 0 ? -1 : at + i * step;
      step *= plane.size[d];
      w = w * weight[d][side];
      for (int e = 0; e < kSpatial; ++e)
        s[e] *= e == d ? (side ? C(real(slope[d])) : -C(real(slope[d]))) : C(real(weight[d][side]));
    }
    taps.at[k][p] = at;
    // In volumes, a NaN coordinate reads nothing; in images it gives NaN. So it is in PyTorch.
    const bool nothing = kSpatial == 3 && at < 0;
    taps.weight[k][p] = nothing ? C(0) : C(real(w));
    for (int d = 0; d < kSpatial; ++d) taps.slope[d][k][p] = nothing ? C(0) : s[d];
  }
}

// Four neighbours along one dimension.
template <typename K>
struct CubicAxis {
  std::array<int64_t, 4> at;
  std::array<K, 4> weight, slope;
};

// Keys' cubic with a = -3/4, and its derivative.
template <typename K>
CubicAxis<K> cubic_axis(K x, int64_t size, const GridPlane& plane) {
  const Coordinate<K> c = unnormalize(x, size, plane);
  const K floor = floored(c.value), t = c.value - floor;
  const auto far = [](K u) { return ((K(-0.75) * u + K(3.75)) * u - K(6)) * u + K(3); };
  const auto near = [](K u) { return (K(1.25) * u - K(2.25)) * u * u + K(1); };
  const auto far_slope = [](K u) { return (K(-2.25) * u + K(7.5)) * u - K(6); };
  const auto near_slope = [](K u) { return (K(3.75) * u - K(4.5)) * u; };
  CubicAxis<K> axis;
  axis.weight = {far(t + K(1)), near(t), near(K(1) - t), far(K(2) - t)};
  axis.slope = {far_slope(t + K(1)), near_slope(t), -near_slope(K(1) - t), -far_slope(K(2) - t)};
  for (int k = 0; k < 4; ++k) {
    axis.slope[k] = axis.slope[k] * c.slope;
    const int64_t i = position_of(real(pad(Coordinate<K>{floor + K(k - 1), K(1)}, size, plane).value));
    axis.at[k] = i < 0 || i >= size ? -1 : i;
  }
  return axis;
}

template <typename K, typename C>
HWY_INLINE void cubic_taps(GridTaps<C, 16>& taps, int64_t p, const K* point, const GridPlane& plane) {
  const CubicAxis<K> x = cubic_axis(point[0], plane.size[0], plane);
  const CubicAxis<K> y = cubic_axis(point[1], plane.size[1], plane);
  for (int j = 0; j < 4; ++j)
    for (int i = 0; i < 4; ++i) {
      const int k = j * 4 + i;
      taps.at[k][p] = x.at[i] < 0 || y.at[j] < 0 ? -1 : y.at[j] * plane.size[0] + x.at[i];
      taps.weight[k][p] = C(real(x.weight[i] * y.weight[j]));
      taps.slope[0][k][p] = C(real(x.slope[i] * y.weight[j]));
      taps.slope[1][k][p] = C(real(x.weight[i] * y.slope[j]));
    }
}

template <typename K, typename C, int kTaps>
HWY_INLINE void make_grid_taps(GridTaps<C, kTaps>& taps, int64_t p, const K* point, const GridPlane& plane) {
  if constexpr (kTaps == 1)
    nearest_taps(taps, p, point, plane);
  else if constexpr (kTaps == 16)
    cubic_taps(taps, p, point, plane);
  else
    linear_taps(taps, p, point, plane);
}

}  // namespace flambeau::cpu::grid
