// QR by Householder reflectors, and least squares.
#include "flambeau/kernels/linalg_orthogonal.gen.h"
#include "linalg.h"

namespace flambeau::cpu {

using lapack::Int;

Status qr_factor(QrFactorArgs& args) {
  if (args.a.numel() == 0) return {};
  return visit_lapack(args.a.dtype, [&]<typename T>() -> Status {
    const Matrices<T> a(args.a);
    const Vectors<T> tau(args.tau);
    T size(0);
    lapack::geqrf(a.rows, a.cols, a.data, a.ld, tau.data, &size, -1);
    const ThreadWorkspace<T> work(lapack::queried(size));
    const double operations = 2.0 * a.rows * a.cols * std::min(a.rows, a.cols);
    for_each_matrix(batch_of(args.a), operations, [&](int64_t i, int thread) {
      lapack::geqrf(a.rows, a.cols, a[i], a.ld, tau[i], work[thread], work.size());
    });
    return {};
  });
}

Status householder_product(HouseholderProductArgs& args) {
  if (args.q.numel() == 0) return {};
  return visit_lapack(args.q.dtype, [&]<typename T>() -> Status {
    const Matrices<T> q(args.q);
    const Vectors<T> tau(args.tau);
    const Int k = static_cast<Int>(tau.size);
    T size(0);
    lapack::ungqr(q.rows, q.cols, k, q.data, q.ld, tau.data, &size, -1);
    const ThreadWorkspace<T> work(lapack::queried(size));
    for_each_matrix(batch_of(args.q), 2.0 * q.rows * q.cols * q.cols, [&](int64_t i, int thread) {
      lapack::ungqr(q.rows, q.cols, k, q[i], q.ld, tau[i], work[thread], work.size());
    });
    return {};
  });
}

Status householder_multiply(HouseholderMultiplyArgs& args) {
  if (args.c.numel() == 0) return {};
  return visit_lapack(args.c.dtype, [&]<typename T>() -> Status {
    const Matrices<T> c(args.c), a(args.a);
    const Vectors<T> tau(args.tau);
    const Int k = static_cast<Int>(tau.size);
    const char side = args.left ? 'L' : 'R';
    T size(0);
    lapack::unmqr(side, args.transpose, c.rows, c.cols, k, a.data, a.ld, tau.data, c.data, c.ld, &size, -1);
    const ThreadWorkspace<T> work(lapack::queried(size));
    // The routine writes to the reflectors and puts them back, so each thread has its own where a batch shares them.
    for_each_matrix(batch_of(args.c), 4.0 * c.rows * c.cols * k, [&](int64_t i, int thread) {
      lapack::unmqr(side, args.transpose, c.rows, c.cols, k, a[i], a.ld, tau[i], c[i], c.ld, work[thread], work.size());
    });
    return {};
  });
}

Status least_squares(LeastSquaresArgs& args) {
  return visit_lapack(args.a.dtype, [&]<typename T>() -> Status {
    using R = lapack::Real<T>;
    const Matrices<T> a(args.a), b(args.b);
    Int* info = args.info.as<Int>();
    const int64_t count = batch_of(args.a), k = std::min(a.rows, a.cols);
    std::fill_n(info, count, 0);
    if (args.rank.defined()) std::fill_n(args.rank.as<int64_t>(), count, 0);
    if (k == 0 || count == 0) return {};
    const R rcond = static_cast<R>(args.rcond);
    const ThreadWorkspace<R> values(k);
    const ThreadWorkspace<Int> columns(a.cols);
    const auto solve = [&](int64_t i, R* s, Int* order, Int* rank, T* work, Int lwork, R* rwork, Int* iwork) {
      switch (args.driver) {
        case 0:
          *rank = static_cast<Int>(k);
          return lapack::gels('N', a.rows, a.cols, b.cols, a[i], a.ld, b[i], b.ld, work, lwork);
        case 1:
          if (order) std::fill_n(order, a.cols, 0);
          return lapack::gelsy(a.rows, a.cols, b.cols, a[i], a.ld, b[i], b.ld, order, rcond, rank, work, lwork, rwork);
        case 2:
          return lapack::gelsd(a.rows, a.cols, b.cols, a[i], a.ld, b[i], b.ld, s, rcond, rank, work, lwork, rwork,
                               iwork);
        default:
          return lapack::gelss(a.rows, a.cols, b.cols, a[i], a.ld, b[i], b.ld, s, rcond, rank, work, lwork, rwork);
      }
    };
    T size(0);
    R rsize(0);
    Int isize = 0, rank = 0;
    solve(0, values[0], columns[0], &rank, &size, -1, &rsize, &isize);
    const ThreadWorkspace<T> work(lapack::queried(size));
    // Only gelsd answers for its real and integer workspaces.
    const ThreadWorkspace<R> rwork(std::max<int64_t>({lapack::queried(rsize), 5 * k, 2 * a.cols}));
    const ThreadWorkspace<Int> iwork(isize);
    const double operations = 2.0 * a.rows * a.cols * k + 4.0 * a.rows * a.cols * b.cols;
    for_each_matrix(count, operations, [&](int64_t i, int thread) {
      Int found = 0;
      R* s = args.singular.defined() ? args.singular.as<R>() + i * k : values[thread];
      info[i] = solve(i, s, columns[thread], &found, work[thread], work.size(), rwork[thread], iwork[thread]);
      if (args.rank.defined()) args.rank.as<int64_t>()[i] = found;
    });
    return {};
  });
}

}  // namespace flambeau::cpu
