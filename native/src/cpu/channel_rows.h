// Sums and affine maps over runs of elements of one channel, or of a block of channels side by side, for the ISA at
// hand. Parameters and sums are periodic: element i of a run belongs to lane i % 16, so that a plain channel has 16
// equal lanes and a block of 8 channels has each twice. R is float or double; doubles have plain channels only.
#pragma once
#include <algorithm>
#include <cstdint>

#include "blocks.h"
#include "flambeau/status.h"

namespace flambeau::cpu {

inline constexpr int64_t kChannelLanes = 16;

template <typename R>
struct ChannelFunctions {
  // sums += x - center, squares += (x - center)²
  void (*moments)(const R* x, const R* center, int64_t n, double* sums, double* squares);
  // sums += grad, products += grad · (x - center)
  void (*products)(const R* grad, const R* x, const R* center, int64_t n, double* sums, double* products);
  // dst = (x - center) · scale + shift
  void (*apply)(R* dst, const R* x, const R* center, const R* scale, const R* shift, int64_t n);
  // dst = grad · a + (x - center) · b + shift
  void (*combine)(R* dst, const R* grad, const R* x, const R* center, const R* a, const R* b, const R* shift,
                  int64_t n);
};

ChannelFunctions<float> channel_functions(float);
ChannelFunctions<double> channel_functions(double);

// The same over runs of T, which are converted a block at a time where they are not of the compute type.
template <typename T>
class ChannelRuns {
 public:
  using R = ComputeType<T>;

  static void moments(const T* x, const R* center, int64_t n, double* sums, double* squares) {
    each(n, [&](int64_t at, int64_t m) { functions().moments(Read(x + at, m), center, m, sums, squares); });
  }
  static void products(const T* grad, const T* x, const R* center, int64_t n, double* sums, double* products) {
    each(n, [&](int64_t at, int64_t m) {
      functions().products(Read(grad + at, m), Read(x + at, m), center, m, sums, products);
    });
  }
  static void apply(T* dst, const T* x, const R* center, const R* scale, const R* shift, int64_t n) {
    each(n, [&](int64_t at, int64_t m) {
      functions().apply(Write(dst + at, m), Read(x + at, m), center, scale, shift, m);
    });
  }
  static void combine(T* dst, const T* grad, const T* x, const R* center, const R* a, const R* b, const R* shift,
                      int64_t n) {
    each(n, [&](int64_t at, int64_t m) {
      functions().combine(Write(dst + at, m), Read(grad + at, m), Read(x + at, m), center, a, b, shift, m);
    });
  }

 private:
  static constexpr bool kDirect = std::is_same_v<T, R>;

  static const ChannelFunctions<R>& functions() {
    static const ChannelFunctions<R> f = channel_functions(R());
    return f;
  }
  template <typename Body>
  static void each(int64_t n, const Body& body) {
    const int64_t step = kDirect ? std::max<int64_t>(n, 1) : kBlock;
    for (int64_t at = 0; at < n; at += step) body(at, std::min(step, n - at));
  }

  struct Read {
    Read(const T* src, int64_t n) {
      if constexpr (kDirect) {
        data = src;
      } else {
        load_block(block, src, 1, n);
        data = block;
      }
    }
    operator const R*() const { return data; }
    const R* data;
    R block[kDirect ? 1 : kBlock];
  };
  struct Write {
    Write(T* dst, int64_t n) : dst(dst), n(n) {}
    ~Write() {
      if constexpr (!kDirect) store_block(dst, 1, block, n);
    }
    operator R*() {
      if constexpr (kDirect)
        return dst;
      else
        return block;
    }
    T* dst;
    int64_t n;
    R block[kDirect ? 1 : kBlock];
  };
};

// The dtypes that normalizations take.
template <typename Body>
Status visit_floating(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::f32:
      body.template operator()<float>();
      return {};
    case DType::f64:
      body.template operator()<double>();
      return {};
    case DType::f16:
      body.template operator()<float16>();
      return {};
    case DType::bf16:
      body.template operator()<bfloat16>();
      return {};
    default:
      return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(dtype)};
  }
}

}  // namespace flambeau::cpu
