// The matrix exponential by scaling and squaring of a Padé approximant (Higham 2005, SIAM J. Matrix Anal. Appl. 26).
#include <cmath>
#include <limits>
#include <utility>

#include "flambeau/kernels/linalg_exp.gen.h"
#include "gemm.h"
#include "linalg.h"

namespace flambeau::cpu {
namespace {

using lapack::Int;

// A degree, the norm up to which it is exact to double precision, and the coefficients.
struct Approximant {
  int degree;
  double limit;
  const double* b;
};

constexpr double kB3[] = {120, 60, 12, 1};
constexpr double kB5[] = {30240, 15120, 3360, 420, 30, 1};
constexpr double kB7[] = {17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1};
constexpr double kB9[] = {17643225600., 8821612800., 2075673600, 302702400, 30270240, 2162160, 110880, 3960, 90, 1};
constexpr double kB13[] = {64764752532480000.,
                           32382376266240000.,
                           7771770303897600.,
                           1187353796428800.,
                           129060195264000.,
                           10559470521600.,
                           670442572800.,
                           33522128640.,
                           1323241920,
                           40840800,
                           960960,
                           16380,
                           182,
                           1};
constexpr Approximant kChoices[] = {{3, 1.495585217958292e-2, kB3},
                                    {5, 2.539398330063230e-1, kB5},
                                    {7, 9.504178996162932e-1, kB7},
                                    {9, 2.097847961257068, kB9},
                                    {13, 5.371920351148152, kB13}};

// Works in nine matrices of n×n; every one is a polynomial in the input, so they commute and either layout gives the
// same. T is a type of double precision: squaring multiplies the error of single precision up.
template <typename T>
class Exponential {
 public:
  Exponential(Int n, T* memory, Int* pivots) : n_(n), size_(int64_t{n} * n), pivots_(pivots) {
    for (int i = 0; i < kMatrices; ++i) m_[i] = memory + i * size_;
  }
  static constexpr int kMatrices = 9;

  template <typename Stored>
  void run(Stored* result, const Stored* input) {
    T *a = m_[0], *out = m_[8];
    load_block(a, input, 1, size_);
    const double norm = norm_of(a);
    if (!std::isfinite(norm)) {
      std::fill_n(result, size_, Stored(std::numeric_limits<lapack::Real<Stored>>::quiet_NaN()));
      return;
    }
    size_t at = 0;
    while (at + 1 < std::size(kChoices) && norm > kChoices[at].limit) ++at;
    const Approximant& p = kChoices[at];
    const int squarings = norm > p.limit ? static_cast<int>(std::ceil(std::log2(norm / p.limit))) : 0;
    const double scale = std::exp2(-squarings);
    for (int64_t i = 0; i < size_; ++i) a[i] *= scale;
    rational(out, a, p);
    for (int k = 0; k < squarings; ++k) {
      multiply(a, out, out);
      std::swap(a, out);
    }
    store_block(result, 1, out, size_);
  }

 private:
  double norm_of(const T* a) const {
    double norm = 0;
    for (Int j = 0; j < n_; ++j) {
      double sum = 0;
      for (Int i = 0; i < n_; ++i) sum += std::abs(a[int64_t{j} * n_ + i]);
      // A NaN must not be lost in the comparison.
      if (!(sum <= norm)) norm = sum;
      if (std::isnan(norm)) break;
    }
    return norm;
  }

  void multiply(T* c, const T* a, const T* b) const { gemm<T>(false, false, n_, n_, n_, a, n_, b, n_, false, c, n_); }

  // c = b[first]·I + b[first + 2]·A² + …; powers[k] is A^(2k + 2).
  void polynomial(T* c, const double* b, int first, int degree, T* const* powers) const {
    std::fill_n(c, size_, T(0));
    for (Int i = 0; i < n_; ++i) c[int64_t{i} * (n_ + 1)] = T(b[first]);
    for (int k = first + 2, power = 0; k <= degree; k += 2, ++power) accumulate(c, b[k], powers[power]);
  }
  void accumulate(T* c, double factor, const T* a) const {
    for (int64_t i = 0; i < size_; ++i) c[i] += factor * a[i];
  }

  // out = (V - U)⁻¹(V + U), U the odd part of the numerator and V the even one.
  void rational(T* out, const T* a, const Approximant& p) {
    T* powers[4] = {m_[1], m_[2], m_[3], m_[4]};
    T *u = m_[5], *v = m_[6], *scratch = m_[7];
    multiply(powers[0], a, a);
    if (p.degree > 3) multiply(powers[1], powers[0], powers[0]);
    if (p.degree > 5) multiply(powers[2], powers[1], powers[0]);
    if (p.degree == 9) multiply(powers[3], powers[2], powers[0]);
    const int low = p.degree == 13 ? 7 : p.degree;
    polynomial(scratch, p.b, 1, low, powers);
    polynomial(v, p.b, 0, low - 1, powers);
    if (p.degree == 13) {
      // The high half goes through one more product with A⁶.
      T *high = powers[3], *product = out;
      for (const auto& [target, first] : {std::pair{scratch, 9}, std::pair{v, 8}}) {
        std::fill_n(high, size_, T(0));
        for (int k = 0; k < 3; ++k) accumulate(high, p.b[first + 2 * k], powers[k]);
        multiply(product, powers[2], high);
        accumulate(target, 1, product);
      }
    }
    multiply(u, a, scratch);
    for (int64_t i = 0; i < size_; ++i) {
      out[i] = v[i] + u[i];
      v[i] -= u[i];
    }
    lapack::getrf(n_, n_, v, n_, pivots_);
    lapack::getrs('N', n_, n_, v, n_, pivots_, out, n_);
  }

  Int n_;
  int64_t size_;
  Int* pivots_;
  T* m_[kMatrices];
};

}  // namespace

Status matrix_exp(MatrixExpArgs& args) {
  if (args.out.numel() == 0) return {};
  return visit_lapack(args.out.dtype, [&]<typename T>() -> Status {
    using Wide = std::conditional_t<kIsComplex<T>, complex128, double>;
    const Matrices<T> out(args.out), in(args.input);
    const ThreadWorkspace<Wide> work(int64_t{in.rows} * in.rows * Exponential<Wide>::kMatrices);
    const ThreadWorkspace<Int> pivots(in.rows);
    for_each_matrix(batch_of(args.out), 20 * cubed(in.rows), [&](int64_t i, int thread) {
      Exponential<Wide>(in.rows, work[thread], pivots[thread]).run(out[i], in[i]);
    });
    return {};
  });
}

}  // namespace flambeau::cpu
