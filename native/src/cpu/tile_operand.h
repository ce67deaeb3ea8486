// A tensor of a tile program, by the row-major positions of its elements.
#pragma once
#include <algorithm>
#include <type_traits>

#include "blocks.h"
#include "flambeau/call.h"
#include "iterate.h"

namespace flambeau::cpu {

template <typename C>
class TileOperand {
 public:
  explicit TileOperand(const TensorView& view) : data_(static_cast<char*>(view.data)), dtype_(view.dtype) {
    TensorView lead = view;
    int64_t stride = 1;
    for (int d = lead.ndim - 1; d >= 0; --d) {
      lead.strides[d] = stride;
      stride *= lead.shape[d];
    }
    const TensorView* views[] = {&lead, &view};
    loop_ = make_loop(views);
    plain_ = visit_stored_dtype(dtype_, []<typename T>() { return std::is_same_v<T, C>; });
  }
  // Whether it is an array of the compute type.
  bool flat() const { return plain_ && loop_.ndim <= 1 && (loop_.ndim == 0 || loop_.inner_stride(1) == 1); }
  bool repeats_one() const { return loop_.ndim == 0 || (loop_.ndim == 1 && loop_.inner_stride(1) == 0); }
  C* array(int64_t at) const { return reinterpret_cast<C*>(data_) + at; }

  // The n elements from `at` on, in place where they are neighbours, otherwise in `block`.
  const C* read(C* block, int64_t at, int64_t n) const {
    const int64_t inner = loop_.inner(), stride = loop_.inner_stride(1);
    if (loop_.ndim <= 1) return read_run(block, at * stride, n);
    RowCursor cursor(loop_, at / inner);
    int64_t col = at % inner;
    if (col + n <= inner) return read_run(block, cursor.offsets[1] + col * stride, n);
    for (int64_t done = 0; done < n; col = 0, cursor.next()) {
      const int64_t count = std::min(inner - col, n - done);
      load(block + done, cursor.offsets[1] + col * stride, count);
      done += count;
    }
    return block;
  }
  void write(const C* block, int64_t at, int64_t n) const {
    const int64_t inner = loop_.inner(), stride = loop_.inner_stride(1);
    RowCursor cursor(loop_, at / inner);
    int64_t col = at % inner;
    for (int64_t done = 0; done < n; col = 0, cursor.next()) {
      const int64_t count = std::min(inner - col, n - done);
      visit_stored_dtype(dtype_, [&]<typename T>() {
        store_block(reinterpret_cast<T*>(data_) + cursor.offsets[1] + col * stride, stride, block + done, count);
      });
      done += count;
    }
  }

 private:
  const C* read_run(C* block, int64_t offset, int64_t n) const {
    if (plain_ && (loop_.inner_stride(1) == 1 || n == 1)) return reinterpret_cast<const C*>(data_) + offset;
    load(block, offset, n);
    return block;
  }
  void load(C* block, int64_t offset, int64_t n) const {
    visit_stored_dtype(dtype_, [&]<typename T>() {
      load_block(block, reinterpret_cast<const T*>(data_) + offset, loop_.inner_stride(1), n);
    });
  }

  char* data_;
  DType dtype_;
  bool plain_;
  StridedLoop loop_;
};

}  // namespace flambeau::cpu
