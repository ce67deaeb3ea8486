// The elementwise evaluator with reductions. A program runs over a tile of whole rows at a time, in stages: what a
// stage reduces along the row, the next ones go on with, while the row is still in the cache. Work is split by shape
// alone, and sums are made up in the order of reduce.cpp, so that a result depends neither on the number of threads nor
// on whether what is reduced has been written to memory in between.
#include <hwy/cache_control.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/tile_program.gen.h"
#include "flambeau/parallel.h"
#include "iterate.h"
#include "micro_ops.h"
#include "reduce_rows.h"

namespace flambeau::cpu {
namespace {

// KIND in packages/core/src/compile/program.ts.
enum class InstructionKind : int {
  element,        // a micro-op on elements
  row,            // a micro-op on values of which a row has one
  expand,         // such a value, for each element of its row
  reduce_row,     // elements to one value a row
  reduce_column,  // elements to one value a column, a result only
  reduce_all,     // elements to one value, a result only
};

inline constexpr int kMaxRegisters = 128;
// The variance of a row and its root, after ReduceOp: of elements, with their mean, and what is taken from the number
// of them.
inline constexpr int64_t kVariance = static_cast<int64_t>(ReduceOp::count), kDeviation = kVariance + 1;

// A strided operand by the row-major positions of its elements.
template <typename C>
class Operand {
 public:
  explicit Operand(const TensorView& view) : data_(static_cast<char*>(view.data)), dtype_(view.dtype) {
    TensorView lead = view;
    int64_t stride = 1;
    for (int d = lead.ndim - 1; d >= 0; --d) {
      lead.strides[d] = stride;
      stride *= lead.shape[d];
    }
    const TensorView* views[] = {&lead, &view};
    loop_ = make_loop(views);
    plain_ = visit_stored_dtype(dtype_, []<typename T>() { return std::is_same_v<T, C>; });
  }
  // Whether it is an array of the compute type.
  bool flat() const { return plain_ && loop_.ndim <= 1 && (loop_.ndim == 0 || loop_.inner_stride(1) == 1); }
  bool repeats_one() const { return loop_.ndim == 0 || (loop_.ndim == 1 && loop_.inner_stride(1) == 0); }
  C* array(int64_t at) const { return reinterpret_cast<C*>(data_) + at; }

  // The n elements from `at` on, in place where they are neighbours, otherwise in `block`.
  const C* read(C* block, int64_t at, int64_t n) const {
    const int64_t inner = loop_.inner(), stride = loop_.inner_stride(1);
    if (loop_.ndim <= 1) return read_run(block, at * stride, n);
    RowCursor cursor(loop_, at / inner);
    int64_t col = at % inner;
    if (col + n <= inner) return read_run(block, cursor.offsets[1] + col * stride, n);
    for (int64_t done = 0; done < n; col = 0, cursor.next()) {
      const int64_t count = std::min(inner - col, n - done);
      load(block + done, cursor.offsets[1] + col * stride, count);
      done += count;
    }
    return block;
  }
  void write(const C* block, int64_t at, int64_t n) const {
    const int64_t inner = loop_.inner(), stride = loop_.inner_stride(1);
    RowCursor cursor(loop_, at / inner);
    int64_t col = at % inner;
    for (int64_t done = 0; done < n; col = 0, cursor.next()) {
      const int64_t count = std::min(inner - col, n - done);
      visit_stored_dtype(dtype_, [&]<typename T>() {
        store_block(reinterpret_cast<T*>(data_) + cursor.offsets[1] + col * stride, stride, block + done, count);
      });
      done += count;
    }
  }

 private:
  const C* read_run(C* block, int64_t offset, int64_t n) const {
    if (plain_ && (loop_.inner_stride(1) == 1 || n == 1)) return reinterpret_cast<const C*>(data_) + offset;
    load(block, offset, n);
    return block;
  }
  void load(C* block, int64_t offset, int64_t n) const {
    visit_stored_dtype(dtype_, [&]<typename T>() {
      load_block(block, reinterpret_cast<const T*>(data_) + offset, loop_.inner_stride(1), n);
    });
  }

  char* data_;
  DType dtype_;
  bool plain_;
  StridedLoop loop_;
};

struct Instruction {
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
struct Place {
  int64_t offset = -1;  // in the arena
  bool wide = false;    // as long as the row, since a later stage reads it
  int out = -1;         // it is written straight into this result
};

// What a stage does, in this order; indices are registers.
struct Stage {
  std::vector<int> prelude;  // row and expand
  std::vector<int> loads, kept, code;
  std::vector<int> stores;  // results by number
  std::vector<int> ends;    // reductions along the row, of which the next stage has the values
  bool has_blocks() const { return !code.empty() || !stores.empty(); }
};

template <typename C>
class TileProgram {
 public:
  explicit TileProgram(TileProgramArgs& args)
      : rows_(args.rows), row_(args.row), constants_(args.constants), results_(args.results) {
    for (const TensorView& t : static_cast<std::span<const TensorView>>(args.outs)) outs_.emplace_back(t);
    for (const TensorView& t : static_cast<std::span<const TensorView>>(args.ins)) ins_.emplace_back(t);
    for (const TensorView& t : static_cast<std::span<const TensorView>>(args.row_ins)) row_ins_.emplace_back(t);
    first_row_in_ = static_cast<int>(ins_.size());
    first_constant_ = first_row_in_ + static_cast<int>(row_ins_.size());
    first_instruction_ = first_constant_ + static_cast<int>(constants_.size());
    // As many rows as RowAdder in reduce.cpp folds.
    tile_rows_ = row_ < kBlock / 4 ? std::min(rows_, kBlock / std::max<int64_t>(1, row_)) : 1;
  }

  Status prepare(const TileProgramArgs& args) {
    const size_t n_code = args.code.size() / 5;
    registers_ = first_instruction_ + static_cast<int>(n_code);
    if (registers_ > kMaxRegisters) return {StatusCode::engine_error, 0, 1};
    for (size_t k = 0; k < n_code; ++k) {
      Instruction i;
      const int64_t* words = &args.code[5 * k];
      i.kind = static_cast<InstructionKind>(words[0]);
      for (int j = 0; j < 3; ++j) i.operands[j] = static_cast<int>(words[2 + j]);
      if (i.kind == InstructionKind::element || i.kind == InstructionKind::row) {
        i.function = micro_function(static_cast<MicroOp>(words[1]), args.compute);
        if (!i.function)
          return {StatusCode::unsupported_dtype, static_cast<int>(words[1]), static_cast<int>(args.compute)};
        i.arity = kMicroArity[words[1]];
      } else if (i.kind != InstructionKind::expand) {
        const bool variance = words[1] == kVariance || words[1] == kDeviation;
        if (!variance && (words[1] < 0 || words[1] >= static_cast<int64_t>(ReduceOp::norm_p)))
          return {StatusCode::engine_error, 0, 2};
        if (variance) {
          i.arity = 2;
          i.mean = instruction(i.operands[1]).reduction;
          i.correction = constants_[i.operands[2] - first_constant_].template to<double>();
          i.root = words[1] == kDeviation;
        } else {
          i.op = static_cast<ReduceOp>(words[1]);
        }
        i.reduce = reduce_functions(variance ? ReduceKind::variation : kReduceKinds[words[1]], args.compute);
        if (!i.reduce.block || i.reduce.accumulator != Accumulator::real)
          return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.compute)};
        i.reduction = (i.kind == InstructionKind::reduce_row      ? row_reductions_
                       : i.kind == InstructionKind::reduce_column ? column_reductions_
                                                                  : all_reductions_)++;
      }
      code_.push_back(i);
    }
    find_stages();
    place();
    return {};
  }

  void run() const {
    if (rows_ == 1 && stages_.size() == 1 && all_reductions_ == 0) {
      const auto body = [&](int64_t b, int64_t e) { Worker(*this).part(0, b, e, nullptr); };
      return parallel_for(row_, kGrain / static_cast<int64_t>(code_.size() + 1), body, kBlock);
    }
    if (column_reductions_ + all_reductions_ > 0) return run_across();
    const bool one_stage = stages_.size() == 2 && !stages_[1].has_blocks();
    const int64_t chunks = one_stage && rows_ < kManyOutputs ? row_ / kChunk : 1;
    if (chunks > 1) return run_split(chunks);
    const int64_t work = row_ * static_cast<int64_t>(code_.size() + 1);
    parallel_for(
        rows_, std::max<int64_t>(1, kGrain / work), [&](int64_t b, int64_t e) { Worker(*this).rows(b, e); },
        tile_rows_);
  }

 private:
  bool is_instruction(int r) const { return r >= first_instruction_; }
  const Instruction& instruction(int r) const { return code_[r - first_instruction_]; }
  bool is(int r, InstructionKind kind) const { return is_instruction(r) && instruction(r).kind == kind; }
  bool is_element(int r) const { return r < first_row_in_ || is(r, InstructionKind::element); }
  // The stage from which on a register has its value.
  int available(int r) const {
    if (!is_instruction(r)) return 0;
    const Instruction& i = instruction(r);
    return i.stage + (i.kind == InstructionKind::reduce_row ? 1 : 0);
  }

  void find_stages() {
    int last = 0;
    for (Instruction& i : code_) {
      for (int k = 0; k < i.arity; ++k) i.stage = std::max(i.stage, available(i.operands[k]));
      last = std::max(last, i.stage + (i.kind == InstructionKind::reduce_row ? 1 : 0));
    }
    // Elements as late as they are needed, so that fewer are kept from stage to stage.
    const int none = last + 1;
    std::vector<int> needed(registers_, none);
    for (size_t v = 0; v < results_.size(); ++v)
      if (is(static_cast<int>(results_[v]), InstructionKind::element)) needed[results_[v]] = 0;
    for (int r = registers_ - 1; r >= first_instruction_; --r) {
      Instruction& i = code_[r - first_instruction_];
      if (i.kind == InstructionKind::element && needed[r] != none) i.stage = std::max(i.stage, needed[r]);
      for (int k = 0; k < i.arity; ++k) needed[i.operands[k]] = std::min(needed[i.operands[k]], i.stage);
    }
    stages_.resize(last + 1);
    for (int r = first_instruction_; r < registers_; ++r) {
      const Instruction& i = instruction(r);
      Stage& stage = stages_[i.stage];
      (i.kind == InstructionKind::row || i.kind == InstructionKind::expand ? stage.prelude : stage.code).push_back(r);
      if (i.kind == InstructionKind::reduce_row) stage.ends.push_back(r);
    }
  }

  void place() {
    places_.resize(registers_);
    const auto take = [&](int64_t n) {
      const int64_t offset = arena_;
      arena_ += (n + 15) / 16 * 16;
      return offset;
    };
    for (int r = 0; r < registers_; ++r)
      if (!is(r, InstructionKind::element)) places_[r].offset = take(kBlock);
    for (size_t v = 0; v < outs_.size(); ++v) {
      const int r = static_cast<int>(results_[v]);
      if (!is_element(r)) continue;
      const bool straight = outs_[v].flat() && is_instruction(r) && places_[r].out < 0;
      if (straight)
        places_[r].out = static_cast<int>(v);
      else
        stages_[is_instruction(r) ? instruction(r).stage : 0].stores.push_back(static_cast<int>(v));
    }
    std::vector<int> last_stage(registers_, 0);
    for (int s = 0; s < static_cast<int>(stages_.size()); ++s) {
      Stage& stage = stages_[s];
      const auto uses = [&](int r) {
        if (r < first_row_in_ && !ins_[r].repeats_one() && !contains(stage.loads, r)) stage.loads.push_back(r);
        if (is(r, InstructionKind::element) && instruction(r).stage < s && !contains(stage.kept, r))
          stage.kept.push_back(r);
        last_stage[r] = s;
      };
      for (const int r : stage.code)
        for (int k = 0; k < instruction(r).arity; ++k) uses(instruction(r).operands[k]);
      for (const int v : stage.stores) uses(static_cast<int>(results_[v]));
    }
    // Blocks of elements that only one stage reads are taken over by later instructions.
    std::vector<int64_t> spare;
    for (int s = 0; s < static_cast<int>(stages_.size()); ++s) {
      const Stage& stage = stages_[s];
      std::vector<int> last_use(registers_, -1);
      for (size_t q = 0; q < stage.code.size(); ++q) {
        const Instruction& i = instruction(stage.code[q]);
        for (int k = 0; k < i.arity; ++k) last_use[i.operands[k]] = static_cast<int>(q);
      }
      for (const int v : stage.stores) last_use[results_[v]] = static_cast<int>(stage.code.size());
      const auto passing = [&](int r) {
        return is(r, InstructionKind::element) && places_[r].out < 0 && instruction(r).stage == s && last_stage[r] <= s;
      };
      std::vector<int64_t> used;
      for (size_t q = 0; q < stage.code.size(); ++q) {
        const int r = stage.code[q];
        const Instruction& i = instruction(r);
        for (int k = 0; k < i.arity; ++k) {
          const int operand = i.operands[k];
          if (passing(operand) && last_use[operand] == static_cast<int>(q)) {
            spare.push_back(places_[operand].offset);
            last_use[operand] = -2;  // an operand may be named twice
          }
        }
        if (i.kind != InstructionKind::element || places_[r].out >= 0) continue;
        if (passing(r)) {
          if (spare.empty()) {
            places_[r].offset = take(kBlock);
          } else {
            places_[r].offset = spare.back();
            spare.pop_back();
          }
          used.push_back(places_[r].offset);
        } else {
          places_[r].wide = row_ > kBlock;
          places_[r].offset = take(std::max(row_, kBlock));
        }
      }
      spare.insert(spare.end(), used.begin(), used.end());
      std::sort(spare.begin(), spare.end());
      spare.erase(std::unique(spare.begin(), spare.end()), spare.end());
    }
  }

  static bool contains(const std::vector<int>& list, int r) {
    return std::find(list.begin(), list.end(), r) != list.end();
  }

  // One thread's registers and sums.
  class Worker {
   public:
    explicit Worker(const TileProgram& program) : p_(program) {
      const int64_t width = p_.lane_width(), sums = p_.row_reductions_ * kBlock;
      const int64_t folded = p_.column_reductions_ * width, lanes = p_.column_reductions_ * width * kMaxLaneSize;
      const int64_t bytes = p_.arena_ * static_cast<int64_t>(sizeof(C)) + (sums + folded) * 8 + lanes;
      thread_local std::unique_ptr<double[]> memory;
      thread_local int64_t size = 0;
      if (size < bytes) {
        memory.reset(new double[bytes / 8 + 8]);
        size = bytes;
      }
      sums_ = memory.get();
      folded_ = sums_ + sums;
      lanes_ = reinterpret_cast<char*>(folded_ + folded);
      arena_ = reinterpret_cast<C*>(lanes_ + lanes);
      for (int r = 0; r < p_.registers_; ++r)
        registers_[r] = p_.places_[r].offset < 0 ? arena_ : arena_ + p_.places_[r].offset;
      const int64_t most = std::min(kBlock, p_.rows_ * p_.row_);
      for (size_t k = 0; k < p_.constants_.size(); ++k)
        std::fill_n(block(p_.first_constant_ + static_cast<int>(k)), most, p_.constants_[k].template to<C>());
      for (size_t v = 0; v < p_.ins_.size(); ++v)
        if (p_.ins_[v].repeats_one())
          std::fill_n(block(static_cast<int>(v)), most, *p_.ins_[v].read(block(static_cast<int>(v)), 0, 1));
    }

    void rows(int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row += p_.tile_rows_) tile(row, std::min(p_.tile_rows_, end - row));
    }

    // A part of the first stage of one row, of which `sums` gets one number a reduction.
    void part(int64_t row, int64_t begin, int64_t end, double* sums) {
      prelude(0, row, 1, true);
      blocks(0, row, 1, begin, end);
      for (int j = 0; j < p_.row_reductions_; ++j) sums[j] = sums_[j * kBlock];
    }
    // What is left to do where sums(j, row) are the sums of the first stage.
    template <typename Sums>
    void finish_split(const Sums& sums) {
      prelude(0, 0, p_.rows_, false);
      for (int j = 0; j < p_.row_reductions_; ++j)
        for (int64_t r = 0; r < p_.rows_; ++r) sums_[j * kBlock + r] = sums(j, r);
      end(0, p_.rows_);
      prelude(1, 0, p_.rows_, false);
      store_rows(0, p_.rows_);
    }

    // Rows whose columns are summed up into `columns`, and all elements into `totals`.
    void across(int64_t begin, int64_t end, double* columns, double* totals) {
      totals_ = totals;
      const int64_t width = p_.lane_width(), used = p_.tile_rows_ * p_.row_;
      p_.each(InstructionKind::reduce_all, [&](const Instruction& i) { i.reduce.init(totals + i.reduction, 1); });
      p_.each(InstructionKind::reduce_column, [&](const Instruction& i) {
        i.reduce.init(folded_ + i.reduction * width, used);
        reset(i);
      });
      int64_t steps = 0;
      for (int64_t row = begin; row < end; row += p_.tile_rows_) {
        tile(row, std::min(p_.tile_rows_, end - row));
        if (++steps % kLaneSteps == 0) p_.each(InstructionKind::reduce_column, [&](const Instruction& i) { flush(i); });
      }
      p_.each(InstructionKind::reduce_column, [&](const Instruction& i) {
        flush(i);
        double* into = columns + i.reduction * p_.row_;
        i.reduce.init(into, p_.row_);
        for (int64_t k = 0; k < p_.tile_rows_; ++k)
          i.reduce.merge(into, folded_ + i.reduction * width + k * p_.row_, p_.row_);
      });
    }

   private:
    C* block(int r) { return arena_ + p_.places_[r].offset; }

    void tile(int64_t row, int64_t n_rows) {
      const int last = static_cast<int>(p_.stages_.size());
      for (int s = 0; s < last; ++s) {
        prelude(s, row, n_rows, true);
        blocks(s, row, n_rows, 0, p_.row_);
        end(s, n_rows);
      }
      store_rows(row, n_rows);
    }

    void prelude(int s, int64_t row, int64_t n_rows, bool expands) {
      if (s == 0)
        for (size_t v = 0; v < p_.row_ins_.size(); ++v) {
          const int r = p_.first_row_in_ + static_cast<int>(v);
          registers_[r] = p_.row_ins_[v].read(block(r), row, n_rows);
        }
      for (const int r : p_.stages_[s].prelude) {
        const Instruction& i = p_.instruction(r);
        if (i.kind == InstructionKind::row) {
          apply(i, block(r), n_rows);
        } else if (expands) {
          const C* values = registers_[i.operands[0]];
          const int64_t n = n_rows > 1 ? p_.row_ : std::min(p_.row_, kBlock);
          for (int64_t k = 0; k < n_rows; ++k) std::fill_n(block(r) + k * p_.row_, n, values[k]);
        }
      }
    }

    void apply(const Instruction& i, C* result, int64_t n) {
      i.function(result, registers_[i.operands[0]], registers_[i.operands[i.arity > 1 ? 1 : 0]],
                 registers_[i.operands[i.arity > 2 ? 2 : 0]], n);
    }

    // The elements of a stage: those of several whole rows in one block, or one row's from `begin` to `end`.
    void blocks(int s, int64_t row, int64_t n_rows, int64_t begin, int64_t end) {
      const Stage& stage = p_.stages_[s];
      for (const int r : stage.ends) {
        const Instruction& i = p_.instruction(r);
        i.reduce.init(sums_ + i.reduction * kBlock, n_rows);
      }
      if (!stage.has_blocks()) return;
      const auto n_code = static_cast<int64_t>(stage.code.size());
      const int64_t total = n_rows > 1 ? n_rows * p_.row_ : end - begin;
      for (int64_t done = 0; done < total; done += kBlock) {
        const int64_t n = std::min(kBlock, total - done), col = begin + done, at = row * p_.row_ + col;
        for (const int v : stage.loads) registers_[v] = p_.ins_[v].read(block(v), at, n);
        for (const int r : stage.kept) registers_[r] = position(r, at, col);
        const int64_t n_ahead = s == 0 ? ahead(stage, at + n) : 0;
        int64_t step = 0;
        for (const int r : stage.code) {
          // What the next block reads and writes comes while this one is computed.
          const int64_t from = n_ahead * step / n_code, to = n_ahead * (step + 1) / n_code;
          for (int64_t k = from; k < to; ++k) hwy::Prefetch(ahead_[k / kLines] + k % kLines * kLine);
          ++step;
          const Instruction& i = p_.instruction(r);
          const C* x = registers_[i.operands[0]];
          switch (i.kind) {
            case InstructionKind::element: {
              C* result = position(r, at, col);
              apply(i, result, n);
              registers_[r] = result;
              break;
            }
            case InstructionKind::reduce_row: {
              const int64_t count = n_rows > 1 ? p_.row_ : n;
              for (int64_t k = 0; k < n_rows; ++k) {
                const double mean = i.mean < 0 ? 0 : sums_[i.mean * kBlock + k] / static_cast<double>(p_.row_);
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
        for (const int v : stage.stores) p_.outs_[v].write(registers_[p_.results_[v]], at, n);
      }
    }

    // Notes where a whole block at `at` will be read and written in place; gives the number of cache lines.
    int64_t ahead(const Stage& stage, int64_t at) {
      if (at + kBlock > p_.rows_ * p_.row_) return 0;
      int64_t count = 0;
      for (const int v : stage.loads)
        if (p_.ins_[v].flat()) ahead_[count++] = reinterpret_cast<const char*>(p_.ins_[v].array(at));
      for (const int r : stage.code) {
        const int out = p_.places_[r].out;
        if (out >= 0) ahead_[count++] = reinterpret_cast<const char*>(p_.outs_[out].array(at));
      }
      return count * kLines;
    }

    void end(int s, int64_t n_rows) {
      for (const int r : p_.stages_[s].ends) {
        const Instruction& i = p_.instruction(r);
        const double* sums = sums_ + i.reduction * kBlock;
        const auto count = static_cast<double>(p_.row_);
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
      for (size_t v = 0; v < p_.outs_.size(); ++v) {
        const int r = static_cast<int>(p_.results_[v]);
        if (p_.is_row_value(r)) p_.outs_[v].write(registers_[r], row, n_rows);
      }
    }

    C* position(int r, int64_t at, int64_t col) {
      const Place& place = p_.places_[r];
      return place.out >= 0 ? p_.outs_[place.out].array(at) : arena_ + place.offset + (place.wide ? col : 0);
    }
    // A strip of kBlock columns has its lanes together.
    char* lanes(const Instruction& i, int64_t col) {
      return lanes_ + (i.reduction * p_.lane_width() + col) * kMaxLaneSize;
    }
    template <typename Body>
    void strips(const Body& body) {
      const int64_t used = p_.tile_rows_ * p_.row_;
      for (int64_t col = 0; col < used; col += kBlock) body(col, std::min(kBlock, used - col));
    }
    void reset(const Instruction& i) {
      strips([&](int64_t col, int64_t n) { i.reduce.reset(lanes(i, col), n); });
    }
    void flush(const Instruction& i) {
      strips([&](int64_t col, int64_t n) {
        i.reduce.flush(folded_ + i.reduction * p_.lane_width() + col, lanes(i, col), n);
      });
      reset(i);
    }

    const TileProgram& p_;
    double *sums_, *folded_, *totals_ = nullptr;
    char* lanes_;
    C* arena_;
    const C* registers_[kMaxRegisters];
    static constexpr int64_t kLine = 64, kLines = kBlock * sizeof(C) / kLine;
    const char* ahead_[2 * kMaxRegisters];
  };

  bool is_row_value(int r) const {
    return (r >= first_row_in_ && r < first_constant_) || is(r, InstructionKind::row) ||
           is(r, InstructionKind::reduce_row);
  }
  int64_t lane_width() const { return (tile_rows_ * row_ + kBlock - 1) / kBlock * kBlock; }
  template <typename Body>
  void each(InstructionKind kind, const Body& body) const {
    for (const Instruction& i : code_)
      if (i.kind == kind) body(i);
  }

  // A few long rows, all of which is reduced in one stage: parts of rows, joined in their order.
  void run_split(int64_t chunks) const {
    const int64_t step = (row_ + chunks - 1) / chunks;
    std::vector<double> parts(rows_ * chunks * row_reductions_);
    parallel_for(rows_ * chunks, 1, [&](int64_t b, int64_t e) {
      Worker worker(*this);
      for (int64_t t = b; t < e; ++t) {
        const int64_t begin = std::min(row_, t % chunks * step);
        worker.part(t / chunks, begin, std::min(row_, begin + step), &parts[t * row_reductions_]);
      }
    });
    std::vector<const Instruction*> reductions;
    each(InstructionKind::reduce_row, [&](const Instruction& i) { reductions.push_back(&i); });
    Worker(*this).finish_split([&](int j, int64_t row) {
      double sum;
      reductions[j]->reduce.init(&sum, 1);
      for (int64_t k = 0; k < chunks; ++k)
        reductions[j]->reduce.merge(&sum, &parts[(row * chunks + k) * row_reductions_ + j], 1);
      return sum;
    });
  }

  // Sums across rows: chunks of rows, joined in their order.
  void run_across() const {
    const int64_t strips = (row_ + kBlock - 1) / kBlock, width = std::min(row_, kBlock);
    const int64_t chunks = strips < kManyOutputs ? std::max<int64_t>(1, rows_ * width / (4 * kChunk)) : 1;
    const int64_t step = (rows_ + chunks - 1) / chunks, size = column_reductions_ * row_;
    std::vector<double> columns(chunks * size), totals(chunks * all_reductions_);
    parallel_for(chunks, 1, [&](int64_t b, int64_t e) {
      Worker worker(*this);
      for (int64_t t = b; t < e; ++t) {
        const int64_t begin = std::min(rows_, t * step);
        worker.across(begin, std::min(rows_, begin + step), columns.data() + t * size,
                      totals.data() + t * all_reductions_);
      }
    });
    for (size_t v = 0; v < outs_.size(); ++v) {
      const int r = static_cast<int>(results_[v]);
      if (is(r, InstructionKind::reduce_column)) {
        const Instruction& i = instruction(r);
        write_joined(outs_[v], i, columns.data() + i.reduction * row_, size, chunks, row_, rows_);
      } else if (is(r, InstructionKind::reduce_all)) {
        const Instruction& i = instruction(r);
        write_joined(outs_[v], i, totals.data() + i.reduction, all_reductions_, chunks, 1, rows_ * row_);
      }
    }
  }
  static void write_joined(const Operand<C>& out, const Instruction& i, const double* parts, int64_t distance,
                           int64_t chunks, int64_t n, int64_t count) {
    std::vector<double> sums(n);
    std::vector<C> values(n);
    i.reduce.init(sums.data(), n);
    for (int64_t t = 0; t < chunks; ++t) i.reduce.merge(sums.data(), parts + t * distance, n);
    for (int64_t k = 0; k < n; ++k) values[k] = convert<C>(finish_real(i.op, sums[k], static_cast<double>(count)));
    out.write(values.data(), 0, n);
  }

  int64_t rows_, row_, tile_rows_;
  const ScalarList& constants_;
  const IntList& results_;
  std::vector<Operand<C>> outs_, ins_, row_ins_;
  int first_row_in_, first_constant_, first_instruction_, registers_ = 0;
  std::vector<Instruction> code_;
  std::vector<Stage> stages_;
  std::vector<Place> places_;
  int64_t arena_ = 0;
  int row_reductions_ = 0, column_reductions_ = 0, all_reductions_ = 0;
};

template <typename C>
Status run_program(TileProgramArgs& args) {
  TileProgram<C> program(args);
  const Status status = program.prepare(args);
  if (status.ok() && args.rows * args.row > 0) program.run();
  return status;
}

}  // namespace

Status tile_program(TileProgramArgs& args) {
  switch (args.compute) {
    case DType::f32:
      return run_program<float>(args);
    case DType::f64:
      return run_program<double>(args);
    default:
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.compute)};
  }
}

}  // namespace flambeau::cpu
