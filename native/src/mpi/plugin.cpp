// The shared library flambeau_mpi: all that Flambeau needs of MPI.
#include <cstring>

#include "flambeau/kernels.gen.h"
#include "mpi/group.h"

namespace flambeau::distributed {
namespace {

Outcome meet(Launched& launched) {
  if (Outcome outcome = start_mpi(); !outcome.ok()) return outcome;
  const std::lock_guard lock(mpi_mutex());
  MPI_Comm_rank(MPI_COMM_WORLD, &launched.rank);
  MPI_Comm_size(MPI_COMM_WORLD, &launched.size);
  int length = static_cast<int>(launched.told.size());
  MPI_Bcast(&length, 1, MPI_INT, 0, MPI_COMM_WORLD);
  launched.told.resize(static_cast<size_t>(length));
  MPI_Bcast(launched.told.data(), length, MPI_CHAR, 0, MPI_COMM_WORLD);
  return {};
}

const GroupPlugin plugin{MpiGroup::open, meet, leave_mpi};

}  // namespace
}  // namespace flambeau::distributed

extern "C" __attribute__((visibility("default"))) const flambeau::distributed::GroupPlugin* flambeau_mpi_open(
    const char* fingerprint) {
  return std::strcmp(fingerprint, flambeau::kFingerprint) == 0 ? &flambeau::distributed::plugin : nullptr;
}
