// What a tile program does, in which order, and where its values are: the same for every compute type.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/tile_program.gen.h"
#include "micro_chain.h"
#include "micro_ops.h"
#include "reduce_rows.h"
#include "vector_code.h"

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
  MicroOp link = MicroOp::count;       // as which it may be part of a chain
  ReduceKind fold = ReduceKind::prod;  // the same of a sum of rows or of everything
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
  int64_t tail = -1;    // where the end of a block is while a chain runs over it, of what is not in the arena
  int64_t fill = 0;     // elements that are set, of a value that repeats
};

inline constexpr int kChainResult = 3;  // beside operands 0 to 2

// Cheap instructions on elements that follow one another, whose values stay in vector registers where only the next one
// reads them.
struct TileChain {
  // An operand of a link, or its result, by the register that is there.
  struct Patch {
    int link, operand, r;
  };
  std::vector<int> code;
  std::vector<int> reads;    // elements from outside of the chain
  std::vector<int> results;  // elements of the code that are read outside of it
  std::vector<int> columns;  // reductions across rows
  // Other sums: where four vectors of them are, and what is left over of a block.
  struct Fold {
    int r, link;
    int64_t sums, tail;
    ChainFunction keep;  // a link that writes the elements instead of adding them up
  };
  std::vector<Fold> folds;
  std::vector<Patch> patches;  // what lies elsewhere for each block
  int first = 0;               // of the plan's links

  // The same as machine code, which needs no links.
  struct Stream {
    int r;
    bool moves, is_read, is_written;
  };
  std::vector<Stream> streams;  // those of the folds come last
  std::shared_ptr<const ChainCode> machine;
};

// One instruction, or a chain of them.
struct TileStep {
  int r = -1, chain = -1;
};

// What a stage does, in this order; indices are registers.
struct TileStage {
  std::vector<int> prelude;  // row and expand
  std::vector<int> loads, kept, code;
  std::vector<TileStep> steps;  // the code, in the order in which it is carried out
  std::vector<int> stores;      // results by number
  std::vector<int> ends;        // reductions along the row, of which the next stage has the values
  bool has_blocks() const { return !code.empty() || !stores.empty(); }
};

struct TilePlan {
  // `flat[v]`: whether result v is an array of the compute type; `repeats[v]`: whether input v is one value throughout.
  // With `compiled`, chains are machine code; false in `*fits` where one of them has no room in the registers.
  Status prepare(const TileProgramArgs& args, const std::vector<bool>& flat, const std::vector<bool>& repeats,
                 bool compiled, bool* fits);
  int64_t take(int64_t n);  // memory in the arena

  const TileInstruction& instruction(int r) const { return code[r - first_instruction]; }
  bool is_instruction(int r) const { return r >= first_instruction; }
  bool is(int r, InstructionKind kind) const { return is_instruction(r) && instruction(r).kind == kind; }
  // Of which a row has many, or one.
  bool is_element(int r) const { return r < first_row_in || is(r, InstructionKind::element); }
  bool is_row_value(int r) const {
    return (r >= first_row_in && r < first_constant) || is(r, InstructionKind::row) ||
           is(r, InstructionKind::reduce_row);
  }

  // The registers that a step reads, some of them several times.
  template <typename Body>
  void each_read(const TileStep& step, const Body& body) const {
    if (step.chain >= 0) {
      for (const int r : chains[step.chain].reads) body(r);
    } else {
      const TileInstruction& i = instruction(step.r);
      for (int k = 0; k < i.arity; ++k) body(i.operands[k]);
    }
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
  std::vector<TileChain> chains;
  std::vector<ChainLink> links;  // those of all chains, without pointers
  // Operands and results of links that are always at the same place in the arena.
  struct Fixed {
    int link, operand;
    int64_t offset;
  };
  std::vector<Fixed> fixed;
  ChainRunner chain;
  int64_t arena = 0;  // elements
  int row_reductions = 0, column_reductions = 0, all_reductions = 0;
  bool compiled = false;

 private:
  Status decode(const TileProgramArgs& args);
  int available(int r) const;
  void find_stages(const IntList& results);
  void place(const IntList& results, const std::vector<bool>& flat, const std::vector<bool>& repeats, DType compute);
  void share_blocks(const IntList& results, const std::vector<int>& last_stage);
  void fill(const IntList& results);
};

}  // namespace flambeau::cpu
