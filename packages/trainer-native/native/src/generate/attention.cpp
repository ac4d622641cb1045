// Attention of a session: prompts in the tiles of training, over keys and values widened from the cache; single tokens in
// stretches of the cache, each apart, put together in their order.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "session.hpp"

namespace qt {

// What AttentionOut is given: packed, or attention_ and null.
const void* Session::attend(int layer) {
  if (!tiled_) {
    attendRows(layer);
    return nullptr;
  }
  const void* packed = nullptr;
  for (const Segment& s : segments_) packed = attendTiles(layer, s);
  return packed;
}

const void* Session::attendTiles(int layer, const Segment& s) {
  const DType type = products_.bf16 ? DType::BF16 : DType::F32;
  const ActivationOps& ops = kernels_.ops[products_.bf16];
  const std::int32_t before = s.cache->length(), all = before + s.count, headDim = spec_.headDim;
  // Tiles begin at multiples of 64 from the sequence's first token on: the queries of a tile that were done before have room, too.
  const std::int32_t lead = before % attentionTileRows, firstRow = before - lead, rows = lead + s.count;
  const std::size_t attention = spec_.attentionWidth(), kv = spec_.kvWidth(), element = bytesOf(type);
  const std::size_t keyBytes = roundUpBytes(all * kv * element), queryBytes = roundUpBytes(rows * attention * element);
  const std::size_t needed = 2 * keyBytes + 2 * queryBytes + rows * sizeof(float) * spec_.heads;
  if (!wide_ || wide_->size() < needed) wide_ = std::make_unique<Arena>(needed + needed / 2);
  unsigned char *keys = wide_->data(), *values = keys + keyBytes, *queries = values + keyBytes, *outputs = queries + queryBytes;
  auto* logSumExp = reinterpret_cast<float*>(outputs + queryBytes);

  constexpr std::int32_t rowsPerTask = 64;
  const std::int64_t cached = (all + rowsPerTask - 1) / rowsPerTask, asked = (s.count + rowsPerTask - 1) / rowsPerTask;
  pool_.run(cached + asked, [&](std::int64_t task, int) {
    if (task < cached) {
      const std::int32_t begin = static_cast<std::int32_t>(task) * rowsPerTask, count = std::min(rowsPerTask, all - begin);
      for (std::int32_t head = 0; head < spec_.kvHeads; ++head) {
        const std::size_t to = (begin * kv + static_cast<std::size_t>(head) * headDim) * element;
        kernels_.cacheLoad(s.cache->type(), s.cache->keys(layer, head, begin), count, headDim, type, keys + to, static_cast<std::int64_t>(kv));
        kernels_.cacheLoad(s.cache->type(), s.cache->values(layer, head, begin), count, headDim, type, values + to, static_cast<std::int64_t>(kv));
      }
      return;
    }
    const std::size_t begin = (task - cached) * rowsPerTask, count = std::min<std::size_t>(rowsPerTask, s.count - begin);
    ops.narrow(q_.data() + (s.begin + begin) * attention, queries + (lead + begin) * attention * element, static_cast<std::int64_t>(count * attention));
  });

  // The kernel counts rows from the sequence's first token.
  const auto fromFirst = [&](unsigned char* rowsAt, std::size_t rowBytes) {
    return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(rowsAt) - firstRow * rowBytes);
  };
  const AttentionForward a{{spec_.heads, spec_.kvHeads, headDim, spec_.attentionScale, spec_.attentionSoftcap, spec_.layer(layer).window},
                           fromFirst(queries, attention * element),
                           keys,
                           values,
                           fromFirst(outputs, attention * element),
                           static_cast<float*>(fromFirst(reinterpret_cast<unsigned char*>(logSumExp), sizeof(float) * spec_.heads))};
  const std::int32_t firstTile = firstRow / attentionTileRows, tiles = (all + attentionTileRows - 1) / attentionTileRows - firstTile;
  pool_.run(static_cast<std::int64_t>(tiles) * spec_.kvHeads, [&](std::int64_t task, int thread) {
    // Later tiles see more keys and come first, so that threads end together.
    const auto later = tiles - 1 - static_cast<std::int32_t>(task / spec_.kvHeads);
    const AttentionTile tile{0, all, firstTile + later, static_cast<std::int32_t>(task % spec_.kvHeads)};
    ops.attention(a, tile, products_.scratch + thread * products_.scratchBytes);
  });
  if (straight_ && s.count == rows_) {
    packLeft(products_, dense(outputs + lead * attention * element, type, s.count, attention), false, s.count, attention, packed_->data());
    return packed_->data();
  }
  pool_.run(asked, [&](std::int64_t task, int) {
    const std::size_t begin = task * rowsPerTask, count = std::min<std::size_t>(rowsPerTask, s.count - begin);
    ops.widen(outputs + (lead + begin) * attention * element, attention_.data() + (s.begin + begin) * attention, static_cast<std::int64_t>(count * attention));
  });
  return nullptr;
}

void Session::attendRows(int layer) {
  const std::int32_t headDim = spec_.headDim, group = spec_.queriesPerKey(), attention = spec_.attentionWidth();
  std::int32_t longest = 0;
  for (std::int32_t row = 0; row < rows_; ++row) longest = std::max(longest, positions_[row] + 1);
  const std::int32_t most = (longest + stretchRows - 1) / stretchRows;
  // For each row and stretch: outputs [heads, headDim], then the highest score and the sum of each head.
  const std::size_t stretchFloats = static_cast<std::size_t>(attention) + 2 * spec_.heads;
  stretches_.resize(std::max(stretches_.size(), stretchFloats * rows_ * most));
  const auto cacheOf = [&](std::int32_t row) { return segments_.size() == 1 ? segments_[0].cache : segments_[row].cache; };
  const std::int32_t window = spec_.layer(layer).window;
  const auto firstSeen = [&](std::int32_t row) { return window > 0 ? std::max(0, positions_[row] + 1 - window) : 0; };
  const auto stretch = [&](std::int32_t row, std::int32_t i) { return stretches_.data() + (static_cast<std::size_t>(row) * most + i) * stretchFloats; };

  pool_.run(static_cast<std::int64_t>(rows_) * most * spec_.kvHeads, [&](std::int64_t task, int) {
    const std::int32_t head = static_cast<std::int32_t>(task % spec_.kvHeads), i = static_cast<std::int32_t>(task / spec_.kvHeads) % most,
                       row = static_cast<std::int32_t>(task / spec_.kvHeads) / most;
    const std::int32_t begin = std::max(i * stretchRows, firstSeen(row)), count = std::min(i * stretchRows + stretchRows, positions_[row] + 1) - begin;
    if (count <= 0) return;
    const KvCache& cache = *cacheOf(row);
    float* to = stretch(row, i);
    const std::int32_t first = head * group;
    kernels_.attendStretch({cache.type(), group, headDim, count, spec_.attentionScale, spec_.attentionSoftcap, q_.data() + static_cast<std::size_t>(row) * attention + first * headDim,
                            cache.keys(layer, head, begin), cache.values(layer, head, begin), to + first * headDim, to + attention + first,
                            to + attention + spec_.heads + first});
  });
  pool_.run(rows_, [&](std::int64_t task, int) {
    const auto row = static_cast<std::int32_t>(task);
    const std::int32_t from = firstSeen(row) / stretchRows, to = (positions_[row] + stretchRows) / stretchRows;
    for (std::int32_t head = 0; head < spec_.heads; ++head) {
      float high = -1e30f, sum = 0.0f;
      for (std::int32_t i = from; i < to; ++i) high = std::max(high, stretch(row, i)[attention + head]);
      float* out = attention_.data() + static_cast<std::size_t>(row) * attention + head * headDim;
      std::memset(out, 0, sizeof(float) * headDim);
      for (std::int32_t i = from; i < to; ++i) sum += std::exp(stretch(row, i)[attention + head] - high) * stretch(row, i)[attention + spec_.heads + head];
      for (std::int32_t i = from; i < to; ++i)
        kernels_.addScaled(out, stretch(row, i) + head * headDim, std::exp(stretch(row, i)[attention + head] - high) / sum, headDim);
    }
  });
}

}  // namespace qt
