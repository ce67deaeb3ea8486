// Reading and writing at positions given by index tensors; triangles of matrices.
#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

#include "accumulate.h"
#include "flambeau/kernels/indexing.gen.h"
#include "flambeau/parallel.h"
#include "flambeau/visit_size.h"
#include "parts.h"
#include "stream.h"

namespace flambeau::cpu {
namespace {

constexpr int kMaxIndices = kMaxDims;

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

  // Calls body(plain element, moved element) for the elements [begin, end) of a row.
  template <typename Plain, typename Moved, typename Body>
  void each(const RowCursor& cursor, int64_t begin, int64_t end, Plain* plain, Moved* moved, const Body& body) const {
    const int64_t ps = loop.inner_stride(1), ms = loop.inner_stride(2);
    plain += cursor.offsets[1] + begin * ps;
    moved += cursor.offsets[2] + begin * ms;
    const int64_t n = end - begin;
    if (fixed_in_row) {
      moved += position(cursor, begin);
      if (ps == 1 && ms == 1)
        for (int64_t i = 0; i < n; ++i) body(plain[i], moved[i]);
      else
        for (int64_t i = 0; i < n; ++i) body(plain[i * ps], moved[i * ms]);
    } else if (count == 1) {
      const int64_t stride = loop.inner_stride(3), size = sizes[0], step = steps[0];
      const int64_t* index = indices[0] + cursor.offsets[3] + begin * stride;
      for (int64_t i = 0; i < n; ++i, plain += ps, moved += ms, index += stride)
        body(*plain, moved[(*index + (*index < 0 ? size : 0)) * step]);
    } else {
      for (int64_t i = 0; i < n; ++i) body(plain[i * ps], moved[i * ms + position(cursor, begin + i)]);
    }
  }

  // Whether all indices of the elements [begin, end) of a row are in range.
  bool in_range(const RowCursor& cursor, int64_t begin, int64_t end, bool wrap) const {
    for (int k = 0; k < count; ++k) {
      const int64_t stride = loop.inner_stride(3 + k),
                    n = stride == 0 ? std::min<int64_t>(end - begin, 1) : end - begin;
      if (any_outside(indices[k] + cursor.offsets[3 + k] + begin * stride, stride, n, wrap ? -sizes[k] : 0, sizes[k]))
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

  // The longest dimension along which elements move to places of their own, whatever the indices are; -1 for none.
  int apart() const {
    int longest = -1;
    for (int d = 0; d < loop.ndim; ++d)
      if (loop.strides[d][2] != 0 && (longest < 0 || loop.shape[d] > loop.shape[longest])) longest = d;
    if (longest < 0) return -1;
    // Unless the memory of the moved operand overlaps itself.
    std::pair<int64_t, int64_t> spans[kMaxDims + kMaxIndices];
    int n = 0;
    for (int d = 0; d < loop.ndim; ++d) spans[n++] = {std::abs(loop.strides[d][2]), loop.shape[d]};
    for (int k = 0; k < count; ++k) spans[n++] = {std::abs(steps[k]), sizes[k]};
    std::sort(spans, spans + n);
    int64_t reach = 0;
    for (const auto& [stride, size] : std::span(spans, n)) {
      if (stride == 0 || size <= 1) continue;
      if (stride <= reach) return -1;
      reach += stride * (size - 1);
    }
    return longest;
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

template <typename T, typename Store>
void scatter_rows(const IndexLoop& at, const T* src, T* dst, const Store& store) {
  const int64_t inner = at.loop.inner(), rows = at.loop.rows();
  RowCursor cursor(at.loop, 0);
  for (int64_t r = 0; r < rows; ++r, cursor.next()) at.each(cursor, 0, inner, src, dst, store);
}

// Writes may meet at an element, and come in order there: threads share only what is apart.
template <typename T, typename Store>
void scatter(const IndexLoop& at, const T* src, T* dst, const Store& store) {
  const int d = at.apart();
  if (d < 0) return scatter_rows(at, src, dst, store);
  const int64_t n = at.loop.shape[d], rest = at.loop.numel() / n;
  parallel_for(
      n, std::max<int64_t>(1, kGrain / 4 / rest),
      [&](int64_t b, int64_t e) {
        scatter_rows(at.part(d, b, e), src + b * at.loop.strides[d][1], dst + b * at.loop.strides[d][2], store);
      },
      d == 0 ? 16 : 1);
}

}  // namespace

Status index_get(IndexGetArgs& args) {
  const IndexLoop at(args.out, args.input, args.indices, args.sizes, args.strides);
  const StridedLoop& loop = at.loop;
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return check_indices(args.indices, args.sizes, args.wrap);
  const int64_t os = loop.inner_stride(1), is = loop.inner_stride(2);
  // Each part of a row is checked just before it is read; which index is the first bad one is looked for when one was
  // met.
  std::atomic<bool> bad{false};
  const auto size = static_cast<int64_t>(size_of(args.out.dtype));
  const bool stream = at.fixed_in_row && os == 1 && is == 1 && inner * size >= kStreamRowBytes &&
                      streams(args.out.data, inner * rows * size, kStreamBytes);
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    T* out = args.out.as<T>();
    const T* in = args.input.as<T>();
    const auto row = [&](const RowCursor& cursor, int64_t begin, int64_t end) {
      if (!at.in_range(cursor, begin, end, args.wrap))
        bad = true;
      else if (stream)
        stream_copy(out + cursor.offsets[1] + begin, in + cursor.offsets[2] + at.position(cursor, 0) + begin,
                    (end - begin) * int64_t{sizeof(T)});
      else
        at.each(cursor, begin, end, out, in, [](T& to, const T& from) { to = from; });
    };
    constexpr int64_t kStretch = 4096;  // checked, then read while it is in the cache
    if (rows == 1) {
      parallel_for(
          inner, kGrain / 4,
          [&](int64_t b, int64_t e) {
            const RowCursor cursor(loop, 0);
            for (int64_t i = b; i < e; i += kStretch) row(cursor, i, std::min(e, i + kStretch));
            if (stream) stream_done();
          },
          64);
    } else {
      parallel_for(rows, std::max<int64_t>(1, kGrain / 4 / inner), [&](int64_t b, int64_t e) {
        RowCursor cursor(loop, b);
        for (int64_t r = b; r < e; ++r, cursor.next())
          for (int64_t i = 0; i < inner; i += kStretch) row(cursor, i, std::min(inner, i + kStretch));
        if (stream) stream_done();
      });
    }
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
