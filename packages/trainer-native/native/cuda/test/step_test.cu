// Whole training steps on the GPU, or on its emulator: the gradients of gradients.hpp, and what optimisers make of them against the processor's.
#include <cstdlib>

#include "crowded.hpp"
#include "device/cuda_device.hpp"
#include "gradients.hpp"
#ifdef QT_CUDA_EMULATED
#include <sys/wait.h>
#include <unistd.h>

#include "emulator/observer.hpp"
#endif

using namespace qt;

namespace {

constexpr OptimizerKind optimizers[] = {OptimizerKind::AdamW, OptimizerKind::AdamW8bit, OptimizerKind::Adafactor, OptimizerKind::Sgd, OptimizerKind::Muon};

std::unique_ptr<Device> gpu(DType precision) { return std::make_unique<cuda::CudaDevice>(0, precision); }

// Three steps with everything that draws random numbers, clipped, with a moving average.
std::vector<float> afterSteps(const test::Tiny& tiny, OptimizerKind kind, std::unique_ptr<Device> device) {
  TrainerOptions options = tiny.options;
  options.optimizer = kind;
  options.average = true;
  options.embeddingNoise = 3.0f;
  if (!options.full) options.dropout = 0.2f;
  Trainer trainer(tiny.model, options, std::move(device));
  test::loadParameters(tiny, trainer);
  if (!options.full) trainer.startMagnitudes();
  const std::atomic<bool> abort{false};
  for (int step = 1; step <= 3; ++step) {
    trainer.forwardBackward(tiny.batch(), 1.0f / 137, static_cast<std::uint32_t>(step), abort);
    UpdateOptions update = test::updateOptions(1e-3f, 0.9f, 0.99f, 1e-8f, 0.01f, 0.5f, step);
    update.averageDecay = 0.9f;
    trainer.update(update);
  }
  return test::copied(trainer, trainer.parameters());
}

void checkOptimizers(bool full) {
  test::Tiny tiny = test::makeTiny(full, test::tinySpec(true, RopeLayout::Halves), true);
  ThreadPool pool(2);
  for (const OptimizerKind kind : optimizers) {
    const std::vector<float> expected = afterSteps(tiny, kind, std::make_unique<HostDevice>(pool, kernels(), DType::F32));
    const std::vector<float> found = afterSteps(tiny, kind, gpu(DType::F32));
    double error = 0, size = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      error += (found[i] - expected[i]) * (found[i] - expected[i]);
      size += expected[i] * expected[i];
    }
    // Steps of AdamW are as long where a gradient is nearly nothing, whose sign may then differ.
    const double apart = std::sqrt(error / size);
    if (!(apart < 1e-4)) {
      std::printf("optimiser %d, full %d: parameters are off by %.3g\n", static_cast<int>(kind), full, apart);
      ++failures;
    }
  }
}

// Passes that follow one another through the same places, one of them stopped on its way: what is off-loaded comes back as it was.
void checkOffloading() {
  test::Tiny tiny = test::makeTiny(false, test::everySpec(true, RopeLayout::Halves));
  tiny.options.checkpointing = true;
  tiny.options.embeddingNoise = 3.0f;  // so that no two passes have the same inputs
  tiny.borders = {0, 25, 32};
  tiny.ids.resize(32);
  tiny.labels.resize(32);
  const auto gradients = [&](bool offload) {
    TrainerOptions options = tiny.options;
    options.offload = offload;
    Trainer trainer(tiny.model, options, gpu(DType::F32));
    test::loadParameters(tiny, trainer);
    std::atomic<bool> abort{false};
    trainer.forwardBackward(tiny.batch(), 1.0f / 137, 1, abort);
    trainer.onPass({.done = [&](int layer) { abort = layer == tiny.model.spec.layers - 1; }});
    CHECK(!trainer.forwardBackward(tiny.batch(), 1.0f / 137, 2, abort).finished);
    trainer.onPass({});
    abort = false;
    trainer.zeroGradients();
    trainer.forwardBackward(tiny.batch(), 1.0f / 137, 3, abort);
    return test::copied(trainer, trainer.gradients());
  };
  const std::vector<float> expected = gradients(false);
#ifdef QT_CUDA_EMULATED
  for (const int delay : {0, 1, 2, 5, 20, 60}) {
    cuda::emulator::copyDelay = delay;
    CHECK(gradients(true) == expected);
  }
  cuda::emulator::copyDelay = -1;
#endif
  CHECK(gradients(true) == expected);
}

// Batches of the same sizes are asked for at once from the third on, whatever their numbers, and with what parameters and borders are by then.
void checkRepetition() {
  for (const bool full : {false, true}) {
    test::Tiny tiny = test::makeTiny(full, test::everySpec(true, RopeLayout::Halves), !full);
    tiny.options.checkpointing = full;
    tiny.options.offload = full;
    tiny.options.feedForwardChunk = full ? 24 : 0;
    tiny.ids.resize(40);
    tiny.labels.resize(40);
    const std::atomic<bool> abort{false};
    const auto pass = [&](Trainer& trainer, int which) {
      test::Tiny batch = tiny;
      batch.borders = which == 3 ? std::vector{0, 12, 40} : std::vector{0, 25, 40};
      for (std::size_t i = 0; i < batch.ids.size(); ++i) {
        batch.ids[i] = (batch.ids[i] + 7 * which) % tiny.model.spec.vocabulary;
        if (i % 5 == static_cast<std::size_t>(which)) batch.labels[i] = -100;
      }
      trainer.forwardBackward(batch.batch(), 1.0f / static_cast<float>(30 + which), static_cast<std::uint32_t>(which), abort);
    };
    const auto change = [&](Trainer& trainer) {
      const std::vector<float> changed(trainer.parameters().size(), 0.01f);
      trainer.device().copyIn(trainer.parameters().data(), changed.data(), changed.size() * sizeof(float));
    };
    auto device = std::make_unique<cuda::CudaDevice>(0, DType::F32);
    const cuda::CudaDevice& asked = *device;
    Trainer trainer(tiny.model, tiny.options, std::move(device)), fresh(tiny.model, tiny.options, gpu(DType::F32));
    test::loadParameters(tiny, trainer);
    for (int which = 0; which < 3; ++which) pass(trainer, which);
    const std::size_t once = static_cast<std::size_t>((tiny.options.checkpointing ? 3 : 2) * tiny.model.spec.layers);
    CHECK(asked.replays() == 2 * once);
    change(trainer);
    change(fresh);
    trainer.zeroGradients();
    pass(trainer, 3);
    pass(fresh, 3);
    CHECK(asked.replays() == 3 * once);
    CHECK(test::copied(trainer, trainer.gradients()) == test::copied(fresh, fresh.gradients()));
    if (full) continue;
    // Dropout draws other numbers each time.
    TrainerOptions drops = tiny.options;
    drops.dropout = 0.2f;
    device = std::make_unique<cuda::CudaDevice>(0, DType::F32);
    const cuda::CudaDevice& dropping = *device;
    Trainer never(tiny.model, drops, std::move(device));
    for (int which = 0; which < 3; ++which) pass(never, which);
    CHECK(dropping.replays() == 0);
  }
}

#ifdef QT_CUDA_EMULATED
// A GPU whose memory others have taken says so and nothing else; what it holds is as it was, and the next pass is as if this had not been.
void checkWantOfMemory(bool magnitudes) {
  test::Tiny tiny = test::makeTiny(false, test::tinySpec(true, RopeLayout::Halves), magnitudes);
  const std::atomic<bool> abort{false};
  const auto pass = [&](Trainer& trainer) { trainer.forwardBackward(tiny.batch(), 1.0f / 137, 1, abort); };
  Trainer whole(tiny.model, tiny.options, gpu(DType::F32)), trainer(tiny.model, tiny.options, gpu(DType::F32));
  for (Trainer* each : {&whole, &trainer}) test::loadParameters(tiny, *each);
  const std::vector<float> parameters = test::copied(trainer, trainer.parametersAsTheyAre());
  {
    const test::FullOnce full;
    CHECK(test::throws<OutOfMemory>([&] { pass(trainer); }));
  }
  CHECK(test::copied(trainer, trainer.parametersAsTheyAre()) == parameters);
  trainer.zeroGradients();
  for (Trainer* each : {&whole, &trainer}) pass(*each);
  CHECK(test::copied(trainer, trainer.gradients()) == test::copied(whole, whole.gradients()));
  const test::Set left("QT_EMULATED_GPU_LEFT", "100000");
  CHECK(test::throws<OutOfMemory>([&] { Trainer another(tiny.model, tiny.options, gpu(DType::F32)); }));
}

// Its share of a base that processes divide among them is taken whole or not at all, and the lack of it is want of memory.
void checkWantOfMemoryForShares() {
  test::Tiny tiny = test::makeTiny(false, test::tinySpec(true, RopeLayout::Halves));
  tiny.options.processes = 2;
  tiny.options.shardBase = true;
  auto device = std::make_unique<cuda::CudaDevice>(0, DType::F32);
  const StepLayout layout(tiny.model.spec, tiny.options, device->needs());
  const TrainedLayout trained(tiny.model.spec, tiny.options);
  const std::size_t before = layout.plan.size() + (trained.count + trained.sums + trained.rooms + trained.originCount) * sizeof(float) + trained.stateBytes;
  const test::Set left("QT_EMULATED_GPU_LEFT", std::to_string(before + 1000).c_str());
  CHECK(test::throws<OutOfMemory>([&] { Trainer another(tiny.model, tiny.options, std::move(device)); }));
}

// Work that repeats is captured as far as was planned for it, and where the driver has no memory for that it is asked for as ever.
void checkWantOfMemoryForGraphs() {
  test::Tiny tiny = test::makeTiny(false, test::tinySpec(true, RopeLayout::Halves));
  const std::atomic<bool> abort{false};
  const auto passes = [&](int captures, int replays, std::size_t* replayed) {
    auto device = std::make_unique<cuda::CudaDevice>(0, DType::F32);
    const cuda::CudaDevice& asked = *device;
    Trainer trainer(tiny.model, tiny.options, std::move(device));
    test::loadParameters(tiny, trainer);
    cuda::emulator::capturesLeft = captures;
    cuda::emulator::replaysLeft = replays;
    for (std::uint32_t micro = 0; micro < 4; ++micro) trainer.forwardBackward(tiny.batch(), 1.0f / 137, micro, abort);
    cuda::emulator::capturesLeft = cuda::emulator::replaysLeft = -1;
    *replayed = asked.replays();
    CHECK(asked.captured().nodes() <= cuda::CudaNeeds::graphNodes(tiny.model.spec, tiny.options));
    CHECK((asked.captured().nodes() > 0) == (captures < 0 && replays < 0));
    return test::copied(trainer, trainer.gradients());
  };
  std::size_t all = 0, some = 0;
  const std::vector<float> expected = passes(-1, -1, &all);
  CHECK(all == 3 * 2 * static_cast<std::size_t>(tiny.model.spec.layers));
  for (const int left : {0, 1, 3}) {
    CHECK(passes(left, -1, &some) == expected && some < all);
    CHECK(passes(-1, left, &some) == expected && some == static_cast<std::size_t>(left));
  }
  // Of sizes that come when what was planned is used up nothing is captured.
  cuda::Runtime runtime(0);
  cuda::CapturedWork captured(runtime);
  captured.allow(2);
  const auto met = [&](std::int64_t sizes) { return captured.met({sizes}); };
  const auto launches = [&](int count) {
    static float numbers[8];
    for (int i = 0; i < count; ++i) static_cast<void>(runtime.zero(numbers, sizeof numbers));
  };
  for (std::int64_t sizes = 1; sizes <= 3; ++sizes) {
    CHECK(met(sizes) == nullptr);
    cuda::CapturedWork::Entry* again = met(sizes);
    CHECK((again != nullptr) == (sizes < 3));
    if (again == nullptr) continue;
    CHECK(captured.begin());
    launches(1);
    CHECK(captured.keep(*again) && captured.replay(*again) == cuda::Status::Ok);
  }
  CHECK(met(1) != nullptr && met(2) != nullptr && captured.nodes() == 2);
}

// What the processor cannot touch on a device it cannot touch here.
void checkApart() {
  cuda::CudaDevice device(0, DType::F32);
  const volatile unsigned char* there = device.allocate(64);
  unsigned char byte = 1;
  device.copyOut(&byte, const_cast<const unsigned char*>(there), 1);
  CHECK(byte == 0 && device.failure() == nullptr);
  const pid_t child = fork();
  if (child == 0) _exit(there[0]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

// What goes wrong in the device's own code is its failure: nothing is thrown at whoever asked.
void checkFailures() {
  cuda::CudaDevice device(0, DType::F32);
  unsigned char few[16];
  device.useScratch(few, sizeof few);
  CHECK(device.failure() != nullptr && !device.recover());
  cuda::CudaDevice other(0, DType::F32);
  other.check("a test", [] { throw std::length_error("too long"); });
  CHECK(other.failure() != nullptr && std::string(other.failure()).find("a test: too long") != std::string::npos && !other.recover());
  cuda::CudaDevice third(0, DType::F32);
  third.check("a test", [] { throw OutOfMemory("nothing left"); });
  CHECK(third.failure() != nullptr && third.recover() && third.failure() == nullptr);
}

// A step that found no memory is done later as it would have been at once, with what clipping says to the optimiser's kernels.
void checkStepAfterFailure() {
  test::Tiny tiny = test::makeTiny(false, test::tinySpec(true, RopeLayout::Halves));
  const std::atomic<bool> abort{false};
  const auto stepped = [&](bool fails) {
    auto device = std::make_unique<cuda::CudaDevice>(0, DType::F32);
    cuda::CudaDevice& failing = *device;
    Trainer trainer(tiny.model, tiny.options, std::move(device));
    test::loadParameters(tiny, trainer);
    trainer.forwardBackward(tiny.batch(), 1.0f / 137, 1, abort);
    const UpdateOptions update = test::updateOptions(1e-3f, 0.9f, 0.99f, 1e-8f, 0.01f, 0.0f, 1);
    if (fails) {
      failing.check("a test", [] { throw OutOfMemory("nothing left"); });
      CHECK(test::throws<OutOfMemory>([&] { trainer.step(update, 1); }));
    }
    trainer.step(update, 1);
    return test::copied(trainer, trainer.parameters());
  };
  CHECK(stepped(true) == stepped(false));
}
#endif

#ifdef QT_CUDA_EMULATED
// How often our own kernels multiply tiles.
struct OwnMultiplications final : cuda::emulator::Observer {
  std::uint64_t count = 0;
  void beginLaunch(const void*, dim3, dim3, std::size_t) override {}
  void endBlock() override {}
  void access(const cuda::emulator::Access&) override {}
  void together(cuda::emulator::Together what) override { count += what == cuda::emulator::Together::Multiply ? 1 : 0; }
};

std::uint64_t ownMultiplications(const char* products) {
  setenv("QT_CUDA_PRODUCTS", products, 1);
  ModelSpec spec = test::blockSpec();
  spec.vocabulary = 512;
  spec.ffn = 256;
  test::Tiny tiny = test::makeTiny(true, spec, false);
  tiny.options.precision = DType::BF16;
  Trainer trainer(tiny.model, tiny.options, gpu(DType::BF16));
  test::loadParameters(tiny, trainer);
  OwnMultiplications own;
  cuda::emulator::observer = &own;
  const std::atomic<bool> abort{false};
  trainer.forwardBackward(tiny.batch(), 1.0f / 137, 1, abort);
  cuda::emulator::observer = nullptr;
  unsetenv("QT_CUDA_PRODUCTS");
  return own.count;
}

// In a step nothing keeps a large product from cuBLASLt: attention is what is left.
void checkWhoMultiplies() {
  if (std::getenv("QT_CUBLASLT_LIBRARY") == nullptr) return;
  const std::uint64_t all = ownMultiplications("own"), left = ownMultiplications("cublaslt");
  if (left == 0 || left * 5 > all) std::printf("cuBLASLt leaves %llu of %llu\n", static_cast<unsigned long long>(left), static_cast<unsigned long long>(all));
  CHECK(left > 0 && left * 5 <= all);
}
#endif

// Everything that a run of steps works in was planned and taken before the first of them.
void checkAllocations(const TrainerOptions& options, const test::Tiny& tiny) {
  auto device = std::make_unique<cuda::CudaDevice>(0, options.precision);
  const cuda::CudaDevice& asked = *device;
  Trainer trainer(tiny.model, options, std::move(device));
  test::loadParameters(tiny, trainer);
  const std::size_t before = asked.allocations();
  CHECK(before <= (trainer.shardedBase() == nullptr ? 3 : 4));  // the arena, what is trained, the base: what is shared out of it, and the rest
  if (trainer.shardedBase() != nullptr) return;
  const std::atomic<bool> abort{false};
  for (int step = 1; step <= 2; ++step) {
    trainer.forwardBackward(tiny.batch(), 1.0f / 137, static_cast<std::uint32_t>(step), abort);
    trainer.update(test::updateOptions(1e-3f, 0.9f, 0.99f, 1e-8f, 0.01f, 0.5f, step));
    trainer.evaluate(tiny.batch(), abort);
  }
  CHECK(asked.allocations() == before);
}

void checkAllocations() {
  for (const bool full : {false, true}) {
    test::Tiny tiny = test::makeTiny(full, test::everySpec(true, RopeLayout::Halves), true);
    tiny.options.precision = DType::BF16;
    for (const OptimizerKind kind : full ? std::vector{OptimizerKind::Adafactor, OptimizerKind::Muon} : std::vector{OptimizerKind::AdamW8bit}) {
      tiny.options.optimizer = kind;
      checkAllocations(tiny.options, tiny);
    }
    if (full) continue;
    tiny.options.processes = 2;
    tiny.options.rank = 1;
    tiny.options.shardBase = true;
    checkAllocations(tiny.options, tiny);
  }
}

}  // namespace

int main() {
  char reason[256] = "";
  if (cuda::countDevices(reason, sizeof reason) == 0) {
    std::printf("no device: skipped 5 (%s)\n", reason);
    return 0;
  }
#ifdef QT_CUDA_EMULATED
  cuda::emulator::setApart();
#endif
  const test::NamedDevice device{"CUDA", gpu, true, true};
  test::checkGradients({&device, 1});
  for (const bool full : {false, true}) checkOptimizers(full);
  checkOffloading();
  checkAllocations();
  checkRepetition();
#ifdef QT_CUDA_EMULATED
  for (const bool magnitudes : {false, true}) checkWantOfMemory(magnitudes);
  checkWantOfMemoryForShares();
  checkWantOfMemoryForGraphs();
  checkFailures();
  checkApart();
  checkStepAfterFailure();
  checkWhoMultiplies();
#endif
  return report("step_test");
}
