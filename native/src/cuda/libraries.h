// cuBLASLt and cuDNN, loaded when first needed: the library for CUDA builds and loads without them. What is declared
// here is the part of their C interfaces (cublasLt.h of CUDA 12 and 13, cudnn.h of cuDNN 9) that is called.
#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace flambeau::cuda {

// A library by its name, where libraries of CUDA's are; nullptr where there is none.
void* open_library(const char* name);

namespace lt {
using Handle = void*;
using Desc = void*;
using Layout = void*;
using Preference = void*;
struct Algo {
  uint64_t data[8];
};
struct HeuristicResult {
  Algo algo;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
inline constexpr int kLayoutBatchCount = 5, kLayoutBatchOffset = 6;
inline constexpr int kDescTransA = 3, kDescTransB = 4, kDescEpilogue = 7, kDescBias = 8;
inline constexpr int kEpilogueBias = 4;
inline constexpr int kPreferenceWorkspace = 1;
inline constexpr int kCompute32F = 68, kCompute64F = 70, kCompute32FTF32 = 77;

struct Functions {
  int (*create)(Handle*);
  int (*desc_create)(Desc*, int compute, cudaDataType scale);
  int (*desc_set)(Desc, int attribute, const void* value, size_t size);
  int (*desc_destroy)(Desc);
  int (*layout_create)(Layout*, cudaDataType type, uint64_t rows, uint64_t cols, int64_t ld);
  int (*layout_set)(Layout, int attribute, const void* value, size_t size);
  int (*layout_destroy)(Layout);
  int (*preference_create)(Preference*);
  int (*preference_set)(Preference, int attribute, const void* value, size_t size);
  int (*preference_destroy)(Preference);
  int (*heuristic)(Handle, Desc, Layout a, Layout b, Layout c, Layout d, Preference, int requested, HeuristicResult*,
                   int* returned);
  int (*matmul)(Handle, Desc, const void* alpha, const void* a, Layout, const void* b, Layout, const void* beta,
                const void* c, Layout, void* d, Layout, const Algo*, void* workspace, size_t workspace_size,
                cudaStream_t);
};
}  // namespace lt

namespace dnn {
using Handle = void*;
using Desc = void*;
struct AlgoPerf {
  int algo, status;
  float time;
  size_t memory;
  int determinism, math, reserved[3];
};
inline constexpr int kFloat = 0, kDouble = 1, kHalf = 2, kBfloat16 = 9;
inline constexpr int kNchw = 0, kCrossCorrelation = 1, kDeterministic = 1;
inline constexpr int kTensorOpMath = 1, kFmaMath = 3;

struct Functions {
  int (*create)(Handle*);
  int (*set_stream)(Handle, cudaStream_t);
  int (*tensor_create)(Desc*);
  int (*tensor_set)(Desc, int type, int ndim, const int* dims, const int* strides);
  int (*filter_create)(Desc*);
  int (*filter_set)(Desc, int type, int format, int ndim, const int* dims);
  int (*convolution_create)(Desc*);
  int (*convolution_set)(Desc, int n, const int* padding, const int* stride, const int* dilation, int mode, int type);
  int (*convolution_groups)(Desc, int);
  int (*convolution_math)(Desc, int);
  int (*forward_algorithms)(Handle, Desc x, Desc w, Desc conv, Desc y, int requested, int* returned, AlgoPerf*);
  int (*data_algorithms)(Handle, Desc w, Desc dy, Desc conv, Desc dx, int requested, int* returned, AlgoPerf*);
  int (*filter_algorithms)(Handle, Desc x, Desc dy, Desc conv, Desc dw, int requested, int* returned, AlgoPerf*);
  int (*forward)(Handle, const void* alpha, Desc, const void* x, Desc, const void* w, Desc conv, int algo,
                 void* workspace, size_t, const void* beta, Desc, void* y);
  int (*backward_data)(Handle, const void* alpha, Desc, const void* w, Desc, const void* dy, Desc conv, int algo,
                       void* workspace, size_t, const void* beta, Desc, void* dx);
  int (*backward_filter)(Handle, const void* alpha, Desc, const void* x, Desc, const void* dy, Desc conv, int algo,
                         void* workspace, size_t, const void* beta, Desc, void* dw);
  int (*backward_bias)(Handle, const void* alpha, Desc, const void* dy, const void* beta, Desc, void* db);
  int (*add_tensor)(Handle, const void* alpha, Desc, const void* a, const void* beta, Desc, void* c);
};
}  // namespace dnn

// Of one device. Functions are nullptr where a library cannot be loaded.
class Libraries {
 public:
  const lt::Functions* lt();
  lt::Handle lt_handle() const { return lt_handle_; }
  const dnn::Functions* dnn(cudaStream_t stream);
  dnn::Handle dnn_handle() const { return dnn_handle_; }

 private:
  lt::Handle lt_handle_ = nullptr;
  dnn::Handle dnn_handle_ = nullptr;
};

}  // namespace flambeau::cuda
