// What is trained: which tensors, where their numbers lie, and what the optimiser remembers of each.
#pragma once
#include <compare>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../parallel/shards.hpp"
#include "options.hpp"
#include "optimizer/optimizer.hpp"

namespace qt {

// Which numbers of a module: its own weight, or an adapter's share.
enum class Role : std::uint8_t { Weight, LoraA, LoraB, Magnitude };
inline constexpr int roleCount = 4;

// The modules of a model. The first seven are the projections, under their own numbers; their biases follow from `Bias` on.
enum Module : std::int32_t {
  AttentionNorm = 16,
  FfnNorm,
  Embedding,
  OutputNorm,
  OutputWeight,
  QueryNorm,
  KeyNorm,
  PostAttentionNorm,
  PostFfnNorm,
  Bias = 32,
};

// Which tensors are updated alike: those of a role, and apart from the other weights the embedding and the output.
enum class Group : std::uint8_t { Weight, LoraA, LoraB, Magnitude, Embedding };
inline constexpr int groupCount = 5;

struct TensorId {
  std::int32_t adapter = -1;  // which adapter it belongs to; −1: the model
  Role role = Role::Weight;
  std::int32_t layer = -1;    // −1: not of a block
  std::int32_t module = 0;    // Projection or Module
  auto operator<=>(const TensorId&) const = default;
};

inline TensorId weightOf(std::int32_t layer, std::int32_t module) { return {-1, Role::Weight, layer, module}; }
inline TensorId loraA(std::int32_t layer, std::int32_t module, std::int32_t adapter = 0) { return {adapter, Role::LoraA, layer, module}; }
inline TensorId loraB(std::int32_t layer, std::int32_t module, std::int32_t adapter = 0) { return {adapter, Role::LoraB, layer, module}; }
inline TensorId magnitudeOf(std::int32_t layer, std::int32_t module, std::int32_t adapter = 0) { return {adapter, Role::Magnitude, layer, module}; }

inline Group groupOf(const TensorId& id) {
  const bool ofVocabulary = id.module == Module::Embedding || id.module == Module::OutputWeight;
  return id.role == Role::Weight && ofVocabulary ? Group::Embedding : static_cast<Group>(id.role);
}

// The canonical (GGUF's) name of the module's tensor: blk.0.attn_q.weight …
std::string moduleName(std::int32_t layer, std::int32_t module);

struct TrainedTensor {
  TensorId id;
  std::int64_t rows, columns;
  std::size_t offset;             // in floats, among the parameters
  std::size_t room;               // in floats, where a pass writes its gradient
  std::size_t sums;               // in floats, where the gradient of this process's piece is kept
  bool decays;                    // matrices do, norms do not
  std::vector<StateArray> state;  // of the optimiser, then the moving average if there is one, of this process's piece, with offsets in bytes
  std::vector<std::int64_t> cuts;  // the piece of process r is [cuts[r], cuts[r + 1])
  TensorPart part;                // of the whole model's, where a tensor group shares it out
  bool inFloat32 = false;         // TensorShape's

  std::int64_t size() const { return rows * columns; }
  TensorShape shape() const { return {rows, columns, id.role == Role::Weight && id.module < projectionCount, inFloat32}; }
  // Of some of its numbers.
  TensorShape shapeOf(std::int64_t count) const { return count == size() ? shape() : TensorShape{1, count, false, inFloat32}; }
};

// What an adapter of PiSSA began as: kept, but not trained.
struct OriginTensor {
  TensorId id;
  std::int64_t rows, columns;
  std::size_t offset;  // in floats, among the origins
  TensorPart part;     // of the whole model's
  std::int64_t size() const { return rows * columns; }
};

struct TrainedLayout {
  std::vector<TrainedTensor> tensors;
  std::vector<OriginTensor> origins;
  std::size_t originCount = 0;  // floats, padded
  std::size_t count = 0;       // floats, padded
  std::size_t stateBytes = 0;  // of the optimiser
  int rank = 0, processes = 1;
  TensorShare share;
  std::vector<Bucket> buckets;
  bool exchangeOnce = false;   // a room for each bucket, in which a process gathers a step's gradients
  bool apart = false;          // passes write gradients into rooms; else where they are summed
  std::size_t rooms = 0;       // floats, where they do
  std::size_t sums = 0;        // floats: gradients of this process's pieces
  TrainedLayout(const ModelSpec& spec, const TrainerOptions& options);
  const TrainedTensor* find(const TensorId& id) const;
  const OriginTensor* findOrigin(const TensorId& id) const;
  // What this process updates of a tensor.
  std::int64_t first(const TrainedTensor& t) const { return t.cuts[rank]; }
  std::int64_t last(const TrainedTensor& t) const { return t.cuts[rank + 1]; }
  // Bytes of an array of the optimiser that belong to a process, of those that the whole tensor has.
  std::pair<std::size_t, std::size_t> stateRange(std::size_t tensor, std::size_t array, int process) const;
  // What process `rank` of the tensor group has of it.
  TensorPart partOf(const TrainedTensor& t, int rank) const { return qt::partOf(t.id, spec_, share, rank, t.rows, t.columns); }
  // The same of the entries of an array of the optimiser.
  TensorPart entriesOf(const TrainedTensor& t, std::size_t array, int rank) const;

 private:
  std::vector<StateArray> arraysOf(const TensorShape& shape) const;
  bool keepsRuns(const TrainedTensor& tensor) const;
  StateArray arrayUpTo(const TrainedTensor& tensor, std::size_t array, std::int64_t end) const;
  ModelSpec spec_;
  OptimizerKind optimizer_;
  bool average_;
  std::map<TensorId, std::size_t> index_;
};

}  // namespace qt
