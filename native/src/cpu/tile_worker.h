// Runs a tile program over rows of its operands, in one thread.
#pragma once
#include <hwy/cache_control.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "blocks.h"
#include "reduce_rows.h"
#include "stream.h"
#include "tile_operand.h"
#include "tile_plan.h"

namespace flambeau::cpu {

template <typename C>
struct TileTask {
  explicit TileTask(const TileProgramArgs& args) : constants(args.constants), results(args.results) {
    for (const TensorView& t : static_cast<std::span<const TensorView>>(args.outs)) outs.emplace_back(t);
    for (const TensorView& t : static_cast<std::span<const TensorView>>(args.ins)) ins.emplace_back(t);
    for (const TensorView& t : static_cast<std::span<const TensorView>>(args.row_ins)) row_ins.emplace_back(t);
  }
  const TilePlan* plan = nullptr;
  bool past = false;  // results go past the caches
  std::vector<TileOperand<C>> outs, ins, row_ins;
  const ScalarList& constants;
  const IntList& results;
};

// One thread's registers and sums.
template <typename C>
class TileWorker {
 public:
  explicit TileWorker(const TileTask<C>& task) : task_(task), plan_(*task.plan) {
    const int64_t width = plan_.lane_width(), sums = plan_.row_reductions * kBlock;
    const int64_t folded = plan_.column_reductions * width, lanes = plan_.column_reductions * width * kMaxLaneSize;
    const int64_t arena = (plan_.arena * static_cast<int64_t>(sizeof(C)) + kLine - 1) / kLine * kLine;
    const int64_t bytes = arena + (sums + folded) * 8 + lanes + kLine;
    thread_local std::unique_ptr<double[]> memory;
    thread_local int64_t size = 0;
    if (size < bytes) {
      memory.reset(new double[bytes / 8 + 8]);
      size = bytes;
    }
    void* from = memory.get();
    auto room = static_cast<size_t>(bytes);
    arena_ = static_cast<C*>(std::align(kLine, room - kLine, from, room));
    sums_ = reinterpret_cast<double*>(reinterpret_cast<char*>(arena_) + arena);
    folded_ = sums_ + sums;
    lanes_ = reinterpret_cast<char*>(folded_ + folded);
    for (int r = 0; r < plan_.registers; ++r)
      registers_[r] = plan_.places[r].offset < 0 ? arena_ : arena_ + plan_.places[r].offset;
    links_ = plan_.links;
    for (const auto& [link, operand, offset] : plan_.fixed) set(link, operand, arena_ + offset);
    for (size_t k = 0; k < task_.constants.size(); ++k) {
      const int r = plan_.first_constant + static_cast<int>(k);
      repeat(r, plan_.rows * plan_.row, task_.constants[k].template to<C>());
    }
    for (size_t v = 0; v < task_.ins.size(); ++v) {
      const int r = static_cast<int>(v);
      if (task_.ins[v].repeats_one()) repeat(r, plan_.rows * plan_.row, *task_.ins[v].read(block(r), 0, 1));
    }
  }

  ~TileWorker() {
    if (task_.past) stream_done();
  }

  void rows(int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row += plan_.tile_rows) tile(row, std::min(plan_.tile_rows, end - row));
  }

  // A part of the first stage of one row, of which `sums` gets one number a reduction.
  void part(int64_t row, int64_t begin, int64_t end, double* sums) {
    prelude(0, row, 1, true);
    blocks(0, row, 1, begin, end);
    for (int j = 0; j < plan_.row_reductions; ++j) sums[j] = sums_[j * kBlock];
  }
  // What is left to do where sums(j, row) are the sums of the first stage.
  template <typename Sums>
  void finish_split(const Sums& sums) {
    prelude(0, 0, plan_.rows, false);
    for (int j = 0; j < plan_.row_reductions; ++j)
      for (int64_t r = 0; r < plan_.rows; ++r) sums_[j * kBlock + r] = sums(j, r);
    end(0, plan_.rows);
    prelude(1, 0, plan_.rows, false);
    store_rows(0, plan_.rows);
  }

  // Rows whose columns are summed up into `columns`, and all elements into `totals`.
  void across(int64_t begin, int64_t end, double* columns, double* totals) {
    totals_ = totals;
    const int64_t width = plan_.lane_width(), used = plan_.tile_rows * plan_.row;
    plan_.each(InstructionKind::reduce_all, [&](const TileInstruction& i) { i.reduce.init(totals + i.reduction, 1); });
    plan_.each(InstructionKind::reduce_column, [&](const TileInstruction& i) {
      i.reduce.init(folded_ + i.reduction * width, used);
      reset(i);
    });
    int64_t steps = 0;
    for (int64_t row = begin; row < end; row += plan_.tile_rows) {
      tile(row, std::min(plan_.tile_rows, end - row));
      if (++steps % kLaneSteps == 0)
        plan_.each(InstructionKind::reduce_column, [&](const TileInstruction& i) { flush(i); });
    }
    plan_.each(InstructionKind::reduce_column, [&](const TileInstruction& i) {
      flush(i);
      double* into = columns + i.reduction * plan_.row;
      i.reduce.init(into, plan_.row);
      for (int64_t k = 0; k < plan_.tile_rows; ++k)
        i.reduce.merge(into, folded_ + i.reduction * width + k * plan_.row, plan_.row);
    });
  }

 private:
  // As many as are read of a value that is the same for `n` elements.
  void repeat(int r, int64_t n, C value) {
    std::fill_n(block(r), std::max(std::min(n, plan_.places[r].fill), plan_.chain.step), value);
  }
  void set(int link, int operand, const C* data) {
    ChainLink& l = links_[link];
    if (operand == kChainResult)
      l.result = reinterpret_cast<char*>(const_cast<C*>(data));
    else
      l.operands[operand] = reinterpret_cast<const char*>(data);
  }
  C* block(int r) { return arena_ + plan_.places[r].offset; }

  void tile(int64_t row, int64_t n_rows) {
    const int last = static_cast<int>(plan_.stages.size());
    for (int s = 0; s < last; ++s) {
      prelude(s, row, n_rows, true);
      blocks(s, row, n_rows, 0, plan_.row);
      end(s, n_rows);
    }
    store_rows(row, n_rows);
  }

  void prelude(int s, int64_t row, int64_t n_rows, bool expands) {
    if (s == 0)
      for (size_t v = 0; v < task_.row_ins.size(); ++v) {
        const int r = plan_.first_row_in + static_cast<int>(v);
        registers_[r] = task_.row_ins[v].read(block(r), row, n_rows);
      }
    for (const int r : plan_.stages[s].prelude) {
      const TileInstruction& i = plan_.instruction(r);
      if (i.kind == InstructionKind::row) {
        apply(i, block(r), n_rows);
      } else if (expands) {
        const C* values = registers_[i.operands[0]];
        if (n_rows == 1) repeat(r, plan_.row, values[0]);
        for (int64_t k = 0; n_rows > 1 && k < n_rows; ++k) std::fill_n(block(r) + k * plan_.row, plan_.row, values[k]);
      }
    }
  }

  void apply(const TileInstruction& i, C* result, int64_t n) {
    i.function(result, registers_[i.operands[0]], registers_[i.operands[i.arity > 1 ? 1 : 0]],
               registers_[i.operands[i.arity > 2 ? 2 : 0]], n);
  }

  // The elements of a stage: those of several whole rows in one block, or one row's from `begin` to `end`.
  void blocks(int s, int64_t row, int64_t n_rows, int64_t begin, int64_t end) {
    const TileStage& stage = plan_.stages[s];
    for (const int r : stage.ends) {
      const TileInstruction& i = plan_.instruction(r);
      i.reduce.init(sums_ + i.reduction * kBlock, n_rows);
    }
    if (!stage.has_blocks()) return;
    // Micro-ops that are no part of a chain take long enough for memory to come meanwhile.
    const auto slow_steps = std::count_if(stage.steps.begin(), stage.steps.end(), [&](const TileStep& step) {
      return step.chain < 0 && plan_.is(step.r, InstructionKind::element);
    });
    const int64_t total = n_rows > 1 ? n_rows * plan_.row : end - begin;
    for (int64_t done = 0; done < total; done += kBlock) {
      const int64_t n = std::min(kBlock, total - done), col = begin + done, at = row * plan_.row + col;
      for (const int v : stage.loads) registers_[v] = task_.ins[v].read(block(v), at, n);
      for (const int r : stage.kept) registers_[r] = position(r, at, col);
      const int64_t n_ahead = s == 0 && slow_steps > 0 ? ahead(stage, at + n) : 0;
      int64_t done_steps = 0;  // of these
      for (const TileStep& step : stage.steps) {
        if (step.chain >= 0) {
          chain(plan_.chains[step.chain], at, col, n);
          continue;
        }
        const int r = step.r;
        const TileInstruction& i = plan_.instruction(r);
        const C* x = registers_[i.operands[0]];
        switch (i.kind) {
          case InstructionKind::element: {
            // What the next block reads and writes comes while this one is computed.
            const int64_t from = n_ahead * done_steps / slow_steps, to = n_ahead * ++done_steps / slow_steps;
            for (int64_t k = from; k < to; ++k) hwy::Prefetch(ahead_[k / kLines] + k % kLines * kLine);
            C* result = position(r, at, col);
            apply(i, result, n);
            registers_[r] = result;
            break;
          }
          case InstructionKind::reduce_row: {
            const int64_t count = n_rows > 1 ? plan_.row : n;
            for (int64_t k = 0; k < n_rows; ++k) {
              const double mean = i.mean < 0 ? 0 : sums_[i.mean * kBlock + k] / static_cast<double>(plan_.row);
              i.reduce.block(sums_ + i.reduction * kBlock + k, x + k * count, count, mean);
            }
            break;
          }
          case InstructionKind::reduce_column:
            i.reduce.row(lanes(i, col), x, nullptr, n);
            break;
          case InstructionKind::reduce_all:
            i.reduce.block(totals_ + i.reduction, x, n, 0);
            break;
          case InstructionKind::row:
          case InstructionKind::expand:
            break;  // in the prelude
        }
      }
      for (const int v : stage.stores) task_.outs[v].write(registers_[task_.results[v]], at, n);
    }
  }

  // Runs a chain over n elements.
  void chain(const TileChain& chain, int64_t at, int64_t col, int64_t n) {
    for (const int r : chain.results) registers_[r] = position(r, at, col);
    for (const int r : chain.columns) registers_[r] = reinterpret_cast<C*>(lanes(plan_.instruction(r), col));
    const int64_t summed = chain.machine ? machine(chain, n) : links(chain, n);
    for (const auto& f : chain.folds) {
      const TileInstruction& i = plan_.instruction(f.r);
      double* sum = i.kind == InstructionKind::reduce_all ? totals_ + i.reduction : sums_ + i.reduction * kBlock;
      if (summed > 0)
        i.reduce.resume(sum, arena_ + f.sums, arena_ + f.tail, n - summed);
      else
        i.reduce.block(sum, arena_ + f.tail, n, 0);
    }
  }

  // Both give how many elements are in the sums; the others are where the folds keep them.
  int64_t machine(const TileChain& chain, int64_t n) {
    constexpr int64_t kSize = sizeof(C), kLanes = ChainCode::kVector / kSize;
    const ChainCode& code = *chain.machine;
    const char* streams[kMaxStreams];
    size_t count = 0;
    for (const auto& s : chain.streams) streams[count++] = reinterpret_cast<const char*>(registers_[s.r]);
    const int64_t whole = n / kLanes * kLanes;
    // A few elements are summed up otherwise.
    const bool keeps = n < kFewElements;
    for (const auto& f : chain.folds)
      streams[count++] = reinterpret_cast<const char*>(arena_ + (keeps ? f.tail : f.sums));
    const ChainCode::Run run = keeps ? code.keep : task_.past && in_whole_vectors(chain) ? code.past : code.run;
    run(streams, 0, whole * kSize);
    if (whole < n) machine_end(chain, streams, whole, n - whole, keeps ? whole : 0);
    return keeps ? 0 : whole;
  }
  bool in_whole_vectors(const TileChain& chain) const {
    return std::all_of(chain.results.begin(), chain.results.end(), [&](int r) {
      return plan_.places[r].out < 0 || reinterpret_cast<uintptr_t>(registers_[r]) % ChainCode::kVector == 0;
    });
  }
  // What is less than a vector becomes one, elsewhere. Folds keep it after `kept` elements.
  void machine_end(const TileChain& chain, const char** streams, int64_t whole, int64_t n, int64_t kept) {
    constexpr int64_t kSize = sizeof(C);
    alignas(ChainCode::kVector) char ends[kMaxStreams][ChainCode::kVector] = {};
    const auto rest = static_cast<size_t>(n * kSize);
    size_t count = 0;
    for (const auto& s : chain.streams) {
      const size_t k = count++;
      if (s.moves && s.is_read) std::memcpy(ends[k], streams[k] + whole * kSize, rest);
      if (s.moves) streams[k] = ends[k];
    }
    for (const auto& f : chain.folds) streams[count++] = reinterpret_cast<const char*>(arena_ + f.tail + kept);
    chain.machine->keep(streams, 0, ChainCode::kVector);
    for (size_t k = 0; k < chain.streams.size(); ++k)
      if (const auto& s = chain.streams[k]; s.is_written)
        std::memcpy(const_cast<C*>(registers_[s.r]) + whole, ends[k], rest);
  }
  int64_t links(const TileChain& chain, int64_t n) {
    constexpr int64_t kSize = sizeof(C);
    const ChainRunner& runner = plan_.chain;
    for (const auto& [link, operand, r] : chain.patches) set(link, operand, registers_[r]);
    for (const auto& f : chain.folds) std::fill_n(arena_ + f.sums, runner.step, C(0));
    const int64_t whole = n / runner.step * runner.step;
    runner.run(&links_[chain.first], 0, whole * kSize);
    if (whole < n) chain_end(chain, whole, n - whole);
    return whole;
  }
  // The last elements are a step too, over copies of what has no more memory.
  void chain_end(const TileChain& chain, int64_t whole, int64_t n) {
    constexpr int64_t kSize = sizeof(C);
    const ChainRunner& runner = plan_.chain;
    const ChainLink* links = &links_[chain.first];
    const auto rest = static_cast<size_t>(n * kSize);
    const auto fetch = [&](int r) {
      if (const int64_t tail = plan_.places[r].tail; tail >= 0) std::memcpy(arena_ + tail, registers_[r] + whole, rest);
    };
    const auto put_back = [&](int r) {
      if (const int64_t tail = plan_.places[r].tail; tail >= 0)
        std::memcpy(const_cast<C*>(registers_[r]) + whole, arena_ + tail, rest);
    };
    for (const int r : chain.reads) fetch(r);
    for (const int r : chain.columns) fetch(r);
    for (const auto& [link, operand, r] : chain.patches) {
      const int64_t tail = plan_.places[r].tail;
      set(link, operand, tail >= 0 ? arena_ + tail : registers_[r] + whole);
    }
    for (const auto& f : chain.folds) {
      links_[f.link].function = f.keep;
      set(f.link, kChainResult, arena_ + f.tail);
    }
    runner.run(links, 0, runner.step * kSize);
    for (const auto& f : chain.folds) {
      links_[f.link].function = plan_.links[f.link].function;
      set(f.link, kChainResult, arena_ + f.sums);
    }
    for (const int r : chain.results) put_back(r);
    for (const int r : chain.columns) put_back(r);
  }

  // Notes where a whole block at `at` will be read and written in place; gives the number of cache lines.
  int64_t ahead(const TileStage& stage, int64_t at) {
    if (at + kBlock > plan_.rows * plan_.row) return 0;
    int64_t count = 0;
    for (const int v : stage.loads)
      if (task_.ins[v].flat()) ahead_[count++] = reinterpret_cast<const char*>(task_.ins[v].array(at));
    for (const int r : stage.code) {
      const int out = plan_.places[r].out;
      if (out >= 0) ahead_[count++] = reinterpret_cast<const char*>(task_.outs[out].array(at));
    }
    return count * kLines;
  }

  void end(int s, int64_t n_rows) {
    for (const int r : plan_.stages[s].ends) {
      const TileInstruction& i = plan_.instruction(r);
      const double* sums = sums_ + i.reduction * kBlock;
      const auto count = static_cast<double>(plan_.row);
      for (int64_t k = 0; k < n_rows; ++k) {
        if (i.mean < 0) {
          block(r)[k] = convert<C>(finish_real(i.op, sums[k], count));
        } else {
          const double value = sums[k] / std::max(0.0, count - i.correction);
          block(r)[k] = convert<C>(i.root ? std::sqrt(value) : value);
        }
      }
    }
  }

  void store_rows(int64_t row, int64_t n_rows) {
    for (size_t v = 0; v < task_.outs.size(); ++v) {
      const int r = static_cast<int>(task_.results[v]);
      if (plan_.is_row_value(r)) task_.outs[v].write(registers_[r], row, n_rows);
    }
  }

  C* position(int r, int64_t at, int64_t col) {
    const TilePlace& place = plan_.places[r];
    return place.out >= 0 ? task_.outs[place.out].array(at) : arena_ + place.offset + (place.wide ? col : 0);
  }
  // A strip of kBlock columns has its lanes together.
  char* lanes(const TileInstruction& i, int64_t col) {
    return lanes_ + (i.reduction * plan_.lane_width() + col) * kMaxLaneSize;
  }
  template <typename Body>
  void strips(const Body& body) {
    const int64_t used = plan_.tile_rows * plan_.row;
    for (int64_t col = 0; col < used; col += kBlock) body(col, std::min(kBlock, used - col));
  }
  void reset(const TileInstruction& i) {
    strips([&](int64_t col, int64_t n) { i.reduce.reset(lanes(i, col), n); });
  }
  void flush(const TileInstruction& i) {
    strips([&](int64_t col, int64_t n) {
      i.reduce.flush(folded_ + i.reduction * plan_.lane_width() + col, lanes(i, col), n);
    });
    reset(i);
  }

  const TileTask<C>& task_;
  const TilePlan& plan_;
  double *sums_, *folded_, *totals_ = nullptr;
  char* lanes_;
  C* arena_;
  std::vector<ChainLink> links_;
  const C* registers_[kMaxTileRegisters];
  static constexpr int64_t kLine = 64, kLines = kBlock * sizeof(C) / kLine;
  const char* ahead_[2 * kMaxTileRegisters];
};

}  // namespace flambeau::cpu
