// Random numbers by Philox (Salmon et al., 2011), in the streams of PyTorch on the same kind of device: which number an
// element gets depends on the seed, the offset and how many threads the device runs at once. A state is 16 bytes of
// device memory: seed and offset. It is read by the kernel and advanced by the next one, so that nothing waits.
#include <algorithm>

#include "device.cuh"
#include "flambeau/kernels/random.gen.h"
#include "kernels.h"

namespace flambeau::cuda {
namespace {

constexpr int kThreads = 256;

// The order is that of DISTRIBUTION in packages/core/src/ops/generator.ts.
enum class Distribution : int {
  uniform,
  normal,
  integers,
  any_integer,
  bernoulli,
  exponential,
  geometric,
  cauchy,
  log_normal
};

struct State {
  uint64_t seed, offset;
};

// Philox 4×32 of ten rounds: four numbers for a counter of 128 bits.
__device__ __forceinline__ uint4 philox(uint4 counter, uint2 key) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint32_t high0 = __umulhi(0xD2511F53u, counter.x), low0 = 0xD2511F53u * counter.x;
    const uint32_t high1 = __umulhi(0xCD9E8D57u, counter.z), low1 = 0xCD9E8D57u * counter.z;
    counter = {high1 ^ counter.y ^ key.x, low1, high0 ^ counter.w ^ key.y, low0};
    key.x += 0x9E3779B9u;
    key.y += 0xBB67AE85u;
  }
  return counter;
}

// A thread's sequence: its number in the upper half of the counter, four draws a step.
struct Sequence {
  uint2 key;
  uint64_t step, thread;
  __device__ Sequence(const State& state, uint64_t thread)
      : key{static_cast<uint32_t>(state.seed), static_cast<uint32_t>(state.seed >> 32)},
        step(state.offset / 4),
        thread(thread) {}
  __device__ __forceinline__ uint4 next() {
    const uint4 counter{static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32), static_cast<uint32_t>(thread),
                        static_cast<uint32_t>(thread >> 32)};
    ++step;
    return philox(counter, key);
  }
};

constexpr float kScale = 2.3283064e-10f;  // 2^-32
// In (0, 1].
__device__ __forceinline__ float uniform(uint32_t x) { return x * kScale + kScale / 2.0f; }
__device__ __forceinline__ double uniform(uint32_t x, uint32_t y) {
  const uint64_t z = static_cast<uint64_t>(x) ^ (static_cast<uint64_t>(y) << (53 - 32));
  return z * 1.1102230246251565e-16 + 1.1102230246251565e-16 / 2.0;
}
// Box and Muller.
__device__ __forceinline__ float2 normals(uint32_t x, uint32_t y) {
  const float u = x * kScale + kScale / 2;
  const float v = y * (kScale * 6.2831855f) + kScale * 6.2831855f / 2;
  const float s = sqrtf(-2.0f * logf(u));
  float2 result;
  __sincosf(v, &result.x, &result.y);
  result.x *= s;
  result.y *= s;
  return result;
}
__device__ __forceinline__ double2 normals(uint4 n) {
  const uint64_t zx = static_cast<uint64_t>(n.x) ^ (static_cast<uint64_t>(n.y) << (53 - 32));
  const uint64_t zy = static_cast<uint64_t>(n.z) ^ (static_cast<uint64_t>(n.w) << (53 - 32));
  constexpr double scale = 1.1102230246251565e-16;
  const double u = zx * scale + scale / 2.0, v = zy * (scale * 2.0) + scale;
  const double s = sqrt(-2.0 * log(u));
  double2 result;
  sincospi(v, &result.x, &result.y);
  result.x *= s;
  result.y *= s;
  return result;
}

__global__ void seed_state(State* state, uint64_t seed) { *state = {seed, 0}; }
__global__ void advance(State* state, uint64_t by) { state->offset += by; }

// How PyTorch spreads `n` elements, `unroll` a draw, over the device.
struct Policy {
  unsigned blocks;
  uint64_t draws;  // by which the offset moves on
  Policy(int64_t n, int unroll) {
    const Context& c = context();
    const int64_t most = static_cast<int64_t>(c.multiprocessors) * (c.threads_per_multiprocessor / kThreads);
    blocks = static_cast<unsigned>(std::max<int64_t>(1, std::min<int64_t>((n + kThreads - 1) / kThreads, most)));
    draws = static_cast<uint64_t>(((n - 1) / (static_cast<int64_t>(kThreads) * blocks * unroll) + 1) * 4);
  }
};

void move_on(void* state, uint64_t draws) { advance<<<1, 1, 0, context().stream>>>(static_cast<State*>(state), draws); }

// Draw::numbers(uint4, out) makes kUnroll values of four draws, in V.
template <int kUnroll, typename V, typename Draw>
__global__ void __launch_bounds__(kThreads)
    fill(void* out, DType dtype, int64_t n, const State* state, const __grid_constant__ Draw draw,
         const __grid_constant__ Offsets<1> at) {
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  Sequence sequence(*state, static_cast<uint64_t>(thread));
  for (int64_t first = thread; first < (n + threads * kUnroll - 1) / (threads * kUnroll) * threads * kUnroll;
       first += threads * kUnroll) {
    V values[kUnroll];
    draw.numbers(sequence.next(), values);
#pragma unroll
    for (int k = 0; k < kUnroll; ++k) {
      const int64_t i = first + k * threads;
      if (i >= n) continue;
      int64_t offset[1];
      at.at(i, offset);
      store<V>(out, dtype, offset[0], values[k]);
    }
  }
}

// Values are made from float numbers four at a time, or from doubles two at a time; F maps one in (0, 1].
template <typename F>
struct FromUniform {
  F map;
  template <typename T>
  __device__ void numbers(uint4 r, T (&out)[4]) const {
    out[0] = map.template operator()<T>(uniform(r.x));
    out[1] = map.template operator()<T>(uniform(r.y));
    out[2] = map.template operator()<T>(uniform(r.z));
    out[3] = map.template operator()<T>(uniform(r.w));
  }
  template <typename T>
  __device__ void numbers(uint4 r, T (&out)[2]) const {
    out[0] = map.template operator()<T>(uniform(r.x, r.y));
    out[1] = map.template operator()<T>(uniform(r.z, r.w));
  }
};

struct UniformIn {
  double from, to;
  DType dtype;
  template <typename T, typename R>
  __device__ T operator()(R u) const {
    const R low = static_cast<R>(from), high = static_cast<R>(to), value = u * (high - low) + low;
    // The upper end is the lower one's, also where a half type rounds to it.
    const R rounded = dtype == DType::f16    ? convert<R>(convert<half>(value))
                      : dtype == DType::bf16 ? convert<R>(convert<bhalf>(value))
                                             : value;
    return rounded == high ? low : value;
  }
};
struct NormalOf {
  double mean, std;
  bool log;
  template <typename T, typename R>
  __device__ T finish(R v) const {
    const R x = v * static_cast<R>(std) + static_cast<R>(mean);
    return convert<T>(log ? exp(x) : x);
  }
  template <typename T>
  __device__ void numbers(uint4 r, T (&out)[4]) const {
    const float2 a = normals(r.x, r.y), b = normals(r.z, r.w);
    out[0] = finish<T>(a.x);
    out[1] = finish<T>(a.y);
    out[2] = finish<T>(b.x);
    out[3] = finish<T>(b.y);
  }
  template <typename T>
  __device__ void numbers(uint4 r, T (&out)[2]) const {
    const double2 a = normals(r);
    out[0] = finish<T>(a.x);
    out[1] = finish<T>(a.y);
  }
};
struct BernoulliOf {
  double p;
  template <typename T, typename R>
  __device__ T operator()(R u) const {
    return convert<T>(u <= static_cast<R>(p));
  }
};
struct ExponentialOf {
  double rate;
  template <typename T, typename R>
  __device__ T operator()(R u) const {
    const R eps = sizeof(R) == 4 ? R(1.1920929e-07) : R(2.220446049250313e-16);
    const R log = u >= R(1) - eps / 2 ? -eps / 2 : ::log(u);
    return convert<T>(R(-1) / static_cast<R>(rate) * log);
  }
};
struct GeometricOf {
  double p;
  template <typename T, typename R>
  __device__ T operator()(R u) const {
    return convert<T>(ceil(::log(u) / static_cast<R>(log1p(-p))));
  }
};
struct CauchyOf {
  double median, sigma;
  template <typename T, typename R>
  __device__ T operator()(R u) const {
    const R eps = sizeof(R) == 4 ? R(1.1920929e-07) : R(2.220446049250313e-16);
    u = u > R(1) - eps ? R(1) - eps : u < eps ? eps : u;
    return convert<T>(static_cast<R>(median) + static_cast<R>(sigma) * tan(R(3.14159265358979323846) * (u - R(0.5))));
  }
};
// From `base` on, `range` of them; 0 for all of 64 bits.
struct IntegersIn {
  int64_t base;
  uint64_t range;
  template <typename T>
  __device__ void numbers(uint4 r, T (&out)[4]) const {
    const uint32_t draws[4] = {r.x, r.y, r.z, r.w};
#pragma unroll
    for (int k = 0; k < 4; ++k)
      out[k] = convert<T>(static_cast<int64_t>(draws[k] % static_cast<uint32_t>(range) + static_cast<uint64_t>(base)));
  }
  template <typename T>
  __device__ void numbers(uint4 r, T (&out)[2]) const {
    const uint64_t draws[2] = {(static_cast<uint64_t>(r.x) << 32) | r.y, (static_cast<uint64_t>(r.z) << 32) | r.w};
#pragma unroll
    for (int k = 0; k < 2; ++k)
      out[k] = convert<T>(static_cast<int64_t>((range ? draws[k] % range : draws[k]) + static_cast<uint64_t>(base)));
  }
};

template <int kUnroll, typename V, typename Draw>
void launch_fill(const RandomFillArgs& args, const Draw& draw) {
  const TensorView* views[] = {&args.out};
  const cpu::StridedLoop loop = cpu::make_loop(views);
  const int64_t n = loop.numel();
  const Policy policy(n, kUnroll);
  fill<kUnroll, V><<<policy.blocks, kThreads, 0, context().stream>>>(args.out.data, args.out.dtype, n,
                                                                     args.state.as<State>(), draw, Offsets<1>(loop));
  move_on(args.state.data, policy.draws);
}

// PyTorch gives a thread of dropout four neighbours where elements lie in a row, otherwise elements a grid apart.
constexpr int kItems = 4;
template <typename T, bool kPacks>
__global__ void __launch_bounds__(kThreads) drop(T* out, bool* mask, const T* in, int64_t n, const State* state,
                                                 float keep, float scale, const __grid_constant__ Offsets<3> at) {
  using C = ComputeOf<T>;
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  Sequence sequence(*state, static_cast<uint64_t>(thread));
  for (int64_t first = kPacks ? thread * kItems : thread; first < n; first += threads * kItems) {
    const uint4 r = sequence.next();
    const float u[kItems] = {uniform(r.x), uniform(r.y), uniform(r.z), uniform(r.w)};
#pragma unroll
    for (int k = 0; k < kItems; ++k) {
      const int64_t i = kPacks ? first + k : first + k * threads;
      if (i >= n) continue;
      int64_t offsets[3] = {i, i, i};
      if constexpr (!kPacks) at.at(i, offsets);
      const bool alive = u[k] < keep;
      mask[offsets[2]] = alive;
      out[offsets[0]] = convert<T>(convert<C>(in[offsets[1]]) * static_cast<C>(alive ? scale : 0.0f));
    }
  }
}

template <typename T>
__global__ void scale_masked(T* out, const T* in, const bool* mask, int64_t n, double scale,
                             const __grid_constant__ Offsets<3> at) {
  using C = ComputeOf<T>;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) {
    int64_t offsets[3];
    at.at(i, offsets);
    const C factor = mask[offsets[2]] ? static_cast<C>(scale) : C(0);
    out[offsets[0]] = convert<T>(convert<C>(in[offsets[1]]) * factor);
  }
}

__global__ void bernoulli(void* out, DType dtype, const void* p, DType p_dtype, int64_t n, const State* state,
                          ErrorSlot errors, const __grid_constant__ Offsets<2> at) {
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  Sequence sequence(*state, static_cast<uint64_t>(thread));
  for (int64_t first = thread * 4; first < n; first += threads * 4) {
    const uint4 r = sequence.next();
    const float u[4] = {uniform(r.x), uniform(r.y), uniform(r.z), uniform(r.w)};
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      const int64_t i = first + k;
      if (i >= n) continue;
      int64_t offsets[2];
      at.at(i, offsets);
      const double chance = load_real<double>(p, p_dtype, offsets[1]);
      if (!(chance >= 0 && chance <= 1)) {
        report(errors, StatusCode::invalid_value, i);
        continue;
      }
      store<float>(out, dtype, offsets[0], static_cast<double>(u[k]) <= chance ? 1.0f : 0.0f);
    }
  }
}

}  // namespace

Status generator_seed(GeneratorSeedArgs& args) {
  seed_state<<<1, 1, 0, context().stream>>>(args.state.as<State>(), static_cast<uint64_t>(args.seed.to<int64_t>()));
  return launched();
}

Status random_fill(RandomFillArgs& args) {
  if (args.out.numel() == 0) return {};
  const auto kind = static_cast<Distribution>(args.distribution);
  const double a = args.a.to<double>(), b = args.b.to<double>();
  const DType dtype = args.out.dtype;
  if (is_complex(dtype)) return unsupported(dtype);
  if (kind == Distribution::any_integer) return {StatusCode::no_kernel};
  if (kind == Distribution::integers) {
    const IntegersIn draw{args.a.to<int64_t>(), static_cast<uint64_t>(args.b.to<int64_t>())};
    const bool wide = draw.range == 0 || draw.range >= (uint64_t{1} << 32);
    if (wide)
      launch_fill<2, int64_t>(args, draw);
    else
      launch_fill<4, int64_t>(args, draw);
    return launched();
  }
  const auto real = [&](const auto& draw) {
    const bool known =
        visit_wide(dtype, [&]<typename R>() { launch_fill<std::is_same_v<R, double> ? 2 : 4, R>(args, draw); });
    return known ? launched() : unsupported(dtype);
  };
  switch (kind) {
    case Distribution::uniform:
      return real(FromUniform<UniformIn>{{a, b, dtype}});
    case Distribution::normal:
      return real(NormalOf{a, b, false});
    case Distribution::log_normal:
      return real(NormalOf{a, b, true});
    case Distribution::exponential:
      return real(FromUniform<ExponentialOf>{{a}});
    case Distribution::geometric:
      return real(FromUniform<GeometricOf>{{a}});
    case Distribution::cauchy:
      return real(FromUniform<CauchyOf>{{a, b}});
    default:
      break;
  }
  // Bernoulli fills any dtype.
  if (dtype == DType::f64)
    launch_fill<2, double>(args, FromUniform<BernoulliOf>{{a}});
  else
    launch_fill<4, float>(args, FromUniform<BernoulliOf>{{a}});
  return launched();
}

Status random_bernoulli(RandomBernoulliArgs& args) {
  const TensorView* views[] = {&args.out, &args.p};
  const cpu::StridedLoop loop = cpu::make_loop(views);
  const int64_t n = loop.numel();
  if (n == 0) return {};
  if (!is_floating(args.p.dtype) || is_complex(args.out.dtype)) return unsupported(args.p.dtype);
  const Policy policy(n, 4);
  bernoulli<<<policy.blocks, kThreads, 0, context().stream>>>(args.out.data, args.out.dtype, args.p.data, args.p.dtype,
                                                              n, args.state.as<State>(), context().errors,
                                                              Offsets<2>(loop));
  move_on(args.state.data, policy.draws);
  return launched();
}

Status dropout(DropoutArgs& args) {
  const TensorView* views[] = {&args.out, &args.input, &args.mask};
  const cpu::StridedLoop loop = cpu::make_loop(views);
  const int64_t n = loop.numel();
  if (n == 0) return {};
  const bool packs = n % kItems == 0 && loop.ndim == 1 && loop.strides[0][0] == 1 && loop.strides[0][1] == 1 &&
                     loop.strides[0][2] == 1;
  const Policy policy(n, kItems);
  const auto keep = static_cast<float>(args.keep), scale = static_cast<float>(args.scale);
  const bool known = visit_real(args.out.dtype, [&]<typename T>() {
    const auto kernel = packs ? &drop<T, true> : &drop<T, false>;
    kernel<<<policy.blocks, kThreads, 0, context().stream>>>(args.out.as<T>(), args.mask.as<bool>(), args.input.as<T>(),
                                                             n, args.state.as<State>(), keep, scale, Offsets<3>(loop));
  });
  if (!known) return unsupported(args.out.dtype);
  move_on(args.state.data, policy.draws);
  return launched();
}

Status mask_scale(MaskScaleArgs& args) {
  const TensorView* views[] = {&args.out, &args.input, &args.mask};
  const cpu::StridedLoop loop = cpu::make_loop(views);
  const int64_t n = loop.numel();
  if (n == 0) return {};
  const bool known = visit_real(args.out.dtype, [&]<typename T>() {
    scale_masked<<<blocks_for(n, kThreads), kThreads, 0, context().stream>>>(
        args.out.as<T>(), args.input.as<T>(), args.mask.as<bool>(), n, args.scale, Offsets<3>(loop));
  });
  return known ? launched() : unsupported(args.out.dtype);
}

}  // namespace flambeau::cuda
