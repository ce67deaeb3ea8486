#include "tile_plan.h"

#include <algorithm>

#include "blocks.h"
#include "tile_chain.h"

namespace flambeau::cpu {
namespace {

// The variance of a row and its root, after ReduceOp: of elements, with their mean, and what is taken from the number
// of them.
constexpr int64_t kVariance = static_cast<int64_t>(ReduceOp::count), kDeviation = kVariance + 1;

// What ReduceFunctions::row does to lanes that are of the compute type, as a micro-op on elements and lanes.
MicroOp column_link(ReduceOp op) {
  switch (op) {
    case ReduceOp::sum:
    case ReduceOp::mean:
      return MicroOp::add_;
    case ReduceOp::amax:
      return MicroOp::maximum_;
    case ReduceOp::amin:
      return MicroOp::minimum_;
    default:
      return MicroOp::count;
  }
}

// What an op of complex numbers is to real ones.
MicroOp of_reals(MicroOp op) {
  switch (op) {
    case MicroOp::mul_conj_:
      return MicroOp::mul_;
    case MicroOp::div_conj_:
      return MicroOp::div_;
    case MicroOp::sgn_:
      return MicroOp::sign_;
    case MicroOp::real_:
      return MicroOp::conj_;
    default:
      return op;
  }
}

bool contains(const std::vector<int>& list, int r) { return std::find(list.begin(), list.end(), r) != list.end(); }

}  // namespace

Status TilePlan::prepare(const TileProgramArgs& args, const std::vector<bool>& flat, const std::vector<bool>& repeats,
                         bool as_machine_code, bool* fits) {
  compiled = as_machine_code;
  *fits = true;
  rows = args.rows;
  row = args.row;
  first_row_in = static_cast<int>(args.ins.size());
  first_constant = first_row_in + static_cast<int>(args.row_ins.size());
  first_instruction = first_constant + static_cast<int>(args.constants.size());
  registers = first_instruction + static_cast<int>(args.code.size() / 5);
  if (registers > kMaxTileRegisters) return {StatusCode::engine_error, 0, 1};
  // As many rows as RowAdder in reduce.cpp folds.
  tile_rows = row < kBlock / 4 ? std::min(rows, kBlock / std::max<int64_t>(1, row)) : 1;
  const Status status = decode(args);
  if (!status.ok()) return status;
  chain = chain_runner(args.compute);
  find_stages(args.results);
  place(args.results, flat, repeats, args.compute);
  if (compiled)
    *fits = compile_chains(*this, args.compute, args.constants, repeats);
  else
    link_chains(*this, args.compute, repeats);
  return {};
}

Status TilePlan::decode(const TileProgramArgs& args) {
  for (size_t k = 0; k < args.code.size() / 5; ++k) {
    TileInstruction i;
    const int64_t* words = &args.code[5 * k];
    i.kind = static_cast<InstructionKind>(words[0]);
    for (int j = 0; j < 3; ++j) i.operands[j] = static_cast<int>(words[2 + j]);
    if (i.kind == InstructionKind::element || i.kind == InstructionKind::row) {
      i.link = of_reals(static_cast<MicroOp>(words[1]));
      if (i.link == MicroOp::mul_ && i.operands[0] == i.operands[1]) i.link = MicroOp::square_;
      i.function = micro_function(i.link, args.compute);
      if (!i.function)
        return {StatusCode::unsupported_dtype, static_cast<int>(words[1]), static_cast<int>(args.compute)};
      i.arity = kMicroArity[static_cast<int>(i.link)];
    } else if (i.kind != InstructionKind::expand) {
      const bool variance = words[1] == kVariance || words[1] == kDeviation;
      if (!variance && (words[1] < 0 || words[1] >= static_cast<int64_t>(ReduceOp::norm_p)))
        return {StatusCode::engine_error, 0, 2};
      if (variance) {
        i.arity = 2;
        i.mean = instruction(i.operands[1]).reduction;
        i.correction = args.constants[i.operands[2] - first_constant].to<double>();
        i.root = words[1] == kDeviation;
      } else {
        i.op = static_cast<ReduceOp>(words[1]);
      }
      const ReduceKind kind = variance ? ReduceKind::variation : kReduceKinds[words[1]];
      i.reduce = reduce_functions(kind, args.compute);
      if (i.reduce.resume) i.fold = kind;
      if (!i.reduce.block || i.reduce.accumulator != Accumulator::real)
        return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.compute)};
      if (i.kind == InstructionKind::reduce_column) i.link = column_link(i.op);
      i.reduction = (i.kind == InstructionKind::reduce_row      ? row_reductions
                     : i.kind == InstructionKind::reduce_column ? column_reductions
                                                                : all_reductions)++;
    }
    code.push_back(i);
  }
  return {};
}

// The stage from which on a register has its value.
int TilePlan::available(int r) const {
  if (!is_instruction(r)) return 0;
  const TileInstruction& i = instruction(r);
  return i.stage + (i.kind == InstructionKind::reduce_row ? 1 : 0);
}

void TilePlan::find_stages(const IntList& results) {
  int last = 0;
  for (TileInstruction& i : code) {
    for (int k = 0; k < i.arity; ++k) i.stage = std::max(i.stage, available(i.operands[k]));
    last = std::max(last, i.stage + (i.kind == InstructionKind::reduce_row ? 1 : 0));
  }
  // Elements as late as they are needed, so that fewer are kept from stage to stage.
  const int none = last + 1;
  std::vector<int> needed(registers, none);
  for (const int64_t r : results)
    if (is(static_cast<int>(r), InstructionKind::element)) needed[r] = 0;
  for (int r = registers - 1; r >= first_instruction; --r) {
    TileInstruction& i = code[r - first_instruction];
    if (i.kind == InstructionKind::element && needed[r] != none) i.stage = std::max(i.stage, needed[r]);
    for (int k = 0; k < i.arity; ++k) needed[i.operands[k]] = std::min(needed[i.operands[k]], i.stage);
  }
  stages.resize(last + 1);
  for (int r = first_instruction; r < registers; ++r) {
    const TileInstruction& i = instruction(r);
    TileStage& stage = stages[i.stage];
    (i.kind == InstructionKind::row || i.kind == InstructionKind::expand ? stage.prelude : stage.code).push_back(r);
    if (i.kind == InstructionKind::reduce_row) stage.ends.push_back(r);
  }
}

int64_t TilePlan::take(int64_t n) {
  const int64_t offset = arena;
  arena += (n + chain.step - 1) / chain.step * chain.step;
  return offset;
}

void TilePlan::place(const IntList& results, const std::vector<bool>& flat, const std::vector<bool>& repeats,
                     DType compute) {
  places.resize(registers);
  for (int r = 0; r < registers; ++r)
    if (!is(r, InstructionKind::element)) places[r].offset = take(kBlock);
  for (size_t v = 0; v < results.size(); ++v) {
    const int r = static_cast<int>(results[v]);
    if (!is_element(r)) continue;
    if (flat[v] && is_instruction(r) && places[r].out < 0)
      places[r].out = static_cast<int>(v);
    else
      stages[is_instruction(r) ? instruction(r).stage : 0].stores.push_back(static_cast<int>(v));
  }
  std::vector<int> last_stage(registers, 0);
  for (int s = 0; s < static_cast<int>(stages.size()); ++s) {
    TileStage& stage = stages[s];
    const auto uses = [&](int r) {
      if (r < first_row_in && !repeats[r] && !contains(stage.loads, r)) stage.loads.push_back(r);
      if (is(r, InstructionKind::element) && instruction(r).stage < s && !contains(stage.kept, r))
        stage.kept.push_back(r);
      last_stage[r] = s;
    };
    for (const int r : stage.code)
      for (int k = 0; k < instruction(r).arity; ++k) uses(instruction(r).operands[k]);
    for (const int v : stage.stores) uses(static_cast<int>(results[v]));
  }
  for (int s = 0; s < static_cast<int>(stages.size()); ++s) make_steps(*this, s, compute, results);
  find_results(*this, results);
  share_blocks(results, last_stage);
  fill(results);
}

// Blocks of elements that only one stage reads are taken over by later instructions.
void TilePlan::share_blocks(const IntList& results, const std::vector<int>& last_stage) {
  std::vector<int64_t> spare;
  for (int s = 0; s < static_cast<int>(stages.size()); ++s) {
    const TileStage& stage = stages[s];
    const int n_steps = static_cast<int>(stage.steps.size());
    std::vector<int> last_use(registers, -1);
    for (int q = 0; q < n_steps; ++q) each_read(stage.steps[q], [&](int r) { last_use[r] = q; });
    for (const int v : stage.stores) last_use[results[v]] = n_steps;
    const auto passing = [&](int r) {
      return is(r, InstructionKind::element) && places[r].out < 0 && instruction(r).stage == s && last_stage[r] <= s;
    };
    std::vector<int64_t> used;
    const auto give = [&](int r) {
      if (!is(r, InstructionKind::element) || places[r].out >= 0) return;
      if (!passing(r)) {
        places[r].wide = row > kBlock;
        places[r].offset = take(std::max(row, kBlock));
        return;
      }
      if (spare.empty()) {
        places[r].offset = take(kBlock);
      } else {
        places[r].offset = spare.back();
        spare.pop_back();
      }
      used.push_back(places[r].offset);
    };
    const auto free_read = [&](int q) {
      each_read(stage.steps[q], [&](int r) {
        if (!passing(r) || last_use[r] != q) return;
        spare.push_back(places[r].offset);
        last_use[r] = -2;  // an operand may be named twice
      });
    };
    for (int q = 0; q < n_steps; ++q) {
      const TileStep& step = stage.steps[q];
      // A result may take the place of an operand of the same instruction, but not of one of the same chain.
      if (step.chain < 0) {
        free_read(q);
        give(step.r);
      } else {
        for (const int r : chains[step.chain].results) give(r);
        free_read(q);
      }
    }
    spare.insert(spare.end(), used.begin(), used.end());
    std::sort(spare.begin(), spare.end());
    spare.erase(std::unique(spare.begin(), spare.end()), spare.end());
  }
}

// Chains read the beginning of a repeated value again and again; everything else reads as many as there are elements.
void TilePlan::fill(const IntList& results) {
  for (TilePlace& p : places) p.fill = tile_rows > 1 ? kBlock : chain.step;
  const auto whole = [&](int r) { places[r].fill = kBlock; };
  for (const TileStage& stage : stages) {
    for (const TileStep& step : stage.steps)
      if (step.chain < 0) each_read(step, whole);
    for (const int r : stage.prelude)
      for (int k = 0; k < instruction(r).arity; ++k) whole(instruction(r).operands[k]);
    for (const int v : stage.stores) whole(static_cast<int>(results[v]));
  }
}

}  // namespace flambeau::cpu
