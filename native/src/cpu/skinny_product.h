// C = A·B + bias for an A of few rows and a large B, which is bound by reading B: it is read once, where it lies.
#pragma once
#include <cstdint>

namespace flambeau::cpu {

inline constexpr int64_t kSkinnyRows = 8;

// A is [m, k] with rows `lda` apart, 1 ≤ m ≤ kSkinnyRows; C is [m, n] with rows `ldc` apart. B is [k, n] with rows
// `ldb` apart, or where it is transposed [n, k]. `bias` is a row of n numbers, or nullptr.
void skinny_product(float* c, int64_t ldc, const float* a, int64_t lda, const float* b, int64_t ldb, bool transposed,
                    const float* bias, int64_t m, int64_t n, int64_t k);

}  // namespace flambeau::cpu
