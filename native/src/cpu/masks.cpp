// Where a mask holds, or elements are not zero, in row-major order.
//
// Elements are taken in parts: what each has found is counted first, so that all know where their own begins, and
// threads share them. A mask is as good as random, so nothing branches on it: each element is written where the next
// found one belongs, and that place moves on if it was one.
#include <numeric>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/indexing.gen.h"
#include "flambeau/visit_size.h"
#include "parts.h"

namespace flambeau::cpu {
namespace {

// Files may hold masks with other bytes than 0 and 1, so they are read as bytes.
DType as_bytes(DType dtype) { return dtype == DType::boolean ? DType::u8 : dtype; }

template <typename T>
int64_t count_set(const T* x, int64_t stride, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n;) {
    // A byte holds the count of so few elements, and many bytes are added at once.
    const int64_t m = std::min<int64_t>(n - i, 128);
    uint8_t few = 0;
    if (stride == 1)
      for (int64_t j = 0; j < m; ++j) few += convert<bool>(x[i + j]);
    else
      for (int64_t j = 0; j < m; ++j) few += convert<bool>(x[(i + j) * stride]);
    count += few;
    i += m;
  }
  return count;
}

// How many elements of an operand are set before each part, and in all.
template <typename T>
std::vector<int64_t> set_before(const StridedLoop& loop, const T* data, int operand) {
  const int64_t n = loop.numel(), stride = loop.inner_stride(operand);
  std::vector<int64_t> before((n + kPart - 1) / kPart + 1);
  each_part(n, [&](int64_t part, int64_t begin, int64_t end) {
    each_stretch(loop, begin, end, [&](const RowCursor& cursor, int64_t i, int64_t m) {
      before[part + 1] += count_set(data + cursor.offsets[operand] + i * stride, stride, m);
    });
  });
  std::partial_sum(before.begin(), before.end(), before.begin());
  return before;
}

}  // namespace

Status count_nonzero_elements(CountNonzeroElementsArgs& args) {
  const TensorView* views[] = {&args.input};
  const StridedLoop loop = make_loop(views);
  visit_stored_dtype(as_bytes(args.input.dtype),
                     [&]<typename T>() { *args.out.as<int64_t>() = set_before(loop, args.input.as<T>(), 0).back(); });
  return {};
}

// Coordinates are given as far as `out` has room.
Status nonzero(NonzeroArgs& args) {
  const TensorView& in = args.input;
  const int last = in.ndim - 1;
  if (last < 0 || args.out.numel() == 0) return {};
  const TensorView order = row_major(in);
  const TensorView* views[] = {&order, &in};
  const StridedLoop loop = make_loop(views);
  const int64_t room = args.out.shape[0], row = args.out.strides[0], column = args.out.strides[1];
  visit_stored_dtype(as_bytes(in.dtype), [&]<typename T>() {
    const std::vector<int64_t> before = set_before(loop, in.as<T>(), 1);
    each_part(in.numel(), [&](int64_t part, int64_t begin, int64_t end) {
      int64_t at[kMaxDims], offset = 0;
      for (int64_t d = last, rest = begin; d >= 0; --d) {
        at[d] = rest % in.shape[d];
        rest /= in.shape[d];
        if (d < last) offset += at[d] * in.strides[d];
      }
      int64_t* out = args.out.as<int64_t>() + std::min(before[part], room) * row;
      int64_t* const stop = args.out.as<int64_t>() + std::min(before[part + 1], room) * row;
      while (begin < end) {
        // The rest of a line along the last dimension, in which the other coordinates stay.
        const T* line = in.as<T>() + offset;
        const int64_t length = std::min(in.shape[last], at[last] + end - begin);
        int64_t* const first = out;
        for (int64_t i = at[last]; i < length && out < stop; ++i) {
          out[last * column] = i;
          out += row & -static_cast<int64_t>(convert<bool>(line[i * in.strides[last]]));
        }
        for (int d = 0; d < last; ++d)
          for (int64_t* o = first; o != out; o += row) o[d * column] = at[d];
        begin += length - at[last];
        at[last] = 0;
        for (int d = last - 1; d >= 0; --d) {
          offset += in.strides[d];
          if (++at[d] < in.shape[d]) break;
          offset -= in.shape[d] * in.strides[d];
          at[d] = 0;
        }
      }
    });
  });
  return {};
}

Status masked_gather(MaskedGatherArgs& args) {
  const TensorView order = row_major(args.input);
  const TensorView* views[] = {&order, &args.input, &args.mask};
  const StridedLoop loop = make_loop(views);
  const int64_t stride = loop.inner_stride(1), mask_stride = loop.inner_stride(2), room = args.out.numel();
  const auto* mask = args.mask.as<uint8_t>();
  const std::vector<int64_t> before = set_before(loop, mask, 2);
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    each_part(loop.numel(), [&](int64_t part, int64_t begin, int64_t end) {
      T* out = args.out.as<T>() + std::min(before[part], room);
      T* const stop = args.out.as<T>() + std::min(before[part + 1], room);
      each_stretch(loop, begin, end, [&](const RowCursor& cursor, int64_t i, int64_t n) {
        const T* in = args.input.as<T>() + cursor.offsets[1];
        const uint8_t* m = mask + cursor.offsets[2];
        for (const int64_t last = i + n; i < last && out < stop; ++i) {
          *out = in[i * stride];
          out += m[i * mask_stride] != 0;
        }
      });
    });
  });
  return {};
}

Status masked_put(MaskedPutArgs& args) {
  const TensorView order = row_major(args.out);
  const TensorView* views[] = {&order, &args.out, &args.mask};
  const StridedLoop loop = make_loop(views);
  const int64_t stride = loop.inner_stride(1), mask_stride = loop.inner_stride(2);
  const auto* mask = args.mask.as<uint8_t>();
  const std::vector<int64_t> before = set_before(loop, mask, 2);
  const int64_t available = args.source.numel(), needed = before.back();
  if (needed > available) return {StatusCode::invalid_value, available, needed, available};
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    each_part(loop.numel(), [&](int64_t part, int64_t begin, int64_t end) {
      const T* source = args.source.as<T>() + before[part];
      each_stretch(loop, begin, end, [&](const RowCursor& cursor, int64_t i, int64_t n) {
        T* out = args.out.as<T>() + cursor.offsets[1];
        const uint8_t* m = mask + cursor.offsets[2];
        for (const int64_t last = i + n; i < last; ++i)
          if (m[i * mask_stride]) out[i * stride] = *source++;
      });
    });
  });
  return {};
}

}  // namespace flambeau::cpu
