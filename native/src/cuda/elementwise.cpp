#include "elementwise_types.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

// Special functions are in kernels of their own.
Status or_special(Status status, ElementwiseArgs& args) {
  return status.code == StatusCode::no_kernel ? elementwise_special(args) : status;
}

}  // namespace

Status elementwise(ElementwiseArgs& args) {
  switch (args.compute) {
    case DType::f32:
      return or_special(elementwise_f32(args), args);
    case DType::f64:
      return or_special(elementwise_f64(args), args);
    case DType::i32:
      return elementwise_i32(args);
    case DType::i64:
      return elementwise_i64(args);
    case DType::c64:
    case DType::c128:
      return elementwise_complex(args);
    default:
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.compute)};
  }
}

}  // namespace flambeau::cuda
