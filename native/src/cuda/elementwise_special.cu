// Special functions, one to a program: what the CPU computes in double precision (cpu/special.cpp), compiled for the
// device.
#ifdef __CUDACC__
#pragma nv_diag_suppress 20208  // a long double is a double on the device
#pragma nv_diag_suppress 20011  // lgamma_r is the host's branch
#endif
#include "cpu/special.cpp"
#include "elementwise.cuh"
#include "elementwise_types.h"

namespace flambeau::cuda {
namespace {

using namespace elementwise;

// clang-format off
#define FLAMBEAU_SPECIAL_1(X) \
  X(digamma) X(i0e) X(i1e) X(modified_bessel_k0) X(modified_bessel_k1) X(scaled_modified_bessel_k0) \
  X(scaled_modified_bessel_k1) X(spherical_bessel_j0) X(airy_ai) X(log_ndtr)
// clang-format on
#define FLAMBEAU_SPECIAL_2(X) X(polygamma) X(zeta) X(igamma) X(igammac)

__device__ __noinline__ double special(int op, double a, double b) {
  switch (op) {
#define X(name)                            \
  case static_cast<int>(MicroOp::name##_): \
    return cpu::special::name(a);
    FLAMBEAU_SPECIAL_1(X)
#undef X
#define X(name)                            \
  case static_cast<int>(MicroOp::name##_): \
    return cpu::special::name(a, b);
    FLAMBEAU_SPECIAL_2(X)
#undef X
    default:
      return a;
  }
}

struct Apply {
  template <typename C>
  static bool has(int op) {
    switch (op) {
#define X(name) case static_cast<int>(MicroOp::name##_):
      FLAMBEAU_SPECIAL_1(X)
      FLAMBEAU_SPECIAL_2(X)
#undef X
      return true;
      default:
        return false;
    }
  }
  template <typename C>
  static __device__ __forceinline__ void run(int op, C (&r)[kItems], const C (&a)[kItems], const C (&b)[kItems],
                                             const C (&)[kItems]) {
#pragma unroll
    for (int k = 0; k < kItems; ++k) r[k] = static_cast<C>(special(op, a[k], b[k]));
  }
};

}  // namespace

Status elementwise_special(ElementwiseArgs& args) {
  return args.compute == DType::f32 ? run<Apply, float>(args) : run<Apply, double>(args);
}

}  // namespace flambeau::cuda
