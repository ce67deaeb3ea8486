// Optimizer steps: one pass over each parameter, its gradient and its states, all parameters in one call.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/optim.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cpu/blocks.h"
#include "flambeau/kernels/optim.gen.h"
#include "flambeau/parallel.h"

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

// Each rule reads its hyperparameters once and updates element after element; `s` are its states.
template <typename C>
struct Sgd {
  C lr, momentum, undamped, weight_decay, sign;
  bool nesterov, first;
  explicit Sgd(const double* h)
      : lr(h[0]),
        momentum(h[1]),
        undamped(h[2]),
        weight_decay(h[3]),
        sign(h[4]),
        nesterov(h[5] != 0),
        first(h[6] != 0) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    [[maybe_unused]] C* HWY_RESTRICT buffer = s[0];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      if (weight_decay != 0) g += weight_decay * p[i];
      if constexpr (kStates > 0) {
        const C b = first ? g : momentum * buffer[i] + undamped * g;
        buffer[i] = b;
        g = nesterov ? g + momentum * b : b;
      }
      p[i] -= lr * g;
    }
  }
};

template <typename C>
struct Adam {
  C step_size, root_correction2, one_minus_beta1, beta2, eps, weight_decay, decay, sign, one_minus_beta2;
  explicit Adam(const double* h)
      : step_size(h[0]),
        root_correction2(h[1]),
        one_minus_beta1(1 - h[2]),
        beta2(h[3]),
        eps(h[4]),
        weight_decay(h[5]),
        decay(h[6]),
        sign(h[7]),
        one_minus_beta2(1 - h[3]) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT mean = s[0];
    C* HWY_RESTRICT square = s[1];
    [[maybe_unused]] C* HWY_RESTRICT largest = s[2];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      const C value = decay * p[i];
      if (weight_decay != 0) g += weight_decay * value;
      const C m = mean[i] + one_minus_beta1 * (g - mean[i]);
      const C v = beta2 * square[i] + one_minus_beta2 * g * g;
      mean[i] = m;
      square[i] = v;
      C root;
      if constexpr (kStates > 2) {
        largest[i] = largest[i] < v ? v : largest[i];
        root = std::sqrt(largest[i]);
      } else {
        root = std::sqrt(v);
      }
      p[i] = value - step_size * m / (root / root_correction2 + eps);
    }
  }
};

// States: the mean square; then the momentum buffer and the mean gradient, where they are used.
template <typename C>
struct Rmsprop {
  C lr, alpha, eps, weight_decay, momentum, sign, one_minus_alpha;
  bool centered;
  explicit Rmsprop(const double* h)
      : lr(h[0]),
        alpha(h[1]),
        eps(h[2]),
        weight_decay(h[3]),
        momentum(h[4]),
        sign(h[5]),
        one_minus_alpha(1 - h[1]),
        centered(h[6] != 0) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT square = s[0];
    [[maybe_unused]] C* HWY_RESTRICT buffer = momentum > 0 ? s[1] : nullptr;
    [[maybe_unused]] C* HWY_RESTRICT mean = centered ? s[kStates - 1] : nullptr;
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      if (weight_decay != 0) g += weight_decay * p[i];
      C v = alpha * square[i] + one_minus_alpha * g * g;
      square[i] = v;
      if constexpr (kStates > 1) {
        if (centered) {
          mean[i] += one_minus_alpha * (g - mean[i]);
          v -= mean[i] * mean[i];
        }
      }
      C update = g / (std::sqrt(v) + eps);
      if constexpr (kStates > 1) {
        if (momentum > 0) update = buffer[i] = momentum * buffer[i] + update;
      }
      p[i] -= lr * update;
    }
  }
};

template <typename C>
struct Adagrad {
  C lr, eps, weight_decay, sign;
  explicit Adagrad(const double* h) : lr(h[0]), eps(h[1]), weight_decay(h[2]), sign(h[3]) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT sum = s[0];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      if (weight_decay != 0) g += weight_decay * p[i];
      sum[i] += g * g;
      p[i] -= lr * g / (std::sqrt(sum[i]) + eps);
    }
  }
};

template <typename C>
struct Adadelta {
  C lr, rho, eps, weight_decay, sign, one_minus_rho;
  explicit Adadelta(const double* h)
      : lr(h[0]), rho(h[1]), eps(h[2]), weight_decay(h[3]), sign(h[4]), one_minus_rho(1 - h[1]) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT square = s[0];
    C* HWY_RESTRICT change = s[1];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      if (weight_decay != 0) g += weight_decay * p[i];
      square[i] = rho * square[i] + one_minus_rho * g * g;
      const C delta = std::sqrt(change[i] + eps) / std::sqrt(square[i] + eps) * g;
      change[i] = rho * change[i] + one_minus_rho * delta * delta;
      p[i] -= lr * delta;
    }
  }
};

template <typename C>
struct Adamax {
  C lr, one_minus_beta1, beta2, eps, weight_decay, sign;
  explicit Adamax(const double* h)
      : lr(h[0]), one_minus_beta1(1 - h[1]), beta2(h[2]), eps(h[3]), weight_decay(h[4]), sign(h[5]) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT mean = s[0];
    C* HWY_RESTRICT largest = s[1];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      if (weight_decay != 0) g += weight_decay * p[i];
      mean[i] += one_minus_beta1 * (g - mean[i]);
      const C a = beta2 * largest[i], b = std::abs(g) + eps;
      largest[i] = a < b || b != b ? b : a;
      p[i] -= lr * mean[i] / largest[i];
    }
  }
};

template <typename C>
struct Nadam {
  C weight_decay, decay, one_minus_beta1, beta2, correction2, eps, grad_step, mean_step, sign, one_minus_beta2;
  explicit Nadam(const double* h)
      : weight_decay(h[0]),
        decay(h[1]),
        one_minus_beta1(1 - h[2]),
        beta2(h[3]),
        correction2(h[4]),
        eps(h[5]),
        grad_step(h[6]),
        mean_step(h[7]),
        sign(h[8]),
        one_minus_beta2(1 - h[3]) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT mean = s[0];
    C* HWY_RESTRICT square = s[1];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      const C value = decay * p[i];
      if (weight_decay != 0) g += weight_decay * value;
      mean[i] += one_minus_beta1 * (g - mean[i]);
      square[i] = beta2 * square[i] + one_minus_beta2 * g * g;
      const C denominator = std::sqrt(square[i] / correction2) + eps;
      p[i] = value - (grad_step * g + mean_step * mean[i]) / denominator;
    }
  }
};

template <typename C>
struct Radam {
  C lr, weight_decay, decay, one_minus_beta1, beta2, eps, rectified, sign, one_minus_beta2;
  explicit Radam(const double* h)
      : lr(h[0]),
        weight_decay(h[1]),
        decay(h[2]),
        one_minus_beta1(1 - h[3]),
        beta2(h[4]),
        eps(h[5]),
        rectified(h[6]),
        sign(h[7]),
        one_minus_beta2(1 - h[4]) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT mean = s[0];
    C* HWY_RESTRICT square = s[1];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      const C value = decay * p[i];
      if (weight_decay != 0) g += weight_decay * value;
      mean[i] += one_minus_beta1 * (g - mean[i]);
      square[i] = beta2 * square[i] + one_minus_beta2 * g * g;
      // `rectified` is 0 while the variance cannot be rectified yet.
      const C adaptive = rectified > 0 ? rectified / (std::sqrt(square[i]) + eps) : C(1);
      p[i] = value - lr * mean[i] * adaptive;
    }
  }
};

template <typename C>
struct Asgd {
  C decay, eta, mu, weight_decay, sign;
  explicit Asgd(const double* h) : decay(h[0]), eta(h[1]), mu(h[2]), weight_decay(h[3]), sign(h[4]) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT average = s[0];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      if (weight_decay != 0) g += weight_decay * p[i];
      p[i] = decay * p[i] - eta * g;
      average[i] = mu == 1 ? p[i] : average[i] + mu * (p[i] - average[i]);
    }
  }
};

template <typename C>
struct Rprop {
  C shrink, grow, smallest, largest, sign;
  explicit Rprop(const double* h) : shrink(h[0]), grow(h[1]), smallest(h[2]), largest(h[3]), sign(h[4]) {}
  template <int kStates>
  void run(C* HWY_RESTRICT p, const C* HWY_RESTRICT grad, C* const* s, int64_t n) const {
    C* HWY_RESTRICT previous = s[0];
    C* HWY_RESTRICT size = s[1];
    for (int64_t i = 0; i < n; ++i) {
      C g = sign * grad[i];
      const C product = g * previous[i];
      const C factor = product > 0 ? grow : product < 0 ? shrink : C(1);
      C step = size[i] * factor;
      step = step < smallest ? smallest : step;
      step = step > largest ? largest : step;
      size[i] = step;
      g = product < 0 ? C(0) : g;
      p[i] -= g > 0 ? step : g < 0 ? -step : C(0);
      previous[i] = g;
    }
  }
};

inline constexpr int kMaxStates = 3;

// What is left of one parameter from `begin` on; 16-bit floats are computed in float, a block at a time.
template <template <typename> typename Rule, typename T, int kStates>
void run_range(const Rule<ComputeType<T>>& rule, T* p, const T* grad, T* const* states, int64_t n) {
  using C = ComputeType<T>;
  if constexpr (std::is_same_v<T, C>) {
    rule.template run<kStates>(p, grad, states, n);
  } else {
    C value[kBlock], gradient[kBlock], state[kMaxStates][kBlock];
    C* list[kMaxStates] = {state[0], state[1], state[2]};
    for (int64_t at = 0; at < n; at += kBlock) {
      const int64_t length = std::min(kBlock, n - at);
      load_block(value, p + at, 1, length);
      load_block(gradient, grad + at, 1, length);
      for (int k = 0; k < kStates; ++k) load_block(state[k], states[k] + at, 1, length);
      rule.template run<kStates>(value, gradient, list, length);
      store_block(p + at, 1, value, length);
      for (int k = 0; k < kStates; ++k) store_block(states[k] + at, 1, state[k], length);
    }
  }
}

inline constexpr int64_t kPiece = 16384;

template <template <typename> typename Rule, typename T, int kStates, typename Args>
void run_all(Args& args) {
  const Rule<ComputeType<T>> rule(args.hyper.begin());
  const size_t count = args.params.size();
  // Pieces of all parameters in one list, so that threads share large and small ones alike.
  std::vector<int64_t> first(count + 1, 0);
  for (size_t i = 0; i < count; ++i) first[i + 1] = first[i] + (args.params[i].numel() + kPiece - 1) / kPiece;
  parallel_for(first[count], 1, [&](int64_t b, int64_t e) {
    size_t i = static_cast<size_t>(std::upper_bound(first.begin(), first.end(), b) - first.begin()) - 1;
    for (int64_t piece = b; piece < e; ++piece) {
      while (piece >= first[i + 1]) ++i;
      const int64_t begin = (piece - first[i]) * kPiece;
      const int64_t n = std::min(kPiece, args.params[i].numel() - begin);
      T* states[kMaxStates] = {};
      for (int k = 0; k < kStates; ++k) states[k] = args.states[k * count + i].template as<T>() + begin;
      run_range<Rule, T, kStates>(rule, args.params[i].template as<T>() + begin, args.grads[i].template as<T>() + begin,
                                  states, n);
    }
  });
}

template <template <typename> typename Rule, int kFewest, int kMost, typename Args>
Status step(Args& args) {
  const size_t count = args.params.size();
  if (count == 0) return {};
  const int states = static_cast<int>(args.states.size() / count);
  const DType dtype = args.params[0].dtype;
  if (!is_floating(dtype)) return {StatusCode::unsupported_dtype, 0, static_cast<int>(dtype)};
  const auto with_states = [&]<typename T>() {
    if constexpr (kFewest <= 0 && kMost >= 0)
      if (states == 0) run_all<Rule, T, 0>(args);
    if constexpr (kFewest <= 1 && kMost >= 1)
      if (states == 1) run_all<Rule, T, 1>(args);
    if constexpr (kFewest <= 2 && kMost >= 2)
      if (states == 2) run_all<Rule, T, 2>(args);
    if constexpr (kFewest <= 3 && kMost >= 3)
      if (states == 3) run_all<Rule, T, 3>(args);
  };
  switch (dtype) {
    case DType::f32:
      with_states.template operator()<float>();
      break;
    case DType::f64:
      with_states.template operator()<double>();
      break;
    case DType::f16:
      with_states.template operator()<float16>();
      break;
    default:
      with_states.template operator()<bfloat16>();
      break;
  }
  return {};
}

Status sgd(SgdStepArgs& args) { return step<Sgd, 0, 1>(args); }
Status adam(AdamStepArgs& args) { return step<Adam, 2, 3>(args); }
Status rmsprop(RmspropStepArgs& args) { return step<Rmsprop, 1, 3>(args); }
Status adagrad(AdagradStepArgs& args) { return step<Adagrad, 1, 1>(args); }
Status adadelta(AdadeltaStepArgs& args) { return step<Adadelta, 2, 2>(args); }
Status adamax(AdamaxStepArgs& args) { return step<Adamax, 2, 2>(args); }
Status nadam(NadamStepArgs& args) { return step<Nadam, 2, 2>(args); }
Status radam(RadamStepArgs& args) { return step<Radam, 2, 2>(args); }
Status asgd(AsgdStepArgs& args) { return step<Asgd, 1, 1>(args); }
Status rprop(RpropStepArgs& args) { return step<Rprop, 2, 2>(args); }

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(sgd);
HWY_EXPORT(adam);
HWY_EXPORT(rmsprop);
HWY_EXPORT(adagrad);
HWY_EXPORT(adadelta);
HWY_EXPORT(adamax);
HWY_EXPORT(nadam);
HWY_EXPORT(radam);
HWY_EXPORT(asgd);
HWY_EXPORT(rprop);

Status sgd_step(SgdStepArgs& args) { return HWY_DYNAMIC_DISPATCH(sgd)(args); }
Status adam_step(AdamStepArgs& args) { return HWY_DYNAMIC_DISPATCH(adam)(args); }
Status rmsprop_step(RmspropStepArgs& args) { return HWY_DYNAMIC_DISPATCH(rmsprop)(args); }
Status adagrad_step(AdagradStepArgs& args) { return HWY_DYNAMIC_DISPATCH(adagrad)(args); }
Status adadelta_step(AdadeltaStepArgs& args) { return HWY_DYNAMIC_DISPATCH(adadelta)(args); }
Status adamax_step(AdamaxStepArgs& args) { return HWY_DYNAMIC_DISPATCH(adamax)(args); }
Status nadam_step(NadamStepArgs& args) { return HWY_DYNAMIC_DISPATCH(nadam)(args); }
Status radam_step(RadamStepArgs& args) { return HWY_DYNAMIC_DISPATCH(radam)(args); }
Status asgd_step(AsgdStepArgs& args) { return HWY_DYNAMIC_DISPATCH(asgd)(args); }
Status rprop_step(RpropStepArgs& args) { return HWY_DYNAMIC_DISPATCH(rprop)(args); }

}  // namespace flambeau::cpu
#endif
