#include "layout.hpp"

#include <algorithm>

#include "magnitude.hpp"
#include "tensors.hpp"

namespace qt {

StepLayout::StepLayout(const ModelSpec& spec, const TrainerOptions& o, const DeviceNeeds& needs) {
  const std::size_t tokens = o.maxTokens, element = bytesOf(o.precision);
  const std::size_t d = spec.dModel, attention = spec.attentionWidth(), kv = spec.kvWidth(), ffn = spec.ffn;
  const int layers = spec.layers;
  feedForwardRows = o.feedForwardChunk > 0 ? std::min(o.feedForwardChunk, o.maxTokens) : o.maxTokens;
  chunked = feedForwardRows < o.maxTokens;
  const std::size_t chunkRows = feedForwardRows;
  // Stages: 0 embedding, 1 … L blocks, L+1 loss, L+2 … 2L+1 blocks backwards, 2L+2 embedding's gradient, 2L+3 the optimiser.
  const int lossStage = layers + 1, last = 2 * layers + 2, updateStage = last + 1;
  const auto forwardStage = [&](int l) { return 1 + l; };
  const auto backwardStage = [&](int l) { return 2 * layers + 1 - l; };
  const auto rankOf = [&](int l, int p) { return o.adapters.empty() ? 0 : o.adapters[l][p].rank; };
  const auto scaled = [&](int l, int p) { return !o.adapters.empty() && o.adapters[l][p].rank > 0 && o.adapters[l][p].magnitude; };
  const auto rankOfAny = [&](int p) {
    int most = 0;
    for (int l = 0; l < layers; ++l) most = std::max(most, rankOf(l, p));
    return most;
  };
  const auto anyScaled = [&](int p) {
    for (int l = 0; l < layers; ++l)
      if (scaled(l, p)) return true;
    return false;
  };
  int mostRank = 0;
  bool origins = false;
  for (const auto& block : o.adapters)
    for (const AdapterModule& m : block) {
      mostRank = std::max(mostRank, m.rank);
      origins = origins || (m.rank > 0 && m.origin);
    }

  const char* kept = "activations kept";
  const char* working = "working buffers";

  // While one block's input is worked on, the other one's is written or copied.
  BufferId inputs[2];
  if (o.offload) {
    for (BufferId& input : inputs) input = plan.add(kept, tokens * d * element, 0, last);
    offloadedBytes = roundUpBytes(tokens * d * element, 4096);
    offloaded = std::max(0, layers - 1);
  }

  BlockBuffers shared{};
  for (int l = 0; l < layers; ++l) {
    // Of the feed-forward a chunk serves all blocks, as everything of a block does that is repeated.
    const bool own = !o.checkpointing || l == 0, ownChunk = (!o.checkpointing && !chunked) || l == 0;
    const int begin = o.checkpointing ? 1 : forwardStage(l), end = o.checkpointing ? last : backwardStage(l);
    const int chunkBegin = chunked ? 1 : begin, chunkEnd = chunked ? last : end;
    const char* ofChunk = chunked ? "feed-forward of a chunk" : kept;
    BlockBuffers b = shared;
    // A block's input is written by the stage before it.
    b.input = o.offload ? inputs[placeOf(l)] : plan.add(kept, tokens * d * element, forwardStage(l) - 1, backwardStage(l));
    if (own) {
      b.middle = plan.add(kept, tokens * d * element, begin, end);
      b.q = plan.add(kept, tokens * attention * element, begin, end);
      b.k = plan.add(kept, tokens * kv * element, begin, end);
      b.v = plan.add(kept, tokens * kv * element, begin, end);
      b.attention = plan.add(kept, tokens * attention * element, begin, end);
      b.logSumExp = plan.add(kept, tokens * spec.heads * sizeof(float), begin, end);
      for (auto& inverse : b.inverse) inverse = plan.add(kept, tokens * sizeof(float), begin, end);
      const auto where = [&](bool has, std::size_t bytes) { return has ? plan.add(kept, bytes, begin, end) : -1; };
      b.rawQuery = where(spec.queryKeyNorms, tokens * attention * element);
      b.rawKey = where(spec.queryKeyNorms, tokens * kv * element);
      b.queryInverse = where(spec.queryKeyNorms, tokens * spec.heads * sizeof(float));
      b.keyInverse = where(spec.queryKeyNorms, tokens * spec.kvHeads * sizeof(float));
      b.rawAttention = where(spec.postNorms, tokens * d * element);
      for (auto& inverse : b.postInverse) inverse = where(spec.postNorms, tokens * sizeof(float));
      for (int p = 0; p < Gate; ++p) {
        const int rank = o.checkpointing ? rankOfAny(p) : rankOf(l, p);
        b.low[p] = where(rank > 0, tokens * rank * element);
      }
      b.branch[0] = where(!spec.postNorms && (o.checkpointing ? anyScaled(AttentionOut) : scaled(l, AttentionOut)), tokens * d * element);
    }
    if (ownChunk) {
      const bool serves = o.checkpointing || chunked;
      const auto where = [&](bool has, std::size_t columns) { return has ? plan.add(ofChunk, chunkRows * columns * element, chunkBegin, chunkEnd) : -1; };
      b.gate = where(true, ffn);
      b.up = where(true, ffn);
      b.rawFfn = where(spec.postNorms, d);
      for (int p = Gate; p < projectionCount; ++p) {
        const int rank = serves ? rankOfAny(p) : rankOf(l, p);
        b.low[p] = where(rank > 0, rank);
      }
      b.branch[1] = where(!spec.postNorms && (serves ? anyScaled(Down) : scaled(l, Down)), d);
    }
    shared = b;
    blocks.push_back(b);
  }
  finalInput = o.offload ? inputs[placeOf(layers)] : plan.add(kept, tokens * d * element, layers, lossStage);

  // The most that lies packed at once: the input and the adapters' low-rank inputs of a group, or its gradients.
  const auto packedRows = [&](std::size_t rows, std::size_t depth) {
    return needs.packedLeft(static_cast<std::int64_t>(rows), static_cast<std::int64_t>(depth));
  };
  const auto packedOf = [&](std::size_t depth) { return packedRows(tokens, depth); };
  const std::size_t packedFfn = packedRows(chunkRows, ffn);
  const std::size_t low = (mostRank > 0 ? packedOf(mostRank) : 0) * (origins ? 2 : 1);
  const std::size_t forwardMost = std::max({packedOf(d), packedOf(attention), packedFfn}) + low +
                                  (o.dropout > 0 ? std::max(packedOf(std::max(d, attention)), packedFfn) : 0);
  const std::size_t backwardMost = std::max({packedOf(d) + low, packedOf(attention) + 2 * packedOf(kv) + 3 * low, 2 * packedFfn + 2 * low});
  // Beside those, the left side of a gradient: what an adapter is low in, or the outputs' gradient, over the tokens.
  const std::size_t gathered = o.full ? std::max(packedRows(std::max(d, attention), tokens), packedRows(ffn, chunkRows)) : packedRows(mostRank, tokens);
  packedBytes = std::max(forwardMost, backwardMost + gathered);
  packed = plan.add(working, packedBytes, 0, last);

  const std::size_t widest = std::max(tokens * std::max(d, attention), chunkRows * ffn) * element;
  hidden = plan.add(working, widest, 0, last);
  dropped = o.dropout > 0 ? plan.add(working, widest, 0, last) : -1;
  partial = o.tensor.divides() ? plan.add("sums of a tensor group", tokens * d * sizeof(float), 0, last) : -1;
  dx = plan.add(working, tokens * d * sizeof(float), lossStage, last);
  const int back = lossStage + 1;
  dNormed = spec.postNorms ? plan.add(working, tokens * d * element, back, last) : -1;
  dHidden = plan.add(working, tokens * std::max(d, attention) * element, back, last);
  dAct = plan.add(working, chunkRows * ffn * element, back, last);
  dAttention = plan.add(working, tokens * attention * element, back, last);
  dq = plan.add(working, tokens * attention * element, back, last);
  dk = plan.add(working, tokens * kv * element, back, last);
  dv = plan.add(working, tokens * kv * element, back, last);
  delta = plan.add(working, tokens * spec.heads * sizeof(float), back, last);
  originLowBytes = roundUpBytes(tokens * mostRank * element);
  originLow = origins ? plan.add(working, 3 * originLowBytes, 0, last) : -1;
  dLow = mostRank > 0 ? plan.add(working, tokens * mostRank * 3 * element, back, last) : -1;

  const bool scaledHidden = anyScaled(Gate) || anyScaled(Up);
  dScaled = !spec.postNorms && (anyScaled(AttentionOut) || anyScaled(Down)) ? plan.add(working, tokens * d * element, back, last) : -1;
  dGate = scaledHidden ? plan.add(working, chunkRows * ffn * element, back, last) : -1;
  dUp = scaledHidden ? plan.add(working, chunkRows * ffn * element, back, last) : -1;
  std::size_t normRoom = 0;
  for (int l = 0; l < layers; ++l) {
    auto& offsets = scaleAt.emplace_back();
    for (int p = 0; p < projectionCount; ++p) {
      if (!scaled(l, p)) continue;
      const Shape shape = projectionShape(spec, p);
      offsets[p] = scaleCount;
      scaleCount += shape.rows;
      normRoom = std::max(normRoom, normScratch(shape.rows, rankOf(l, p)));
    }
  }
  scales = scaleCount > 0 ? plan.add("adapter norms", (2 * scaleCount + normRoom) * sizeof(float), 0, updateStage) : -1;

  const std::size_t chunk = std::min<std::size_t>(o.lossChunk, tokens);
  logits = plan.add("logits of a chunk", chunk * spec.vocabulary * sizeof(float), lossStage, lossStage);
  lossPacked = plan.add("logits of a chunk", std::max(packedRows(chunk, d), packedRows(chunk, spec.vocabulary)), lossStage, lossStage);
  lossHidden = plan.add(working, chunk * d * element, lossStage, lossStage);
  lossInverse = plan.add(working, chunk * sizeof(float), lossStage, lossStage);
  dLossHidden = plan.add(working, chunk * d * element, lossStage, lossStage);

  // Rows of a product are tokens, or in gradients of weights any side of a matrix.
  const auto mostRows = static_cast<std::int64_t>(
      std::max({tokens, static_cast<std::size_t>(spec.vocabulary), d, attention, ffn, kv, static_cast<std::size_t>(mostRank)}));
  scratch = plan.add("threads' scratch", needs.scratch(spec, mostRows), 0, updateStage);
  std::size_t room = 0;
  for (const TrainedTensor& t : TrainedLayout(spec, o).tensors) room = std::max(room, needs.optimiserRoom(o.optimizer, t.shape()));
  optimizer = room > 0 ? plan.add("optimiser's step", room, updateStage, updateStage) : -1;
  const std::size_t ofBatch = needs.tables(spec, o);
  tables = ofBatch > 0 ? plan.add("tables of a batch", ofBatch, 0, updateStage) : -1;
  std::size_t ofRopes = 0;
  for (const Rope& rope : spec.ropes) ofRopes += 2 * roundUpBytes(rope.frequencies.size() * o.maxPositions * sizeof(float));
  rotary = plan.add("rotation's tables", ofRopes * (scaleCount > 0 ? 2 : 1), 0, updateStage);
  plan.place();
}

}  // namespace qt
