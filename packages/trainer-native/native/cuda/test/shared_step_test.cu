// Steps that several processes take on GPUs: what one of them does that finds no memory in the middle, and when rooms are used again. Each process has
// an emulator of its own.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "crowded.hpp"
#include "device/cuda_device.hpp"
#include "parallel/data_parallel.hpp"
#include "processes.hpp"
#include "tiny.hpp"
#ifdef QT_CUDA_EMULATED
#include "emulator/observer.hpp"
#endif

using namespace qt;
using namespace qt::test;

#ifdef QT_CUDA_EMULATED
namespace {

constexpr int steps = 2;

struct Way {
  const char* name;
  int processes = 2, tensor = 1;
  bool shardBase = false, memory = false;  // by the processes' memory, or by NCCL
  int ffn = 28;                            // of 56 columns, those of the first of a tensor group
  float learningRate = 1e-2f;
  // Two for each, but for the last where the base is divided: it attends the others' passes.
  int microBatches() const { return 2 * (processes / tensor) - (shardBase ? 1 : 0); }
};

// Where in the second step rank 1 lacks memory: in which of its passes, and after how many launches of that.
struct Lack {
  int pass = -1, launches = 0;
};

// From a launch on a device has no memory.
class FullAt final : public cuda::emulator::Observer {
 public:
  FullAt(cuda::CudaDevice& device, int launches) : device_(device), left_(launches) { cuda::emulator::observer = this; }
  ~FullAt() override { cuda::emulator::observer = nullptr; }
  void beginLaunch(const void*, dim3, dim3, std::size_t) override {
    if (left_-- == 0) device_.check("a test", [] { throw OutOfMemory("nothing left"); });
  }
  void endBlock() override {}
  void access(const cuda::emulator::Access&) override {}
  void together(cuda::emulator::Together) override {}
  bool reached() const { return left_ < 0; }

 private:
  cuda::CudaDevice& device_;
  int left_;
};

// The emulator takes its time.
Tiny shortTiny(bool full, const ModelSpec& spec) {
  Tiny tiny = makeTiny(full, spec);
  tiny.borders = {0, 10, 11, 24};
  tiny.ids.resize(24);
  tiny.labels.resize(24);
  tiny.options.maxTokens = 24;
  return tiny;
}

Batch batchOf(const Tiny& tiny, std::vector<int>& ids, int micro) {
  ids = tiny.ids;
  std::rotate(ids.begin(), ids.begin() + 5 * micro % 24, ids.end());
  Batch batch = tiny.batch();
  batch.ids = ids.data();
  return batch;
}

TrainerOptions optionsOf(const Tiny& tiny, const Way& way, int rank) {
  TrainerOptions options = tiny.options;
  options.optimizer = OptimizerKind::Sgd;
  options.rank = rank / way.tensor;
  options.processes = way.processes / way.tensor;
  options.shardBase = way.shardBase;
  options.apart = true;
  if (way.tensor > 1) options.tensor = {rank % way.tensor, {0, 1, 2}, {0, way.ffn, 56}};
  return options;
}

// What nobody divides is alike in all processes of the job.
void checkWhole(const TrainedLayout& layout, const std::vector<float>& parameters, Communicator& all) {
  std::vector<float> whole;
  for (const TrainedTensor& t : layout.tensors)
    if (t.part.whole()) whole.insert(whole.end(), parameters.begin() + static_cast<std::ptrdiff_t>(t.offset), parameters.begin() + static_cast<std::ptrdiff_t>(t.offset) + t.size());
  CHECK(!whole.empty());
  all.run([&] {
    const auto everybodys = all.allGather({reinterpret_cast<const unsigned char*>(whole.data()), whole.size() * sizeof(float)});
    for (const auto& one : everybodys) CHECK(one == everybodys[0]);
  });
}

// Of every process what it has at the end. With a lack the second step is taken twice.
std::vector<float> train(const Tiny& tiny, const Way& way, const std::shared_ptr<Communicator>& all, const Lack& lack) {
  const std::atomic<bool> abort{false};
  const int microBatches = way.microBatches();
  const TrainerOptions options = optionsOf(tiny, way, all->rank());
  const std::shared_ptr<const Model> whole(&tiny.model, [](const Model*) {});
  const Model local = options.tensor.divides() ? localModel(whole, options.tensor) : tiny.model;
  ThreadPool pool(1);
  std::vector<float> parameters;
  std::vector<int> ids;
  int again = 0;
  for (int s = 1; s <= steps;) {
    // Made anew for each step, as it is after a lack.
    auto made = std::make_unique<cuda::CudaDevice>(0, DType::F32);
    cuda::CudaDevice& device = *made;
    Trainer trainer(local, options, std::move(made));
    DataParallel step(trainer, all, pool, kernels());
    if (parameters.empty()) {
      // What is whole begins alike in all.
      parameters.resize(trainer.parameters().size());
      const auto& tensors = trainer.trained().tensors;
      for (std::size_t t = 0; t < tensors.size(); ++t)
        for (std::int64_t i = 0; i < tensors[t].size(); ++i)
          parameters[tensors[t].offset + static_cast<std::size_t>(i)] = static_cast<float>(0.1 * random(10'000 * t + static_cast<std::uint64_t>(i), 3));
    }
    device.copyIn(trainer.parameters().data(), parameters.data(), parameters.size() * sizeof(float));
    step.shareParameters();
    CHECK((step.library() != nullptr) == !way.memory && (step.libraryOfBlocks() != nullptr) == (!way.memory && way.tensor > 1));
    step.begin(microBatches);
    int pass = 0;
    for (int micro = options.rank; micro < microBatches; micro += options.processes, ++pass) {
      const bool here = s == 2 && again == 0 && all->rank() == 1 && pass == lack.pass;
      const std::unique_ptr<FullAt> full = here ? std::make_unique<FullAt>(device, lack.launches) : nullptr;
      const LossSum sum = step.forwardBackward(batchOf(tiny, ids, micro), 0.01f, static_cast<std::uint32_t>(s * microBatches + micro), abort);
      CHECK(sum.finished && sum.documents.size() == 3 && (!full || full->reached()));
    }
    if (options.shardBase && options.rank >= microBatches % options.processes) step.attend(true);
    const std::string lacked = step.exchange();
    const bool mine = s == 2 && again == 0 && lack.pass >= 0 && all->rank() == 1;
    CHECK(lacked == (mine ? "nothing left" : "") && step.lack().empty());
    if (s == 2 && lack.pass >= 0 && again++ == 0) {
      CHECK(copied(trainer, trainer.parametersAsTheyAre()) == parameters);
      continue;
    }
    const double norm = step.update(updateOptions(way.learningRate, 0.9f, 0.999f, 1e-8f, 0.1f, 0.5f, s++));
    CHECK(norm > 0 && std::isfinite(norm));
    all->run([&] {
      const auto everybodys = all->allGather({reinterpret_cast<const unsigned char*>(&norm), sizeof norm});
      for (const auto& one : everybodys) CHECK(one == everybodys[0]);
    });
    parameters = copied(trainer, trainer.parameters());
    checkWhole(trainer.trained(), parameters, *all);
    if (s <= steps || lack.pass < 0) continue;
    const std::unique_ptr<FullAt> full = all->rank() == 1 ? std::make_unique<FullAt>(device, lack.launches / 4) : nullptr;
    CHECK(step.evaluate(batchOf(tiny, ids, 0), abort).documents.size() == 3);
    CHECK(step.lack() == (full ? "nothing left" : ""));
  }
  return parameters;
}

// Everybody's, one after the other.
std::vector<float> run(const Tiny& tiny, const Way& way, const Lack& lack = {}) {
  const auto bytes = sharedBytes(std::size_t{1} << 24);
  auto* counts = reinterpret_cast<std::size_t*>(bytes.get());
  auto* numbers = reinterpret_cast<float*>(bytes.get() + 64);
  constexpr std::size_t room = std::size_t{1} << 19;
  if (way.memory) setenv("QT_GPU_EXCHANGE", "memory", 1);
  const auto statuses = inProcesses(way.processes, [&](int rank, std::uint16_t port) {
    const auto all = std::make_shared<Communicator>(tcpJob(rank, way.processes, port));
    const std::vector<float> own = train(tiny, way, all, lack);
    CHECK(own.size() <= room && way.processes * room * sizeof(float) < std::size_t{1} << 24);
    counts[rank] = own.size();
    std::copy(own.begin(), own.end(), numbers + static_cast<std::size_t>(rank) * room);
    all->leave();
    return failures;
  });
  unsetenv("QT_GPU_EXCHANGE");
  for (const int status : statuses) CHECK(status == 0);
  std::vector<float> everybodys;
  for (int rank = 0; rank < way.processes; ++rank) everybodys.insert(everybodys.end(), numbers + rank * room, numbers + rank * room + counts[rank]);
  return everybodys;
}

// The others are not kept waiting, all of them can tell, nothing has changed, and the step that is taken again is as if this had not been.
void wantOfMemory() {
  const Tiny tiny = shortTiny(false, tinySpec(false, RopeLayout::Halves));
  for (const bool memory : {false, true})
    for (const Way& way : {Way{"alike", 2, 1, false, memory}, Way{"a divided base", 3, 1, true, memory}, Way{"groups", 4, 2, false, memory}}) {
      const std::vector<float> undisturbed = run(tiny, way);
      for (const Lack& lack : {Lack{0, 30}, Lack{1, 80}}) {
        if (run(tiny, way, lack) == undisturbed && !undisturbed.empty()) continue;
        std::printf("%s, by %s: other numbers after a lack of memory in pass %d at launch %d\n", way.name, memory ? "memory" : "NCCL", lack.pass, lack.launches);
        ++failures;
      }
    }
}

// By NCCL gradients are those that the processes' memory gives. Of three buckets the third lies where the first did, and is not written before that
// is sent; what was added in a first round is brought along in the second.
void byEitherWay() {
  const Tiny tiny = shortTiny(true, tinySpec(false, RopeLayout::Halves));
  const TrainedLayout layout(tiny.model.spec, optionsOf(tiny, {"", 2}, 0));
  CHECK(layout.buckets.size() == 3 && layout.buckets[0].room == layout.buckets[2].room);
  for (Way way : {Way{"alike", 2}, Way{"a group", 2, 2}, Way{"groups", 4, 2}, Way{"uneven groups", 6, 2, false, false, 8}}) {
    const std::vector<float> byNccl = run(tiny, way);
    way.memory = true;
    const std::vector<float> byMemory = run(tiny, way);
    CHECK(byNccl.size() == byMemory.size() && !byNccl.empty());
    float most = 0;
    for (std::size_t i = 0; i < std::min(byNccl.size(), byMemory.size()); ++i) most = std::max(most, std::fabs(byNccl[i] - byMemory[i]));
    if (most > 1e-6f) std::printf("%s: by NCCL up to %g from what memory gives\n", way.name, most);
    CHECK(most <= 1e-6f);
  }
}

// Where shares are of different size, what is whole lies elsewhere in what is sent, and each of a group has its sums in another order: the steps are
// large enough that their last bits would be seen.
void wholeAlike() {
  const Tiny tiny = shortTiny(true, tinySpec(false, RopeLayout::Halves));
  CHECK(!run(tiny, Way{"uneven groups", 6, 2, false, false, 8, 10.0f}).empty());
}

// One process computes on the processor: everything goes through memory, and both know it.
void besideProcessor() {
  const Tiny tiny = shortTiny(false, tinySpec(false, RopeLayout::Halves));
  const auto statuses = inProcesses(2, [&](int rank, std::uint16_t port) {
    const auto all = std::make_shared<Communicator>(tcpJob(rank, 2, port));
    ThreadPool pool(1);
    std::unique_ptr<Device> device;
    if (rank == 0) device = std::make_unique<HostDevice>(pool, kernels(), DType::F32);
    else device = std::make_unique<cuda::CudaDevice>(0, DType::F32);
    Trainer trainer(tiny.model, optionsOf(tiny, {"", 2}, rank), std::move(device));
    DataParallel step(trainer, all, pool, kernels());
    const std::vector<float> own(trainer.parameters().size(), static_cast<float>(rank + 1));
    trainer.device().copyIn(trainer.parameters().data(), own.data(), own.size() * sizeof(float));
    step.shareParameters();
    CHECK(step.library() == nullptr && copied(trainer, trainer.parametersAsTheyAre()) == std::vector<float>(own.size(), 1.0f));
    TensorParallel blocks(all, trainer.device(), 2);
    blocks.join();
    CHECK(blocks.library() == nullptr);
    blocks.sum(trainer.parameters().data(), own.size());
    CHECK(copied(trainer, trainer.parametersAsTheyAre()) == std::vector<float>(own.size(), 2.0f));
    all->leave();
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
}

}  // namespace

int main() {
  if (std::getenv("QT_NCCL_LIBRARY") == nullptr) {
    std::printf("no device: skipped 4 (they want QT_NCCL_LIBRARY)\n");
    return 0;
  }
  wantOfMemory();
  byEitherWay();
  wholeAlike();
  besideProcessor();
  return report("cuda_shared_step_test");
}
#else
int main() {
  std::printf("no device: skipped 4 (they want emulated GPUs)\n");
  return 0;
}
#endif
