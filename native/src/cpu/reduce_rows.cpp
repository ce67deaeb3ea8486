#include "reduce_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "blocks.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/reduce_rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "half_vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

// A kind is how an element becomes a lane value (`map`) and how two of those become one (`join`). Integer sums and
// products wrap, so their lanes are unsigned.
template <typename C>
struct RealOf {
  using type = C;
};
template <typename R>
struct RealOf<std::complex<R>> {
  using type = R;
};
template <typename C>
using Real = typename RealOf<C>::type;

template <typename C>
using SumLane = std::conditional_t<std::is_integral_v<C>, uint64_t, C>;
template <typename C>
using ProdLane = std::conditional_t<
    std::is_integral_v<C>, uint64_t,
    std::conditional_t<std::is_same_v<C, float>, double, std::conditional_t<kIsComplex<C>, complex128, C>>>;
template <typename L>
using AccOf = std::conditional_t<std::is_integral_v<L>, int64_t, std::conditional_t<kIsComplex<L>, complex128, double>>;

enum class Join { add, mul, max, min };

template <ReduceKind kKind, typename C>
struct Reducer {
  static constexpr bool kExtreme = kKind == ReduceKind::max || kKind == ReduceKind::min;
  static constexpr bool kAbs = kKind == ReduceKind::square_sum || kKind == ReduceKind::abs_sum ||
                               kKind == ReduceKind::abs_max || kKind == ReduceKind::abs_min;
  static constexpr bool kSupported = kExtreme                               ? !kIsComplex<C>
                                     : kAbs || kKind == ReduceKind::pow_sum ? !std::is_integral_v<C>
                                     : kKind == ReduceKind::variation       ? std::is_floating_point_v<C>
                                                                            : true;
  static constexpr Join kJoin = kKind == ReduceKind::prod                                  ? Join::mul
                                : kKind == ReduceKind::max || kKind == ReduceKind::abs_max ? Join::max
                                : kKind == ReduceKind::min || kKind == ReduceKind::abs_min ? Join::min
                                                                                           : Join::add;
  using Lane = std::conditional_t<
      kKind == ReduceKind::prod, ProdLane<C>,
      std::conditional_t<kKind == ReduceKind::count, int64_t,
                         std::conditional_t<kExtreme, C,
                                            std::conditional_t<kAbs, Real<C>,
                                                               std::conditional_t<kKind == ReduceKind::pow_sum ||
                                                                                      kKind == ReduceKind::variation,
                                                                                  double, SumLane<C>>>>>>;
  using Acc = AccOf<Lane>;

  static Lane map(C x, [[maybe_unused]] double param) {
    if constexpr (kKind == ReduceKind::count) {
      return x != C(0) ? 1 : 0;
    } else if constexpr (kKind == ReduceKind::nan_sum) {
      if constexpr (kIsComplex<C>)
        return x.real() == x.real() && x.imag() == x.imag() ? x : C(0);
      else
        return x == x ? static_cast<Lane>(x) : Lane(0);
    } else if constexpr (kKind == ReduceKind::square_sum) {
      if constexpr (kIsComplex<C>)
        return x.real() * x.real() + x.imag() * x.imag();
      else
        return x * x;
    } else if constexpr (kAbs) {
      return std::abs(x);
    } else if constexpr (kKind == ReduceKind::pow_sum) {
      return std::pow(static_cast<double>(std::abs(x)), param);
    } else if constexpr (kKind == ReduceKind::variation) {
      const double d = static_cast<double>(x) - param;
      return d * d;
    } else {
      return static_cast<Lane>(x);
    }
  }

  template <typename V>
  static constexpr V identity() {
    if constexpr (kJoin == Join::add)
      return V(0);
    else if constexpr (kJoin == Join::mul)
      return V(1);
    else if constexpr (std::numeric_limits<V>::has_infinity)
      return kJoin == Join::max ? -std::numeric_limits<V>::infinity() : std::numeric_limits<V>::infinity();
    else
      return kJoin == Join::max ? std::numeric_limits<V>::min() : std::numeric_limits<V>::max();
  }

  // A NaN on either side wins.
  template <typename V>
  static V join(V a, V b) {
    if constexpr (kJoin == Join::add) {
      if constexpr (std::is_same_v<V, int64_t>)
        return static_cast<V>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
      else
        return a + b;
    } else if constexpr (kJoin == Join::mul) {
      if constexpr (std::is_same_v<V, int64_t>)
        return static_cast<V>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
      else
        return a * b;
    } else if constexpr (kJoin == Join::max) {
      return b > a || b != b ? b : a;
    } else {
      return b < a || b != b ? b : a;
    }
  }

  static Lane reduce_few(const C* x, int64_t n, double param) {
    constexpr int64_t kLanes = 8;
    Lane total = identity<Lane>();
    bool nan = false;
    const auto take = [&](Lane& into, Lane value) {
      if constexpr (kJoin == Join::add || kJoin == Join::mul || kIsComplex<Lane>) {
        into = join(into, value);
      } else {
        nan |= value != value;
        into = (kJoin == Join::max ? into < value : value < into) ? value : into;
      }
    };
    int64_t i = 0;
    if (n >= kLanes) {
      Lane lanes[kLanes];
      for (int64_t l = 0; l < kLanes; ++l) lanes[l] = map(x[l], param);
      if constexpr (kJoin == Join::max || kJoin == Join::min)
        for (int64_t l = 0; l < kLanes; ++l) nan |= lanes[l] != lanes[l];
      for (i = kLanes; i + kLanes <= n; i += kLanes)
        for (int64_t l = 0; l < kLanes; ++l) take(lanes[l], map(x[i + l], param));
      for (int64_t half = kLanes / 2; half > 0; half /= 2)
        for (int64_t l = 0; l < half; ++l) take(lanes[l], lanes[l + half]);
      total = lanes[0];
    }
    for (; i < n; ++i) take(total, map(x[i], param));
    if constexpr (std::numeric_limits<Lane>::has_quiet_NaN)
      if (nan) return std::numeric_limits<Lane>::quiet_NaN();
    return total;
  }

  // Kinds of real numbers whose lanes are of the compute type.
  static constexpr bool kVectors = std::is_floating_point_v<C> && std::is_same_v<Lane, C> && kJoin != Join::mul &&
                                   kKind != ReduceKind::pow_sum && kKind != ReduceKind::variation;

  // Four vectors side by side, so that the additions do not wait for one another and memory is read in one stream.
  // `sums`: what they have already, or null.
  template <typename T>
  static Lane reduce_vectors(const T* x, int64_t n, const C* sums = nullptr) {
    const hn::ScalableTag<C> d;
    using V = hn::Vec<decltype(d)>;
    const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
    V a = hn::Set(d, identity<C>()), b = a, c = a, e = a, bad = hn::Zero(d);
    if (sums) {
      a = hn::LoadU(d, sums);
      b = hn::LoadU(d, sums + lanes);
      c = hn::LoadU(d, sums + 2 * lanes);
      e = hn::LoadU(d, sums + 3 * lanes);
    }
    const auto take_vector = [&](V& into, V v) HWY_ATTR {
      if constexpr (kKind == ReduceKind::nan_sum) v = hn::IfThenElseZero(hn::Eq(v, v), v);
      if constexpr (kAbs && kKind != ReduceKind::square_sum) v = hn::Abs(v);
      if constexpr (kKind == ReduceKind::square_sum) {
        into = hn::MulAdd(v, v, into);
      } else if constexpr (kJoin == Join::add) {
        into = hn::Add(into, v);
      } else {
        bad = hn::Or(bad, hn::VecFromMask(d, hn::IsNaN(v)));
        into = kJoin == Join::max ? hn::Max(v, into) : hn::Min(v, into);
      }
    };
    const auto take = [&](V& into, const T* at) HWY_ATTR {
      if constexpr (std::is_same_v<T, C>)
        take_vector(into, hn::LoadU(d, at));
      else
        take_vector(into, load_vector(at));
    };
    int64_t i = 0;
    if constexpr (std::is_same_v<T, bfloat16>) {
      // Two vectors a load; their lanes are put where they would be otherwise at the end.
      for (; i + 4 * lanes <= n; i += 4 * lanes) {
        V even, odd;
        load_pairs(x + i, even, odd);
        take_vector(a, even);
        take_vector(b, odd);
        load_pairs(x + i + 2 * lanes, even, odd);
        take_vector(c, even);
        take_vector(e, odd);
      }
      if constexpr (kJoin == Join::add) {
        HWY_ALIGN C in_order[2 * hn::MaxLanes(decltype(d)())];
        const auto sort = [&](V& even, V& odd) HWY_ATTR {
          hn::StoreInterleaved2(even, odd, d, in_order);
          even = hn::Load(d, in_order);
          odd = hn::Load(d, in_order + lanes);
        };
        sort(a, b);
        sort(c, e);
      }
    }
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
      take(a, x + i);
      take(b, x + i + lanes);
      take(c, x + i + 2 * lanes);
      take(e, x + i + 3 * lanes);
    }
    for (; i + lanes <= n; i += lanes) take(a, x + i);
    if (!hn::AllTrue(d, hn::Eq(bad, hn::Zero(d)))) return std::numeric_limits<C>::quiet_NaN();
    C total;
    if constexpr (kJoin == Join::add) {
      HWY_ALIGN C buffer[hn::MaxLanes(decltype(d)())];
      hn::Store(hn::Add(hn::Add(a, b), hn::Add(c, e)), d, buffer);
      total = buffer[0];
      for (int64_t l = 1; l < lanes; ++l) total += buffer[l];
    } else if constexpr (kJoin == Join::max) {
      total = hn::GetLane(hn::MaxOfLanes(d, hn::Max(hn::Max(a, b), hn::Max(c, e))));
    } else {
      total = hn::GetLane(hn::MinOfLanes(d, hn::Min(hn::Min(a, b), hn::Min(c, e))));
    }
    for (; i < n; ++i) total = join(total, map(static_cast<C>(x[i]), 0));
    return total;
  }

  static Lane reduce(const C* x, int64_t n, double param) {
    if (n < kFewElements) return reduce_few(x, n, param);
    if constexpr (kVectors) return reduce_vectors(x, n);
    // Four streams, so that the additions do not wait for one another.
    const int64_t q = n / 4;
    if constexpr (kIsComplex<Lane>) {
      Lane total = identity<Lane>();
      for (int64_t i = 0; i < n; ++i) total = join(total, map(x[i], param));
      return total;
    } else if constexpr (kJoin == Join::add) {
      Lane a = 0, b = 0, c = 0, d = 0;
#pragma omp simd reduction(+ : a, b, c, d)
      for (int64_t i = 0; i < q; ++i) {
        a += map(x[i], param);
        b += map(x[q + i], param);
        c += map(x[2 * q + i], param);
        d += map(x[3 * q + i], param);
      }
      for (int64_t i = 4 * q; i < n; ++i) a += map(x[i], param);
      return (a + b) + (c + d);
    } else if constexpr (kJoin == Join::mul) {
      Lane a = 1, b = 1, c = 1, d = 1;
#pragma omp simd reduction(* : a, b, c, d)
      for (int64_t i = 0; i < q; ++i) {
        a *= map(x[i], param);
        b *= map(x[q + i], param);
        c *= map(x[2 * q + i], param);
        d *= map(x[3 * q + i], param);
      }
      for (int64_t i = 4 * q; i < n; ++i) a *= map(x[i], param);
      return (a * b) * (c * d);
    } else {
      Lane a = identity<Lane>(), b = a;
      int nan = 0;
      const int64_t h = n / 2;
      if constexpr (kJoin == Join::max) {
#pragma omp simd reduction(max : a, b) reduction(| : nan)
        for (int64_t i = 0; i < h; ++i) {
          const Lane u = map(x[i], param), v = map(x[h + i], param);
          a = a < u ? u : a;
          b = b < v ? v : b;
          nan |= (u != u) | (v != v);
        }
      } else {
#pragma omp simd reduction(min : a, b) reduction(| : nan)
        for (int64_t i = 0; i < h; ++i) {
          const Lane u = map(x[i], param), v = map(x[h + i], param);
          a = u < a ? u : a;
          b = v < b ? v : b;
          nan |= (u != u) | (v != v);
        }
      }
      if (nan) return std::numeric_limits<Lane>::quiet_NaN();
      a = join(a, b);
      if (2 * h < n) a = join(a, map(x[n - 1], param));
      return a;
    }
  }

  static void init(void* acc, int64_t n) { std::fill_n(static_cast<Acc*>(acc), n, identity<Acc>()); }
  static void reset(void* lanes, int64_t n) { std::fill_n(static_cast<Lane*>(lanes), n, identity<Lane>()); }
  static void merge(void* acc, const void* other, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      static_cast<Acc*>(acc)[i] = join(static_cast<Acc*>(acc)[i], static_cast<const Acc*>(other)[i]);
  }
  static void block(void* acc, const void* x, int64_t n, double param) {
    auto* a = static_cast<Acc*>(acc);
    *a = join(*a, static_cast<Acc>(reduce(static_cast<const C*>(x), n, param)));
  }
  template <typename T>
  static void half_block(void* acc, const void* x_, int64_t n) {
    const auto* x = static_cast<const T*>(x_);
    auto* a = static_cast<Acc*>(acc);
    if (n >= kFewElements) {
      *a = join(*a, static_cast<Acc>(reduce_vectors(x, n)));
    } else {
      C few[kFewElements];
      for (int64_t i = 0; i < n; ++i) few[i] = static_cast<C>(x[i]);
      *a = join(*a, static_cast<Acc>(reduce_few(few, n, 0)));
    }
  }
  static void resume(void* acc, const void* sums, const void* x, int64_t n) {
    auto* a = static_cast<Acc*>(acc);
    *a = join(*a, static_cast<Acc>(reduce_vectors(static_cast<const C*>(x), n, static_cast<const C*>(sums))));
  }
  static void rows(void* acc_, const void* x_, int64_t stride, int64_t rows, int64_t n, const double* params) {
    auto* acc = static_cast<Acc*>(acc_);
    const auto* x = static_cast<const C*>(x_);
    for (int64_t r = 0; r < rows; ++r, x += stride) {
      const double param = params ? params[r] : 0;
      acc[r] = join(acc[r], static_cast<Acc>(reduce(x, n, param)));
    }
  }
  static void row(void* lanes_, const void* x_, const double* params, int64_t n) {
    auto* lanes = static_cast<Lane*>(lanes_);
    const auto* x = static_cast<const C*>(x_);
    if constexpr (kKind == ReduceKind::pow_sum || kKind == ReduceKind::variation) {
      for (int64_t i = 0; i < n; ++i) lanes[i] = join(lanes[i], map(x[i], params[i]));
    } else {
      for (int64_t i = 0; i < n; ++i) lanes[i] = join(lanes[i], map(x[i], 0));
    }
  }
  static void four_rows(void* lanes_, const void* x_, int64_t stride, int64_t n) {
    auto* lanes = static_cast<Lane*>(lanes_);
    const auto *x = static_cast<const C*>(x_), *y = x + stride, *z = y + stride, *w = z + stride;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i)
      lanes[i] = join(join(join(join(lanes[i], map(x[i], 0)), map(y[i], 0)), map(z[i], 0)), map(w[i], 0));
  }
  static void flush(void* acc, const void* lanes, int64_t n) {
    for (int64_t i = 0; i < n; ++i)
      static_cast<Acc*>(acc)[i] = join(static_cast<Acc*>(acc)[i], static_cast<Acc>(static_cast<const Lane*>(lanes)[i]));
  }
};

template <ReduceKind kKind, typename C>
void select(ReduceFunctions& f) {
  using R = Reducer<kKind, C>;
  if constexpr (R::kSupported) {
    static_assert(sizeof(typename R::Lane) <= kMaxLaneSize);
    using Acc = typename R::Acc;
    f.accumulator = std::is_same_v<Acc, double>    ? Accumulator::real
                    : std::is_same_v<Acc, int64_t> ? Accumulator::integer
                                                   : Accumulator::complex;
    f.lane_size = sizeof(typename R::Lane);
    f.init = R::init;
    f.merge = R::merge;
    f.block = R::block;
    if constexpr (R::kVectors && R::kJoin == Join::add) f.resume = R::resume;
    if constexpr (R::kVectors && std::is_same_v<C, float>) {
      f.bf16_block = R::template half_block<bfloat16>;
      if constexpr (kFloat16Vectors) f.f16_block = R::template half_block<float16>;
    }
    f.any_length = R::kJoin == Join::max || R::kJoin == Join::min;
    f.rows = R::rows;
    f.row = R::row;
    if constexpr (kKind != ReduceKind::pow_sum && kKind != ReduceKind::variation) f.four_rows = R::four_rows;
    f.reset = R::reset;
    f.flush = R::flush;
  }
}

template <ReduceKind kKind>
void select_type(ReduceFunctions& f, DType compute) {
  switch (compute) {
    case DType::f32:
      return select<kKind, float>(f);
    case DType::f64:
      return select<kKind, double>(f);
    case DType::i32:
      return select<kKind, int32_t>(f);
    case DType::i64:
      return select<kKind, int64_t>(f);
    case DType::c64:
      return select<kKind, complex64>(f);
    case DType::c128:
      return select<kKind, complex128>(f);
    default:
      return;
  }
}

void find(ReduceFunctions& f, ReduceKind kind, DType compute) {
  switch (kind) {
    case ReduceKind::sum:
      return select_type<ReduceKind::sum>(f, compute);
    case ReduceKind::prod:
      return select_type<ReduceKind::prod>(f, compute);
    case ReduceKind::max:
      return select_type<ReduceKind::max>(f, compute);
    case ReduceKind::min:
      return select_type<ReduceKind::min>(f, compute);
    case ReduceKind::count:
      return select_type<ReduceKind::count>(f, compute);
    case ReduceKind::nan_sum:
      return select_type<ReduceKind::nan_sum>(f, compute);
    case ReduceKind::square_sum:
      return select_type<ReduceKind::square_sum>(f, compute);
    case ReduceKind::abs_sum:
      return select_type<ReduceKind::abs_sum>(f, compute);
    case ReduceKind::abs_max:
      return select_type<ReduceKind::abs_max>(f, compute);
    case ReduceKind::abs_min:
      return select_type<ReduceKind::abs_min>(f, compute);
    case ReduceKind::pow_sum:
      return select_type<ReduceKind::pow_sum>(f, compute);
    case ReduceKind::variation:
      return select_type<ReduceKind::variation>(f, compute);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find);

ReduceFunctions reduce_functions(ReduceKind kind, DType compute) {
  ReduceFunctions f;
  HWY_DYNAMIC_DISPATCH(find)(f, kind, compute);
  return f;
}

}  // namespace flambeau::cpu
#endif
