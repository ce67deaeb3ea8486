// Reading and writing at positions given by index tensors; triangles of matrices.
#include <hwy/cache_control.h>

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

#include "accumulate.h"
#include "flambeau/kernels/indexing.gen.h"
#include "flambeau/parallel.h"
#include "flambeau/visit_size.h"
#include "index_positions.h"
#include "parts.h"
#include "per_thread.h"
#include "stream.h"

namespace flambeau::cpu {
namespace {

constexpr int kMaxIndices = kMaxDims;
constexpr int64_t kStretch = 256;                  // elements that are read at an index each
constexpr int64_t kFarBytes = int64_t{256} << 10;  // half of a second-level cache

enum class Reduce : int { assign, add, multiply, maximum, minimum };

// Whether one of n indices is outside of [low, size): then one of these differences is negative.
bool any_outside(const int64_t* index, int64_t stride, int64_t n, int64_t low, int64_t size) {
  uint64_t signs = 0;
  const auto check = [&](int64_t v) {
    signs |= (static_cast<uint64_t>(v) - static_cast<uint64_t>(low)) |
             (static_cast<uint64_t>(size - 1) - static_cast<uint64_t>(v));
  };
  if (stride == 1)
    for (int64_t i = 0; i < n; ++i) check(index[i]);
  else
    for (int64_t i = 0; i < n; ++i) check(index[i * stride]);
  return static_cast<int64_t>(signs) < 0;
}

// Finds the first index that is out of range. Dimensions along which an index repeats are looked at once.
Status check_indices(const TensorList& indices, const IntList& sizes, bool wrap) {
  for (size_t k = 0; k < indices.size(); ++k) {
    TensorView view = indices[k];
    for (int d = 0; d < view.ndim; ++d)
      if (view.strides[d] == 0 && view.shape[d] > 1) view.shape[d] = 1;
    const int64_t size = sizes[k], low = wrap ? -size : 0;
    const TensorView order = row_major(view);
    const TensorView* views[] = {&order, &view};
    const StridedLoop loop = make_loop(views);
    const int64_t n = loop.numel(), stride = loop.inner_stride(1);
    const auto* data = view.as<int64_t>();
    std::atomic<bool> bad{false};
    each_part(n, [&](int64_t, int64_t begin, int64_t end) {
      each_stretch(loop, begin, end, [&](const RowCursor& cursor, int64_t i, int64_t m) {
        if (any_outside(data + cursor.offsets[1] + i * stride, stride, m, low, size)) bad = true;
      });
    });
    if (!bad) continue;
    RowCursor cursor(loop, 0);
    for (int64_t at = 0; at < n; cursor.next())
      for (int64_t i = 0; i < loop.inner(); ++i, ++at)
        if (const int64_t v = data[cursor.offsets[1] + i * stride]; v < low || v >= size)
          return {StatusCode::index_out_of_range, at, v, size};
  }
  return {};
}

// Operands of the loop: order, the plain one, moved (the one that indices move in), then the indices.
struct IndexLoop {
  StridedLoop loop;
  int count = 0;
  const int64_t* indices[kMaxIndices]{};
  int64_t sizes[kMaxIndices]{}, steps[kMaxIndices]{};
  bool fixed_in_row = true;  // every index is the same along a row
  TensorView order;

  IndexLoop(const TensorView& plain, const TensorView& moved, const TensorList& index, const IntList& size,
            const IntList& step)
      : order(row_major(plain)) {
    const TensorView* views[3 + kMaxIndices] = {&order, &plain, &moved};
    count = static_cast<int>(index.size());
    for (int k = 0; k < count; ++k) {
      views[3 + k] = &index[k];
      indices[k] = index[k].as<int64_t>();
      sizes[k] = size[k];
      steps[k] = step[k];
    }
    loop = make_loop({views, static_cast<size_t>(3 + count)});
    for (int k = 0; k < count; ++k) fixed_in_row &= loop.inner_stride(3 + k) == 0;
  }

  // Calls body(plain element, moved element) for the elements of a stretch.
  template <typename Plain, typename Moved, typename Body>
  HWY_INLINE void each(const Stretches& s, Plain* plain, Moved* moved, const Body& body) const {
    const int64_t ps = loop.inner_stride(1), ms = loop.inner_stride(2);
    plain += s.cursor.offsets[1] + s.i * ps;
    moved += s.cursor.offsets[2] + s.i * ms;
    if (fixed_in_row) {
      moved += position(s.cursor, s.i);
      if (ps == 1 && ms == 1)
        for (int64_t i = 0; i < s.n; ++i) body(plain[i], moved[i]);
      else
        for (int64_t i = 0; i < s.n; ++i) body(plain[i * ps], moved[i * ms]);
    } else if (count == 1) {
      const int64_t stride = loop.inner_stride(3), size = sizes[0], step = steps[0];
      const int64_t* index = indices[0] + s.cursor.offsets[3] + s.i * stride;
      for (int64_t i = 0; i < s.n; ++i, plain += ps, moved += ms, index += stride)
        body(*plain, moved[(*index + (*index < 0 ? size : 0)) * step]);
    } else {
      for (int64_t i = 0; i < s.n; ++i) body(plain[i * ps], moved[i * ms + position(s.cursor, s.i + i)]);
    }
  }

  // Whether all indices of a stretch are in range.
  bool in_range(const Stretches& s, bool wrap) const {
    for (int k = 0; k < count; ++k) {
      const int64_t stride = loop.inner_stride(3 + k), n = stride == 0 ? 1 : s.n;
      if (any_outside(indices[k] + s.cursor.offsets[3 + k] + s.i * stride, stride, n, wrap ? -sizes[k] : 0, sizes[k]))
        return false;
    }
    return true;
  }

  int64_t position(const RowCursor& cursor, int64_t i) const {
    int64_t at = 0;
    for (int k = 0; k < count; ++k) {
      int64_t v = indices[k][cursor.offsets[3 + k] + i * loop.inner_stride(3 + k)];
      if (v < 0) v += sizes[k];
      at += v * steps[k];
    }
    return at;
  }

  // Whether each index leads to a row of neighbours, which go to neighbours.
  bool whole_rows() const {
    return count == 1 && fixed_in_row && loop.ndim == 2 && loop.strides[0][1] == 1 && loop.strides[0][2] == 1;
  }

  // How many elements are taken at once: what is fetched for them stays in the cache until they are.
  int64_t stretch() const { return fixed_in_row ? loop.inner() : kStretch; }

  // Calls body(stride, size) for all the ways in which the moved operand's elements lie apart, shortest stride first.
  template <typename Body>
  void each_span(const Body& body) const {
    std::pair<int64_t, int64_t> spans[kMaxDims + kMaxIndices];
    int n = 0;
    for (int d = 0; d < loop.ndim; ++d) spans[n++] = {std::abs(loop.strides[d][2]), loop.shape[d]};
    for (int k = 0; k < count; ++k) spans[n++] = {std::abs(steps[k]), sizes[k]};
    std::sort(spans, spans + n);
    for (const auto& [stride, size] : std::span(spans, n))
      if (stride > 0 && size > 1) body(stride, size);
  }

  // The longest dimension along which elements move to places of their own, whatever the indices are; -1 for none.
  int apart() const {
    int longest = -1;
    for (int d = 0; d < loop.ndim; ++d)
      if (loop.strides[d][2] != 0 && (longest < 0 || loop.shape[d] > loop.shape[longest])) longest = d;
    int64_t reach = 0;
    bool overlaps = false;
    each_span([&](int64_t stride, int64_t size) {
      overlaps |= stride <= reach;
      reach += stride * (size - 1);
    });
    return overlaps ? -1 : longest;
  }

  // Whether indices lead about in more memory than the first caches hold.
  bool far(int64_t element_bytes) const {
    int64_t reach = 0;
    each_span([&](int64_t stride, int64_t size) { reach += stride * (size - 1); });
    return reach * element_bytes >= kFarBytes;
  }

  // Fetches the elements of the moved operand that belong to a stretch into the cache. Inline, as `each` is: GCC drops
  // calls of functions that do no more than that.
  template <typename Plain, typename Moved>
  HWY_INLINE void fetch(const Stretches& s, Plain* plain, Moved* moved) const {
    if (fixed_in_row && loop.inner_stride(2) == 1) {
      constexpr int64_t kLine = 64 / sizeof(Moved);
      moved += s.cursor.offsets[2] + s.i + position(s.cursor, s.i);
      for (int64_t i = 0; i < std::min(s.n, 32 * kLine); i += kLine) hwy::Prefetch(moved + i);
    } else {
      each(s, plain, moved, [](Plain&, Moved& element) { hwy::Prefetch(&element); });
    }
  }

  // The elements [begin, end) of dimension d.
  IndexLoop part(int d, int64_t begin, int64_t end) const {
    IndexLoop p = *this;
    p.loop.shape[d] = end - begin;
    for (int k = 0; k < count; ++k) p.indices[k] += begin * loop.strides[d][3 + k];
    return p;
  }
};

template <typename T>
T reduced(Reduce op, T a, T b) {
  switch (op) {
    case Reduce::add:
      return plus(a, b);
    case Reduce::multiply:
      return times(a, b);
    default:
      break;
  }
  if constexpr (kIsComplex<T>) {
    return b;  // the host refuses extremes of complex numbers
  } else {
    using C = std::conditional_t<kIsHalf<T>, float, T>;
    const C x = static_cast<C>(a), y = static_cast<C>(b);
    if (x != x) return a;  // NaN wins
    if (y != y) return b;
    return (op == Reduce::maximum ? y > x : y < x) ? b : a;
  }
}

// Copies the rows [begin, end) where whole_rows() says so; false, without copying, where an index is out of range.
template <typename T>
bool read_rows(const IndexLoop& at, int64_t begin, int64_t end, bool wrap, bool far, bool stream, T* out, const T* in) {
  constexpr int64_t kLine = 64 / sizeof(T), kRowsAhead = 4;
  const int64_t width = at.loop.inner(), size = at.sizes[0], step = at.steps[0];
  const int64_t out_row = at.loop.strides[1][1], in_row = at.loop.strides[1][2], stride = at.loop.strides[1][3];
  const int64_t* index = at.indices[0];
  if (any_outside(index + begin * stride, stride, end - begin, wrap ? -size : 0, size)) return false;
  const auto row = [&](int64_t r) {
    const int64_t v = index[r * stride];
    return in + r * in_row + (v < 0 ? v + size : v) * step;
  };
  for (int64_t r = begin; r < end; ++r) {
    if (far && r + kRowsAhead < end) {
      const T* ahead = row(r + kRowsAhead);
      for (int64_t i = 0; i < std::min(width, 16 * kLine); i += kLine) hwy::Prefetch(ahead + i);
    }
    if (stream)
      stream_copy(out + r * out_row, row(r), width * int64_t{sizeof(T)});
    else
      std::copy_n(row(r), width, out + r * out_row);
  }
  if (stream) stream_done();
  return true;
}

// Reads the elements [begin, end) at indices of their own; false, without reading them, where one is out of range. A
// stretch is checked, and fetched, while the one before it is read.
template <typename T>
bool read_each(const IndexLoop& at, int64_t begin, int64_t end, bool wrap, bool far, T* out, const T* in) {
  constexpr int64_t kLine = 64 / sizeof(T);
  const int64_t size = at.sizes[0], step = at.steps[0];
  const int64_t out_stride = at.loop.inner_stride(1), in_stride = at.loop.inner_stride(2);
  int64_t buffers[2][kStretch];
  int64_t *positions = buffers[0], *coming = buffers[1];
  const auto from = [&](const Stretches& s) { return in + s.cursor.offsets[2] + s.i * in_stride; };
  const auto ready = [&](const Stretches& s) {
    if (!index_positions(coming, at.indices[0] + s.cursor.offsets[3] + s.i, s.n, size, wrap)) return false;
    if (!far) return true;
    const T* elements = from(s);
    if (in_stride == 0 && step > 0 && size * step <= s.n * kLine)  // most lines are among those that are read
      for (int64_t i = 0; i < size * step; i += kLine) hwy::Prefetch(elements + i);
    else
      for (int64_t i = 0; i < s.n; ++i) hwy::Prefetch(elements + i * in_stride + coming[i] * step);
    return true;
  };
  Stretches now(at.loop, begin, end, kStretch), ahead = now;
  bool fine = ready(now);
  for (; now && fine; now.next()) {
    std::swap(positions, coming);
    ahead.next();
    fine = !ahead || ready(ahead);
    const T* elements = from(now);
    T* to = out + now.cursor.offsets[1] + now.i * out_stride;
    if (out_stride == 1 && in_stride == 0 && step == 1)
      for (int64_t i = 0; i < now.n; ++i) to[i] = elements[positions[i]];
    else
      for (int64_t i = 0; i < now.n; ++i) to[i * out_stride] = elements[i * in_stride + positions[i] * step];
  }
  return fine;
}

template <typename T, typename Store>
void scatter_rows(const IndexLoop& at, const T* src, T* dst, const Store& store) {
  const bool far = at.far(sizeof(T));
  Stretches now(at.loop, 0, at.loop.numel(), at.stretch()), ahead = now;
  for (; now; now.next()) {
    ahead.next();
    if (far && ahead) at.fetch(ahead, src, dst);
    at.each(now, src, dst, store);
  }
}

// Rows of a matrix to which each element of a row goes at an index of its own. A column's elements are one row apart
// and drive one another out of the cache, so columns are taken in strips as wide as a cache line, kept together
// meanwhile.
template <typename T>
struct Strips {
  static constexpr int64_t kWidth = std::max<int64_t>(64 / sizeof(T), 1);
  static constexpr int64_t kRowsAhead = 8;

  static bool suit(const IndexLoop& at) {
    const StridedLoop& loop = at.loop;
    const int64_t strip_bytes = at.sizes[0] * kWidth * int64_t{sizeof(T)};
    return at.count == 1 && loop.ndim == 2 && loop.shape[0] >= kWidth && loop.shape[1] >= at.sizes[0] &&
           loop.strides[1][2] == 0 && loop.strides[0][1] == 1 && loop.strides[0][2] == 1 && loop.strides[0][3] == 1 &&
           at.far(sizeof(T)) && strip_bytes < kFarBytes;
  }

  template <typename Store>
  static void scatter(const IndexLoop& at, int64_t begin, int64_t end, const T* src, T* dst, T* strip,
                      const Store& store) {
    const int64_t rows = at.loop.shape[1], size = at.sizes[0], step = at.steps[0];
    const int64_t src_row = at.loop.strides[1][1], index_row = at.loop.strides[1][3];
    for (int64_t c = begin; c < end; c += kWidth) {
      const int64_t n = std::min(kWidth, end - c);
      for (int64_t k = 0; k < size; ++k) std::copy_n(dst + c + k * step, n, strip + k * kWidth);
      const T* from = src + c;
      const int64_t* index = at.indices[0] + c;
      for (int64_t r = 0; r < rows; ++r, from += src_row, index += index_row) {
        if (r + kRowsAhead < rows) {
          hwy::Prefetch(from + kRowsAhead * src_row);
          for (int64_t i = 0; i < n; i += 8) hwy::Prefetch(index + kRowsAhead * index_row + i);
        }
        for (int64_t i = 0; i < n; ++i) store(from[i], strip[(index[i] + (index[i] < 0 ? size : 0)) * kWidth + i]);
      }
      for (int64_t k = 0; k < size; ++k) std::copy_n(strip + k * kWidth, n, dst + c + k * step);
    }
  }
};

// Writes may meet at an element, and come in order there: threads share only what is apart.
template <typename T, typename Store>
void scatter(const IndexLoop& at, const T* src, T* dst, const Store& store) {
  const int d = at.apart();
  if (d < 0) return scatter_rows(at, src, dst, store);
  const StridedLoop& loop = at.loop;
  const int64_t n = loop.shape[d], grain = std::max<int64_t>(1, kGrain / 4 * n / loop.numel());
  if (d == 0 && Strips<T>::suit(at)) {
    const PerThread strips(kFarBytes / int64_t{sizeof(float)});
    parallel_for(
        n, grain,
        [&](int64_t b, int64_t e) {
          Strips<T>::scatter(at, b, e, src, dst, reinterpret_cast<T*>(strips.mine()), store);
        },
        Strips<T>::kWidth);
    return;
  }
  parallel_for(
      n, grain,
      [&](int64_t b, int64_t e) {
        scatter_rows(at.part(d, b, e), src + b * loop.strides[d][1], dst + b * loop.strides[d][2], store);
      },
      d == 0 ? 16 : 1);
}

}  // namespace

Status index_get(IndexGetArgs& args) {
  const IndexLoop at(args.out, args.input, args.indices, args.sizes, args.strides);
  const int64_t n = at.loop.numel();
  if (n == 0) return check_indices(args.indices, args.sizes, args.wrap);
  // Which index is the first bad one is looked for when one was met.
  std::atomic<bool> bad{false};
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    T* out = args.out.as<T>();
    const T* in = args.input.as<T>();
    const bool far = at.far(sizeof(T));
    if (at.whole_rows()) {
      const int64_t width = at.loop.inner();
      const bool stream =
          width * int64_t{sizeof(T)} >= kStreamRowBytes && streams(out, n * int64_t{sizeof(T)}, kStreamBytes);
      parallel_for(at.loop.rows(), std::max<int64_t>(1, kGrain / 4 / width), [&](int64_t b, int64_t e) {
        if (!read_rows(at, b, e, args.wrap, far, stream, out, in)) bad = true;
      });
      return;
    }
    if (at.count == 1 && at.loop.inner_stride(3) == 1) {
      parallel_for(
          n, kGrain / 4,
          [&](int64_t b, int64_t e) {
            if (!read_each(at, b, e, args.wrap, far, out, in)) bad = true;
          },
          64);
      return;
    }
    const auto ready = [&](const Stretches& s) {
      if (!at.in_range(s, args.wrap)) return false;
      if (far) at.fetch(s, out, in);
      return true;
    };
    parallel_for(
        n, kGrain / 4,
        [&](int64_t b, int64_t e) {
          Stretches now(at.loop, b, e, at.stretch()), ahead = now;
          bool fine = ready(now);
          for (; now && fine; now.next()) {
            ahead.next();
            fine = !ahead || ready(ahead);
            if (fine) at.each(now, out, in, [](T& to, const T& from) { to = from; });
          }
          if (!fine) bad = true;
        },
        64);
  });
  return bad ? check_indices(args.indices, args.sizes, args.wrap) : Status{};
}

Status index_set(IndexSetArgs& args) {
  const Status status = check_indices(args.indices, args.sizes, args.wrap);
  if (!status.ok()) return status;
  const IndexLoop at(args.values, args.out, args.indices, args.sizes, args.strides);
  if (at.loop.numel() == 0) return {};
  const auto op = static_cast<Reduce>(args.reduce);
  if (op == Reduce::assign) {
    visit_size(size_of(args.out.dtype), [&]<typename T>() {
      scatter(at, args.values.as<T>(), args.out.as<T>(), [](const T& from, T& to) { to = from; });
    });
  } else if (op == Reduce::add) {
    visit_stored_dtype(args.out.dtype, [&]<typename T>() {
      scatter(at, args.values.as<T>(), args.out.as<T>(), [](const T& from, T& to) { to = plus<T>(to, from); });
    });
  } else if (args.out.dtype == DType::c32) {
    return {StatusCode::unsupported_dtype, 0, static_cast<int>(DType::c32)};
  } else {
    visit_dtype(args.out.dtype, [&]<typename T>() {
      scatter(at, args.values.as<T>(), args.out.as<T>(), [op](const T& from, T& to) { to = reduced<T>(op, to, from); });
    });
  }
  return {};
}

Status triangle(TriangleArgs& args) {
  const TensorView& out = args.out;
  const TensorView& in = args.input;
  const int last = out.ndim - 1;
  const int64_t rows = out.shape[last - 1], cols = out.shape[last];
  int64_t matrices = 1;
  for (int d = 0; d < last - 1; ++d) matrices *= out.shape[d];
  if (matrices * rows * cols == 0) return {};
  visit_stored_dtype(out.dtype, [&]<typename T>() {
    parallel_for(matrices * rows, std::max<int64_t>(1, kGrain / cols), [&](int64_t b, int64_t e) {
      for (int64_t k = b; k < e; ++k) {
        const int64_t row = k % rows;
        int64_t rest = k / rows, from = row * in.strides[last - 1], to = row * out.strides[last - 1];
        for (int d = last - 2; d >= 0; --d) {
          from += rest % out.shape[d] * in.strides[d];
          to += rest % out.shape[d] * out.strides[d];
          rest /= out.shape[d];
        }
        // The first column above the diagonal, or the one after the last below it.
        const int64_t edge = std::clamp<int64_t>(row + args.diagonal + (args.upper ? 0 : 1), 0, cols);
        const T* s = in.as<T>() + from;
        T* o = out.as<T>() + to;
        const int64_t is = in.strides[last], os = out.strides[last];
        for (int64_t c = 0; c < cols; ++c) o[c * os] = (args.upper ? c >= edge : c < edge) ? s[c * is] : T{};
      }
    });
  });
  return {};
}

}  // namespace flambeau::cpu
