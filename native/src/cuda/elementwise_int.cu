// The elementwise evaluator over int32 and int64; see elementwise.cuh.
#define FLAMBEAU_CUDA_LIGHT_OWN(X) FLAMBEAU_CUDA_LIGHT_INT(X)
#define FLAMBEAU_CUDA_HEAVY_OWN(X) FLAMBEAU_CUDA_HEAVY_INT(X)
#include "elementwise_apply-inl.cuh"

namespace flambeau::cuda {

Status elementwise_i32(ElementwiseArgs& args) { return run<Apply, int32_t>(args); }
Status elementwise_i64(ElementwiseArgs& args) { return run<Apply, int64_t>(args); }

}  // namespace flambeau::cuda
