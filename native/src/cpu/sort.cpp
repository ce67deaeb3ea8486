// Sorting and selection along a dimension.
#include "along_dim.h"
#include "flambeau/kernels/sort.gen.h"
#include "sort_keys.h"

namespace flambeau::cpu {
namespace {

template <typename Body>
Status for_ordered(DType dtype, const Body& body) {
  return visit_dtype(dtype, [&]<typename T>() -> Status {
    if constexpr (kIsComplex<T>) {
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(dtype)};
    } else {
      body.template operator()<T>();
      return {};
    }
  });
}

// By key alone: equal keys come in the order that the algorithm leaves them in. Which positions are reported for equal
// values is then PyTorch's, whose algorithms (those of the standard library, and the selection below) these are.
inline constexpr auto by_key = [](const auto& a, const auto& b) { return key_of(a) < key_of(b); };

// Quickselect with the median of three as pivot; position k holds the k-th smallest afterwards.
template <typename K>
void quick_select(std::vector<K>& v, int64_t k) {
  const auto greater = [&](const K& a, const K& b) { return key_of(b) < key_of(a); };
  int64_t left = 0, right = static_cast<int64_t>(v.size()) - 1;
  while (left < right) {
    if (right == left + 1) {
      if (greater(v[left], v[right])) std::swap(v[left], v[right]);
      return;
    }
    std::swap(v[left + (right - left) / 2], v[left + 1]);
    if (greater(v[left + 1], v[right])) std::swap(v[left + 1], v[right]);
    if (greater(v[left], v[right])) std::swap(v[left], v[right]);
    if (greater(v[left + 1], v[left])) std::swap(v[left + 1], v[left]);
    int64_t i = left + 1, j = right;
    const K pivot = v[left];
    for (;;) {
      do ++i;
      while (greater(pivot, v[i]));
      do --j;
      while (greater(v[j], pivot));
      if (j < i) break;
      std::swap(v[i], v[j]);
    }
    std::swap(v[left], v[j]);
    if (j <= k) left = i;
    if (j >= k) right = j - 1;
  }
}

// Sorting costs several passes over a line.
inline constexpr int64_t kSortGrain = kGrain / 16;

template <typename T>
struct LineBuffers {
  std::vector<Keyed<T>> keys, scratch;
  std::vector<SortKey<T>> plain;
};

}  // namespace

Status sort(SortArgs& args) {
  if (args.input.numel() == 0) return {};
  return for_ordered(args.input.dtype, [&]<typename T>() {
    const AlongDim<3> along({&args.input, &args.values, &args.indices}, args.dim);
    const T* in = args.input.as<T>();
    T* values = args.values.as<T>();
    int64_t* indices = args.indices.as<int64_t>();
    const int64_t size = along.sizes[0];
    along.each_line(
        [&](const auto& at) {
          thread_local LineBuffers<T> b;
          load_keys(b.keys, in + at[0], along.steps[0], size, args.descending);
          if (args.stable)
            sort_keyed(b.keys, b.scratch);
          else
            std::sort(b.keys.begin(), b.keys.end(), by_key);
          for (int64_t i = 0; i < size; ++i) {
            const int64_t index = index_of(b.keys[i]);
            indices[at[2] + i * along.steps[2]] = index;
            values[at[1] + i * along.steps[1]] = in[at[0] + index * along.steps[0]];
          }
        },
        kSortGrain);
  });
}

Status topk(TopkArgs& args) {
  if (args.values.numel() == 0) return {};
  return for_ordered(args.input.dtype, [&]<typename T>() {
    const AlongDim<3> along({&args.input, &args.values, &args.indices}, args.dim);
    const T* in = args.input.as<T>();
    T* values = args.values.as<T>();
    int64_t* indices = args.indices.as<int64_t>();
    const int64_t k = along.sizes[1];
    along.each_line(
        [&](const auto& at) {
          thread_local LineBuffers<T> b;
          const T* line = in + at[0];
          const int64_t step = along.steps[0], n = along.sizes[0];
          const bool few = k * 64 <= n;
          if (!few || !sort_distinct_first_keys(b.keys, b.plain, line, step, n, k, args.largest)) {
            load_keys(b.keys, line, step, n, args.largest);
            const auto middle = b.keys.begin() + k;
            if (few) {
              std::partial_sort(b.keys.begin(), middle, b.keys.end(), by_key);
            } else {
              std::nth_element(b.keys.begin(), middle - 1, b.keys.end(), by_key);
              if (args.sorted) std::sort(b.keys.begin(), middle - 1, by_key);
            }
          }
          for (int64_t i = 0; i < k; ++i) {
            const int64_t index = index_of(b.keys[i]);
            indices[at[2] + i * along.steps[2]] = index;
            values[at[1] + i * along.steps[1]] = line[index * step];
          }
        },
        kSortGrain);
  });
}

// k counts from 0; -1 is the lower median, where a NaN wins, and -2 the median of what is not NaN.
Status kth_value(KthValueArgs& args) {
  if (args.values.numel() == 0) return {};
  return for_ordered(args.input.dtype, [&]<typename T>() {
    const AlongDim<3> along({&args.input, &args.values, &args.indices}, args.dim);
    const T* in = args.input.as<T>();
    T* values = args.values.as<T>();
    int64_t* indices = args.indices.as<int64_t>();
    const int64_t size = along.sizes[0];
    along.each_line(
        [&](const auto& at) {
          thread_local LineBuffers<T> b;
          const T* line = in + at[0];
          int64_t k = args.k, found = -1;
          if (k < 0) {
            int64_t nans = 0;
            if constexpr (!std::is_integral_v<T>)
              for (int64_t i = 0; i < size; ++i) {
                const T x = line[i * along.steps[0]];
                if (x == x) continue;
                ++nans;
                if (found < 0) found = i;
              }
            if (k == -2 && nans < size) found = -1;
            k = (size - (k == -2 ? nans : 0) - 1) / 2;
          }
          if (found < 0) {
            load_keys(b.keys, line, along.steps[0], size, false);
            if (args.k < 0)
              std::nth_element(b.keys.begin(), b.keys.begin() + k, b.keys.end());
            else
              quick_select(b.keys, k);
            found = index_of(b.keys[k]);
          }
          indices[at[2]] = found;
          values[at[1]] = line[found * along.steps[0]];
        },
        kSortGrain);
  });
}

// The smallest among the most frequent values.
Status mode(ModeArgs& args) {
  if (args.values.numel() == 0) return {};
  return for_ordered(args.input.dtype, [&]<typename T>() {
    const AlongDim<3> along({&args.input, &args.values, &args.indices}, args.dim);
    const T* in = args.input.as<T>();
    T* values = args.values.as<T>();
    int64_t* indices = args.indices.as<int64_t>();
    const int64_t size = along.sizes[0];
    along.each_line(
        [&](const auto& at) {
          thread_local LineBuffers<T> b;
          load_keys(b.keys, in + at[0], along.steps[0], size, false);
          std::sort(b.keys.begin(), b.keys.end(), by_key);
          int64_t best = 0, longest = 0;
          for (int64_t i = 0, run = 0; i < size; ++i) {
            run = i > 0 && key_of(b.keys[i]) == key_of(b.keys[i - 1]) ? run + 1 : 1;
            if (run > longest) {
              longest = run;
              best = index_of(b.keys[i]);
            }
          }
          indices[at[2]] = best;
          values[at[1]] = in[at[0] + best * along.steps[0]];
        },
        kSortGrain);
  });
}

// Contiguous lines: boundaries [lines or 1][size], values and results [lines][count].
Status searchsorted(SearchsortedArgs& args) {
  if (args.out.numel() == 0) return {};
  const TensorView& edges = args.boundaries;
  const int64_t size = edges.ndim == 0 ? 1 : edges.shape[edges.ndim - 1];
  const bool shared = edges.ndim <= 1;
  const int64_t count = args.values.ndim == 0 ? 1 : args.values.shape[args.values.ndim - 1];
  const int64_t* order = args.sorter.defined() ? args.sorter.as<int64_t>() : nullptr;
  if (order)
    for (int64_t i = 0; i < args.sorter.numel(); ++i)
      if (order[i] < 0 || order[i] >= size) return {StatusCode::index_out_of_range, i, order[i], size};
  return for_ordered(edges.dtype, [&]<typename T>() {
    const T* data = edges.as<T>();
    const T* values = args.values.as<T>();
    parallel_for(args.values.numel(), kGrain / 16, [&](int64_t b, int64_t e) {
      for (int64_t i = b; i < e; ++i) {
        const int64_t line = shared ? 0 : i / count * size;
        const T x = values[i];
        int64_t low = 0, high = size;
        while (low < high) {
          const int64_t middle = (low + high) / 2;
          const T edge = data[line + (order ? order[line + middle] : middle)];
          // A NaN is after everything, also for `left`.
          if (args.right ? !(edge > x) : !(edge >= x))
            low = middle + 1;
          else
            high = middle;
        }
        if (args.out.dtype == DType::i32)
          args.out.as<int32_t>()[i] = static_cast<int32_t>(low);
        else
          args.out.as<int64_t>()[i] = low;
      }
    });
  });
}

// The order of the rows of a contiguous [n, width] input, first column first; equal rows stay in order.
Status sort_rows(SortRowsArgs& args) {
  const int64_t n = args.input.shape[0], width = args.input.shape[1];
  return for_ordered(args.input.dtype, [&]<typename T>() {
    const T* x = args.input.as<T>();
    int64_t* order = args.order.as<int64_t>();
    for (int64_t i = 0; i < n; ++i) order[i] = i;
    std::stable_sort(order, order + n, [&](int64_t a, int64_t b) {
      for (int64_t c = 0; c < width; ++c) {
        const auto p = sort_key(x[a * width + c]), q = sort_key(x[b * width + c]);
        if (p != q) return p < q;
      }
      return false;
    });
  });
}

// Runs of equal rows of a contiguous [n, width] input, taken in `order` where one is given. `run` is the number of the
// run that each row belongs to, `first` the row that begins each run, `count` the number of runs.
Status find_runs(FindRunsArgs& args) {
  const int64_t n = args.input.shape[0], width = args.input.shape[1];
  const int64_t* order = args.order.defined() ? args.order.as<int64_t>() : nullptr;
  int64_t *run = args.run.as<int64_t>(), *first = args.first.as<int64_t>(), runs = 0;
  if (order)
    for (int64_t i = 0; i < n; ++i)
      if (order[i] < 0 || order[i] >= n) return {StatusCode::index_out_of_range, i, order[i], n};
  visit_dtype(args.input.dtype, [&]<typename T>() {
    const T* x = args.input.as<T>();
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = order ? order[i] : i;
      bool same = i > 0;
      const int64_t before = same ? (order ? order[i - 1] : i - 1) : 0;
      for (int64_t c = 0; same && c < width; ++c) same = x[row * width + c] == x[before * width + c];
      if (!same) first[runs++] = row;
      run[row] = runs - 1;
    }
  });
  *args.count.as<int64_t>() = runs;
  return {};
}

}  // namespace flambeau::cpu
