// Optimizer steps over many parameters in one launch: a block works on a piece of one of them.
#include <algorithm>

#include "device.cuh"
#include "flambeau/kernels/optim.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

constexpr int kMaxStates = 3;
constexpr int kTensors = 48;  // of one launch
constexpr int kThreads = 256;
constexpr int64_t kPiece = 4096;

struct Batch {
  int count = 0;
  int first[kTensors + 1] = {};  // the first piece of each
  int64_t numel[kTensors];
  void* param[kTensors];
  const void* grad[kTensors];
  void* states[kMaxStates][kTensors];
};

template <typename C>
struct Sgd {
  C lr, momentum, undamped, weight_decay, sign;
  bool nesterov, first;
  explicit Sgd(const double* h)
      : lr(C(h[0])),
        momentum(C(h[1])),
        undamped(C(h[2])),
        weight_decay(C(h[3])),
        sign(C(h[4])),
        nesterov(h[5] != 0),
        first(h[6] != 0) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    if (weight_decay != 0) g += weight_decay * p;
    if constexpr (kStates > 0) {
      const C b = first ? g : momentum * s[0] + undamped * g;
      s[0] = b;
      g = nesterov ? g + momentum * b : b;
    }
    p -= lr * g;
  }
};

template <typename C>
struct Adam {
  C step_size, root_correction2, one_minus_beta1, beta2, eps, weight_decay, decay, sign, one_minus_beta2;
  explicit Adam(const double* h)
      : step_size(C(h[0])),
        root_correction2(C(h[1])),
        one_minus_beta1(C(1 - h[2])),
        beta2(C(h[3])),
        eps(C(h[4])),
        weight_decay(C(h[5])),
        decay(C(h[6])),
        sign(C(h[7])),
        one_minus_beta2(C(1 - h[3])) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    const C value = decay * p;
    if (weight_decay != 0) g += weight_decay * value;
    s[0] += one_minus_beta1 * (g - s[0]);
    s[1] = beta2 * s[1] + one_minus_beta2 * g * g;
    C root;
    if constexpr (kStates > 2) {
      s[2] = s[2] < s[1] ? s[1] : s[2];
      root = sqrt(s[2]);
    } else {
      root = sqrt(s[1]);
    }
    p = value - step_size * s[0] / (root / root_correction2 + eps);
  }
};

// States: the mean square; then the momentum buffer and the mean gradient, where they are used.
template <typename C>
struct Rmsprop {
  C lr, alpha, eps, weight_decay, momentum, sign, one_minus_alpha;
  bool centered;
  explicit Rmsprop(const double* h)
      : lr(C(h[0])),
        alpha(C(h[1])),
        eps(C(h[2])),
        weight_decay(C(h[3])),
        momentum(C(h[4])),
        sign(C(h[5])),
        one_minus_alpha(C(1 - h[1])),
        centered(h[6] != 0) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    if (weight_decay != 0) g += weight_decay * p;
    C v = alpha * s[0] + one_minus_alpha * g * g;
    s[0] = v;
    if constexpr (kStates > 1) {
      if (centered) {
        s[kStates - 1] += one_minus_alpha * (g - s[kStates - 1]);
        v -= s[kStates - 1] * s[kStates - 1];
      }
    }
    C change = g / (sqrt(v) + eps);
    if constexpr (kStates > 1) {
      if (momentum > 0) change = s[1] = momentum * s[1] + change;
    }
    p -= lr * change;
  }
};

template <typename C>
struct Adagrad {
  C lr, eps, weight_decay, sign;
  explicit Adagrad(const double* h) : lr(C(h[0])), eps(C(h[1])), weight_decay(C(h[2])), sign(C(h[3])) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    if (weight_decay != 0) g += weight_decay * p;
    s[0] += g * g;
    p -= lr * g / (sqrt(s[0]) + eps);
  }
};

template <typename C>
struct Adadelta {
  C lr, rho, eps, weight_decay, sign, one_minus_rho;
  explicit Adadelta(const double* h)
      : lr(C(h[0])), rho(C(h[1])), eps(C(h[2])), weight_decay(C(h[3])), sign(C(h[4])), one_minus_rho(C(1 - h[1])) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    if (weight_decay != 0) g += weight_decay * p;
    s[0] = rho * s[0] + one_minus_rho * g * g;
    const C delta = sqrt(s[1] + eps) / sqrt(s[0] + eps) * g;
    s[1] = rho * s[1] + one_minus_rho * delta * delta;
    p -= lr * delta;
  }
};

template <typename C>
struct Adamax {
  C lr, one_minus_beta1, beta2, eps, weight_decay, sign;
  explicit Adamax(const double* h)
      : lr(C(h[0])), one_minus_beta1(C(1 - h[1])), beta2(C(h[2])), eps(C(h[3])), weight_decay(C(h[4])), sign(C(h[5])) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    if (weight_decay != 0) g += weight_decay * p;
    s[0] += one_minus_beta1 * (g - s[0]);
    const C a = beta2 * s[1], b = fabs(g) + eps;
    s[1] = a < b || b != b ? b : a;
    p -= lr * s[0] / s[1];
  }
};

template <typename C>
struct Nadam {
  C weight_decay, decay, one_minus_beta1, beta2, correction2, eps, grad_step, mean_step, sign, one_minus_beta2;
  explicit Nadam(const double* h)
      : weight_decay(C(h[0])),
        decay(C(h[1])),
        one_minus_beta1(C(1 - h[2])),
        beta2(C(h[3])),
        correction2(C(h[4])),
        eps(C(h[5])),
        grad_step(C(h[6])),
        mean_step(C(h[7])),
        sign(C(h[8])),
        one_minus_beta2(C(1 - h[3])) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    const C value = decay * p;
    if (weight_decay != 0) g += weight_decay * value;
    s[0] += one_minus_beta1 * (g - s[0]);
    s[1] = beta2 * s[1] + one_minus_beta2 * g * g;
    p = value - (grad_step * g + mean_step * s[0]) / (sqrt(s[1] / correction2) + eps);
  }
};

template <typename C>
struct Radam {
  C lr, weight_decay, decay, one_minus_beta1, beta2, eps, rectified, sign, one_minus_beta2;
  explicit Radam(const double* h)
      : lr(C(h[0])),
        weight_decay(C(h[1])),
        decay(C(h[2])),
        one_minus_beta1(C(1 - h[3])),
        beta2(C(h[4])),
        eps(C(h[5])),
        rectified(C(h[6])),
        sign(C(h[7])),
        one_minus_beta2(C(1 - h[4])) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    const C value = decay * p;
    if (weight_decay != 0) g += weight_decay * value;
    s[0] += one_minus_beta1 * (g - s[0]);
    s[1] = beta2 * s[1] + one_minus_beta2 * g * g;
    // `rectified` is 0 while the variance cannot be rectified yet.
    p = value - lr * s[0] * (rectified > 0 ? rectified / (sqrt(s[1]) + eps) : C(1));
  }
};

template <typename C>
struct Asgd {
  C decay, eta, mu, weight_decay, sign;
  explicit Asgd(const double* h) : decay(C(h[0])), eta(C(h[1])), mu(C(h[2])), weight_decay(C(h[3])), sign(C(h[4])) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    if (weight_decay != 0) g += weight_decay * p;
    p = decay * p - eta * g;
    s[0] = mu == 1 ? p : s[0] + mu * (p - s[0]);
  }
};

template <typename C>
struct Rprop {
  C shrink, grow, smallest, largest, sign;
  explicit Rprop(const double* h)
      : shrink(C(h[0])), grow(C(h[1])), smallest(C(h[2])), largest(C(h[3])), sign(C(h[4])) {}
  template <int kStates>
  __device__ __forceinline__ void step(C& p, C grad, C (&s)[kMaxStates]) const {
    C g = sign * grad;
    const C product = g * s[0];
    C size = s[1] * (product > 0 ? grow : product < 0 ? shrink : C(1));
    size = size < smallest ? smallest : size;
    size = size > largest ? largest : size;
    s[1] = size;
    g = product < 0 ? C(0) : g;
    p -= g > 0 ? size : g < 0 ? -size : C(0);
    s[0] = g;
  }
};

template <typename Rule, typename C, int kStates>
__global__ void __launch_bounds__(kThreads) update(const __grid_constant__ Batch batch, DType dtype, Rule rule) {
  const int piece = static_cast<int>(blockIdx.x);
  int low = 0, high = batch.count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (batch.first[middle] <= piece)
      low = middle;
    else
      high = middle - 1;
  }
  const int64_t begin = static_cast<int64_t>(piece - batch.first[low]) * kPiece;
  const int64_t end = min(batch.numel[low], begin + kPiece);
  void* param = batch.param[low];
  const void* grad = batch.grad[low];
  for (int64_t i = begin + threadIdx.x; i < end; i += kThreads) {
    C s[kMaxStates];
#pragma unroll
    for (int k = 0; k < kStates; ++k) s[k] = load_real<C>(batch.states[k][low], dtype, i);
    C p = load_real<C>(param, dtype, i);
    rule.template step<kStates>(p, load_real<C>(grad, dtype, i), s);
    store_real<C>(param, dtype, i, p);
#pragma unroll
    for (int k = 0; k < kStates; ++k) store_real<C>(batch.states[k][low], dtype, i, s[k]);
  }
}

template <typename Rule, typename C, int kStates, typename Args>
Status run(Args& args) {
  const Rule rule(args.hyper.begin());
  const size_t count = args.params.size();
  for (size_t from = 0; from < count; from += kTensors) {
    Batch batch;
    batch.count = static_cast<int>(std::min<size_t>(kTensors, count - from));
    for (int i = 0; i < batch.count; ++i) {
      const size_t at = from + static_cast<size_t>(i);
      batch.numel[i] = args.params[at].numel();
      batch.first[i + 1] = batch.first[i] + static_cast<int>((batch.numel[i] + kPiece - 1) / kPiece);
      batch.param[i] = args.params[at].data;
      batch.grad[i] = args.grads[at].data;
      for (int k = 0; k < kStates; ++k) batch.states[k][i] = args.states[static_cast<size_t>(k) * count + at].data;
    }
    const int pieces = batch.first[batch.count];
    if (pieces > 0)
      update<Rule, C, kStates>
          <<<static_cast<unsigned>(pieces), kThreads, 0, context().stream>>>(batch, args.params[0].dtype, rule);
  }
  return launched();
}

template <template <typename> typename Rule, int kFewest, int kMost, typename Args>
Status step(Args& args) {
  const size_t count = args.params.size();
  if (count == 0) return {};
  const int states = static_cast<int>(args.states.size() / count);
  Status status{StatusCode::engine_error, 0, states};
  const bool known = visit_wide(args.params[0].dtype, [&]<typename C>() {
    if constexpr (kFewest == 0)
      if (states == 0) status = run<Rule<C>, C, 0>(args);
    if constexpr (kFewest <= 1 && kMost >= 1)
      if (states == 1) status = run<Rule<C>, C, 1>(args);
    if constexpr (kFewest <= 2 && kMost >= 2)
      if (states == 2) status = run<Rule<C>, C, 2>(args);
    if constexpr (kMost >= 3)
      if (states == 3) status = run<Rule<C>, C, 3>(args);
  });
  return known ? status : unsupported(args.params[0].dtype);
}

}  // namespace

Status sgd_step(SgdStepArgs& args) { return step<Sgd, 0, 1>(args); }
Status adam_step(AdamStepArgs& args) { return step<Adam, 2, 3>(args); }
Status rmsprop_step(RmspropStepArgs& args) { return step<Rmsprop, 1, 3>(args); }
Status adagrad_step(AdagradStepArgs& args) { return step<Adagrad, 1, 1>(args); }
Status adadelta_step(AdadeltaStepArgs& args) { return step<Adadelta, 2, 2>(args); }
Status adamax_step(AdamaxStepArgs& args) { return step<Adamax, 2, 2>(args); }
Status nadam_step(NadamStepArgs& args) { return step<Nadam, 2, 2>(args); }
Status radam_step(RadamStepArgs& args) { return step<Radam, 2, 2>(args); }
Status asgd_step(AsgdStepArgs& args) { return step<Asgd, 1, 1>(args); }
Status rprop_step(RpropStepArgs& args) { return step<Rprop, 2, 2>(args); }

}  // namespace flambeau::cuda
