#include "fft_plan.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <mutex>
#include <numbers>

#include "fft_lines.h"

namespace flambeau::cpu::fft {
namespace {

struct Root {
  double re, im;
};

// exp(-2πik/n), from the cosine and sine of an angle of at most π/4, so that its error is that of one rounding.
Root root(int64_t k, int64_t n) {
  // In quarters of the circle, n units each.
  int64_t t = 4 * (k % n);
  const bool below = t <= 2 * n;
  if (!below) t = 4 * n - t;
  const bool left = t > n;
  if (left) t = 2 * n - t;
  const bool steep = 2 * t > n;
  if (steep) t = n - t;
  const double angle = std::numbers::pi / 2 * (static_cast<double>(t) / static_cast<double>(n));
  const double c = steep ? std::sin(angle) : std::cos(angle), s = steep ? std::cos(angle) : std::sin(angle);
  return {left ? -c : c, below ? -s : s};
}

template <typename R>
void push(std::vector<R>& list, Root w) {
  list.push_back(static_cast<R>(w.re));
  list.push_back(static_cast<R>(w.im));
}

// The radices whose product is n, or none where a prime is too large.
std::vector<int> radices(int64_t n) {
  std::vector<int> list;
  int twos = 0;
  for (; n % 2 == 0; n /= 2) ++twos;
  while (twos > 0) {
    const int bits = twos == 2 || twos == 4 ? 2 : std::min(twos, 3);
    list.push_back(1 << bits);
    twos -= bits;
  }
  for (int p = 3; p <= kMaxRadix; p += 2)
    for (; n % p == 0; n /= p) list.push_back(p);
  if (n > 1) list.clear();
  return list;
}

bool smooth(int64_t n) { return n == 1 || !radices(n).empty(); }

template <typename R>
Passes<R> make_passes(int64_t n) {
  Passes<R> passes;
  passes.n = n;
  int64_t left = n, s = 1;
  for (const int radix : radices(n)) {
    const int64_t m = left / radix;
    Pass pass{radix, m, s, passes.table.size(), 0};
    for (int64_t p = 0; p < m; ++p)
      for (int j = 1; j < radix; ++j) push(passes.table, root(p * j, left));
    pass.prime = passes.table.size();
    if (radix % 2 == 1)
      for (int k = 0; k < radix; ++k) {
        const Root w = root(k, radix);
        push(passes.table, {w.re, -w.im});
      }
    passes.list.push_back(pass);
    left = m;
    s *= radix;
  }
  return passes;
}

int64_t padded(int64_t n) { return (n + kMaxLanes - 1) / kMaxLanes * kMaxLanes; }

// The number of columns · rows that computes least, counting lanes that stay empty and how uneven the two are.
int64_t split_of(int64_t n) {
  int64_t best = 1;
  double least = 0;
  for (int64_t a = 1; a * a <= n; ++a) {
    if (n % a != 0) continue;
    for (const int64_t rows : {a, n / a}) {
      const int64_t columns = n / rows;
      const double work = static_cast<double>(padded(rows) * columns + padded(columns) * rows) / static_cast<double>(n);
      const double cost = work + 0.1 * std::abs(std::log2(static_cast<double>(rows) / static_cast<double>(columns)));
      if (best == 1 || cost < least) {
        best = rows;
        least = cost;
      }
    }
  }
  return best;
}

template <typename R>
Split<R> make_split(int64_t n) {
  Split<R> split;
  const int64_t rows = split_of(n), columns = n / rows;
  split.rows = make_passes<R>(rows);
  split.columns = make_passes<R>(columns);
  split.width = padded(rows);
  split.step = kMaxLanes;
  // Short ones have all factors in `fine`, long ones about as many in both.
  while (split.step < columns && (n <= 4096 || split.step * split.step < columns)) split.step *= 2;
  const auto fill = [&](std::vector<R>& table, int64_t count, int64_t by) {
    table.assign(static_cast<size_t>(2 * count * split.width), R(0));
    for (int64_t k = 0; k < count; ++k)
      for (int64_t j = 0; j < rows; ++j) {
        const Root w = root(k * by % n * j, n);
        table[2 * k * split.width + j] = static_cast<R>(w.re);
        table[(2 * k + 1) * split.width + j] = static_cast<R>(w.im);
      }
  };
  fill(split.coarse, (columns + split.step - 1) / split.step, split.step);
  fill(split.fine, split.step, 1);
  return split;
}

template <typename R>
void convolve_with_chirp(Plan<R>& plan, int lanes) {
  const int64_t n = plan.n, m = plan.m;
  std::vector<double> signal(2 * m, 0), spectrum(2 * m);
  for (int64_t k = 0, square = 0; k < n; square = (square + 2 * k + 1) % (2 * n), ++k) {
    const Root w = root(square, 2 * n);
    push(plan.chirp, w);
    for (const int64_t at : {k, (m - k) % m}) {
      signal[2 * at] = w.re;
      signal[2 * at + 1] = -w.im;
    }
  }
  // Vectors read past the end.
  plan.chirp.resize(plan.chirp.size() + 2 * kMaxLanes, R(0));
  transform_pairs(signal.data(), spectrum.data(), m);
  const auto over_m = [&](int64_t k) {
    return Root{spectrum[2 * k] / static_cast<double>(m), -spectrum[2 * k + 1] / static_cast<double>(m)};
  };
  if (!plan.splits) {
    for (int64_t k = 0; k < m; ++k) push(plan.response, over_m(k));
    return;
  }
  const int64_t columns = plan.split.columns.n, rows = plan.split.rows.n;
  const int64_t groups = (columns + lanes - 1) / lanes;
  plan.response.assign(static_cast<size_t>(groups * rows * 2 * lanes), R(0));
  for (int64_t k = 0; k < m; ++k) {
    const int64_t column = k % columns, row = k / columns;
    R* at = plan.response.data() + ((column / lanes) * rows + row) * 2 * lanes + column % lanes;
    at[0] = static_cast<R>(over_m(k).re);
    at[lanes] = static_cast<R>(over_m(k).im);
  }
}

template <typename R>
size_t size_in_bytes(const Passes<R>& passes) {
  return passes.table.size() * sizeof(R);
}

// The entries used last, as long as they fit.
template <typename Entry>
class Cache {
 public:
  template <typename Make>
  std::shared_ptr<const Entry> get(int64_t key, const Make& make) {
    {
      const std::lock_guard lock(mutex_);
      for (auto it = items_.begin(); it != items_.end(); ++it)
        if (it->key == key) {
          items_.splice(items_.begin(), items_, it);
          return it->entry;
        }
    }
    std::shared_ptr<const Entry> made = make();
    const size_t nbytes = made->nbytes();
    const std::lock_guard lock(mutex_);
    items_.push_front({key, made, nbytes});
    nbytes_ += nbytes;
    // The newest stays, however large it is.
    while (items_.size() > 1 && (nbytes_ > kMostBytes || items_.size() > kMostEntries)) {
      nbytes_ -= items_.back().nbytes;
      items_.pop_back();
    }
    return made;
  }

 private:
  static constexpr size_t kMostBytes = size_t{64} << 20, kMostEntries = 64;
  struct Item {
    int64_t key;
    std::shared_ptr<const Entry> entry;
    size_t nbytes;
  };
  std::mutex mutex_;
  std::list<Item> items_;
  size_t nbytes_ = 0;
};

}  // namespace

template <typename R>
size_t Plan<R>::nbytes() const {
  return size_in_bytes(whole) + size_in_bytes(split.columns) + size_in_bytes(split.rows) +
         (split.coarse.size() + split.fine.size() + chirp.size() + response.size()) * sizeof(R);
}
template size_t Plan<float>::nbytes() const;
template size_t Plan<double>::nbytes() const;

int64_t transformed_length(int64_t n) {
  if (smooth(n)) return n;
  const int64_t least = 2 * n - 1;
  int64_t best = 0;
  double least_cost = 0;
  // Powers of two, times 3, 5, 9 or 15 where that saves more than such factors cost.
  for (const int64_t odd : {1, 3, 5, 9, 15}) {
    int64_t m = odd;
    int twos = 0;
    for (; m < least; m *= 2) ++twos;
    const double odd_work = odd == 1 ? 0 : odd == 3 ? 1.9 : odd == 5 ? 3 : odd == 9 ? 3.8 : 4.9;
    const double cost = static_cast<double>(m) * (twos + odd_work);
    if (best == 0 || cost < least_cost) {
      best = m;
      least_cost = cost;
    }
  }
  return best;
}

bool can_split(int64_t n, int64_t least) {
  const int64_t m = transformed_length(n), rows = split_of(m);
  return std::min(rows, m / rows) >= least;
}

template <typename R>
std::shared_ptr<const Plan<R>> find_plan(int64_t n, bool split, int lanes) {
  static auto* cache = new Cache<Plan<R>>;
  return cache->get(2 * n + split, [&] {
    auto plan = std::make_shared<Plan<R>>();
    plan->n = n;
    plan->m = transformed_length(n);
    plan->convolves = plan->m != n;
    plan->splits = split;
    if (split)
      plan->split = make_split<R>(plan->m);
    else
      plan->whole = make_passes<R>(plan->m);
    if (plan->convolves) convolve_with_chirp(*plan, lanes);
    return plan;
  });
}
template std::shared_ptr<const Plan<float>> find_plan<float>(int64_t, bool, int);
template std::shared_ptr<const Plan<double>> find_plan<double>(int64_t, bool, int);

template <typename R>
std::shared_ptr<const Roots<R>> find_roots(int64_t n) {
  static auto* cache = new Cache<Roots<R>>;
  return cache->get(n, [&] {
    auto roots = std::make_shared<Roots<R>>();
    const int64_t count = n / 4 + 1;
    while (roots->step < count && (n <= 8192 || roots->step * roots->step < count)) roots->step *= 2;
    for (int64_t k = 0; k < count; k += roots->step) push(roots->coarse, root(k, n));
    for (int64_t k = 0; k < roots->step; ++k) push(roots->fine, root(k, n));
    return roots;
  });
}
template std::shared_ptr<const Roots<float>> find_roots<float>(int64_t);
template std::shared_ptr<const Roots<double>> find_roots<double>(int64_t);

}  // namespace flambeau::cpu::fft
