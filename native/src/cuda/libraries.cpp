#include "libraries.h"

#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <string_view>

namespace flambeau::cuda {

// Where the loader looks, the folders of FLAMBEAU_CUDA_LIBRARIES (separated by colons), beside this library, and the
// usual folder of a toolkit.
void* open_library(const char* name) {
  if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  std::string folders = std::getenv("FLAMBEAU_CUDA_LIBRARIES") ? std::getenv("FLAMBEAU_CUDA_LIBRARIES") : "";
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&open_library), &info) != 0 && info.dli_fname) {
    const std::string_view own = info.dli_fname;
    const size_t slash = own.rfind('/');
    folders.append(":").append(own.substr(0, slash == own.npos ? 0 : slash));
  }
  folders += ":/usr/local/cuda/lib64";
  for (size_t at = 0; at < folders.size();) {
    const size_t end = std::min(folders.find(':', at), folders.size());
    if (end > at)
      if (void* library = dlopen((folders.substr(at, end - at) + "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL))
        return library;
    at = end + 1;
  }
  return nullptr;
}

namespace {

// Looks up functions; `complete` tells whether all were there.
struct Loader {
  void* library;
  bool complete;
  template <typename F>
  void get(F& function, const char* name) {
    function = complete ? reinterpret_cast<F>(dlsym(library, name)) : nullptr;
    complete = complete && function != nullptr;
  }
};

const lt::Functions* load_lt() {
  static lt::Functions f;
  void* library = open_library("libcublasLt.so.13");
  if (!library) library = open_library("libcublasLt.so.12");
  Loader loader{library, library != nullptr};
  loader.get(f.create, "cublasLtCreate");
  loader.get(f.desc_create, "cublasLtMatmulDescCreate");
  loader.get(f.desc_set, "cublasLtMatmulDescSetAttribute");
  loader.get(f.desc_destroy, "cublasLtMatmulDescDestroy");
  loader.get(f.layout_create, "cublasLtMatrixLayoutCreate");
  loader.get(f.layout_set, "cublasLtMatrixLayoutSetAttribute");
  loader.get(f.layout_destroy, "cublasLtMatrixLayoutDestroy");
  loader.get(f.preference_create, "cublasLtMatmulPreferenceCreate");
  loader.get(f.preference_set, "cublasLtMatmulPreferenceSetAttribute");
  loader.get(f.preference_destroy, "cublasLtMatmulPreferenceDestroy");
  loader.get(f.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  loader.get(f.matmul, "cublasLtMatmul");
  return loader.complete ? &f : nullptr;
}

const dnn::Functions* load_dnn() {
  static dnn::Functions f;
  void* library = open_library("libcudnn.so.9");
  Loader loader{library, library != nullptr};
  loader.get(f.create, "cudnnCreate");
  loader.get(f.set_stream, "cudnnSetStream");
  loader.get(f.tensor_create, "cudnnCreateTensorDescriptor");
  loader.get(f.tensor_set, "cudnnSetTensorNdDescriptor");
  loader.get(f.filter_create, "cudnnCreateFilterDescriptor");
  loader.get(f.filter_set, "cudnnSetFilterNdDescriptor");
  loader.get(f.convolution_create, "cudnnCreateConvolutionDescriptor");
  loader.get(f.convolution_set, "cudnnSetConvolutionNdDescriptor");
  loader.get(f.convolution_groups, "cudnnSetConvolutionGroupCount");
  loader.get(f.convolution_math, "cudnnSetConvolutionMathType");
  loader.get(f.forward_algorithms, "cudnnGetConvolutionForwardAlgorithm_v7");
  loader.get(f.data_algorithms, "cudnnGetConvolutionBackwardDataAlgorithm_v7");
  loader.get(f.filter_algorithms, "cudnnGetConvolutionBackwardFilterAlgorithm_v7");
  loader.get(f.forward, "cudnnConvolutionForward");
  loader.get(f.backward_data, "cudnnConvolutionBackwardData");
  loader.get(f.backward_filter, "cudnnConvolutionBackwardFilter");
  loader.get(f.backward_bias, "cudnnConvolutionBackwardBias");
  loader.get(f.add_tensor, "cudnnAddTensor");
  return loader.complete ? &f : nullptr;
}

}  // namespace

const lt::Functions* Libraries::lt() {
  static const lt::Functions* functions = load_lt();
  if (!functions) return nullptr;
  if (!lt_handle_ && functions->create(&lt_handle_) != 0) return nullptr;
  return functions;
}

const dnn::Functions* Libraries::dnn(cudaStream_t stream) {
  static const dnn::Functions* functions = load_dnn();
  if (!functions) return nullptr;
  if (!dnn_handle_ && functions->create(&dnn_handle_) != 0) return nullptr;
  functions->set_stream(dnn_handle_, stream);
  return functions;
}

}  // namespace flambeau::cuda
