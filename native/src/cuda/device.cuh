// What kernels share on the device: element types and their conversion, loads and stores of any dtype, offsets into
// strided operands, and errors.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "context.h"
#include "cpu/iterate.h"
#include "flambeau/call.h"
#include "flambeau/dtype.h"

namespace flambeau::cuda {

using half = __half;
using bhalf = __nv_bfloat16;

template <typename R>
struct alignas(2 * sizeof(R)) Complex {
  using value_type = R;
  R re, im;
};

template <typename T>
inline constexpr bool kComplex = false;
template <typename R>
inline constexpr bool kComplex<Complex<R>> = true;
template <typename T>
inline constexpr bool kHalfType = std::is_same_v<T, half> || std::is_same_v<T, bhalf>;
template <typename T>
inline constexpr bool kReal = std::is_floating_point_v<T> || kHalfType<T>;

// The type in which arithmetic on a dtype is done.
template <typename T>
using ComputeOf =
    std::conditional_t<kHalfType<T>, float, std::conditional_t<std::is_integral_v<T> && (sizeof(T) < 4), int32_t, T>>;

// The result is the CPU's (cpu/blocks.h): what is out of an integer's range becomes its minimum.
template <typename To, typename From>
__host__ __device__ inline To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (kComplex<To>) {
    using R = typename To::value_type;
    if constexpr (kComplex<From>)
      return {static_cast<R>(value.re), static_cast<R>(value.im)};
    else
      return {convert<R>(value), R(0)};
  } else if constexpr (kComplex<From>) {
    if constexpr (std::is_same_v<To, bool>)
      return value.re != 0 || value.im != 0;
    else
      return convert<To>(value.re);
  } else if constexpr (std::is_same_v<From, half>) {
    return convert<To>(__half2float(value));
  } else if constexpr (std::is_same_v<From, bhalf>) {
    return convert<To>(__bfloat162float(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_same_v<To, half>) {
    return __float2half_rn(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bhalf>) {
    return __float2bfloat16_rn(static_cast<float>(value));
  } else if constexpr (std::is_integral_v<To> && std::is_floating_point_v<From>) {
    using Wide = std::conditional_t<sizeof(To) == 4, int32_t, int64_t>;
    const From low = static_cast<From>(std::numeric_limits<Wide>::min());
    const Wide wide = value >= low && value < -low ? static_cast<Wide>(value) : std::numeric_limits<Wide>::min();
    return static_cast<To>(wide);
  } else {
    return static_cast<To>(value);
  }
}

// Calls body.operator()<T>() for the device's type of a dtype: `visit` on the device, `visit_types` on the host.
#define FLAMBEAU_VISIT(name, attributes)                    \
  template <typename Body>                                  \
  attributes void name(DType dtype, const Body& body) {     \
    switch (dtype) {                                        \
      case DType::f32:                                      \
        return body.template operator()<float>();           \
      case DType::f64:                                      \
        return body.template operator()<double>();          \
      case DType::f16:                                      \
        return body.template operator()<half>();            \
      case DType::bf16:                                     \
        return body.template operator()<bhalf>();           \
      case DType::i8:                                       \
        return body.template operator()<int8_t>();          \
      case DType::u8:                                       \
        return body.template operator()<uint8_t>();         \
      case DType::i16:                                      \
        return body.template operator()<int16_t>();         \
      case DType::i32:                                      \
        return body.template operator()<int32_t>();         \
      case DType::i64:                                      \
        return body.template operator()<int64_t>();         \
      case DType::boolean:                                  \
        return body.template operator()<bool>();            \
      case DType::c64:                                      \
        return body.template operator()<Complex<float>>();  \
      case DType::c128:                                     \
        return body.template operator()<Complex<double>>(); \
      case DType::c32: /* the host gives it to no kernel */ \
        break;                                              \
    }                                                       \
  }
FLAMBEAU_VISIT(visit, __device__ __forceinline__)
FLAMBEAU_VISIT(visit_types, inline)
#undef FLAMBEAU_VISIT

// The same for the real floating-point dtypes; false for any other.
template <typename Body>
bool visit_real(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::f32:
      body.template operator()<float>();
      return true;
    case DType::f64:
      body.template operator()<double>();
      return true;
    case DType::f16:
      body.template operator()<half>();
      return true;
    case DType::bf16:
      body.template operator()<bhalf>();
      return true;
    default:
      return false;
  }
}

// Calls body.operator()<R>() for the type in which a real floating-point dtype is computed; false for any other.
template <typename Body>
bool visit_wide(DType dtype, const Body& body) {
  if (!is_floating(dtype)) return false;
  if (dtype == DType::f64)
    body.template operator()<double>();
  else
    body.template operator()<float>();
  return true;
}

inline Status unsupported(DType dtype) { return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)}; }

// Unsigned integers of each size of an element, for what only moves it.
struct alignas(16) Wide {
  uint64_t parts[2];
};
template <typename Body>
void visit_size(size_t size, const Body& body) {
  switch (size) {
    case 1:
      return body.template operator()<uint8_t>();
    case 2:
      return body.template operator()<uint16_t>();
    case 4:
      return body.template operator()<uint32_t>();
    case 8:
      return body.template operator()<uint64_t>();
    default:
      return body.template operator()<Wide>();
  }
}

// Complex operands are for complex compute types: leaving them out elsewhere keeps kernels small.
template <typename C>
__device__ __forceinline__ C load(const void* data, DType dtype, int64_t i) {
  C value{};
  visit(dtype, [&]<typename T>() {
    if constexpr (kComplex<C> || !kComplex<T>) value = convert<C>(static_cast<const T*>(data)[i]);
  });
  return value;
}
template <typename C>
__device__ __forceinline__ void store(void* data, DType dtype, int64_t i, C value) {
  visit(dtype, [&]<typename T>() {
    if constexpr (kComplex<C> || !kComplex<T>) static_cast<T*>(data)[i] = convert<T>(value);
  });
}

// The same for real floating-point dtypes only, which keeps kernels small.
template <typename R>
__device__ __forceinline__ R load_real(const void* data, DType dtype, int64_t i) {
  switch (dtype) {
    case DType::f32:
      return convert<R>(static_cast<const float*>(data)[i]);
    case DType::f64:
      return convert<R>(static_cast<const double*>(data)[i]);
    case DType::f16:
      return convert<R>(static_cast<const half*>(data)[i]);
    default:
      return convert<R>(static_cast<const bhalf*>(data)[i]);
  }
}
template <typename R>
__device__ __forceinline__ void store_real(void* data, DType dtype, int64_t i, R value) {
  switch (dtype) {
    case DType::f32:
      static_cast<float*>(data)[i] = convert<float>(value);
      break;
    case DType::f64:
      static_cast<double*>(data)[i] = convert<double>(value);
      break;
    case DType::f16:
      static_cast<half*>(data)[i] = convert<half>(value);
      break;
    default:
      static_cast<bhalf*>(data)[i] = convert<bhalf>(value);
  }
}

// Reports what is wrong with a value; only the first report counts until the host has read it.
__device__ inline void report(const ErrorSlot& slot, StatusCode code, int64_t position, int64_t value = 0,
                              int64_t limit = 0) {
  if (atomicCAS(slot.taken, 0u, 1u) != 0u) return;
  slot.record->kernel = slot.kernel;
  slot.record->position = position;
  slot.record->value = value;
  slot.record->limit = limit;
  __threadfence_system();
  slot.record->code = static_cast<int32_t>(code);
  __threadfence_system();
}

// Division by a number that is known at launch, of dividends below 2^31.
struct FastDivisor {
  uint32_t divisor = 1, magic = 1, shift = 0;
  FastDivisor() = default;
  explicit FastDivisor(uint32_t d) : divisor(d) {
    if (d == 0) return;  // there is nothing to divide
    while (shift < 32 && (uint64_t{1} << shift) < d) ++shift;
    magic = static_cast<uint32_t>(((uint64_t{1} << 32) * ((uint64_t{1} << shift) - d)) / d + 1);
  }
  __device__ __forceinline__ uint32_t divide(uint32_t n) const { return (__umulhi(n, magic) + n) >> shift; }
};

// Offsets of operands of one shape, dimension 0 innermost.
template <int kOperands>
struct Offsets {
  int ndim = 0;
  bool wide = false;  // too many elements for FastDivisor
  FastDivisor divisors[kMaxDims];
  int64_t shape[kMaxDims];
  int64_t strides[kMaxDims][kOperands];

  Offsets() = default;
  explicit Offsets(const cpu::StridedLoop& loop) {
    ndim = loop.ndim;
    wide = loop.numel() >= (int64_t{1} << 31);
    for (int d = 0; d < ndim; ++d) {
      shape[d] = loop.shape[d];
      if (!wide) divisors[d] = FastDivisor(static_cast<uint32_t>(loop.shape[d]));
      for (int v = 0; v < kOperands; ++v) strides[d][v] = v < loop.operands ? loop.strides[d][v] : 0;
    }
  }

  __device__ __forceinline__ void at(int64_t index, int64_t (&offsets)[kOperands]) const {
#pragma unroll
    for (int v = 0; v < kOperands; ++v) offsets[v] = 0;
    if (wide) {
      for (int d = 0; d < ndim; ++d) {
        const int64_t next = index / shape[d], rest = index - next * shape[d];
        index = next;
#pragma unroll
        for (int v = 0; v < kOperands; ++v) offsets[v] += rest * strides[d][v];
      }
      return;
    }
    uint32_t left = static_cast<uint32_t>(index);
    for (int d = 0; d < ndim; ++d) {
      const uint32_t next = d + 1 < ndim ? divisors[d].divide(left) : 0;
      const uint32_t rest = left - next * divisors[d].divisor;
      left = next;
#pragma unroll
      for (int v = 0; v < kOperands; ++v) offsets[v] += rest * strides[d][v];
    }
  }
};

// A view with the contiguous strides of its shape: put first in a loop, it fixes row-major order.
inline TensorView row_major(const TensorView& shape) {
  TensorView v = shape;
  int64_t stride = 1;
  for (int i = v.ndim - 1; i >= 0; --i) {
    v.strides[i] = stride;
    stride *= v.shape[i] > 1 ? v.shape[i] : 1;
  }
  return v;
}

// A product that is rounded before it is added to anything.
__device__ __forceinline__ float product(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ double product(double a, double b) { return __dmul_rn(a, b); }

// Sums over a block of at most 1024 threads; every thread gets the result.
template <typename T, typename Combine>
__device__ inline T block_reduce(T value, const Combine& combine, T identity) {
  __shared__ T partial[32];
  for (int step = 16; step > 0; step /= 2) {
    T other;
    if constexpr (sizeof(T) <= 8) {
      other = __shfl_xor_sync(0xffffffffu, value, step);
    } else {
      static_assert(sizeof(T) == 16);
      other = value;
      other.re = __shfl_xor_sync(0xffffffffu, value.re, step);
      other.im = __shfl_xor_sync(0xffffffffu, value.im, step);
    }
    value = combine(value, other);
  }
  const int thread = static_cast<int>(threadIdx.x + blockDim.x * threadIdx.y), warp = thread / 32;
  const int warps = static_cast<int>((blockDim.x * blockDim.y + 31) / 32);
  if (warps == 1) return value;
  __syncthreads();
  if (thread % 32 == 0) partial[warp] = value;
  __syncthreads();
  value = identity;
  for (int w = 0; w < warps; ++w) value = combine(value, partial[w]);
  return value;
}
template <typename T>
__device__ inline T block_sum(T value) {
  return block_reduce(
      value, [](T a, T b) { return a + b; }, T(0));
}

}  // namespace flambeau::cuda
