#pragma once

namespace flambeau::cpu {

// Has OpenBLAS run the kernels of this processor's instruction set where it does not know the processor. Once, before
// its first call.
void choose_blas_kernels();

}  // namespace flambeau::cpu
