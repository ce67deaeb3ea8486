// Which elements of a dimension make up each element of its resized form, and with which weights.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace flambeau::cpu {

enum class Resize : int64_t {
  nearest,
  nearest_exact,
  linear,
  cubic,
  linear_antialias,
  cubic_antialias,
  lanczos_antialias
};

// Element i is the sum of weight[k] · source[at[k]] for k in [begin[i], begin[i + 1]).
template <typename C>
struct Taps {
  std::vector<int64_t> begin{0}, at;
  std::vector<C> weight;
  int64_t sources = 0;

  int64_t size() const { return static_cast<int64_t>(begin.size()) - 1; }
  int64_t count(int64_t i) const { return begin[i + 1] - begin[i]; }
  // Whether every element is the source of the same place.
  bool stays() const {
    if (size() != sources || static_cast<int64_t>(at.size()) != sources) return false;
    for (int64_t i = 0; i < sources; ++i)
      if (count(i) != 1 || at[i] != i || weight[i] != 1) return false;
    return true;
  }
  void add(int64_t source, C w) {
    at.push_back(source);
    weight.push_back(w);
  }
  void clear() {
    begin.assign(1, 0);
    at.clear();
    weight.clear();
  }
  void next() { begin.push_back(static_cast<int64_t>(at.size())); }
};

template <typename C>
C cubic_near(C x, C a) {
  return ((a + 2) * x - (a + 3)) * x * x + 1;
}
template <typename C>
C cubic_far(C x, C a) {
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

// The filters of antialiasing, as in Pillow: a triangle, Keys' cubic with a = -1/2, Lanczos' of three lobes.
template <typename C>
C filter(Resize mode, C x) {
  x = std::abs(x);
  if (mode == Resize::linear_antialias) return x < 1 ? 1 - x : C(0);
  if (mode == Resize::cubic_antialias) {
    if (x < 1) return cubic_near(x, C(-0.5));
    return x < 2 ? cubic_far(x, C(-0.5)) : C(0);
  }
  const C angle = std::numbers::pi_v<C> * x;
  if (x >= 3) return 0;
  return x == 0 ? C(1) : std::sin(angle) / angle * (std::sin(angle / 3) / (angle / 3));
}

template <typename C>
Taps<C> make_antialias_taps(int64_t in, int64_t out, C scale, Resize mode) {
  Taps<C> taps;
  taps.sources = in;
  const C radius = mode == Resize::linear_antialias ? 1 : mode == Resize::cubic_antialias ? 2 : 3;
  const C support = scale >= 1 ? radius * scale : radius;
  const C inverse = scale >= 1 ? 1 / scale : C(1);
  const int64_t most = static_cast<int64_t>(std::ceil(support)) * 2 + 1;
  for (int64_t i = 0; i < out; ++i) {
    const C center = scale * (static_cast<C>(i) + C(0.5));
    const int64_t low = std::max<int64_t>(static_cast<int64_t>(center - support + C(0.5)), 0);
    const int64_t high = std::min<int64_t>(static_cast<int64_t>(center + support + C(0.5)), in);
    const int64_t n = std::clamp<int64_t>(high - low, 0, most);
    C total = 0;
    for (int64_t j = 0; j < n; ++j) {
      const C w = filter<C>(mode, (static_cast<C>(j + low) - center + C(0.5)) * inverse);
      taps.add(low + j, w);
      total += w;
    }
    if (total != 0)
      for (size_t k = taps.begin.back(); k < taps.weight.size(); ++k) taps.weight[k] /= total;
    taps.next();
  }
  return taps;
}

// The arithmetic is done in the precision of C throughout, since PyTorch's is: it decides which element is the nearest.
// Weights are rounded to W.
template <typename C, typename W>
Taps<C> make_taps(int64_t in, int64_t out, double given_scale, Resize mode, bool align_corners) {
  C scale;
  if (align_corners)
    scale = out > 1 ? static_cast<C>(in - 1) / static_cast<C>(out - 1) : C(0);
  else
    scale = given_scale > 0 ? static_cast<C>(1.0 / given_scale) : static_cast<C>(in) / static_cast<C>(out);
  if (mode >= Resize::linear_antialias) return make_antialias_taps<C>(in, out, scale, mode);

  Taps<C> taps;
  taps.sources = in;
  for (int64_t i = 0; i < out; ++i) {
    if (mode == Resize::nearest) {
      taps.add(std::min(static_cast<int64_t>(std::floor(static_cast<float>(scale * static_cast<C>(i)))), in - 1), 1);
      taps.next();
      continue;
    }
    C real = align_corners ? scale * static_cast<C>(i) : scale * (static_cast<C>(i) + C(0.5)) - C(0.5);
    if (mode != Resize::cubic) real = std::max(real, C(0));
    if (mode == Resize::nearest_exact) {
      taps.add(std::min(static_cast<int64_t>(std::floor(static_cast<float>(real + 0.5))), in - 1), 1);
      taps.next();
      continue;
    }
    if (mode == Resize::linear && in == out) {
      taps.add(i, 1);
      taps.next();
      continue;
    }
    const int64_t index = std::min(static_cast<int64_t>(std::floor(static_cast<float>(real))), in - 1);
    const auto rounded = [](C weight) { return static_cast<C>(W(weight)); };
    const C t = std::clamp(real - static_cast<C>(index), C(0), C(1));
    // Taps beyond the edge fall on it.
    const auto clamped = [&](int64_t at) { return std::clamp<int64_t>(at, 0, in - 1); };
    if (mode == Resize::linear) {
      taps.add(clamped(index), rounded(1 - rounded(t)));
      taps.add(clamped(index + 1), rounded(t));
    } else {
      const C a = C(-0.75);
      const C weights[4] = {cubic_far(t + 1, a), cubic_near(t, a), cubic_near(1 - t, a), cubic_far(2 - t, a)};
      for (int64_t k = 0; k < 4; ++k) taps.add(clamped(index - 1 + k), rounded(weights[k]));
    }
    taps.next();
  }
  return taps;
}

// The taps of the transposed map: which resized elements each source goes to.
template <typename C>
Taps<C> transpose(const Taps<C>& taps) {
  Taps<C> result;
  result.sources = taps.size();
  result.begin.assign(taps.sources + 1, 0);
  for (const int64_t source : taps.at) ++result.begin[source + 1];
  for (int64_t i = 0; i < taps.sources; ++i) result.begin[i + 1] += result.begin[i];
  result.at.resize(taps.at.size());
  result.weight.resize(taps.at.size());
  std::vector<int64_t> next(result.begin.begin(), result.begin.end() - 1);
  for (int64_t i = 0; i < taps.size(); ++i)
    for (int64_t k = taps.begin[i]; k < taps.begin[i + 1]; ++k) {
      const int64_t to = next[taps.at[k]]++;
      result.at[to] = i;
      result.weight[to] = taps.weight[k];
    }
  return result;
}

}  // namespace flambeau::cpu
