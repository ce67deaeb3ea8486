#include "tile_chain.h"

#include <algorithm>

namespace flambeau::cpu {
namespace {

using Registers = std::vector<int>;

bool contains(const Registers& list, int r) { return std::find(list.begin(), list.end(), r) != list.end(); }

// The link for an instruction, or nullptr.
ChainFunction link_for(const TilePlan& plan, const TileInstruction& i, DType compute, int held) {
  const bool whole_rows = i.kind == InstructionKind::reduce_row && plan.tile_rows == 1;
  return whole_rows || i.kind == InstructionKind::reduce_all ? chain_fold(i.fold, compute, held)
                                                             : chain_function(i.link, compute, held);
}
bool folds(const TileInstruction& i) {
  return i.kind == InstructionKind::reduce_row || i.kind == InstructionKind::reduce_all;
}
// Whether an instruction can be a part of a chain.
bool is_chained(const TilePlan& plan, const TileInstruction& i, DType compute) {
  return plan.compiled && !folds(i) ? is_vector_op(i.link, compute) : link_for(plan, i, compute, 0) != nullptr;
}
// A value that is the same throughout a block.
bool is_repeated(const TilePlan& plan, int r, const std::vector<bool>& repeats) {
  if (r < plan.first_row_in) return repeats[r];
  if (plan.is_instruction(r)) return plan.is(r, InstructionKind::expand) && plan.tile_rows == 1;
  return true;
}

// Divides the code of a stage into phases: a chain of cheap instructions, then the others that are ready.
class Phases {
 public:
  Phases(const TilePlan& plan, int stage, DType compute, const IntList& results)
      : plan_(plan),
        code_(plan.stages[stage].code),
        phase_(plan.registers, -1),
        users_(plan.registers),
        cheap_(plan.registers),
        escapes_(plan.registers) {
    for (const int r : code_) {
      const TileInstruction& i = plan.instruction(r);
      // A sum of what is in memory anyway is no better as a link.
      const int x = i.operands[0];
      const bool joins = !folds(i) || (plan.is_instruction(x) && plan.instruction(x).stage == stage && cheap_[x]);
      cheap_[r] = joins && is_chained(plan, i, compute);
    }
    for (const TileInstruction& i : plan.code)
      for (int k = 0; k < i.arity; ++k)
        if (i.stage != stage) escapes_[i.operands[k]] = true;
    for (const int64_t r : results) escapes_[r] = true;
    for (const int r : code_) {
      int phase = 0;
      each_operand(r, [&](int o) {
        if (phase_[o] < 0) return;
        phase = std::max(phase, phase_[o] + (cheap_[r] && !cheap_[o] ? 1 : 0));
        users_[o].push_back(r);
      });
      phase_[r] = phase;
      last_ = std::max(last_, phase);
    }
    // What is read later only is computed later, where that keeps nothing else waiting in memory.
    for (auto r = code_.rbegin(); r != code_.rend(); ++r) {
      if (!cheap_[*r] || escapes_[*r] || users_[*r].empty()) continue;
      int later = last_;
      for (const int user : users_[*r]) later = std::min(later, phase_[user]);
      if (later > phase_[*r] && moves(*r)) phase_[*r] = later;
    }
  }

  int count() const { return last_ + 1; }
  Registers of(int phase, bool cheap) const {
    Registers list;
    for (const int r : code_)
      if (phase_[r] == phase && cheap_[r] == cheap) list.push_back(r);
    return list;
  }

 private:
  template <typename Body>
  void each_operand(int r, const Body& body) const {
    const TileInstruction& i = plan_.instruction(r);
    for (int k = 0; k < i.arity; ++k) body(i.operands[k]);
  }
  // Whether an instruction's operands lie in memory anyway, or move with it.
  bool moves(int r) const {
    bool can = true;
    each_operand(r, [&](int o) {
      if (phase_[o] < 0 || !cheap_[o] || phase_[o] != phase_[r]) return;
      const bool sole = std::all_of(users_[o].begin(), users_[o].end(), [&](int user) { return user == r; });
      can = can && sole && !escapes_[o] && moves(o);
    });
    return can;
  }

  const TilePlan& plan_;
  const Registers& code_;
  std::vector<int> phase_;
  std::vector<Registers> users_;
  std::vector<bool> cheap_, escapes_;
  int last_ = 0;
};

// Which operands of an instruction are what the link before has computed.
int held_operands(const TileInstruction& i, int before) {
  int held = 0;
  for (int k = 0; k < i.arity; ++k)
    if (i.operands[k] == before) held |= 1 << k;
  return i.arity == 3 && (held & (held - 1)) != 0 ? 0 : held;
}

// As many instructions as possible read what the one before has computed.
Registers in_chain_order(const TilePlan& plan, Registers waiting) {
  std::vector<bool> waits(plan.registers);
  for (const int r : waiting) waits[r] = true;
  Registers order;
  while (!waiting.empty()) {
    int next = -1;
    for (size_t k = 0; k < waiting.size(); ++k) {
      const TileInstruction& i = plan.instruction(waiting[k]);
      if (std::any_of(i.operands, i.operands + i.arity, [&](int o) { return waits[o]; })) continue;
      if (next < 0) next = static_cast<int>(k);
      if (!order.empty() && held_operands(i, order.back()) != 0) {
        next = static_cast<int>(k);
        break;
      }
    }
    order.push_back(waiting[next]);
    waits[waiting[next]] = false;
    waiting.erase(waiting.begin() + next);
  }
  return order;
}

}  // namespace

void make_steps(TilePlan& plan, int stage_index, DType compute, const IntList& results) {
  TileStage& stage = plan.stages[stage_index];
  const Phases phases(plan, stage_index, compute, results);
  for (int p = 0; p < phases.count(); ++p) {
    const Registers cheap = phases.of(p, true);
    if (!cheap.empty()) {
      TileChain chain;
      chain.code = in_chain_order(plan, cheap);
      for (const int r : chain.code) {
        const TileInstruction& i = plan.instruction(r);
        for (int k = 0; k < i.arity; ++k)
          if (!contains(chain.code, i.operands[k]) && !contains(chain.reads, i.operands[k]))
            chain.reads.push_back(i.operands[k]);
        if (i.kind == InstructionKind::reduce_column) chain.columns.push_back(r);
      }
      stage.steps.push_back({-1, static_cast<int>(plan.chains.size())});
      plan.chains.push_back(chain);
    }
    for (const int r : phases.of(p, false)) stage.steps.push_back({r, -1});
  }
}

void find_results(TilePlan& plan, const IntList& results) {
  std::vector<int> owner(plan.registers, -1);
  std::vector<bool> read(plan.registers);
  for (size_t c = 0; c < plan.chains.size(); ++c)
    for (const int r : plan.chains[c].code) owner[r] = static_cast<int>(c);
  for (const int64_t r : results) read[r] = true;
  for (int r = plan.first_instruction; r < plan.registers; ++r) {
    const TileInstruction& i = plan.instruction(r);
    for (int k = 0; k < i.arity; ++k)
      if (owner[i.operands[k]] != owner[r]) read[i.operands[k]] = true;
  }
  for (TileChain& chain : plan.chains)
    for (const int r : chain.code)
      if (read[r] && plan.is(r, InstructionKind::element)) chain.results.push_back(r);
}

namespace {

// Turns a chain into links.
class Linker {
 public:
  Linker(TilePlan& plan, TileChain& chain, DType compute, const std::vector<bool>& repeats)
      : plan_(plan),
        chain_(chain),
        compute_(compute),
        repeats_(repeats),
        last_read_(plan.registers, -1),
        slots_(plan.registers, -1) {}

  void link() {
    chain_.first = static_cast<int>(plan_.links.size());
    const int n = static_cast<int>(chain_.code.size());
    std::vector<int> held(n);
    for (int k = 0; k < n; ++k) {
      const TileInstruction& i = plan_.instruction(chain_.code[k]);
      held[k] = k == 0 ? 0 : held_operands(i, chain_.code[k - 1]);
      for (int j = 0; j < i.arity; ++j)
        if ((held[k] >> j & 1) == 0) last_read_[i.operands[j]] = k;
    }
    for (const int r : chain_.reads)
      if ((r < plan_.first_row_in && !repeats_[r]) || plan_.places[r].out >= 0) need_tail(r);
    for (const int r : chain_.results)
      if (plan_.places[r].out >= 0) need_tail(r);
    for (const int r : chain_.columns) need_tail(r);
    for (int k = 0; k < n; ++k) {
      const TileInstruction& i = plan_.instruction(chain_.code[k]);
      ChainLink link{link_for(plan_, i, compute_, held[k]), {}, {}, nullptr, 0};
      for (int j = 0; j < i.arity; ++j)
        if ((held[k] >> j & 1) == 0) read(link, k, j, i.operands[j]);
      for (int j = 0; j < i.arity; ++j)
        if (const int o = i.operands[j]; slots_[o] >= 0 && last_read_[o] == k) {
          free_.push_back(slots_[o]);
          slots_[o] = -1;
        }
      write(link, k, held[k]);
      plan_.links.push_back(link);
    }
    plan_.links.push_back({plan_.chain.end, {}, {}, nullptr, 0});
  }

 private:
  static constexpr uint64_t kMoves = ~uint64_t{0};

  void need_tail(int r) {
    if (plan_.places[r].tail < 0) plan_.places[r].tail = plan_.take(plan_.chain.step);
  }
  void read(ChainLink& link, int k, int operand, int r) {
    if (slots_[r] >= 0) {
      plan_.fixed.push_back({chain_.first + k, operand, slots_[r]});
    } else if (is_repeated(plan_, r, repeats_)) {
      plan_.fixed.push_back({chain_.first + k, operand, plan_.places[r].offset});
    } else {
      link.moves[operand] = kMoves;
      chain_.patches.push_back({chain_.first + k, operand, r});
    }
  }
  void write(ChainLink& link, int k, int held) {
    const int r = chain_.code[k];
    if (folds(plan_.instruction(r))) {
      const int64_t sums = plan_.take(plan_.chain.step), tail = plan_.take(plan_.chain.step);
      plan_.fixed.push_back({chain_.first + k, kChainResult, sums});
      chain_.folds.push_back({r, chain_.first + k, sums, tail, chain_function(MicroOp::conj_, compute_, held)});
    } else if (contains(chain_.columns, r)) {
      // Lanes are read and written.
      link.moves[1] = link.result_moves = kMoves;
      chain_.patches.push_back({chain_.first + k, 1, r});
      chain_.patches.push_back({chain_.first + k, kChainResult, r});
    } else if (contains(chain_.results, r)) {
      link.result_moves = kMoves;
      chain_.patches.push_back({chain_.first + k, kChainResult, r});
    } else if (last_read_[r] >= 0) {
      if (free_.empty()) free_.push_back(plan_.take(plan_.chain.step));
      slots_[r] = free_.back();
      free_.pop_back();
      plan_.fixed.push_back({chain_.first + k, kChainResult, slots_[r]});
    }
  }

  TilePlan& plan_;
  TileChain& chain_;
  DType compute_;
  const std::vector<bool>& repeats_;
  std::vector<int> last_read_;  // the last link that reads it from memory
  std::vector<int64_t> slots_;  // of values that only this chain reads
  std::vector<int64_t> free_;
};

// What machine code is made of.
class Compiler {
 public:
  Compiler(TilePlan& plan, TileChain& chain, const ScalarList& constants, const std::vector<bool>& repeats)
      : plan_(plan), chain_(chain), constants_(constants), repeats_(repeats), numbers_(plan.registers, -1) {}

  bool compile(DType compute) {
    program_.compute = compute;
    for (const int r : chain_.reads) numbers_[r] = add(read(r));
    for (const int r : chain_.code) {
      const TileInstruction& i = plan_.instruction(r);
      if (folds(i)) continue;
      ChainProgram::Value value;
      value.op = i.link;
      for (int k = 0; k < i.arity; ++k) value.operands[k] = numbers_[i.operands[k]];
      if (contains(chain_.columns, r)) {
        // Lanes are read and written.
        ChainProgram::Value lanes;
        lanes.kind = ChainProgram::Kind::moving;
        lanes.stream = value.stream = stream({r, true, true, true});
        value.operands[1] = add(lanes);
      } else if (contains(chain_.results, r)) {
        value.stream = stream({r, true, false, true});
        value.is_result = plan_.places[r].out >= 0 && !is_read_elsewhere(r);
      }
      numbers_[r] = add(value);
    }
    program_.streams = static_cast<int>(chain_.streams.size());
    for (const int r : chain_.code) {
      const TileInstruction& i = plan_.instruction(r);
      if (!folds(i)) continue;
      const int64_t sums = plan_.take(plan_.chain.step), tail = plan_.take(plan_.chain.step);
      chain_.folds.push_back({r, -1, sums, tail, nullptr});
      program_.folds.push_back({numbers_[i.operands[0]], i.fold, program_.streams++});
    }
    chain_.machine = chain_code(program_);
    return chain_.machine != nullptr;
  }

 private:
  ChainProgram::Value read(int r) {
    ChainProgram::Value value;
    if (r >= plan_.first_constant && r < plan_.first_instruction) {
      const Scalar& scalar = constants_[r - plan_.first_constant];
      value.kind = ChainProgram::Kind::constant;
      value.constant = program_.compute == DType::f32 ? scalar.to<float>() : scalar.to<double>();
    } else {
      const bool repeats = is_repeated(plan_, r, repeats_);
      value.kind = repeats ? ChainProgram::Kind::repeated : ChainProgram::Kind::moving;
      value.stream = stream({r, !repeats, true, false});
    }
    return value;
  }
  bool is_read_elsewhere(int r) const {
    for (int reader = plan_.first_instruction; reader < plan_.registers; ++reader) {
      const TileInstruction& i = plan_.instruction(reader);
      if (!contains(chain_.code, reader) && std::find(i.operands, i.operands + i.arity, r) != i.operands + i.arity)
        return true;
    }
    return false;
  }
  int stream(TileChain::Stream s) {
    chain_.streams.push_back(s);
    return static_cast<int>(chain_.streams.size()) - 1;
  }
  int add(const ChainProgram::Value& value) {
    program_.values.push_back(value);
    return static_cast<int>(program_.values.size()) - 1;
  }

  TilePlan& plan_;
  TileChain& chain_;
  const ScalarList& constants_;
  const std::vector<bool>& repeats_;
  std::vector<int> numbers_;  // of values, by register
  ChainProgram program_;
};

}  // namespace

void link_chains(TilePlan& plan, DType compute, const std::vector<bool>& repeats) {
  for (TileChain& chain : plan.chains) Linker(plan, chain, compute, repeats).link();
}

bool compile_chains(TilePlan& plan, DType compute, const ScalarList& constants, const std::vector<bool>& repeats) {
  return std::all_of(plan.chains.begin(), plan.chains.end(),
                     [&](TileChain& chain) { return Compiler(plan, chain, constants, repeats).compile(compute); });
}

}  // namespace flambeau::cpu
