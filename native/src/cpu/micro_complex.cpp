// Complex sums and products for the ISA at hand. Products are rounded before they are added (CMakeLists.txt keeps the
// compiler from joining the two), so that a number times its conjugate is real; the same bits as micro_complex.h.
#include "micro_complex.h"

#include "micro_ops.h"

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/micro_complex.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Each takes vectors of real and imaginary parts in turn.
#define X(name, arity) struct name##_parts;
FLAMBEAU_MICRO_OPS_COMPLEX(X)
#undef X
#if HWY_TARGET != HWY_SCALAR
struct add_parts {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b, V) const {
    return hn::Add(a, b);
  }
};
struct sub_parts {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V b, V) const {
    return hn::Sub(a, b);
  }
};
struct neg_parts {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V, V) const {
    return hn::Neg(a);
  }
};
struct conj_parts {
  template <class D, class V>
  HWY_INLINE V operator()(D, V a, V, V) const {
    return hn::OddEven(hn::Neg(a), a);
  }
};
// The imaginary parts of b in both places, one of them with the other sign.
template <bool kConjugate, class D, class V>
HWY_INLINE V product(D d, V a, V b) {
  const V zero = hn::Zero(d), sign = hn::SignBit(d);
  const V signs = kConjugate ? hn::OddEven(sign, zero) : hn::OddEven(zero, sign);
  return hn::Add(hn::Mul(a, hn::DupEven(b)), hn::Mul(hn::Reverse2(d, a), hn::Xor(hn::DupOdd(b), signs)));
}
struct mul_parts {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, V) const {
    return product<false>(d, a, b);
  }
};
struct mul_add_parts {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, V c) const {
    return hn::Add(product<false>(d, a, b), c);
  }
};
struct mul_conj_parts {
  template <class D, class V>
  HWY_INLINE V operator()(D d, V a, V b, V) const {
    return product<true>(d, a, b);
  }
};
#endif

template <typename R>
constexpr bool kVectors = HWY_TARGET != HWY_SCALAR && (sizeof(R) == 4 || HWY_HAVE_FLOAT64);

template <class Parts, class Op, typename R, int kArity>
void complex_loop(void* dst_, const void* a_, const void* b_, const void* c_, int64_t n) {
  int64_t i = 0;
  if constexpr (kVectors<R>) {
    const hn::ScalableTag<R> d;
    auto* dst = static_cast<R*>(dst_);
    const R *a = static_cast<const R*>(a_), *b = static_cast<const R*>(b_), *c = static_cast<const R*>(c_);
    const auto lanes = static_cast<int64_t>(hn::Lanes(d));
    int64_t at = 0;
    for (; at + lanes <= 2 * n; at += lanes) {
      const auto x = hn::LoadU(d, a + at);
      const auto y = kArity > 1 ? hn::LoadU(d, b + at) : x;
      hn::StoreU(Parts()(d, x, y, kArity > 2 ? hn::LoadU(d, c + at) : x), d, dst + at);
    }
    i = at / 2;
  }
  using C = std::complex<R>;
  auto* dst = static_cast<C*>(dst_);
  const C *a = static_cast<const C*>(a_), *b = static_cast<const C*>(b_), *c = static_cast<const C*>(c_);
  for (; i < n; ++i) {
    if constexpr (kArity == 1) dst[i] = Op()(a[i]);
    if constexpr (kArity == 2) dst[i] = Op()(a[i], b[i]);
    if constexpr (kArity == 3) dst[i] = Op()(a[i], b[i], c[i]);
  }
}

struct ComplexTable {
  MicroFunction c64[kNumMicroOps]{}, c128[kNumMicroOps]{};
  ComplexTable() {
#define X(name, arity)                                                                                        \
  c64[static_cast<int>(MicroOp::name##_)] = complex_loop<name##_parts, complex_ops::name##_op, float, arity>; \
  c128[static_cast<int>(MicroOp::name##_)] = complex_loop<name##_parts, complex_ops::name##_op, double, arity>;
    FLAMBEAU_MICRO_OPS_COMPLEX(X)
#undef X
  }
};

MicroFunction find_complex(int op, int compute) {
  static const ComplexTable table;
  return (static_cast<DType>(compute) == DType::c64 ? table.c64 : table.c128)[op];
}

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace flambeau::cpu {

HWY_EXPORT(find_complex);

MicroFunction complex_micro_function(MicroOp op, DType compute) {
  return HWY_DYNAMIC_DISPATCH(find_complex)(static_cast<int>(op), static_cast<int>(compute));
}

}  // namespace flambeau::cpu
#endif
