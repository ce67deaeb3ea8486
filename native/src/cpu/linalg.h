// What the linear algebra kernels share: batches of column-major matrices, and threads over them.
#pragma once
#include <algorithm>

#include "blocks.h"
#include "engine.h"
#include "flambeau/call.h"
#include "flambeau/parallel.h"
#include "lapack.h"

namespace flambeau::cpu {

// A batch of column-major matrices, one after another: the host allocates what LAPACK works on like this.
template <typename T>
struct Matrices {
  explicit Matrices(const TensorView& t)
      : data(t.as<T>()),
        rows(static_cast<lapack::Int>(t.shape[t.ndim - 2])),
        cols(static_cast<lapack::Int>(t.shape[t.ndim - 1])),
        ld(std::max<lapack::Int>(1, rows)) {}
  T* operator[](int64_t i) const { return data + i * rows * cols; }

  T* data;
  lapack::Int rows, cols, ld;
};

// A batch of vectors, one after another.
template <typename T>
struct Vectors {
  explicit Vectors(const TensorView& t) : data(t.as<T>()), size(t.shape[t.ndim - 1]) {}
  T* operator[](int64_t i) const { return data + i * size; }

  T* data;
  int64_t size;
};

inline int64_t batch_of(const TensorView& matrices) {
  int64_t n = 1;
  for (int i = 0; i < matrices.ndim - 2; ++i) n *= matrices.shape[i];
  return n;
}

// Calls `body.operator()<T>()` where LAPACK has the type.
template <typename Body>
Status visit_lapack(DType dtype, const Body& body) {
  if (dtype != DType::f32 && dtype != DType::f64 && !is_complex(dtype))
    return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)};
  return guarded([&]() -> Status {
    return visit_dtype(dtype, [&]<typename T>() -> Status {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double> || kIsComplex<T>)
        return body.template operator()<T>();
      else
        return {StatusCode::unsupported_dtype};
    });
  });
}

// Operations in a matrix from which on the library's own threads serve it better than one thread a matrix.
inline constexpr double kLargeMatrix = 8e6;

// Calls body(i, thread) for each matrix of the batch; `work` is about how many operations one takes. Threads split a
// batch of small ones; large ones come one after another, since OpenBLAS then runs threads of its own (inside of a
// parallel region it runs none).
template <typename Body>
void for_each_matrix(int64_t count, double work, const Body& body) {
  if (count == 1 || work > kLargeMatrix) {
    for (int64_t i = 0; i < count; ++i) body(i, 0);
    return;
  }
  const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(kGrain / std::max(1.0, work)));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    const int thread = omp_in_parallel() ? omp_get_thread_num() : 0;
    for (int64_t i = begin; i < end; ++i) body(i, thread);
  });
}

// Memory of `size` elements for each thread that for_each_matrix may use.
template <typename T>
class ThreadWorkspace {
 public:
  explicit ThreadWorkspace(int64_t size)
      : size_(std::max<int64_t>(1, size)), memory_(size_ * sizeof(T) * std::max(1, omp_get_max_threads())) {}
  T* operator[](int thread) const { return memory_.as<T>() + thread * size_; }
  lapack::Int size() const { return static_cast<lapack::Int>(size_); }

 private:
  int64_t size_;
  Workspace memory_;
};

inline double cubed(double n) { return n * n * n; }

}  // namespace flambeau::cpu
