#include "kernels.h"

namespace flambeau::cuda {

constexpr KernelTable table() {
  KernelTable t;
#define X(name, Name) t.name = name;
  FLAMBEAU_CUDA_KERNELS(X)
#undef X
  return t;
}

const KernelTable kTable = table();

}  // namespace flambeau::cuda
