#include "fft_blocks.h"

#include <algorithm>

// The same three levels as micro_ops.cpp; vectors without a fixed size cannot be held in arrays.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/fft_blocks.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "fft_radix-inl.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu::fft {
namespace HWY_NAMESPACE {

template <typename R>
inline constexpr int64_t kStep = 2 * kLanes<R>;  // between the elements of a block

// Columns become rows, for as many vectors as they have lanes.
#if HWY_TARGET == HWY_SCALAR
template <typename R, typename V>
HWY_INLINE void transpose(V*) {}
#else
template <typename R, typename V>
HWY_INLINE void transpose(V* x) {
  const Lanes<R> d;
  constexpr int kInBlock = 16 / sizeof(R), kHalves = kLanes<R> / kInBlock;
  V t[kLanes<R>];
  for (int h = 0; h < kHalves; ++h) {
    V* in = x + h * kInBlock;
    V* out = t + h * kInBlock;
    if constexpr (kInBlock == 4) {
      const V a = hn::InterleaveLower(d, in[0], in[2]), b = hn::InterleaveUpper(d, in[0], in[2]);
      const V e = hn::InterleaveLower(d, in[1], in[3]), f = hn::InterleaveUpper(d, in[1], in[3]);
      out[0] = hn::InterleaveLower(d, a, e);
      out[1] = hn::InterleaveUpper(d, a, e);
      out[2] = hn::InterleaveLower(d, b, f);
      out[3] = hn::InterleaveUpper(d, b, f);
    } else {
      out[0] = hn::InterleaveLower(d, in[0], in[1]);
      out[1] = hn::InterleaveUpper(d, in[0], in[1]);
    }
  }
  for (int i = 0; i < kInBlock; ++i) {
    if constexpr (kHalves == 2) {
      x[i] = hn::ConcatLowerLower(d, t[kInBlock + i], t[i]);
      x[kInBlock + i] = hn::ConcatUpperUpper(d, t[kInBlock + i], t[i]);
    } else {
      x[i] = t[i];
    }
  }
}
#endif

template <typename P>
HWY_INLINE bool interleaved(const P& p) {
  return p.re && p.im && (p.im == p.re + 1 || p.re == p.im + 1);
}
// Whether all lanes are used and lie `step` apart.
template <typename R, typename P>
HWY_INLINE bool adjacent(const P& p, int64_t step) {
  if (p.count != kLanes<R>) return false;
  for (int v = 1; v < kLanes<R>; ++v)
    if (p.lanes[v] != p.lanes[0] + v * step) return false;
  return true;
}

template <typename R>
void load_one_by_one(R* block, const Planes<const R>& from, int64_t begin, int64_t end) {
  constexpr int L = kLanes<R>;
  for (int64_t k = begin; k < end; ++k) {
    R* at = block + k * kStep<R>;
    for (int v = 0; v < L; ++v) {
      const bool used = v < from.count;
      at[v] = used && from.re ? from.re[from.lanes[v] + k * from.step] : R(0);
      at[L + v] = used && from.im ? from.im[from.lanes[v] + k * from.step] : R(0);
    }
  }
}

template <typename R>
void load_lines(R* block, const Planes<const R>& from, int64_t n) {
  const Lanes<R> d;
  constexpr int L = kLanes<R>;
  using V = hn::Vec<Lanes<R>>;
  if (interleaved(from) && adjacent<R>(from, 2)) {
    const bool exchanged = from.re > from.im;
    const R* src = std::min(from.re, from.im) + from.lanes[0];
    for (int64_t k = 0; k < n; ++k) {
      V a, b;
      hn::LoadInterleaved2(d, src + k * from.step, a, b);
      store<R>(exchanged ? Pair<R>{b, a} : Pair<R>{a, b}, block + k * kStep<R>);
    }
  } else if (from.re && adjacent<R>(from, 1)) {
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = from.lanes[0] + k * from.step;
      store<R>({hn::LoadU(d, from.re + at), from.im ? hn::LoadU(d, from.im + at) : hn::Zero(d)}, block + k * kStep<R>);
    }
  } else if (interleaved(from) && from.step == 2 && from.count == L) {
    const bool exchanged = from.re > from.im;
    const R* src = std::min(from.re, from.im);
    const int64_t whole = n / L * L;
    for (int64_t k = 0; k < whole; k += L) {
      V re[L], im[L];
      for (int v = 0; v < L; ++v) hn::LoadInterleaved2(d, src + from.lanes[v] + 2 * k, re[v], im[v]);
      transpose<R>(re);
      transpose<R>(im);
      for (int i = 0; i < L; ++i)
        store<R>(exchanged ? Pair<R>{im[i], re[i]} : Pair<R>{re[i], im[i]}, block + (k + i) * kStep<R>);
    }
    load_one_by_one(block, from, whole, n);
  } else {
    load_one_by_one(block, from, 0, n);
  }
}

template <typename R>
void store_one_by_one(const R* block, const Planes<R>& to, int64_t begin, int64_t end, R re, R im) {
  for (int64_t k = begin; k < end; ++k) {
    const R* at = block + k * kStep<R>;
    for (int v = 0; v < to.count; ++v) {
      const int64_t place = to.lanes[v] + k * to.step;
      if (to.re) to.re[place] = at[v] * re;
      if (to.im) to.im[place] = at[kLanes<R> + v] * im;
    }
  }
}

template <typename R>
void store_lines(const R* block, const Planes<R>& to, int64_t n, R re, R im) {
  const Lanes<R> d;
  constexpr int L = kLanes<R>;
  using V = hn::Vec<Lanes<R>>;
  const V by_re = hn::Set(d, re), by_im = hn::Set(d, im);
  const auto scaled = [&](int64_t k) HWY_ATTR {
    const auto x = load(block + k * kStep<R>);
    return Pair<R>{hn::Mul(x.re, by_re), hn::Mul(x.im, by_im)};
  };
  if (interleaved(to) && adjacent<R>(to, 2)) {
    const bool exchanged = to.re > to.im;
    R* dst = std::min(to.re, to.im) + to.lanes[0];
    for (int64_t k = 0; k < n; ++k) {
      const auto x = scaled(k);
      hn::StoreInterleaved2(exchanged ? x.im : x.re, exchanged ? x.re : x.im, d, dst + k * to.step);
    }
  } else if (adjacent<R>(to, 1)) {
    for (int64_t k = 0; k < n; ++k) {
      const auto x = scaled(k);
      const int64_t at = to.lanes[0] + k * to.step;
      if (to.re) hn::StoreU(x.re, d, to.re + at);
      if (to.im) hn::StoreU(x.im, d, to.im + at);
    }
  } else if (interleaved(to) && to.step == 2 && to.count == L) {
    const bool exchanged = to.re > to.im;
    R* dst = std::min(to.re, to.im);
    const int64_t whole = n / L * L;
    for (int64_t k = 0; k < whole; k += L) {
      V a[L], b[L];
      for (int i = 0; i < L; ++i) {
        const auto x = scaled(k + i);
        a[i] = exchanged ? x.im : x.re;
        b[i] = exchanged ? x.re : x.im;
      }
      transpose<R>(a);
      transpose<R>(b);
      for (int v = 0; v < L; ++v) hn::StoreInterleaved2(a[v], b[v], d, dst + to.lanes[v] + 2 * k);
    }
    store_one_by_one(block, to, whole, n, re, im);
  } else {
    store_one_by_one(block, to, 0, n, re, im);
  }
}

template <int kRadix, typename R, bool kTwiddles>
void run_pass(const Pass& pass, const R* table, const R* x, R* y) {
  constexpr int64_t E = kStep<R>;
  const int64_t in = pass.s * pass.m * E, out = pass.s * E;
  const int radix = kRadix == 0 ? pass.radix : kRadix;
  for (int64_t p = 0; p < pass.m; ++p) {
    const R* twiddles = kTwiddles ? table + pass.twiddles + 2 * p * (radix - 1) : nullptr;
    const R* from = x + p * pass.s * E;
    R* to = y + p * radix * pass.s * E;
    for (int64_t q = 0; q < pass.s; ++q, from += E, to += E) {
      const Results<R, kTwiddles> results{to, out, twiddles};
      if constexpr (kRadix == 2) butterfly2(from, in, results);
      if constexpr (kRadix == 3) butterfly3(from, in, results);
      if constexpr (kRadix == 4) butterfly4(from, in, results);
      if constexpr (kRadix == 5) butterfly5(from, in, results);
      if constexpr (kRadix == 8) butterfly8(from, in, results);
      if constexpr (kRadix == 7) butterfly_odd(7, table + pass.prime, from, in, results);
      if constexpr (kRadix == 0) butterfly_odd(radix, table + pass.prime, from, in, results);
    }
  }
}

template <int kRadix, typename R>
void run_pass(const Pass& pass, const R* table, const R* x, R* y) {
  // The last pass has no factors but 1.
  if (pass.m == 1)
    run_pass<kRadix, R, false>(pass, table, x, y);
  else
    run_pass<kRadix, R, true>(pass, table, x, y);
}

template <typename R>
R* transform(const Passes<R>& passes, R* a, R* b) {
  const R* table = passes.table.data();
  for (const Pass& pass : passes.list) {
    switch (pass.radix) {
      case 2:
        run_pass<2>(pass, table, a, b);
        break;
      case 3:
        run_pass<3>(pass, table, a, b);
        break;
      case 4:
        run_pass<4>(pass, table, a, b);
        break;
      case 5:
        run_pass<5>(pass, table, a, b);
        break;
      case 7:
        run_pass<7>(pass, table, a, b);
        break;
      case 8:
        run_pass<8>(pass, table, a, b);
        break;
      default:
        run_pass<0>(pass, table, a, b);
        break;
    }
    std::swap(a, b);
  }
  return a;
}

// The factors of row k for the columns from j on.
template <typename R>
HWY_INLINE Pair<R> factor(const Split<R>& split, int64_t k, int64_t j) {
  const Lanes<R> d;
  const int64_t width = split.width;
  const R* fine = split.fine.data() + 2 * (k % split.step) * width + j;
  const Pair<R> w{hn::LoadU(d, fine), hn::LoadU(d, fine + width)};
  if (k < split.step) return w;
  const R* coarse = split.coarse.data() + 2 * (k / split.step) * width + j;
  return w * Pair<R>{hn::LoadU(d, coarse), hn::LoadU(d, coarse + width)};
}

// A group of as many rows as there are lanes lies together: for each column its rows side by side. What lies behind the
// last row of the block is zero.
template <typename R>
void put_columns(const Split<R>& split, R* steps, R* block, int64_t j, int count) {
  constexpr int L = kLanes<R>;
  const int64_t n = split.columns.n, rows = split.rows.n;
  std::fill(block + n * kStep<R>, block + (n + L - 1) / L * L * kStep<R>, R(0));
  for (int64_t k = 0; k < n; k += L) {
    typename Pair<R>::V re[L], im[L];
    for (int i = 0; i < L; ++i) {
      const auto x = load(block + (k + i) * kStep<R>) * factor(split, std::min(k + i, n - 1), j);
      re[i] = x.re;
      im[i] = x.im;
    }
    transpose<R>(re);
    transpose<R>(im);
    R* to = steps + (k / L * rows + j) * kStep<R>;
    for (int v = 0; v < L && v < count; ++v) store<R>({re[v], im[v]}, to + v * kStep<R>);
  }
}

template <typename R>
void take_columns(const Split<R>& split, R* block, const R* steps, int64_t j, int count) {
  constexpr int L = kLanes<R>;
  const int64_t n = split.columns.n, rows = split.rows.n;
  const Lanes<R> d;
  for (int64_t k = 0; k < n; k += L) {
    typename Pair<R>::V re[L], im[L];
    const R* from = steps + (k / L * rows + j) * kStep<R>;
    for (int v = 0; v < L; ++v) {
      const Pair<R> x = v < count ? load(from + v * kStep<R>) : Pair<R>{hn::Zero(d), hn::Zero(d)};
      re[v] = x.re;
      im[v] = x.im;
    }
    transpose<R>(re);
    transpose<R>(im);
    for (int i = 0; i < L && k + i < n; ++i)
      store(Pair<R>{re[i], im[i]} * factor(split, k + i, j), block + (k + i) * kStep<R>);
  }
}

template <typename R>
void scale_rows(R* block, const R* factors, int64_t n, bool exchange) {
  for (int64_t k = 0; k < n; ++k) {
    const auto x = load(block + k * kStep<R>);
    store((exchange ? Pair<R>{x.im, x.re} : x) * spread(factors + 2 * k), block + k * kStep<R>);
  }
}

template <typename R>
void scale_lanes(R* block, const R* factors, int64_t step, int64_t n, bool exchange) {
  const Lanes<R> d;
  for (int64_t k = 0; k < n; ++k) {
    const auto x = load(block + k * kStep<R>);
    Pair<R> w;
    hn::LoadInterleaved2(d, factors + 2 * k * step, w.re, w.im);
    store((exchange ? Pair<R>{x.im, x.re} : x) * w, block + k * kStep<R>);
  }
}

template <typename R>
void multiply_exchanged(R* block, const R* factors, int64_t n) {
  for (int64_t k = 0; k < n; ++k) {
    const auto x = load(block + k * kStep<R>);
    store(Pair<R>{x.im, x.re} * load(factors + k * kStep<R>), block + k * kStep<R>);
  }
}

template <typename R>
HWY_INLINE void root_of(const Roots<R>& roots, int64_t k, R* w) {
  const R* a = roots.coarse.data() + 2 * (k / roots.step);
  const R* b = roots.fine.data() + 2 * (k % roots.step);
  w[0] = a[0] * b[0] - a[1] * b[1];
  w[1] = a[0] * b[1] + a[1] * b[0];
}

// With z = x even + i x odd: E = (Z[k] + conj Z[h-k]) / 2 and O = (Z[k] - conj Z[h-k]) / 2i are the transforms of the
// two, X[k] = E + w O and X[h-k] = conj(E - w O).
template <typename V>
HWY_INLINE void unpack(V a_re, V a_im, V b_re, V b_im, V w_re, V w_im, V half, V& x_re, V& x_im, V& y_re, V& y_im) {
  const V e_re = hn::Mul(half, hn::Add(a_re, b_re)), e_im = hn::Mul(half, hn::Sub(a_im, b_im));
  const V o_re = hn::Mul(half, hn::Add(a_im, b_im)), o_im = hn::Mul(half, hn::Sub(b_re, a_re));
  const V p_re = hn::NegMulAdd(w_im, o_im, hn::Mul(w_re, o_re)), p_im = hn::MulAdd(w_im, o_re, hn::Mul(w_re, o_im));
  x_re = hn::Add(e_re, p_re);
  x_im = hn::Add(e_im, p_im);
  y_re = hn::Sub(e_re, p_re);
  y_im = hn::Sub(p_im, e_im);
}

// The way back, without the halves: E = X[k] + conj X[h-k], D = (X[k] - conj X[h-k]) conj w; Z[k] = E + iD,
// Z[h-k] = conj E + i conj D.
template <typename V>
HWY_INLINE void pack(V a_re, V a_im, V b_re, V b_im, V w_re, V w_im, V& x_re, V& x_im, V& y_re, V& y_im) {
  const V e_re = hn::Add(a_re, b_re), e_im = hn::Sub(a_im, b_im);
  const V f_re = hn::Sub(a_re, b_re), f_im = hn::Add(a_im, b_im);
  const V d_re = hn::MulAdd(w_im, f_im, hn::Mul(w_re, f_re)), d_im = hn::NegMulAdd(w_im, f_re, hn::Mul(w_re, f_im));
  x_re = hn::Sub(e_re, d_im);
  x_im = hn::Add(e_im, d_re);
  y_re = hn::Add(e_re, d_im);
  y_im = hn::Sub(d_re, e_im);
}

template <typename R>
void from_packed(R* block, const Roots<R>& roots, int64_t h) {
  const Lanes<R> d;
  const auto half = hn::Set(d, R(0.5));
  const auto first = load(block);
  store<R>({hn::Add(first.re, first.im), hn::Zero(d)}, block);
  store<R>({hn::Sub(first.re, first.im), hn::Zero(d)}, block + h * kStep<R>);
  for (int64_t k = 1; k <= h - k; ++k) {
    R* at = block + k * kStep<R>;
    R* mirror = block + (h - k) * kStep<R>;
    R w[2];
    root_of(roots, k, w);
    const auto a = load(at), b = load(mirror), root = spread(w);
    Pair<R> x, y;
    unpack(a.re, a.im, b.re, b.im, root.re, root.im, half, x.re, x.im, y.re, y.im);
    store(x, at);
    store(y, mirror);
  }
}

template <typename R>
void to_packed(R* block, const Roots<R>& roots, int64_t h, bool conjugate) {
  const Lanes<R> d;
  const auto sign = hn::Set(d, conjugate ? R(-1) : R(1));
  const auto first = load(block), last = load(block + h * kStep<R>);
  store<R>({hn::Sub(first.re, last.re), hn::Add(first.re, last.re)}, block);
  for (int64_t k = 1; k <= h - k; ++k) {
    R* at = block + k * kStep<R>;
    R* mirror = block + (h - k) * kStep<R>;
    R w[2];
    root_of(roots, k, w);
    const auto a = load(at), b = load(mirror), root = spread(w);
    Pair<R> x, y;
    pack(a.re, hn::Mul(a.im, sign), b.re, hn::Mul(b.im, sign), root.re, root.im, x.re, x.im, y.re, y.im);
    store<R>({x.im, x.re}, at);
    store<R>({y.im, y.re}, mirror);
  }
}

// Runs body(k, roots of k …) for [begin, end), vectors first where roots share their coarse part, then one by one.
template <typename R, typename Vector, typename One>
HWY_INLINE void with_roots(const Roots<R>& roots, int64_t begin, int64_t end, const Vector& vector, const One& one) {
  const Lanes<R> d;
  constexpr int L = kLanes<R>;
  for (int64_t k = begin; k < end;) {
    const int64_t stop = std::min(end, (k / roots.step + 1) * roots.step);
    const auto coarse = spread(roots.coarse.data() + 2 * (k / roots.step));
    for (; k + L <= stop; k += L) {
      Pair<R> w;
      hn::LoadInterleaved2(d, roots.fine.data() + 2 * (k % roots.step), w.re, w.im);
      vector(k, w * coarse);
    }
    for (; k < stop; ++k) {
      R w[2];
      root_of(roots, k, w);
      one(k, w);
    }
  }
}

template <typename R>
void line_from_packed(R* line, const Roots<R>& roots, int64_t h, int64_t begin, int64_t end, R im) {
  const Lanes<R> d;
  constexpr int L = kLanes<R>;
  const auto half = hn::Set(d, R(0.5)), sign = hn::Set(d, im);
  const hn::CappedTag<R, 1> one;
  with_roots<R>(
      roots, begin, end,
      [&](int64_t k, const Pair<R>& w) HWY_ATTR {
        R* at = line + 2 * k;
        R* mirror = line + 2 * (h - k - L + 1);
        Pair<R> a, b, x, y;
        hn::LoadInterleaved2(d, at, a.re, a.im);
        hn::LoadInterleaved2(d, mirror, b.re, b.im);
        unpack(a.re, a.im, hn::Reverse(d, b.re), hn::Reverse(d, b.im), w.re, w.im, half, x.re, x.im, y.re, y.im);
        hn::StoreInterleaved2(x.re, hn::Mul(x.im, sign), d, at);
        hn::StoreInterleaved2(hn::Reverse(d, y.re), hn::Reverse(d, hn::Mul(y.im, sign)), d, mirror);
      },
      [&](int64_t k, const R* w) HWY_ATTR {
        R* at = line + 2 * k;
        R* mirror = line + 2 * (h - k);
        const auto of = [&](R value) HWY_ATTR { return hn::Set(one, value); };
        hn::Vec<decltype(one)> x_re, x_im, y_re, y_im;
        unpack(of(at[0]), of(at[1]), of(mirror[0]), of(mirror[1]), of(w[0]), of(w[1]), of(R(0.5)), x_re, x_im, y_re,
               y_im);
        at[0] = hn::GetLane(x_re);
        at[1] = hn::GetLane(x_im) * im;
        mirror[0] = hn::GetLane(y_re);
        mirror[1] = hn::GetLane(y_im) * im;
      });
}

template <typename R>
void line_to_packed(R* out, const R* line, const Roots<R>& roots, int64_t h, int64_t begin, int64_t end, R im) {
  const Lanes<R> d;
  constexpr int L = kLanes<R>;
  const auto sign = hn::Set(d, im);
  const hn::CappedTag<R, 1> one;
  with_roots<R>(
      roots, begin, end,
      [&](int64_t k, const Pair<R>& w) HWY_ATTR {
        const int64_t other = h - k - L + 1;
        Pair<R> a, b, x, y;
        hn::LoadInterleaved2(d, line + 2 * k, a.re, a.im);
        hn::LoadInterleaved2(d, line + 2 * other, b.re, b.im);
        pack(a.re, hn::Mul(a.im, sign), hn::Reverse(d, b.re), hn::Reverse(d, hn::Mul(b.im, sign)), w.re, w.im, x.re,
             x.im, y.re, y.im);
        hn::StoreInterleaved2(x.im, x.re, d, out + 2 * k);
        hn::StoreInterleaved2(hn::Reverse(d, y.im), hn::Reverse(d, y.re), d, out + 2 * other);
      },
      [&](int64_t k, const R* w) HWY_ATTR {
        const R* a = line + 2 * k;
        const R* b = line + 2 * (h - k);
        const auto of = [&](R value) HWY_ATTR { return hn::Set(one, value); };
        hn::Vec<decltype(one)> x_re, x_im, y_re, y_im;
        pack(of(a[0]), of(a[1] * im), of(b[0]), of(b[1] * im), of(w[0]), of(w[1]), x_re, x_im, y_re, y_im);
        out[2 * k] = hn::GetLane(x_im);
        out[2 * k + 1] = hn::GetLane(x_re);
        out[2 * (h - k)] = hn::GetLane(y_im);
        out[2 * (h - k) + 1] = hn::GetLane(y_re);
      });
}

template <typename R>
void find(BlockFunctions<R>& f) {
  f = {kLanes<R>,       load_lines<R>,       store_lines<R>,   transform<R>,          put_columns<R>,
       take_columns<R>, scale_rows<R>,       scale_lanes<R>,   multiply_exchanged<R>, from_packed<R>,
       to_packed<R>,    line_from_packed<R>, line_to_packed<R>};
}
void find_float(BlockFunctions<float>& f) { find(f); }
void find_double(BlockFunctions<double>& f) { find(f); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu::fft
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu::fft {

HWY_EXPORT(find_float);
HWY_EXPORT(find_double);

const BlockFunctions<float>& block_functions(float) {
  static const BlockFunctions<float> functions = [] {
    BlockFunctions<float> f;
    HWY_DYNAMIC_DISPATCH(find_float)(f);
    return f;
  }();
  return functions;
}
const BlockFunctions<double>& block_functions(double) {
  static const BlockFunctions<double> functions = [] {
    BlockFunctions<double> f;
    HWY_DYNAMIC_DISPATCH(find_double)(f);
    return f;
  }();
  return functions;
}

}  // namespace flambeau::cpu::fft
#endif
