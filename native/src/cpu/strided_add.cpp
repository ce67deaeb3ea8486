#include "accumulate.h"
#include "flambeau/kernels/strided_add.gen.h"
#include "iterate.h"

namespace flambeau::cpu {

// One thread: elements of the output may be the same.
Status strided_add(StridedAddArgs& args) {
  const TensorView* views[] = {&args.input, &args.out};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return {};
  visit_stored_dtype(args.out.dtype, [&]<typename T>() {
    T* out = args.out.as<T>();
    const T* in = args.input.as<T>();
    const int64_t in_stride = loop.inner_stride(0), out_stride = loop.inner_stride(1);
    RowCursor cursor(loop, 0);
    for (int64_t r = 0; r < rows; ++r, cursor.next()) {
      const T* src = in + cursor.offsets[0];
      T* dst = out + cursor.offsets[1];
      for (int64_t i = 0; i < inner; ++i) dst[i * out_stride] = plus(dst[i * out_stride], src[i * in_stride]);
    }
  });
  return {};
}

}  // namespace flambeau::cpu
