// Processes that share a step's micro-batches end with the bits of one that takes them all (strict), or with its numbers to rounding.
#include <algorithm>

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
  double norm = 0;
};

Tiny largeTiny(bool full) {
  ModelSpec spec = tinySpec(true, RopeLayout::Interleaved);
  spec.vocabulary = 3001;  // an embedding of several tasks, so that it is cut
  Tiny tiny = makeTiny(full, spec);
  tiny.options.dropout = full ? 0.0f : 0.1f;
  return tiny;
}

Result train(const Tiny& tiny, TrainerOptions options, std::shared_ptr<Communicator> all, bool strict) {
  const std::atomic<bool> abort{false};
  options.rank = all ? all->rank() : 0;
  options.processes = all ? all->size() : 1;
  ThreadPool pool(2);
  Trainer trainer(tiny.model, options, pool, kernels());
  loadParameters(tiny, trainer);
  Result out;
  DataParallel step(trainer, all, pool, kernels());
  for (int s = 1; s <= steps; ++s) {
    // The last step has fewer micro-batches, so that some process may have none.
    const int there = s == steps ? 2 : microBatches;
    std::vector<std::int32_t> borders;
    for (int r = 0; r <= options.processes; ++r) borders.push_back(std::min(there, microBatches * r / options.processes));
    step.begin(borders, strict);
    for (int micro = borders[options.rank]; micro < borders[options.rank + 1]; ++micro) {
      // Every micro-batch has other tokens.
      Tiny other;
      std::vector<int> ids = tiny.ids;
      std::rotate(ids.begin(), ids.begin() + 7 * micro, ids.end());
      Batch batch = tiny.batch();
      batch.ids = ids.data();
      step.forwardBackward(batch, 0.01f, static_cast<std::uint32_t>(s * microBatches + micro), abort);
    }
    step.exchange();
    out.norm = step.update(updateOptions(1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 0.5f, s));
  }
  out.parameters.assign(trainer.parameters().begin(), trainer.parameters().end());
  for (std::size_t t = 0; t < trainer.trained().tensors.size(); ++t)
    for (std::size_t a = 0; a < trainer.trained().tensors[t].state.size(); ++a) {
      const auto bytes = step.gatherState(t, a);
      out.state.insert(out.state.end(), bytes.begin(), bytes.end());
    }
  return out;
}

// Each process's state is smaller than the whole.
void checkShards(const Tiny& tiny, TrainerOptions options, int size) {
  const std::size_t whole = TrainedLayout(tiny.model.spec, options).stateBytes;
  options.processes = size;
  for (options.rank = 0; options.rank < size; ++options.rank) {
    const TrainedLayout layout(tiny.model.spec, options);
    for (const TrainedTensor& t : layout.tensors) CHECK(t.cuts.front() == 0 && t.cuts.back() == t.size() && std::is_sorted(t.cuts.begin(), t.cuts.end()));
    if (size == 2 && mayCut(options.optimizer)) CHECK(layout.stateBytes < whole * 7 / 10);
  }
}

void compare(const char* name, const Tiny& tiny, const TrainerOptions& options) {
  const auto bytes = sharedBytes(1 << 24);
  struct Header {
    std::size_t parameters, state;
    double norm;
  };
  const auto run = [&](int size, bool strict) {
    const auto statuses = inProcesses(size, [&](int rank, std::uint16_t port) {
      const auto all = size == 1 ? nullptr : std::make_shared<Communicator>(tcpJob(rank, size, port));
      const Result result = train(tiny, options, all, strict);
      if (all) {
        // Everybody has the same parameters.
        all->run([&] {
          const auto everybodys = all->allGather({reinterpret_cast<const unsigned char*>(result.parameters.data()), result.parameters.size() * 4});
          for (const auto& one : everybodys) CHECK(one == everybodys[0]);
        });
        all->leave();
      }
      if (rank != 0) return failures;
      const Header header{result.parameters.size(), result.state.size(), result.norm};
      unsigned char* to = bytes.get();
      std::memcpy(to, &header, sizeof header);
      std::memcpy(to + sizeof header, result.parameters.data(), result.parameters.size() * 4);
      std::memcpy(to + sizeof header + result.parameters.size() * 4, result.state.data(), result.state.size());
      return failures;
    });
    for (const int status : statuses) CHECK(status == 0);
    Header header;
    std::memcpy(&header, bytes.get(), sizeof header);
    Result result{std::vector<float>(header.parameters), std::vector<unsigned char>(header.state), header.norm};
    std::memcpy(result.parameters.data(), bytes.get() + sizeof header, header.parameters * 4);
    std::memcpy(result.state.data(), bytes.get() + sizeof header + header.parameters * 4, header.state);
    return result;
  };
  const Result alone = run(1, true), usual = run(1, false);
  CHECK(alone.norm > 0 && std::isfinite(alone.norm) && !alone.state.empty());
  for (const int size : {2, 3, 4}) {
    checkShards(tiny, options, size);
    const Result strict = run(size, true);
    if (strict.parameters != alone.parameters || strict.state != alone.state || strict.norm != alone.norm) {
      std::printf("%s: %d processes give other bits than one\n", name, size);
      ++failures;
    }
    const Result plain = run(size, false);
    CHECK_NEAR(plain.norm, usual.norm, 1e-4 * usual.norm);
    const Result again = run(size, false);
    CHECK(plain.parameters == again.parameters && plain.state == again.state && plain.norm == again.norm);
  }
}

}  // namespace

int main() {
  const std::pair<const char*, OptimizerKind> optimizers[] = {
      {"adamw", OptimizerKind::AdamW}, {"adamw8bit", OptimizerKind::AdamW8bit}, {"adafactor", OptimizerKind::Adafactor}, {"sgd", OptimizerKind::Sgd}, {"muon", OptimizerKind::Muon}};
  for (const bool full : {false, true}) {
    const Tiny tiny = largeTiny(full);
    for (const auto& [name, kind] : optimizers) {
      if (kind == OptimizerKind::Muon && !full) continue;
      TrainerOptions options = tiny.options;
      options.optimizer = kind;
      options.average = kind == OptimizerKind::AdamW;
      compare(name, tiny, options);
    }
  }
  return report("data_parallel_test");
}
