// What depends on how many elements hold: counting them, their coordinates, and moving them together or apart. Blocks
// of elements are counted, the counts summed up, and each block then knows where its elements go.
#include "device.cuh"
#include "flambeau/kernels/indexing.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kPerThread = 8;
constexpr int64_t kPerBlock = kThreads * kPerThread;

// The elements in row-major order; operands are at offsets [v].
template <int kOperands>
struct Elements {
  Offsets<kOperands> at;
  int64_t n = 0;
  template <typename... Views>
  explicit Elements(const TensorView& first, const Views&... more) {
    const TensorView order = row_major(first);
    const TensorView* views[] = {&order, &first, &more...};
    cpu::StridedLoop loop = cpu::make_loop(views);
    for (int d = 0; d < loop.ndim; ++d)
      for (int v = 0; v < kOperands; ++v) loop.strides[d][v] = loop.strides[d][v + 1];
    loop.operands = kOperands;
    at = Offsets<kOperands>(loop);
    n = loop.numel();
  }
};

__device__ __forceinline__ bool holds(const void* data, DType dtype, int64_t i) {
  bool value = false;
  visit(dtype, [&]<typename T>() { value = convert<bool>(static_cast<const T*>(data)[i]); });
  return value;
}

// `operand` is the one that is looked at.
template <int kOperands>
__global__ void count(int64_t* counts, const void* data, DType dtype, int operand,
                      const __grid_constant__ Elements<kOperands> elements) {
  const int64_t from = static_cast<int64_t>(blockIdx.x) * kPerBlock;
  int found = 0;
  for (int k = 0; k < kPerThread; ++k) {
    const int64_t i = from + k * kThreads + threadIdx.x;
    if (i >= elements.n) break;
    int64_t offsets[kOperands];
    elements.at.at(i, offsets);
    found += holds(data, dtype, offsets[operand]);
  }
  found = block_sum(found);
  if (threadIdx.x == 0) counts[blockIdx.x] = found;
}

// One block turns counts into where each block begins; the last is the total.
__global__ void starts_of(int64_t* counts, int64_t blocks) {
  __shared__ int64_t shared[1024];
  int64_t before = 0;
  for (int64_t from = 0; from < blocks; from += 1024) {
    const int64_t i = from + threadIdx.x, own = i < blocks ? counts[i] : 0;
    shared[threadIdx.x] = own;
    __syncthreads();
    for (int step = 1; step < 1024; step *= 2) {
      const int64_t other = static_cast<int>(threadIdx.x) >= step ? shared[threadIdx.x - step] : 0;
      __syncthreads();
      shared[threadIdx.x] += other;
      __syncthreads();
    }
    if (i < blocks) counts[i] = before + shared[threadIdx.x] - own;
    before += shared[1023];
    __syncthreads();
  }
  if (threadIdx.x == 0) counts[blocks] = before;
}

// Calls each(i, offsets, rank) for the elements that hold, where rank counts them in order.
template <int kOperands, typename Each>
__global__ void visit_holding(const int64_t* starts, const void* data, DType dtype, int operand,
                              const __grid_constant__ Elements<kOperands> elements, const __grid_constant__ Each each) {
  __shared__ int warps[kThreads / 32];
  __shared__ int64_t start;
  if (threadIdx.x == 0) start = starts[blockIdx.x];
  const int64_t from = static_cast<int64_t>(blockIdx.x) * kPerBlock;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int k = 0; k < kPerThread; ++k) {
    const int64_t i = from + k * kThreads + threadIdx.x;
    int64_t offsets[kOperands];
    bool mine = false;
    if (i < elements.n) {
      elements.at.at(i, offsets);
      mine = holds(data, dtype, offsets[operand]);
    }
    const unsigned ballot = __ballot_sync(0xffffffffu, mine);
    if (lane == 0) warps[warp] = __popc(ballot);
    __syncthreads();
    int before = __popc(ballot & ((1u << lane) - 1u)), total = 0;
    for (int w = 0; w < kThreads / 32; ++w) {
      if (w < warp) before += warps[w];
      total += warps[w];
    }
    if (mine) each(i, offsets, start + before);
    __syncthreads();
    if (threadIdx.x == 0) start += total;
    __syncthreads();
  }
}

template <int kOperands, typename Each>
Status compact(const TensorView& tested, int operand, const Elements<kOperands>& elements, const Each& each) {
  if (elements.n == 0) return {};
  const int64_t blocks = (elements.n + kPerBlock - 1) / kPerBlock;
  const Workspace starts(static_cast<size_t>(blocks + 1) * sizeof(int64_t));
  const cudaStream_t stream = context().stream;
  const auto grid = static_cast<unsigned>(blocks);
  count<<<grid, kThreads, 0, stream>>>(starts.as<int64_t>(), tested.data, tested.dtype, operand, elements);
  starts_of<<<1, 1024, 0, stream>>>(starts.as<int64_t>(), blocks);
  visit_holding<<<grid, kThreads, 0, stream>>>(starts.as<int64_t>(), tested.data, tested.dtype, operand, elements,
                                               each);
  return launched();
}

struct WriteCoordinates {
  int64_t* out;
  int64_t limit, row_stride, col_stride;
  int ndim;
  int64_t shape[kMaxDims];
  __device__ void operator()(int64_t i, const int64_t (&)[1], int64_t rank) const {
    if (rank >= limit) return;
    for (int d = ndim - 1; d >= 0; --d) {
      out[rank * row_stride + d * col_stride] = i % shape[d];
      i /= shape[d];
    }
  }
};

template <typename T>
struct Gather {
  T* out;
  const T* in;
  int64_t limit;
  __device__ void operator()(int64_t, const int64_t (&at)[2], int64_t rank) const {
    if (rank < limit) out[rank] = in[at[0]];
  }
};

template <typename T>
struct Put {
  T* out;
  const T* source;
  int64_t available;
  ErrorSlot errors;
  __device__ void operator()(int64_t, const int64_t (&at)[2], int64_t rank) const {
    if (rank < available)
      out[at[0]] = source[rank];
    else
      report(errors, StatusCode::invalid_value, available, rank + 1, available);
  }
};

}  // namespace

Status count_nonzero_elements(CountNonzeroElementsArgs& args) {
  const Elements<1> elements(args.input);
  const cudaStream_t stream = context().stream;
  const int64_t blocks = (elements.n + kPerBlock - 1) / kPerBlock;
  const Workspace counts(static_cast<size_t>(blocks + 1) * sizeof(int64_t));
  if (blocks > 0)
    count<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(counts.as<int64_t>(), args.input.data,
                                                                  args.input.dtype, 0, elements);
  starts_of<<<1, 1024, 0, stream>>>(counts.as<int64_t>(), blocks);
  return status_of(
      cudaMemcpyAsync(args.out.data, counts.as<int64_t>() + blocks, sizeof(int64_t), cudaMemcpyDeviceToDevice, stream));
}

Status nonzero(NonzeroArgs& args) {
  WriteCoordinates write{args.out.as<int64_t>(), args.out.shape[0], args.out.strides[0],
                         args.out.strides[1],    args.input.ndim,   {}};
  for (int d = 0; d < args.input.ndim; ++d) write.shape[d] = args.input.shape[d];
  return compact(args.input, 0, Elements<1>(args.input), write);
}

Status masked_gather(MaskedGatherArgs& args) {
  Status status;
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    status = compact(args.mask, 1, Elements<2>(args.input, args.mask),
                     Gather<T>{args.out.as<T>(), args.input.as<T>(), args.out.numel()});
  });
  return status;
}

Status masked_put(MaskedPutArgs& args) {
  Status status;
  visit_size(size_of(args.out.dtype), [&]<typename T>() {
    status = compact(args.mask, 1, Elements<2>(args.out, args.mask),
                     Put<T>{args.out.as<T>(), args.source.as<T>(), args.source.numel(), context().errors});
  });
  return status;
}

}  // namespace flambeau::cuda
