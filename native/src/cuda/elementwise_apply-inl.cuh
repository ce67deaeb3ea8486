// What the evaluators over floats and over integers run an instruction with. FLAMBEAU_CUDA_LIGHT_OWN and
// FLAMBEAU_CUDA_HEAVY_OWN, defined before, list the micro-ops that only theirs have.
#include "elementwise.cuh"
#include "elementwise_types.h"
#include "micro_ops.cuh"

namespace flambeau::cuda {
namespace {

using namespace elementwise;

template <typename Op, int kArity, typename C>
__device__ __forceinline__ C call(C a, C b, C c) {
  if constexpr (kArity == 1) return Op()(a);
  if constexpr (kArity == 2) return Op()(a, b);
  if constexpr (kArity == 3) return Op()(a, b, c);
}

// Not inlined: the code of these functions is long, and there would be four of each.
template <typename C>
__device__ __noinline__ C heavy(int op, C a, C b) {
  switch (op) {
#define X(name, arity)                     \
  case static_cast<int>(MicroOp::name##_): \
    return call<micro::name##_op, arity>(a, b, b);
    FLAMBEAU_CUDA_HEAVY_OWN(X)
#undef X
    default:
      return a;
  }
}

struct Apply {
  template <typename C>
  static bool has(int op) {
    switch (op) {
#define X(name, arity)                     \
  case static_cast<int>(MicroOp::name##_): \
    return true;
      FLAMBEAU_CUDA_LIGHT(X)
      FLAMBEAU_CUDA_LIGHT_OWN(X)
      FLAMBEAU_CUDA_HEAVY_OWN(X)
#undef X
      default:
        return false;
    }
  }
  template <typename C>
  static __device__ __forceinline__ void run(int op, C (&r)[kItems], const C (&a)[kItems], const C (&b)[kItems],
                                             const C (&c)[kItems]) {
    switch (op) {
#define X(name, arity)                                                                                         \
  case static_cast<int>(MicroOp::name##_):                                                                     \
    _Pragma("unroll") for (int k = 0; k < kItems; ++k) r[k] = call<micro::name##_op, arity>(a[k], b[k], c[k]); \
    break;
      FLAMBEAU_CUDA_LIGHT(X)
      FLAMBEAU_CUDA_LIGHT_OWN(X)
#undef X
      default:
#pragma unroll
        for (int k = 0; k < kItems; ++k) r[k] = heavy(op, a[k], b[k]);
    }
  }
};

}  // namespace
}  // namespace flambeau::cuda
