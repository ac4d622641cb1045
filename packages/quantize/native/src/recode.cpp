#include <algorithm>

#include "encode.hpp"

namespace qt {

namespace {
// Decoded numbers on their way stay in the first-level cache. A multiple of every block size.
constexpr std::int64_t tile = 4096;
}  // namespace

Fault recode(const EncoderTable& table, TensorType from, const std::uint8_t* in, std::int64_t values, TensorType to, std::uint8_t* out) {
  alignas(64) float numbers[tile];
  const BlockTraits source = blockTraits(from), target = blockTraits(to);
  for (std::int64_t done = 0; done < values; done += tile) {
    const std::int64_t count = std::min(tile, values - done);
    table.decode(from, in + done / source.size * source.bytes, count / source.size, numbers);
    std::uint8_t* blocks = out + done / target.size * target.bytes;
    if (table.encode(to, numbers, count, blocks)) continue;
    Fault fault = encodeReference(to, numbers, count, blocks);
    fault.index += done;
    return fault;
  }
  return {};
}

}  // namespace qt
