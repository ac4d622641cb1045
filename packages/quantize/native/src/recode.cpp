#include <algorithm>
#include <cstddef>
#include <vector>

#include <qt/blocks/half.hpp>

#include "encode.hpp"

namespace qt {

namespace {

// Decoded numbers on their way stay in the first-level cache: a multiple of every block size, and of 16 of the largest blocks.
constexpr std::int64_t tile = 4096;
// With importance whole rows are needed, and the encoders take one in each lane.
constexpr std::int64_t rowsTogether = 16;

}  // namespace

Fault recode(const EncoderTable& chosen, const BlockRows& in, TensorType to, std::uint8_t* out) {
  const EncoderTable& table = tested(chosen, to);
  const BlockTraits source = blockTraits(in.type), target = blockTraits(to);
  const bool byRows = in.importance != nullptr;
  const std::int64_t columns = byRows ? in.columns : 1;
  const std::int64_t values = in.rows * in.columns;
  const std::int64_t step = byRows ? rowsTogether * columns : tile;
  static thread_local std::vector<float> numbers;
  numbers.resize(static_cast<std::size_t>(std::max(step, static_cast<std::int64_t>(numbers.size()))));
  for (std::int64_t done = 0; done < values; done += step) {
    const std::int64_t count = std::min(step, values - done);
    table.decode(in.type, in.blocks + done / source.size * source.bytes, count / source.size, numbers.data());
    std::uint8_t* blocks = out + done / target.size * target.bytes;
    const Rows rows = byRows ? Rows{numbers.data(), count / columns, columns, in.importance} : Rows{numbers.data(), 1, count};
    if (table.encode(to, rows, blocks)) continue;
    Fault fault = encodeReference(to, rows, blocks);
    fault.index += done;
    return fault;
  }
  return {};
}

std::int64_t firstNotFinite(const EncoderTable& table, TensorType type, const std::uint8_t* blocks, std::int64_t values) {
  alignas(64) float numbers[tile];
  const BlockTraits traits = blockTraits(type);
  for (std::int64_t done = 0; done < values; done += tile) {
    const std::int64_t count = std::min(tile, values - done);
    table.decode(type, blocks + done / traits.size * traits.bytes, count / traits.size, numbers);
    std::uint32_t worst = 0;
    for (std::int64_t i = 0; i < count; ++i) worst = std::max(worst, bitsOfFloat(numbers[i]) & 0x7fffffffu);
    if (worst < 0x7f800000u) continue;
    for (std::int64_t i = 0; i < count; ++i)
      if ((bitsOfFloat(numbers[i]) & 0x7fffffffu) >= 0x7f800000u) return done + i;
  }
  return -1;
}

}  // namespace qt
