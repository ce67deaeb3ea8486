// Matrix products: oneDNN and packed panels for float32, oneDNN for bfloat16, BLAS for float64 and complex, plain loops
// for integers.
#include <algorithm>
#include <vector>

#include "blocks.h"
#include "engine.h"
#include "flambeau/kernels/matmul.gen.h"
#include "gemm.h"
#include "iterate.h"
#include "layouts.h"
#include "panel_gemm.h"
#include "signals.h"
#include "skinny_product.h"

namespace flambeau::cpu {
namespace {

using dnnl::memory;

// A matrix (or vector of them) whose last two dimensions have one unit stride, as every engine below wants it.
struct Matrix {
  const void* data;
  int64_t rows, cols, row_stride, col_stride;
  bool transposed() const { return col_stride != 1; }
  int64_t ld() const { return transposed() ? col_stride : row_stride; }
};

// The view with one unit stride in its last two dimensions: itself, or a packed copy in `workspace`.
TensorView packed(const TensorView& t, std::unique_ptr<Workspace>& workspace) {
  const int n = t.ndim;
  const int64_t rows = t.shape[n - 2], cols = t.shape[n - 1];
  const auto fits = [](int64_t unit, int64_t other, int64_t size, int64_t extent) {
    return (unit == 1 || extent == 1) && (other >= std::max<int64_t>(1, extent) || size == 1);
  };
  if (fits(t.strides[n - 1], t.strides[n - 2], rows, cols) || fits(t.strides[n - 2], t.strides[n - 1], cols, rows))
    return t;
  workspace = std::make_unique<Workspace>(std::max<size_t>(1, t.numel() * size_of(t.dtype)));
  TensorView copy_of = t;
  copy_of.data = workspace->as();
  int64_t stride = 1;
  for (int i = n - 1; i >= 0; --i) {
    copy_of.strides[i] = stride;
    stride *= t.shape[i];
  }
  CopyArgs args{copy_of, t};
  copy(args);
  return copy_of;
}

Matrix matrix_of(const TensorView& t, int64_t offset) {
  const int n = t.ndim;
  Matrix m{static_cast<const char*>(t.data) + offset * static_cast<int64_t>(size_of(t.dtype)), t.shape[n - 2],
           t.shape[n - 1], t.strides[n - 2], t.strides[n - 1]};
  // A dimension of size 1 may have any stride: give it the one that makes a plain matrix.
  const bool row_major =
      (m.col_stride == 1 || m.cols == 1) && (m.row_stride >= std::max<int64_t>(1, m.cols) || m.rows == 1);
  if (row_major) {
    m.col_stride = 1;
    if (m.rows == 1) m.row_stride = m.cols;
  } else {
    m.row_stride = 1;
    if (m.cols == 1) m.col_stride = m.rows;
  }
  return m;
}

// The batch dimensions of all three as one strided loop.
StridedLoop batch_loop(const TensorView& out, const TensorView& a, const TensorView& b) {
  TensorView views[3] = {out, a, b};
  for (TensorView& v : views) v.ndim -= 2;
  const TensorView* pointers[3] = {&views[0], &views[1], &views[2]};
  return make_loop(pointers);
}

memory::data_type dnnl_type(DType dtype) {
  return dtype == DType::bf16 ? memory::data_type::bf16 : memory::data_type::f32;
}

struct MatmulEntry {
  dnnl::matmul primitive;
  memory::desc a, b, bias, out;
};

// One oneDNN product over a batch of equally spaced matrices.
void dnnl_matmul(DType dtype, int64_t batch, const Matrix& a, int64_t a_step, const Matrix& b, int64_t b_step,
                 const Matrix& out, int64_t out_step, const void* bias) {
  thread_local PrimitiveCache<MatmulEntry> cache;
  const int64_t m = out.rows, n = out.cols, k = a.cols;
  const PrimitiveKey key{static_cast<int64_t>(dtype),
                         batch,
                         m,
                         n,
                         k,
                         a.row_stride,
                         a.col_stride,
                         a_step,
                         b.row_stride,
                         b.col_stride,
                         b_step,
                         out.row_stride,
                         out_step,
                         bias != nullptr,
                         get_num_threads()};
  MatmulEntry& entry = cache.get(key, [&] {
    const auto type = dnnl_type(dtype);
    MatmulEntry e;
    if (batch == 1) {
      e.a = {{m, k}, type, memory::dims{a.row_stride, a.col_stride}};
      e.b = {{k, n}, type, memory::dims{b.row_stride, b.col_stride}};
      e.out = {{m, n}, type, memory::dims{out.row_stride, 1}};
      if (bias) e.bias = {{1, n}, type, memory::dims{n, 1}};
    } else {
      // A step of 0 is a matrix shared by the batch.
      e.a = {{a_step ? batch : 1, m, k}, type, memory::dims{a_step ? a_step : m * k, a.row_stride, a.col_stride}};
      e.b = {{b_step ? batch : 1, k, n}, type, memory::dims{b_step ? b_step : k * n, b.row_stride, b.col_stride}};
      e.out = {{batch, m, n}, type, memory::dims{out_step, out.row_stride, 1}};
      if (bias) e.bias = {{1, 1, n}, type, memory::dims{n, n, 1}};
    }
    const auto desc = bias ? dnnl::matmul::desc(e.a, e.b, e.bias, e.out) : dnnl::matmul::desc(e.a, e.b, e.out);
    e.primitive = dnnl::matmul(dnnl::matmul::primitive_desc(desc, dnnl_engine()));
    return e;
  });
  std::unordered_map<int, memory> args{{DNNL_ARG_SRC, dnnl_memory(entry.a, const_cast<void*>(a.data))},
                                       {DNNL_ARG_WEIGHTS, dnnl_memory(entry.b, const_cast<void*>(b.data))},
                                       {DNNL_ARG_DST, dnnl_memory(entry.out, const_cast<void*>(out.data))}};
  if (bias) args.emplace(DNNL_ARG_BIAS, dnnl_memory(entry.bias, const_cast<void*>(bias)));
  const SignalsWait wait;
  entry.primitive.execute(dnnl_stream(), args);
}

// A matrix times a vector, bound by memory: oneDNN's BLAS reads the matrix at the memory's speed, its products at half
// of it.
bool is_vector_product(DType dtype, const Matrix& out) {
  return dtype == DType::f32 && (out.rows == 1 || out.cols == 1);
}

// A few rows by a large matrix, such as a step of generation for a few texts: oneDNN would copy the matrix first, which
// pays from about five rows on, and nine where it is transposed. One row by one that is not is best left to its BLAS.
bool is_skinny_product(DType dtype, const Matrix& a, const Matrix& b, const Matrix& out) {
  const bool few = b.transposed() ? out.rows <= kSkinnyRows : out.rows > 1 && out.rows <= kSkinnyRows / 2;
  return dtype == DType::f32 && few && !a.transposed() && out.cols >= 16 && out.cols * a.cols >= 65536;
}

void vector_product(const Matrix& a, const Matrix& b, const Matrix& out, const void* bias) {
  float* c = static_cast<float*>(const_cast<void*>(out.data));
  if (bias)
    for (int64_t i = 0; i < out.rows; ++i)
      std::copy_n(static_cast<const float*>(bias), out.cols, c + i * out.row_stride);
  const SignalsWait wait;
  dnnl_sgemm(a.transposed() ? 'T' : 'N', b.transposed() ? 'T' : 'N', out.rows, out.cols, a.cols, 1.0f,
             static_cast<const float*>(a.data), a.ld(), static_cast<const float*>(b.data), b.ld(), bias ? 1.0f : 0.0f,
             c, out.row_stride);
}

// Where our own packed product is faster: not with AVX-512, nor with so few rows that packing a large B does not pay.
bool is_panel_product(DType dtype, const Matrix& out, int64_t depth) {
  return dtype == DType::f32 && preferred_block() == 8 &&
         (out.cols * depth <= 4096 || (out.rows >= 48 && out.cols >= 16 && depth >= 16));
}

void panel_product(const Matrix& a, const Matrix& b, const Matrix& out, const void* bias) {
  const auto panel = [](const Matrix& m) {
    return PanelMatrix{static_cast<const float*>(m.data), m.row_stride, m.col_stride};
  };
  panel_gemm(out.rows, out.cols, a.cols, panel(a), panel(b), static_cast<float*>(const_cast<void*>(out.data)),
             out.row_stride, static_cast<const float*>(bias));
}

template <typename T>
void blas_matmul(const Matrix& a, const Matrix& b, const Matrix& out, const T* bias, int64_t bias_stride) {
  T* c = const_cast<T*>(static_cast<const T*>(out.data));
  if (bias)
    for (int64_t i = 0; i < out.rows; ++i)
      for (int64_t j = 0; j < out.cols; ++j) c[i * out.row_stride + j] = bias[j * bias_stride];
  gemm<T>(a.transposed(), b.transposed(), out.rows, out.cols, a.cols, static_cast<const T*>(a.data), a.ld(),
          static_cast<const T*>(b.data), b.ld(), bias != nullptr, c, out.row_stride);
}

// A float32 copy of a half tensor, contiguous.
TensorView widened(const TensorView& t, std::unique_ptr<Workspace>& workspace, bool load) {
  workspace = std::make_unique<Workspace>(std::max<size_t>(4, t.numel() * sizeof(float)));
  TensorView wide = t;
  wide.dtype = DType::f32;
  wide.data = workspace->as();
  int64_t stride = 1;
  for (int i = t.ndim - 1; i >= 0; --i) {
    wide.strides[i] = stride;
    stride *= t.shape[i];
  }
  if (load) {
    CopyArgs args{wide, t};
    copy(args);
  }
  return wide;
}

Status run(const TensorView& out, const TensorView& a_in, const TensorView& b_in, const TensorView& bias);

// Half types through float32, where oneDNN has no product of theirs.
Status run_widened(const TensorView& out, const TensorView& a, const TensorView& b, const TensorView& bias) {
  std::unique_ptr<Workspace> wa, wb, wo, wbias;
  TensorView wide_bias = bias;
  if (bias.defined()) wide_bias = widened(bias, wbias, true);
  const TensorView wide_out = widened(out, wo, false);
  const Status status = run(wide_out, widened(a, wa, true), widened(b, wb, true), wide_bias);
  CopyArgs args{out, wide_out};
  copy(args);
  return status;
}

bool has_bf16() {
  static const bool has = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core_bf16;
  return has;
}

Status run(const TensorView& out, const TensorView& a_in, const TensorView& b_in, const TensorView& bias) {
  const int n = out.ndim;
  if (out.numel() == 0) return {};
  if (out.dtype == DType::f16 || (out.dtype == DType::bf16 && !has_bf16())) return run_widened(out, a_in, b_in, bias);
  if (a_in.shape[n - 1] == 0) {  // an empty sum
    if (!bias.defined()) {
      FillArgs args{out, Scalar{}};
      return fill(args);
    }
    TensorView row = bias;
    row.ndim = n;
    for (int i = 0; i < n; ++i) {
      row.shape[i] = out.shape[i];
      row.strides[i] = i == n - 1 ? bias.strides[0] : 0;
    }
    CopyArgs args{out, row};
    return copy(args);
  }
  std::unique_ptr<Workspace> wa, wb;
  const TensorView a = packed(a_in, wa), b = packed(b_in, wb);
  const StridedLoop loop = batch_loop(out, a, b);
  const bool dnnl = out.dtype == DType::f32 || out.dtype == DType::bf16;
  std::unique_ptr<Workspace> wbias;
  const void* bias_data = bias.defined() ? bias.data : nullptr;
  if (dnnl && bias.defined() && bias.strides[0] != 1 && bias.shape[0] > 1) {
    TensorView dense = bias;
    wbias = std::make_unique<Workspace>(bias.shape[0] * size_of(bias.dtype));
    dense.data = wbias->as();
    dense.strides[0] = 1;
    CopyArgs args{dense, bias};
    copy(args);
    bias_data = dense.data;
  }
  // The innermost run of the batch goes to oneDNN at once; the rest is a loop.
  const int64_t run_length = loop.ndim > 0 ? loop.shape[0] : 1;
  const auto apart = [&](int v, const TensorView& t) {
    return loop.strides[0][v] == 0 || loop.strides[0][v] >= t.shape[n - 1] * t.shape[n - 2];
  };
  const bool batched = dnnl && run_length > 1 && apart(1, a) && apart(2, b);
  RowCursor cursor(loop, 0);
  const int64_t rows = loop.rows();
  for (int64_t row = 0; row < rows; ++row, cursor.next()) {
    for (int64_t i = 0; i < (batched ? 1 : run_length); ++i) {
      const auto step = [&](int v) { return loop.ndim > 0 ? loop.strides[0][v] : 0; };
      const Matrix mo = matrix_of(out, cursor.offsets[0] + i * step(0));
      const Matrix ma = matrix_of(a, cursor.offsets[1] + i * step(1));
      const Matrix mb = matrix_of(b, cursor.offsets[2] + i * step(2));
      if (!batched && is_skinny_product(out.dtype, ma, mb, mo)) {
        skinny_product(static_cast<float*>(const_cast<void*>(mo.data)), mo.row_stride,
                       static_cast<const float*>(ma.data), ma.ld(), static_cast<const float*>(mb.data), mb.ld(),
                       mb.transposed(), static_cast<const float*>(bias_data), mo.rows, mo.cols, ma.cols);
      } else if (!batched && is_vector_product(out.dtype, mo)) {
        vector_product(ma, mb, mo, bias_data);
      } else if (!batched && is_panel_product(out.dtype, mo, ma.cols)) {
        panel_product(ma, mb, mo, bias_data);
      } else if (dnnl) {
        dnnl_matmul(out.dtype, batched ? run_length : 1, ma, step(1), mb, step(2), mo, step(0), bias_data);
      } else {
        visit_dtype(out.dtype, [&]<typename T>() {
          if constexpr (!kIsHalf<T> && !std::is_same_v<T, bool>)
            blas_matmul<T>(ma, mb, mo, bias.defined() ? bias.as<T>() : nullptr, bias.defined() ? bias.strides[0] : 0);
        });
      }
    }
  }
  return {};
}

}  // namespace

Status matmul(MatmulArgs& args) {
  if (args.out.dtype == DType::boolean) return {StatusCode::unsupported_dtype, 0, static_cast<int64_t>(args.out.dtype)};
  return guarded([&] { return run(args.out, args.a, args.b, args.bias); });
}

}  // namespace flambeau::cpu
