// Keys, values and attention on the processor: prompts in the tiles of training, over keys and values widened from the cache; single tokens in
// stretches of the cache, each apart, put together in their order.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "host_generation.hpp"

namespace qt {
namespace {

// Caches come from the device that is asked to use them.
const HostCache& hostCache(const KvCache& cache) { return static_cast<const HostCache&>(cache); }

}  // namespace

// Norms of heads and rotation of queries and keys; then keys and values go into the caches.
void HostGeneration::store(const HeadsOfLayer& heads) {
  const std::int32_t headDim = spec_.headDim;
  const std::int64_t attention = spec_.attentionWidth(), kv = spec_.kvWidth();
  const RotaryTable* rotary = heads.rotary;
  const ActivationOps& ops = kernels_.ops[0];
  const auto prepare = [&](float* x, const float* norm, std::int64_t begin, std::int64_t count, std::int32_t number) {
    if (norm != nullptr) ops.rmsNorm(x, norm, x, inverse_.data() + begin * spec_.heads, count * number, headDim, spec_.normEpsilon);
    if (rotary != nullptr) ops.rotate(x, pass_.positions.data() + begin, count, number, headDim, *rotary, 1.0f);
  };
  const auto keep = [&](const KvCache& cache, std::int64_t row, std::int32_t head) {
    const HostCache& to = hostCache(cache);
    const std::int32_t position = pass_.positions[row];
    kernels_.cacheStore(to.type(), heads.k + row * kv + head * headDim, headDim, to.keys(heads.layer, head, position));
    kernels_.cacheStore(to.type(), heads.v + row * kv + head * headDim, headDim, to.values(heads.layer, head, position));
  };
  constexpr std::int32_t rowsPerTask = 32;
  for (const CacheRows& s : pass_.sequences)
    pool_.run((s.count + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
      const std::int64_t begin = s.begin + task * rowsPerTask, count = std::min<std::int64_t>(rowsPerTask, s.begin + s.count - begin);
      prepare(heads.q + begin * attention, heads.queryNorm, begin, count, spec_.heads);
      prepare(heads.k + begin * kv, heads.keyNorm, begin, count, spec_.kvHeads);
      for (std::int64_t row = begin; row < begin + count; ++row)
        for (std::int32_t head = 0; head < spec_.kvHeads; ++head) {
          keep(*s.cache, row, head);
          if (s.heirs == nullptr) continue;
          for (const auto& heir : *s.heirs) keep(*heir, row, head);
        }
    });
}

RowsIn HostGeneration::attend(std::int32_t layer, const float* q, float* out) {
  if (!pass_.tiled) {
    attendRows(layer, q, out);
    return {out};
  }
  const void* packed = nullptr;
  for (const CacheRows& s : pass_.sequences) packed = attendTiles(layer, s, q, out);
  return {out, packed};
}

// The sequence's outputs packed, or null.
const void* HostGeneration::attendTiles(std::int32_t layer, const CacheRows& s, const float* q, float* out) {
  const DType type = products_.bf16 ? DType::BF16 : DType::F32;
  const ActivationOps& ops = kernels_.ops[products_.bf16];
  const HostCache& cache = hostCache(*s.cache);
  const std::int32_t before = cache.length(), all = before + s.count, headDim = spec_.headDim;
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
        kernels_.cacheLoad(cache.type(), cache.keys(layer, head, begin), count, headDim, type, keys + to, static_cast<std::int64_t>(kv));
        kernels_.cacheLoad(cache.type(), cache.values(layer, head, begin), count, headDim, type, values + to, static_cast<std::int64_t>(kv));
      }
      return;
    }
    const std::size_t begin = (task - cached) * rowsPerTask, count = std::min<std::size_t>(rowsPerTask, s.count - begin);
    ops.narrow(q + (s.begin + begin) * attention, queries + (lead + begin) * attention * element, static_cast<std::int64_t>(count * attention));
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
  if (pass_.straight && s.count == static_cast<std::int32_t>(pass_.ids.size())) {
    packLeft(products_, dense(outputs + lead * attention * element, type, s.count, attention), false, s.count, attention, packed_->data());
    return packed_->data();
  }
  pool_.run(asked, [&](std::int64_t task, int) {
    const std::size_t begin = task * rowsPerTask, count = std::min<std::size_t>(rowsPerTask, s.count - begin);
    ops.widen(outputs + (lead + begin) * attention * element, out + (s.begin + begin) * attention, static_cast<std::int64_t>(count * attention));
  });
  return nullptr;
}

void HostGeneration::attendRows(std::int32_t layer, const float* q, float* out) {
  const std::int32_t headDim = spec_.headDim, group = spec_.queriesPerKey(), attention = spec_.attentionWidth();
  std::int32_t longest = 0;
  for (std::int32_t row = 0; row < rows(); ++row) longest = std::max(longest, pass_.positions[row] + 1);
  const std::int32_t most = (longest + stretchRows - 1) / stretchRows;
  // For each row and stretch: outputs [heads, headDim], then the highest score and the sum of each head.
  const std::size_t stretchFloats = static_cast<std::size_t>(attention) + 2 * spec_.heads;
  stretches_.resize(std::max(stretches_.size(), stretchFloats * rows() * most));
  const auto cacheOf = [&](std::int32_t row) -> const HostCache& { return hostCache(*pass_.sequences[pass_.sequences.size() == 1 ? 0 : row].cache); };
  const std::int32_t window = spec_.layer(layer).window;
  const auto firstSeen = [&](std::int32_t row) { return window > 0 ? std::max(0, pass_.positions[row] + 1 - window) : 0; };
  const auto stretch = [&](std::int32_t row, std::int32_t i) { return stretches_.data() + (static_cast<std::size_t>(row) * most + i) * stretchFloats; };

  pool_.run(static_cast<std::int64_t>(rows()) * most * spec_.kvHeads, [&](std::int64_t task, int) {
    const std::int32_t head = static_cast<std::int32_t>(task % spec_.kvHeads), i = static_cast<std::int32_t>(task / spec_.kvHeads) % most,
                       row = static_cast<std::int32_t>(task / spec_.kvHeads) / most;
    const std::int32_t begin = std::max(i * stretchRows, firstSeen(row)), count = std::min(i * stretchRows + stretchRows, pass_.positions[row] + 1) - begin;
    if (count <= 0) return;
    const HostCache& cache = cacheOf(row);
    float* to = stretch(row, i);
    const std::int32_t first = head * group;
    kernels_.attendStretch({cache.type(), group, headDim, count, spec_.attentionScale, spec_.attentionSoftcap, q + static_cast<std::size_t>(row) * attention + first * headDim,
                            cache.keys(layer, head, begin), cache.values(layer, head, begin), to + first * headDim, to + attention + first,
                            to + attention + spec_.heads + first});
  });
  pool_.run(rows(), [&](std::int64_t task, int) {
    const auto row = static_cast<std::int32_t>(task);
    const std::int32_t from = firstSeen(row) / stretchRows, to = (pass_.positions[row] + stretchRows) / stretchRows;
    for (std::int32_t head = 0; head < spec_.heads; ++head) {
      float high = -1e30f, sum = 0.0f;
      for (std::int32_t i = from; i < to; ++i) high = std::max(high, stretch(row, i)[attention + head]);
      float* own = out + static_cast<std::size_t>(row) * attention + head * headDim;
      std::memset(own, 0, sizeof(float) * headDim);
      for (std::int32_t i = from; i < to; ++i) sum += std::exp(stretch(row, i)[attention + head] - high) * stretch(row, i)[attention + spec_.heads + head];
      for (std::int32_t i = from; i < to; ++i)
        kernels_.addScaled(own, stretch(row, i) + head * headDim, std::exp(stretch(row, i)[attention + head] - high) / sum, headDim);
    }
  });
}

}  // namespace qt
