// NCCL's C interface, as far as it is called: NCCL is loaded when the first group on it is made, so that the library
// for CUDA builds and loads without it. check/declarations.cpp compares this with NCCL's own header where there is one.
#pragma once
#include <climits>
#include <cstddef>

namespace flambeau::nccl {

using Comm = void*;    // ncclComm_t
using Stream = void*;  // cudaStream_t
struct UniqueId {
  char internal[128];
};

// The version of NCCL that a configuration of these members is of; later ones fill in what came afterwards.
inline constexpr unsigned kConfigVersion = 21400;
struct Config {
  size_t size = sizeof(Config);
  unsigned magic = 0xcafebeef;
  unsigned version = kConfigVersion;
  int blocking = 0;  // calls return at once, and are asked about later
  int cluster_size = INT_MIN;
};

inline constexpr int kSuccess = 0, kInProgress = 7;
inline constexpr int kInt8 = 0, kUint8 = 1, kInt32 = 2, kInt64 = 4, kFloat16 = 6, kFloat32 = 7, kFloat64 = 8,
                     kBfloat16 = 9;
inline constexpr int kSum = 0, kProduct = 1, kMax = 2, kMin = 3, kAvg = 4;

struct Functions {
  int (*get_unique_id)(UniqueId*) = nullptr;
  int (*init_rank)(Comm*, int ranks, UniqueId, int rank, Config*) = nullptr;
  int (*async_error)(Comm, int*) = nullptr;
  int (*abort)(Comm) = nullptr;
  int (*finalize)(Comm) = nullptr;
  int (*destroy)(Comm) = nullptr;
  int (*all_reduce)(const void*, void*, size_t count, int type, int op, Comm, Stream) = nullptr;
  int (*reduce)(const void*, void*, size_t count, int type, int op, int root, Comm, Stream) = nullptr;
  int (*broadcast)(const void*, void*, size_t count, int type, int root, Comm, Stream) = nullptr;
  int (*all_gather)(const void*, void*, size_t count, int type, Comm, Stream) = nullptr;
  int (*reduce_scatter)(const void*, void*, size_t count, int type, int op, Comm, Stream) = nullptr;
  int (*send)(const void*, size_t count, int type, int peer, Comm, Stream) = nullptr;
  int (*receive)(void*, size_t count, int type, int peer, Comm, Stream) = nullptr;
  int (*group_start)() = nullptr;
  int (*group_end)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  const char* (*last_error)(Comm) = nullptr;
};

}  // namespace flambeau::nccl
