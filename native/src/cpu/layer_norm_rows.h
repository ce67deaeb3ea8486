// Layer and root-mean-square normalization of contiguous rows, for the ISA at hand. R is float or double.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

template <typename R>
struct LayerNormFunctions {
  // The mean and 1 / sqrt(variance + eps) of a row; where mean is null, 1 / sqrt(mean square + eps).
  void (*statistics)(const R* x, int64_t n, double eps, R* mean, R* rstd);
  // dst = (x - mean) * rstd * weight + bias; weight and bias may be null.
  void (*normalize)(R* dst, const R* x, const R* weight, const R* bias, R mean, R rstd, int64_t n);
  // The gradient of x, whose mean was taken away or not. dst may be grad.
  void (*backward)(R* dst, const R* grad, const R* x, const R* weight, bool centered, R mean, R rstd, int64_t n);
  // weight_grad += grad * (x - mean) * rstd, bias_grad += grad
  void (*accumulate)(R* weight_grad, R* bias_grad, const R* grad, const R* x, R mean, R rstd, int64_t n);
};

LayerNormFunctions<float> layer_norm_functions(float);
LayerNormFunctions<double> layer_norm_functions(double);

}  // namespace flambeau::cpu
