// Attention in one pass over tiles of keys in shared memory; the softmax is put right as its maximum grows (Dao et al.,
// 2022). A warp has several queries: each lane takes one key for their scores, and some features for their results.
#include "device.cuh"
#include "flambeau/kernels/attention.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

constexpr int kWarps = 4, kRows = 4;  // warps of a block, rows of a warp
constexpr int kTileRows = kWarps * kRows;
constexpr int kTile = 32;  // rows that are looked at together: one a lane

// [batch, heads, rows, features], steps of 1 along features.
struct Rows {
  void* data;
  DType dtype;
  int64_t batch, head, row;
  explicit Rows(const TensorView& t)
      : data(t.data), dtype(t.dtype), batch(t.strides[0]), head(t.strides[1]), row(t.strides[2]) {}
  __device__ __forceinline__ int64_t at(int64_t b, int64_t h, int64_t i) const {
    return b * batch + h * head + i * row;
  }
  template <typename R>
  __device__ __forceinline__ R get(int64_t i) const {
    return load_real<R>(data, dtype, i);
  }
  template <typename R>
  __device__ __forceinline__ void set(int64_t i, R value) const {
    store_real<R>(data, dtype, i, value);
  }
};

struct Mask {
  const void* data = nullptr;
  DType dtype = DType::boolean;
  int64_t strides[4] = {};
  explicit Mask(const TensorView& t) {
    if (!t.defined()) return;
    data = t.data;
    dtype = t.dtype;
    for (int i = 0; i < 4; ++i) strides[i] = t.strides[i];
  }
  template <typename R>
  __device__ __forceinline__ R apply(R score, int64_t b, int64_t h, int64_t i, int64_t j) const {
    if (!data) return score;
    const int64_t at = b * strides[0] + h * strides[1] + i * strides[2] + j * strides[3];
    if (dtype == DType::boolean) return static_cast<const bool*>(data)[at] ? score : -R(__int_as_float(0x7f800000));
    return score + load_real<R>(data, dtype, at);
  }
};

struct Sizes {
  int64_t batch, heads, groups, queries, keys;
  int features, values;
  bool causal;
  double scale;
};

// Copies `count` rows of a tile into shared memory in the compute type; rows past the end are zeros. Lines of `ld`.
template <typename R>
__device__ __forceinline__ void stage(R* to, int ld, const Rows& from, int64_t b, int64_t h, int64_t first,
                                      int64_t total, int rows, int features, R scale) {
  for (int i = threadIdx.x; i < rows * features; i += kWarps * 32) {
    const int r = i / features, f = i - r * features;
    to[r * ld + f] = first + r < total ? from.get<R>(from.at(b, h, first + r) + f) * scale : R(0);
  }
}

template <typename R>
__device__ __forceinline__ R warp_sum(R v) {
  for (int step = 16; step > 0; step /= 2) v += __shfl_xor_sync(0xffffffffu, v, step);
  return v;
}
template <typename R>
__device__ __forceinline__ R warp_max(R v) {
  for (int step = 16; step > 0; step /= 2) {
    const R other = __shfl_xor_sync(0xffffffffu, v, step);
    v = other > v ? other : v;
  }
  return v;
}

// rows · lane's line of the tile: sums[r] = Σ own[r][f]·line[f].
template <typename R>
__device__ __forceinline__ void dots(R (&sums)[kRows], const R* own, int own_ld, const R* line, int features) {
#pragma unroll
  for (int r = 0; r < kRows; ++r) sums[r] = R(0);
  for (int f = 0; f < features; ++f) {
    const R v = line[f];
#pragma unroll
    for (int r = 0; r < kRows; ++r) sums[r] += own[r * own_ld + f] * v;
  }
}

// Lines are of an odd length, so that lanes read from different banks.
__host__ __device__ inline int line_of(int features) { return features | 1; }

template <typename R, int kParts>
__global__ void __launch_bounds__(kWarps * 32)
    forward(Rows out, R* log_sum, Rows query, Rows key, Rows value, Mask mask, Sizes s) {
  extern __shared__ __align__(16) unsigned char memory[];
  const int qk = line_of(s.features), vv = line_of(s.values);
  R *queries = reinterpret_cast<R*>(memory), *keys = queries + kTileRows * qk, *values = keys + kTile * qk;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t b = blockIdx.y / s.heads, h = blockIdx.y % s.heads, group = h / (s.heads / s.groups);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kTileRows, mine = first + warp * kRows;
  stage(queries, qk, query, b, h, first, s.queries, kTileRows, s.features, static_cast<R>(s.scale));
  const R low = -R(__int_as_float(0x7f800000));
  R largest[kRows], sum[kRows], result[kRows][kParts];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    largest[r] = low;
    sum[r] = 0;
#pragma unroll
    for (int k = 0; k < kParts; ++k) result[r][k] = 0;
  }
  const int64_t seen = s.causal ? min(s.keys, first + kTileRows) : s.keys;
  for (int64_t at = 0; at < seen; at += kTile) {
    __syncthreads();
    stage(keys, qk, key, b, group, at, s.keys, kTile, s.features, R(1));
    stage(values, vv, value, b, group, at, s.keys, kTile, s.values, R(1));
    __syncthreads();
    R p[kRows];
    dots(p, queries + warp * kRows * qk, qk, keys + lane * qk, s.features);
    const int64_t j = at + lane;
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const int64_t i = mine + r;
      const bool visible = j < s.keys && i < s.queries && (!s.causal || j <= i);
      p[r] = visible ? mask.apply(p[r], b, h, i, j) : low;
      const R before = largest[r];
      // A NaN among the scores makes the row NaN.
      const R top = warp_max(p[r] != p[r] ? R(__int_as_float(0x7f800000)) : p[r]);
      largest[r] = top > before ? top : before;
      const bool nothing = largest[r] == low;
      p[r] = nothing || p[r] == low ? R(0) : exp(p[r] - largest[r]);
      const R shrink = nothing ? R(1) : exp(before - largest[r]);
      sum[r] = sum[r] * shrink + warp_sum(p[r]);
#pragma unroll
      for (int k = 0; k < kParts; ++k) result[r][k] *= shrink;
    }
    const int count = static_cast<int>(min(static_cast<int64_t>(kTile), seen - at));
    for (int t = 0; t < count; ++t) {
      R weight[kRows];
#pragma unroll
      for (int r = 0; r < kRows; ++r) weight[r] = __shfl_sync(0xffffffffu, p[r], t);
#pragma unroll
      for (int k = 0; k < kParts; ++k) {
        const int f = lane + 32 * k;
        const R v = f < s.values ? values[t * vv + f] : R(0);
#pragma unroll
        for (int r = 0; r < kRows; ++r) result[r][k] += weight[r] * v;
      }
    }
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int64_t i = mine + r;
    if (i >= s.queries) continue;
    const bool nothing = sum[r] == R(0);
    const R scale = nothing ? R(0) : R(1) / sum[r];
    const int64_t row = out.at(b, h, i);
#pragma unroll
    for (int k = 0; k < kParts; ++k)
      if (lane + 32 * k < s.values) out.set(row + lane + 32 * k, result[r][k] * scale);
    // Infinite for a query that sees nothing, so that backward finds probabilities of zero.
    if (lane == 0) log_sum[(b * s.heads + h) * s.queries + i] = nothing ? -low : largest[r] + log(sum[r]);
  }
}

// For each query: Σ dout·out.
template <typename R>
__global__ void row_products(R* delta, Rows grad, Rows out, Sizes s) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarps + threadIdx.y;
  if (row >= s.batch * s.heads * s.queries) return;
  const int64_t i = row % s.queries, h = row / s.queries % s.heads, b = row / s.queries / s.heads;
  const int64_t g = grad.at(b, h, i), o = out.at(b, h, i);
  R sum = 0;
  for (int f = threadIdx.x; f < s.values; f += 32) sum += grad.get<R>(g + f) * out.get<R>(o + f);
  sum = warp_sum(sum);
  if (threadIdx.x == 0) delta[row] = sum;
}

// dq[i] = scale·Σ_j ds[i][j]·k[j], with ds = p·(dout·v − delta).
template <typename R, int kParts>
__global__ void __launch_bounds__(kWarps * 32)
    query_gradient(Rows query_grad, Rows grad, const R* log_sum, const R* delta, Rows query, Rows key, Rows value,
                   Mask mask, Sizes s) {
  extern __shared__ __align__(16) unsigned char memory[];
  const int qk = line_of(s.features), vv = line_of(s.values);
  R *queries = reinterpret_cast<R*>(memory), *grads = queries + kTileRows * qk, *keys = grads + kTileRows * vv,
    *values = keys + kTile * qk;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t b = blockIdx.y / s.heads, h = blockIdx.y % s.heads, group = h / (s.heads / s.groups);
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kTileRows, mine = first + warp * kRows;
  stage(queries, qk, query, b, h, first, s.queries, kTileRows, s.features, static_cast<R>(s.scale));
  stage(grads, vv, grad, b, h, first, s.queries, kTileRows, s.values, R(1));
  R lse[kRows], offset[kRows], result[kRows][kParts];
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    const int64_t i = min(mine + r, s.queries - 1), row = (b * s.heads + h) * s.queries + i;
    lse[r] = log_sum[row];
    offset[r] = delta[row];
#pragma unroll
    for (int k = 0; k < kParts; ++k) result[r][k] = 0;
  }
  const int64_t seen = s.causal ? min(s.keys, first + kTileRows) : s.keys;
  for (int64_t at = 0; at < seen; at += kTile) {
    __syncthreads();
    stage(keys, qk, key, b, group, at, s.keys, kTile, s.features, R(1));
    stage(values, vv, value, b, group, at, s.keys, kTile, s.values, R(1));
    __syncthreads();
    R p[kRows], dp[kRows];
    dots(p, queries + warp * kRows * qk, qk, keys + lane * qk, s.features);
    dots(dp, grads + warp * kRows * vv, vv, values + lane * vv, s.values);
    const int64_t j = at + lane;
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const int64_t i = mine + r;
      const bool visible = j < s.keys && i < s.queries && (!s.causal || j <= i);
      p[r] = visible ? exp(mask.apply(p[r], b, h, i, j) - lse[r]) * (dp[r] - offset[r]) : R(0);
    }
    const int count = static_cast<int>(min(static_cast<int64_t>(kTile), seen - at));
    for (int t = 0; t < count; ++t) {
      R weight[kRows];
#pragma unroll
      for (int r = 0; r < kRows; ++r) weight[r] = __shfl_sync(0xffffffffu, p[r], t);
#pragma unroll
      for (int k = 0; k < kParts; ++k) {
        const int f = lane + 32 * k;
        const R v = f < s.features ? keys[t * qk + f] : R(0);
#pragma unroll
        for (int r = 0; r < kRows; ++r) result[r][k] += weight[r] * v;
      }
    }
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (mine + r >= s.queries) continue;
    const int64_t row = query_grad.at(b, h, mine + r);
#pragma unroll
    for (int k = 0; k < kParts; ++k)
      if (lane + 32 * k < s.features) query_grad.set(row + lane + 32 * k, result[r][k] * static_cast<R>(s.scale));
  }
}

// dv[j] = Σ_i p[i][j]·dout[i] and dk[j] = scale·Σ_i ds[i][j]·q[i], over the heads that share keys and values.
template <typename R, int kParts>
__global__ void __launch_bounds__(kWarps * 32)
    key_gradients(Rows key_grad, Rows value_grad, Rows grad, const R* log_sum, const R* delta, Rows query, Rows key,
                  Rows value, Mask mask, Sizes s) {
  extern __shared__ __align__(16) unsigned char memory[];
  const int qk = line_of(s.features), vv = line_of(s.values);
  R *keys = reinterpret_cast<R*>(memory), *values = keys + kTileRows * qk, *queries = values + kTileRows * vv,
    *grads = queries + kTile * qk;
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int64_t b = blockIdx.y / s.groups, group = blockIdx.y % s.groups, shared = s.heads / s.groups;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kTileRows, mine = first + warp * kRows;
  stage(keys, qk, key, b, group, first, s.keys, kTileRows, s.features, static_cast<R>(s.scale));
  stage(values, vv, value, b, group, first, s.keys, kTileRows, s.values, R(1));
  R dk[kRows][kParts] = {}, dv[kRows][kParts] = {};
  for (int64_t h = group * shared; h < (group + 1) * shared; ++h) {
    // Queries before the first key do not see it.
    for (int64_t at = s.causal ? first / kTile * kTile : 0; at < s.queries; at += kTile) {
      __syncthreads();
      stage(queries, qk, query, b, h, at, s.queries, kTile, s.features, R(1));
      stage(grads, vv, grad, b, h, at, s.queries, kTile, s.values, R(1));
      __syncthreads();
      const int64_t i = at + lane, row = (b * s.heads + h) * s.queries + min(i, s.queries - 1);
      const R lse = log_sum[row], offset = delta[row];
      R p[kRows], dp[kRows];
      dots(p, keys + warp * kRows * qk, qk, queries + lane * qk, s.features);
      dots(dp, values + warp * kRows * vv, vv, grads + lane * vv, s.values);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const int64_t j = mine + r;
        const bool visible = j < s.keys && i < s.queries && (!s.causal || j <= i);
        p[r] = visible ? exp(mask.apply(p[r], b, h, i, j) - lse) : R(0);
        dp[r] = p[r] * (dp[r] - offset);
      }
      const int count = static_cast<int>(min(static_cast<int64_t>(kTile), s.queries - at));
      for (int t = 0; t < count; ++t) {
        R weight[kRows], slope[kRows];
#pragma unroll
        for (int r = 0; r < kRows; ++r) {
          weight[r] = __shfl_sync(0xffffffffu, p[r], t);
          slope[r] = __shfl_sync(0xffffffffu, dp[r], t);
        }
#pragma unroll
        for (int k = 0; k < kParts; ++k) {
          const int f = lane + 32 * k;
          const R g = f < s.values ? grads[t * vv + f] : R(0), q = f < s.features ? queries[t * qk + f] : R(0);
#pragma unroll
          for (int r = 0; r < kRows; ++r) {
            dv[r][k] += weight[r] * g;
            dk[r][k] += slope[r] * q;
          }
        }
      }
    }
  }
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    if (mine + r >= s.keys) continue;
    const int64_t k_row = key_grad.at(b, group, mine + r), v_row = value_grad.at(b, group, mine + r);
#pragma unroll
    for (int k = 0; k < kParts; ++k) {
      const int f = lane + 32 * k;
      if (f < s.features) key_grad.set(k_row + f, dk[r][k] * static_cast<R>(s.scale));
      if (f < s.values) value_grad.set(v_row + f, dv[r][k]);
    }
  }
}

Sizes sizes_of(const TensorView& q, const TensorView& k, const TensorView& v, bool causal, double scale) {
  return {q.shape[0],
          q.shape[1],
          k.shape[1],
          q.shape[2],
          k.shape[2],
          static_cast<int>(q.shape[3]),
          static_cast<int>(v.shape[3]),
          causal,
          scale};
}

// Calls body.operator()<kParts>() for as many features as a lane has.
template <typename R, typename Body>
bool visit_parts(const Sizes& s, const Body& body) {
  const int most = s.features > s.values ? s.features : s.values;
  if constexpr (std::is_same_v<R, double>) {
    if (most > 256) return false;
    body.template operator()<8>();
    return true;
  }
  if (most <= 64)
    body.template operator()<2>();
  else if (most <= 128)
    body.template operator()<4>();
  else if (most <= 256)
    body.template operator()<8>();
  else
    return false;
  return true;
}

template <typename Kernel>
size_t allow(Kernel kernel, size_t shared) {
  if (shared > 48 * 1024)
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  return shared;
}

dim3 grid_of(int64_t rows, int64_t lines) {
  return dim3(static_cast<unsigned>((rows + kTileRows - 1) / kTileRows), static_cast<unsigned>(lines));
}

}  // namespace

Status attention(AttentionArgs& args) {
  const Sizes s = sizes_of(args.query, args.key, args.value, args.causal, args.scale);
  if (s.batch * s.heads > 65535) return {StatusCode::engine_error, 0, 5};
  if (args.out.numel() == 0) return {};
  bool fits = false;
  const bool known = visit_wide(args.query.dtype, [&]<typename R>() {
    const size_t shared =
        sizeof(R) * static_cast<size_t>((kTileRows + kTile) * line_of(s.features) + kTile * line_of(s.values));
    if (shared > context().shared_memory) return;
    fits = visit_parts<R>(s, [&]<int kParts>() {
      const auto kernel = &forward<R, kParts>;
      kernel<<<grid_of(s.queries, s.batch * s.heads), kWarps * 32, allow(kernel, shared), context().stream>>>(
          Rows(args.out), args.log_sum.as<R>(), Rows(args.query), Rows(args.key), Rows(args.value), Mask(args.mask), s);
    });
  });
  if (!known) return unsupported(args.query.dtype);
  return fits ? launched() : Status{StatusCode::engine_error, 0, 6};
}

Status attention_backward(AttentionBackwardArgs& args) {
  const Sizes s = sizes_of(args.query, args.key, args.value, args.causal, args.scale);
  if (s.batch * s.heads > 65535) return {StatusCode::engine_error, 0, 5};
  bool fits = false;
  const cudaStream_t stream = context().stream;
  const bool known = visit_wide(args.query.dtype, [&]<typename R>() {
    const size_t shared =
        sizeof(R) * static_cast<size_t>((kTileRows + kTile) * (line_of(s.features) + line_of(s.values)));
    if (shared > context().shared_memory) return;
    const int64_t rows = s.batch * s.heads * s.queries;
    const Workspace delta(static_cast<size_t>(rows) * sizeof(R));
    row_products<R><<<static_cast<unsigned>((rows + kWarps - 1) / kWarps), dim3(32, kWarps), 0, stream>>>(
        delta.as<R>(), Rows(args.grad), Rows(args.out), s);
    fits = visit_parts<R>(s, [&]<int kParts>() {
      const auto queries = &query_gradient<R, kParts>;
      queries<<<grid_of(s.queries, s.batch * s.heads), kWarps * 32, allow(queries, shared), stream>>>(
          Rows(args.query_grad), Rows(args.grad), args.log_sum.as<R>(), delta.as<R>(), Rows(args.query), Rows(args.key),
          Rows(args.value), Mask(args.mask), s);
      const auto keys = &key_gradients<R, kParts>;
      keys<<<grid_of(s.keys, s.batch * s.groups), kWarps * 32, allow(keys, shared), stream>>>(
          Rows(args.key_grad), Rows(args.value_grad), Rows(args.grad), args.log_sum.as<R>(), delta.as<R>(),
          Rows(args.query), Rows(args.key), Rows(args.value), Mask(args.mask), s);
    });
  });
  if (!known) return unsupported(args.query.dtype);
  return fits ? launched() : Status{StatusCode::engine_error, 0, 6};
}

}  // namespace flambeau::cuda
