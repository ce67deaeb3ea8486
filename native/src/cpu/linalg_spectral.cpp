// Singular values, eigenvalues and their vectors.
#include <cmath>

#include "flambeau/kernels/linalg_spectral.gen.h"
#include "linalg.h"

namespace flambeau::cpu {
namespace {

using lapack::Int;

template <typename T>
int64_t first_not_finite(const T* data, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    if (!std::isfinite(std::real(data[i])) || !std::isfinite(std::imag(data[i]))) return i;
  return -1;
}

// Which part of a matrix is looked at.
enum class Part { whole, upper, lower };

// Whether LAPACK's iterations end on a matrix: infinities may keep them going for ever.
template <typename T>
bool ends(const T* columns, Int rows, Int cols, Int ld, Part part) {
  for (Int c = 0; c < cols; ++c) {
    const Int begin = part == Part::lower ? std::min(c, rows) : 0,
              end = part == Part::upper ? std::min(c + 1, rows) : rows;
    if (first_not_finite(columns + static_cast<int64_t>(c) * ld + begin, end - begin) >= 0) return false;
  }
  return true;
}

// LAPACK's own answer to a matrix that is not finite, where it gives one.
inline constexpr Int kNotFinite = -4;

}  // namespace

Status singular_values(SingularValuesArgs& args) {
  return visit_lapack(args.a.dtype, [&]<typename T>() -> Status {
    using R = lapack::Real<T>;
    const Matrices<T> a(args.a);
    const Vectors<R> s(args.s);
    Int* info = args.info.as<Int>();
    const int64_t count = batch_of(args.a), least = std::min(a.rows, a.cols), most = std::max(a.rows, a.cols);
    std::fill_n(info, count, 0);
    if (least == 0 || count == 0) return {};
    const bool vectors = args.u.defined();
    const Matrices<T> u(vectors ? args.u : args.a), vh(vectors ? args.vh : args.a);
    const char job = !vectors ? 'N' : u.rows == u.cols && vh.rows == vh.cols ? 'A' : 'S';
    const int64_t real_size =
        !kIsComplex<T> ? 0
        : vectors      ? std::max(5 * least * least + 5 * least, 2 * most * least + 2 * least * least + least)
                       : 7 * least;
    const ThreadWorkspace<R> rwork(real_size);
    const ThreadWorkspace<Int> iwork(8 * least);
    T size(0);
    lapack::gesdd(job, a.rows, a.cols, a.data, a.ld, s.data, u.data, u.ld, vh.data, vh.ld, &size, -1, rwork[0],
                  iwork[0]);
    const ThreadWorkspace<T> work(lapack::queried(size));
    for_each_matrix(count, 8.0 * most * least * least, [&](int64_t i, int thread) {
      info[i] = !ends(a[i], a.rows, a.cols, a.ld, Part::whole)
                    ? kNotFinite
                    : lapack::gesdd(job, a.rows, a.cols, a[i], a.ld, s[i], u[i], u.ld, vh[i], vh.ld, work[thread],
                                    work.size(), rwork[thread], iwork[thread]);
    });
    return {};
  });
}

Status eigen_hermitian(EigenHermitianArgs& args) {
  return visit_lapack(args.a.dtype, [&]<typename T>() -> Status {
    using R = lapack::Real<T>;
    const Matrices<T> a(args.a);
    const Vectors<R> w(args.w);
    Int* info = args.info.as<Int>();
    const int64_t count = batch_of(args.a);
    std::fill_n(info, count, 0);
    if (a.rows == 0 || count == 0) return {};
    const char job = args.vectors ? 'V' : 'N', uplo = args.upper ? 'U' : 'L';
    T size(0);
    R rsize(0);
    Int isize = 0;
    lapack::heevd(job, uplo, a.rows, a.data, a.ld, w.data, &size, -1, &rsize, -1, &isize, -1);
    const ThreadWorkspace<T> work(lapack::queried(size));
    const ThreadWorkspace<R> rwork(lapack::queried(rsize));
    const ThreadWorkspace<Int> iwork(isize);
    for_each_matrix(count, 4 * cubed(a.rows), [&](int64_t i, int thread) {
      info[i] = !ends(a[i], a.rows, a.rows, a.ld, args.upper ? Part::upper : Part::lower)
                    ? kNotFinite
                    : lapack::heevd(job, uplo, a.rows, a[i], a.ld, w[i], work[thread], work.size(), rwork[thread],
                                    rwork.size(), iwork[thread], iwork.size());
    });
    return {};
  });
}

Status eigen(EigenArgs& args) {
  return visit_lapack(args.a.dtype, [&]<typename T>() -> Status {
    using R = lapack::Real<T>;
    using C = std::complex<R>;
    const Matrices<T> a(args.a);
    const Vectors<C> w(args.w);
    Int* info = args.info.as<Int>();
    const int64_t count = batch_of(args.a), n = a.rows;
    std::fill_n(info, count, 0);
    if (n == 0 || count == 0) return {};
    // The iteration need not end on such a matrix.
    if (const int64_t at = first_not_finite(a.data, count * n * n); at >= 0) return {StatusCode::invalid_value, at};
    const bool wanted = args.v.defined();
    const char job = wanted ? 'V' : 'N';
    const Matrices<C> v(wanted ? args.v : args.a);
    T size(0);
    if constexpr (kIsComplex<T>) {
      const ThreadWorkspace<R> rwork(2 * n);
      lapack::geev(job, a.rows, a.data, a.ld, w.data, v.data, v.ld, &size, -1, rwork[0]);
      const ThreadWorkspace<T> work(lapack::queried(size));
      for_each_matrix(count, 25 * cubed(n), [&](int64_t i, int thread) {
        info[i] = lapack::geev(job, a.rows, a[i], a.ld, w[i], v[i], v.ld, work[thread], work.size(), rwork[thread]);
      });
    } else {
      // Real and imaginary parts of the eigenvalues, then the vectors: of a conjugate pair the parts of the first.
      const ThreadWorkspace<R> parts(2 * n + (wanted ? n * n : 0));
      R* first = parts[0];
      lapack::geev(job, a.rows, a.data, a.ld, first, first + n, first + 2 * n, a.ld, &size, -1);
      const ThreadWorkspace<T> work(lapack::queried(size));
      for_each_matrix(count, 25 * cubed(n), [&](int64_t i, int thread) {
        R *re = parts[thread], *im = re + n, *vectors = im + n;
        info[i] = lapack::geev(job, a.rows, a[i], a.ld, re, im, vectors, a.ld, work[thread], work.size());
        for (int64_t j = 0; j < n; ++j) w[i][j] = C(re[j], im[j]);
        if (!wanted) return;
        for (int64_t j = 0; j < n; ++j) {
          C* column = v[i] + j * n;
          const R* real = vectors + j * n;
          if (im[j] == 0 || j + 1 == n) {
            for (int64_t r = 0; r < n; ++r) column[r] = C(real[r], 0);
            continue;
          }
          for (int64_t r = 0; r < n; ++r) {
            column[r] = C(real[r], real[n + r]);
            column[n + r] = C(real[r], -real[n + r]);
          }
          ++j;
        }
      });
    }
    return {};
  });
}

}  // namespace flambeau::cpu
