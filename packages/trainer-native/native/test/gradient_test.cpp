// Loss and every gradient of whole models against the double-precision reference: each kernel set, float32 and bfloat16,
// adapters and full training, both rotary layouts, llama and everything that others add to it, with and without checkpointing.
#include <cstring>
#include <map>

#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

// Pissa: what the adapters began as is taken away from the weights. Saved: an embedding and an output are trained beside adapters.
enum class Training { Lora, Dora, Pissa, Saved, Full };

namespace {

// Factors for every adapter to begin as, and the reference's weights without them.
void takeOrigins(Tiny& tiny, std::map<TensorId, std::vector<float>>& origins) {
  std::uint32_t purpose = 9000;
  for (int l = 0; l < tiny.model.spec.layers; ++l)
    for (int p = 0; p < projectionCount; ++p) {
      AdapterModule& m = tiny.options.adapters[l][p];
      if (m.rank == 0) continue;
      m.origin = true;
      const Shape s = projectionShape(tiny.model.spec, p);
      auto &a = origins[loraA(l, p)], &b = origins[loraB(l, p)];
      for (int i = 0; i < m.rank * s.columns; ++i) a.push_back(static_cast<float>(0.3 * random(i, purpose)));
      for (int i = 0; i < s.rows * m.rank; ++i) b.push_back(static_cast<float>(0.3 * random(i, purpose + 1)));
      purpose += 2;
      reference::Values& w = tiny.decoder.weights.at(weightOf(l, p));
      for (int i = 0; i < s.rows; ++i)
        for (int j = 0; j < s.columns; ++j)
          for (int r = 0; r < m.rank; ++r) w[i * s.columns + j] -= static_cast<double>(m.scale) * b[i * m.rank + r] * a[r * s.columns + j];
    }
}

}  // namespace

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  std::atomic<bool> abort{false};
  ThreadPool pool(3);
  for (const Training training : {Training::Lora, Training::Dora, Training::Pissa, Training::Saved, Training::Full})
    for (const auto& [every, layout] : {std::pair{false, RopeLayout::Interleaved}, std::pair{false, RopeLayout::Halves},
                                        std::pair{true, RopeLayout::Interleaved}, std::pair{true, RopeLayout::Halves}}) {
      const bool tied = layout == RopeLayout::Halves;
      const bool full = training == Training::Full;
      Tiny tiny = makeTiny(full, every ? everySpec(tied, layout) : tinySpec(tied, layout), training == Training::Dora);
      if (!full) {  // uneven weights of tokens, and smoothed labels
        tiny.options.labelSmoothing = 0.1f;
        tiny.decoder.smoothing = 0.1f;
        for (int i = 0; i < static_cast<int>(tiny.ids.size()); ++i) tiny.weights.push_back(0.25f * static_cast<float>(i % 7));
        tiny.decoder.tokenWeights.assign(tiny.weights.begin(), tiny.weights.end());
      }
      if (training == Training::Saved) {
        tiny.options.trainEmbedding = tiny.options.trainOutput = true;
        // A copy of its own where the model ties them.
        if (tied) tiny.decoder.weights[weightOf(-1, OutputWeight)] = tiny.decoder.weights.at(weightOf(-1, Embedding));
        tiny.decoder.spec.tiedEmbeddings = false;
      }
      std::map<TensorId, std::vector<float>> origins;
      if (training == Training::Pissa) takeOrigins(tiny, origins);
      reference::Tensors expected;
      const double weight = 1.0 / 137;
      const double expectedLoss = tiny.decoder.lossAndGradients(tiny.ids, tiny.labels, tiny.borders, weight, expected);
      for (int n = 0; n < count; ++n)
        for (const DType precision : {DType::F32, DType::BF16})
          for (const bool checkpointing : {false, true}) {
            TrainerOptions options = tiny.options;
            options.precision = precision;
            options.checkpointing = checkpointing;
            Trainer trainer(tiny.model, options, pool, kernels(names[n]));
            loadParameters(tiny, trainer);
            for (const OriginTensor& t : trainer.trained().origins) std::copy(origins.at(t.id).begin(), origins.at(t.id).end(), trainer.origins().begin() + t.offset);
            const LossSum sum = trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), 0, abort);
            const double tolerance = precision == DType::F32 ? 2e-5 : 5e-2;
            CHECK_NEAR(sum.loss * weight / expectedLoss, 1.0, tolerance / 2);
            for (const TrainedTensor& t : trainer.trained().tensors) {
              const double error = gradientError(trainer, t, expected);
              if (!(error <= tolerance)) {
                std::printf("%s %s training %d layout %d every %d checkpointing %d: layer %d module %d role %d is off by %.3g\n", names[n],
                            precision == DType::F32 ? "float32" : "bfloat16", static_cast<int>(training), static_cast<int>(layout), every, checkpointing, t.id.layer, t.id.module, static_cast<int>(t.id.role),
                            error);
                ++failures;
              }
            }
            // The same batch again adds the same gradients.
            const float before = trainer.gradients()[0];
            trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), 0, abort);
            CHECK_NEAR(trainer.gradients()[0], 2 * before, std::fabs(before) * 1e-5);
          }
    }
  return report("gradient_test");
}
