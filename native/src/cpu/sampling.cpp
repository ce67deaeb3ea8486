// Poisson, gamma and binomial draws in PyTorch's order of engine calls, and the derivatives of gamma and Dirichlet
// draws.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <span>

#include "blocks.h"
#include "flambeau/kernels/sampling.gen.h"
#include "flambeau/parallel.h"
#include "iterate.h"
#include "mt19937.h"
#include "special.h"

namespace flambeau::cpu {
namespace {

using special::digamma;

// Calls body(offset of each operand, position) for every element, in the memory order of the first operand.
template <typename Body>
void each_element(std::span<const TensorView* const> views, const Body& body) {
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows();
  if (inner * rows == 0) return;
  RowCursor cursor(loop, 0);
  int64_t offsets[8];
  for (int64_t r = 0; r < rows; ++r, cursor.next()) {
    for (int64_t i = 0; i < inner; ++i) {
      for (int v = 0; v < loop.operands; ++v) offsets[v] = cursor.offsets[v] + i * loop.inner_stride(v);
      body(offsets, r * inner + i);
    }
  }
}

// A failure at the first element of the second operand that is not ≥ 0: rejection would never end there.
template <typename T>
Status check_nonnegative(std::span<const TensorView* const> views) {
  Status status;
  const T* values = views[1]->as<T>();
  each_element(views, [&](const int64_t* at, int64_t position) {
    if (status.ok() && !(static_cast<double>(values[at[1]]) >= 0)) status = {StatusCode::invalid_value, position};
  });
  return status;
}

// Knuth's product of uniforms below a rate of 10, else transformed rejection (Hörmann, 1993, PTRS).
double poisson(Generator& g, double rate) {
  if (rate == 0) return 0;
  if (rate < 10) {
    const double limit = std::exp(-rate);
    double product = 1;
    for (int64_t count = 0;; ++count) {
      product *= g.uniform_double();
      if (!(product > limit)) return static_cast<double>(count);
    }
  }
  const double log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * std::sqrt(rate), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), tight = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = g.uniform_double() - 0.5, v = g.uniform_double(), us = 0.5 - std::fabs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= tight) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        -rate + k * log_rate - std::lgamma(k + 1))
      return k;
  }
}

// Rejection after Marsaglia and Tsang (2000), https://doi.org/10.1145/358407.358414; shapes below 1 are boosted.
template <typename T>
double gamma_draw(Generator& g, T alpha) {
  double scale = 1;
  if (alpha < T(1)) {
    if (alpha == T(0)) return 0;
    scale = std::pow(1 - g.uniform_double(), static_cast<double>(T(1) / alpha));
    alpha += T(1);
  }
  const double d = static_cast<double>(alpha - T(1.0F / 3.0F)), c = 1 / std::sqrt(9 * d);
  for (;;) {
    double x, y;
    do {
      x = g.normal();
      y = 1 + c * x;
    } while (y <= 0);
    const double v = y * y * y, u = 1 - g.uniform_double(), xx = x * x;
    if (u < 1 - static_cast<double>(0.0331F) * xx * xx) return scale * d * v;
    if (std::log(u) < 0.5 * xx + d * (1 - v + std::log(v))) return scale * d * v;
  }
}

// What Stirling's formula leaves out of log k!.
double stirling_tail(double k) {
  static constexpr double kSmall[] = {0.0810614667953272,  0.0413406959554092, 0.0276779256849983, 0.02079067210376509,
                                      0.0166446911898211,  0.0138761288230707, 0.0118967099458917, 0.0104112652619720,
                                      0.00925546218271273, 0.00833056343336287};
  if (k < static_cast<double>(std::size(kSmall))) return kSmall[static_cast<size_t>(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// Sums of geometric draws, for few expected successes.
template <typename T>
T binomial_by_inversion(Generator& g, T count, T p) {
  const double log_failure = static_cast<double>(std::log1p(-p));
  double sum = 0;
  for (T successes = 0;; successes += 1) {
    sum += std::ceil(std::log(g.uniform_double()) / log_failure);
    if (sum > static_cast<double>(count)) return successes;
  }
}

// Transformed rejection (Hörmann, 1993, BTRS), for p ≤ ½ and ten and more expected successes.
template <typename T>
T binomial_by_rejection(Generator& g, T count, T p) {
  const T q = 1 - p, mean = count * p, more = count + 1;
  const double n = static_cast<double>(count);
  const double deviation = static_cast<double>(std::sqrt(mean * q));
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * static_cast<double>(p);
  const double c = static_cast<double>(mean) + 0.5, tight = 0.92 - 4.2 / b;
  const double ratio = static_cast<double>(p / q), alpha = (2.83 + 5.1 / b) * deviation;
  const double m = static_cast<double>(std::floor(more * p));
  for (;;) {
    const double u = g.uniform_double() - 0.5;
    double v = g.uniform_double();
    const double us = 0.5 - std::abs(u);
    const T drawn = static_cast<T>(std::floor((2 * a / us + b) * u + c));
    const double k = static_cast<double>(drawn);
    if (k < 0 || k > n) continue;
    if (us >= 0.07 && v <= tight) return drawn;
    const double rest = static_cast<double>(count - drawn + 1);
    const double next = static_cast<double>(drawn + 1);
    v = std::log(v * alpha / (a / (us * us) + b));
    const double bound = (m + 0.5) * std::log((m + 1) / (ratio * (n - m + 1))) +
                         static_cast<double>(more) * std::log((n - m + 1) / rest) +
                         (k + 0.5) * std::log(ratio * rest / next) + stirling_tail(m) + stirling_tail(n - m) -
                         stirling_tail(k) - stirling_tail(n - k);
    if (v <= bound) return drawn;
  }
}

template <typename T>
T binomial(Generator& g, T count, T p) {
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  if (std::isnan(p) || std::isnan(count)) return std::numeric_limits<T>::quiet_NaN();
  const auto draw = [&](T q) {
    return count * q >= 10 ? binomial_by_rejection<T>(g, count, q) : binomial_by_inversion<T>(g, count, q);
  };
  return p <= T(0.5) ? draw(p) : count - draw(1 - p);
}

// −∂F(x; α)/∂α / f(x; α) for the gamma distribution function F: a series for small x, a saddle point for large α
// (Rice), and a rational fit between.
double gamma_grad(double alpha, double x) {
  if (x < 0.8) {
    double numerator = 1, denominator = alpha, first = 1 / alpha, second = 1 / (alpha * alpha);
    for (int i = 1; i <= 5; ++i) {
      numerator *= -x / i;
      denominator += 1;
      first += numerator / denominator;
      second += numerator / (denominator * denominator);
    }
    const double power = std::pow(x, alpha);
    const double by_alpha = (std::log(x) - digamma(alpha)) * power * first - power * second;
    const double result = -by_alpha / (std::pow(x, alpha - 1) * std::exp(-x));
    return std::isnan(result) ? 0 : result;
  }
  if (alpha > 8) {
    if (0.9 * alpha <= x && x <= 1.1 * alpha) {
      const double first = 1 + 24 * alpha * (1 + 12 * alpha);
      const double second =
          1440 * alpha * alpha + 6 * x * (53 - 120 * x) - 65 * x * x / alpha + alpha * (107 + 3600 * x);
      return first * second / (1244160 * alpha * alpha * alpha * alpha);
    }
    const double root = std::sqrt(8 * alpha), log_ratio = std::log(x / alpha);
    const double near = root / (alpha - x), far = std::pow(x - alpha - alpha * log_ratio, -1.5);
    const double term = log_ratio * (x < alpha ? near - far : near + far) -
                        std::sqrt(2 / alpha) * (alpha + x) / ((alpha - x) * (alpha - x));
    const double stirling = 1 + 1 / (12 * alpha) * (1 + 1 / (24 * alpha));
    return -stirling * x * term / root;
  }
  static constexpr double kFit[3][8] = {
      {0.16009398, -0.094634809, 0.025146376, -0.0030648343, 1, 0.32668115, 0.10406089, 0.0014179084},
      {0.53487893, 0.1298071, 0.065735949, -0.0015649758, 0.16639465, 0.020070113, -0.0035938915, -0.00058392623},
      {0.040121004, -0.0065914022, -0.0026286047, -0.0013441777, 0.017050642, -0.0021309326, 0.00085092367,
       -1.5247877e-07},
  };
  const double u = std::log(x / alpha), v = std::log(alpha);
  double c[8];
  for (int i = 0; i < 8; ++i) c[i] = kFit[0][i] + u * (kFit[1][i] + u * kFit[2][i]);
  const double p = c[0] + v * (c[1] + v * (c[2] + v * c[3])), q = c[4] + v * (c[5] + v * (c[6] + v * c[7]));
  return std::exp(p / q);
}

// The three regions of the beta distribution's −∂F(x; α, β)/∂α / f / (1 − x) that have expansions.
double beta_grad_alpha_near_zero(double x, double alpha, double beta) {
  const double factor = digamma(alpha) - digamma(alpha + beta) - std::log(x);
  double numerator = 1, series = 1 / alpha * (factor + 1 / alpha);
  for (int i = 1; i <= 10; ++i) {
    numerator *= (i - beta) * x / i;
    series += numerator / (alpha + i) * (factor + 1 / (alpha + i));
  }
  const double result = x * std::pow(1 - x, -beta) * series;
  return std::isnan(result) ? 0 : result;
}

double beta_grad_beta_near_zero(double x, double alpha, double beta) {
  const double factor = digamma(alpha + beta) - digamma(beta);
  double numerator = 1, products = 1, derivatives = 0, series = factor / alpha;
  for (int i = 1; i <= 8; ++i) {
    numerator *= -x / i;
    derivatives = derivatives * (beta - i) + products;
    products *= beta - i;
    series += numerator / (alpha + i) * (derivatives + factor * products);
  }
  const double result = -std::pow(1 - x, 1 - beta) * series;
  return std::isnan(result) ? 0 : result;
}

double beta_grad_alpha_at_saddle(double x, double alpha, double beta) {
  const double total = alpha + beta, mean = alpha / total, b2 = beta * beta;
  const double deviation = std::sqrt(alpha * beta / (total + 1)) / total;
  if (mean - 0.1 * deviation <= x && x <= mean + 0.1 * deviation) {
    const double inner = (453 + 1620 * beta * (1 - x) - 455 * x) * beta + alpha * 8 * (1 - x) * (135 * beta - 11);
    const double middle = 3 * (59 + 180 * beta - 90 * x) * b2 + alpha * inner;
    const double polynomial =
        47 * x * b2 * b2 + alpha * ((43 + 20 * (16 + 27 * beta) * x) * b2 * beta + alpha * middle);
    const double numerator = (1 + 12 * alpha) * (1 + 12 * beta) / (total * total);
    return numerator / (1 - x) * polynomial / (12960 * alpha * alpha * alpha * b2 * (1 + 12 * total));
  }
  const auto stirling = [](double v) { return 1 + 1 / (12 * v) + 1 / (288 * v * v); };
  const double prefactor = -x / std::sqrt(2 * alpha * beta / total);
  const double offset = alpha * (x - 1) + beta * x;
  const double first = (2 * alpha * alpha * (x - 1) + alpha * beta * (x - 1) - x * b2) /
                       (std::sqrt(2 * alpha / beta) * std::pow(total, 1.5) * offset * offset);
  const double second = 0.5 * std::log(alpha / (total * x));
  const double third = std::sqrt(8 * alpha * beta / total) / offset;
  const double base = beta * std::log(beta / (total * (1 - x))) + alpha * std::log(alpha / (total * x));
  const double fourth = std::pow(base, -1.5);
  const double sum = first + second * (third + (x < mean ? fourth : -fourth));
  return stirling(alpha) * stirling(beta) / stirling(total) * prefactor * sum;
}

double dirichlet_grad(double x, double alpha, double total) {
  const double beta = total - alpha, boundary = total * x * (1 - x);
  if (x <= 0.5 && boundary < 2.5) return beta_grad_alpha_near_zero(x, alpha, beta);
  if (x >= 0.5 && boundary < 0.75) return -beta_grad_beta_near_zero(1 - x, beta, alpha);
  if (alpha > 6 && beta > 6) return beta_grad_alpha_at_saddle(x, alpha, beta);
  // A rational correction of x·(ψ(total) − ψ(α))/β, in log x, log(α/x) and log(total·x/α).
  static constexpr double kFit[2][3][3][4] = {
      {{{1.003668233, -0.01061107488, -0.0657888334, 0.01201642863},
        {0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033},
        {-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013}},
       {{0.221950385, -0.3187676331, 0.01799915743, 0.01074823814},
        {-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057},
        {0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05}},
       {{-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565},
        {0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181},
        {0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05}}},
      {{{1, -0.02924021934, -0.04438342661, 0.007285809825},
        {0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521},
        {-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149}},
       {{0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273},
        {0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956},
        {-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05}},
       {{0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05},
        {0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05},
        {-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06}}},
  };
  const double u = std::log(x), a = std::log(alpha) - u, b = std::log(total) - a;
  const double us[] = {1, u, u * u}, as[] = {1, a, a * a};
  double sums[2] = {0, 0};
  for (int s = 0; s < 2; ++s)
    for (int i = 0; i < 3; ++i)
      for (int j = 0; j < 3; ++j) {
        const double* c = kFit[s][i][j];
        sums[s] += us[i] * as[j] * (c[0] + b * (c[1] + b * (c[2] + b * c[3])));
      }
  return sums[0] / sums[1] * x * (digamma(total) - digamma(alpha)) / beta;
}

// The host passes no other dtypes.
template <typename Body>
void visit_float(DType dtype, const Body& body) {
  visit_dtype(dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T>) body.template operator()<T>();
  });
}

}  // namespace

Status sample_poisson(SamplePoissonArgs& args) {
  const TensorView* views[] = {&args.out, &args.rate};
  Status status;
  visit_dtype(args.out.dtype, [&]<typename T>() {
    if constexpr (std::is_floating_point_v<T> || kIsHalf<T>) {
      const T* rate = args.rate.as<T>();
      status = check_nonnegative<T>(views);
      if (!status.ok()) return;
      Generator g(args.state.data);
      T* out = args.out.as<T>();
      each_element(views, [&](const int64_t* at, int64_t) {
        out[at[0]] = convert<T>(poisson(g, static_cast<double>(rate[at[1]])));
      });
    }
  });
  return status;
}

Status sample_gamma(SampleGammaArgs& args) {
  const TensorView* views[] = {&args.out, &args.alpha};
  Status status;
  visit_float(args.out.dtype, [&]<typename T>() {
    status = check_nonnegative<T>(views);
    if (!status.ok()) return;
    Generator g(args.state.data);
    T* out = args.out.as<T>();
    const T* alpha = args.alpha.as<T>();
    // A draw that underflows is the smallest normal number, whose logarithm is finite.
    constexpr T smallest = std::numeric_limits<T>::min();
    each_element(views, [&](const int64_t* at, int64_t) {
      const T drawn = static_cast<T>(gamma_draw<T>(g, alpha[at[1]]));
      out[at[0]] = std::max(smallest, drawn);
    });
  });
  return status;
}

Status sample_binomial(SampleBinomialArgs& args) {
  const TensorView* views[] = {&args.out, &args.count, &args.p};
  visit_float(args.out.dtype, [&]<typename T>() {
    Generator g(args.state.data);
    T* out = args.out.as<T>();
    const T *count = args.count.as<T>(), *p = args.p.as<T>();
    each_element(views, [&](const int64_t* at, int64_t) { out[at[0]] = binomial<T>(g, count[at[1]], p[at[2]]); });
  });
  return {};
}

Status gamma_sample_grad(GammaSampleGradArgs& args) {
  const TensorView* views[] = {&args.out, &args.alpha, &args.x};
  visit_float(args.out.dtype, [&]<typename T>() {
    T* out = args.out.as<T>();
    const T *alpha = args.alpha.as<T>(), *x = args.x.as<T>();
    each_element(views, [&](const int64_t* at, int64_t) {
      out[at[0]] = convert<T>(gamma_grad(static_cast<double>(alpha[at[1]]), static_cast<double>(x[at[2]])));
    });
  });
  return {};
}

Status dirichlet_sample_grad(DirichletSampleGradArgs& args) {
  const TensorView* views[] = {&args.out, &args.x, &args.alpha, &args.total};
  visit_float(args.out.dtype, [&]<typename T>() {
    T* out = args.out.as<T>();
    const T *x = args.x.as<T>(), *alpha = args.alpha.as<T>(), *total = args.total.as<T>();
    each_element(views, [&](const int64_t* at, int64_t) {
      out[at[0]] = convert<T>(dirichlet_grad(static_cast<double>(x[at[1]]), static_cast<double>(alpha[at[2]]),
                                             static_cast<double>(total[at[3]])));
    });
  });
  return {};
}

}  // namespace flambeau::cpu
