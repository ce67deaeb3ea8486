// Convolution of 1 to 3 spatial dimensions by cuDNN. Algorithms are chosen by its heuristics, deterministic ones only,
// so that a run repeats bit for bit; descriptors and choices are kept by shape.
#include "flambeau/kernels/convolution.gen.h"

#include <map>
#include <mutex>
#include <memory>
#include <vector>

#include "context.h"
#include "flambeau/kernels/copy.gen.h"
#include "kernels.h"
#include "libraries.h"

namespace flambeau::cuda {
namespace {

enum class Direction : int { forward, input, weight };

struct Plan {
  dnn::Desc x = nullptr, y = nullptr, w = nullptr, bias = nullptr, convolution = nullptr;
  struct Algorithm {
    int id, math;
    size_t workspace;
  };
  std::vector<Algorithm> algorithms;  // the fastest first
  int math = -1;                      // what the descriptor is set to
};

int type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return dnn::kFloat;
    case DType::f64:
      return dnn::kDouble;
    case DType::f16:
      return dnn::kHalf;
    case DType::bf16:
      return dnn::kBfloat16;
    default:
      return -1;
  }
}

// Sizes and strides for cuDNN, which wants at least two spatial dimensions: one is put before a single one.
struct Dims {
  std::vector<int> sizes, strides;
  explicit Dims(const TensorView& t) {
    int64_t stride = 1;
    std::vector<int64_t> contiguous(static_cast<size_t>(t.ndim));
    for (int i = t.ndim - 1; i >= 0; --i) {
      contiguous[static_cast<size_t>(i)] = stride;
      stride *= t.shape[i];
    }
    for (int i = 0; i < t.ndim; ++i) {
      if (i == 2 && t.ndim == 3) {
        sizes.push_back(1);
        strides.push_back(static_cast<int>(t.shape[2]));
      }
      sizes.push_back(static_cast<int>(t.shape[i]));
      strides.push_back(static_cast<int>(contiguous[static_cast<size_t>(i)]));
    }
  }
};

std::vector<int> spatial(const IntList& list, int missing) {
  std::vector<int> result;
  if (list.size() == 1) result.push_back(missing);
  for (const int64_t v : list) result.push_back(static_cast<int>(v));
  return result;
}

dnn::Desc tensor(const dnn::Functions& f, int type, const Dims& dims) {
  dnn::Desc desc = nullptr;
  f.tensor_create(&desc);
  f.tensor_set(desc, type, static_cast<int>(dims.sizes.size()), dims.sizes.data(), dims.strides.data());
  return desc;
}

Plan make_plan(const dnn::Functions& f, dnn::Handle handle, Direction direction, const TensorView& x,
               const TensorView& w, const TensorView& y, const IntList& stride, const IntList& padding,
               const IntList& dilation, int64_t groups, bool tf32) {
  Plan plan;
  const int type = type_of(x.dtype);
  const Dims dx(x), dw(w), dy(y);
  plan.x = tensor(f, type, dx);
  plan.y = tensor(f, type, dy);
  f.filter_create(&plan.w);
  f.filter_set(plan.w, type, dnn::kNchw, static_cast<int>(dw.sizes.size()), dw.sizes.data());
  Dims db(y);
  for (size_t i = 0; i < db.sizes.size(); ++i) {
    if (i != 1) db.sizes[i] = 1;
    db.strides[i] = i == 0 ? db.sizes[1] : 1;
  }
  plan.bias = tensor(f, type, db);
  f.convolution_create(&plan.convolution);
  const std::vector<int> s = spatial(stride, 1), p = spatial(padding, 0), d = spatial(dilation, 1);
  f.convolution_set(plan.convolution, static_cast<int>(s.size()), p.data(), s.data(), d.data(), dnn::kCrossCorrelation,
                    x.dtype == DType::f64 ? dnn::kDouble : dnn::kFloat);
  f.convolution_groups(plan.convolution, static_cast<int>(groups));
  // The default keeps float32 whole; this lets it round to TF32.
  const bool half = x.dtype == DType::f16 || x.dtype == DType::bf16;
  f.convolution_math(plan.convolution, half || tf32 ? dnn::kTensorOpMath : dnn::kFmaMath);

  dnn::AlgoPerf results[10];
  int found = 0;
  constexpr int kMost = 10;
  switch (direction) {
    case Direction::forward:
      f.forward_algorithms(handle, plan.x, plan.w, plan.convolution, plan.y, kMost, &found, results);
      break;
    case Direction::input:
      f.data_algorithms(handle, plan.w, plan.y, plan.convolution, plan.x, kMost, &found, results);
      break;
    case Direction::weight:
      f.filter_algorithms(handle, plan.x, plan.y, plan.convolution, plan.w, kMost, &found, results);
      break;
  }
  for (int i = 0; i < found; ++i) {
    if (results[i].status != 0 || results[i].determinism != dnn::kDeterministic) continue;
    if (results[i].memory > (size_t{1} << 30)) continue;
    plan.algorithms.push_back({results[i].algo, results[i].math, results[i].memory});
  }
  return plan;
}

// Runs the first algorithm that takes these shapes after all; those that do not are forgotten. An algorithm is for the
// math that it was named with; setting it anew makes cuDNN prepare everything anew.
template <typename Run>
int run_plan(const dnn::Functions& f, Plan& plan, const Run& run) {
  int error = -1;
  while (!plan.algorithms.empty()) {
    const Plan::Algorithm algorithm = plan.algorithms.front();
    if (plan.math != algorithm.math) f.convolution_math(plan.convolution, algorithm.math);
    plan.math = algorithm.math;
    const Workspace workspace(algorithm.workspace);
    error = run(algorithm.id, workspace.as(), algorithm.workspace);
    if (error == 0) return 0;
    plan.algorithms.erase(plan.algorithms.begin());
  }
  return error;
}

Plan& plan_of(const dnn::Functions& f, Direction direction, const TensorView& x, const TensorView& w,
              const TensorView& y, const IntList& stride, const IntList& padding, const IntList& dilation,
              int64_t groups) {
  Context& c = context();
  std::vector<int64_t> key{c.device, static_cast<int64_t>(direction), static_cast<int64_t>(x.dtype), groups,
                           c.tf32_convolution};
  const auto add = [&](const auto& list) { key.insert(key.end(), list.begin(), list.end()); };
  for (const TensorView* t : {&x, &w, &y}) key.insert(key.end(), t->shape, t->shape + t->ndim);
  add(stride);
  add(padding);
  add(dilation);
  // Of all devices: each has a lock of its own, under which its plans are used.
  static std::mutex mutex;
  static std::map<std::vector<int64_t>, Plan> plans;
  const std::lock_guard lock(mutex);
  auto at = plans.find(key);
  if (at == plans.end())
    at = plans
             .emplace(std::move(key), make_plan(f, c.libraries->dnn_handle(), direction, x, w, y, stride, padding,
                                                dilation, groups, c.tf32_convolution))
             .first;
  return at->second;
}

// The view itself, or a contiguous copy in `workspace`.
TensorView contiguous(const TensorView& t, std::unique_ptr<Workspace>& workspace) {
  if (t.contiguous()) return t;
  workspace = std::make_unique<Workspace>(static_cast<size_t>(t.numel()) * size_of(t.dtype));
  TensorView copied = t;
  copied.data = workspace->as();
  int64_t stride = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    copied.strides[i] = stride;
    stride *= t.shape[i];
  }
  CopyArgs args{copied, t};
  copy(args);
  return copied;
}

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }

// A contiguous float32 of the shape of `t`: with its values, or for a result.
class Wide {
 public:
  Wide(const TensorView& t, bool filled) : view_(t) {
    if (!t.defined()) return;
    workspace_ = std::make_unique<Workspace>(static_cast<size_t>(t.numel()) * sizeof(float));
    view_.dtype = DType::f32;
    view_.data = workspace_->as();
    int64_t stride = 1;
    for (int i = t.ndim - 1; i >= 0; --i) {
      view_.strides[i] = stride;
      stride *= t.shape[i];
    }
    if (!filled) return;
    CopyArgs args{view_, t};
    copy(args);
  }
  const TensorView& view() const { return view_; }
  Status store(const TensorView& to) const {
    if (!to.defined()) return {};
    CopyArgs args{to, view_};
    return copy(args);
  }

 private:
  TensorView view_;
  std::unique_ptr<Workspace> workspace_;
};

Status zero(const TensorView& t) {
  if (!t.defined() || t.numel() == 0) return {};
  FillArgs args{t, Scalar{}};
  return fill(args);
}

Status checked(int error) { return error == 0 ? Status{} : Status{StatusCode::engine_error, 0, error}; }

struct Factors {
  double wide[2] = {1, 0};
  float narrow[2] = {1, 0};
  bool is_double;
  explicit Factors(DType dtype) : is_double(dtype == DType::f64) {}
  const void* one() const { return is_double ? static_cast<const void*>(&wide[0]) : &narrow[0]; }
  const void* zero() const { return is_double ? static_cast<const void*>(&wide[1]) : &narrow[1]; }
};

Status run(ConvolutionArgs& args) {
  if (type_of(args.input.dtype) < 0) return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.input.dtype)};
  if (args.out.numel() == 0) return {};
  const dnn::Functions* f = context().libraries->dnn(context().stream);
  if (!f) return missing_library(1);
  std::unique_ptr<Workspace> input_copy, weight_copy;
  const TensorView x = contiguous(args.input, input_copy), w = contiguous(args.weight, weight_copy);
  const Factors k(x.dtype);
  Plan& plan = plan_of(*f, Direction::forward, x, w, args.out, args.stride, args.padding, args.dilation, args.groups);
  const dnn::Handle handle = context().libraries->dnn_handle();
  const Status status = checked(run_plan(*f, plan, [&](int algorithm, void* workspace, size_t size) {
    return f->forward(handle, k.one(), plan.x, x.data, plan.w, w.data, plan.convolution, algorithm, workspace, size,
                      k.zero(), plan.y, args.out.data);
  }));
  if (!status.ok() || !args.bias.defined()) return status;
  return checked(f->add_tensor(handle, k.one(), plan.bias, args.bias.data, k.one(), plan.y, args.out.data));
}

Status run(ConvolutionBackwardInputArgs& args) {
  if (type_of(args.grad.dtype) < 0) return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.grad.dtype)};
  if (args.grad_input.numel() == 0) return {};
  if (args.grad.numel() == 0) return zero(args.grad_input);
  const dnn::Functions* f = context().libraries->dnn(context().stream);
  if (!f) return missing_library(1);
  std::unique_ptr<Workspace> grad_copy, weight_copy;
  const TensorView y = contiguous(args.grad, grad_copy), w = contiguous(args.weight, weight_copy);
  const Factors k(y.dtype);
  Plan& plan =
      plan_of(*f, Direction::input, args.grad_input, w, y, args.stride, args.padding, args.dilation, args.groups);
  return checked(run_plan(*f, plan, [&](int algorithm, void* workspace, size_t size) {
    return f->backward_data(context().libraries->dnn_handle(), k.one(), plan.w, w.data, plan.y, y.data,
                            plan.convolution, algorithm, workspace, size, k.zero(), plan.x, args.grad_input.data);
  }));
}

Status run(ConvolutionBackwardWeightArgs& args) {
  if (type_of(args.grad.dtype) < 0) return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.grad.dtype)};
  if (args.grad.numel() == 0 || args.input.numel() == 0) {
    const Status status = zero(args.grad_weight);
    return status.ok() ? zero(args.grad_bias) : status;
  }
  const dnn::Functions* f = context().libraries->dnn(context().stream);
  if (!f) return missing_library(1);
  std::unique_ptr<Workspace> grad_copy, input_copy;
  const TensorView y = contiguous(args.grad, grad_copy), x = contiguous(args.input, input_copy);
  const Factors k(y.dtype);
  Plan& plan =
      plan_of(*f, Direction::weight, x, args.grad_weight, y, args.stride, args.padding, args.dilation, args.groups);
  const dnn::Handle handle = context().libraries->dnn_handle();
  const Status status = checked(run_plan(*f, plan, [&](int algorithm, void* workspace, size_t size) {
    return f->backward_filter(handle, k.one(), plan.x, x.data, plan.y, y.data, plan.convolution, algorithm, workspace,
                              size, k.zero(), plan.w, args.grad_weight.data);
  }));
  if (!status.ok() || !args.grad_bias.defined()) return status;
  return checked(f->backward_bias(handle, k.one(), plan.y, y.data, k.zero(), plan.bias, args.grad_bias.data));
}

}  // namespace

// Half types that cuDNN has no algorithm for (with groups or dilation, mostly) are computed in float32.
Status convolution(ConvolutionArgs& args) {
  const Status status = run(args);
  if (status.code != StatusCode::engine_error || status.limit != 0 || !is_half(args.input.dtype)) return status;
  const Wide out(args.out, false), input(args.input, true), weight(args.weight, true), bias(args.bias, true);
  ConvolutionArgs wide{out.view(),
                       input.view(),
                       weight.view(),
                       bias.view(),
                       std::move(args.stride),
                       std::move(args.padding),
                       std::move(args.dilation),
                       args.groups};
  const Status result = run(wide);
  return result.ok() ? out.store(args.out) : result;
}

Status convolution_backward_input(ConvolutionBackwardInputArgs& args) {
  const Status status = run(args);
  if (status.code != StatusCode::engine_error || status.limit != 0 || !is_half(args.grad.dtype)) return status;
  const Wide out(args.grad_input, false), grad(args.grad, true), weight(args.weight, true);
  ConvolutionBackwardInputArgs wide{
      out.view(), grad.view(), weight.view(), std::move(args.stride), std::move(args.padding), std::move(args.dilation),
      args.groups};
  const Status result = run(wide);
  return result.ok() ? out.store(args.grad_input) : result;
}

Status convolution_backward_weight(ConvolutionBackwardWeightArgs& args) {
  const Status status = run(args);
  if (status.code != StatusCode::engine_error || status.limit != 0 || !is_half(args.grad.dtype)) return status;
  const Wide out(args.grad_weight, false), bias(args.grad_bias, false), grad(args.grad, true), input(args.input, true);
  ConvolutionBackwardWeightArgs wide{out.view(),
                                     bias.view(),
                                     grad.view(),
                                     input.view(),
                                     std::move(args.stride),
                                     std::move(args.padding),
                                     std::move(args.dilation),
                                     args.groups};
  const Status result = run(wide);
  if (!result.ok()) return result;
  const Status stored = out.store(args.grad_weight);
  return stored.ok() ? bias.store(args.grad_bias) : stored;
}

}  // namespace flambeau::cuda
