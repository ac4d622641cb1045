// A feed-forward that has a chunk of the tokens at once gives what one of all tokens gives, in less memory: to the last bit forward, where
// rows do not meet, and to rounding where gradients of weights are summed chunk by chunk.
#include <cmath>
#include <cstdio>

#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

struct Pass {
  double loss;
  std::vector<float> gradients;
  std::size_t arena;
};

Pass pass(const Tiny& tiny, TrainerOptions options, std::int32_t chunk, ThreadPool& pool) {
  options.feedForwardChunk = chunk;
  Trainer trainer(tiny.model, options, pool, kernels());
  loadParameters(tiny, trainer);
  const std::atomic<bool> abort{false};
  const double evaluated = trainer.evaluate(tiny.batch(), abort).loss;
  const double loss = trainer.forwardBackward(tiny.batch(), 1.0f / 137, 3, abort).loss;
  if (options.dropout == 0) CHECK(evaluated == loss);
  return {loss, copied(trainer, trainer.gradients()), trainer.layout().plan.size()};
}

double apart(const std::vector<float>& a, const std::vector<float>& b) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += (a[i] - b[i]) * (a[i] - b[i]);
    size += a[i] * a[i];
  }
  return std::sqrt(error / size);
}

}  // namespace

int main() {
  ThreadPool threads(2);
  for (const bool full : {false, true})
    for (const bool every : {false, true})
      for (const bool checkpointing : {false, true}) {
        Tiny tiny = makeTiny(full, every ? everySpec(true, RopeLayout::Halves) : tinySpec(false, RopeLayout::Halves), !full);
        TrainerOptions options = tiny.options;
        options.checkpointing = checkpointing;
        if (!full) options.dropout = 0.2f;  // whose masks are those of the tokens, not of their place in a chunk
        const Pass whole = pass(tiny, options, 0, threads);
        for (const std::int32_t chunk : {1, 37, 64, 149}) {
          const Pass chunked = pass(tiny, options, chunk, threads);
          CHECK(chunked.loss == whole.loss);
          const double error = apart(whole.gradients, chunked.gradients);
          if (!(error < 1e-6)) {
            std::printf("full %d every %d checkpointing %d chunk %d: gradients are off by %.3g\n", full, every, checkpointing, chunk, error);
            ++failures;
          }
          if (chunk <= 64) CHECK(chunked.arena < whole.arena);
        }
        // As many as there are is no chunk.
        const Pass all = pass(tiny, options, tiny.options.maxTokens, threads);
        CHECK(all.gradients == whole.gradients);
        CHECK(all.arena == whole.arena);
      }
  return report("chunk_test");
}
