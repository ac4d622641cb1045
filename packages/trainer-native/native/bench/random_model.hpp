// Models without a file: random bytes in the shape of a real one, for measuring.
#pragma once
#include <memory>

#include "model/model.hpp"

namespace qt {

// SmolLM2-135M's.
inline ModelSpec smolSpec() {
  ModelSpec s;
  s.vocabulary = 49152;
  s.layers = 30;
  s.dModel = 576;
  s.heads = 9;
  s.kvHeads = 3;
  s.headDim = 64;
  s.ffn = 1536;
  s.ropeLayout = RopeLayout::Interleaved;
  s.ropes = {{std::vector<double>(32, 0.01), 1.0f}};
  s.attentionScale = 0.125f;
  s.tiedEmbeddings = true;
  return s;
}

// A matrix whose numbers are small in every layout.
inline MatrixView randomMatrix(Model& model, TensorType type, std::int64_t rows, std::int64_t columns) {
  const std::size_t row = rowBytes(type, columns);
  auto memory = std::make_shared<Arena>(row * rows);
  const auto hash = [](std::size_t i) { return static_cast<std::uint32_t>(i * 2654435761u >> 13); };
  unsigned char* bytes = memory->data();
  if (type == TensorType::BF16 || type == TensorType::F32) {
    const std::size_t size = type == TensorType::F32 ? 4 : 2;
    for (std::size_t i = 0; i < row * rows; i += size) {
      const std::uint32_t h = hash(i);
      const auto high = static_cast<std::uint16_t>((h & 1) << 15 | (0x3c80 + (h >> 1 & 0xff)));  // ±2⁻⁶ … ±2⁻⁴
      bytes[i + size - 2] = static_cast<unsigned char>(high);
      bytes[i + size - 1] = static_cast<unsigned char>(high >> 8);
    }
  } else {
    for (std::size_t i = 0; i < row * rows; ++i) bytes[i] = static_cast<unsigned char>((hash(i) & 0x0f) | 0x10);
  }
  model.owners.push_back(memory);
  return {bytes, type, rows, columns, row};
}

inline Model randomModel(const ModelSpec& spec, TensorType type, TensorType outputType) {
  Model model;
  model.spec = spec;
  auto ones = std::make_shared<std::vector<float>>(spec.dModel, 1.0f);
  model.owners.push_back(ones);
  model.embedding = model.output = randomMatrix(model, outputType, spec.vocabulary, spec.dModel);
  if (!spec.tiedEmbeddings) model.output = randomMatrix(model, outputType, spec.vocabulary, spec.dModel);
  model.outputNorm = ones->data();
  for (int l = 0; l < spec.layers; ++l) {
    BlockWeights b;
    b.attentionNorm = b.ffnNorm = ones->data();
    for (int p = 0; p < projectionCount; ++p) {
      const Shape shape = projectionShape(spec, p);
      b.projections[p] = randomMatrix(model, type, shape.rows, shape.columns);
    }
    model.blocks.push_back(b);
  }
  return model;
}

}  // namespace qt
