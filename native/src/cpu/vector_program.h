// A chain of instructions as a loop over vectors: what is done to each vector, before values have registers. It is the
// same for every ISA that selects by masks in vectors; vector_code.cpp makes machine code of it.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "flambeau/dtype.h"
#include "flambeau/micro_ops.gen.h"
#include "reduce_rows.h"

namespace flambeau::cpu {

// What a chain does, and to what. Values are numbered: those in memory, constants, and those that it computes.
struct ChainProgram {
  enum class Kind { moving, repeated, constant, computed };
  struct Value {
    Kind kind = Kind::computed;
    double constant = 0;
    MicroOp op = MicroOp::count;
    int operands[3] = {};
    int stream = -1;         // where it is read, or written unless negative
    bool is_result = false;  // which may be written past the caches
  };
  // Sums of a value: the lanes of four vectors, from which ReduceFunctions::resume goes on.
  struct Fold {
    int value;
    ReduceKind kind;
    int stream;
  };
  DType compute = DType::f32;
  std::vector<Value> values;
  std::vector<Fold> folds;
  int streams = 0;
};

enum class VectorCode {
  load,
  store,   // of a, to the stream
  result,  // the same, past the caches where wanted
  add,
  sub,
  mul,
  div,
  max,  // b where neither is greater, or one is NaN; so is the lesser one
  min,
  bit_and,
  bit_andnot,  // b without the bits of a
  bit_or,
  bit_xor,
  compare,  // all ones where it holds
  blend,    // b where c has its highest bit, otherwise a
  sqrt,
  mul_add,  // a·b + c, rounded once
  int_add,
  int_sub,
  shift_left,
  shift_right,  // keeps the sign
  to_float,
  add_up,  // a, into the vectors of the fold
};
// Those of _mm256_cmp_ps.
enum class Comparison { eq = 0, lt = 1, le = 2, unordered = 3, ne = 4, nle = 6 };

struct VectorOperand {
  enum class Kind { none, value, moving, repeated, pool } kind = Kind::none;
  int index = -1;  // of a value, stream or constant
  bool is_value() const { return kind == Kind::value; }
  bool in_memory() const { return kind != Kind::none && kind != Kind::value; }
  bool stays() const { return kind == Kind::repeated || kind == Kind::pool; }
  bool operator==(const VectorOperand& other) const { return kind == other.kind && index == other.index; }
};

struct VectorInstruction {
  VectorCode code;
  int result = -1;
  VectorOperand operands[3];
  int immediate = 0;  // a comparison, a shift, a stream to store to, or a fold
};

struct VectorProgram {
  bool f32 = true;
  std::vector<VectorInstruction> code;
  int values = 0;
  std::vector<uint64_t> pool;  // constants: the bits of a double, or of two floats
};

// Whether instructions of this kind can be a part of it.
bool is_vector_op(MicroOp op, DType compute);
// With `keep`, what a fold adds up is written to its stream instead.
VectorProgram vector_program(const ChainProgram& chain, bool keep);

}  // namespace flambeau::cpu
