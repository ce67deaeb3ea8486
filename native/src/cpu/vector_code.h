// Machine code for chains of instructions: one loop that keeps every value in a register, where the processor, and the
// headers that this was built with, allow it. Elsewhere, and for chains that need more registers than there are, the
// links of micro_chain.h do the same.
#pragma once
#include <cstdint>
#include <memory>

#include "vector_program.h"

namespace flambeau::cpu {

inline constexpr int kMaxStreams = 12;

class ChainCode {
 public:
  // Over the bytes from `begin` to `end`, which are whole vectors. streams[s] is where stream s begins: of those that
  // move, the byte 0; of a fold, four vectors, which are written.
  using Run = void (*)(const char* const* streams, int64_t begin, int64_t end);
  virtual ~ChainCode() = default;
  Run run = nullptr;
  Run keep = nullptr;                 // writes what folds would add up to their streams, which move
  Run past = nullptr;                 // like `run`; results go past the caches, to whole vectors
  static constexpr int kVector = 32;  // bytes
};

// Whether there is such code on this machine.
bool has_chain_code();
// nullptr where a chain needs more registers than there are.
std::unique_ptr<ChainCode> chain_code(const ChainProgram& chain);

}  // namespace flambeau::cpu
