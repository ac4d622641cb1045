#include "tensors.hpp"

#include <algorithm>

#include "../memory.hpp"
#include "../model/model.hpp"
#include "optimizer/moments.hpp"

namespace qt {

std::string moduleName(std::int32_t layer, std::int32_t module) {
  if (module == Embedding) return "token_embd.weight";
  if (module == OutputNorm) return "output_norm.weight";
  if (module == OutputWeight) return "output.weight";
  const std::string block = "blk." + std::to_string(layer) + ".";
  switch (module) {
    case AttentionNorm: return block + "attn_norm.weight";
    case FfnNorm: return block + "ffn_norm.weight";
    case QueryNorm: return block + "attn_q_norm.weight";
    case KeyNorm: return block + "attn_k_norm.weight";
    case PostAttentionNorm: return block + "post_attention_norm.weight";
    case PostFfnNorm: return block + "post_ffw_norm.weight";
    default: return block + (module >= Bias ? projectionNames[module - Bias] : projectionNames[module]) + (module >= Bias ? ".bias" : ".weight");
  }
}

TrainedLayout::TrainedLayout(const ModelSpec& spec, const TrainerOptions& o)
    : rank(o.rank),
      processes(o.processes),
      share(o.tensor),
      exchangeOnce(o.exchangeOnce && o.processes > 1),
      apart(o.apart || o.processes > 1),
      spec_(spec),
      optimizer_(o.optimizer),
      average_(o.average) {
  const auto add = [&](const TensorId& id, std::int64_t rows, std::int64_t columns, bool decays) {
    TrainedTensor tensor{id, rows, columns, count, 0, 0, decays, {}, {}, qt::partOf(id, spec, share, share.rank, rows, columns)};
    tensor.inFloat32 = o.optimizer == OptimizerKind::AdamW8bit && !keepsRuns(tensor);
    index_.emplace(id, tensors.size());
    tensors.push_back(std::move(tensor));
    count += static_cast<std::size_t>(rows * columns + 15) / 16 * 16;
  };
  const auto addOrigin = [&](const TensorId& id, std::int64_t rows, std::int64_t columns) {
    origins.push_back({id, rows, columns, originCount, qt::partOf(id, spec, share, share.rank, rows, columns)});
    originCount += static_cast<std::size_t>(rows * columns + 15) / 16 * 16;
  };
  if (o.full || o.trainEmbedding) add(weightOf(-1, Embedding), spec.vocabulary, spec.dModel, true);
  for (int l = 0; l < spec.layers; ++l) {
    if (o.full) {
      add(weightOf(l, AttentionNorm), 1, spec.dModel, false);
      add(weightOf(l, FfnNorm), 1, spec.dModel, false);
      if (spec.postNorms) {
        add(weightOf(l, PostAttentionNorm), 1, spec.dModel, false);
        add(weightOf(l, PostFfnNorm), 1, spec.dModel, false);
      }
      if (spec.queryKeyNorms) {
        add(weightOf(l, QueryNorm), 1, spec.headDim, false);
        add(weightOf(l, KeyNorm), 1, spec.headDim, false);
      }
    }
    for (int p = 0; p < projectionCount; ++p) {
      const Shape shape = projectionShape(spec, p);
      if (o.full) add(weightOf(l, p), shape.rows, shape.columns, true);
      if (o.full && spec.attentionBias && p <= Value) add(weightOf(l, Bias + p), 1, shape.rows, false);
      const int rank = o.adapters.empty() ? 0 : o.adapters[l][p].rank;
      if (rank == 0) continue;
      add(loraA(l, p), rank, shape.columns, true);
      add(loraB(l, p), shape.rows, rank, true);
      if (o.adapters[l][p].magnitude) add(magnitudeOf(l, p), 1, shape.rows, false);
      if (!o.adapters[l][p].origin) continue;
      addOrigin(loraA(l, p), rank, shape.columns);
      addOrigin(loraB(l, p), shape.rows, rank);
    }
  }
  if (o.full) add(weightOf(-1, OutputNorm), 1, spec.dModel, false);
  if ((o.full && !spec.tiedEmbeddings) || o.trainOutput) add(weightOf(-1, OutputWeight), spec.vocabulary, spec.dModel, true);

  buckets = cutBuckets(tensors, count, o.optimizer, processes, spec.layers, o.full && spec.tiedEmbeddings, share.size());
  if (apart) rooms = exchangeOnce ? count : placeRooms(buckets);
  for (Bucket& bucket : buckets) {
    bucket.piece = sums;
    sums += bucket.cuts[rank + 1] - bucket.cuts[rank];
    if (!apart || exchangeOnce) bucket.room = bucket.begin;
  }
  std::size_t bucket = 0;
  for (TrainedTensor& tensor : tensors) {
    while (tensor.offset >= buckets[bucket].end) ++bucket;
    const std::vector<std::size_t>& cuts = buckets[bucket].cuts;
    tensor.room = buckets[bucket].room + tensor.offset - buckets[bucket].begin;
    for (const std::size_t cut : cuts)
      tensor.cuts.push_back(std::clamp(static_cast<std::int64_t>(cut) - static_cast<std::int64_t>(tensor.offset), std::int64_t{0}, tensor.size()));
    tensor.sums = buckets[bucket].piece + std::clamp(tensor.offset, cuts[rank], cuts[rank + 1]) - cuts[rank];
    tensor.state = arraysOf(tensor.shape());
    for (std::size_t a = 0; a < tensor.state.size(); ++a) {
      StateArray& array = tensor.state[a];
      array.count = arrayUpTo(tensor, a, last(tensor)).count - arrayUpTo(tensor, a, first(tensor)).count;
      array.offset = stateBytes;
      stateBytes += roundUpBytes(array.bytes());
    }
  }
}

std::vector<StateArray> TrainedLayout::arraysOf(const TensorShape& shape) const {
  std::vector<StateArray> arrays = optimizerOf(optimizer_).stateOf(shape);
  if (average_) arrays.push_back({"average", StateType::F32, static_cast<std::size_t>(shape.size())});
  return arrays;
}

// What the first `end` numbers of a tensor have of an array.
StateArray TrainedLayout::arrayUpTo(const TrainedTensor& tensor, std::size_t array, std::int64_t end) const {
  StateArray found = arraysOf(end == 0 ? tensor.shape() : tensor.shapeOf(end))[array];
  if (end == 0) found.count = 0;
  return found;
}

// Whether the runs that 8-bit moments have scales of are those of the whole tensor in everybody's part.
bool TrainedLayout::keepsRuns(const TrainedTensor& tensor) const {
  if (tensor.part.whole()) return true;
  for (int rank = 0; rank < share.size(); ++rank) {
    const TensorPart part = partOf(tensor, rank);
    const bool together = part.columns == part.wholeColumns || part.wholeRows == 1;
    if (part.rows * part.columns < fewestIn8Bits || (!together && part.wholeColumns % momentRun != 0)) return false;
    if ((part.firstRow * part.wholeColumns + part.firstColumn) % momentRun != 0) return false;
  }
  return true;
}

TensorPart TrainedLayout::entriesOf(const TrainedTensor& t, std::size_t array, int rank) const {
  const std::int64_t numbers = t.state[array].numbers;
  const TensorPart part = partOf(t, rank);
  const auto entries = [&](std::int64_t count) { return (count + numbers - 1) / numbers; };
  if (part.whole()) {
    const auto all = static_cast<std::int64_t>(arrayUpTo(t, array, t.size()).count);
    return {0, 1, 0, all, 1, all};
  }
  if (numbers == 1) return part;
  if (part.columns == part.wholeColumns || part.wholeRows == 1)
    return {0, 1, (part.firstRow * part.wholeColumns + part.firstColumn) / numbers, entries(part.rows * part.columns), 1, entries(part.wholeRows * part.wholeColumns)};
  return {part.firstRow, part.rows, part.firstColumn / numbers, part.columns / numbers, part.wholeRows, part.wholeColumns / numbers};
}

std::pair<std::size_t, std::size_t> TrainedLayout::stateRange(std::size_t tensor, std::size_t array, int process) const {
  const TrainedTensor& t = tensors.at(tensor);
  return {arrayUpTo(t, array, t.cuts.at(process)).bytes(), arrayUpTo(t, array, t.cuts.at(process + 1)).bytes()};
}

const TrainedTensor* TrainedLayout::find(const TensorId& id) const {
  const auto found = index_.find(id);
  return found == index_.end() ? nullptr : &tensors[found->second];
}

const OriginTensor* TrainedLayout::findOrigin(const TensorId& id) const {
  const auto found = std::find_if(origins.begin(), origins.end(), [&](const OriginTensor& t) { return t.id == id; });
  return found == origins.end() ? nullptr : &*found;
}

}  // namespace qt
