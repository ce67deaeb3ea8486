// Copies between any strides and dtypes, and fills.
#include "blocks.h"
#include "flambeau/kernels/copy.gen.h"
#include "flambeau/parallel.h"
#include "iterate.h"

namespace flambeau::cpu {
namespace {

template <typename From, typename To>
void copy_row(To* dst, int64_t dst_stride, const From* src, int64_t src_stride, int64_t n) {
  if (dst_stride == 1)
    load_block(dst, src, src_stride, n);
  else if (src_stride == 1)
    store_block(dst, dst_stride, src, n);
  else
    for (int64_t i = 0; i < n; ++i) dst[i * dst_stride] = convert<To>(src[i * src_stride]);
}

// A transposed pair of inner dimensions is copied in tiles, so that both sides use whole cache lines.
template <typename T>
void transpose_tiles(T* dst, int64_t dst_row, const T* src, int64_t src_col, int64_t rows, int64_t cols) {
  constexpr int64_t kTile = 32;
  for (int64_t r0 = 0; r0 < rows; r0 += kTile)
    for (int64_t c0 = 0; c0 < cols; c0 += kTile) {
      const int64_t r1 = std::min(rows, r0 + kTile), c1 = std::min(cols, c0 + kTile);
      for (int64_t r = r0; r < r1; ++r)
        for (int64_t c = c0; c < c1; ++c) dst[r * dst_row + c] = src[c * src_col + r];
    }
}

}  // namespace

Status copy(CopyArgs& args) {
  const TensorView* views[] = {&args.out, &args.input};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return {};
  const int64_t out_stride = loop.inner_stride(0), in_stride = loop.inner_stride(1);

  visit_stored_dtype(args.out.dtype, [&]<typename To>() {
    visit_stored_dtype(args.input.dtype, [&]<typename From>() {
      To* out = args.out.as<To>();
      const From* in = args.input.as<From>();
      if constexpr (std::is_same_v<To, From>) {
        if (loop.ndim >= 2 && out_stride == 1 && loop.strides[1][1] == 1 && in_stride > 1) {
          const int64_t cols = loop.shape[0], tile_rows = loop.shape[1];
          const int64_t planes = rows / tile_rows;
          const int64_t strips = (tile_rows + 31) / 32;
          parallel_for(planes * strips, std::max<int64_t>(1, kGrain / (cols * 32)), [&](int64_t b, int64_t e) {
            for (int64_t s = b; s < e; ++s) {
              const int64_t row = s % strips * 32;
              const RowCursor cursor(loop, s / strips * tile_rows + row);
              transpose_tiles(out + cursor.offsets[0], loop.strides[1][0], in + cursor.offsets[1], in_stride,
                              std::min<int64_t>(32, tile_rows - row), cols);
            }
          });
          return;
        }
      }
      if (rows == 1) {
        parallel_for(
            inner, kGrain,
            [&](int64_t b, int64_t e) {
              copy_row(out + b * out_stride, out_stride, in + b * in_stride, in_stride, e - b);
            },
            64);
      } else {
        parallel_for(rows, std::max<int64_t>(1, kGrain / inner), [&](int64_t b, int64_t e) {
          RowCursor cursor(loop, b);
          for (int64_t r = b; r < e; ++r, cursor.next())
            copy_row(out + cursor.offsets[0], out_stride, in + cursor.offsets[1], in_stride, inner);
        });
      }
    });
  });
  return {};
}

Status fill(FillArgs& args) {
  const TensorView* views[] = {&args.out};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return {};
  visit_stored_dtype(args.out.dtype, [&]<typename T>() {
    T* out = args.out.as<T>();
    const T value = args.value.to<T>();
    const int64_t stride = loop.inner_stride(0);
    const auto fill_row = [&](T* dst, int64_t n) {
      for (int64_t i = 0; i < n; ++i) dst[i * stride] = value;
    };
    if (rows == 1) {
      parallel_for(
          inner, kGrain, [&](int64_t b, int64_t e) { fill_row(out + b * stride, e - b); }, 64);
    } else {
      parallel_for(rows, std::max<int64_t>(1, kGrain / inner), [&](int64_t b, int64_t e) {
        RowCursor cursor(loop, b);
        for (int64_t r = b; r < e; ++r, cursor.next()) fill_row(out + cursor.offsets[0], inner);
      });
    }
  });
  return {};
}

}  // namespace flambeau::cpu
