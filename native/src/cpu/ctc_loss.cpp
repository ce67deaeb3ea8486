// Connectionist temporal classification (Graves et al., 2006), in logarithms. State s of a target's 2S + 1 is a blank
// where s is even, and label s / 2 where it is odd.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "flambeau/kernels/ctc_loss.gen.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {
namespace {

struct Problem {
  int64_t steps, batch, classes, states, blank;
  std::vector<int64_t> first;  // where a sample's targets begin
  const int64_t *targets, *input_lengths, *target_lengths;

  template <typename Args>
  explicit Problem(const Args& args)
      : steps(args.log_probs.shape[0]),
        batch(args.log_probs.shape[1]),
        classes(args.log_probs.shape[2]),
        states(args.alpha.shape[2]),
        blank(args.blank),
        targets(args.targets.template as<int64_t>()),
        input_lengths(args.input_lengths.template as<int64_t>()),
        target_lengths(args.target_lengths.template as<int64_t>()) {
    int64_t at = 0;
    for (int64_t b = 0; b < batch; ++b) {
      first.push_back(args.target_stride > 0 ? b * args.target_stride : at);
      at += target_lengths[b];
    }
  }

  // Lengths have been checked by the host; labels are values.
  Status check() const {
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t i = first[b]; i < first[b] + target_lengths[b]; ++i)
        if (targets[i] < 0 || targets[i] >= classes) return {StatusCode::index_out_of_range, i, targets[i], classes};
    return {};
  }
  int64_t label(int64_t b, int64_t s) const { return s % 2 == 0 ? blank : targets[first[b] + s / 2]; }
  // Whether a path may come to state s from s - 2: over a blank between different labels.
  bool skips(int64_t b, int64_t s) const { return s > 1 && label(b, s) != label(b, s - 2); }
  int64_t work() const { return steps * (states * 8 + classes) + 1; }
};

template <typename T>
constexpr T kNever = -std::numeric_limits<T>::infinity();

template <typename T>
T log_sum(T a, T b, T c) {
  T most = std::max({a, b, c});
  if (most == kNever<T>) most = 0;
  return std::log(std::exp(a - most) + std::exp(b - most) + std::exp(c - most)) + most;
}

template <typename Body>
Status visit(DType dtype, const Body& body) {
  if (dtype == DType::f32)
    body.template operator()<float>();
  else if (dtype == DType::f64)
    body.template operator()<double>();
  else
    return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)};
  return {};
}

}  // namespace

Status ctc_loss(CtcLossArgs& args) {
  const Problem p(args);
  if (const Status status = p.check(); !status.ok()) return status;
  return visit(args.log_probs.dtype, [&]<typename T>() {
    const T* log_probs = args.log_probs.as<T>();
    parallel_for(p.batch, std::max<int64_t>(1, kGrain / p.work()), [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const int64_t length = p.input_lengths[b], last = 2 * p.target_lengths[b];
        T* alpha = args.alpha.as<T>() + b * p.steps * p.states;
        std::fill_n(alpha, p.steps * p.states, kNever<T>);
        T& loss = args.losses.as<T>()[b];
        if (length == 0) {
          loss = last == 0 ? T(0) : std::numeric_limits<T>::infinity();
          continue;
        }
        const auto probs = [&](int64_t t) { return log_probs + (t * p.batch + b) * p.classes; };
        alpha[0] = probs(0)[p.blank];
        if (last > 0) alpha[1] = probs(0)[p.label(b, 1)];
        for (int64_t t = 1; t < length; ++t) {
          const T* before = alpha + (t - 1) * p.states;
          T* now = alpha + t * p.states;
          for (int64_t s = 0; s <= last; ++s)
            now[s] = log_sum(before[s], s > 0 ? before[s - 1] : kNever<T>, p.skips(b, s) ? before[s - 2] : kNever<T>) +
                     probs(t)[p.label(b, s)];
        }
        const T* final = alpha + (length - 1) * p.states;
        loss = -log_sum(final[last], last > 0 ? final[last - 1] : kNever<T>, kNever<T>);
      }
    });
  });
}

// d loss / d log_prob[t, c] = exp(log_prob) − Σ_{s of c} exp(alpha + beta + loss − log_prob): PyTorch's, which is the
// gradient by the logits below a log_softmax.
Status ctc_loss_backward(CtcLossBackwardArgs& args) {
  const Problem p(args);
  if (const Status status = p.check(); !status.ok()) return status;
  return visit(args.log_probs.dtype, [&]<typename T>() {
    const T* log_probs = args.log_probs.as<T>();
    parallel_for(p.batch, std::max<int64_t>(1, kGrain / (2 * p.work())), [&](int64_t begin, int64_t end) {
      std::vector<T> beta(p.states), next(p.states), sums(p.classes);
      for (int64_t b = begin; b < end; ++b) {
        const int64_t length = p.input_lengths[b], last = 2 * p.target_lengths[b];
        const T* alpha = args.alpha.as<T>() + b * p.steps * p.states;
        const T loss = args.losses.as<T>()[b], g = args.grad.as<T>()[b];
        const bool none = args.zero_infinity && loss == std::numeric_limits<T>::infinity();
        for (int64_t t = p.steps - 1; t >= 0; --t) {
          const int64_t row = (t * p.batch + b) * p.classes;
          T* to = args.grad_input.as<T>() + row;
          if (t >= length || none) {
            std::fill_n(to, p.classes, T(0));
            continue;
          }
          const T* probs = log_probs + row;
          for (int64_t s = last; s >= 0; --s) {
            T onward;
            if (t == length - 1)
              onward = s >= last - 1 ? T(0) : kNever<T>;
            else
              onward = log_sum(next[s], s < last ? next[s + 1] : kNever<T>,
                               s + 2 <= last && p.skips(b, s + 2) ? next[s + 2] : kNever<T>);
            beta[s] = onward + probs[p.label(b, s)];
          }
          std::fill(sums.begin(), sums.end(), kNever<T>);
          for (int64_t s = 0; s <= last; ++s) {
            T& sum = sums[p.label(b, s)];
            sum = log_sum(sum, alpha[t * p.states + s] + beta[s], kNever<T>);
          }
          for (int64_t c = 0; c < p.classes; ++c)
            to[c] = (std::exp(probs[c]) - std::exp(sums[c] + loss - probs[c])) * g;
          std::swap(beta, next);
        }
      }
    });
  });
}

}  // namespace flambeau::cpu
