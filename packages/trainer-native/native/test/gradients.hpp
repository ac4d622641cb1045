// Loss and every gradient of whole models against the double-precision reference: float32 and bfloat16, adapters and full training, both
// rotary layouts, llama and everything that others add to it, with and without checkpointing.
#pragma once
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "check.hpp"
#include "tiny.hpp"

namespace qt::test {

struct NamedDevice {
  std::string name;
  std::function<std::unique_ptr<Device>(DType)> make;
  bool slow = false;  // each model once only, with checkpointing or without
  bool besides = false;  // it has memory of its own, to off-load from
};

// Pissa: what the adapters began as is taken away from the weights. Saved: an embedding and an output are trained beside adapters.
enum class Training { Lora, Dora, Pissa, Saved, Full };

// Factors for every adapter to begin as, and the reference's weights without them.
inline void takeOrigins(Tiny& tiny, std::map<TensorId, std::vector<float>>& origins) {
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

inline void checkGradients(std::span<const NamedDevice> devices) {
  std::atomic<bool> abort{false};
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
      for (const NamedDevice& device : devices)
        for (const DType precision : {DType::F32, DType::BF16})
          for (const bool checkpointing : {false, true}) {
            if (device.slow && checkpointing != (tied == (precision == DType::F32))) continue;
            TrainerOptions options = tiny.options;
            options.precision = precision;
            options.checkpointing = checkpointing;
            options.offload = device.besides && checkpointing;
            // Documents of 70, 1 and 79 tokens; the last chunk has fewer.
            options.feedForwardChunk = every == tied || (!device.slow && layout == RopeLayout::Interleaved) ? 64 : 0;
            Trainer trainer(tiny.model, options, device.make(precision));
            loadParameters(tiny, trainer);
            for (const OriginTensor& t : trainer.trained().origins)
              trainer.device().copyIn(trainer.origins().data() + t.offset, origins.at(t.id).data(), origins.at(t.id).size() * sizeof(float));
            const LossSum sum = trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), 0, abort);
            const double tolerance = precision == DType::F32 ? 2e-5 : 5e-2;
            CHECK_NEAR(sum.loss * weight / expectedLoss, 1.0, tolerance / 2);
            for (const TrainedTensor& t : trainer.trained().tensors) {
              const double error = gradientError(trainer, t, expected);
              if (!(error <= tolerance)) {
                std::printf("%s %s training %d layout %d every %d checkpointing %d chunk %d: layer %d module %d role %d is off by %.3g\n", device.name.c_str(),
                            precision == DType::F32 ? "float32" : "bfloat16", static_cast<int>(training), static_cast<int>(layout), every, checkpointing, options.feedForwardChunk, t.id.layer, t.id.module, static_cast<int>(t.id.role),
                            error);
                ++failures;
              }
            }
            if (device.slow) continue;
            // The same batch again adds the same gradients.
            const auto first = [&] { return copied(trainer, trainer.gradients().first(1))[0]; };
            const float before = first();
            trainer.forwardBackward(tiny.batch(), static_cast<float>(weight), 0, abort);
            CHECK_NEAR(first(), 2 * before, std::fabs(before) * 1e-5);
          }
    }
}

}  // namespace qt::test
