// What a tile program does, in which order, and where its values are: the same for every compute type.
#pragma once
#include <cstdint>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/tile_program.gen.h"
#include "micro_ops.h"
#include "reduce_rows.h"

namespace flambeau::cpu {

// KIND in packages/core/src/compile/group.ts.
enum class InstructionKind : int {
  element,        // a micro-op on elements
  row,            // a micro-op on values of which a row has one
  expand,         // such a value, for each element of its row
  reduce_row,     // elements to one value a row
  reduce_column,  // elements to one value a column, a result only
  reduce_all,     // elements to one value, a result only
};

inline constexpr int kMaxTileRegisters = 128;

struct TileInstruction {
  InstructionKind kind;
  MicroFunction function = nullptr;
  ReduceOp op = ReduceOp::sum;
  ReduceFunctions reduce;
  int arity = 1;
  int operands[3];
  int stage = 0;       // in which it is carried out
  int reduction = -1;  // which of its kind, for reductions
  int mean = -1;       // of which reduction a variance has the mean
  double correction = 0;
  bool root = false;
};

// Where a register is while its stage runs.
struct TilePlace {
  int64_t offset = -1;  // in the arena, in elements
  bool wide = false;    // as long as the row, since a later stage reads it
  int out = -1;         // it is written straight into this result
};

// What a stage does, in this order; indices are registers.
struct TileStage {
  std::vector<int> prelude;  // row and expand
  std::vector<int> loads, kept, code;
  std::vector<int> stores;  // results by number
  std::vector<int> ends;    // reductions along the row, of which the next stage has the values
  bool has_blocks() const { return !code.empty() || !stores.empty(); }
};

struct TilePlan {
  // `flat[v]`: whether result v is an array of the compute type; `repeats[v]`: whether input v is one value throughout.
  Status prepare(const TileProgramArgs& args, const std::vector<bool>& flat, const std::vector<bool>& repeats);

  const TileInstruction& instruction(int r) const { return code[r - first_instruction]; }
  bool is_instruction(int r) const { return r >= first_instruction; }
  bool is(int r, InstructionKind kind) const { return is_instruction(r) && instruction(r).kind == kind; }
  // Of which a row has many, or one.
  bool is_element(int r) const { return r < first_row_in || is(r, InstructionKind::element); }
  bool is_row_value(int r) const {
    return (r >= first_row_in && r < first_constant) || is(r, InstructionKind::row) ||
           is(r, InstructionKind::reduce_row);
  }

  template <typename Body>
  void each(InstructionKind kind, const Body& body) const {
    for (const TileInstruction& i : code)
      if (i.kind == kind) body(i);
  }
  // Elements that a worker sums across rows: those of a tile, in whole blocks.
  int64_t lane_width() const { return (tile_rows * row + kBlock - 1) / kBlock * kBlock; }

  int64_t rows = 0, row = 0, tile_rows = 1;
  // Registers: inputs, values of rows, constants, instructions.
  int first_row_in = 0, first_constant = 0, first_instruction = 0, registers = 0;
  std::vector<TileInstruction> code;
  std::vector<TileStage> stages;
  std::vector<TilePlace> places;
  int64_t arena = 0;  // elements
  int row_reductions = 0, column_reductions = 0, all_reductions = 0;

 private:
  Status decode(const TileProgramArgs& args);
  int available(int r) const;
  void find_stages(const IntList& results);
  void place(const IntList& results, const std::vector<bool>& flat, const std::vector<bool>& repeats);
  void share_blocks(const IntList& results, const std::vector<int>& last_stage);
  int64_t take(int64_t n);
};

}  // namespace flambeau::cpu
