// The elementwise evaluator by compute type.
#pragma once
#include "flambeau/kernels/elementwise.gen.h"

namespace flambeau::cuda {

Status elementwise_f32(ElementwiseArgs& args);
Status elementwise_f64(ElementwiseArgs& args);
Status elementwise_i32(ElementwiseArgs& args);
Status elementwise_i64(ElementwiseArgs& args);
Status elementwise_special(ElementwiseArgs& args);
Status elementwise_complex(ElementwiseArgs& args);

}  // namespace flambeau::cuda
