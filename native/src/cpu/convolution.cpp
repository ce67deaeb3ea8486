// Convolutions and their gradients: oneDNN for float32, with Winograd of our own where it has none (winograd.h),
// unfolding and matrix products for the other dtypes. Winograd and direct algorithms want blocked layouts (layouts.h);
// what comes in another is reordered on the way.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <vector>

#include "blocks.h"
#include "engine.h"
#include "flambeau/kernels/convolution.gen.h"
#include "layouts.h"
#include "signals.h"
#include "unfold_convolution.h"
#include "winograd.h"

namespace flambeau::cpu {

using dnnl::memory;
using tag = memory::format_tag;

int64_t preferred_block() {
  static const int64_t block = [] {
    const auto isa = dnnl::get_effective_cpu_isa();
    if (isa >= dnnl::cpu_isa::avx512_core) return 16;
    return isa >= dnnl::cpu_isa::avx2 ? 8 : 0;
  }();
  return block;
}

namespace {

struct Geometry {
  memory::dims stride, dilation, padding, padding_end;
  int64_t groups;
  int spatial;

  Geometry(const IntList& s, const IntList& p, const IntList& d, int64_t groups, const TensorView& input,
           const TensorView& weight, const TensorView& out)
      : stride(s.begin(), s.end()),
        dilation(d.begin(), d.end()),
        padding(p.begin(), p.end()),
        padding_end(p.begin(), p.end()),
        groups(groups),
        spatial(static_cast<int>(s.size())) {
    for (int i = 0; i < spatial; ++i) {
      // What the last window reaches; negative where the result leaves the end of the input out.
      padding_end[i] = (out.shape[2 + i] - 1) * s[i] + (weight.shape[2 + i] - 1) * d[i] + 1 - input.shape[2 + i] - p[i];
      dilation[i] -= 1;  // oneDNN counts the gaps
    }
  }
};

memory::dims dims_of(const TensorView& t) { return {t.shape, t.shape + t.ndim}; }

// [C_out, C_in / groups, …] as oneDNN wants it: with a dimension of groups in front where there are several.
memory::dims weight_dims(const TensorView& w, int64_t groups) {
  memory::dims dims = dims_of(w);
  if (groups > 1) {
    dims[0] /= groups;
    dims.insert(dims.begin(), groups);
  }
  return dims;
}

tag plain_tag(int ndim) { return ndim == 3 ? tag::abc : ndim == 4 ? tag::abcd : ndim == 5 ? tag::abcde : tag::abcdef; }

// The layout that a tensor has, or that its host wants it to get.
memory::desc desc_of(const TensorView& t) {
  tag format = plain_tag(t.ndim);
  if (t.layout == 16) format = t.ndim == 3 ? tag::aBc16b : t.ndim == 4 ? tag::aBcd16b : tag::aBcde16b;
  if (t.layout == 8) format = t.ndim == 3 ? tag::aBc8b : t.ndim == 4 ? tag::aBcd8b : tag::aBcde8b;
  return {dims_of(t), memory::data_type::f32, format};
}

memory::desc any(const memory::dims& dims) { return {dims, memory::data_type::f32, tag::any}; }

// What is asked for of an activation: the layout that the host gave it (one that is not blocked stays plain where
// channels are few, and is the library's choice otherwise), the library's choice for all, or plain for all.
enum class Formats { given, library, plain };

memory::desc wanted(const TensorView& t, Formats formats) {
  if (formats == Formats::library) return any(dims_of(t));
  if (formats == Formats::plain) return {dims_of(t), memory::data_type::f32, plain_tag(t.ndim)};
  return t.layout != 0 || t.shape[1] < 8 ? desc_of(t) : any(dims_of(t));
}

// The first formats for which the library has more than its reference implementation, which is a hundred times slower:
// on AVX2, say, there is no weight gradient of one plain channel from blocked ones.
template <typename Make>
auto fastest(const Make& make) {
  auto first = make(Formats::given);
  const auto slow = [](const auto& desc) { return std::strncmp(desc.impl_info_str(), "ref", 3) == 0; };
  if (!slow(first)) return first;
  for (const Formats formats : {Formats::library, Formats::plain})
    if (auto desc = make(formats); !slow(desc)) return desc;
  return first;
}

// Contiguous and float32, as the calls below need it; the host gives no other but through views.
TensorView dense(const TensorView& t, std::unique_ptr<Workspace>& workspace) {
  if (t.layout != 0 || t.contiguous()) return t;
  workspace = std::make_unique<Workspace>(std::max<size_t>(1, t.numel() * size_of(t.dtype)));
  TensorView result = t;
  result.data = workspace->as();
  int64_t stride = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    result.strides[i] = stride;
    stride *= t.shape[i];
  }
  CopyArgs args{result, t};
  copy(args);
  return result;
}

// Memory in the primitive's layout: the tensor's own, or a workspace that is filled or read back by a reorder.
class Operand {
 public:
  Operand(void* data, const memory::desc& own, const memory::desc& primitive)
      : own_(dnnl_memory(own, data)), used_(own_) {
    if (own == primitive) return;
    workspace_ = std::make_unique<Workspace>(primitive.get_size());
    used_ = dnnl_memory(primitive, workspace_->as());
  }
  const memory& load() {
    if (workspace_) reorder(own_, used_);
    return used_;
  }
  const memory& used() const { return used_; }
  float* data() const { return static_cast<float*>(used_.get_data_handle()); }
  void store() {
    if (workspace_) reorder(used_, own_);
  }

 private:
  memory own_, used_;
  std::unique_ptr<Workspace> workspace_;
};

PrimitiveKey key_of(int kind, const TensorView& a, const TensorView& b, const TensorView& c, const Geometry& g,
                    bool bias) {
  PrimitiveKey key{kind, g.groups, bias, get_num_threads()};
  for (const TensorView* t : {&a, &b, &c}) {
    key.push_back(t->layout);
    key.insert(key.end(), t->shape, t->shape + t->ndim);
  }
  key.insert(key.end(), g.stride.begin(), g.stride.end());
  key.insert(key.end(), g.padding.begin(), g.padding.end());
  key.insert(key.end(), g.dilation.begin(), g.dilation.end());
  return key;
}

// Winograd where it pays: 3×3, stride 1, enough channels, and an image that its tiles fit. A function of shape only.
bool may_be_winograd(const TensorView& weight, const Geometry& g, int64_t block) {
  if (g.spatial != 2 || g.groups != 1 || preferred_block() != block) return false;
  for (int i = 0; i < 2; ++i)
    if (weight.shape[2 + i] != 3 || g.stride[i] != 1 || g.dilation[i] != 0 || g.padding[i] > 2) return false;
  return true;
}

// oneDNN's, for blocks of 16.
bool dnnl_winograd(const TensorView& input, const TensorView& weight, const TensorView& out, const Geometry& g) {
  return may_be_winograd(weight, g, 16) && out.shape[2] >= 6 && out.shape[3] >= 6 && input.shape[1] >= 32 &&
         weight.shape[0] >= 32;
}

// Our own, for blocks of 8.
std::optional<winograd::Shape> own_winograd(const TensorView& input, const TensorView& weight, const TensorView& out,
                                            const Geometry& g) {
  if (!may_be_winograd(weight, g, 8)) return {};
  const winograd::Shape shape{input.shape[0], input.shape[1], input.shape[2], input.shape[3], weight.shape[0],
                              out.shape[2],   out.shape[3],   g.padding[0],   g.padding[1]};
  return winograd::worthwhile(shape) ? std::optional(shape) : std::nullopt;
}

memory::desc blocked(const TensorView& t) { return {dims_of(t), memory::data_type::f32, tag::aBcd8b}; }

using Algorithm = dnnl::algorithm;

struct Forward {
  dnnl::convolution_forward::primitive_desc desc;
  dnnl::convolution_forward primitive;
};

dnnl::convolution_forward::primitive_desc forward_desc(const TensorView& out, const TensorView& input,
                                                       const TensorView& weight, const TensorView* bias,
                                                       const Geometry& g) {
  const auto make = [&](Algorithm algorithm, Formats formats) {
    const auto kind = dnnl::prop_kind::forward_training;
    const memory::desc w = any(weight_dims(weight, g.groups)), x = wanted(input, formats), y = wanted(out, formats);
    const auto desc = bias ? dnnl::convolution_forward::desc(kind, algorithm, x, w, any(dims_of(*bias)), y, g.stride,
                                                             g.dilation, g.padding, g.padding_end)
                           : dnnl::convolution_forward::desc(kind, algorithm, x, w, y, g.stride, g.dilation, g.padding,
                                                             g.padding_end);
    return dnnl::convolution_forward::primitive_desc(desc, dnnl_engine(),
                                                     /*allow_empty=*/algorithm == Algorithm::convolution_winograd);
  };
  if (dnnl_winograd(input, weight, out, g))
    if (auto desc = make(Algorithm::convolution_winograd, Formats::given)) return desc;
  return fastest([&](Formats formats) { return make(Algorithm::convolution_direct, formats); });
}

memory::desc plain_weight(const TensorView& w, int64_t groups) {
  const memory::dims dims = weight_dims(w, groups);
  return {dims, memory::data_type::f32, plain_tag(static_cast<int>(dims.size()))};
}

void forward(const TensorView& out, const TensorView& input, const TensorView& weight, const TensorView* bias,
             const Geometry& g) {
  if (const auto shape = own_winograd(input, weight, out, g)) {
    Operand src(input.data, desc_of(input), blocked(input)), dst(out.data, desc_of(out), blocked(out));
    src.load();
    winograd::forward(dst.data(), src.data(), weight.as<float>(), bias ? bias->as<float>() : nullptr, *shape);
    return dst.store();
  }
  thread_local PrimitiveCache<Forward> cache;
  Forward& entry = cache.get(key_of(0, out, input, weight, g, bias), [&] {
    Forward f{forward_desc(out, input, weight, bias, g), {}};
    f.primitive = dnnl::convolution_forward(f.desc);
    return f;
  });
  Operand src(input.data, desc_of(input), entry.desc.src_desc());
  Operand w(weight.data, plain_weight(weight, g.groups), entry.desc.weights_desc());
  Operand dst(out.data, desc_of(out), entry.desc.dst_desc());
  std::unordered_map<int, memory> args{
      {DNNL_ARG_SRC, src.load()}, {DNNL_ARG_WEIGHTS, w.load()}, {DNNL_ARG_DST, dst.used()}};
  if (bias) args.emplace(DNNL_ARG_BIAS, dnnl_memory(entry.desc.bias_desc(), bias->data));
  const SignalsWait wait;
  entry.primitive.execute(dnnl_stream(), args);
  dst.store();
}

struct BackwardInput {
  dnnl::convolution_backward_data::primitive_desc desc;
  dnnl::convolution_backward_data primitive;
};

void backward_input(const TensorView& grad_input, const TensorView& grad, const TensorView& weight, const Geometry& g) {
  if (const auto shape = own_winograd(grad_input, weight, grad, g)) {
    Operand src(grad_input.data, desc_of(grad_input), blocked(grad_input)),
        dst(grad.data, desc_of(grad), blocked(grad));
    dst.load();
    winograd::backward_input(src.data(), dst.data(), weight.as<float>(), *shape);
    return src.store();
  }
  thread_local PrimitiveCache<BackwardInput> cache;
  BackwardInput& entry = cache.get(key_of(1, grad_input, grad, weight, g, false), [&] {
    const auto make = [&](Algorithm algorithm, Formats formats) {
      const auto desc = dnnl::convolution_backward_data::desc(algorithm, wanted(grad_input, formats),
                                                              any(weight_dims(weight, g.groups)), wanted(grad, formats),
                                                              g.stride, g.dilation, g.padding, g.padding_end);
      return dnnl::convolution_backward_data::primitive_desc(desc, dnnl_engine(),
                                                             forward_desc(grad, grad_input, weight, nullptr, g),
                                                             algorithm == Algorithm::convolution_winograd);
    };
    BackwardInput b;
    if (dnnl_winograd(grad_input, weight, grad, g)) b.desc = make(Algorithm::convolution_winograd, Formats::given);
    if (!b.desc) b.desc = fastest([&](Formats formats) { return make(Algorithm::convolution_direct, formats); });
    b.primitive = dnnl::convolution_backward_data(b.desc);
    return b;
  });
  Operand src(grad_input.data, desc_of(grad_input), entry.desc.diff_src_desc());
  Operand w(weight.data, plain_weight(weight, g.groups), entry.desc.weights_desc());
  Operand dst(grad.data, desc_of(grad), entry.desc.diff_dst_desc());
  const SignalsWait wait;
  entry.primitive.execute(
      dnnl_stream(), {{DNNL_ARG_DIFF_SRC, src.used()}, {DNNL_ARG_WEIGHTS, w.load()}, {DNNL_ARG_DIFF_DST, dst.load()}});
  src.store();
}

struct BackwardWeight {
  dnnl::convolution_backward_weights::primitive_desc desc;
  dnnl::convolution_backward_weights primitive;
};

void backward_weight(const TensorView& grad_weight, const TensorView* grad_bias, const TensorView& grad,
                     const TensorView& input, const Geometry& g) {
  if (const auto shape = own_winograd(input, grad_weight, grad, g)) {
    Operand src(input.data, desc_of(input), blocked(input)), dst(grad.data, desc_of(grad), blocked(grad));
    src.load();
    dst.load();
    winograd::backward_weight(grad_weight.as<float>(), grad_bias ? grad_bias->as<float>() : nullptr, dst.data(),
                              src.data(), *shape);
    return;
  }
  thread_local PrimitiveCache<BackwardWeight> cache;
  BackwardWeight& entry = cache.get(key_of(2, grad_weight, grad, input, g, grad_bias), [&] {
    const auto make = [&](Algorithm algorithm, Formats formats) {
      const memory::desc w = any(weight_dims(grad_weight, g.groups));
      const memory::desc x = wanted(input, formats), y = wanted(grad, formats);
      const auto desc = grad_bias
                            ? dnnl::convolution_backward_weights::desc(algorithm, x, w, any(dims_of(*grad_bias)), y,
                                                                       g.stride, g.dilation, g.padding, g.padding_end)
                            : dnnl::convolution_backward_weights::desc(algorithm, x, w, y, g.stride, g.dilation,
                                                                       g.padding, g.padding_end);
      return dnnl::convolution_backward_weights::primitive_desc(desc, dnnl_engine(),
                                                                forward_desc(grad, input, grad_weight, grad_bias, g),
                                                                algorithm == Algorithm::convolution_winograd);
    };
    BackwardWeight b;
    if (dnnl_winograd(input, grad_weight, grad, g)) b.desc = make(Algorithm::convolution_winograd, Formats::given);
    if (!b.desc) b.desc = fastest([&](Formats formats) { return make(Algorithm::convolution_direct, formats); });
    b.primitive = dnnl::convolution_backward_weights(b.desc);
    return b;
  });
  Operand src(input.data, desc_of(input), entry.desc.src_desc());
  Operand w(grad_weight.data, plain_weight(grad_weight, g.groups), entry.desc.diff_weights_desc());
  Operand dst(grad.data, desc_of(grad), entry.desc.diff_dst_desc());
  std::unordered_map<int, memory> args{
      {DNNL_ARG_SRC, src.load()}, {DNNL_ARG_DIFF_WEIGHTS, w.used()}, {DNNL_ARG_DIFF_DST, dst.load()}};
  if (grad_bias) args.emplace(DNNL_ARG_DIFF_BIAS, dnnl_memory(entry.desc.diff_bias_desc(), grad_bias->data));
  const SignalsWait wait;
  entry.primitive.execute(dnnl_stream(), args);
  w.store();
}

bool by_dnnl(const TensorView& t) { return t.dtype == DType::f32; }

}  // namespace

Status convolution(ConvolutionArgs& args) {
  return guarded([&]() -> Status {
    if (args.out.numel() == 0) return {};
    std::unique_ptr<Workspace> wi, ww, wb;
    const TensorView input = dense(args.input, wi), weight = dense(args.weight, ww);
    TensorView bias = args.bias;
    if (bias.defined()) bias = dense(args.bias, wb);
    if (!by_dnnl(args.out) || input.shape[1] == 0)
      return unfold::forward(args.out, input, weight, bias, args.stride, args.padding, args.dilation, args.groups);
    forward(args.out, input, weight, bias.defined() ? &bias : nullptr,
            Geometry(args.stride, args.padding, args.dilation, args.groups, input, weight, args.out));
    return {};
  });
}

Status convolution_backward_input(ConvolutionBackwardInputArgs& args) {
  return guarded([&]() -> Status {
    if (args.grad_input.numel() == 0) return {};
    std::unique_ptr<Workspace> wg, ww;
    const TensorView grad = dense(args.grad, wg), weight = dense(args.weight, ww);
    if (!by_dnnl(grad) || grad.numel() == 0)
      return unfold::backward_input(args.grad_input, grad, weight, args.stride, args.padding, args.dilation,
                                    args.groups);
    backward_input(args.grad_input, grad, weight,
                   Geometry(args.stride, args.padding, args.dilation, args.groups, args.grad_input, weight, grad));
    return {};
  });
}

Status convolution_backward_weight(ConvolutionBackwardWeightArgs& args) {
  return guarded([&]() -> Status {
    std::unique_ptr<Workspace> wg, wi;
    const TensorView grad = dense(args.grad, wg), input = dense(args.input, wi);
    if (!by_dnnl(grad) || grad.numel() == 0 || input.numel() == 0)
      return unfold::backward_weight(args.grad_weight, args.grad_bias, grad, input, args.stride, args.padding,
                                     args.dilation, args.groups);
    backward_weight(args.grad_weight, args.grad_bias.defined() ? &args.grad_bias : nullptr, grad, input,
                    Geometry(args.stride, args.padding, args.dilation, args.groups, input, args.grad_weight, grad));
    return {};
  });
}

}  // namespace flambeau::cpu
