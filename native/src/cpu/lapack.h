// LAPACK for the four types that it has, as overloads; column-major. The `_work` forms neither allocate nor look for
// NaN.
#pragma once
#include <complex>
#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <cblas.h>
#include <lapacke.h>

#include "flambeau/dtype.h"

namespace flambeau::cpu::lapack {

template <typename T>
struct RealOf {
  using type = T;
};
template <typename R>
struct RealOf<std::complex<R>> {
  using type = R;
};
template <typename T>
using Real = typename RealOf<T>::type;
using Int = lapack_int;

// Real routines ignore `rwork`, which only complex ones need.
#define FLAMBEAU_LAPACK_COMMON(T, x)                                                                      \
  inline Int getrf(Int m, Int n, T* a, Int lda, Int* pivots) {                                            \
    return LAPACKE_##x##getrf_work(LAPACK_COL_MAJOR, m, n, a, lda, pivots);                               \
  }                                                                                                       \
  inline Int getrs(char trans, Int n, Int nrhs, const T* a, Int lda, const Int* pivots, T* b, Int ldb) {  \
    return LAPACKE_##x##getrs_work(LAPACK_COL_MAJOR, trans, n, nrhs, a, lda, pivots, b, ldb);             \
  }                                                                                                       \
  inline Int potrf(char uplo, Int n, T* a, Int lda) {                                                     \
    return LAPACKE_##x##potrf_work(LAPACK_COL_MAJOR, uplo, n, a, lda);                                    \
  }                                                                                                       \
  inline Int sytrf(Int n, T* a, Int lda, Int* pivots, T* work, Int lwork) {                               \
    return LAPACKE_##x##sytrf_work(LAPACK_COL_MAJOR, 'L', n, a, lda, pivots, work, lwork);                \
  }                                                                                                       \
  inline Int sytrs(Int n, Int nrhs, const T* a, Int lda, const Int* pivots, T* b, Int ldb) {              \
    return LAPACKE_##x##sytrs_work(LAPACK_COL_MAJOR, 'L', n, nrhs, a, lda, pivots, b, ldb);               \
  }                                                                                                       \
  inline Int geqrf(Int m, Int n, T* a, Int lda, T* tau, T* work, Int lwork) {                             \
    return LAPACKE_##x##geqrf_work(LAPACK_COL_MAJOR, m, n, a, lda, tau, work, lwork);                     \
  }                                                                                                       \
  inline Int gels(char trans, Int m, Int n, Int nrhs, T* a, Int lda, T* b, Int ldb, T* work, Int lwork) { \
    return LAPACKE_##x##gels_work(LAPACK_COL_MAJOR, trans, m, n, nrhs, a, lda, b, ldb, work, lwork);      \
  }

#define FLAMBEAU_LAPACK_REAL(T, x)                                                                                     \
  FLAMBEAU_LAPACK_COMMON(T, x)                                                                                         \
  inline Int hetrf(Int n, T* a, Int lda, Int* pivots, T* work, Int lwork) {                                            \
    return sytrf(n, a, lda, pivots, work, lwork);                                                                      \
  }                                                                                                                    \
  inline Int hetrs(Int n, Int nrhs, const T* a, Int lda, const Int* pivots, T* b, Int ldb) {                           \
    return sytrs(n, nrhs, a, lda, pivots, b, ldb);                                                                     \
  }                                                                                                                    \
  inline Int ungqr(Int m, Int n, Int k, T* a, Int lda, const T* tau, T* work, Int lwork) {                             \
    return LAPACKE_##x##orgqr_work(LAPACK_COL_MAJOR, m, n, k, a, lda, tau, work, lwork);                               \
  }                                                                                                                    \
  inline Int unmqr(char side, bool transpose, Int m, Int n, Int k, const T* a, Int lda, const T* tau, T* c, Int ldc,   \
                   T* work, Int lwork) {                                                                               \
    return LAPACKE_##x##ormqr_work(LAPACK_COL_MAJOR, side, transpose ? 'T' : 'N', m, n, k, a, lda, tau, c, ldc, work,  \
                                   lwork);                                                                             \
  }                                                                                                                    \
  inline Int gelsd(Int m, Int n, Int nrhs, T* a, Int lda, T* b, Int ldb, T* s, T rcond, Int* rank, T* work, Int lwork, \
                   T*, Int* iwork) {                                                                                   \
    return LAPACKE_##x##gelsd_work(LAPACK_COL_MAJOR, m, n, nrhs, a, lda, b, ldb, s, rcond, rank, work, lwork, iwork);  \
  }                                                                                                                    \
  inline Int gelss(Int m, Int n, Int nrhs, T* a, Int lda, T* b, Int ldb, T* s, T rcond, Int* rank, T* work, Int lwork, \
                   T*) {                                                                                               \
    return LAPACKE_##x##gelss_work(LAPACK_COL_MAJOR, m, n, nrhs, a, lda, b, ldb, s, rcond, rank, work, lwork);         \
  }                                                                                                                    \
  inline Int gelsy(Int m, Int n, Int nrhs, T* a, Int lda, T* b, Int ldb, Int* columns, T rcond, Int* rank, T* work,    \
                   Int lwork, T*) {                                                                                    \
    return LAPACKE_##x##gelsy_work(LAPACK_COL_MAJOR, m, n, nrhs, a, lda, b, ldb, columns, rcond, rank, work, lwork);   \
  }                                                                                                                    \
  inline Int gesdd(char job, Int m, Int n, T* a, Int lda, T* s, T* u, Int ldu, T* vt, Int ldvt, T* work, Int lwork,    \
                   T*, Int* iwork) {                                                                                   \
    return LAPACKE_##x##gesdd_work(LAPACK_COL_MAJOR, job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, iwork);      \
  }                                                                                                                    \
  inline Int gesvd(char job, Int m, Int n, T* a, Int lda, T* s, T* u, Int ldu, T* vt, Int ldvt, T* work, Int lwork,    \
                   T*) {                                                                                               \
    return LAPACKE_##x##gesvd_work(LAPACK_COL_MAJOR, job, job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork);        \
  }                                                                                                                    \
  inline Int heevd(char job, char uplo, Int n, T* a, Int lda, T* w, T* work, Int lwork, T*, Int, Int* iwork,           \
                   Int liwork) {                                                                                       \
    return LAPACKE_##x##syevd_work(LAPACK_COL_MAJOR, job, uplo, n, a, lda, w, work, lwork, iwork, liwork);             \
  }                                                                                                                    \
  inline Int geev(char job, Int n, T* a, Int lda, T* wr, T* wi, T* vr, Int ldvr, T* work, Int lwork) {                 \
    return LAPACKE_##x##geev_work(LAPACK_COL_MAJOR, 'N', job, n, a, lda, wr, wi, nullptr, 1, vr, ldvr, work, lwork);   \
  }

#define FLAMBEAU_LAPACK_COMPLEX(T, x)                                                                                  \
  FLAMBEAU_LAPACK_COMMON(T, x)                                                                                         \
  inline Int hetrf(Int n, T* a, Int lda, Int* pivots, T* work, Int lwork) {                                            \
    return LAPACKE_##x##hetrf_work(LAPACK_COL_MAJOR, 'L', n, a, lda, pivots, work, lwork);                             \
  }                                                                                                                    \
  inline Int hetrs(Int n, Int nrhs, const T* a, Int lda, const Int* pivots, T* b, Int ldb) {                           \
    return LAPACKE_##x##hetrs_work(LAPACK_COL_MAJOR, 'L', n, nrhs, a, lda, pivots, b, ldb);                            \
  }                                                                                                                    \
  inline Int ungqr(Int m, Int n, Int k, T* a, Int lda, const T* tau, T* work, Int lwork) {                             \
    return LAPACKE_##x##ungqr_work(LAPACK_COL_MAJOR, m, n, k, a, lda, tau, work, lwork);                               \
  }                                                                                                                    \
  inline Int unmqr(char side, bool transpose, Int m, Int n, Int k, const T* a, Int lda, const T* tau, T* c, Int ldc,   \
                   T* work, Int lwork) {                                                                               \
    return LAPACKE_##x##unmqr_work(LAPACK_COL_MAJOR, side, transpose ? 'C' : 'N', m, n, k, a, lda, tau, c, ldc, work,  \
                                   lwork);                                                                             \
  }                                                                                                                    \
  inline Int gelsd(Int m, Int n, Int nrhs, T* a, Int lda, T* b, Int ldb, Real<T>* s, Real<T> rcond, Int* rank,         \
                   T* work, Int lwork, Real<T>* rwork, Int* iwork) {                                                   \
    return LAPACKE_##x##gelsd_work(LAPACK_COL_MAJOR, m, n, nrhs, a, lda, b, ldb, s, rcond, rank, work, lwork, rwork,   \
                                   iwork);                                                                             \
  }                                                                                                                    \
  inline Int gelss(Int m, Int n, Int nrhs, T* a, Int lda, T* b, Int ldb, Real<T>* s, Real<T> rcond, Int* rank,         \
                   T* work, Int lwork, Real<T>* rwork) {                                                               \
    return LAPACKE_##x##gelss_work(LAPACK_COL_MAJOR, m, n, nrhs, a, lda, b, ldb, s, rcond, rank, work, lwork, rwork);  \
  }                                                                                                                    \
  inline Int gelsy(Int m, Int n, Int nrhs, T* a, Int lda, T* b, Int ldb, Int* columns, Real<T> rcond, Int* rank,       \
                   T* work, Int lwork, Real<T>* rwork) {                                                               \
    return LAPACKE_##x##gelsy_work(LAPACK_COL_MAJOR, m, n, nrhs, a, lda, b, ldb, columns, rcond, rank, work, lwork,    \
                                   rwork);                                                                             \
  }                                                                                                                    \
  inline Int gesdd(char job, Int m, Int n, T* a, Int lda, Real<T>* s, T* u, Int ldu, T* vt, Int ldvt, T* work,         \
                   Int lwork, Real<T>* rwork, Int* iwork) {                                                            \
    return LAPACKE_##x##gesdd_work(LAPACK_COL_MAJOR, job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, rwork,       \
                                   iwork);                                                                             \
  }                                                                                                                    \
  inline Int gesvd(char job, Int m, Int n, T* a, Int lda, Real<T>* s, T* u, Int ldu, T* vt, Int ldvt, T* work,         \
                   Int lwork, Real<T>* rwork) {                                                                        \
    return LAPACKE_##x##gesvd_work(LAPACK_COL_MAJOR, job, job, m, n, a, lda, s, u, ldu, vt, ldvt, work, lwork, rwork); \
  }                                                                                                                    \
  inline Int heevd(char job, char uplo, Int n, T* a, Int lda, Real<T>* w, T* work, Int lwork, Real<T>* rwork,          \
                   Int lrwork, Int* iwork, Int liwork) {                                                               \
    return LAPACKE_##x##heevd_work(LAPACK_COL_MAJOR, job, uplo, n, a, lda, w, work, lwork, rwork, lrwork, iwork,       \
                                   liwork);                                                                            \
  }                                                                                                                    \
  inline Int geev(char job, Int n, T* a, Int lda, T* w, T* vr, Int ldvr, T* work, Int lwork, Real<T>* rwork) {         \
    return LAPACKE_##x##geev_work(LAPACK_COL_MAJOR, 'N', job, n, a, lda, w, nullptr, 1, vr, ldvr, work, lwork, rwork); \
  }

FLAMBEAU_LAPACK_REAL(float, s)
FLAMBEAU_LAPACK_REAL(double, d)
FLAMBEAU_LAPACK_COMPLEX(std::complex<float>, c)
FLAMBEAU_LAPACK_COMPLEX(std::complex<double>, z)
#undef FLAMBEAU_LAPACK_COMMON
#undef FLAMBEAU_LAPACK_REAL
#undef FLAMBEAU_LAPACK_COMPLEX

// What a workspace query answers in the first element of `work`; in single precision it may have been rounded down.
template <typename T>
Int queried(const T& size) {
  return static_cast<Int>(static_cast<double>(std::real(size)) * (1 + 1e-6)) + 1;
}

// X = A⁻¹·B or B·A⁻¹ for a triangular A, in B's place.
template <typename T>
void trsm(bool left, bool upper, char trans, bool unit, Int m, Int n, const T* a, Int lda, T* b, Int ldb) {
  const auto side = left ? CblasLeft : CblasRight;
  const auto uplo = upper ? CblasUpper : CblasLower;
  const auto op = trans == 'N' ? CblasNoTrans : trans == 'T' ? CblasTrans : CblasConjTrans;
  const auto diag = unit ? CblasUnit : CblasNonUnit;
  const T one(1);
  if constexpr (std::is_same_v<T, float>)
    cblas_strsm(CblasColMajor, side, uplo, op, diag, m, n, one, a, lda, b, ldb);
  else if constexpr (std::is_same_v<T, double>)
    cblas_dtrsm(CblasColMajor, side, uplo, op, diag, m, n, one, a, lda, b, ldb);
  else if constexpr (std::is_same_v<T, complex64>)
    cblas_ctrsm(CblasColMajor, side, uplo, op, diag, m, n, &one, a, lda, b, ldb);
  else
    cblas_ztrsm(CblasColMajor, side, uplo, op, diag, m, n, &one, a, lda, b, ldb);
}

}  // namespace flambeau::cpu::lapack
