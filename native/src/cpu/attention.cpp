// Attention by tiles: scores are never held for more than a tile, and the softmax is put right as its maximum grows.
// Dao et al., 2022 (https://arxiv.org/abs/2205.14135).
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "attention_rows.h"
#include "blocks.h"
#include "engine.h"
#include "flambeau/kernels/attention.gen.h"
#include "flambeau/parallel.h"
#include "panel_product.h"

namespace flambeau::cpu {
namespace {

// Queries and keys of a tile: their scores stay in the L1 or L2 cache. Multiples of every tile and panel of a product.
constexpr int64_t kQueries = 96, kKeys = 128;

struct Sizes {
  int64_t batch, heads, groups, queries, keys, features, values;
  explicit Sizes(const TensorView& q, const TensorView& k, const TensorView& v)
      : batch(q.shape[0]),
        heads(q.shape[1]),
        groups(k.shape[1]),
        queries(q.shape[2]),
        keys(k.shape[2]),
        features(q.shape[3]),
        values(v.shape[3]) {}
  int64_t shared() const { return heads / groups; }  // heads that share keys and values
};

template <typename T>
T* row_of(const TensorView& t, int64_t b, int64_t h, int64_t i) {
  return t.as<T>() + b * t.strides[0] + h * t.strides[1] + i * t.strides[2];
}

// A tile's rows of one head as a contiguous [rows, n] of the compute type.
template <typename T, typename R>
void load_rows(R* dst, const TensorView& t, int64_t b, int64_t h, int64_t from, int64_t rows) {
  const int64_t n = t.shape[3];
  for (int64_t i = 0; i < rows; ++i) load_block(dst + i * n, row_of<T>(t, b, h, from + i), 1, n);
}
template <typename T, typename R>
void store_rows(const TensorView& t, int64_t b, int64_t h, const R* src, int64_t rows) {
  const int64_t n = t.shape[3];
  for (int64_t i = 0; i < rows; ++i) store_block(row_of<T>(t, b, h, i), 1, src + i * n, n);
}

// A matrix of one head, cut into tiles of rows that are packed each by itself, so that a product takes one tile.
template <typename R>
class PackedTiles {
 public:
  PackedTiles(const PanelFunctions<R>& panels, int64_t rows, int64_t cols, int64_t tile, bool transposed)
      : panels_(panels),
        rows_(rows),
        cols_(cols),
        tile_(tile),
        transposed_(transposed),
        step_(transposed ? panels.size(cols, tile) : panels.size(tile, cols)),
        data_((rows + tile - 1) / tile * step_) {}
  // From a contiguous [rows, cols].
  void pack(const R* matrix) {
    for (int64_t at = 0; at < rows_; at += tile_) {
      const int64_t n = std::min(tile_, rows_ - at);
      R* dst = data_.data() + at / tile_ * step_;
      if (transposed_)
        panels_.pack(dst, matrix + at * cols_, 1, cols_, cols_, n);
      else
        panels_.pack(dst, matrix + at * cols_, cols_, 1, n, cols_);
    }
  }
  const R* tile(int64_t at) const { return data_.data() + at / tile_ * step_; }
  // The rows that the panels of a tile have.
  int64_t depth(int64_t at) const { return transposed_ ? cols_ : std::min(tile_, rows_ - at); }

 private:
  const PanelFunctions<R>& panels_;
  int64_t rows_, cols_, tile_;
  bool transposed_;
  int64_t step_;
  std::vector<R> data_;
};

// Puts the mask on a row of scores: keys [from, from + n) of query i.
template <typename R>
void apply_mask(R* s, const AttentionRows<R>& f, const TensorView& mask, int64_t b, int64_t h, int64_t i, int64_t from,
                int64_t n) {
  const int64_t step = mask.strides[3];
  visit_dtype(mask.dtype, [&]<typename M>() {
    const M* row = row_of<M>(mask, b, h, i) + from * step;
    if constexpr (std::is_same_v<M, bool>) {
      uint8_t visible[kKeys];
      load_block(visible, reinterpret_cast<const uint8_t*>(row), step, n);
      f.hide(s, visible, n);
    } else if constexpr (!kIsComplex<M>) {
      R values[kKeys];
      load_block(values, row, step, n);
      f.add(s, values, n);
    }
  });
}

// How many keys query i sees.
int64_t visible_keys(const Sizes& sizes, bool causal, int64_t i) {
  return causal ? std::min(sizes.keys, i + 1) : sizes.keys;
}

// One query of each head, a step of generation: packing keys and values would cost more than it saves, so they are read
// where they lie.
template <typename R>
void forward_one(AttentionArgs& args, const Sizes& sizes) {
  const AttentionRows<R> f = attention_rows(R());
  constexpr R low = -std::numeric_limits<R>::infinity();
  const bool masked = args.mask.defined();
  const int64_t e = sizes.features, v = sizes.values, seen = visible_keys(sizes, args.causal, 0);
  const int64_t work = std::max<int64_t>(1, seen * (e + v));
  parallel_for(sizes.batch * sizes.heads, std::max<int64_t>(1, kGrain / work), [&](int64_t begin, int64_t end) {
    std::vector<R> q(e), scores(seen), out(v);
    R* s = scores.data();
    for (int64_t item = begin; item < end; ++item) {
      const int64_t b = item / sizes.heads, h = item % sizes.heads, group = h / sizes.shared();
      load_rows<R>(q.data(), args.query, b, h, 0, 1);
      f.scale(q.data(), static_cast<R>(args.scale), e);
      f.dots(s, q.data(), row_of<R>(args.key, b, group, 0), args.key.strides[2], seen, e);
      if (masked)
        for (int64_t at = 0; at < seen; at += kKeys)
          apply_mask(s + at, f, args.mask, b, h, 0, at, std::min(kKeys, seen - at));
      const R largest = f.largest(s, low, seen);
      const bool nothing = masked && largest == low;
      const R sum = nothing ? R(0) : f.exponentials(s, largest, seen);
      if (nothing) {
        std::fill(out.begin(), out.end(), R(0));
      } else {
        f.weigh(out.data(), s, row_of<R>(args.value, b, group, 0), args.value.strides[2], seen, v);
        f.scale(out.data(), R(1) / sum, v);
      }
      store_block(row_of<R>(args.out, b, h, 0), 1, out.data(), v);
      // Infinite for a query that sees nothing, so that backward finds probabilities of zero.
      args.log_sum.as<R>()[b * sizes.heads + h] = nothing ? -low : largest + std::log(sum);
    }
  });
}

template <typename T, typename R>
void forward(AttentionArgs& args) {
  const Sizes sizes(args.query, args.key, args.value);
  if constexpr (std::is_same_v<T, R>) {
    if (sizes.queries == 1 && args.key.strides[3] == 1 && args.value.strides[3] == 1)
      return forward_one<R>(args, sizes);
  }
  const AttentionRows<R> f = attention_rows(R());
  const PanelFunctions<R> panels = panel_functions(R());
  const bool masked = args.mask.defined() || args.causal;
  constexpr R low = -std::numeric_limits<R>::infinity();
  // Where there are few heads, their queries are shared out too, at the price of packing keys and values again.
  const int64_t pairs = sizes.batch * sizes.groups;
  const int64_t tiles = (sizes.queries + kQueries - 1) / kQueries;
  const int64_t parts = std::min(tiles, std::max<int64_t>(1, 2 * get_num_threads() / pairs));
  const int64_t work = sizes.shared() * sizes.queries * sizes.keys * (sizes.features + sizes.values) / parts;
  parallel_for(
      pairs * parts, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work)), [&](int64_t begin, int64_t end) {
        PackedTiles<R> keys(panels, sizes.keys, sizes.features, kKeys, true);
        PackedTiles<R> values(panels, sizes.keys, sizes.values, kKeys, false);
        std::vector<R> rows(std::max(sizes.keys, kQueries) * std::max(sizes.features, sizes.values));
        std::vector<R> scores(kQueries * kKeys), out(kQueries * sizes.values);
        for (int64_t item = begin; item < end; ++item) {
          const int64_t pair = item / parts, b = pair / sizes.groups, group = pair % sizes.groups;
          load_rows<T>(rows.data(), args.key, b, group, 0, sizes.keys);
          keys.pack(rows.data());
          load_rows<T>(rows.data(), args.value, b, group, 0, sizes.keys);
          values.pack(rows.data());
          const int64_t first = item % parts * tiles / parts, last = (item % parts + 1) * tiles / parts;
          for (int64_t h = group * sizes.shared(); h < (group + 1) * sizes.shared(); ++h)
            for (int64_t tile = first; tile < last; ++tile) {
              const int64_t from = tile * kQueries, count = std::min(kQueries, sizes.queries - from);
              R* q = rows.data();
              load_rows<T>(q, args.query, b, h, from, count);
              f.scale(q, static_cast<R>(args.scale), count * sizes.features);
              R largest[kQueries], sum[kQueries];
              for (int64_t i = 0; i < count; ++i) {
                largest[i] = low;
                sum[i] = 0;
              }
              const int64_t seen = visible_keys(sizes, args.causal, from + count - 1);
              for (int64_t at = 0; at < seen; at += kKeys) {
                const int64_t n = std::min(kKeys, seen - at);
                panels.product(scores.data(), kKeys, q, sizes.features, 1, keys.tile(at), keys.depth(at), count, n,
                               sizes.features, nullptr, 0);
                for (int64_t i = 0; i < count; ++i) {
                  R* s = scores.data() + i * kKeys;
                  const int64_t own =
                      std::max<int64_t>(0, std::min(n, visible_keys(sizes, args.causal, from + i) - at));
                  if (args.mask.defined()) apply_mask(s, f, args.mask, b, h, from + i, at, own);
                  const R before = largest[i];
                  largest[i] = f.largest(s, before, own);
                  // A query that sees nothing so far has no maximum to subtract.
                  const bool nothing = masked && largest[i] == low;
                  const R total = nothing ? R(0) : f.exponentials(s, largest[i], own);
                  for (int64_t j = nothing ? 0 : own; j < n; ++j) s[j] = 0;
                  if (at > 0 && largest[i] != before) {
                    const R shrink = std::exp(before - largest[i]);
                    sum[i] *= shrink;
                    f.scale(out.data() + i * sizes.values, shrink, sizes.values);
                  }
                  sum[i] += total;
                }
                panels.product(out.data(), sizes.values, scores.data(), kKeys, 1, values.tile(at), values.depth(at),
                               count, sizes.values, n, at > 0 ? out.data() : nullptr, sizes.values);
              }
              for (int64_t i = 0; i < count; ++i) {
                const bool nothing = masked && sum[i] == R(0);
                R* row = out.data() + i * sizes.values;
                f.scale(row, nothing ? R(0) : R(1) / sum[i], sizes.values);
                store_block(row_of<T>(args.out, b, h, from + i), 1, row, sizes.values);
                // Infinite for a query that sees nothing, so that backward finds probabilities of zero.
                args.log_sum.as<R>()[(b * sizes.heads + h) * sizes.queries + from + i] =
                    nothing ? -low : largest[i] + std::log(sum[i]);
              }
            }
        }
      });
}

template <typename T, typename R>
void backward(AttentionBackwardArgs& args) {
  const Sizes sizes(args.query, args.key, args.value);
  const AttentionRows<R> f = attention_rows(R());
  const PanelFunctions<R> panels = panel_functions(R());
  const int64_t e = sizes.features, v = sizes.values;
  const int64_t work = sizes.shared() * sizes.queries * sizes.keys * (e + v);
  parallel_for(
      sizes.batch * sizes.groups, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, work)),
      [&](int64_t begin, int64_t end) {
        PackedTiles<R> keys(panels, sizes.keys, e, kKeys, false), keys_turned(panels, sizes.keys, e, kKeys, true);
        PackedTiles<R> values_turned(panels, sizes.keys, v, kKeys, true);
        PackedTiles<R> queries(panels, sizes.queries, e, kQueries, false),
            grads(panels, sizes.queries, v, kQueries, false);
        std::vector<R> rows(sizes.keys * std::max(e, v));
        std::vector<R> q(sizes.queries * e), g(sizes.queries * v), delta(sizes.queries);
        std::vector<R> dq(sizes.queries * e), dk(sizes.keys * e), dv(sizes.keys * v);
        std::vector<R> p(kQueries * kKeys), dp(kQueries * kKeys);
        for (int64_t pair = begin; pair < end; ++pair) {
          const int64_t b = pair / sizes.groups, group = pair % sizes.groups;
          load_rows<T>(rows.data(), args.key, b, group, 0, sizes.keys);
          keys.pack(rows.data());
          keys_turned.pack(rows.data());
          load_rows<T>(rows.data(), args.value, b, group, 0, sizes.keys);
          values_turned.pack(rows.data());
          std::fill(dk.begin(), dk.end(), R(0));
          std::fill(dv.begin(), dv.end(), R(0));
          for (int64_t h = group * sizes.shared(); h < (group + 1) * sizes.shared(); ++h) {
            load_rows<T>(q.data(), args.query, b, h, 0, sizes.queries);
            f.scale(q.data(), static_cast<R>(args.scale), sizes.queries * e);
            queries.pack(q.data());
            load_rows<T>(g.data(), args.grad, b, h, 0, sizes.queries);
            grads.pack(g.data());
            std::fill(dq.begin(), dq.end(), R(0));
            const R* log_sum = args.log_sum.as<R>() + (b * sizes.heads + h) * sizes.queries;
            // Calls body(from, at, count, n) for each tile of queries and keys with the probabilities in p and their
            // gradient in dp; row(i, p, dp, own) for each query, which sees `own` keys of the tile.
            const auto each_tile = [&](const auto& row, const auto& body) {
              for (int64_t at = 0; at < sizes.keys; at += kKeys) {
                // Queries before the tile's first key do not see it.
                for (int64_t from = args.causal ? at / kQueries * kQueries : 0; from < sizes.queries;
                     from += kQueries) {
                  const int64_t count = std::min(kQueries, sizes.queries - from);
                  const int64_t n = std::min(kKeys, visible_keys(sizes, args.causal, from + count - 1) - at);
                  if (n <= 0) continue;
                  panels.product(p.data(), kKeys, q.data() + from * e, e, 1, keys_turned.tile(at),
                                 keys_turned.depth(at), count, n, e, nullptr, 0);
                  panels.product(dp.data(), kKeys, g.data() + from * v, v, 1, values_turned.tile(at),
                                 values_turned.depth(at), count, n, v, nullptr, 0);
                  for (int64_t i = 0; i < count; ++i) {
                    R *s = p.data() + i * kKeys, *ds = dp.data() + i * kKeys;
                    const int64_t own =
                        std::max<int64_t>(0, std::min(n, visible_keys(sizes, args.causal, from + i) - at));
                    if (args.mask.defined()) apply_mask(s, f, args.mask, b, h, from + i, at, own);
                    f.exponentials(s, log_sum[from + i], own);
                    row(from + i, s, ds, own);
                    for (int64_t j = own; j < n; ++j) s[j] = ds[j] = 0;
                  }
                  body(from, at, count, n);
                }
              }
            };
            // The mean of a query's dp is that of its result's gradient, unless the result was rounded to a half type:
            // where the probabilities are nearly 0 and 1, the gradient is a difference that would be lost.
            if constexpr (std::is_same_v<T, R>) {
              for (int64_t i = 0; i < sizes.queries; ++i)
                delta[i] = f.dot(row_of<T>(args.out, b, h, i), g.data() + i * v, v);
            } else {
              std::fill(delta.begin(), delta.end(), R(0));
              each_tile([&](int64_t i, const R* s, const R* ds, int64_t own) { delta[i] += f.dot(s, ds, own); },
                        [](int64_t, int64_t, int64_t, int64_t) {});
            }
            each_tile([&](int64_t i, const R* s, R* ds, int64_t own) { f.score_grad(ds, s, delta[i], own); },
                      [&](int64_t from, int64_t at, int64_t count, int64_t n) {
                        panels.product(dv.data() + at * v, v, p.data(), 1, kKeys, grads.tile(from), grads.depth(from),
                                       n, v, count, dv.data() + at * v, v);
                        panels.product(dq.data() + from * e, e, dp.data(), kKeys, 1, keys.tile(at), keys.depth(at),
                                       count, e, n, dq.data() + from * e, e);
                        panels.product(dk.data() + at * e, e, dp.data(), 1, kKeys, queries.tile(from),
                                       queries.depth(from), n, e, count, dk.data() + at * e, e);
                      });
            f.scale(dq.data(), static_cast<R>(args.scale), sizes.queries * e);
            store_rows<T>(args.query_grad, b, h, dq.data(), sizes.queries);
          }
          store_rows<T>(args.key_grad, b, group, dk.data(), sizes.keys);
          store_rows<T>(args.value_grad, b, group, dv.data(), sizes.keys);
        }
      });
}

// Runs body.operator()<T, R>() for a floating-point dtype and the type in which it is computed.
template <typename Body>
Status for_floating(DType dtype, const Body& body) {
  return guarded([&]() -> Status {
    return visit_dtype(dtype, [&]<typename T>() -> Status {
      using R = ComputeType<T>;
      if constexpr (std::is_floating_point_v<R>) {
        body.template operator()<T, R>();
        return {};
      } else {
        return {StatusCode::unsupported_dtype, 0, static_cast<int>(dtype)};
      }
    });
  });
}

}  // namespace

Status attention(AttentionArgs& args) {
  return for_floating(args.query.dtype, [&]<typename T, typename R>() { forward<T, R>(args); });
}

Status attention_backward(AttentionBackwardArgs& args) {
  return for_floating(args.query.dtype, [&]<typename T, typename R>() { backward<T, R>(args); });
}

}  // namespace flambeau::cpu
