// Which elements of a plane a point of a grid reads, with which weights, and how these change with the point.
#pragma once
#include <array>
#include <cmath>
#include <cstdint>

namespace flambeau::cpu {

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

// A coordinate along one dimension and its derivative by the grid's.
template <typename C>
struct Coordinate {
  C value, slope;
};

template <typename C>
Coordinate<C> clip(Coordinate<C> c, int64_t size) {
  const C last = static_cast<C>(size - 1);
  // A NaN falls on 0, as in PyTorch.
  if (!(c.value > 0)) return {C(0), C(0)};
  if (c.value >= last) return {last, C(0)};
  return c;
}

template <typename C>
Coordinate<C> reflect(Coordinate<C> c, int64_t size, bool align_corners) {
  const C low = align_corners ? C(0) : C(-0.5);
  const C span = align_corners ? static_cast<C>(size - 1) : static_cast<C>(size);
  if (span == 0) return {C(0), C(0)};
  C offset = c.value - low;
  if (offset < 0) {
    offset = -offset;
    c.slope = -c.slope;
  }
  const C extra = std::fmod(offset, span);
  if (std::fmod(std::floor(offset / span), C(2)) == 0) return {extra + low, c.slope};
  return {span - extra + low, -c.slope};
}

template <typename C>
Coordinate<C> pad(Coordinate<C> c, int64_t size, const GridPlane& plane) {
  if (plane.border == Border::zeros) return c;
  if (plane.border == Border::reflection) c = reflect(c, size, plane.align_corners);
  return clip(c, size);
}

template <typename C>
Coordinate<C> unnormalize(C x, int64_t size, const GridPlane& plane) {
  const C n = static_cast<C>(size);
  if (plane.align_corners) return {(x + 1) / 2 * (n - 1), (n - 1) / 2};
  return {((x + 1) * n - 1) / 2, n / 2};
}

// An index far outside stays outside: the conversion of a huge number or NaN would be undefined.
template <typename C>
int64_t position_of(C x) {
  constexpr C kFar = C(1 << 30);
  return x > -kFar && x < kFar ? static_cast<int64_t>(x) : int64_t{-(1 << 30)};
}

template <typename C>
void nearest_taps(GridTaps<C, 1>& taps, int64_t p, const C* point, const GridPlane& plane) {
  int64_t at = 0, step = 1;
  for (int d = 0; d < plane.spatial; ++d) {
    const int64_t n = plane.size[d];
    const int64_t i = position_of(std::nearbyint(pad(unnormalize(point[d], n, plane), n, plane).value));
    at = i < 0 || i >= n || at < 0 ? -1 : at + i * step;
    step *= n;
  }
  taps.at[0][p] = at;
  taps.weight[0][p] = 1;
  for (int d = 0; d < 3; ++d) taps.slope[d][0][p] = 0;
}

template <typename C, int kTaps>
void linear_taps(GridTaps<C, kTaps>& taps, int64_t p, const C* point, const GridPlane& plane) {
  constexpr int kSpatial = kTaps == 8 ? 3 : 2;
  int64_t low[kSpatial];
  C weight[kSpatial][2], slope[kSpatial];
  for (int d = 0; d < kSpatial; ++d) {
    const int64_t n = plane.size[d];
    const Coordinate<C> c = pad(unnormalize(point[d], n, plane), n, plane);
    const C floor = std::floor(c.value);
    low[d] = position_of(floor);
    weight[d][1] = c.value - floor;
    weight[d][0] = floor + 1 - c.value;
    slope[d] = c.slope;
  }
  for (int k = 0; k < kTaps; ++k) {
    int64_t at = 0, step = 1;
    C w = 1, s[3] = {1, 1, 1};
    for (int d = 0; d < kSpatial; ++d) {
      const int side = k >> d & 1;
      const int64_t i = low[d] + side;
      at = i < 0 || i >= plane.size[d] || at < 0 ? -1 : at + i * step;
      step *= plane.size[d];
      w *= weight[d][side];
      for (int e = 0; e < kSpatial; ++e) s[e] *= e == d ? (side ? slope[d] : -slope[d]) : weight[d][side];
    }
    taps.at[k][p] = at;
    taps.weight[k][p] = w;
    for (int d = 0; d < kSpatial; ++d) taps.slope[d][k][p] = s[d];
  }
}

// Four neighbours along one dimension.
template <typename C>
struct CubicAxis {
  std::array<int64_t, 4> at;
  std::array<C, 4> weight, slope;
};

// Keys' cubic with a = -3/4, and its derivative.
template <typename C>
CubicAxis<C> cubic_axis(C x, int64_t size, const GridPlane& plane) {
  constexpr C a = C(-0.75);
  const Coordinate<C> c = unnormalize(x, size, plane);
  const C floor = std::floor(c.value), t = c.value - floor;
  const auto far = [](C u) { return ((a * u - 5 * a) * u + 8 * a) * u - 4 * a; };
  const auto near = [](C u) { return ((a + 2) * u - (a + 3)) * u * u + 1; };
  const auto far_slope = [](C u) { return (3 * a * u - 10 * a) * u + 8 * a; };
  const auto near_slope = [](C u) { return (3 * (a + 2) * u - 2 * (a + 3)) * u; };
  CubicAxis<C> axis;
  axis.weight = {far(t + 1), near(t), near(1 - t), far(2 - t)};
  axis.slope = {far_slope(t + 1), near_slope(t), -near_slope(1 - t), -far_slope(2 - t)};
  for (int k = 0; k < 4; ++k) {
    axis.slope[k] *= c.slope;
    const int64_t i = position_of(pad(Coordinate<C>{floor + C(k - 1), C(1)}, size, plane).value);
    axis.at[k] = i < 0 || i >= size ? -1 : i;
  }
  return axis;
}

template <typename C>
void cubic_taps(GridTaps<C, 16>& taps, int64_t p, const C* point, const GridPlane& plane) {
  const CubicAxis<C> x = cubic_axis(point[0], plane.size[0], plane);
  const CubicAxis<C> y = cubic_axis(point[1], plane.size[1], plane);
  for (int j = 0; j < 4; ++j)
    for (int i = 0; i < 4; ++i) {
      const int k = j * 4 + i;
      taps.at[k][p] = x.at[i] < 0 || y.at[j] < 0 ? -1 : y.at[j] * plane.size[0] + x.at[i];
      taps.weight[k][p] = x.weight[i] * y.weight[j];
      taps.slope[0][k][p] = x.slope[i] * y.weight[j];
      taps.slope[1][k][p] = x.weight[i] * y.slope[j];
    }
}

template <typename C, int kTaps>
void make_grid_taps(GridTaps<C, kTaps>& taps, int64_t p, const C* point, const GridPlane& plane) {
  if constexpr (kTaps == 1)
    nearest_taps(taps, p, point, plane);
  else if constexpr (kTaps == 16)
    cubic_taps(taps, p, point, plane);
  else
    linear_taps(taps, p, point, plane);
}

}  // namespace flambeau::cpu
