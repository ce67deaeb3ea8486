// The elementwise evaluator: a program of micro-ops over strided, broadcast operands of any dtypes. One instruction,
// the usual operator, works in registers; longer programs keep theirs in shared memory, four elements a thread, so that
// one pass over device memory serves a whole chain of operators.
#pragma once
#include <algorithm>

#include "device.cuh"
#include "flambeau/kernels/elementwise.gen.h"
#include "flambeau/micro_ops.gen.h"

namespace flambeau::cuda::elementwise {

inline constexpr int kItems = 4;  // elements of a thread
inline constexpr int kThreads = 128;
inline constexpr int kMaxOperands = 24, kMaxCode = 64, kMaxConstants = 32;

template <typename C, int kOperands>
struct Program {
  int64_t numel = 0;
  int n_out = 0, n_in = 0, n_constants = 0, n_code = 0;
  // Outputs, then inputs. The step is 0 or 1 where all operands are contiguous or one element.
  char* data[kOperands];
  DType dtype[kOperands];
  uint8_t step[kOperands];
  uint8_t results[kOperands];
  uint8_t code[kMaxCode][4];
  C constants[kMaxConstants];
  ErrorSlot errors;
};

// Four neighbouring elements, aligned to as many bytes as one access takes.
template <typename T>
struct alignas(sizeof(T) * kItems > 16 ? 16 : sizeof(T) * kItems) Pack {
  T items[kItems];
};

template <typename C>
__device__ __forceinline__ void load_pack(C (&to)[kItems], const char* data, DType dtype, int64_t i, bool whole) {
  visit(dtype, [&]<typename T>() {
    if constexpr (kComplex<C> || !kComplex<T>) {
      if (whole) {
        const Pack<T> pack = *reinterpret_cast<const Pack<T>*>(reinterpret_cast<const T*>(data) + i);
#pragma unroll
        for (int k = 0; k < kItems; ++k) to[k] = convert<C>(pack.items[k]);
      } else {
        const C value = convert<C>(*reinterpret_cast<const T*>(data));
#pragma unroll
        for (int k = 0; k < kItems; ++k) to[k] = value;
      }
    }
  });
}

template <typename C>
__device__ __forceinline__ void store_pack(const C (&from)[kItems], char* data, DType dtype, int64_t i) {
  visit(dtype, [&]<typename T>() {
    if constexpr (kComplex<C> || !kComplex<T>) {
      Pack<T> pack;
#pragma unroll
      for (int k = 0; k < kItems; ++k) pack.items[k] = convert<T>(from[k]);
      *reinterpret_cast<Pack<T>*>(reinterpret_cast<T*>(data) + i) = pack;
    }
  });
}

// Where a thread's elements are: neighbours where operands are contiguous, otherwise a block apart.
template <int kOperands, bool kContiguous>
struct Position {
  int64_t first = 0;
  int count = 0;
  int64_t offsets[kContiguous ? 1 : kItems][kOperands];

  __device__ __forceinline__ Position(int64_t numel, int64_t group, const Offsets<kOperands>& at) {
    if constexpr (kContiguous) {
      first = (group * blockDim.x + threadIdx.x) * kItems;
      const int64_t left = numel - first;
      count = left >= kItems ? kItems : left > 0 ? static_cast<int>(left) : 0;
    } else {
      first = group * blockDim.x * kItems + threadIdx.x;
#pragma unroll
      for (int k = 0; k < kItems; ++k) {
        const int64_t i = first + static_cast<int64_t>(k) * blockDim.x;
        if (i >= numel) continue;
        count = k + 1;
        at.at(i, offsets[k]);
      }
    }
  }
};

template <typename C, int kOperands, bool kContiguous>
__device__ __forceinline__ void load_operand(C (&to)[kItems], const Program<C, kOperands>& p, int v,
                                             const Position<kOperands, kContiguous>& at) {
  if constexpr (kContiguous) {
    const bool whole = p.step[v] != 0;
    if (at.count == kItems || !whole) {
      load_pack(to, p.data[v], p.dtype[v], at.first, whole);
    } else {
#pragma unroll
      for (int k = 0; k < kItems; ++k)
        if (k < at.count) to[k] = load<C>(p.data[v], p.dtype[v], at.first + k);
    }
  } else {
    visit(p.dtype[v], [&]<typename T>() {
      if constexpr (kComplex<C> || !kComplex<T>) {
#pragma unroll
        for (int k = 0; k < kItems; ++k)
          if (k < at.count) to[k] = convert<C>(reinterpret_cast<const T*>(p.data[v])[at.offsets[k][v]]);
      }
    });
  }
}

template <typename C, int kOperands, bool kContiguous>
__device__ __forceinline__ void store_operand(const C (&from)[kItems], const Program<C, kOperands>& p, int v,
                                              const Position<kOperands, kContiguous>& at) {
  if constexpr (kContiguous) {
    if (at.count == kItems) {
      store_pack(from, p.data[v], p.dtype[v], at.first);
    } else {
#pragma unroll
      for (int k = 0; k < kItems; ++k)
        if (k < at.count) store<C>(p.data[v], p.dtype[v], at.first + k, from[k]);
    }
  } else {
    visit(p.dtype[v], [&]<typename T>() {
      if constexpr (kComplex<C> || !kComplex<T>) {
#pragma unroll
        for (int k = 0; k < kItems; ++k)
          if (k < at.count) reinterpret_cast<T*>(p.data[v])[at.offsets[k][v]] = convert<T>(from[k]);
      }
    });
  }
}

// Integers cannot be divided by zero.
template <typename C>
__device__ __forceinline__ void check_divisor(int op, const C (&b)[kItems], int count, int64_t first,
                                              const ErrorSlot& errors) {
  if constexpr (std::is_integral_v<C>) {
    if (op != static_cast<int>(MicroOp::trunc_divide_) && op != static_cast<int>(MicroOp::floor_divide_) &&
        op != static_cast<int>(MicroOp::fmod_) && op != static_cast<int>(MicroOp::remainder_))
      return;
#pragma unroll
    for (int k = 0; k < kItems; ++k)
      if (k < count && b[k] == 0) report(errors, StatusCode::invalid_value, first + k);
  }
}

// Apply is a family of functions on four elements: Apply::run<C>(op, r, a, b, c).
template <typename Apply, typename C, bool kContiguous>
__global__ void __launch_bounds__(kThreads)
    single(const __grid_constant__ Program<C, 4> p, const __grid_constant__ Offsets<4> at) {
  const int64_t per_group = static_cast<int64_t>(blockDim.x) * kItems;
  for (int64_t group = blockIdx.x; group * per_group < p.numel; group += gridDim.x) {
    const Position<4, kContiguous> place(p.numel, group, at);
    if (place.count == 0) continue;
    // The host has put the instruction's operands in order; those without memory are constants.
    C operands[3][kItems], result[kItems];
#pragma unroll
    for (int v = 0; v < 3; ++v) {
      if (p.data[1 + v] != nullptr) {
        load_operand(operands[v], p, 1 + v, place);
      } else {
        const C value = p.constants[v];
#pragma unroll
        for (int k = 0; k < kItems; ++k) operands[v][k] = value;
      }
    }
    const int op = p.code[0][0];
    check_divisor(op, operands[1], place.count, place.first, p.errors);
    Apply::template run<C>(op, result, operands[0], operands[1], operands[2]);
    store_operand(result, p, 0, place);
  }
}

template <typename C>
__device__ __forceinline__ void get(C (&to)[kItems], const C* registers, int r) {
  const C* at = registers + (static_cast<size_t>(r) * blockDim.x + threadIdx.x) * kItems;
#pragma unroll
  for (int k = 0; k < kItems; ++k) to[k] = at[k];
}
template <typename C>
__device__ __forceinline__ void put(const C (&from)[kItems], C* registers, int r) {
  C* at = registers + (static_cast<size_t>(r) * blockDim.x + threadIdx.x) * kItems;
#pragma unroll
  for (int k = 0; k < kItems; ++k) at[k] = from[k];
}

// No thread reads another's registers, so none waits.
template <typename Apply, typename C, bool kContiguous>
__global__ void __launch_bounds__(kThreads)
    whole(const __grid_constant__ Program<C, kMaxOperands> p, const __grid_constant__ Offsets<kMaxOperands> at) {
  extern __shared__ __align__(16) unsigned char memory[];
  C* registers = reinterpret_cast<C*>(memory);
  const int64_t per_group = static_cast<int64_t>(blockDim.x) * kItems;
  const int first_instruction = p.n_in + p.n_constants;
  C a[kItems], b[kItems], c[kItems], r[kItems];
  for (int k = 0; k < p.n_constants; ++k) {
#pragma unroll
    for (int i = 0; i < kItems; ++i) a[i] = p.constants[k];
    put(a, registers, p.n_in + k);
  }
  for (int64_t group = blockIdx.x; group * per_group < p.numel; group += gridDim.x) {
    const Position<kMaxOperands, kContiguous> place(p.numel, group, at);
    if (place.count == 0) continue;
    for (int v = 0; v < p.n_in; ++v) {
      load_operand(a, p, p.n_out + v, place);
      put(a, registers, v);
    }
    for (int k = 0; k < p.n_code; ++k) {
      const int op = p.code[k][0];
      get(a, registers, p.code[k][1]);
      get(b, registers, p.code[k][2]);
      get(c, registers, p.code[k][3]);
      check_divisor(op, b, place.count, place.first, p.errors);
      Apply::template run<C>(op, r, a, b, c);
      put(r, registers, first_instruction + k);
    }
    for (int v = 0; v < p.n_out; ++v) {
      get(a, registers, p.results[v]);
      store_operand(a, p, v, place);
    }
  }
}

template <typename C>
C constant_of(const Scalar& s) {
  if constexpr (kComplex<C>) {
    using R = typename C::value_type;
    return s.kind == Scalar::Kind::integer ? C{static_cast<R>(s.integer), R(0)}
                                           : C{static_cast<R>(s.re), static_cast<R>(s.im)};
  } else {
    return s.to<C>();
  }
}

// Whether every operand is contiguous and aligned for whole packs, or one element.
inline bool packed(const cpu::StridedLoop& loop, std::span<const TensorView* const> views) {
  if (loop.ndim > 1) return false;
  for (size_t v = 0; v < views.size(); ++v) {
    const int64_t stride = loop.inner_stride(static_cast<int>(v));
    if (stride == 0 && (v > 0 || loop.numel() == 1)) continue;
    const size_t align = std::min<size_t>(16, size_of(views[v]->dtype) * kItems);
    if (stride != 1 || reinterpret_cast<uintptr_t>(views[v]->data) % align != 0) return false;
  }
  return true;
}

template <typename Apply, typename C>
Status run(ElementwiseArgs& args) {
  std::span<const TensorView> outs = args.outs, ins = args.ins;
  const size_t n_code = args.code.size() / 4;
  const TensorView* views[kMaxOperands];
  const size_t count = outs.size() + ins.size();
  if (count > kMaxOperands || n_code > kMaxCode || args.constants.size() > kMaxConstants)
    return {StatusCode::engine_error, 0, 1};
  for (size_t v = 0; v < count; ++v) views[v] = v < outs.size() ? &outs[v] : &ins[v - outs.size()];
  for (size_t v = 0; v < count; ++v)
    if (is_complex(views[v]->dtype) && !kComplex<C>) return unsupported(views[v]->dtype);
  for (size_t k = 0; k < n_code; ++k) {
    const int op = static_cast<int>(args.code[4 * k]);
    if (!Apply::template has<C>(op)) return {StatusCode::no_kernel};
    if constexpr (std::is_integral_v<C>) {
      const size_t divisor = static_cast<size_t>(args.code[4 * k + 2]);
      const auto m = static_cast<MicroOp>(op);
      const bool divides =
          m == MicroOp::trunc_divide_ || m == MicroOp::floor_divide_ || m == MicroOp::fmod_ || m == MicroOp::remainder_;
      if (divides && divisor >= ins.size() && divisor < ins.size() + args.constants.size() &&
          args.constants[divisor - ins.size()].template to<int64_t>() == 0)
        return {StatusCode::invalid_value, 0};
    }
  }
  const cpu::StridedLoop loop = cpu::make_loop({views, count});
  const int64_t numel = loop.numel();
  if (numel == 0) return {};
  const cudaStream_t stream = context().stream;
  if (n_code == 1 && outs.size() == 1 && static_cast<size_t>(args.results[0]) == ins.size() + args.constants.size()) {
    const TensorView* own[4] = {&outs[0], &outs[0], &outs[0], &outs[0]};
    Program<C, 4> p;
    p.numel = numel;
    p.code[0][0] = static_cast<uint8_t>(args.code[0]);
    p.errors = context().errors;
    for (int v = 0; v < 4; ++v) {
      p.data[v] = nullptr;
      const size_t source = v == 0 ? 0 : static_cast<size_t>(args.code[v]);
      if (v > 0 && v > kMicroArity[args.code[0]]) continue;
      if (v > 0 && source >= ins.size()) {
        p.constants[v - 1] = constant_of<C>(args.constants[source - ins.size()]);
        continue;
      }
      if (v > 0) own[v] = &ins[source];
      p.data[v] = own[v]->template as<char>();
      p.dtype[v] = own[v]->dtype;
    }
    const cpu::StridedLoop order = cpu::make_loop(own);
    for (int v = 0; v < 4; ++v) p.step[v] = order.inner_stride(v) != 0;
    const unsigned blocks = blocks_for(numel, kThreads * kItems, 16);
    if (packed(order, own))
      single<Apply, C, true><<<blocks, kThreads, 0, stream>>>(p, Offsets<4>());
    else
      single<Apply, C, false><<<blocks, kThreads, 0, stream>>>(p, Offsets<4>(order));
    return launched();
  }
  const bool contiguous = packed(loop, {views, count});
  Program<C, kMaxOperands> p;
  p.numel = numel;
  p.n_out = static_cast<int>(outs.size());
  p.n_in = static_cast<int>(ins.size());
  p.n_constants = static_cast<int>(args.constants.size());
  p.n_code = static_cast<int>(n_code);
  for (size_t v = 0; v < count; ++v) {
    p.data[v] = views[v]->template as<char>();
    p.dtype[v] = views[v]->dtype;
    p.step[v] = loop.inner_stride(static_cast<int>(v)) != 0;
    if (v < outs.size()) p.results[v] = static_cast<uint8_t>(args.results[v]);
  }
  for (size_t k = 0; k < args.code.size(); ++k) p.code[k / 4][k % 4] = static_cast<uint8_t>(args.code[k]);
  for (size_t k = 0; k < args.constants.size(); ++k) p.constants[k] = constant_of<C>(args.constants[k]);
  p.errors = context().errors;
  const size_t per_thread = (ins.size() + args.constants.size() + n_code) * kItems * sizeof(C);
  int threads = kThreads;
  while (threads > 32 && per_thread * threads > 48 * 1024) threads /= 2;
  const size_t shared = per_thread * threads;
  if (shared > context().shared_memory) return {StatusCode::engine_error, 0, 2};
  const auto kernel = contiguous ? &whole<Apply, C, true> : &whole<Apply, C, false>;
  if (shared > 48 * 1024)
    cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  const unsigned blocks = blocks_for(numel, threads * kItems, 8);
  kernel<<<blocks, threads, shared, stream>>>(p, contiguous ? Offsets<kMaxOperands>() : Offsets<kMaxOperands>(loop));
  return launched();
}

}  // namespace flambeau::cuda::elementwise
