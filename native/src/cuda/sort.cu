// Sorting and selection along a dimension: lines become keys whose order as unsigned integers is that of the values,
// with their positions, and are sorted by bitonic networks, in shared memory as far as they fit. Equal values keep
// their order.
#include <algorithm>
#include <memory>

#include "flambeau/kernels/sort.gen.h"
#include "kernels.h"
#include "lines.cuh"

namespace flambeau::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int64_t kShared = 2 * kThreads;  // elements that a block sorts by itself

struct Keyed {
  uint64_t key;
  int64_t index;
};
__device__ __forceinline__ bool before(const Keyed& a, const Keyed& b) {
  return a.key != b.key ? a.key < b.key : a.index < b.index;
}

// -0 equals 0, NaN is last (cpu/sort_keys.h).
__device__ __forceinline__ uint64_t sort_key(const void* data, DType dtype, int64_t i) {
  if (is_floating(dtype)) {
    const double x = load_real<double>(data, dtype, i);
    if (x != x) return ~uint64_t{0};
    const uint64_t bits = x == 0 ? 0 : static_cast<uint64_t>(__double_as_longlong(x));
    return bits >> 63 ? ~bits : bits | (uint64_t{1} << 63);
  }
  return static_cast<uint64_t>(load<int64_t>(data, dtype, i)) ^ (uint64_t{1} << 63);
}

__global__ void load_keys(Keyed* keys, const void* in, DType dtype, const __grid_constant__ Lines<1> lines,
                          int64_t padded, bool descending) {
  const int64_t total = lines.count * padded, step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total; i += step) {
    const int64_t line = i / padded, at = i % padded;
    // What fills a line up comes after everything.
    if (at >= lines.size) {
      keys[i] = {~uint64_t{0}, INT64_MAX};
      continue;
    }
    int64_t offset[1];
    lines.at.at(line, offset);
    const uint64_t key = sort_key(in, dtype, offset[0] + at * lines.steps[0]);
    keys[i] = {descending ? ~key : key, at};
  }
}

// Exchanges element i with its partner j ≥ i, where the run of `size` elements that i is in is to ascend or descend.
__device__ __forceinline__ void exchange(Keyed& a, Keyed& b, bool ascending) {
  if (before(b, a) == ascending) {
    const Keyed t = a;
    a = b;
    b = t;
  }
}

// Sorts runs of kShared elements (merging = false), or does the steps below kShared of a merge of runs of `size`.
__global__ void __launch_bounds__(kThreads) sort_shared(Keyed* keys, int64_t padded, int64_t size, bool merging) {
  __shared__ Keyed shared[kShared];
  const int64_t length = padded < kShared ? padded : kShared;
  const int64_t base = static_cast<int64_t>(blockIdx.x) * length;
  for (int64_t i = threadIdx.x; i < length; i += kThreads) shared[i] = keys[base + i];
  const auto steps = [&](int64_t run, int64_t first) {
    for (int64_t step = first; step > 0; step /= 2) {
      __syncthreads();
      for (int64_t t = threadIdx.x; t < length / 2; t += kThreads) {
        const int64_t i = 2 * t - (t & (step - 1));
        exchange(shared[i], shared[i + step], (((base + i) % padded) & run) == 0);
      }
    }
  };
  if (merging)
    steps(size, length / 2);
  else
    for (int64_t run = 2; run <= length; run *= 2) steps(run, run / 2);
  __syncthreads();
  for (int64_t i = threadIdx.x; i < length; i += kThreads) keys[base + i] = shared[i];
}

__global__ void merge_step(Keyed* keys, int64_t total, int64_t padded, int64_t run, int64_t step) {
  const int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t t = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; t < total / 2; t += stride) {
    const int64_t i = 2 * t - (t & (step - 1));
    exchange(keys[i], keys[i + step], ((i % padded) & run) == 0);
  }
}

// The sorted keys of the lines of a tensor, each filled up to a power of two.
struct Sorted {
  std::unique_ptr<Workspace> memory;
  int64_t padded = 1;

  Sorted(const TensorView& input, const Lines<1>& lines, bool descending) {
    while (padded < lines.size) padded *= 2;
    const int64_t total = lines.count * padded;
    memory = std::make_unique<Workspace>(static_cast<size_t>(total) * sizeof(Keyed));
    Keyed* keys = memory->as<Keyed>();
    const cudaStream_t stream = context().stream;
    load_keys<<<blocks_for(total, 256), 256, 0, stream>>>(keys, input.data, input.dtype, lines, padded, descending);
    if (padded == 1) return;
    const auto blocks = static_cast<unsigned>(total / std::min(padded, kShared));
    sort_shared<<<blocks, kThreads, 0, stream>>>(keys, padded, 0, false);
    for (int64_t run = 2 * kShared; run <= padded; run *= 2) {
      for (int64_t step = run / 2; step >= kShared; step /= 2)
        merge_step<<<blocks_for(total / 2, 256), 256, 0, stream>>>(keys, total, padded, run, step);
      sort_shared<<<blocks, kThreads, 0, stream>>>(keys, padded, run, true);
    }
  }
  const Keyed* keys() const { return memory->as<Keyed>(); }
};

// The first `count` of each line.
template <typename T>
__global__ void take(T* values, int64_t* indices, const T* in, const Keyed* keys, int64_t padded, int64_t count,
                     const __grid_constant__ Lines<3> lines) {
  const int64_t total = lines.count * count, step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < total; i += step) {
    const int64_t line = i / count, k = i % count, index = keys[line * padded + k].index;
    int64_t at[3];
    lines.at.at(line, at);
    values[at[1] + k * lines.steps[1]] = in[at[0] + index * lines.steps[0]];
    indices[at[2] + k * lines.steps[2]] = index;
  }
}

// One element of each line: the k-th smallest; -1: the lower median, where a NaN wins; -2: the median of what is not
// NaN; -3: the smallest among the most frequent values, and the last of its positions.
template <typename T>
__global__ void take_one(T* values, int64_t* indices, const T* in, const Keyed* keys, int64_t padded, int64_t k,
                         const __grid_constant__ Lines<3> lines) {
  const int64_t line = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (line >= lines.count) return;
  const Keyed* own = keys + line * padded;
  const int64_t size = lines.size;
  int64_t at = k;
  if (k == -3) {
    int64_t longest = 0, run = 0;
    for (int64_t i = 0; i < size; ++i) {
      run = i > 0 && own[i].key == own[i - 1].key ? run + 1 : 1;
      if (run > longest) {
        longest = run;
        at = i;
      }
    }
  } else if (k < 0) {
    int64_t numbers = size;
    while (numbers > 0 && own[numbers - 1].key == ~uint64_t{0}) --numbers;
    if (k == -1 && numbers < size)
      at = numbers;  // the first NaN
    else
      at = numbers == 0 ? 0 : (numbers - 1) / 2;
  }
  int64_t offsets[3];
  lines.at.at(line, offsets);
  const int64_t index = own[at].index;
  values[offsets[1]] = in[offsets[0] + index * lines.steps[0]];
  indices[offsets[2]] = index;
}

Status select(const TensorView& values, const TensorView& indices, const TensorView& input, int64_t dim, int64_t k) {
  if (values.numel() == 0) return {};
  if (is_complex(input.dtype)) return unsupported(input.dtype);
  const Lines<1> lines({&input}, dim);
  const Lines<3> all({&input, &values, &indices}, dim);
  const Sorted sorted(input, lines, false);
  visit_size(size_of(input.dtype), [&]<typename T>() {
    take_one<<<static_cast<unsigned>((all.count + 127) / 128), 128, 0, context().stream>>>(
        values.as<T>(), indices.as<int64_t>(), input.as<T>(), sorted.keys(), sorted.padded, k, all);
  });
  return launched();
}

Status take_first(const TensorView& values, const TensorView& indices, const TensorView& input, int64_t dim,
                  bool descending) {
  if (values.numel() == 0) return {};
  if (is_complex(input.dtype)) return unsupported(input.dtype);
  const Lines<1> lines({&input}, dim);
  const Lines<3> all({&input, &values, &indices}, dim);
  const Sorted sorted(input, lines, descending);
  const int64_t count = values.ndim == 0 ? 1 : values.shape[dim];
  visit_size(size_of(input.dtype), [&]<typename T>() {
    take<<<blocks_for(all.count * count, 256), 256, 0, context().stream>>>(
        values.as<T>(), indices.as<int64_t>(), input.as<T>(), sorted.keys(), sorted.padded, count, all);
  });
  return launched();
}

// A NaN is after everything, also for `left`; and it has no key that tells it from the last.
__global__ void search(void* out, bool narrow, const void* edges, const void* values, DType dtype, const int64_t* order,
                       int64_t n, int64_t size, int64_t per_line, bool right, ErrorSlot errors) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const int64_t line = per_line == 0 ? 0 : i / per_line * size;
  const uint64_t x = sort_key(values, dtype, i);
  const bool nan = is_floating(dtype) && x == ~uint64_t{0};
  int64_t low = 0, high = size;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    int64_t at = middle;
    if (order) {
      at = order[line + middle];
      if (at < 0 || at >= size) {
        report(errors, StatusCode::index_out_of_range, line + middle, at, size);
        break;
      }
    }
    const uint64_t edge = sort_key(edges, dtype, line + at);
    const bool edge_nan = is_floating(dtype) && edge == ~uint64_t{0};
    const bool stop = !nan && !edge_nan && (right ? edge > x : edge >= x);
    if (stop)
      high = middle;
    else
      low = middle + 1;
  }
  if (narrow)
    static_cast<int32_t*>(out)[i] = static_cast<int32_t>(low);
  else
    static_cast<int64_t*>(out)[i] = low;
}

// One block goes through the rows in order and numbers the runs of equal ones.
__global__ void __launch_bounds__(1024)
    number_runs(int64_t* run, int64_t* first, int64_t* count, const void* x, DType dtype, const int64_t* order,
                int64_t n, int64_t width, ErrorSlot errors) {
  __shared__ int shared[1024];
  __shared__ int64_t carried;
  if (threadIdx.x == 0) carried = 0;
  for (int64_t from = 0; from < n; from += 1024) {
    const int64_t i = from + threadIdx.x;
    int64_t row = i;
    bool begins = false, usable = i < n;
    if (usable) {
      int64_t previous = i - 1;
      if (order) {
        row = order[i];
        previous = i > 0 ? order[i - 1] : 0;
        if (row < 0 || row >= n || previous < 0 || previous >= n) {
          report(errors, StatusCode::index_out_of_range, i, row, n);
          usable = false;
        }
      }
      begins = usable && i == 0;
      if (usable && i > 0)
        visit(dtype, [&]<typename T>() {
          const T* data = static_cast<const T*>(x);
          for (int64_t c = 0; !begins && c < width; ++c) {
            const T a = data[row * width + c], b = data[previous * width + c];
            if constexpr (kComplex<T>)
              begins = !(a.re == b.re && a.im == b.im);
            else
              begins = !(convert<ComputeOf<T>>(a) == convert<ComputeOf<T>>(b));
          }
        });
    }
    shared[threadIdx.x] = begins;
    __syncthreads();
    for (int step = 1; step < 1024; step *= 2) {
      const int other = static_cast<int>(threadIdx.x) >= step ? shared[threadIdx.x - step] : 0;
      __syncthreads();
      shared[threadIdx.x] += other;
      __syncthreads();
    }
    const int64_t number = carried + shared[threadIdx.x] - 1;
    if (usable) run[row] = number;
    if (begins) first[number] = row;
    __syncthreads();
    if (threadIdx.x == 0) carried += shared[1023];
    __syncthreads();
  }
  if (threadIdx.x == 0) *count = carried;
}

__global__ void take_indices(int64_t* order, const Keyed* keys, int64_t n) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) order[i] = keys[i].index;
}

}  // namespace

Status sort(SortArgs& args) { return take_first(args.values, args.indices, args.input, args.dim, args.descending); }

Status topk(TopkArgs& args) { return take_first(args.values, args.indices, args.input, args.dim, args.largest); }

Status kth_value(KthValueArgs& args) { return select(args.values, args.indices, args.input, args.dim, args.k); }

Status mode(ModeArgs& args) { return select(args.values, args.indices, args.input, args.dim, -3); }

Status searchsorted(SearchsortedArgs& args) {
  const int64_t n = args.out.numel();
  if (n == 0) return {};
  const TensorView& edges = args.boundaries;
  if (is_complex(edges.dtype)) return unsupported(edges.dtype);
  const int64_t size = edges.ndim == 0 ? 1 : edges.shape[edges.ndim - 1];
  const int64_t per_line = edges.ndim <= 1 ? 0 : args.values.ndim == 0 ? 1 : args.values.shape[args.values.ndim - 1];
  search<<<static_cast<unsigned>((n + 255) / 256), 256, 0, context().stream>>>(
      args.out.data, args.out.dtype == DType::i32, edges.data, args.values.data, edges.dtype,
      args.sorter.defined() ? args.sorter.as<int64_t>() : nullptr, n, size, per_line, args.right, context().errors);
  return launched();
}

// Rows of several columns have no single key.
Status sort_rows(SortRowsArgs& args) {
  const int64_t n = args.input.shape[0], width = args.input.shape[1];
  if (width != 1) return {StatusCode::no_kernel};
  if (n == 0) return {};
  if (is_complex(args.input.dtype)) return unsupported(args.input.dtype);
  const Lines<1> lines({&args.input}, 0);
  const Sorted sorted(args.input, lines, false);
  take_indices<<<static_cast<unsigned>((n + 255) / 256), 256, 0, context().stream>>>(args.order.as<int64_t>(),
                                                                                     sorted.keys(), n);
  return launched();
}

Status find_runs(FindRunsArgs& args) {
  number_runs<<<1, 1024, 0, context().stream>>>(args.run.as<int64_t>(), args.first.as<int64_t>(),
                                                args.count.as<int64_t>(), args.input.data, args.input.dtype,
                                                args.order.defined() ? args.order.as<int64_t>() : nullptr,
                                                args.input.shape[0], args.input.shape[1], context().errors);
  return launched();
}

}  // namespace flambeau::cuda
