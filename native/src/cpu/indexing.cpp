// Reading and writing at positions given by index tensors and masks.
#include <algorithm>
#include <array>
#include <atomic>

#include "accumulate.h"
#include "flambeau/kernels/indexing.gen.h"
#include "flambeau/parallel.h"
#include "flambeau/visit_size.h"
#include "iterate.h"
#include "stream.h"

namespace flambeau::cpu {
namespace {

constexpr int kMaxIndices = kMaxDims;

enum class Reduce : int { assign, add, multiply, maximum, minimum };

// A view with the contiguous strides of `shape`: it fixes row-major order for a loop.
TensorView row_major(const TensorView& shape) {
  TensorView v = shape;
  int64_t stride = 1;
  for (int i = v.ndim - 1; i >= 0; --i) {
    v.strides[i] = stride;
    stride *= std::max<int64_t>(v.shape[i], 1);
  }
  return v;
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
    const int64_t inner = loop.inner(), rows = loop.rows(), stride = loop.inner_stride(1);
    if (inner * rows == 0) continue;
    const auto* data = view.as<int64_t>();
    RowCursor cursor(loop, 0);
    for (int64_t r = 0; r < rows; ++r, cursor.next()) {
      const int64_t* row = data + cursor.offsets[1];
      bool bad = false;
      for (int64_t i = 0; i < inner; ++i) bad |= row[i * stride] < low || row[i * stride] >= size;
      if (!bad) continue;
      for (int64_t i = 0; i < inner; ++i)
        if (row[i * stride] < low || row[i * stride] >= size)
          return {StatusCode::index_out_of_range, r * inner + i, row[i * stride], size};
    }
  }
  return {};
}

// Operands of the loop: order, data, moved (the one that indices move in), then the indices.
struct IndexLoop {
  StridedLoop loop;
  int count = 0;
  const int64_t* indices[kMaxIndices]{};
  int64_t sizes[kMaxIndices]{}, steps[kMaxIndices]{};
  bool fixed_in_row = true;  // every index is the same along a row
  TensorView order;

  IndexLoop(const TensorView& data, const TensorView& moved, const TensorList& index, const IntList& size,
            const IntList& step)
      : order(row_major(data)) {
    const TensorView* views[3 + kMaxIndices] = {&order, &data, &moved};
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

  // Calls body(i, position) for the elements [begin, end) of a row.
  template <typename Body>
  void each_position(const RowCursor& cursor, int64_t begin, int64_t end, const Body& body) const {
    if (count != 1) {
      for (int64_t i = begin; i < end; ++i) body(i, position(cursor, i));
      return;
    }
    const int64_t* index = indices[0] + cursor.offsets[3];
    const int64_t stride = loop.inner_stride(3), size = sizes[0], step = steps[0];
    for (int64_t i = begin; i < end; ++i) {
      const int64_t v = index[i * stride];
      body(i, (v + (v < 0 ? size : 0)) * step);
    }
  }

  // Whether all indices of the elements [begin, end) of a row are in range.
  bool in_range(const RowCursor& cursor, int64_t begin, int64_t end, bool wrap) const {
    bool bad = false;
    for (int k = 0; k < count; ++k) {
      const int64_t* index = indices[k] + cursor.offsets[3 + k];
      const int64_t stride = loop.inner_stride(3 + k), low = wrap ? -sizes[k] : 0;
      const auto span = static_cast<uint64_t>(sizes[k] - low), from = static_cast<uint64_t>(low);
      const int64_t last = stride == 0 ? std::min(end, begin + 1) : end;
      for (int64_t i = begin; i < last; ++i) bad |= static_cast<uint64_t>(index[i * stride]) - from >= span;
    }
    return !bad;
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

// Writes of one thread may meet at an element, so rows run in order on one thread.
template <typename T, typename Store>
void scatter(const IndexLoop& at, const T* src, T* dst, const Store& store) {
  const StridedLoop& loop = at.loop;
  const int64_t inner = loop.inner(), rows = loop.rows();
  const int64_t ss = loop.inner_stride(1), ds = loop.inner_stride(2);
  RowCursor cursor(loop, 0);
  for (int64_t r = 0; r < rows; ++r, cursor.next()) {
    const T* s = src + cursor.offsets[1];
    T* d = dst + cursor.offsets[2];
    if (at.fixed_in_row) {
      d += at.position(cursor, 0);
      for (int64_t i = 0; i < inner; ++i) store(d[i * ds], s[i * ss]);
    } else {
      at.each_position(cursor, 0, inner, [&](int64_t i, int64_t position) { store(d[i * ds + position], s[i * ss]); });
    }
  }
}

// Calls body(element offsets of each view) in row-major order.
template <size_t N, typename Body>
void each_in_order(const std::array<const TensorView*, N>& operands, const Body& body) {
  const TensorView order = row_major(*operands[0]);
  const TensorView* views[N + 1] = {&order};
  std::copy(operands.begin(), operands.end(), views + 1);
  const StridedLoop loop = make_loop({views, N + 1});
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return;
  RowCursor cursor(loop, 0);
  std::array<int64_t, N> at;
  for (int64_t r = 0; r < rows; ++r, cursor.next())
    for (int64_t i = 0; i < inner; ++i) {
      for (size_t v = 0; v < N; ++v) at[v] = cursor.offsets[v + 1] + i * loop.inner_stride(static_cast<int>(v) + 1);
      if (!body(at)) return;
    }
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
  const bool stream =
      at.fixed_in_row && inner * size >= kStreamRowBytes && streams(args.out.data, inner * rows * size, kStreamBytes);
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    T* out = args.out.as<T>();
    const T* in = args.input.as<T>();
    const auto row = [&](const RowCursor& cursor, int64_t begin, int64_t end) {
      T* o = out + cursor.offsets[1];
      const T* s = in + cursor.offsets[2];
      if (!at.in_range(cursor, begin, end, args.wrap)) {
        bad = true;
      } else if (at.fixed_in_row) {
        s += at.position(cursor, 0);
        if (os == 1 && is == 1 && stream)
          stream_copy(o + begin, s + begin, (end - begin) * int64_t{sizeof(T)});
        else if (os == 1 && is == 1)
          std::copy(s + begin, s + end, o + begin);
        else
          for (int64_t i = begin; i < end; ++i) o[i * os] = s[i * is];
      } else {
        at.each_position(cursor, begin, end, [&](int64_t i, int64_t position) { o[i * os] = s[i * is + position]; });
      }
    };
    constexpr int64_t kPart = 4096;
    if (rows == 1) {
      parallel_for(
          inner, kGrain / 4,
          [&](int64_t b, int64_t e) {
            const RowCursor cursor(loop, 0);
            for (int64_t i = b; i < e; i += kPart) row(cursor, i, std::min(e, i + kPart));
            if (stream) stream_done();
          },
          64);
    } else {
      parallel_for(rows, std::max<int64_t>(1, kGrain / 4 / inner), [&](int64_t b, int64_t e) {
        RowCursor cursor(loop, b);
        for (int64_t r = b; r < e; ++r, cursor.next())
          for (int64_t i = 0; i < inner; i += kPart) row(cursor, i, std::min(inner, i + kPart));
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
      scatter(at, args.values.as<T>(), args.out.as<T>(), [](T& to, const T& from) { to = from; });
    });
  } else if (op == Reduce::add) {
    visit_stored_dtype(args.out.dtype, [&]<typename T>() {
      scatter(at, args.values.as<T>(), args.out.as<T>(), [](T& to, const T& from) { to = plus<T>(to, from); });
    });
  } else if (args.out.dtype == DType::c32) {
    return {StatusCode::unsupported_dtype, 0, static_cast<int>(DType::c32)};
  } else {
    visit_dtype(args.out.dtype, [&]<typename T>() {
      scatter(at, args.values.as<T>(), args.out.as<T>(), [op](T& to, const T& from) { to = reduced<T>(op, to, from); });
    });
  }
  return {};
}

Status count_nonzero_elements(CountNonzeroElementsArgs& args) {
  const TensorView* views[] = {&args.input};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows(), stride = loop.inner_stride(0);
  std::atomic<int64_t> total{0};
  if (inner * rows > 0) {
    visit_stored_dtype(args.input.dtype, [&]<typename T>() {
      const T* in = args.input.as<T>();
      parallel_for(rows, std::max<int64_t>(1, kGrain / inner), [&](int64_t b, int64_t e) {
        RowCursor cursor(loop, b);
        int64_t count = 0;
        for (int64_t r = b; r < e; ++r, cursor.next())
          for (int64_t i = 0; i < inner; ++i) count += convert<bool>(in[cursor.offsets[0] + i * stride]);
        total += count;
      });
    });
  }
  *args.out.as<int64_t>() = total;
  return {};
}

Status nonzero(NonzeroArgs& args) {
  const int ndim = args.input.ndim;
  int64_t found = 0;
  const int64_t limit = args.out.shape[0];
  auto* out = args.out.as<int64_t>();
  visit_stored_dtype(args.input.dtype, [&]<typename T>() {
    const T* in = args.input.as<T>();
    int64_t flat = 0;
    each_in_order(std::array{static_cast<const TensorView*>(&args.input)}, [&](const auto& at) {
      if (convert<bool>(in[at[0]])) {
        if (found == limit) return false;
        int64_t rest = flat;
        for (int d = ndim - 1; d >= 0; --d) {
          out[found * args.out.strides[0] + d * args.out.strides[1]] = rest % args.input.shape[d];
          rest /= args.input.shape[d];
        }
        ++found;
      }
      ++flat;
      return true;
    });
  });
  return {};
}

Status masked_gather(MaskedGatherArgs& args) {
  const bool* mask = args.mask.as<bool>();
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    T* out = args.out.as<T>();
    const T* in = args.input.as<T>();
    T* const end = out + args.out.numel();
    each_in_order(std::array{static_cast<const TensorView*>(&args.input), static_cast<const TensorView*>(&args.mask)},
                  [&](const auto& at) {
                    if (mask[at[1]] && out < end) *out++ = in[at[0]];
                    return out < end;
                  });
  });
  return {};
}

Status masked_put(MaskedPutArgs& args) {
  const bool* mask = args.mask.as<bool>();
  const int64_t available = args.source.numel();
  int64_t needed = 0;
  each_in_order(std::array{static_cast<const TensorView*>(&args.mask)}, [&](const auto& at) {
    needed += mask[at[0]];
    return true;
  });
  if (needed > available) return {StatusCode::invalid_value, available, needed, available};
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    T* out = args.out.as<T>();
    const T* source = args.source.as<T>();
    each_in_order(std::array{static_cast<const TensorView*>(&args.out), static_cast<const TensorView*>(&args.mask)},
                  [&](const auto& at) {
                    if (mask[at[1]]) out[at[0]] = *source++;
                    return true;
                  });
  });
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
