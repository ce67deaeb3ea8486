#include "fft_lines.h"

#include <algorithm>
#include <cstring>

#include "flambeau/parallel.h"

namespace flambeau::cpu::fft {
namespace {

// Elements for which a second thread pays.
inline constexpr int64_t kFftGrain = 8192;

// Of the elements first + v + i · stride, v < count, those below `limit`: in rows i < full all, in the next one `tail`.
struct Extent {
  int64_t full;
  int tail;
  Extent(int64_t limit, int64_t first, int count, int64_t stride, int64_t rows) {
    const int64_t past = limit - first - count + 1;
    full = past <= 0 ? 0 : std::min(rows, (past + stride - 1) / stride);
    tail = full == rows ? 0 : static_cast<int>(std::clamp<int64_t>(limit - first - full * stride, 0, count));
  }
  int64_t rows() const { return full + (tail > 0); }
};

// The elements first + v + i · stride of a line as lanes of a block.
template <typename R>
Planes<R> across(const Planes<R>& line, int64_t first, int count, int64_t stride) {
  Planes<R> planes{line.re, line.im, line.step * stride, count, {}};
  for (int v = 0; v < count; ++v) planes.lanes[v] = line.lanes[0] + (first + v) * line.step;
  return planes;
}

template <typename R>
Planes<R> tail_of(Planes<R> planes, const Extent& extent) {
  for (int v = 0; v < extent.tail; ++v) planes.lanes[v] += extent.full * planes.step;
  planes.count = extent.tail;
  return planes;
}

template <typename R>
void store_extent(const R* block, const Planes<R>& planes, const Extent& extent, R re, R im) {
  const auto& f = blocks<R>();
  f.store(block, planes, extent.full, re, im);
  if (extent.tail > 0) f.store(block + extent.full * 2 * f.lanes, tail_of(planes, extent), 1, re, im);
}

}  // namespace

template <typename R>
R* transform_block(const Plan<R>& plan, R* a, R* b) {
  const auto& f = blocks<R>();
  if (!plan.convolves) return f.transform(plan.whole, a, b);
  f.scale_rows(a, plan.chirp.data(), plan.n, false);
  std::fill(a + plan.n * 2 * f.lanes, a + plan.m * 2 * f.lanes, R(0));
  R* spectrum = f.transform(plan.whole, a, b);
  f.scale_rows(spectrum, plan.response.data(), plan.m, true);
  R* result = f.transform(plan.whole, spectrum, spectrum == a ? b : a);
  f.scale_rows(result, plan.chirp.data(), plan.n, true);
  return result;
}
template float* transform_block(const Plan<float>&, float*, float*);
template double* transform_block(const Plan<double>&, double*, double*);

template <typename R>
void transform_line(const Plan<R>& plan, const Planes<const R>& from, const Planes<R>& to, int64_t limit, R re, R im) {
  const auto& f = blocks<R>();
  const Split<R>& split = plan.split;
  const int64_t columns = split.columns.n, rows = split.rows.n;
  const int64_t element = 2 * f.lanes, groups = (columns + f.lanes - 1) / f.lanes;
  const int64_t group = rows * element;
  const Workspace memory(static_cast<size_t>(groups * group) * sizeof(R));
  R* steps = memory.as<R>();
  const Scratch<R> scratch(block_rows(std::max(columns, rows)));

  // Blocks of as many columns as there are lanes, at j.
  const auto each_columns = [&](const auto& body) {
    parallel_for((rows + f.lanes - 1) / f.lanes, std::max<int64_t>(1, kFftGrain / (columns * f.lanes)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t i = begin; i < end; ++i) {
                     const int64_t j = i * f.lanes;
                     body(j, static_cast<int>(std::min<int64_t>(f.lanes, rows - j)));
                   }
                 });
  };

  each_columns([&](int64_t j, int count) {
    R* block = scratch.first();
    const Extent extent(plan.n, j, count, rows, columns);
    const Planes<const R> planes = across(from, j, count, rows);
    f.load(block, planes, extent.full);
    if (extent.tail > 0) f.load(block + extent.full * element, tail_of(planes, extent), 1);
    if (plan.convolves) f.scale_lanes(block, plan.chirp.data() + 2 * j, rows, extent.rows(), false);
    std::fill(block + extent.rows() * element, block + columns * element, R(0));
    f.put_columns(split, steps, f.transform(split.columns, block, scratch.second()), j, count);
  });
  parallel_for(groups, std::max<int64_t>(1, kFftGrain / (rows * f.lanes)), [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; ++g) {
      R* block = steps + g * group;
      R* other = scratch.first();
      R* result = f.transform(split.rows, block, other);
      const int64_t first = g * f.lanes;
      const int count = static_cast<int>(std::min<int64_t>(f.lanes, columns - first));
      if (!plan.convolves) {
        store_extent(result, across(to, first, count, columns), Extent(limit, first, count, columns, rows), re, im);
        continue;
      }
      f.multiply_exchanged(result, plan.response.data() + g * group, rows);
      const R* back = f.transform(split.rows, result, result == block ? other : block);
      if (back != block) std::memcpy(block, back, static_cast<size_t>(group) * sizeof(R));
    }
  });
  if (!plan.convolves) return;
  each_columns([&](int64_t j, int count) {
    R* block = scratch.first();
    f.take_columns(split, block, steps, j, count);
    R* result = f.transform(split.columns, block, scratch.second());
    const Extent extent(limit, j, count, rows, columns);
    f.scale_lanes(result, plan.chirp.data() + 2 * j, rows, extent.rows(), true);
    store_extent(result, across(to, j, count, rows), extent, re, im);
  });
}
template void transform_line(const Plan<float>&, const Planes<const float>&, const Planes<float>&, int64_t, float,
                             float);
template void transform_line(const Plan<double>&, const Planes<const double>&, const Planes<double>&, int64_t, double,
                             double);

void transform_pairs(const double* in, double* out, int64_t n) {
  const auto& f = blocks<double>();
  const bool split = can_split(n, f.lanes);
  const auto plan = find_plan<double>(n, split, f.lanes);
  const Planes<const double> from{in, in + 1, 2, 1, {}};
  const Planes<double> to{out, out + 1, 2, 1, {}};
  if (split) {
    transform_line(*plan, from, to, n, 1.0, 1.0);
    return;
  }
  const Scratch<double> scratch(block_rows(plan->m));
  f.load(scratch.first(), from, n);
  f.store(transform_block(*plan, scratch.first(), scratch.second()), to, n, 1.0, 1.0);
}

}  // namespace flambeau::cpu::fft
