// Causal attention of packed documents, forward and backward, on the device: what AttentionForward and AttentionBackward say, for all tiles at once.
// A block does one tile of rows of one head; which tiles there are is planned on the host from the documents' borders, the longest
// work first, so that no block is started for nothing and the last ones to run are short.
#pragma once
#include <cstdint>
#include <vector>

#include "../status.hpp"
#include "kernels/table.hpp"

namespace qt::cuda {

// Rows [first, first + rows of a tile) of the document [begin, end).
struct AttentionSpan {
  std::int32_t begin;
  std::int32_t end;
  std::int32_t first;
};

enum class AttentionPass : std::uint8_t { Forward, Query, Key };

// Rows of a tile on the current device.
int attentionRows(AttentionPass pass, std::int32_t headDim, DType type);

inline constexpr std::int32_t mostHeadDim = 256;

// The tiles of documents [borders[i], borders[i + 1]); empty documents have none. Of queries (Forward, Query) or of keys (Key).
std::vector<AttentionSpan> planAttention(AttentionPass pass, const std::int32_t* borders, int documents, int rows, std::int32_t window);

// `spans` lies on the device and was planned for the same pass. Rows of no document are left alone.
Status attentionForward(const AttentionForward& a, DType type, const AttentionSpan* spans, std::int64_t count, Stream stream);

// delta, which the two other passes read; then dq, dk and dv, in any order.
Status attentionDelta(const AttentionBackward& a, DType type, std::int64_t rows, Stream stream);
Status attentionBackwardQuery(const AttentionBackward& a, DType type, const AttentionSpan* spans, std::int64_t count, Stream stream);
Status attentionBackwardKey(const AttentionBackward& a, DType type, const AttentionSpan* spans, std::int64_t count, Stream stream);

}  // namespace qt::cuda
