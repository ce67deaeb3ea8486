#include "nccl/types.h"

#include "nccl/library.h"

namespace flambeau::distributed {
namespace {

// -1 where NCCL has no such type.
int type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::c64:
      return nccl::kFloat32;
    case DType::f64:
    case DType::c128:
      return nccl::kFloat64;
    case DType::f16:
      return nccl::kFloat16;
    case DType::bf16:
      return nccl::kBfloat16;
    case DType::i8:
      return nccl::kInt8;
    case DType::u8:
    case DType::boolean:
      return nccl::kUint8;
    case DType::i32:
      return nccl::kInt32;
    case DType::i64:
      return nccl::kInt64;
    case DType::i16:
    case DType::c32:
      return -1;
  }
  return -1;
}

// -1 where NCCL has no such operation.
int op_of(ReduceOp op, bool boolean) {
  switch (op) {
    case ReduceOp::sum:
      // A sum of truth values is whether one is true.
      return boolean ? nccl::kMax : nccl::kSum;
    case ReduceOp::avg:
      return nccl::kAvg;
    case ReduceOp::product:
      return nccl::kProduct;
    case ReduceOp::min:
      return nccl::kMin;
    case ReduceOp::max:
      return nccl::kMax;
    case ReduceOp::band:
    case ReduceOp::bor:
    case ReduceOp::bxor:
      return -1;
  }
  return -1;
}

}  // namespace

bool elements_of(DType dtype, ReduceOp op, Elements& elements, std::string& reason) {
  elements = {type_of(dtype), 1, op_of(op, dtype == DType::boolean)};
  if (elements.op < 0) {
    reason = "NCCL has no operations on bits (band, bor, bxor)";
    return false;
  }
  if (elements.type < 0) {
    reason = std::string("NCCL does not compute with ") + name_of(dtype);
    return false;
  }
  if (dtype == DType::c64 || dtype == DType::c128) {
    // Real and imaginary parts are combined by themselves.
    elements.parts = 2;
    if (op != ReduceOp::sum && op != ReduceOp::avg) {
      reason = "NCCL has sums and means of complex numbers only";
      return false;
    }
  }
  return true;
}

Elements bytes_of(DType dtype) { return {nccl::kInt8, size_of(dtype), 0}; }

}  // namespace flambeau::distributed
