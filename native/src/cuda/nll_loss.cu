// Negative log likelihood over [batch, classes, positions], with class weights and an ignored label.
#include "device.cuh"
#include "flambeau/kernels/copy.gen.h"
#include "flambeau/kernels/nll_loss.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

struct Labels {
  const void* data;
  bool bytes;
  int64_t positions, stride_n, stride_s, classes, ignore;
  Labels(const TensorView& t, int64_t classes, int64_t ignore)
      : data(t.data),
        bytes(t.dtype == DType::u8),
        positions(t.shape[1]),
        stride_n(t.strides[0]),
        stride_s(t.strides[1]),
        classes(classes),
        ignore(ignore) {}
  // The label of element i, or -1 where it does not count.
  __device__ int64_t at(int64_t i, const ErrorSlot& errors) const {
    const int64_t offset = i / positions * stride_n + i % positions * stride_s;
    const int64_t label = bytes ? static_cast<const uint8_t*>(data)[offset] : static_cast<const int64_t*>(data)[offset];
    if (label == ignore) return -1;
    if (label >= 0 && label < classes) return label;
    report(errors, StatusCode::index_out_of_range, i, label, classes);
    return -1;
  }
};

struct Weights {
  const void* data = nullptr;
  DType dtype = DType::f32;
  int64_t stride = 0;
  explicit Weights(const TensorView& t) {
    if (!t.defined()) return;
    data = t.data;
    dtype = t.dtype;
    stride = t.strides[0];
  }
  __device__ double at(int64_t label) const { return data ? load_real<double>(data, dtype, label * stride) : 1.0; }
};

struct Strides {
  int64_t n, c, s;
};

// One block, so that sums are in one order.
template <typename T>
__global__ void __launch_bounds__(1024) losses(T* out, T* total, const T* in, int64_t count, Strides at, Strides to,
                                               Labels labels, Weights weights, int reduction, ErrorSlot errors) {
  double loss = 0, weight = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const int64_t n = i / labels.positions, s = i % labels.positions, label = labels.at(i, errors);
    const double w = label < 0 ? 0.0 : weights.at(label);
    const double value = label < 0 ? 0.0 : -w * convert<double>(in[n * at.n + label * at.c + s * at.s]);
    if (reduction == 0) out[n * to.n + s * to.s] = convert<T>(value);
    loss += value;
    weight += w;
  }
  loss = block_sum(loss);
  weight = block_sum(weight);
  if (threadIdx.x != 0) return;
  if (reduction == 1) *out = convert<T>(loss / weight);
  if (reduction == 2) *out = convert<T>(loss);
  *total = convert<T>(weight);
}

template <typename T>
__global__ void gradients(T* out, const T* grad, const T* total, int64_t count, Strides at, Labels labels,
                          Weights weights, int reduction, ErrorSlot errors) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const int64_t label = labels.at(i, errors);
  if (label < 0) return;
  const int64_t n = i / labels.positions, s = i % labels.positions;
  const double scale = reduction == 1 ? 1 / convert<double>(*total) : 1;
  const T g = reduction == 0 ? grad[n * at.n + s * at.s] : *grad;
  out[(n * labels.classes + label) * labels.positions + s] =
      convert<T>(-weights.at(label) * scale * convert<double>(g));
}

}  // namespace

Status nll_loss(NllLossArgs& args) {
  const TensorView& in = args.input;
  const Labels labels(args.target, in.shape[1], args.ignore_index);
  const Strides at{in.strides[0], in.strides[1], in.strides[2]};
  const Strides to = args.reduction == 0 ? Strides{args.out.strides[0], 0, args.out.strides[1]} : Strides{0, 0, 0};
  const bool known = visit_real(in.dtype, [&]<typename T>() {
    losses<<<1, 1024, 0, context().stream>>>(args.out.as<T>(), args.total_weight.as<T>(), in.as<T>(),
                                             in.shape[0] * in.shape[2], at, to, labels, Weights(args.weight),
                                             static_cast<int>(args.reduction), context().errors);
  });
  return known ? launched() : unsupported(in.dtype);
}

Status nll_loss_backward(NllLossBackwardArgs& args) {
  const TensorView& out = args.out;
  FillArgs zeros{out, Scalar{}};
  if (const Status status = fill(zeros); !status.ok()) return status;
  const int64_t count = out.shape[0] * out.shape[2];
  if (count == 0) return {};
  const Labels labels(args.target, out.shape[1], args.ignore_index);
  const Strides at = args.reduction == 0 ? Strides{args.grad.strides[0], 0, args.grad.strides[1]} : Strides{0, 0, 0};
  const bool known = visit_real(out.dtype, [&]<typename T>() {
    gradients<<<static_cast<unsigned>((count + 255) / 256), 256, 0, context().stream>>>(
        out.as<T>(), args.grad.as<T>(), args.total_weight.as<T>(), count, at, labels, Weights(args.weight),
        static_cast<int>(args.reduction), context().errors);
  });
  return known ? launched() : unsupported(out.dtype);
}

}  // namespace flambeau::cuda
