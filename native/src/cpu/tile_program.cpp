// The elementwise evaluator with reductions. A program runs over a tile of whole rows at a time, in stages: what a
// stage reduces along the row, the next ones go on with, while the row is still in the cache. Work is split by shape
// alone, and sums are made up in the order of reduce.cpp, so that a result depends neither on the number of threads nor
// on whether what is reduced has been written to memory in between.
#include "flambeau/kernels/tile_program.gen.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "blocks.h"
#include "flambeau/parallel.h"
#include "stream.h"
#include "tile_worker.h"

namespace flambeau::cpu {
namespace {

// What decides a plan: everything but where tensors lie. As bytes.
std::string plan_key(const TileProgramArgs& args, const std::vector<bool>& flat, const std::vector<bool>& repeats) {
  std::string key;
  const auto add = [&](const void* data, size_t n) { key.append(static_cast<const char*>(data), n); };
  const auto add_number = [&](int64_t v) { add(&v, sizeof v); };
  for (const int64_t v : {args.rows, args.row, static_cast<int64_t>(args.compute),
                          static_cast<int64_t>(args.row_ins.size()), static_cast<int64_t>(args.code.size())})
    add_number(v);
  add(args.code.begin(), args.code.size() * sizeof(int64_t));
  for (const Scalar& c : args.constants) {
    add_number(static_cast<int64_t>(c.kind));
    add(&c.re, sizeof c.re);
    add_number(c.integer);
  }
  add(args.results.begin(), args.results.size() * sizeof(int64_t));
  for (const bool b : flat) key.push_back(b ? '1' : '0');
  key.push_back('|');
  for (const bool b : repeats) key.push_back(b ? '1' : '0');
  return key;
}

// Plans are kept, since making one, and its machine code, takes longer than a small program. All threads share them.
std::shared_ptr<const TilePlan> find_plan(const TileProgramArgs& args, const std::vector<bool>& flat,
                                          const std::vector<bool>& repeats, Status& status) {
  constexpr size_t kMostPlans = 256;
  static std::mutex mutex;
  static std::unordered_map<std::string, std::shared_ptr<const TilePlan>> plans;
  const std::string key = plan_key(args, flat, repeats);
  {
    const std::lock_guard lock(mutex);
    if (const auto known = plans.find(key); known != plans.end()) return known->second;
  }
  auto plan = std::make_shared<TilePlan>();
  bool fits = false;
  status = plan->prepare(args, flat, repeats, has_chain_code(), &fits);
  if (status.ok() && !fits) {
    plan = std::make_shared<TilePlan>();
    status = plan->prepare(args, flat, repeats, false, &fits);
  }
  if (status.ok()) {
    const std::lock_guard lock(mutex);
    if (plans.size() >= kMostPlans) plans.clear();
    plans.emplace(key, plan);
  }
  return plan;
}

template <typename C>
class TileProgram {
 public:
  explicit TileProgram(const TileTask<C>& task) : task_(task), plan_(*task.plan) {}

  void run() const {
    if (plan_.rows == 1 && plan_.stages.size() == 1 && plan_.all_reductions == 0) {
      const auto body = [&](int64_t b, int64_t e) { Worker(task_).part(0, b, e, nullptr); };
      return parallel_for(plan_.row, kGrain / static_cast<int64_t>(plan_.code.size() + 1), body, kBlock);
    }
    if (plan_.column_reductions + plan_.all_reductions > 0) return run_across();
    const bool one_stage = plan_.stages.size() == 2 && !plan_.stages[1].has_blocks();
    const int64_t chunks = one_stage && plan_.rows < kManyOutputs ? plan_.row / kChunk : 1;
    if (chunks > 1) return run_split(chunks);
    const int64_t work = plan_.row * static_cast<int64_t>(plan_.code.size() + 1);
    parallel_for(
        plan_.rows, std::max<int64_t>(1, kGrain / work), [&](int64_t b, int64_t e) { Worker(task_).rows(b, e); },
        plan_.tile_rows);
  }

 private:
  using Worker = TileWorker<C>;

  // A few long rows, all of which is reduced in one stage: parts of rows, joined in their order.
  void run_split(int64_t chunks) const {
    const int64_t step = (plan_.row + chunks - 1) / chunks;
    std::vector<double> parts(plan_.rows * chunks * plan_.row_reductions);
    parallel_for(plan_.rows * chunks, 1, [&](int64_t b, int64_t e) {
      Worker worker(task_);
      for (int64_t t = b; t < e; ++t) {
        const int64_t begin = std::min(plan_.row, t % chunks * step);
        worker.part(t / chunks, begin, std::min(plan_.row, begin + step), &parts[t * plan_.row_reductions]);
      }
    });
    std::vector<const TileInstruction*> reductions;
    plan_.each(InstructionKind::reduce_row, [&](const TileInstruction& i) { reductions.push_back(&i); });
    Worker(task_).finish_split([&](int j, int64_t row) {
      double sum;
      reductions[j]->reduce.init(&sum, 1);
      for (int64_t k = 0; k < chunks; ++k)
        reductions[j]->reduce.merge(&sum, &parts[(row * chunks + k) * plan_.row_reductions + j], 1);
      return sum;
    });
  }

  // Sums across rows: chunks of rows, joined in their order.
  void run_across() const {
    const int64_t strips = (plan_.row + kBlock - 1) / kBlock, width = std::min(plan_.row, kBlock);
    const int64_t chunks = strips < kManyOutputs ? std::max<int64_t>(1, plan_.rows * width / (4 * kChunk)) : 1;
    const int64_t step = (plan_.rows + chunks - 1) / chunks, size = plan_.column_reductions * plan_.row;
    std::vector<double> columns(chunks * size), totals(chunks * plan_.all_reductions);
    parallel_for(chunks, 1, [&](int64_t b, int64_t e) {
      Worker worker(task_);
      for (int64_t t = b; t < e; ++t) {
        const int64_t begin = std::min(plan_.rows, t * step);
        worker.across(begin, std::min(plan_.rows, begin + step), columns.data() + t * size,
                      totals.data() + t * plan_.all_reductions);
      }
    });
    for (size_t v = 0; v < task_.outs.size(); ++v) {
      const int r = static_cast<int>(task_.results[v]);
      if (plan_.is(r, InstructionKind::reduce_column)) {
        const TileInstruction& i = plan_.instruction(r);
        write_joined(task_.outs[v], i, columns.data() + i.reduction * plan_.row, size, chunks, plan_.row, plan_.rows);
      } else if (plan_.is(r, InstructionKind::reduce_all)) {
        const TileInstruction& i = plan_.instruction(r);
        write_joined(task_.outs[v], i, totals.data() + i.reduction, plan_.all_reductions, chunks, 1,
                     plan_.rows * plan_.row);
      }
    }
  }
  static void write_joined(const TileOperand<C>& out, const TileInstruction& i, const double* parts, int64_t distance,
                           int64_t chunks, int64_t n, int64_t count) {
    std::vector<double> sums(n);
    std::vector<C> values(n);
    i.reduce.init(sums.data(), n);
    for (int64_t t = 0; t < chunks; ++t) i.reduce.merge(sums.data(), parts + t * distance, n);
    for (int64_t k = 0; k < n; ++k) values[k] = convert<C>(finish_real(i.op, sums[k], static_cast<double>(count)));
    out.write(values.data(), 0, n);
  }

  const TileTask<C>& task_;
  const TilePlan& plan_;
};

template <typename C>
Status run_program(const TileProgramArgs& args) {
  TileTask<C> task(args);
  std::vector<bool> flat, repeats;
  // What is read must not be written before its time, and chains put instructions into another order.
  const auto is_read = [&](const TensorView& out) {
    const std::span<const TensorView> ins = args.ins;
    return std::any_of(ins.begin(), ins.end(), [&](const TensorView& in) { return in.data == out.data; });
  };
  for (size_t v = 0; v < task.outs.size(); ++v) flat.push_back(task.outs[v].flat() && !is_read(args.outs[v]));
  for (const TileOperand<C>& in : task.ins) repeats.push_back(in.repeats_one());
  Status status;
  const std::shared_ptr<const TilePlan> plan = find_plan(args, flat, repeats, status);
  task.plan = plan.get();
  const int64_t nbytes = args.rows * args.row * static_cast<int64_t>(sizeof(C));
  size_t v = 0;
  task.past = status.ok() && std::all_of(args.outs.begin(), args.outs.end(), [&](const TensorView& out) {
                return !flat[v++] || streams(out.data, nbytes, kStreamComputedBytes);
              });
  if (status.ok() && args.rows * args.row > 0) TileProgram<C>(task).run();
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
