// Copies between any strides and dtypes, and fills.
#include "blocks.h"
#include "flambeau/kernels/copy.gen.h"
#include "flambeau/parallel.h"
#include "iterate.h"
#include "stream.h"
#include "transpose.h"

namespace flambeau::cpu {
namespace {

// Large results go past the caches.
template <typename T>
void move(T* dst, const T* src, int64_t n, bool stream) {
  if (stream)
    stream_copy(dst, src, n * int64_t{sizeof(T)});
  else
    std::copy_n(src, n, dst);
}

template <typename From, typename To>
void copy_row(To* dst, int64_t dst_stride, const From* src, int64_t src_stride, int64_t n, bool stream) {
  if constexpr (std::is_same_v<From, To>) {
    if (dst_stride == 1 && src_stride == 1) return move(dst, src, n, stream);
  }
  if (dst_stride == 1 && stream) {
    alignas(64) To block[kBlock / 2];
    for (int64_t i = 0; i < n; i += kBlock / 2) {
      const int64_t count = std::min(kBlock / 2, n - i);
      load_block(block, src + i * src_stride, src_stride, count);
      stream_copy(dst + i, block, count * int64_t{sizeof(To)});
    }
  } else if (dst_stride == 1)
    load_block(dst, src, src_stride, n);
  else if (src_stride == 1)
    store_block(dst, dst_stride, src, n);
  else
    for (int64_t i = 0; i < n; ++i) dst[i * dst_stride] = convert<To>(src[i * src_stride]);
}

inline constexpr int64_t kTileRows = 64, kTileCols = 64, kNarrow = 8;

// A transposed pair of inner dimensions is copied in tiles, so that both sides use whole cache lines; by way of a
// buffer, since lines whose distance is a power of two drive one another out of the cache.
template <typename T>
void transpose_tiles(T* dst, int64_t dst_row, const T* src, int64_t src_col, int64_t rows, int64_t cols, bool stream) {
  alignas(64) T tile[kTileCols * kTileRows];
  for (int64_t c = 0; c < cols; c += kTileCols) {
    const int64_t n = std::min(cols - c, kTileCols);
    transpose_block(tile, kTileCols, src + c * src_col, src_col, 1, rows, n, sizeof(T));
    for (int64_t r = 0; r < rows; ++r) move(dst + r * dst_row + c, tile + r * kTileCols, n, stream);
  }
}

}  // namespace

Status copy(CopyArgs& args) {
  const TensorView* views[] = {&args.out, &args.input};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return {};
  const int64_t out_stride = loop.inner_stride(0), in_stride = loop.inner_stride(1);
  const bool stream = streams(args.out.data, inner * rows * size_of(args.out.dtype), kStreamBytes);

  visit_stored_dtype(args.out.dtype, [&]<typename To>() {
    visit_stored_dtype(args.input.dtype, [&]<typename From>() {
      To* out = args.out.as<To>();
      const From* in = args.input.as<From>();
      if constexpr (std::is_same_v<To, From>) {
        if (loop.ndim >= 2 && out_stride == 1 && loop.strides[1][1] == 1 && in_stride > 1) {
          const int64_t cols = loop.shape[0], tile_rows = loop.shape[1];
          const int64_t planes = rows / tile_rows;
          const int64_t strips = (tile_rows + kTileRows - 1) / kTileRows;
          parallel_for(planes * strips, std::max<int64_t>(1, kGrain / (cols * kTileRows)), [&](int64_t b, int64_t e) {
            for (int64_t s = b; s < e; ++s) {
              const int64_t row = s % strips * kTileRows;
              const RowCursor cursor(loop, s / strips * tile_rows + row);
              const int64_t height = std::min(kTileRows, tile_rows - row);
              To* dst = out + cursor.offsets[0];
              const From* src = in + cursor.offsets[1];
              // Narrow rows, such as a block of channels to be spread over planes: what is read lies close together,
              // and so many lines of the result fit the first-level cache however far apart they are.
              if (in_stride <= kNarrow && !stream)
                transpose_block(dst, loop.strides[1][0], src, in_stride, 1, height, cols, sizeof(To));
              else
                transpose_tiles(dst, loop.strides[1][0], src, in_stride, height, cols, stream);
            }
            if (stream) stream_done();
          });
          return;
        }
      }
      if (rows == 1) {
        parallel_for(
            inner, kGrain,
            [&](int64_t b, int64_t e) {
              copy_row(out + b * out_stride, out_stride, in + b * in_stride, in_stride, e - b, stream);
              if (stream) stream_done();
            },
            64);
      } else {
        const bool rows_stream = stream && inner * int64_t{sizeof(To)} >= kStreamRowBytes;
        parallel_for(rows, std::max<int64_t>(1, kGrain / inner), [&](int64_t b, int64_t e) {
          RowCursor cursor(loop, b);
          for (int64_t r = b; r < e; ++r, cursor.next())
            copy_row(out + cursor.offsets[0], out_stride, in + cursor.offsets[1], in_stride, inner, rows_stream);
          if (rows_stream) stream_done();
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
    const auto row_bytes = inner * static_cast<int64_t>(sizeof(T));
    const bool stream = stride == 1 && row_bytes >= kStreamRowBytes && streams(out, row_bytes * rows, kStreamBytes);
    const auto fill_row = [&](T* dst, int64_t n) {
      if (!stream) {
        for (int64_t i = 0; i < n; ++i) dst[i * stride] = value;
        return;
      }
      T block[kBlock];
      std::fill_n(block, std::min(n, kBlock), value);
      for (int64_t i = 0; i < n; i += kBlock) move(dst + i, block, std::min(kBlock, n - i), true);
      stream_done();
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
