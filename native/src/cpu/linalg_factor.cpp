// Triangular factorizations (LU, Cholesky, LDL), the systems that they solve, and triangular systems.
#include <utility>

#include "flambeau/kernels/linalg_factor.gen.h"
#include "linalg.h"

namespace flambeau::cpu {
namespace {

using lapack::Int;

// Zeros above (or below) the diagonal of a column-major matrix.
template <typename T>
void keep_triangle(T* a, int64_t rows, int64_t cols, bool upper) {
  for (int64_t j = 0; j < cols; ++j) {
    const int64_t begin = upper ? std::min(j + 1, rows) : 0;
    const int64_t end = upper ? rows : std::min(j, rows);
    std::fill(a + j * rows + begin, a + j * rows + std::max(begin, end), T(0));
  }
}

// Row exchanges must stay inside of the matrix: LAPACK does not check them.
Status check_pivots(const TensorView& pivots, int64_t rows) {
  const int32_t* p = pivots.as<int32_t>();
  const int64_t n = pivots.numel();
  for (int64_t i = 0; i < n; ++i)
    if (p[i] < 1 || p[i] > rows) return {StatusCode::index_out_of_range, i, p[i], rows};
  return {};
}

// Those of LDL: a block of 2×2 is two equal negative ones.
Status check_block_pivots(const TensorView& pivots, int64_t n) {
  const int32_t* p = pivots.as<int32_t>();
  const int64_t count = pivots.numel();
  for (int64_t start = 0; start < count; start += n)
    for (int64_t k = 0; k < n; ++k) {
      const int64_t at = start + k, value = p[at];
      if (value == 0 || value > n || value < -n) return {StatusCode::index_out_of_range, at, value, n};
      if (value > 0) continue;
      if (k + 1 == n || p[at + 1] != value) return {StatusCode::index_out_of_range, at, value, n};
      ++k;
    }
  return {};
}

// Up to here one thread factorizes a matrix about as fast as several do, which wait for each other many times.
constexpr double kOneThread = 6e7;

// While it lives, OpenBLAS keeps to the calling thread.
class ThreadLimit {
 public:
  explicit ThreadLimit(bool one) : before_(omp_get_max_threads()) {
    if (one) omp_set_num_threads(1);
  }
  ~ThreadLimit() { omp_set_num_threads(before_); }
  ThreadLimit(const ThreadLimit&) = delete;

 private:
  int before_;
};

}  // namespace

Status lu_factor(LuFactorArgs& args) {
  return visit_lapack(args.lu.dtype, [&]<typename T>() -> Status {
    const Matrices<T> a(args.lu);
    const Vectors<Int> pivots(args.pivots);
    Int* info = args.info.as<Int>();
    const double work = double(a.rows) * a.cols * std::min(a.rows, a.cols);
    for_each_matrix(batch_of(args.lu), work, [&](int64_t i, int) {
      info[i] = a.rows && a.cols ? lapack::getrf(a.rows, a.cols, a[i], a.ld, pivots[i]) : 0;
    });
    return {};
  });
}

Status lu_solve(LuSolveArgs& args) {
  if (args.x.numel() == 0) return {};
  if (const Status status = check_pivots(args.pivots, args.lu.shape[args.lu.ndim - 1]); !status.ok()) return status;
  return visit_lapack(args.x.dtype, [&]<typename T>() -> Status {
    const Matrices<T> x(args.x), a(args.lu);
    const Vectors<Int> pivots(args.pivots);
    const char trans = "NTC"[args.transpose];
    for_each_matrix(batch_of(args.x), double(a.rows) * a.rows * x.cols,
                    [&](int64_t i, int) { lapack::getrs(trans, a.rows, x.cols, a[i], a.ld, pivots[i], x[i], x.ld); });
    return {};
  });
}

Status cholesky_factor(CholeskyFactorArgs& args) {
  return visit_lapack(args.factor.dtype, [&]<typename T>() -> Status {
    const Matrices<T> a(args.factor);
    Int* info = args.info.as<Int>();
    const double work = cubed(a.rows) / 3;
    const int64_t count = batch_of(args.factor);
    const ThreadLimit limit(count == 1 && work <= kOneThread);
    for_each_matrix(count, work, [&](int64_t i, int) {
      info[i] = a.rows ? lapack::potrf(args.upper ? 'U' : 'L', a.rows, a[i], a.ld) : 0;
      keep_triangle(a[i], a.rows, a.cols, args.upper);
    });
    return {};
  });
}

Status ldl_factor(LdlFactorArgs& args) {
  return visit_lapack(args.ld.dtype, [&]<typename T>() -> Status {
    const Matrices<T> a(args.ld);
    const Vectors<Int> pivots(args.pivots);
    Int* info = args.info.as<Int>();
    if (a.rows == 0) {
      std::fill_n(info, args.info.numel(), 0);
      return {};
    }
    const auto factor = [&](Int n, T* m, Int ld, Int* p, T* w, Int size) {
      return args.hermitian ? lapack::hetrf(n, m, ld, p, w, size) : lapack::sytrf(n, m, ld, p, w, size);
    };
    T size(0);
    factor(a.rows, a.data, a.ld, pivots.data, &size, -1);
    const ThreadWorkspace<T> work(lapack::queried(size));
    for_each_matrix(batch_of(args.ld), cubed(a.rows) / 3, [&](int64_t i, int thread) {
      info[i] = factor(a.rows, a[i], a.ld, pivots[i], work[thread], work.size());
      keep_triangle(a[i], a.rows, a.cols, false);
    });
    return {};
  });
}

Status ldl_solve(LdlSolveArgs& args) {
  if (args.x.numel() == 0) return {};
  if (const Status status = check_block_pivots(args.pivots, args.ld.shape[args.ld.ndim - 1]); !status.ok())
    return status;
  return visit_lapack(args.x.dtype, [&]<typename T>() -> Status {
    const Matrices<T> x(args.x), a(args.ld);
    const Vectors<Int> pivots(args.pivots);
    for_each_matrix(batch_of(args.x), double(a.rows) * a.rows * x.cols, [&](int64_t i, int) {
      if (args.hermitian)
        lapack::hetrs(a.rows, x.cols, a[i], a.ld, pivots[i], x[i], x.ld);
      else
        lapack::sytrs(a.rows, x.cols, a[i], a.ld, pivots[i], x[i], x.ld);
    });
    return {};
  });
}

Status triangular_solve(TriangularSolveArgs& args) {
  if (args.x.numel() == 0) return {};
  return visit_lapack(args.x.dtype, [&]<typename T>() -> Status {
    const Matrices<T> x(args.x), a(args.a);
    const char trans = "NTC"[args.transpose];
    for_each_matrix(batch_of(args.x), double(a.rows) * x.rows * x.cols, [&](int64_t i, int) {
      lapack::trsm<T>(args.left, args.upper, trans, args.unit, x.rows, x.cols, a[i], a.ld, x[i], x.ld);
    });
    return {};
  });
}

Status pivots_to_permutation(PivotsToPermutationArgs& args) {
  if (args.permutation.numel() == 0) return {};
  const Vectors<int64_t> permutation(args.permutation);
  if (const Status status = check_pivots(args.pivots, permutation.size); !status.ok()) return status;
  const Vectors<int32_t> pivots(args.pivots);
  const int64_t count = args.permutation.numel() / permutation.size;
  for (int64_t i = 0; i < count; ++i) {
    int64_t* order = permutation[i];
    for (int64_t k = 0; k < permutation.size; ++k) order[k] = k;
    for (int64_t k = 0; k < pivots.size; ++k) std::swap(order[k], order[pivots[i][k] - 1]);
  }
  return {};
}

Status check_info(CheckInfoArgs& args) {
  const int32_t* info = args.info.as<int32_t>();
  const int64_t n = args.info.numel();
  for (int64_t i = 0; i < n; ++i)
    if (info[i] != 0) return {StatusCode::singular, i, info[i]};
  return {};
}

}  // namespace flambeau::cpu
