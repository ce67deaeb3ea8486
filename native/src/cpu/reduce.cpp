// Reductions over any dimensions: an inner one runs along rows, an outer one adds row to row. Work is split by shape
// alone, and partial results are joined in order, so that a result does not depend on the number of threads.
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "blocks.h"
#include "flambeau/kernels/reduce.gen.h"
#include "flambeau/parallel.h"
#include "iterate.h"
#include "reduce_rows.h"

namespace flambeau::cpu {
namespace {

// Element access by offset, into a block of the compute type; a contiguous run of it is read in place.
class Source {
 public:
  explicit Source(const TensorView& t)
      : data_(static_cast<const char*>(t.data)),
        dtype_(t.dtype),
        size_(static_cast<int64_t>(size_of(t.dtype))),
        compute_size_(static_cast<int64_t>(size_of(compute_of(t.dtype)))),
        direct_(compute_of(t.dtype) == t.dtype) {}

  const void* read(void* block, int64_t offset, int64_t stride, int64_t n) const {
    if (direct_ && (stride == 1 || n == 1)) return data_ + offset * size_;
    visit_dtype(dtype_, [&]<typename T>() {
      load_block(static_cast<ComputeType<T>*>(block), reinterpret_cast<const T*>(data_) + offset, stride, n);
    });
    return block;
  }
  // A copy even where it could be read in place.
  void load(void* block, int64_t offset, int64_t stride, int64_t n) const {
    visit_dtype(dtype_, [&]<typename T>() {
      load_block(static_cast<ComputeType<T>*>(block), reinterpret_cast<const T*>(data_) + offset, stride, n);
    });
  }
  int64_t compute_size() const { return compute_size_; }
  const void* address(int64_t offset) const { return data_ + offset * size_; }
  // What reduces half types where they are.
  auto half_block(const ReduceFunctions& f) const {
    return dtype_ == DType::bf16 ? f.bf16_block : dtype_ == DType::f16 ? f.f16_block : nullptr;
  }
  // Null where elements must be converted.
  const char* direct(int64_t offset) const { return direct_ ? data_ + offset * size_ : nullptr; }

 private:
  const char* data_;
  DType dtype_;
  int64_t size_, compute_size_;
  bool direct_;
};

struct Buffer {
  explicit Buffer(int64_t bytes) : data(new double[bytes / sizeof(double) + 1]) {}
  char* at(int64_t offset) { return reinterpret_cast<char*>(data.get()) + offset; }
  std::unique_ptr<double[]> data;
};

// The loops of one reduction: over what is kept (input, output), and over what is reduced (input).
struct Geometry {
  StridedLoop kept, reduced;
  int64_t outputs = 1, count = 1;

  Geometry(const TensorView& out, const TensorView& in) {
    TensorView kept_in = in, kept_out = out, reduced_in = in;
    kept_in.ndim = kept_out.ndim = reduced_in.ndim = 0;
    for (int i = 0; i < in.ndim; ++i) {
      const bool keep = out.shape[i] == in.shape[i];
      TensorView& view = keep ? kept_in : reduced_in;
      view.shape[view.ndim] = in.shape[i];
      view.strides[view.ndim++] = in.strides[i];
      if (keep) {
        kept_out.shape[kept_out.ndim] = out.shape[i];
        kept_out.strides[kept_out.ndim++] = out.strides[i];
        outputs *= out.shape[i];
      } else {
        count *= in.shape[i];
      }
    }
    const TensorView* kept_views[] = {&kept_in, &kept_out};
    const TensorView* reduced_views[] = {&reduced_in};
    kept = make_loop(kept_views);
    reduced = make_loop(reduced_views);
  }

  // Whether rows lie along what is kept, so that they are added to one another.
  bool outer() const {
    if (kept.ndim == 0) return false;
    if (reduced.ndim == 0) return true;
    const int64_t k = std::abs(kept.strides[0][0]), r = std::abs(reduced.strides[0][0]);
    return kept.shape[0] >= 4 && k != 0 && (r == 0 || k < r);
  }
};

// Joins the elements [begin, end) of one output's reduction, whose first element is at `base`.
void reduce_range(const ReduceFunctions& f, const Source& source, const StridedLoop& loop, int64_t base, int64_t begin,
                  int64_t end, double param, void* acc, void* block) {
  const int64_t inner = loop.inner(), stride = loop.inner_stride(0);
  RowCursor cursor(loop, begin / inner);
  int64_t col = begin % inner;
  // Short rows are gathered into one block.
  if (inner < kBlock / 2 && end - begin > inner) {
    const int64_t size = source.compute_size();
    for (int64_t at = begin; at < end;) {
      int64_t filled = 0;
      while (at < end && filled + inner <= kBlock) {
        const int64_t n = std::min(inner - col, end - at);
        source.load(static_cast<char*>(block) + filled * size, base + cursor.offsets[0] + col * stride, stride, n);
        filled += n;
        at += n;
        col = 0;
        cursor.next();
      }
      f.block(acc, block, filled, param);
    }
    return;
  }
  const auto half = stride == 1 ? source.half_block(f) : nullptr;
  const bool in_place = half || (stride == 1 && source.direct(0));
  const int64_t most = f.any_length && in_place ? inner : kBlock;
  for (int64_t at = begin; at < end; cursor.next(), col = 0) {
    const int64_t row_end = std::min(inner, col + (end - at));
    for (; col < row_end; col += most) {
      const int64_t n = std::min(most, row_end - col), offset = base + cursor.offsets[0] + col * stride;
      if (half)
        half(acc, source.address(offset), n);
      else
        f.block(acc, source.read(block, offset, stride, n), n, param);
      at += n;
    }
  }
}

// Many rows that fit a block each: several a call.
void reduce_short(const ReduceFunctions& f, const Source& source, const Geometry& g, const double* params, char* acc) {
  const int64_t inner = g.kept.inner(), stride = g.kept.inner_stride(0), most = kBlock / g.count;
  parallel_for(g.outputs, std::max<int64_t>(1, kGrain / (g.count + 1)), [&](int64_t b, int64_t e) {
    Buffer block(kBlock * 16);
    for (int64_t o = b; o < e;) {
      const RowCursor cursor(g.kept, o / inner);
      const int64_t row_end = std::min(e, (o / inner + 1) * inner);
      while (o < row_end) {
        const int64_t offset = cursor.offsets[0] + o % inner * stride;
        const char* data = source.direct(offset);
        int64_t n = row_end - o, step = stride;
        if (!data) {
          n = std::min(n, most);
          if (stride == g.count)
            source.load(block.at(0), offset, 1, n * g.count);
          else
            for (int64_t r = 0; r < n; ++r)
              source.load(block.at(r * g.count * source.compute_size()), offset + r * stride, 1, g.count);
          data = block.at(0);
          step = g.count;
        }
        f.rows(acc + o * f.accumulator_size(), data, step, n, g.count, params ? params + o : nullptr);
        o += n;
      }
    }
  });
}

// `params` has one number an output, or is null; `acc` has one accumulator an output.
void reduce_inner(const ReduceFunctions& f, const Source& source, const Geometry& g, const double* params, char* acc) {
  const int64_t inner = g.kept.inner(), stride = g.kept.inner_stride(0);
  const int64_t chunks = g.outputs < kManyOutputs ? std::max<int64_t>(1, g.count / kChunk) : 1;
  if (chunks == 1 && g.count <= kBlock && g.reduced.ndim == 1 && g.reduced.inner_stride(0) == 1) {
    reduce_short(f, source, g, params, acc);
    return;
  }
  if (chunks == 1) {
    parallel_for(g.outputs, std::max<int64_t>(1, kGrain / (g.count + 1)), [&](int64_t b, int64_t e) {
      Buffer block(kBlock * 16);
      for (int64_t o = b; o < e;) {
        const RowCursor cursor(g.kept, o / inner);
        const int64_t row_end = std::min(e, (o / inner + 1) * inner);
        for (int64_t col = o % inner; o < row_end; ++o, ++col)
          reduce_range(f, source, g.reduced, cursor.offsets[0] + col * stride, 0, g.count, params ? params[o] : 0,
                       acc + o * f.accumulator_size(), block.at(0));
      }
    });
    return;
  }
  const int64_t tasks = g.outputs * chunks, size = f.accumulator_size();
  Buffer partial(tasks * size);
  const int64_t step = (g.count + chunks - 1) / chunks;
  parallel_for(tasks, 1, [&](int64_t b, int64_t e) {
    Buffer block(kBlock * 16);
    for (int64_t t = b; t < e; ++t) {
      const int64_t o = t / chunks, begin = std::min(g.count, t % chunks * step);
      const RowCursor cursor(g.kept, o / inner);
      f.init(partial.at(t * size), 1);
      reduce_range(f, source, g.reduced, cursor.offsets[0] + o % inner * stride, begin, std::min(g.count, begin + step),
                   params ? params[o] : 0, partial.at(t * size), block.at(0));
    }
  });
  for (int64_t t = 0; t < tasks; ++t) f.merge(acc + t / chunks * size, partial.at(t * size), 1);
}

// Adds rows [begin, end) of the reduced loop, `n` elements each from `base` on, into `acc`. Rows that follow one
// another in memory are taken `fold` at a time.
struct RowAdder {
  const ReduceFunctions& f;
  const Source& source;
  const StridedLoop& loop;
  Buffer block{kBlock * 16}, lanes{kBlock * kMaxLaneSize}, folded{kBlock * 16};
  std::vector<double> repeated;

  RowAdder(const ReduceFunctions& f, const Source& source, const StridedLoop& loop)
      : f(f), source(source), loop(loop) {}

  void run(int64_t base, int64_t stride, int64_t n, int64_t begin, int64_t end, const double* params, char* acc) {
    const int64_t per_row = loop.inner_stride(0);
    int64_t fold = 1;
    if (loop.ndim == 1 && per_row == n * stride && n < kBlock / 4) fold = std::min(kBlock / n, end - begin);
    const int64_t width = fold * n;
    if (params) {
      repeated.resize(width);
      for (int64_t i = 0; i < width; ++i) repeated[i] = params[i % n];
      params = repeated.data();
    }
    f.reset(lanes.at(0), width);
    bool flushed = false;
    RowCursor cursor(loop, begin / loop.inner());
    int64_t col = begin % loop.inner(), steps = 0, row = begin;
    const auto add = [&](int64_t count, bool four = false) {
      const int64_t at = base + cursor.offsets[0] + col * per_row;
      if (four)
        f.four_rows(lanes.at(0), source.direct(at), fold * per_row, count);
      else
        f.row(lanes.at(0), source.read(block.at(0), at, stride, count), params, count);
      steps += four ? 4 : 1;
      if (steps % kLaneSteps != 0) return;
      if (!std::exchange(flushed, true)) f.init(folded.at(0), width);
      f.flush(folded.at(0), lanes.at(0), width);
      f.reset(lanes.at(0), width);
    };
    const bool fours = f.four_rows && stride == 1 && source.direct(0);
    while (row + fold <= end) {
      // So that what lanes hold is read and written for four rows rather than for each.
      const bool four =
          fours && row + 4 * fold <= end && col + 4 * fold <= loop.inner() && steps % kLaneSteps <= kLaneSteps - 4;
      add(width, four);
      row += four ? 4 * fold : fold;
      col += four ? 4 * fold : fold;
      if (col == loop.inner() && fold == 1) {
        col = 0;
        cursor.next();
      }
    }
    if (row < end) add((end - row) * n);
    if (flushed) f.flush(folded.at(0), lanes.at(0), width);
    for (int64_t k = 0; k < fold; ++k) {
      if (flushed)
        f.merge(acc, folded.at(k * n * f.accumulator_size()), n);
      else
        f.flush(acc, lanes.at(k * n * f.lane_size), n);
    }
  }
};

void reduce_outer(const ReduceFunctions& f, const Source& source, const Geometry& g, const double* params, char* acc) {
  const int64_t inner = g.kept.inner(), rows = g.kept.rows(), stride = g.kept.inner_stride(0);
  const int64_t size = f.accumulator_size();
  const int64_t strips = (inner + kBlock - 1) / kBlock, width = std::min(inner, kBlock);
  const int64_t chunks = rows * strips < kManyOutputs ? std::max<int64_t>(1, g.count * width / (4 * kChunk)) : 1;
  const int64_t tasks = rows * strips * chunks, step = (g.count + chunks - 1) / chunks;
  Buffer partial(chunks > 1 ? tasks * width * size : 0);
  const auto place = [&](int64_t t) { return acc + (t / strips * inner + t % strips * kBlock) * size; };
  parallel_for(tasks, std::max<int64_t>(1, kGrain / (width * step + 1)), [&](int64_t b, int64_t e) {
    RowAdder adder(f, source, g.reduced);
    for (int64_t t = b; t < e; ++t) {
      const int64_t strip = t / chunks, row = strip / strips, col = strip % strips * kBlock;
      const int64_t n = std::min(kBlock, inner - col), begin = std::min(g.count, t % chunks * step);
      const RowCursor cursor(g.kept, row);
      char* result = chunks > 1 ? partial.at(t * width * size) : place(strip);
      f.init(result, n);
      adder.run(cursor.offsets[0] + col * stride, stride, n, begin, std::min(g.count, begin + step),
                params ? params + row * inner + col : nullptr, result);
    }
  });
  if (chunks == 1) return;
  for (int64_t t = 0; t < tasks; ++t)
    f.merge(place(t / chunks), partial.at(t * width * size), std::min(kBlock, inner - t / chunks % strips * kBlock));
}

void reduce_all(const ReduceFunctions& f, const TensorView& in, const Geometry& g, const double* params, Buffer& acc) {
  f.init(acc.at(0), g.outputs);
  if (g.count == 0) return;
  const Source source(in);
  if (g.outer())
    reduce_outer(f, source, g, params, acc.at(0));
  else
    reduce_inner(f, source, g, params, acc.at(0));
}

// Writes finish(accumulator of the o-th output) into the output, in the order of the kept loop.
template <typename Finish>
void write_outputs(const TensorView& out, const StridedLoop& kept, int64_t outputs, const Finish& finish) {
  visit_dtype(out.dtype, [&]<typename T>() {
    const int64_t inner = kept.inner(), stride = kept.inner_stride(1);
    parallel_for(outputs, kGrain, [&](int64_t b, int64_t e) {
      for (int64_t o = b; o < e;) {
        const RowCursor cursor(kept, o / inner);
        const int64_t row_end = std::min(e, (o / inner + 1) * inner);
        T* row = out.as<T>() + cursor.offsets[1];
        for (int64_t col = o % inner; o < row_end; ++col, ++o) row[col * stride] = finish.template operator()<T>(o);
      }
    });
  });
}

}  // namespace

Status reduce(ReduceArgs& args) {
  const auto op = static_cast<ReduceOp>(args.op);
  const DType compute = compute_of(args.input.dtype);
  const ReduceFunctions f = reduce_functions(kReduceKinds[args.op], compute);
  if (!f.block) return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.input.dtype)};
  const Geometry g(args.out, args.input);
  if (g.outputs == 0) return {};
  Buffer acc(g.outputs * 16);
  std::vector<double> exponents;
  if (op == ReduceOp::norm_p) exponents.assign(g.outputs, args.param);
  reduce_all(f, args.input, g, exponents.empty() ? nullptr : exponents.data(), acc);

  const auto count = static_cast<double>(g.count);
  switch (f.accumulator) {
    case Accumulator::integer: {
      const auto* values = reinterpret_cast<const int64_t*>(acc.at(0));
      write_outputs(args.out, g.kept, g.outputs, [&]<typename T>(int64_t o) {
        if (op == ReduceOp::any) return convert<T>(values[o] > 0);
        if (op == ReduceOp::all) return convert<T>(values[o] == g.count);
        return convert<T>(values[o]);
      });
      break;
    }
    case Accumulator::complex: {
      const auto* values = reinterpret_cast<const complex128*>(acc.at(0));
      write_outputs(args.out, g.kept, g.outputs, [&]<typename T>(int64_t o) {
        return convert<T>(op == ReduceOp::mean ? values[o] / count : values[o]);
      });
      break;
    }
    case Accumulator::real: {
      const auto* values = reinterpret_cast<const double*>(acc.at(0));
      const double exponent = args.param;
      write_outputs(args.out, g.kept, g.outputs,
                    [=]<typename T>(int64_t o) { return convert<T>(finish_real(op, values[o], count, exponent)); });
      break;
    }
  }
  return {};
}

Status variance(VarianceArgs& args) {
  const DType compute = compute_of(args.input.dtype);
  const ReduceFunctions sum = reduce_functions(ReduceKind::sum, compute),
                        squares = reduce_functions(ReduceKind::variation, compute);
  if (!squares.block) return {StatusCode::unsupported_dtype, 0, static_cast<int>(args.input.dtype)};
  const Geometry g(args.out, args.input);
  if (g.outputs == 0) return {};
  Buffer acc(g.outputs * 16);
  reduce_all(sum, args.input, g, nullptr, acc);
  std::vector<double> means(g.outputs);
  const int64_t size = sizeof(double);
  for (int64_t o = 0; o < g.outputs; ++o)
    means[o] = *reinterpret_cast<const double*>(acc.at(o * size)) / static_cast<double>(g.count);
  if (args.mean.defined()) {
    const Geometry into(args.mean, args.input);
    write_outputs(args.mean, into.kept, g.outputs, [&]<typename T>(int64_t o) { return convert<T>(means[o]); });
  }
  reduce_all(squares, args.input, g, means.data(), acc);
  const double divisor = std::max(0.0, static_cast<double>(g.count) - args.correction);
  write_outputs(args.out, g.kept, g.outputs, [&]<typename T>(int64_t o) {
    const double value = *reinterpret_cast<const double*>(acc.at(o * size)) / divisor;
    return convert<T>(args.root ? std::sqrt(value) : value);
  });
  return {};
}

}  // namespace flambeau::cpu
