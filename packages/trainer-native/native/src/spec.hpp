// What the engine knows of a model: plain data, filled in by the caller (TypeScript's ModelSpec, or a test).
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace qt {

enum class RopeLayout : std::uint8_t { Interleaved, Halves };

struct ModelSpec {
  std::int32_t vocabulary = 0;
  std::int32_t layers = 0;
  std::int32_t dModel = 0;
  std::int32_t heads = 0;
  std::int32_t kvHeads = 0;
  std::int32_t headDim = 0;
  std::int32_t ffn = 0;
  float normEpsilon = 1e-5f;
  RopeLayout ropeLayout = RopeLayout::Interleaved;
  std::int32_t ropeDimensions = 0;
  std::vector<double> ropeFrequencies;  // radians per position, one for each rotated pair
  float ropeFactor = 1.0f;              // on cos and sin
  float attentionScale = 0.0f;
  bool tiedEmbeddings = false;

  std::int32_t attentionWidth() const { return heads * headDim; }
  std::int32_t kvWidth() const { return kvHeads * headDim; }
  std::int32_t queriesPerKey() const { return heads / kvHeads; }
};

// The seven matrices of a block, in the order of core's `projections`.
enum Projection : std::uint8_t { Query, Key, Value, AttentionOut, Gate, Up, Down };
inline constexpr int projectionCount = 7;

struct Shape {
  std::int32_t rows;     // outputs
  std::int32_t columns;  // inputs
};

inline Shape projectionShape(const ModelSpec& s, int projection) {
  switch (projection) {
    case Query: return {s.attentionWidth(), s.dModel};
    case Key:
    case Value: return {s.kvWidth(), s.dModel};
    case AttentionOut: return {s.dModel, s.attentionWidth()};
    case Gate:
    case Up: return {s.ffn, s.dModel};
    default: return {s.dModel, s.ffn};
  }
}

}  // namespace qt
