// Matrix products: cuBLASLt for floating-point and complex numbers, a kernel of our own for integers.
#include <map>
#include <mutex>
#include <memory>
#include <optional>
#include <vector>

#include "device.cuh"
#include "flambeau/kernels/copy.gen.h"
#include "flambeau/kernels/matmul.gen.h"
#include "kernels.h"
#include "libraries.h"

namespace flambeau::cuda {
namespace {

constexpr size_t kWorkspace = size_t{32} << 20;  // what PyTorch gives cuBLASLt on this generation

// The last two dimensions of a tensor, one of them with unit stride.
struct Matrix {
  bool transposed;  // the rows are the unit stride
  int64_t ld;
};

// Whether the last two dimensions make a matrix that BLAS can read, and how.
std::optional<Matrix> matrix_of(const TensorView& t) {
  const int n = t.ndim;
  const int64_t rows = t.shape[n - 2], cols = t.shape[n - 1], rs = t.strides[n - 2], cs = t.strides[n - 1];
  const auto most = [](int64_t a, int64_t b) { return a > b ? a : b; };
  if ((cs == 1 || cols == 1) && (rows == 1 || rs >= most(1, cols)))
    return Matrix{false, rows == 1 ? most(1, cols) : rs};
  if ((rs == 1 || rows == 1) && (cols == 1 || cs >= most(1, rows))) return Matrix{true, cols == 1 ? most(1, rows) : cs};
  return std::nullopt;
}

// The view itself, or a contiguous copy in `workspace`.
TensorView readable(const TensorView& t, std::unique_ptr<Workspace>& workspace, bool force = false) {
  if (!force && matrix_of(t)) return t;
  workspace = std::make_unique<Workspace>(static_cast<size_t>(t.numel()) * size_of(t.dtype));
  TensorView copied = row_major(t);
  copied.data = workspace->as();
  CopyArgs args{copied, t};
  copy(args);
  return copied;
}

struct Key {
  int type, compute;
  int64_t m, n, k, batch, lda, ldb, ldd, step_a, step_b, step_d;
  bool trans_a, trans_b, bias;
  int alignment;
  auto operator<=>(const Key&) const = default;
};

struct Plan {
  lt::Desc desc = nullptr;
  lt::Layout a = nullptr, b = nullptr, d = nullptr;
  lt::HeuristicResult algorithm{};
  bool usable = false;
};

lt::Layout layout_of(const lt::Functions& f, cudaDataType type, int64_t rows, int64_t cols, int64_t ld, int64_t batch,
                     int64_t step) {
  lt::Layout layout = nullptr;
  f.layout_create(&layout, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(cols), ld);
  if (batch > 1) {
    const auto count = static_cast<int32_t>(batch);
    f.layout_set(layout, lt::kLayoutBatchCount, &count, sizeof(count));
    f.layout_set(layout, lt::kLayoutBatchOffset, &step, sizeof(step));
  }
  return layout;
}

// cuBLASLt is column-major: it computes outᵀ = bᵀ·aᵀ, so that its first operand is our second.
Plan make_plan(const lt::Functions& f, lt::Handle handle, const Key& key, const void* bias) {
  Plan plan;
  const auto type = static_cast<cudaDataType>(key.type);
  const bool is_double = type == CUDA_R_64F || type == CUDA_C_64F;
  const bool is_complex_type = type == CUDA_C_32F || type == CUDA_C_64F;
  const cudaDataType scale =
      is_complex_type ? (is_double ? CUDA_C_64F : CUDA_C_32F) : (is_double ? CUDA_R_64F : CUDA_R_32F);
  f.desc_create(&plan.desc, key.compute, scale);
  const int32_t first = key.trans_b ? 1 : 0, second = key.trans_a ? 1 : 0;
  f.desc_set(plan.desc, lt::kDescTransA, &first, sizeof(first));
  f.desc_set(plan.desc, lt::kDescTransB, &second, sizeof(second));
  if (key.bias) {
    const uint32_t epilogue = lt::kEpilogueBias;
    f.desc_set(plan.desc, lt::kDescEpilogue, &epilogue, sizeof(epilogue));
    f.desc_set(plan.desc, lt::kDescBias, &bias, sizeof(bias));
  }
  plan.b = key.trans_b ? layout_of(f, type, key.k, key.n, key.ldb, key.batch, key.step_b)
                       : layout_of(f, type, key.n, key.k, key.ldb, key.batch, key.step_b);
  plan.a = key.trans_a ? layout_of(f, type, key.m, key.k, key.lda, key.batch, key.step_a)
                       : layout_of(f, type, key.k, key.m, key.lda, key.batch, key.step_a);
  plan.d = layout_of(f, type, key.n, key.m, key.ldd, key.batch, key.step_d);
  lt::Preference preference = nullptr;
  f.preference_create(&preference);
  const size_t most = kWorkspace;
  f.preference_set(preference, lt::kPreferenceWorkspace, &most, sizeof(most));
  // What the pointers of this call are aligned to: A, B, C, D are attributes 5 to 8.
  const auto alignment = static_cast<uint32_t>(key.alignment);
  for (int attribute = 5; attribute <= 8; ++attribute)
    f.preference_set(preference, attribute, &alignment, sizeof(alignment));
  int found = 0;
  f.heuristic(handle, plan.desc, plan.b, plan.a, plan.d, plan.d, preference, 1, &plan.algorithm, &found);
  f.preference_destroy(preference);
  plan.usable = found > 0 && plan.algorithm.state == 0;
  return plan;
}

std::optional<cudaDataType> type_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return CUDA_R_32F;
    case DType::f64:
      return CUDA_R_64F;
    case DType::f16:
      return CUDA_R_16F;
    case DType::bf16:
      return CUDA_R_16BF;
    case DType::c64:
      return CUDA_C_32F;
    case DType::c128:
      return CUDA_C_64F;
    default:
      return std::nullopt;
  }
}

int alignment_of(std::initializer_list<const void*> pointers, std::initializer_list<int64_t> bytes) {
  uintptr_t bits = 256;
  for (const void* p : pointers) bits |= reinterpret_cast<uintptr_t>(p);
  for (const int64_t n : bytes) bits |= static_cast<uintptr_t>(n);
  return static_cast<int>(bits & (~bits + 1));
}

// One product over a batch of equally spaced matrices.
Status multiply(const TensorView& out, const TensorView& a, const TensorView& b, const void* bias, int64_t batch,
                int64_t step_a, int64_t step_b, int64_t step_d, void* workspace) {
  Context& c = context();
  const lt::Functions& f = *c.libraries->lt();
  const Matrix ma = *matrix_of(a), mb = *matrix_of(b), md = *matrix_of(out);
  const cudaDataType type = *type_of(out.dtype);
  const bool is_double = out.dtype == DType::f64 || out.dtype == DType::c128;
  const bool tf32 = c.tf32_matmul && (out.dtype == DType::f32 || out.dtype == DType::c64);
  const auto size = static_cast<int64_t>(size_of(out.dtype));
  const Key key{static_cast<int>(type),
                is_double ? lt::kCompute64F
                : tf32    ? lt::kCompute32FTF32
                          : lt::kCompute32F,
                out.shape[out.ndim - 2],
                out.shape[out.ndim - 1],
                a.shape[a.ndim - 1],
                batch,
                ma.ld,
                mb.ld,
                md.ld,
                step_a,
                step_b,
                step_d,
                ma.transposed,
                mb.transposed,
                bias != nullptr,
                alignment_of({a.data, b.data, out.data}, {batch > 1 ? step_a * size : 0, batch > 1 ? step_b * size : 0,
                                                          batch > 1 ? step_d * size : 0})};
  // Of all devices: each has a lock of its own, under which its plans are used.
  static std::mutex mutex;
  static std::map<std::pair<int, Key>, Plan> plans;
  std::unique_lock lock(mutex);
  auto found = plans.find({c.device, key});
  if (found == plans.end())
    found = plans.emplace(std::pair{c.device, key}, make_plan(f, c.libraries->lt_handle(), key, bias)).first;
  const Plan& plan = found->second;
  lock.unlock();
  if (!plan.usable) return {StatusCode::engine_error, 0, plan.algorithm.state};
  if (bias) f.desc_set(plan.desc, lt::kDescBias, &bias, sizeof(bias));
  const double one[2] = {1, 0}, zero[2] = {0, 0};
  const float one_f[2] = {1, 0}, zero_f[2] = {0, 0};
  const void *alpha = is_double ? static_cast<const void*>(one) : one_f,
             *beta = is_double ? static_cast<const void*>(zero) : zero_f;
  const int error = f.matmul(c.libraries->lt_handle(), plan.desc, alpha, b.data, plan.b, a.data, plan.a, beta, out.data,
                             plan.d, out.data, plan.d, &plan.algorithm.algo, workspace, kWorkspace, c.stream);
  return error == 0 ? Status{} : Status{StatusCode::engine_error, 0, error};
}

// Integers: a tile of each operand in shared memory. Sums wrap.
constexpr int kTile = 16;
template <typename T>
__global__ void integer_product(T* out, const T* a, const T* b, const T* bias, int64_t m, int64_t n, int64_t k,
                                int64_t ra, int64_t ca, int64_t rb, int64_t cb, int64_t ro, int64_t co, int64_t sbias,
                                const __grid_constant__ Offsets<3> batches, int64_t row_tiles) {
  __shared__ T as[kTile][kTile], bs[kTile][kTile + 1];
  int64_t base[3];
  batches.at(blockIdx.z, base);
  const int64_t row = static_cast<int64_t>(blockIdx.y) * kTile + threadIdx.y;
  const int64_t col = static_cast<int64_t>(blockIdx.x) * kTile + threadIdx.x;
  uint64_t sum = 0;
  for (int64_t at = 0; at < k; at += kTile) {
    const int64_t x = at + threadIdx.x, y = at + threadIdx.y;
    as[threadIdx.y][threadIdx.x] = row < m && x < k ? a[base[1] + row * ra + x * ca] : T(0);
    bs[threadIdx.y][threadIdx.x] = col < n && y < k ? b[base[2] + y * rb + col * cb] : T(0);
    __syncthreads();
    for (int i = 0; i < kTile; ++i)
      sum += static_cast<uint64_t>(static_cast<int64_t>(as[threadIdx.y][i])) *
             static_cast<uint64_t>(static_cast<int64_t>(bs[i][threadIdx.x]));
    __syncthreads();
  }
  if (row < m && col < n) {
    if (bias) sum += static_cast<uint64_t>(static_cast<int64_t>(bias[col * sbias]));
    out[base[0] + row * ro + col * co] = std::is_same_v<T, bool> ? T(sum != 0) : static_cast<T>(sum);
  }
}

cpu::StridedLoop batch_loop(const TensorView& out, const TensorView& a, const TensorView& b) {
  TensorView views[3] = {out, a, b};
  for (TensorView& v : views) v.ndim -= 2;
  const TensorView* pointers[3] = {&views[0], &views[1], &views[2]};
  return cpu::make_loop(pointers);
}

template <typename T>
Status integers(const MatmulArgs& args, const cpu::StridedLoop& loop) {
  const TensorView &out = args.out, &a = args.a, &b = args.b;
  const int l = out.ndim - 1;
  const int64_t m = out.shape[l - 1], n = out.shape[l], k = a.shape[l];
  const int64_t batches = loop.numel();
  if (batches > 65535 || (m + kTile - 1) / kTile > 65535) return {StatusCode::engine_error, 0, 3};
  const dim3 grid(static_cast<unsigned>((n + kTile - 1) / kTile), static_cast<unsigned>((m + kTile - 1) / kTile),
                  static_cast<unsigned>(batches));
  integer_product<<<grid, dim3(kTile, kTile), 0, context().stream>>>(
      out.as<T>(), a.as<T>(), b.as<T>(), args.bias.defined() ? args.bias.as<T>() : nullptr, m, n, k, a.strides[l - 1],
      a.strides[l], b.strides[l - 1], b.strides[l], out.strides[l - 1], out.strides[l],
      args.bias.defined() ? args.bias.strides[0] : 0, Offsets<3>(loop), 0);
  return launched();
}

}  // namespace

Status matmul(MatmulArgs& args) {
  const TensorView& out = args.out;
  const int l = out.ndim - 1;
  if (out.numel() == 0) return {};
  if (!type_of(out.dtype)) {
    Status status = unsupported(out.dtype);
    const cpu::StridedLoop loop = batch_loop(args.out, args.a, args.b);
    visit_types(out.dtype, [&]<typename T>() {
      if constexpr (std::is_integral_v<T>) status = integers<T>(args, loop);
    });
    return status;
  }
  if (args.a.shape[l] == 0) {
    if (!args.bias.defined()) {
      FillArgs zeros{out, Scalar{}};
      return fill(zeros);
    }
    TensorView wide = out;
    wide.data = args.bias.data;
    for (int i = 0; i < l; ++i) wide.strides[i] = 0;
    wide.strides[l] = args.bias.strides[0];
    CopyArgs rows{out, wide};
    return copy(rows);
  }
  if (!context().libraries->lt()) return missing_library(0);
  std::unique_ptr<Workspace> packed_a, packed_b, packed_bias, packed_out;
  TensorView a = readable(args.a, packed_a), b = readable(args.b, packed_b);
  // The result is row-major; anything else goes through a copy.
  TensorView to = out;
  const std::optional<Matrix> direct = matrix_of(out);
  if (!direct || direct->transposed) {
    packed_out = std::make_unique<Workspace>(static_cast<size_t>(out.numel()) * size_of(out.dtype));
    to = row_major(out);
    to.data = packed_out->as();
  }
  const void* bias = nullptr;
  if (args.bias.defined()) {
    bias = args.bias.data;
    if (args.bias.strides[0] != 1 && args.bias.shape[0] > 1) {
      packed_bias = std::make_unique<Workspace>(static_cast<size_t>(args.bias.shape[0]) * size_of(out.dtype));
      TensorView line = row_major(args.bias);
      line.data = packed_bias->as();
      CopyArgs packing{line, args.bias};
      copy(packing);
      bias = line.data;
    }
  }
  cpu::StridedLoop loop = batch_loop(to, a, b);
  // Batches that one stride cannot describe are packed, where that costs less than a launch for each.
  if (loop.ndim > 1) {
    if (!packed_a) a = readable(a, packed_a, true);
    if (!packed_b) b = readable(b, packed_b, true);
    loop = batch_loop(to, a, b);
  }
  const Workspace workspace(kWorkspace);
  const auto size = static_cast<int64_t>(size_of(out.dtype));
  const int64_t inner = loop.inner(), rows = loop.rows();
  cpu::RowCursor cursor(loop, 0);
  for (int64_t r = 0; r < rows; ++r, cursor.next()) {
    TensorView d = to, x = a, y = b;
    d.data = d.as<char>() + cursor.offsets[0] * size;
    x.data = x.as<char>() + cursor.offsets[1] * size;
    y.data = y.as<char>() + cursor.offsets[2] * size;
    const Status status = multiply(d, x, y, bias, inner, loop.inner_stride(1), loop.inner_stride(2),
                                   loop.inner_stride(0), workspace.as());
    if (!status.ok()) return status;
  }
  if (packed_out) {
    CopyArgs back{out, to};
    return copy(back);
  }
  return launched();
}

}  // namespace flambeau::cuda
