// What the engine knows of a model: plain data, filled in by the caller (TypeScript's ModelSpec, or a test).
#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace qt {

enum class RopeLayout : std::uint8_t { Interleaved, Halves };

// Of the gate: silu(g)·u, or gelu(g)·u by the tanh formula.
enum class Activation : std::uint8_t { Silu, Gelu };

struct Rope {
  std::vector<double> frequencies;  // radians per position, one for each rotated pair
  float factor = 1.0f;              // on cos and sin
};

// What differs from layer to layer.
struct LayerSpec {
  std::int32_t window = 0;  // positions that a query sees, itself included; 0: all before it
  std::int32_t rope = 0;    // which of the model's ropes; −1: none
};

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
  std::vector<Rope> ropes;
  std::vector<LayerSpec> perLayer;  // or empty: the first rope and no window everywhere
  float attentionScale = 0.0f;
  float attentionSoftcap = 0.0f;    // c·tanh(score/c); 0: none
  float logitSoftcap = 0.0f;
  float normOffset = 0.0f;          // added to the norms' weights as they are read
  float embeddingScale = 1.0f;
  bool postNorms = false;           // norms on what attention and feed-forward add to the residual
  bool queryKeyNorms = false;       // of each head, before the rotation
  bool attentionBias = false;       // of q, k and v
  bool tiedEmbeddings = false;
  Activation activation = Activation::Silu;

  LayerSpec layer(std::int32_t index) const { return perLayer.empty() ? LayerSpec{} : perLayer[index]; }

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
