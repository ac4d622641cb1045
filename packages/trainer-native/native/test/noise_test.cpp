// NEFTune's noise on embeddings: its law, and loss and gradients against the reference with the noise written out from Philox.
#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

constexpr float alpha = 5.0f;
constexpr std::uint64_t seed = 78;

// Element i of token t: word i%4 of block i/4, as a uniform number up to α/√(length of its document · width).
reference::Values noiseOf(const Tiny& tiny, std::uint32_t micro) {
  const int d = tiny.model.spec.dModel;
  reference::Values noise;
  for (std::size_t b = 0; b + 1 < tiny.borders.size(); ++b)
    for (int t = tiny.borders[b]; t < tiny.borders[b + 1]; ++t)
      for (int i = 0; i < d; ++i) {
        std::uint32_t word[4];
        philox(i / 4, micro, 6, seed ^ (static_cast<std::uint64_t>(t) << 32), word);
        noise.push_back(alpha / std::sqrt(static_cast<double>(tiny.borders[b + 1] - tiny.borders[b]) * d) * (word[i % 4] / 2147483648.0 - 1));
      }
  return noise;
}

// Uniform from −m to m: never beyond, mean 0, variance m²/3, the numbers of a token and of its neighbours uncorrelated.
void checkLaw(const Tiny& tiny, const reference::Values& noise) {
  const int d = tiny.model.spec.dModel;
  for (std::size_t b = 0; b + 1 < tiny.borders.size(); ++b) {
    const int begin = tiny.borders[b] * d, end = tiny.borders[b + 1] * d;
    const double most = alpha / std::sqrt(static_cast<double>(end - begin)), count = end - begin;
    double sum = 0, squares = 0, across = 0, down = 0, largest = 0;
    for (int i = begin; i < end; ++i) {
      const double x = noise[i] / most;
      sum += x;
      squares += x * x;
      largest = std::max(largest, std::fabs(x));
      if (i + 1 < end) across += x * noise[i + 1] / most;
      if (i + d < end) down += x * noise[i + d] / most;
    }
    CHECK(largest <= 1.0);
    if (count < 1000) continue;
    CHECK(largest > 0.99);
    // Four standard errors.
    CHECK_NEAR(sum / count, 0.0, 4 * std::sqrt(1 / 3.0 / count));
    CHECK_NEAR(squares / count, 1 / 3.0, 4 * std::sqrt(4 / 45.0 / count));
    CHECK_NEAR(across / count, 0.0, 4 / 3.0 / std::sqrt(count));
    CHECK_NEAR(down / count, 0.0, 4 / 3.0 / std::sqrt(count));
  }
}

}  // namespace

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  const std::atomic<bool> abort{false};
  ThreadPool pool(2);
  const std::uint32_t micro = 5;
  const double weight = 1.0 / 137;
  // A scaled embedding is scaled before the noise, as transformers' hook on the embedding sees it.
  for (const bool full : {true, false}) {
    Tiny tiny = makeTiny(full, everySpec(true, RopeLayout::Halves));
    tiny.options.embeddingNoise = alpha;
    tiny.options.seed = seed;
    tiny.decoder.noise = noiseOf(tiny, micro);
    checkLaw(tiny, tiny.decoder.noise);
    reference::Tensors expected;
    const double loss = tiny.decoder.lossAndGradients(tiny.ids, tiny.labels, tiny.borders, weight, expected);
    tiny.decoder.noise.clear();
    reference::Tensors ignored;
    const double calm = tiny.decoder.lossAndGradients(tiny.ids, tiny.labels, tiny.borders, weight, ignored);
    CHECK(std::fabs(loss - calm) > 1e-3);

    for (int n = 0; n < count; ++n)
      for (const bool checkpointing : {false, true}) {
        tiny.options.checkpointing = checkpointing;
        Trainer trainer(tiny.model, tiny.options, pool, kernels(names[n]));
        loadParameters(tiny, trainer);
        const LossSum sum = trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), micro, abort);
        CHECK_NEAR(sum.loss * weight / loss, 1.0, 1e-5);
        for (const TrainedTensor& t : trainer.trained().tensors) CHECK_NEAR(gradientError(trainer, t, expected), 0.0, 5e-5);
        // Other micro-batches have other noise; validation has none.
        CHECK(trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), micro + 1, abort).loss != sum.loss);
        CHECK(trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), micro, abort).loss == sum.loss);
        CHECK_NEAR(trainer.evaluate(tiny.batch(), abort).loss * weight / calm, 1.0, 1e-5);
      }
  }
  return report("noise_test");
}
