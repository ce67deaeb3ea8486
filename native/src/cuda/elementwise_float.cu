// The elementwise evaluator over float32 and float64; see elementwise.cuh.
#define FLAMBEAU_CUDA_LIGHT_OWN(X) FLAMBEAU_CUDA_LIGHT_FLOAT(X)
#define FLAMBEAU_CUDA_HEAVY_OWN(X) FLAMBEAU_CUDA_HEAVY_FLOAT(X)
#include "elementwise_apply-inl.cuh"

namespace flambeau::cuda {

#ifdef FLAMBEAU_ELEMENTWISE_DOUBLE
Status elementwise_f64(ElementwiseArgs& args) { return run<Apply, double>(args); }
#else
Status elementwise_f32(ElementwiseArgs& args) { return run<Apply, float>(args); }
#endif

}  // namespace flambeau::cuda
