// Keys and values of generation in pages of 64 positions, which sequences share out of one pool, and attention of single tokens over them.
// A page of one layer holds, head after head, 64 rows of keys or values as CacheType says; for I8 first the codes of the 64 rows, then
// their scales, so that rows begin at borders of 16 bytes.
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

inline constexpr std::int32_t pageRows = 64;
inline constexpr std::size_t pageBytes(CacheType type, std::int32_t kvHeads, std::int32_t headDim) {
  return static_cast<std::size_t>(kvHeads) * pageRows * cacheRowBytes(type, headDim);
}

// One layer's keys and values. Position p of sequence s lies in page table[s·tableStride + p/64].
struct KvPages {
  CacheType type;
  std::int32_t kvHeads;
  std::int32_t headDim;
  unsigned char* keys;
  unsigned char* values;
  const std::int32_t* table;
  std::int64_t tableStride;
};

// Row r of k and v [rows, kvHeads, headDim] becomes position positions[r] of sequence sequences[r].
Status cacheStore(const KvPages& pages, const void* k, const void* v, DType type, std::int64_t rows, const std::int32_t* sequences, const std::int32_t* positions, Stream stream);
// Positions [0, count) of a sequence as k and v [count, kvHeads, headDim], for prompts in the tiles of training.
Status cacheLoad(const KvPages& pages, std::int32_t sequence, std::int64_t count, void* k, void* v, DType type, Stream stream);

// Row r of q and out [rows, heads, headDim] sees positions [0, positions[r]] of its sequence, or the last `window` of these.
struct PagedAttention {
  AttentionShape shape;
  const void* q;
  void* out;
  std::int64_t rows;
  const std::int32_t* sequences;
  const std::int32_t* positions;
  std::int32_t longest;  // the highest position and one
  float* scratch;        // as many numbers as pagedScratch says
};
std::int64_t pagedScratch(const AttentionShape& shape, std::int64_t rows, std::int32_t longest);
Status attendPages(const KvPages& pages, const PagedAttention& a, DType type, Stream stream);

}  // namespace qt::cuda
