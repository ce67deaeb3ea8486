// C = A·B for one matrix: BLAS for the types that it has, a plain loop for integers. Row-major.
#pragma once
#include <cblas.h>

#include <cstring>

#include "flambeau/dtype.h"
#include "flambeau/parallel.h"

namespace flambeau::cpu {

// A is [m, k] (or [k, m] when transposed), B [k, n] (or [n, k]), C [m, n]; ld* are row strides. beta is 0 or 1.
template <typename T>
void gemm(bool trans_a, bool trans_b, int64_t m, int64_t n, int64_t k, const T* a, int64_t lda, const T* b, int64_t ldb,
          bool accumulate, T* c, int64_t ldc) {
  [[maybe_unused]] const auto ta = trans_a ? CblasTrans : CblasNoTrans;
  [[maybe_unused]] const auto tb = trans_b ? CblasTrans : CblasNoTrans;
  [[maybe_unused]] const T one(1), beta(accumulate ? 1 : 0);
  if constexpr (std::is_same_v<T, float>) {
    cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, one, a, lda, b, ldb, beta, c, ldc);
  } else if constexpr (std::is_same_v<T, double>) {
    cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, one, a, lda, b, ldb, beta, c, ldc);
  } else if constexpr (std::is_same_v<T, complex64>) {
    cblas_cgemm(CblasRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &beta, c, ldc);
  } else if constexpr (std::is_same_v<T, complex128>) {
    cblas_zgemm(CblasRowMajor, ta, tb, m, n, k, &one, a, lda, b, ldb, &beta, c, ldc);
  } else {
    // Integers wrap: the arithmetic is done unsigned, in 64 bits, which agrees with every narrower type.
    parallel_for(m, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, n * k)), [&](int64_t begin, int64_t end) {
      std::vector<uint64_t> row(n);
      for (int64_t i = begin; i < end; ++i) {
        for (int64_t j = 0; j < n; ++j) row[j] = accumulate ? static_cast<uint64_t>(c[i * ldc + j]) : 0;
        for (int64_t p = 0; p < k; ++p) {
          const uint64_t x = static_cast<uint64_t>(trans_a ? a[p * lda + i] : a[i * lda + p]);
          for (int64_t j = 0; j < n; ++j)
            row[j] += x * static_cast<uint64_t>(trans_b ? b[j * ldb + p] : b[p * ldb + j]);
        }
        for (int64_t j = 0; j < n; ++j) c[i * ldc + j] = static_cast<T>(row[j]);
      }
    });
  }
}

}  // namespace flambeau::cpu
