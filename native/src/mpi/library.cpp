#include "mpi/library.h"

#include <array>
#include <cstdlib>

#include "groups/reduction.h"

namespace flambeau::distributed {
namespace {

constexpr int kOps = 8;

struct Library {
  std::mutex mutex;
  bool started = false, leaving = false;
  Outcome abandoned;
  std::array<MPI_Datatype, kNumDTypes> types{};
  std::array<MPI_Op, kOps> ops{};
};

Library& library() {
  static Library one;
  return one;
}

// MPI gives its own name of the type, and not what the caller would like to know.
template <ReduceOp op>
void combine_all(void* in, void* inout, int* count, MPI_Datatype* type) {
  const auto& types = library().types;
  for (int i = 0; i < kNumDTypes; ++i)
    if (types[static_cast<size_t>(i)] == *type)
      return combine_of(op, static_cast<DType>(i))(inout, in, inout, static_cast<size_t>(*count));
}

template <ReduceOp op>
void make_op() {
  MPI_Op_create(combine_all<op>, 1, &library().ops[static_cast<size_t>(op)]);
}

// At the end of the process.
void finish_mpi() {
  Library& all = library();
  const std::lock_guard lock(all.mutex);
  if (all.leaving && all.abandoned.ok()) MPI_Finalize();
}

}  // namespace

std::mutex& mpi_mutex() { return library().mutex; }

Outcome start_mpi() {
  Library& all = library();
  const std::lock_guard lock(all.mutex);
  if (!all.abandoned.ok()) return all.abandoned;
  all.leaving = false;
  if (all.started) return {};
  int initialized = 0, provided = 0;
  MPI_Initialized(&initialized);
  if (initialized) return {Failure::argument, "MPI was initialised by something else in this process"};
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS)
    return {Failure::connection, "MPI could not be initialised"};
  if (provided < MPI_THREAD_SERIALIZED)
    return {Failure::argument, "this build of MPI takes calls from one thread only"};
  for (int i = 0; i < kNumDTypes; ++i) {
    MPI_Datatype& type = all.types[static_cast<size_t>(i)];
    MPI_Type_contiguous(static_cast<int>(size_of(static_cast<DType>(i))), MPI_BYTE, &type);
    MPI_Type_commit(&type);
  }
  make_op<ReduceOp::sum>();
  make_op<ReduceOp::avg>();
  make_op<ReduceOp::product>();
  make_op<ReduceOp::min>();
  make_op<ReduceOp::max>();
  make_op<ReduceOp::band>();
  make_op<ReduceOp::bor>();
  make_op<ReduceOp::bxor>();
  std::atexit(finish_mpi);
  all.started = true;
  return {};
}

void leave_mpi() {
  const std::lock_guard lock(library().mutex);
  library().leaving = library().started;
}

void abandon_mpi(const Outcome& why) {
  const std::lock_guard lock(library().mutex);
  if (library().abandoned.ok()) library().abandoned = why;
}

Outcome abandoned_mpi() {
  const std::lock_guard lock(library().mutex);
  return library().abandoned;
}

MPI_Datatype type_of(DType dtype) { return library().types[static_cast<size_t>(dtype)]; }
MPI_Op op_of(ReduceOp op) { return library().ops[static_cast<size_t>(op)]; }

std::string text_of_error(int error) {
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  const std::lock_guard lock(library().mutex);
  MPI_Error_string(error, text, &length);
  return {text, static_cast<size_t>(length)};
}

}  // namespace flambeau::distributed
