// The shapes that the GPU benchmark trains, and models of random weights in them.
#pragma once
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "model/model.hpp"

namespace qt::bench {

struct Widths {
  int vocabulary, layers, dModel, heads, kvHeads, ffn;
  bool tied;
  bool bias = false;
  int headDim = 0;  // 0: dModel / heads
};

inline constexpr Widths qwen05{151936, 24, 896, 14, 2, 4864, true, true};
inline constexpr Widths llama8{128256, 32, 4096, 32, 8, 14336, false};
inline constexpr Widths preset1b{49152, 16, 2048, 32, 8, 5632, true};
inline constexpr Widths llama15{50304, 24, 2048, 16, 16, 5632, true};
inline constexpr Widths smol{49152, 30, 576, 9, 3, 1536, true};
// Of one layer, as little as takes the kernels that the real widths take.
inline constexpr Widths countedNarrow{4096, 1, 768, 12, 4, 2048, true, true};
inline constexpr Widths countedWide{4096, 1, 1024, 8, 2, 2816, false};
inline constexpr Widths tiny{256, 2, 64, 2, 1, 128, true, true};

inline ModelSpec specOf(const Widths& w) {
  ModelSpec s;
  s.vocabulary = w.vocabulary;
  s.layers = w.layers;
  s.dModel = w.dModel;
  s.heads = w.heads;
  s.kvHeads = w.kvHeads;
  s.headDim = w.headDim > 0 ? w.headDim : w.dModel / w.heads;
  s.ffn = w.ffn;
  s.ropeLayout = RopeLayout::Halves;
  Rope rope;
  for (int i = 0; i < s.headDim / 2; ++i) rope.frequencies.push_back(std::pow(10000.0, -2.0 * i / s.headDim));
  s.ropes = {rope};
  s.attentionScale = 1.0f / std::sqrt(static_cast<float>(s.headDim));
  s.tiedEmbeddings = w.tied;
  s.attentionBias = w.bias;
  return s;
}

// Numbers of a normal distribution with deviation 0.02, as models begin; in blocks, random codes under scales of that size. The GPU copies
// each matrix, so that the layers of a model may share one here.
class RandomModel {
 public:
  RandomModel(const Widths& widths, TensorType type) : random_(1) {
    model_.spec = specOf(widths);
    const ModelSpec& s = model_.spec;
    const float* ones = floats(s.dModel, 1.0f);
    model_.embedding = model_.output = matrix(TensorType::BF16, s.vocabulary, s.dModel);
    if (!s.tiedEmbeddings) model_.output = matrix(TensorType::BF16, s.vocabulary, s.dModel);
    model_.outputNorm = ones;
    BlockWeights block;
    block.attentionNorm = block.ffnNorm = ones;
    for (int p = 0; p < projectionCount; ++p) {
      const Shape shape = projectionShape(s, p);
      block.projections[p] = matrix(type, shape.rows, shape.columns);
      if (s.attentionBias && p <= Value) block.biases[p] = floats(shape.rows, 0.01f);
    }
    model_.blocks.assign(s.layers, block);
  }
  const Model& model() const { return model_; }

 private:
  const float* floats(std::size_t count, float value) {
    const auto memory = std::make_shared<std::vector<float>>(count, value);
    model_.owners.push_back(memory);
    return memory->data();
  }
  // Of 65,536 draws, which are as good as more where nobody looks at single ones.
  MatrixView matrix(TensorType type, std::int64_t rows, std::int64_t columns) {
    const std::size_t row = rowBytes(type, columns), bytes = row * static_cast<std::size_t>(rows);
    const auto memory = std::make_shared<Arena>(bytes);
    model_.owners.push_back(memory);
    unsigned char* to = memory->data();
    if (type == TensorType::BF16) {
      std::normal_distribution<float> normal(0.0f, 0.02f);
      std::vector<std::uint16_t> draws(65536);
      for (std::uint16_t& draw : draws) {
        std::uint32_t bits;
        const float value = normal(random_);
        std::memcpy(&bits, &value, sizeof bits);
        draw = static_cast<std::uint16_t>(bits >> 16);
      }
      for (std::size_t i = 0; i < bytes / 2; ++i) std::memcpy(to + 2 * i, &draws[(i * 2654435761u >> 7) & 65535], 2);
    } else {
      for (std::size_t i = 0; i + 8 <= bytes; i += 8) {
        const std::uint64_t draw = random_();
        std::memcpy(to + i, &draw, 8);
      }
      const std::size_t block = type == TensorType::NF4 ? 36 : 144;
      const float scale = 0.04f;
      const std::uint16_t halves[2] = {0x0840, 0x0c00};  // Q4_K: 1.3e-4 and 2.4e-4, on six bits and four
      for (std::size_t at = 0; at + block <= bytes; at += block) {
        if (type == TensorType::NF4) std::memcpy(to + at, &scale, sizeof scale);
        else std::memcpy(to + at, halves, sizeof halves);
      }
    }
    return {to, type, rows, columns, row};
  }

  Model model_;
  std::mt19937_64 random_;
};

}  // namespace qt::bench
