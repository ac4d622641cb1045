// A model in memory: its spec and a view of every weight, wherever the bytes lie (a mapped file, or memory of our own).
#pragma once
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <qt/blocks.hpp>

#include "../kernels/table.hpp"
#include "../memory.hpp"
#include "../spec.hpp"

namespace qt {

struct BlockWeights {
  const float* attentionNorm = nullptr;
  const float* ffnNorm = nullptr;
  const float* postAttentionNorm = nullptr;  // these, where the architecture has them
  const float* postFfnNorm = nullptr;
  const float* queryNorm = nullptr;          // [headDim]
  const float* keyNorm = nullptr;
  const float* biases[3] = {};               // of q, k and v
  MatrixView projections[projectionCount];
};

inline std::size_t storedBytes(const MatrixView& m) { return m.rowBytes * static_cast<std::size_t>(m.rows); }

// Whatever keeps views alive: mapped files, decoded copies.
using Owners = std::vector<std::shared_ptr<const void>>;

struct BlockProjections {
  std::array<MatrixView, projectionCount> views;
  Owners owners;
};

struct Model {
  ModelSpec spec;
  MatrixView embedding;
  MatrixView output;  // the embedding again when they are tied
  const float* outputNorm = nullptr;
  std::vector<BlockWeights> blocks;

  Owners owners;
  // Makes a block's projections where those of the blocks above have no data, each time anew; null where they have it.
  std::function<BlockProjections(int)> open;

  // Of which this is a process's share of each block; null: it is all of it.
  std::shared_ptr<const Model> whole = nullptr;

  BlockProjections projections(int layer) const;
  std::size_t weightBytes() const;
};

// Names of the projections, in their order, as files have them.
inline constexpr const char* projectionNames[projectionCount] = {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"};

// Where bitsandbytes' scales of a tensor lie: one for each 64 numbers, float32, or (double quantisation) indices into a table of 256
// numbers, times a float32 for each `nestedBlock` of them, plus an offset.
struct Nf4Scales {
  std::string file;
  std::uint64_t scales = 0;
  bool nested = false;
  std::uint64_t nestedScales = 0;
  std::uint64_t nestedTable = 0;
  std::int64_t nestedBlock = 256;
  float nestedOffset = 0.0f;
};

// Where one tensor lies in a file.
struct TensorSource {
  std::string name;  // GGUF's: blk.0.attn_q.weight …
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  TensorType type{};
  std::int64_t rows = 1;
  std::int64_t columns = 0;
  Nf4Scales nf4;  // of type NF4
};

// NF4: projections that lie in the file as floats are quantised as they are opened.
enum class BaseStorage : std::uint8_t { Packed, BFloat16, Float32, Nf4 };

// Maps the files and checks names, types, shapes and bounds against the spec; throws std::runtime_error in plain words. `apart`: the
// blocks' projections come without data, which Model::open makes.
Model openModel(const ModelSpec& spec, const std::vector<TensorSource>& tensors, BaseStorage storage, bool apart = false);

}  // namespace qt
