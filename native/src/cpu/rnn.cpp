// Recurrent layers: all steps of a layer in one call. Sequences do not see each other, so each thread takes its own
// through all steps, and none waits for another.
#include <cstring>
#include <vector>

#include "engine.h"
#include "flambeau/kernels/rnn.gen.h"
#include "flambeau/parallel.h"
#include "panel_product.h"
#include "rnn_cells.h"

namespace flambeau::cpu {
namespace {

enum class Cell { kTanh, kRelu, kLstm, kGru };

// Where each step's rows begin.
std::vector<int64_t> offsets_of(const IntList& sizes) {
  std::vector<int64_t> offsets(sizes.size() + 1, 0);
  for (size_t t = 0; t < sizes.size(); ++t) offsets[t + 1] = offsets[t] + sizes[t];
  return offsets;
}

// How many sequences are worth a thread.
int64_t grain_of(size_t steps, int64_t gates, int64_t hidden) {
  return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, static_cast<int64_t>(steps) * gates * hidden));
}

template <typename R>
void forward(RnnLayerArgs& args) {
  const Cell cell = static_cast<Cell>(args.cell);
  const int64_t hidden = args.h.shape[1], gates = args.gates.shape[1];
  const PanelFunctions<R> panels = panel_functions(R());
  const CellFunctions<R> f = cell_functions(R());
  // h · Wᵀ: W is [gates, hidden].
  Workspace packed(panels.size(hidden, gates) * sizeof(R));
  panels.pack(packed.as<R>(), args.weight.as<R>(), 1, hidden, hidden, gates);
  const std::vector<int64_t> offsets = offsets_of(args.sizes);
  const auto steps = static_cast<int64_t>(args.sizes.size());
  const R* bias = args.bias.defined() ? args.bias.as<R>() : nullptr;
  const auto sequences = [&](int64_t begin, int64_t end) {
    std::vector<R> product(cell == Cell::kGru ? (end - begin) * gates : 0);
    for (int64_t i = 0; i < steps; ++i) {
      const int64_t t = args.reverse ? steps - 1 - i : i;
      const int64_t rows = std::min(end, args.sizes[t]) - begin;
      if (rows <= 0) continue;
      const int64_t at = offsets[t] + begin;
      const R* x = args.gates.as<R>() + at * gates;
      R* h = args.h.as<R>() + begin * hidden;
      R* out = args.out.as<R>() + at * hidden;
      const auto times_weight = [&](R* z, const R* plus, int64_t stride) {
        panels.product(z, gates, h, hidden, 1, packed.as<R>(), hidden, rows, gates, hidden, plus, stride);
      };
      switch (cell) {
        case Cell::kTanh:
        case Cell::kRelu:
          times_weight(out, x, gates);
          (cell == Cell::kTanh ? f.tanh : f.relu)(out, rows * hidden);
          std::memcpy(h, out, rows * hidden * sizeof(R));
          break;
        case Cell::kLstm: {
          R* z = args.saved.as<R>() + at * gates;
          times_weight(z, x, gates);
          for (int64_t r = 0; r < rows; ++r)
            f.lstm(z + r * gates, args.c.as<R>() + (begin + r) * hidden, args.cells.as<R>() + (at + r) * hidden,
                   h + r * hidden, hidden);
          std::memcpy(out, h, rows * hidden * sizeof(R));
          break;
        }
        case Cell::kGru:
          times_weight(product.data(), bias, 0);
          for (int64_t r = 0; r < rows; ++r)
            f.gru(args.saved.as<R>() + (at + r) * 4 * hidden, h + r * hidden, x + r * gates, product.data() + r * gates,
                  hidden);
          std::memcpy(out, h, rows * hidden * sizeof(R));
          break;
      }
    }
  };
  parallel_for(args.h.shape[0], grain_of(args.sizes.size(), gates, hidden), sequences);
}

template <typename R>
void backward(RnnLayerBackwardArgs& args) {
  const Cell cell = static_cast<Cell>(args.cell);
  const int64_t hidden = args.h.shape[1], gates = args.gates_grad.shape[1];
  const PanelFunctions<R> panels = panel_functions(R());
  const CellFunctions<R> f = cell_functions(R());
  // dz · W
  Workspace packed(panels.size(gates, hidden) * sizeof(R));
  panels.pack(packed.as<R>(), args.weight.as<R>(), hidden, 1, gates, hidden);
  const std::vector<int64_t> offsets = offsets_of(args.sizes);
  const auto steps = static_cast<int64_t>(args.sizes.size());
  const auto sequences = [&](int64_t begin, int64_t end) {
    for (int64_t i = steps - 1; i >= 0; --i) {
      const int64_t t = args.reverse ? steps - 1 - i : i, previous = args.reverse ? t + 1 : t - 1;
      const int64_t rows = std::min(end, args.sizes[t]) - begin;
      if (rows <= 0) continue;
      const int64_t at = offsets[t] + begin;
      R* dh = args.h.as<R>() + begin * hidden;
      R* dz = args.gates_grad.as<R>() + at * gates;
      R* back = cell == Cell::kGru ? args.hidden_grad.as<R>() + at * gates : dz;
      if (args.out_grad.defined()) {
        const R* grad = args.out_grad.as<R>() + at * hidden;
        for (int64_t j = 0; j < rows * hidden; ++j) dh[j] += grad[j];
      }
      // The state before this step: the step before's, or the first one for sequences that begin here.
      const int64_t known = previous < 0 || previous >= steps ? 0 : std::min(rows, args.sizes[previous] - begin);
      const auto before = [&](const TensorView& all, const TensorView& first, int64_t r) {
        return r < known ? all.as<R>() + (offsets[previous] + begin + r) * hidden
                         : first.as<R>() + (begin + r) * hidden;
      };
      for (int64_t r = 0; r < rows; ++r) {
        const R* state = before(args.out, args.first_h, r);
        std::memcpy(args.before.as<R>() + (at + r) * hidden, state, hidden * sizeof(R));
        R* row = dh + r * hidden;
        const R* out = args.out.as<R>() + (at + r) * hidden;
        switch (cell) {
          case Cell::kTanh:
            f.tanh_backward(dz + r * gates, row, out, hidden);
            break;
          case Cell::kRelu:
            f.relu_backward(dz + r * gates, row, out, hidden);
            break;
          case Cell::kLstm:
            f.lstm_backward(dz + r * gates, args.c.as<R>() + (begin + r) * hidden, row,
                            args.saved.as<R>() + (at + r) * gates, args.cells.as<R>() + (at + r) * hidden,
                            before(args.cells, args.first_c, r), hidden);
            break;
          case Cell::kGru:
            f.gru_backward(dz + r * gates, back + r * gates, row, args.saved.as<R>() + (at + r) * 4 * hidden, state,
                           hidden);
            break;
        }
      }
      panels.product(dh, hidden, back, gates, 1, packed.as<R>(), gates, rows, hidden, gates,
                     cell == Cell::kGru ? dh : nullptr, hidden);
    }
  };
  parallel_for(args.h.shape[0], grain_of(args.sizes.size(), gates, hidden), sequences);
}

}  // namespace

Status rnn_layer(RnnLayerArgs& args) {
  return guarded([&]() -> Status {
    if (args.h.numel() == 0) return {};
    if (args.out.dtype == DType::f64)
      forward<double>(args);
    else
      forward<float>(args);
    return {};
  });
}

Status rnn_layer_backward(RnnLayerBackwardArgs& args) {
  return guarded([&]() -> Status {
    if (args.h.numel() == 0) return {};
    if (args.out.dtype == DType::f64)
      backward<double>(args);
    else
      backward<float>(args);
    return {};
  });
}

}  // namespace flambeau::cpu
