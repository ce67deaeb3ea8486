// What a Fourier transform of one length needs to know beforehand: its factors, its roots of unity, how it is split.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace flambeau::cpu::fft {

// Primes up to here have a butterfly; a length with a larger one goes through Bluestein's convolution.
inline constexpr int kMaxRadix = 31;
// Lanes of the widest vector that the blocks use: 32 bytes of float.
inline constexpr int kMaxLanes = 8;

// One pass of Stockham's algorithm: m · s butterflies of `radix`.
struct Pass {
  int radix;
  int64_t m, s;
  size_t twiddles;  // where its m · (radix - 1) factors lie
  size_t prime;     // for an odd radix p: where cos and sin of 2πk/p lie, k < p
};

template <typename R>
struct Passes {
  int64_t n = 1;
  std::vector<Pass> list;
  std::vector<R> table;  // pairs
};

// n = columns.n · rows.n, the four-step split: element i · rows.n + j is in row i and column j. The factor of row k and
// column j between the steps, exp(-2πi jk/n), is coarse[k / step] · fine[k % step], one row of (re…, im…) each.
template <typename R>
struct Split {
  Passes<R> columns, rows;
  int64_t step, width;
  std::vector<R> coarse, fine;
};

// exp(-2πik/n) for 0 ≤ k ≤ n/4, as coarse[k / step] · fine[k % step].
template <typename R>
struct Roots {
  int64_t step = 1;
  std::vector<R> coarse, fine;

  size_t nbytes() const { return (coarse.size() + fine.size()) * sizeof(R); }
};

template <typename R>
struct Plan {
  int64_t n;       // the length that is asked for
  int64_t m;       // the length that is transformed: n, or that of the convolution
  bool convolves;  // Bluestein: n has a large prime factor
  bool splits;     // whether `split` or `whole` is filled
  Passes<R> whole;
  Split<R> split;
  std::vector<R> chirp;  // exp(-πik²/n), pairs
  // The transform over m of the conjugate chirp, conjugated, over m: pairs, or for a split in the order of its steps.
  std::vector<R> response;

  size_t nbytes() const;
};

// From a cache that threads share. `lanes`: those of the blocks. A plan splits only where n does.
template <typename R>
std::shared_ptr<const Plan<R>> find_plan(int64_t n, bool split, int lanes);
template <typename R>
std::shared_ptr<const Roots<R>> find_roots(int64_t n);

// Whether n (or the length of its convolution) has two factors of at least `least`.
bool can_split(int64_t n, int64_t least);
// The length that a transform of n computes with.
int64_t transformed_length(int64_t n);

}  // namespace flambeau::cpu::fft
