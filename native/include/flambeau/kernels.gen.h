// Made by tools/codegen.mjs from native/include/flambeau/kernels.def. Do not edit.
#pragma once
#include "flambeau/call.h"

namespace flambeau {

enum class Kernel : int { elementwise, copy, fill, reduce, variance, count };

struct ElementwiseArgs {
  TensorList outs;
  TensorList ins;
  ScalarList constants;
  IntList code;
  IntList results;
  DType compute;
};

struct CopyArgs {
  TensorView out;
  TensorView input;
};

struct FillArgs {
  TensorView out;
  Scalar value;
};

struct ReduceArgs {
  TensorView out;
  TensorView input;
  int64_t op;
  double param;
};

struct VarianceArgs {
  TensorView out;
  TensorView mean;
  TensorView input;
  double correction;
  bool root;
};

// An empty slot means that the backend has no such kernel.
struct KernelTable {
  Status (*elementwise)(ElementwiseArgs&) = nullptr;
  Status (*copy)(CopyArgs&) = nullptr;
  Status (*fill)(FillArgs&) = nullptr;
  Status (*reduce)(ReduceArgs&) = nullptr;
  Status (*variance)(VarianceArgs&) = nullptr;
};

// The CPU's kernels, each defined in src/cpu.
namespace cpu {
Status elementwise(ElementwiseArgs& args);
Status copy(CopyArgs& args);
Status fill(FillArgs& args);
Status reduce(ReduceArgs& args);
Status variance(VarianceArgs& args);

inline constexpr KernelTable kTable{elementwise, copy, fill, reduce, variance};
}  // namespace cpu

// Decodes a call's words and runs the kernel.
inline Status invoke(const KernelTable& table, int kernel, const double* words, Storage* const* storages) {
  CallReader reader(words, storages);
  switch (static_cast<Kernel>(kernel)) {
    case Kernel::elementwise: {
      if (!table.elementwise) return {StatusCode::no_kernel};
      ElementwiseArgs args{reader.tensors(), reader.tensors(), reader.scalars(), reader.integers(), reader.integers(), reader.dtype()};
      return table.elementwise(args);
    }
    case Kernel::copy: {
      if (!table.copy) return {StatusCode::no_kernel};
      CopyArgs args{reader.tensor(), reader.tensor()};
      return table.copy(args);
    }
    case Kernel::fill: {
      if (!table.fill) return {StatusCode::no_kernel};
      FillArgs args{reader.tensor(), reader.scalar()};
      return table.fill(args);
    }
    case Kernel::reduce: {
      if (!table.reduce) return {StatusCode::no_kernel};
      ReduceArgs args{reader.tensor(), reader.tensor(), reader.integer(), reader.real()};
      return table.reduce(args);
    }
    case Kernel::variance: {
      if (!table.variance) return {StatusCode::no_kernel};
      VarianceArgs args{reader.tensor(), reader.tensor(), reader.tensor(), reader.real(), reader.boolean()};
      return table.variance(args);
    }
    case Kernel::count: break;
  }
  return {StatusCode::no_kernel};
}

}  // namespace flambeau
