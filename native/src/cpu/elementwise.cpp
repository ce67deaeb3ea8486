// The elementwise evaluator: runs a short program over broadcast operands, a block at a time, so that intermediate
// values stay in the L1 cache and one pass over memory serves a whole chain of operators.
#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <bit>

#include "blocks.h"
#include "flambeau/kernels/elementwise.gen.h"
#include "flambeau/parallel.h"
#include "half_arithmetic.h"
#include "iterate.h"
#include "micro_ops.h"
#include "stream.h"
#include "transpose.h"

namespace flambeau::cpu {
namespace {

inline constexpr int kMaxRegisters = 64;
inline constexpr int64_t kShortRow = 256;  // shorter rows are gathered, several to a block
// Elements of a block whose result goes past the caches: so few that what one block waits for is loaded during another.
inline constexpr int64_t kStreamBlock = 512;
// Where an operand lies across the results, its rows are the loop's columns: it is transposed in tiles.
inline constexpr int64_t kTileRows = 64, kTileBytes = 32 << 10, kShortTiledRow = 64;

struct Instruction {
  MicroFunction function;
  int a, b, c;
};

template <typename C>
struct Program {
  std::span<const TensorView> outs, ins;
  SmallVector<Instruction, 8> code;
  const IntList& results;
  const ScalarList& constants;
  StridedLoop loop;
  int first_instruction;  // registers: ins, constants, instructions
  bool streams = false;   // the results are large, and no operand lies where they do
  bool repeats = false;   // the only instruction takes constants and repeated elements as one number
  uint32_t across = 0;    // inputs that are transposed in tiles, by number

  static constexpr int64_t kTileElements = kTileBytes / sizeof(C);

  // Whether the neighbours of an input's elements lie in dimension d rather than in the innermost one. A few neighbours
  // are as well loaded one by one.
  bool lies_across(int v, int d) const {
    const int operand = static_cast<int>(outs.size()) + v;
    const int64_t along = std::abs(loop.strides[0][operand]), step = std::abs(loop.strides[d][operand]);
    return step > 0 && step < along && along * static_cast<int64_t>(size_of(ins[v].dtype)) >= 16;
  }
  // Finds the inputs that lie across, and makes dimension 1 the one along which they lie.
  void find_across() {
    const int n_out = static_cast<int>(outs.size()), n_in = static_cast<int>(ins.size());
    for (int v = 0; v < n_in && across == 0; ++v) {
      int best = 0;
      for (int d = 1; d < loop.ndim; ++d)
        if (lies_across(v, d) &&
            (best == 0 || std::abs(loop.strides[d][n_out + v]) < std::abs(loop.strides[best][n_out + v])))
          best = d;
      if (best == 0) continue;
      for (int d = best; d > 1; --d) {
        std::swap(loop.shape[d], loop.shape[d - 1]);
        std::swap(loop.strides[d], loop.strides[d - 1]);
      }
      for (int u = v; u < n_in; ++u)
        if (lies_across(u, 1)) across |= uint32_t{1} << u;
    }
  }
  bool is_across(int v) const { return across >> v & 1; }

  // A register whose value can be read in place, without a copy into a block.
  bool direct(const TensorView& t, int operand) const {
    const int64_t stride = loop.inner_stride(operand);
    return (stride == 1 || (repeats && stride == 0)) &&
           visit_stored_dtype(t.dtype, []<typename T>() { return std::is_same_v<T, C>; });
  }

  // Whether the results go past the caches. A line that an operand has brought there may as well be written there.
  bool to_stream() const {
    if (loop.inner() < kStreamBlock) return false;
    for (size_t v = 0; v < outs.size(); ++v) {
      const int64_t nbytes = loop.numel() * int64_t{sizeof(C)};
      if (!direct(outs[v], static_cast<int>(v)) || !cpu::streams(outs[v].data, nbytes, kStreamComputedBytes))
        return false;
      for (const TensorView& in : ins)
        if (in.data == outs[v].data) return false;
    }
    // Each tile should write whole lines.
    if (across != 0 && loop.inner() * int64_t{sizeof(C)} % 64 != 0) return false;
    return true;
  }

  void run(int64_t row_begin, int64_t row_end, int64_t col_begin, int64_t col_end) const {
    const int n_out = static_cast<int>(outs.size()), n_in = static_cast<int>(ins.size());
    const int n_registers = first_instruction + static_cast<int>(code.size());
    const int64_t inner = loop.inner();
    const bool tiled = across != 0;
    const bool gather = inner < (tiled ? kShortTiledRow : kShortRow) && row_end - row_begin > 1;
    const int64_t total = gather ? (row_end - row_begin) * inner : col_end - col_begin;
    const int64_t room = streams ? kStreamBlock : kBlock;
    const int64_t tile_rows = tiled ? std::min({kTileRows, kTileElements / kShortTiledRow, loop.shape[1]}) : 1;
    const int64_t tile_cols = std::min(room, kTileElements / tile_rows / kShortTiledRow * kShortTiledRow);

    thread_local hwy::AlignedFreeUniquePtr<C[]> arena;  // whole lines: a vector across two of them takes twice as long
    thread_local int64_t arena_size = 0;
    const int64_t tiles = n_registers * kBlock;  // behind the registers
    const int64_t arena_needed = tiles + (tiled && !gather ? std::popcount(across) * kTileElements : 0);
    if (arena_size < arena_needed) {
      arena_size = arena_needed;
      arena = hwy::AllocateAligned<C>(static_cast<size_t>(arena_size));
    }
    const C* registers[kMaxRegisters];  // unused operands of an instruction name register 0
    C* blocks[kMaxRegisters];
    for (int r = 0; r < n_registers; ++r) registers[r] = blocks[r] = arena.get() + r * room;
    bool in_place[kMaxOperands], loaded[kMaxOperands];
    bool one_pass = code.size() == 1 && (repeats || constants.size() == 0);  // nothing goes through a block
    for (int v = 0; v < n_in; ++v) {
      in_place[v] = !gather && direct(ins[v], n_out + v);
      loaded[v] = false;
      one_pass = one_pass && in_place[v];
    }
    // A result goes straight into its output, unless a later instruction reads an input, which may be that output.
    int last_read = 0;
    for (size_t k = 0; k < code.size(); ++k)
      if (code[k].a < n_in || code[k].b < n_in || code[k].c < n_in) last_read = first_instruction + static_cast<int>(k);
    int straight[kMaxRegisters];
    for (int r = 0; r < n_registers; ++r) straight[r] = -1;
    for (int v = 0; v < n_out; ++v) {
      const int r = static_cast<int>(results[v]);
      if (!gather && !streams && r >= first_instruction && r >= last_read && direct(outs[v], v) && straight[r] < 0)
        straight[r] = v;
      one_pass = one_pass && straight[r] == v;
    }
    const int64_t block = one_pass ? col_end - col_begin
                          : gather ? std::min(room, total)
                                   : std::min(tiled ? tile_cols : room, col_end - col_begin);
    for (size_t k = 0; k < constants.size(); ++k)
      std::fill_n(blocks[n_in + k], repeats ? 1 : block, constants[k].to<C>());

    RowCursor cursor(loop, row_begin);
    const auto evaluate = [&](int64_t n) {
      for (size_t k = 0; k < code.size(); ++k) {
        const int r = first_instruction + static_cast<int>(k);
        code[k].function(const_cast<C*>(registers[r]), registers[code[k].a], registers[code[k].b], registers[code[k].c],
                         n);
      }
    };

    if (gather) {
      int64_t row = row_begin;
      for (int64_t done = 0; done < total;) {
        // A block of whole rows, or a part of a row when it began inside one.
        const int64_t rows = std::max<int64_t>(1, std::min(kBlock / inner, (total - done) / inner));
        RowCursor at = cursor;
        each_run(row, rows, cursor, [&](int64_t r, int64_t n) {
          for (int v = 0; v < n_in; ++v) {
            if (is_across(v))
              load_across(v, cursor.offsets[n_out + v], blocks[v] + r * inner, n, inner);
            else
              each_row(n_out + v, n, [&](int64_t k, int64_t count) {
                const int64_t offset = cursor.offsets[n_out + v] + k * loop.strides[1][n_out + v];
                load(v, offset, blocks[v] + (r + k) * inner, count);
              });
          }
        });
        evaluate(rows * inner);
        each_run(row, rows, at, [&](int64_t r, int64_t n) {
          for (int v = 0; v < n_out; ++v)
            each_row(v, n, [&](int64_t k, int64_t count) {
              const int64_t offset = at.offsets[v] + k * loop.strides[1][v];
              store(v, offset, registers[results[v]] + (r + k) * inner, count);
            });
        });
        done += rows * inner;
        row += rows;
      }
      return;
    }

    // The loop's rows, those of a tile together. In a tile each row is a step of dimension 1 from the one before it.
    for (int64_t row = row_begin, rows; row < row_end; row += rows) {
      rows = tiled ? std::min({tile_rows, row_end - row, loop.shape[1] - row % loop.shape[1]}) : 1;
      for (int64_t col = col_begin; col < col_end; col += block) {
        const int64_t n = std::min(block, col_end - col);
        C* tile = arena.get() + tiles;
        for (int v = 0; v < n_in && tiled; ++v) {
          if (!is_across(v)) continue;
          load_across(v, cursor.offsets[n_out + v] + col * loop.inner_stride(n_out + v), tile, rows, n);
          blocks[v] = tile;
          tile += kTileElements;
        }
        for (int64_t r = 0; r < rows; ++r) {
          const auto offset = [&](int operand) {
            const int64_t offset = cursor.offsets[operand] + col * loop.inner_stride(operand);
            return tiled ? offset + r * loop.strides[1][operand] : offset;
          };
          for (int v = 0; v < n_in; ++v) {
            const bool repeated = loop.inner_stride(n_out + v) == 0;
            if (is_across(v)) {
              registers[v] = blocks[v] + r * n;
            } else if (in_place[v]) {
              registers[v] = static_cast<const C*>(ins[v].data) + offset(n_out + v);
            } else if (!repeated || !loaded[v]) {
              load(v, offset(n_out + v), blocks[v], n);
              loaded[v] = repeated && n == block && !tiled;
            }
          }
          for (int k = first_instruction; k < n_registers; ++k)
            if (straight[k] >= 0) registers[k] = static_cast<C*>(outs[straight[k]].data) + offset(straight[k]);
          evaluate(n);
          for (int v = 0; v < n_out; ++v) {
            if (straight[results[v]] == v) continue;
            if (streams)
              stream_copy(static_cast<C*>(outs[v].data) + offset(v), registers[results[v]], n * int64_t{sizeof(C)});
            else
              store(v, offset(v), registers[results[v]], n);
          }
        }
      }
      for (int64_t r = 0; r < rows; ++r) cursor.next();
      for (int v = 0; v < n_in; ++v) loaded[v] = false;
    }
    if (streams) stream_done();
  }

 private:
  // Calls body(r, n) for the rows of a block that follow one another along dimension 1: the r-th and so many from it
  // on.
  template <typename Body>
  void each_run(int64_t row, int64_t rows, RowCursor& cursor, const Body& body) const {
    for (int64_t r = 0, n; r < rows; r += n) {
      n = std::min(rows - r, loop.shape[1] - (row + r) % loop.shape[1]);
      body(r, n);
      for (int64_t k = 0; k < n; ++k) cursor.next();
    }
  }
  // Calls body(k, count) for each of n such rows of an operand, or once for all where they are one row.
  template <typename Body>
  void each_row(int operand, int64_t n, const Body& body) const {
    const int64_t inner = loop.inner();
    if (loop.strides[1][operand] == inner * loop.inner_stride(operand)) return body(0, n * inner);
    for (int64_t k = 0; k < n; ++k) body(k, inner);
  }
  void load(int v, int64_t offset, C* dst, int64_t n) const {
    const int64_t stride = loop.inner_stride(static_cast<int>(outs.size()) + v);
    visit_stored_dtype(ins[v].dtype,
                       [&]<typename T>() { load_block(dst, static_cast<const T*>(ins[v].data) + offset, stride, n); });
  }
  // So many rows of the loop, one after another in `dst`.
  void load_across(int v, int64_t offset, C* dst, int64_t rows, int64_t cols) const {
    const int operand = static_cast<int>(outs.size()) + v;
    visit_stored_dtype(ins[v].dtype, [&]<typename T>() {
      const auto transpose = [&](T* to) {
        transpose_block(to, cols, static_cast<const T*>(ins[v].data) + offset, loop.strides[0][operand],
                        loop.strides[1][operand], rows, cols, sizeof(T));
      };
      if constexpr (std::is_same_v<T, C>) {
        transpose(dst);
      } else {
        alignas(64) T tile[kTileElements];
        transpose(tile);
        load_block(dst, tile, 1, rows * cols);
      }
    });
  }
  void store(int v, int64_t offset, const C* src, int64_t n) const {
    const int64_t stride = loop.inner_stride(v);
    visit_stored_dtype(outs[v].dtype,
                       [&]<typename T>() { store_block(static_cast<T*>(outs[v].data) + offset, stride, src, n); });
  }
};

// One instruction over contiguous operands of the compute type that fit a block: the usual small operator, on which
// the general way would spend most of the time deciding.
template <typename C>
bool run_small(const ElementwiseArgs& args) {
  if (args.code.size() != 4 || args.outs.size() != 1 || args.ins.size() + args.constants.size() > 3) return false;
  const TensorView& out = args.outs[0];
  const int64_t n = out.numel();
  const auto plain = [](const TensorView& t) {
    return t.contiguous() && visit_stored_dtype(t.dtype, []<typename T>() { return std::is_same_v<T, C>; });
  };
  constexpr int64_t kMost = 512;
  if (n > kMost || !plain(out)) return false;
  for (const TensorView& t : static_cast<std::span<const TensorView>>(args.ins))
    if (!plain(t)) return false;
  const MicroFunction function = micro_function(static_cast<MicroOp>(args.code[0]), args.compute);
  if (!function) return false;
  const void* registers[4] = {};
  alignas(64) std::byte constants[kMost * 2 * sizeof(C)];  // left uninitialised
  size_t r = 0;
  for (const TensorView& t : static_cast<std::span<const TensorView>>(args.ins)) registers[r++] = t.data;
  if (args.constants.size() > 2) return false;
  for (size_t k = 0; k < args.constants.size(); ++k) {
    C* block = reinterpret_cast<C*>(constants) + k * kMost;
    std::uninitialized_fill_n(block, n, args.constants[k].template to<C>());
    registers[r++] = block;
  }
  function(out.data, registers[args.code[1]], registers[args.code[2]], registers[args.code[3]], n);
  return true;
}

// One sum, difference, product or quotient of half types along contiguous rows: without blocks of floats in between.
bool run_halves(const ElementwiseArgs& args) {
  if (args.code.size() != 4 || args.outs.size() != 1 || args.ins.size() != 2 || args.constants.size() != 0)
    return false;
  const TensorView &out = args.outs[0], &a = args.ins[args.code[1]], &b = args.ins[args.code[2]];
  if ((out.dtype != DType::f16 && out.dtype != DType::bf16) || a.dtype != out.dtype || b.dtype != out.dtype)
    return false;
  HalfOp op;
  switch (static_cast<MicroOp>(args.code[0])) {
    case MicroOp::add_:
      op = HalfOp::add;
      break;
    case MicroOp::sub_:
      op = HalfOp::sub;
      break;
    case MicroOp::mul_:
      op = HalfOp::mul;
      break;
    case MicroOp::div_:
      op = HalfOp::div;
      break;
    default:
      return false;
  }
  const TensorView* views[] = {&out, &a, &b};
  const StridedLoop loop = make_loop(views);
  const int64_t inner = loop.inner(), rows = loop.rows();
  for (int v = 0; v < 3; ++v)
    if (loop.inner_stride(v) != 1) return false;
  if (inner < kShortRow && rows > 1) return false;
  const auto run = [&]<typename T>() {
    const auto row = [&](const RowCursor& at, int64_t begin, int64_t end) {
      half_arithmetic(op, out.as<T>() + at.offsets[0] + begin, a.as<T>() + at.offsets[1] + begin,
                      b.as<T>() + at.offsets[2] + begin, end - begin);
    };
    if (rows == 1)
      parallel_for(
          inner, kGrain / 2, [&](int64_t begin, int64_t end) { row(RowCursor(loop, 0), begin, end); }, kBlock);
    else
      parallel_for(rows, std::max<int64_t>(1, kGrain / 2 / std::max<int64_t>(1, inner)),
                   [&](int64_t begin, int64_t end) {
                     RowCursor cursor(loop, begin);
                     for (int64_t r = begin; r < end; ++r, cursor.next()) row(cursor, 0, inner);
                   });
  };
  if (out.dtype == DType::f16)
    run.template operator()<float16>();
  else
    run.template operator()<bfloat16>();
  return true;
}

// The position of the first zero in a tensor, in row-major order; -1 where there is none.
int64_t find_zero(const TensorView& t) {
  const int64_t n = t.numel();
  int64_t index[kMaxDims] = {}, offset = 0;
  return visit_dtype(t.dtype, [&]<typename T>() -> int64_t {
    const T* data = t.as<T>();
    for (int64_t i = 0; i < n; ++i) {
      if (data[offset] == T(0)) return i;
      for (int d = t.ndim - 1; d >= 0; --d) {
        offset += t.strides[d];
        if (++index[d] < t.shape[d]) break;
        offset -= t.strides[d] * t.shape[d];
        index[d] = 0;
      }
    }
    return -1;
  });
}

// Integers cannot be divided by zero: divisors that the program is given are looked through before anything is written.
Status check_divisors(const ElementwiseArgs& args) {
  const std::span<const TensorView> ins = args.ins;
  for (size_t k = 0; k + 3 < args.code.size(); k += 4) {
    const MicroOp op = static_cast<MicroOp>(args.code[k]);
    if (op != MicroOp::trunc_divide_ && op != MicroOp::floor_divide_ && op != MicroOp::fmod_ &&
        op != MicroOp::remainder_)
      continue;
    const size_t divisor = static_cast<size_t>(args.code[k + 2]);
    if (divisor < ins.size()) {
      TensorView t = ins[divisor];
      bool empty = false;
      for (int d = 0; d < t.ndim; ++d) {
        empty = empty || t.shape[d] == 0;
        if (t.strides[d] == 0) t.shape[d] = 1;  // repeated elements are looked at once
      }
      const int64_t at = empty ? -1 : find_zero(t);
      if (at >= 0) return {StatusCode::invalid_value, at};
    } else if (divisor < ins.size() + args.constants.size() &&
               args.constants[divisor - ins.size()].to<int64_t>() == 0) {
      return {StatusCode::invalid_value, 0};
    }
  }
  return {};
}

template <typename C>
Status run_program(ElementwiseArgs& args) {
  if constexpr (std::is_integral_v<C>) {
    const Status status = check_divisors(args);
    if (!status.ok()) return status;
  }
  if (run_small<C>(args)) return {};
  if constexpr (std::is_same_v<C, float>)
    if (run_halves(args)) return {};
  std::span<const TensorView> outs = args.outs, ins = args.ins;
  const size_t n_code = args.code.size() / 4;
  const int first = static_cast<int>(ins.size() + args.constants.size());
  if (first + n_code > kMaxRegisters || outs.size() + ins.size() > kMaxOperands)
    return {StatusCode::engine_error, 0, 1};

  Program<C> program{outs, ins, SmallVector<Instruction, 8>(n_code), args.results, args.constants, {}, first};
  for (size_t k = 0; k < n_code; ++k) {
    const int op = static_cast<int>(args.code[4 * k]);
    const MicroFunction function = micro_function(static_cast<MicroOp>(op), args.compute);
    if (!function) return {StatusCode::unsupported_dtype, op, static_cast<int>(args.compute)};
    program.code[k] = {function, static_cast<int>(args.code[4 * k + 1]), static_cast<int>(args.code[4 * k + 2]),
                       static_cast<int>(args.code[4 * k + 3])};
  }
  const TensorView* views[kMaxOperands];
  for (size_t v = 0; v < outs.size(); ++v) views[v] = &outs[v];
  for (size_t v = 0; v < ins.size(); ++v) views[outs.size() + v] = &ins[v];
  program.loop = make_loop({views, outs.size() + ins.size()});
  program.find_across();
  program.streams = program.to_stream();

  const int64_t inner = program.loop.inner(), rows = program.loop.rows();
  if (n_code == 1 && (inner >= kShortRow || rows == 1)) {
    int repeated = 0;
    for (int k = 0; k < kMicroArity[args.code[0]]; ++k) {
      const auto r = static_cast<size_t>(args.code[k + 1]);
      const bool one = r >= ins.size() || (ins[r].dtype == args.compute &&
                                           program.loop.inner_stride(static_cast<int>(outs.size() + r)) == 0);
      if (one) repeated |= 1 << k;
    }
    const MicroFunction function =
        repeated ? repeating_micro_function(static_cast<MicroOp>(args.code[0]), args.compute, repeated) : nullptr;
    program.repeats = function != nullptr;
    if (function) program.code[0].function = function;
  }
  if (inner * rows == 0) return {};
  if (rows == 1) {
    parallel_for(
        inner, kGrain / static_cast<int64_t>(n_code + 1), [&](int64_t b, int64_t e) { program.run(0, 1, b, e); },
        kBlock);
  } else {
    const int64_t grain = std::max<int64_t>(1, kGrain / static_cast<int64_t>(n_code + 1) / inner);
    parallel_for(rows, grain, [&](int64_t b, int64_t e) { program.run(b, e, 0, inner); });
  }
  return {};
}

}  // namespace

Status elementwise(ElementwiseArgs& args) {
  switch (args.compute) {
    case DType::f32:
      return run_program<float>(args);
    case DType::f64:
      return run_program<double>(args);
    case DType::i32:
      return run_program<int32_t>(args);
    case DType::i64:
      return run_program<int64_t>(args);
    case DType::c64:
      return run_program<complex64>(args);
    case DType::c128:
      return run_program<complex128>(args);
    default:
      return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.compute)};
  }
}

}  // namespace flambeau::cpu
