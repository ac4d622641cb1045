// Processes that share a step's micro-batches end with the bits of one that adds them one by one, and with the numbers of one that
// gathers them as they come, to rounding.
#include <algorithm>
#include <chrono>
#include <thread>

#include "check.hpp"
#include "parallel/data_parallel.hpp"
#include "processes.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

constexpr int microBatches = 6, steps = 3;

// What each process leaves: parameters, gathered state and norms.
struct Result {
  std::vector<float> parameters;
  std::vector<unsigned char> state;
  double norm = 0, loss = 0;
};

Tiny largeTiny(bool full) {
  ModelSpec spec = tinySpec(true, RopeLayout::Interleaved);
  spec.vocabulary = 3001;  // an embedding of several tasks, so that it is cut
  Tiny tiny = makeTiny(full, spec);
  tiny.options.dropout = full ? 0.0f : 0.1f;
  return tiny;
}

Result train(const Tiny& tiny, TrainerOptions options, std::shared_ptr<Communicator> all, bool apart) {
  const std::atomic<bool> abort{false};
  options.rank = all ? all->rank() : 0;
  options.processes = all ? all->size() : 1;
  options.apart = apart;
  ThreadPool pool(2);
  Trainer trainer(tiny.model, options, pool, kernels());
  loadParameters(tiny, trainer);
  Result out;
  CHECK((trainer.shardedBase() != nullptr) == (options.shardBase && options.processes > 1));
  DataParallel step(trainer, all, pool, kernels());
  for (int s = 1; s <= steps; ++s) {
    // The last step has fewer micro-batches, so that some process may have none.
    const int there = s == steps ? 2 : microBatches;
    step.begin(there);
    for (int micro = options.rank; micro < there; micro += options.processes) {
      // Every micro-batch has other tokens.
      Tiny other;
      std::vector<int> ids = tiny.ids;
      std::rotate(ids.begin(), ids.begin() + 7 * micro, ids.end());
      Batch batch = tiny.batch();
      batch.ids = ids.data();
      step.forwardBackward(batch, 0.01f, static_cast<std::uint32_t>(s * microBatches + micro), abort);
    }
    const bool idle = there % options.processes != 0 && options.rank >= there % options.processes;
    if (idle && options.shardBase) step.attend(true);
    step.exchange();
    out.norm = step.update(updateOptions(1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.5f, s));
  }
  // The model without its adapters, which one process asks for.
  if (options.rank == 0) out.loss = trainer.evaluate(tiny.batch(), abort, {.adapters = false}).loss;
  else if (options.shardBase) step.attend(false);
  out.parameters.assign(trainer.parameters().begin(), trainer.parameters().end());
  for (std::size_t t = 0; t < trainer.trained().tensors.size(); ++t)
    for (std::size_t a = 0; a < trainer.trained().tensors[t].state.size(); ++a) {
      const auto bytes = step.gatherState(t, a);
      out.state.insert(out.state.end(), bytes.begin(), bytes.end());
    }
  return out;
}

// Each process keeps a part of the state and of the gradients, which together are the whole, and rooms of a few buckets beside them.
void checkShards(const Tiny& tiny, TrainerOptions options, int size) {
  const TrainedLayout whole(tiny.model.spec, options);
  options.processes = size;
  std::size_t sums = 0;
  for (options.rank = 0; options.rank < size; ++options.rank) {
    const TrainedLayout layout(tiny.model.spec, options);
    for (const TrainedTensor& t : layout.tensors) CHECK(t.cuts.front() == 0 && t.cuts.back() == t.size() && std::is_sorted(t.cuts.begin(), t.cuts.end()));
    if (size == 2 && mayCut(options.optimizer)) CHECK(layout.stateBytes < whole.stateBytes * 7 / 10 && layout.sums < whole.sums * 7 / 10);
    sums += layout.sums;
  }
  CHECK(sums == whole.count && whole.sums == whole.count && whole.rooms == 0);
  options.rank = 0;
  options.exchangeOnce = true;
  CHECK(TrainedLayout(tiny.model.spec, options).rooms == whole.count);
}

// Of a deep model the rooms are a small part, whatever the number of processes.
void checkRooms() {
  ModelSpec spec = tinySpec(false, RopeLayout::Interleaved);
  spec.layers = 40;
  spec.dModel = 512;
  spec.ffn = 1024;
  TrainerOptions options;
  options.full = true;
  options.processes = 4;
  const TrainedLayout layout(spec, options);
  std::size_t longest = 0;
  for (const Bucket& bucket : layout.buckets) longest = std::max(longest, bucket.end - bucket.begin);
  CHECK(layout.buckets.size() > 20 && layout.rooms <= 2 * longest + 64 && layout.sums < layout.count * 3 / 10);
  // Two that are written or sent at the same time lie apart.
  for (std::size_t b = 1; b < layout.buckets.size(); ++b) {
    const Bucket &one = layout.buckets[b - 1], &two = layout.buckets[b];
    CHECK(one.room + (one.end - one.begin) <= two.room || two.room + (two.end - two.begin) <= one.room);
  }
}

void compare(const char* name, const Tiny& tiny, const TrainerOptions& options) {
  const auto bytes = sharedBytes(std::size_t{1} << 26);
  struct Header {
    std::size_t parameters, state;
    double norm, loss;
  };
  const auto run = [&](int size, bool apart, bool shardBase = false, bool exchangeOnce = false) {
    const auto statuses = inProcesses(size, [&](int rank, std::uint16_t port) {
      const auto all = size == 1 ? nullptr : std::make_shared<Communicator>(tcpJob(rank, size, port));
      TrainerOptions chosen = options;
      chosen.shardBase = shardBase;
      chosen.exchangeOnce = exchangeOnce;
      const Result result = train(tiny, chosen, all, apart);
      if (all) {
        // Everybody has the same parameters.
        all->run([&] {
          const auto everybodys = all->allGather({reinterpret_cast<const unsigned char*>(result.parameters.data()), result.parameters.size() * 4});
          for (const auto& one : everybodys) CHECK(one == everybodys[0]);
        });
        all->leave();
      }
      if (rank != 0) return failures;
      const Header header{result.parameters.size(), result.state.size(), result.norm, result.loss};
      unsigned char* to = bytes.get();
      std::memcpy(to, &header, sizeof header);
      std::memcpy(to + sizeof header, result.parameters.data(), result.parameters.size() * 4);
      std::memcpy(to + sizeof header + result.parameters.size() * 4, result.state.data(), result.state.size());
      return failures;
    });
    for (const int status : statuses) CHECK(status == 0);
    Header header;
    std::memcpy(&header, bytes.get(), sizeof header);
    Result result{std::vector<float>(header.parameters), std::vector<unsigned char>(header.state), header.norm, header.loss};
    std::memcpy(result.parameters.data(), bytes.get() + sizeof header, header.parameters * 4);
    std::memcpy(result.state.data(), bytes.get() + sizeof header + header.parameters * 4, header.state);
    return result;
  };
  const Result alone = run(1, true), usual = run(1, false);
  CHECK(alone.norm > 0 && std::isfinite(alone.norm) && !alone.state.empty());
  for (const int size : {2, 3, 4}) {
    checkShards(tiny, options, size);
    for (const bool shardBase : {false, true}) {
      if (shardBase && options.full) continue;
      const Result several = run(size, true, shardBase);
      if (several.parameters != alone.parameters || several.state != alone.state || several.norm != alone.norm || several.loss != alone.loss) {
        std::printf("%s: %d processes give other bits than one%s\n", name, size, shardBase ? ", each with its share of the base" : "");
        ++failures;
      }
      CHECK_NEAR(several.norm, usual.norm, 1e-4 * usual.norm);
    }
    const bool sharedToo = !options.full;
    const Result once = run(size, true, sharedToo, true), again = run(size, true, sharedToo, true);
    CHECK_NEAR(once.norm, usual.norm, 1e-4 * usual.norm);
    CHECK(once.parameters == again.parameters && once.state == again.state && once.norm == again.norm);
  }
}

// A process whose pass has thrown closes its trainer while the other is still to come to what they exchange: what it sends stays until then.
void leavesNothingOpen() {
  const Tiny tiny = largeTiny(true);
  const auto statuses = inProcesses(2, [&](int rank, std::uint16_t port) {
    const std::atomic<bool> abort{false};
    const auto all = std::make_shared<Communicator>(tcpJob(rank, 2, port));
    TrainerOptions options = tiny.options;
    options.rank = rank;
    options.processes = 2;
    ThreadPool pool(1);
    const auto take = [&](bool both) {
      Trainer trainer(tiny.model, options, pool, kernels());
      DataParallel step(trainer, all, pool, kernels());
      step.begin(2);
      if (rank == 1 && !both) std::this_thread::sleep_for(std::chrono::milliseconds(500));
      step.forwardBackward(tiny.batch(), 0.01f, static_cast<std::uint32_t>(rank), abort);
      if (!both && rank == 0) return std::vector<float>();
      step.exchange();
      return std::vector<float>(trainer.gradients().begin(), trainer.gradients().end());
    };
    const std::vector<float> whole = take(true), left = take(false);
    all->run([&] { all->barrier(); });
    CHECK(rank == 0 || left == whole);
    all->leave();
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
}

}  // namespace

int main() {
  checkRooms();
  leavesNothingOpen();
  const std::pair<const char*, OptimizerKind> optimizers[] = {
      {"adamw", OptimizerKind::AdamW}, {"adamw8bit", OptimizerKind::AdamW8bit}, {"adafactor", OptimizerKind::Adafactor}, {"sgd", OptimizerKind::Sgd}, {"muon", OptimizerKind::Muon}};
  {
    // Buckets enough that rooms are used again and again.
    ModelSpec spec = tinySpec(true, RopeLayout::Interleaved);
    spec.layers = 6;
    spec.dModel = 384;
    spec.ffn = 1024;
    const Tiny deep = makeTiny(true, spec);
    TrainerOptions options = deep.options;
    options.optimizer = OptimizerKind::Sgd;
    options.processes = 2;
    CHECK(TrainedLayout(spec, options).buckets.size() >= 6);
    options.processes = 1;
    compare("deep", deep, options);
  }
  const Tiny scaled = makeTiny(false, everySpec(true, RopeLayout::Interleaved), true);
  compare("DoRA", scaled, scaled.options);
  for (const bool full : {false, true}) {
    const Tiny tiny = largeTiny(full);
    for (const auto& [name, kind] : optimizers) {
      if (kind == OptimizerKind::Muon && !full) continue;
      TrainerOptions options = tiny.options;
      options.optimizer = kind;
      options.average = kind == OptimizerKind::AdamW;
      options.checkpointing = kind == OptimizerKind::Sgd;
      compare(name, tiny, options);
    }
  }
  return report("data_parallel_test");
}
