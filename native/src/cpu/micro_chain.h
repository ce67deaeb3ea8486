// Chains of cheap micro-ops. Each link computes a few vectors from those that the link before has left in registers and
// from memory, and goes on to the next link, so that what one link hands to the next never reaches memory. Results are
// those of micro_ops.h, bit for bit.
#pragma once
#include <cstdint>

#include "flambeau/dtype.h"
#include "flambeau/micro_ops.gen.h"
#include "reduce_rows.h"

namespace flambeau::cpu {

// A link's code; what it takes depends on the ISA.
using ChainFunction = void (*)();

struct ChainLink {
  ChainFunction function;
  // Of operands in memory: where the chain begins, and all ones where they move on with it, or 0 for the same vectors
  // again and again.
  const char* operands[3];
  uint64_t moves[3];
  char* result;  // is written here too, unless null
  uint64_t result_moves;
};

struct ChainRunner {
  // Runs the links up to one with the function `end` over the bytes from `begin` to `end`, in whole steps.
  void (*run)(const ChainLink* links, int64_t begin, int64_t end) = nullptr;
  ChainFunction end = nullptr;
  int64_t step = 0;  // elements
};

// Which operands are what the link before has computed: a set of bits.
inline constexpr int kChainForms = 5;

// nullptr where the op is no cheap one, or none of the compute type (f32 or f64), or `held` is no such form.
ChainFunction chain_function(MicroOp op, DType compute, int held);
// A link that adds its first operand up into the four vectors at `result`, as ReduceFunctions::block does, and hands on
// what is held; nullptr for kinds that are no sums of the compute type.
ChainFunction chain_fold(ReduceKind kind, DType compute, int held);
ChainRunner chain_runner(DType compute);

}  // namespace flambeau::cpu
