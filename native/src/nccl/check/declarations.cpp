// That library.h declares what NCCL's own header does. It makes no code, and is compiled where that header was found.
#include <nccl.h>

#include <type_traits>

#include "nccl/library.h"

namespace flambeau::nccl {
namespace {

// Enumerations are passed as int, and handles as pointers.
template <typename A, typename B>
constexpr bool alike =
    sizeof(A) == sizeof(B) && std::is_pointer_v<A> == std::is_pointer_v<B>&& std::is_class_v<A> == std::is_class_v<B>;
template <typename A, typename... As, typename B, typename... Bs>
constexpr bool same(A (*)(As...), B (*)(Bs...)) {
  if constexpr (sizeof...(As) != sizeof...(Bs))
    return false;
  else
    return alike<A, B> && (alike<As, Bs> && ...);
}
#define FLAMBEAU_SAME(member, function) \
  static_assert(same(decltype(Functions::member)(nullptr), decltype (&function)(nullptr)))
FLAMBEAU_SAME(get_unique_id, ncclGetUniqueId);
FLAMBEAU_SAME(init_rank, ncclCommInitRankConfig);
FLAMBEAU_SAME(async_error, ncclCommGetAsyncError);
FLAMBEAU_SAME(abort, ncclCommAbort);
FLAMBEAU_SAME(finalize, ncclCommFinalize);
FLAMBEAU_SAME(destroy, ncclCommDestroy);
FLAMBEAU_SAME(all_reduce, ncclAllReduce);
FLAMBEAU_SAME(reduce, ncclReduce);
FLAMBEAU_SAME(broadcast, ncclBroadcast);
FLAMBEAU_SAME(all_gather, ncclAllGather);
FLAMBEAU_SAME(reduce_scatter, ncclReduceScatter);
FLAMBEAU_SAME(send, ncclSend);
FLAMBEAU_SAME(receive, ncclRecv);
FLAMBEAU_SAME(group_start, ncclGroupStart);
FLAMBEAU_SAME(group_end, ncclGroupEnd);
FLAMBEAU_SAME(error_string, ncclGetErrorString);
FLAMBEAU_SAME(last_error, ncclGetLastError);
#undef FLAMBEAU_SAME

static_assert(sizeof(UniqueId) == sizeof(ncclUniqueId));
static_assert(offsetof(Config, size) == offsetof(ncclConfig_t, size));
static_assert(offsetof(Config, magic) == offsetof(ncclConfig_t, magic));
static_assert(offsetof(Config, version) == offsetof(ncclConfig_t, version));
static_assert(offsetof(Config, blocking) == offsetof(ncclConfig_t, blocking));
static_assert(offsetof(Config, cluster_size) == offsetof(ncclConfig_t, cgaClusterSize));
static_assert(sizeof(Config) == offsetof(ncclConfig_t, minCTAs));
static_assert(kConfigVersion == NCCL_VERSION(2, 14, 0));
static_assert(kSuccess == ncclSuccess && kInProgress == ncclInProgress);
static_assert(kInt8 == ncclInt8 && kUint8 == ncclUint8 && kInt32 == ncclInt32 && kInt64 == ncclInt64);
static_assert(kFloat16 == ncclFloat16 && kFloat32 == ncclFloat32 && kFloat64 == ncclFloat64);
static_assert(kBfloat16 == ncclBfloat16);
static_assert(kSum == ncclSum && kProduct == ncclProd && kMax == ncclMax && kMin == ncclMin && kAvg == ncclAvg);

}  // namespace
}  // namespace flambeau::nccl
