// Random numbers in PyTorch's order: one engine, drawn from in the order in which elements lie in memory.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "blocks.h"
#include "flambeau/kernels/random.gen.h"
#include "flambeau/parallel.h"
#include "iterate.h"
#include "micro_ops.h"
#include "mt19937.h"

namespace flambeau::cpu {

double Generator::normal() {
  if (cached_) {
    cached_ = false;
    return cached_normal_;
  }
  const double u1 = uniform_double(), u2 = uniform_double();
  const double r = std::sqrt(-2.0 * std::log1p(-u2)), theta = 2.0 * std::numbers::pi * u1;
  cached_normal_ = r * std::sin(theta);
  cached_ = true;
  return r * std::cos(theta);
}

namespace {

// The order is that of DISTRIBUTION in packages/core/src/ops/random.ts.
enum class Distribution : int {
  uniform,
  normal,
  integers,
  any_integer,
  bernoulli,
  exponential,
  geometric,
  cauchy,
  log_normal
};

template <typename T, typename Draw>
void each_in_memory_order(const TensorView& out, const Draw& draw) {
  const TensorView* views[] = {&out};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows(), stride = loop.inner_stride(0);
  if (inner * rows == 0) return;
  RowCursor cursor(loop, 0);
  for (int64_t r = 0; r < rows; ++r, cursor.next()) {
    T* row = out.as<T>() + cursor.offsets[0];
    for (int64_t i = 0; i < inner; ++i) row[i * stride] = draw();
  }
}

template <typename T>
T uniform(Generator& g) {
  if constexpr (std::is_same_v<T, double>)
    return g.uniform_double();
  else
    return convert<T>(g.uniform_float());
}

// Turns 8 + 8 uniforms into 16 normals.
template <typename T>
void box_muller_16(T* data, T mean, T std) {
  for (int j = 0; j < 8; ++j) {
    const T u1 = T(1) - data[j], u2 = data[j + 8];
    const T radius = std::sqrt(T(-2) * std::log(u1));
    const T theta = static_cast<T>(2.0 * std::numbers::pi) * u2;
    data[j] = radius * std::cos(theta) * std + mean;
    data[j + 8] = radius * std::sin(theta) * std + mean;
  }
}

// The same for `groups` groups of float, with vectorised functions; at most kGroups.
constexpr int64_t kGroups = 32;
void box_muller_groups(float* data, int64_t groups, float mean, float std) {
  static const MicroFunction log = micro_function(MicroOp::log_, DType::f32),
                             sine = micro_function(MicroOp::sin_, DType::f32),
                             cosine = micro_function(MicroOp::cos_, DType::f32);
  alignas(64) float radius[8 * kGroups], theta[8 * kGroups], sines[8 * kGroups], cosines[8 * kGroups];
  const int64_t n = 8 * groups;
  for (int64_t i = 0; i < groups; ++i)
    for (int j = 0; j < 8; ++j) {
      radius[8 * i + j] = 1.0f - data[16 * i + j];
      theta[8 * i + j] = static_cast<float>(2.0 * std::numbers::pi) * data[16 * i + 8 + j];
    }
  log(radius, radius, nullptr, nullptr, n);
  sine(sines, theta, nullptr, nullptr, n);
  cosine(cosines, theta, nullptr, nullptr, n);
  for (int64_t i = 0; i < n; ++i) radius[i] = std::sqrt(-2.0f * radius[i]) * std;
  for (int64_t i = 0; i < groups; ++i)
    for (int j = 0; j < 8; ++j) {
      data[16 * i + j] = radius[8 * i + j] * cosines[8 * i + j] + mean;
      data[16 * i + 8 + j] = radius[8 * i + j] * sines[8 * i + j] + mean;
    }
}

// Sixteen and more elements: uniforms first, then transformed in groups; a last, incomplete group is drawn anew.
template <typename T>
void normal_fill(Generator& g, T* data, int64_t n, double mean, double std) {
  if constexpr (std::is_same_v<T, float>)
    g.uniform_floats(data, n);
  else
    for (int64_t i = 0; i < n; ++i) data[i] = uniform<T>(g);
  parallel_for(n / 16, 512, [&](int64_t b, int64_t e) {
    if constexpr (std::is_same_v<T, float>) {
      for (int64_t i = b; i < e; i += kGroups)
        box_muller_groups(data + 16 * i, std::min(kGroups, e - i), static_cast<float>(mean), static_cast<float>(std));
    } else {
      for (int64_t i = b; i < e; ++i) box_muller_16<T>(data + 16 * i, static_cast<T>(mean), static_cast<T>(std));
    }
  });
  if (n % 16 == 0) return;
  T* tail = data + n - 16;
  for (int i = 0; i < 16; ++i) tail[i] = uniform<T>(g);
  box_muller_16<T>(tail, static_cast<T>(mean), static_cast<T>(std));
}

template <typename T>
void fill_normal(Generator& g, const TensorView& out, double mean, double std) {
  const int64_t n = out.numel();
  if constexpr (kIsHalf<T>) {
    // Groups of 16 in float, rounded at the end; no uniforms are drawn for an incomplete one.
    if (n >= 16 && out.contiguous()) {
      const auto group = [&](T* data) {
        float wide[16];
        for (float& u : wide) u = g.uniform_float();
        box_muller_16(wide, static_cast<float>(mean), static_cast<float>(std));
        for (int i = 0; i < 16; ++i) data[i] = T(wide[i]);
      };
      for (int64_t i = 0; i + 16 <= n; i += 16) group(out.as<T>() + i);
      if (n % 16 != 0) group(out.as<T>() + n - 16);
      return;
    }
  }
  if constexpr (!kIsHalf<T>) {
    if (n >= 16 && out.contiguous()) {
      normal_fill(g, out.as<T>(), n, mean, std);
      return;
    }
  }
  each_in_memory_order<T>(out, [&] { return convert<T>(g.normal() * std + mean); });
}

// The largest value of random_() without bounds, and one: every integer that the type holds exactly.
template <typename T>
constexpr uint64_t integer_range() {
  if constexpr (std::is_same_v<T, bool>)
    return 2;
  else if constexpr (std::is_same_v<T, double>)
    return (uint64_t{1} << 53) + 1;
  else if constexpr (std::is_same_v<T, float>)
    return (uint64_t{1} << 24) + 1;
  else if constexpr (std::is_same_v<T, float16>)
    return (uint64_t{1} << 11) + 1;
  else if constexpr (std::is_same_v<T, bfloat16>)
    return (uint64_t{1} << 8) + 1;
  else
    return static_cast<uint64_t>(std::numeric_limits<T>::max()) + 1;
}

template <typename T>
void fill(Generator& g, const TensorView& out, Distribution kind, const Scalar& a, const Scalar& b) {
  const double x = a.to<double>(), y = b.to<double>();
  const auto fill_with = [&](const auto& draw) { each_in_memory_order<T>(out, [&] { return convert<T>(draw()); }); };
  switch (kind) {
    case Distribution::uniform:
      if constexpr (std::is_same_v<T, double>) {
        fill_with([&] { return g.uniform_double() * (y - x) + x; });
      } else {
        const float from = static_cast<float>(x), range = static_cast<float>(y) - from;
        fill_with([&] { return g.uniform_float() * range + from; });
      }
      break;
    case Distribution::normal:
      if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) fill_normal<T>(g, out, x, y);
      break;
    case Distribution::integers: {
      // From a to a + b - 1; two draws where one has too few bits.
      const auto base = a.to<int64_t>();
      const auto range = static_cast<uint64_t>(b.to<int64_t>());
      const auto from_base = [&](uint64_t v) { return static_cast<int64_t>(v + static_cast<uint64_t>(base)); };
      if (range == 0)
        fill_with([&] { return from_base(g.random64()); });
      else if (range >= uint64_t{1} << 28)
        fill_with([&] { return from_base(g.random64() % range); });
      else
        fill_with([&, small = static_cast<uint32_t>(range)] { return from_base(g.random() % small); });
      break;
    }
    case Distribution::any_integer:
      if constexpr (!kIsComplex<T>) {
        constexpr uint64_t range = integer_range<T>();
        if constexpr (sizeof(T) == 8)
          fill_with([&] { return static_cast<int64_t>(g.random64() % range); });
        else
          fill_with([&] { return static_cast<int64_t>(g.random() % range); });
      }
      break;
    case Distribution::bernoulli:
      fill_with([&] { return g.uniform_double() < x; });
      break;
    case Distribution::exponential:
      fill_with([&] { return -1.0 / x * std::log1p(-g.uniform_double()); });
      break;
    case Distribution::geometric:
      fill_with([&] { return std::ceil(std::log(g.uniform_double()) / std::log1p(-x)); });
      break;
    case Distribution::cauchy: {
      constexpr double eps = std::numeric_limits<double>::epsilon();
      fill_with([&] {
        const double u = std::clamp(g.uniform_double(), eps, 1.0 - eps);
        return x + y * std::tan(std::numbers::pi * (u - 0.5));
      });
      break;
    }
    case Distribution::log_normal:
      fill_with([&] { return std::exp(g.normal() * y + x); });
      break;
  }
}

}  // namespace

Status generator_seed(GeneratorSeedArgs& args) {
  Generator::seed(args.state.data, static_cast<uint64_t>(args.seed.to<int64_t>()));
  return {};
}

Status random_fill(RandomFillArgs& args) {
  Generator g(args.state.data);
  visit_dtype(args.out.dtype, [&]<typename T>() {
    if constexpr (!kIsComplex<T>) fill<T>(g, args.out, static_cast<Distribution>(args.distribution), args.a, args.b);
  });
  return {};
}

// Draws one double for each probability, and checks them all first.
Status random_bernoulli(RandomBernoulliArgs& args) {
  const TensorView* views[] = {&args.out, &args.p};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return {};
  Status status;
  visit_dtype(args.p.dtype, [&]<typename P>() {
    if constexpr (std::is_floating_point_v<P> || kIsHalf<P>) {
      const P* p = args.p.as<P>();
      const auto each = [&](const auto& body) {
        RowCursor cursor(loop, 0);
        for (int64_t r = 0; r < rows; ++r, cursor.next())
          for (int64_t i = 0; i < inner; ++i)
            if (!body(cursor.offsets[0] + i * loop.inner_stride(0),
                      static_cast<double>(p[cursor.offsets[1] + i * loop.inner_stride(1)]), r * inner + i))
              return;
      };
      each([&](int64_t, double v, int64_t position) {
        if (!(v >= 0 && v <= 1)) status = {StatusCode::invalid_value, position};
        return status.ok();
      });
      if (!status.ok()) return;
      Generator g(args.state.data);
      visit_dtype(args.out.dtype, [&]<typename T>() {
        T* out = args.out.as<T>();
        each([&](int64_t at, double v, int64_t) {
          if constexpr (std::is_same_v<P, double>)
            out[at] = convert<T>(g.uniform_double() < v);
          else
            out[at] = convert<T>(g.uniform_float() < static_cast<float>(v));
          return true;
        });
      });
    }
  });
  return status;
}

// Fisher-Yates.
Status random_permutation(RandomPermutationArgs& args) {
  Generator g(args.state.data);
  auto* out = args.out.as<int64_t>();
  const int64_t n = args.out.numel();
  for (int64_t i = 0; i < n; ++i) out[i] = i;
  if (n < int64_t{1} << 28) {
    for (int64_t i = 0; i < n - 1; ++i) std::swap(out[i], out[i + g.random() % static_cast<uint32_t>(n - i)]);
  } else {
    for (int64_t i = 0; i < n - 1; ++i)
      std::swap(out[i], out[i + static_cast<int64_t>(g.random64() % static_cast<uint64_t>(n - i))]);
  }
  return {};
}

// Rows of weights [rows, categories], rows of draws. With replacement, the cumulative sum is searched for a uniform.
Status random_multinomial(RandomMultinomialArgs& args) {
  const int64_t rows = args.weights.shape[0], n = args.weights.shape[1], draws = args.out.shape[1];
  Status status;
  visit_dtype(args.weights.dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
      const T* weights = args.weights.as<T>();
      const auto weight = [&](int64_t row, int64_t i) {
        return static_cast<C>(weights[row * args.weights.strides[0] + i * args.weights.strides[1]]);
      };
      for (int64_t row = 0; row < rows; ++row) {
        C total = 0;
        for (int64_t i = 0; i < n; ++i) {
          const C w = weight(row, i);
          if (!(w >= 0) || std::isinf(w)) {
            status = {StatusCode::invalid_value, row * n + i};
            return;
          }
          total += w;
        }
        if (!(total > 0)) {
          status = {StatusCode::invalid_value, row * n};
          return;
        }
      }
      Generator g(args.state.data);
      auto* const result = args.out.as<int64_t>();
      if (!args.replacement) {
        // A race in which each category's rate is its weight: the first to arrive are drawn.
        const auto scores = std::make_unique<C[]>(static_cast<size_t>(rows * n));
        for (int64_t i = 0; i < rows * n; ++i) {
          const C time = static_cast<C>(convert<T>(-std::log1p(-g.uniform_double())));
          scores[i] = weight(i / n, i % n) / time;
        }
        const auto order = std::make_unique<int64_t[]>(static_cast<size_t>(n));
        for (int64_t row = 0; row < rows; ++row) {
          const C* score = scores.get() + row * n;
          for (int64_t i = 0; i < n; ++i) order[i] = i;
          std::partial_sort(order.get(), order.get() + draws, order.get() + n, [score](int64_t a, int64_t b) {
            return score[a] > score[b] || (score[a] == score[b] && a < b);
          });
          for (int64_t k = 0; k < draws; ++k) result[row * args.out.strides[0] + k * args.out.strides[1]] = order[k];
        }
        return;
      }
      const auto cumulative = std::make_unique<C[]>(static_cast<size_t>(n));
      for (int64_t row = 0; row < rows; ++row) {
        C sum = 0;
        for (int64_t i = 0; i < n; ++i) cumulative[i] = sum += weight(row, i);
        for (int64_t i = 0; i < n; ++i) cumulative[i] /= sum;
        cumulative[n - 1] = 1;
        for (int64_t k = 0; k < draws; ++k) {
          const double u = g.uniform_double();
          const auto* found = std::lower_bound(cumulative.get(), cumulative.get() + n, u,
                                               [](C a, double b) { return static_cast<double>(a) < b; });
          int64_t at = std::min<int64_t>(found - cumulative.get(), n - 1);
          while (at > 0 && weight(row, at) == 0) --at;
          result[row * args.out.strides[0] + k * args.out.strides[1]] = at;
        }
      }
    }
  });
  return status;
}

// Draws which elements live, and scales those, in one pass: out = alive ? input · scale : 0.
Status dropout(DropoutArgs& args) {
  const int64_t n = args.input.numel();
  const auto threshold = static_cast<uint64_t>(std::ceil(args.keep * 0x1p53));
  auto* mask = args.mask.as<uint8_t>();
  {
    Generator g(args.state.data);
    for (int64_t i = 0; i < n; ++i) mask[i] = g.bits53() < threshold ? 1 : 0;
  }
  MaskScaleArgs rest{args.out, args.input, args.mask, args.scale};
  return mask_scale(rest);
}

// out = mask ? input · scale : 0, in one pass over tensors of one shape.
Status mask_scale(MaskScaleArgs& args) {
  const TensorView* views[] = {&args.out, &args.input, &args.mask};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return {};
  visit_dtype(args.out.dtype, [&]<typename T>() {
    using C = std::conditional_t<kIsHalf<T>, float, T>;
    const C scale = convert<C>(args.scale);
    T* out = args.out.as<T>();
    const T* in = args.input.as<T>();
    const auto* mask = args.mask.as<uint8_t>();
    const int64_t os = loop.inner_stride(0), is = loop.inner_stride(1), ms = loop.inner_stride(2);
    const auto row = [&](T* o, const T* x, const uint8_t* m, int64_t count) {
      if (os == 1 && is == 1 && ms == 1) {
        for (int64_t i = 0; i < count; ++i)
          o[i] = convert<T>(static_cast<C>(x[i]) * (scale * C(static_cast<float>(m[i]))));
      } else {
        for (int64_t i = 0; i < count; ++i)
          o[i * os] = convert<T>(static_cast<C>(x[i * is]) * (scale * C(static_cast<float>(m[i * ms]))));
      }
    };
    if (rows == 1) {
      parallel_for(
          inner, kGrain, [&](int64_t b, int64_t e) { row(out + b * os, in + b * is, mask + b * ms, e - b); }, 64);
    } else {
      parallel_for(rows, std::max<int64_t>(1, kGrain / inner), [&](int64_t b, int64_t e) {
        RowCursor cursor(loop, b);
        for (int64_t r = b; r < e; ++r, cursor.next())
          row(out + cursor.offsets[0], in + cursor.offsets[1], mask + cursor.offsets[2], inner);
      });
    }
  });
  return {};
}

}  // namespace flambeau::cpu
