// Negative log likelihood over [batch, classes, positions], with class weights and an ignored label.
#include <atomic>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/nll_loss.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

int64_t label_at(const TensorView& target, int64_t n, int64_t s) {
  const int64_t at = n * target.strides[0] + s * target.strides[1];
  return target.dtype == DType::u8 ? target.as<uint8_t>()[at] : target.as<int64_t>()[at];
}

// The first label out of range, as a status.
Status check_labels(const TensorView& target, int64_t classes, int64_t ignore) {
  const int64_t batch = target.shape[0], positions = target.shape[1];
  for (int64_t n = 0; n < batch; ++n)
    for (int64_t s = 0; s < positions; ++s) {
      const int64_t label = label_at(target, n, s);
      if (label != ignore && (label < 0 || label >= classes))
        return {StatusCode::index_out_of_range, n * positions + s, label, classes};
    }
  return {};
}

double weight_at(const TensorView& weight, int64_t label) {
  if (!weight.defined()) return 1;
  return visit_dtype(weight.dtype,
                     [&]<typename T>() { return convert<double>(weight.as<T>()[label * weight.strides[0]]); });
}

}  // namespace

// reduction: 0 none (`out` is [batch, positions]), 1 mean, 2 sum. `total_weight` is the divisor of the mean.
Status nll_loss(NllLossArgs& args) {
  const TensorView &in = args.input, &target = args.target;
  const int64_t batch = in.shape[0], classes = in.shape[1], positions = in.shape[2];
  if (const Status status = check_labels(target, classes, args.ignore_index); !status.ok()) return status;
  return visit_dtype(in.dtype, [&]<typename T>() -> Status {
    if constexpr (std::is_floating_point_v<ComputeType<T>>) {
      const T* x = in.as<T>();
      std::vector<double> weights(classes);
      for (int64_t c = 0; c < classes; ++c) weights[c] = weight_at(args.weight, c);
      double total = 0, loss = 0;
      for (int64_t n = 0; n < batch; ++n)
        for (int64_t s = 0; s < positions; ++s) {
          const int64_t label = label_at(target, n, s);
          const bool counts = label != args.ignore_index;
          const double w = counts ? weights[label] : 0;
          const double value =
              counts ? -w * convert<double>(x[n * in.strides[0] + label * in.strides[1] + s * in.strides[2]]) : 0;
          if (args.reduction == 0)
            args.out.as<T>()[n * args.out.strides[0] + s * args.out.strides[1]] = convert<T>(value);
          total += w;
          loss += value;
        }
      if (args.reduction == 1) *args.out.as<T>() = convert<T>(loss / total);
      if (args.reduction == 2) *args.out.as<T>() = convert<T>(loss);
      *args.total_weight.as<T>() = convert<T>(total);
      return {};
    } else {
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(in.dtype)};
    }
  });
}

// `out` is contiguous [batch, classes, positions]; `grad` is [batch, positions] or of one element.
Status nll_loss_backward(NllLossBackwardArgs& args) {
  const TensorView &out = args.out, &target = args.target, &grad = args.grad;
  const int64_t batch = out.shape[0], classes = out.shape[1], positions = out.shape[2];
  if (const Status status = check_labels(target, classes, args.ignore_index); !status.ok()) return status;
  return visit_dtype(out.dtype, [&]<typename T>() -> Status {
    if constexpr (std::is_floating_point_v<ComputeType<T>>) {
      T* dx = out.as<T>();
      std::fill_n(dx, batch * classes * positions, T(0));
      const double scale = args.reduction == 1 ? 1 / convert<double>(*args.total_weight.as<T>()) : 1;
      for (int64_t n = 0; n < batch; ++n)
        for (int64_t s = 0; s < positions; ++s) {
          const int64_t label = label_at(target, n, s);
          if (label == args.ignore_index) continue;
          const T g = args.reduction == 0 ? grad.as<T>()[n * grad.strides[0] + s * grad.strides[1]] : *grad.as<T>();
          dx[(n * classes + label) * positions + s] =
              convert<T>(-weight_at(args.weight, label) * scale * convert<double>(g));
        }
      return {};
    } else {
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(out.dtype)};
    }
  });
}

}  // namespace flambeau::cpu
