// MPI in this process: one library for all groups, whose calls take turns.
#pragma once
#include <mpi.h>

#include <mutex>
#include <string>

#include "flambeau/distributed.h"

namespace flambeau::distributed {

// Held around every call of MPI's: MPI_THREAD_SERIALIZED.
std::mutex& mpi_mutex();

// Initialises MPI where that has not happened yet.
Outcome start_mpi();

// Ends MPI at the end of the process. Without it the launcher takes the process for one that has failed, and ends the
// others; with it, a process waits for the others to end.
void leave_mpi();

// Something never came to its end: MPI is not called again, since it would go on writing to memory that others have
// now. The first reason is kept, and empty until there is one.
void abandon_mpi(const Outcome& why);
Outcome abandoned_mpi();

// Elements of a dtype, which MPI knows by their size alone, and what combines them.
MPI_Datatype type_of(DType dtype);
MPI_Op op_of(ReduceOp op);

std::string text_of_error(int error);

}  // namespace flambeau::distributed
