// The definition of each micro-op, compiled once for every ISA (see micro_ops.cpp). A struct `name_op` per line of
// micro_ops.def: operator()(T...) is vectorised by the compiler; where it cannot be, `run` is written with Highway.
// No include guard: foreach_target.h includes this file's user again for each target.
HWY_BEFORE_NAMESPACE();
namespace flambeau::cpu {
namespace HWY_NAMESPACE {

struct add_op {
  template <typename T>
  T operator()(T a, T b) const { return a + b; }
};
struct sub_op {
  template <typename T>
  T operator()(T a, T b) const { return a - b; }
};
struct mul_op {
  template <typename T>
  T operator()(T a, T b) const { return a * b; }
};
struct div_op {
  template <typename T>
  T operator()(T a, T b) const { return a / b; }
};

}  // namespace HWY_NAMESPACE
}  // namespace flambeau::cpu
HWY_AFTER_NAMESPACE();
