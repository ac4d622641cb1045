// Small random models for tests: the engine's and the reference's view of the same numbers.
#pragma once
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "model/model.hpp"
#include "philox.hpp"
#include "reference/model.hpp"
#include "train/trainer.hpp"

namespace qt::test {

inline double random(std::uint64_t index, std::uint32_t purpose) {
  std::uint32_t word[4];
  philox(index, 0, purpose, 42, word);
  return word[0] / 2147483648.0 - 1.0;
}

inline ModelSpec tinySpec(bool tied, RopeLayout layout) {
  ModelSpec s;
  s.vocabulary = 97;
  s.layers = 2;
  s.dModel = 40;
  s.heads = 4;
  s.kvHeads = 2;
  s.headDim = 12;
  s.ffn = 56;
  s.ropeLayout = layout;
  s.ropes.resize(1);
  for (int i = 0; i < 6; ++i) s.ropes[0].frequencies.push_back(std::pow(10000.0, -i / 6.0));
  s.attentionScale = 1.0f / std::sqrt(12.0f);
  s.tiedEmbeddings = tied;
  return s;
}

// Everything that architectures add to llama, in one model: layers with a window and a rope of their own, without rope, and with a
// partial one; biases, norms of heads and of what is added to the residual, soft caps, gelu, a scaled embedding.
inline ModelSpec everySpec(bool tied, RopeLayout layout) {
  ModelSpec s = tinySpec(tied, layout);
  s.layers = 3;
  s.ropes[0].frequencies.resize(4);
  s.ropes.push_back({{0.9, 0.4, 0.2, 0.05}, 1.2f});
  s.perLayer = {{20, 1}, {0, -1}, {90, 0}};
  s.attentionSoftcap = 2.0f;
  s.logitSoftcap = 5.0f;
  s.embeddingScale = 1.7f;
  s.postNorms = s.queryKeyNorms = s.attentionBias = true;
  s.activation = Activation::Gelu;
  return s;
}

// The smallest of whole blocks: every row of every matrix is a multiple of 32 long.
inline ModelSpec blockSpec() {
  ModelSpec s = tinySpec(false, RopeLayout::Interleaved);
  s.dModel = s.ffn = 64;
  s.headDim = 16;
  return s;
}

struct Tiny {
  Model model;
  reference::Decoder decoder;
  TrainerOptions options;
  std::vector<std::vector<float>> storage;
  std::vector<int> ids, labels, borders;

  std::vector<float> weights;  // of each token's loss, or empty

  Batch batch() const {
    return {ids.data(), labels.data(), borders.data(), static_cast<std::int32_t>(ids.size()), static_cast<std::int32_t>(borders.size()) - 1,
            weights.empty() ? nullptr : weights.data()};
  }
};

// Random weights, adapters of several ranks on some projections, three documents of uneven length, some labels masked.
inline Tiny makeTiny(bool full, const ModelSpec& spec, bool magnitudes = false) {
  Tiny t;
  t.model.spec = t.decoder.spec = spec;
  std::uint32_t purpose = 100;
  const auto fill = [&](const TensorId& id, std::int64_t rows, std::int64_t columns, double size, double centre) {
    std::vector<float> data(static_cast<std::size_t>(rows * columns));
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(centre + size * random(i, purpose));
    ++purpose;
    t.decoder.weights[id] = reference::Values(data.begin(), data.end());
    t.storage.push_back(std::move(data));
    return MatrixView{t.storage.back().data(), TensorType::F32, rows, columns, static_cast<std::size_t>(columns) * 4};
  };
  const auto vector = [&](int layer, int module, std::int64_t count, double centre) {
    return static_cast<const float*>(fill(weightOf(layer, module), 1, count, 0.2, centre).data);
  };
  t.storage.reserve(256);
  t.model.embedding = t.model.output = fill(weightOf(-1, Embedding), spec.vocabulary, spec.dModel, 1.0, 0);
  if (!spec.tiedEmbeddings) t.model.output = fill(weightOf(-1, OutputWeight), spec.vocabulary, spec.dModel, 0.3, 0);
  t.model.outputNorm = vector(-1, OutputNorm, spec.dModel, 1);
  for (int l = 0; l < spec.layers; ++l) {
    BlockWeights b;
    b.attentionNorm = vector(l, AttentionNorm, spec.dModel, 1);
    b.ffnNorm = vector(l, FfnNorm, spec.dModel, 1);
    if (spec.postNorms) {
      b.postAttentionNorm = vector(l, PostAttentionNorm, spec.dModel, 1);
      b.postFfnNorm = vector(l, PostFfnNorm, spec.dModel, 1);
    }
    if (spec.queryKeyNorms) {
      b.queryNorm = vector(l, QueryNorm, spec.headDim, 1);
      b.keyNorm = vector(l, KeyNorm, spec.headDim, 1);
    }
    for (int p = 0; p < projectionCount; ++p) {
      const Shape s = projectionShape(spec, p);
      b.projections[p] = fill(weightOf(l, p), s.rows, s.columns, 0.3, 0);
      if (spec.attentionBias && p <= Value) b.biases[p] = vector(l, Bias + p, s.rows, 0);
    }
    t.model.blocks.push_back(b);
  }
  t.options.full = full;
  if (!full) {
    t.options.adapters.resize(spec.layers);
    t.decoder.adapters.resize(spec.layers);
    for (int l = 0; l < spec.layers; ++l)
      for (int p = 0; p < projectionCount; ++p) {
        const int rank = (l + p) % 4 == 3 ? 0 : 3 + 2 * p + l;
        if (rank == 0) continue;
        const Shape s = projectionShape(spec, p);
        const bool magnitude = magnitudes && (l + p) % 4 != 1;
        t.options.adapters[l][p] = {rank, 0.5f + 0.25f * p, magnitude};
        t.decoder.adapters[l][p] = {rank, 0.5 + 0.25 * p, magnitude};
        fill(loraA(l, p), rank, s.columns, 0.3, 0);
        fill(loraB(l, p), s.rows, rank, 0.3, 0);
        if (magnitude) fill(magnitudeOf(l, p), 1, s.rows, 0.5, 1.5);
      }
  }
  t.borders = {0, 70, 71, 150};
  for (int i = 0; i < 150; ++i) {
    t.ids.push_back(static_cast<int>((random(i, 7) + 1) / 2 * spec.vocabulary));
    t.labels.push_back(i % 11 == 3 ? -100 : static_cast<int>((random(i, 8) + 1) / 2 * spec.vocabulary));
  }
  t.options.maxTokens = 150;
  t.options.maxPositions = 100;
  t.options.lossChunk = 48;
  return t;
}

inline Tiny makeTiny(bool full, bool tied, RopeLayout layout, bool magnitudes = false) { return makeTiny(full, tinySpec(tied, layout), magnitudes); }

// The same rate and decay for every role.
inline UpdateOptions updateOptions(float rate, float beta1, float beta2, float epsilon, float decay, float clip, std::int64_t step) {
  UpdateOptions o{{}, beta1, beta2, epsilon, clip, step};
  o.groups.fill({rate, decay});
  return o;
}

// An array of the optimiser's state of a tensor.
inline float* stateOf(Trainer& trainer, const TrainedTensor& tensor, std::size_t index) {
  return reinterpret_cast<float*>(trainer.state().data() + tensor.state[index].offset);
}

// Wherever the trainer's device has them.
inline std::vector<float> copied(Trainer& trainer, std::span<const float> from) {
  std::vector<float> out(from.size());
  trainer.device().copyOut(out.data(), from.data(), from.size_bytes());
  return out;
}

// Copies the reference's trained tensors into the trainer's parameters (adapters; full training has copied its own).
inline void loadParameters(const Tiny& tiny, Trainer& trainer) {
  for (const TrainedTensor& tensor : trainer.trained().tensors) {
    const reference::Values& from = tiny.decoder.weights.at(tensor.id);
    const std::vector<float> values(from.begin(), from.end());
    trainer.device().copyIn(trainer.parameters().data() + tensor.offset, values.data(), values.size() * sizeof(float));
  }
}

// How far the gradient of a tensor is from the one expected, relative to its length.
inline double gradientError(Trainer& trainer, const TrainedTensor& tensor, const reference::Tensors& expected) {
  const reference::Values& e = expected.at(tensor.id);
  const std::vector<float> gradient = copied(trainer, trainer.gradients().subspan(tensor.offset, e.size()));
  double error = 0, size = 0;
  for (std::size_t i = 0; i < e.size(); ++i) {
    const double difference = gradient[i] - e[i];
    error += difference * difference;
    size += e[i] * e[i];
  }
  return std::sqrt(error / size);
}

}  // namespace qt::test
