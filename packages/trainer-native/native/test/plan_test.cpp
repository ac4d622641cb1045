// Steps of random combinations – PiSSA, DoRA, dropout, outputs and embeddings trained whole, chunks of the loss and of feed-forwards, checkpointing – stay
// within what was planned for their packed operands, and give finite numbers.
#include <cmath>
#include <cstdio>
#include <exception>
#include <random>

#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  const std::atomic<bool> abort{false};
  std::mt19937 generator(7);
  const auto below = [&](int n) { return static_cast<int>(generator() % static_cast<unsigned>(n)); };
  ThreadPool pool(4);
  for (int i = 0; i < 200; ++i) {
    const bool full = below(6) == 0, dora = !full && below(3) == 0, pissa = !full && !dora && below(2) == 0, tied = below(2) == 0;
    const RopeLayout layout = below(2) == 0 ? RopeLayout::Halves : RopeLayout::Interleaved;
    Tiny tiny = makeTiny(full, below(2) == 0 ? everySpec(tied, layout) : tinySpec(tied, layout), dora);
    TrainerOptions& options = tiny.options;
    for (auto& layer : options.adapters)
      for (auto& module : layer) module.origin = pissa && module.rank > 0 && below(3) != 0;
    options.trainOutput = !full && below(2) == 0;
    options.trainEmbedding = !full && below(2) == 0;
    // A copy of its own where the model ties them.
    if (options.trainOutput && tied) tiny.decoder.weights[weightOf(-1, OutputWeight)] = tiny.decoder.weights.at(weightOf(-1, Embedding));
    if (!full && !pissa && below(2) == 0) options.dropout = 0.2f;
    options.precision = below(2) == 0 ? DType::F32 : DType::BF16;
    options.checkpointing = below(2) == 0;
    options.lossChunk = 1 + below(60);
    options.feedForwardChunk = below(2) == 0 ? 0 : 1 + below(160);
    try {
      Trainer trainer(tiny.model, options, pool, kernels(names[below(count)]));
      loadParameters(tiny, trainer);
      for (std::uint32_t micro = 1; micro <= 2; ++micro) CHECK(std::isfinite(trainer.forwardBackward(tiny.batch(), 0.01f, micro, abort).loss));
    } catch (const std::exception& error) {
      std::printf("case %d: %s\n", i, error.what());
      ++failures;
    }
  }
  return report("plan_test");
}
