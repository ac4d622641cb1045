#include <qt/blocks.hpp>

#include "../../encode.hpp"
#include "vec.inl"

#include "blocks32.inl"
#include "floats.inl"

namespace qt {
namespace {

bool encodePlain(TensorType type, const float* values, std::int64_t count, std::uint8_t* out) {
  // Lambdas, so that each encoder is inlined into its own loop.
  switch (type) {
    case TensorType::F16: return encodeGroups<1, 2>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeF16(x, o); });
    case TensorType::BF16: return encodeGroups<1, 2>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeBF16(x, o); });
    case TensorType::Q8_0: return encodeGroups<32, 34>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeQ8_0(x, o); });
    case TensorType::Q5_1: return encodeGroups<32, 24>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeAffine<31, 24>(x, o); });
    case TensorType::Q5_0: return encodeGroups<32, 22>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeSymmetric<16, 22>(x, o); });
    case TensorType::Q4_1: return encodeGroups<32, 20>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeAffine<15, 20>(x, o); });
    case TensorType::Q4_0: return encodeGroups<32, 18>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeSymmetric<8, 18>(x, o); });
    default: return false;
  }
}

// What has no fast path takes the reference.
bool encodeRows(TensorType type, const Rows& in, std::uint8_t* out) {
  if (in.importance == nullptr || blockTraits(type).size == 1 || type == TensorType::Q8_0) {
    switch (type) {
      case TensorType::F16:
      case TensorType::BF16:
      case TensorType::Q8_0:
      case TensorType::Q5_1:
      case TensorType::Q5_0:
      case TensorType::Q4_1:
      case TensorType::Q4_0: return encodePlain(type, in.values, in.count(), out);
      default: break;
    }
  }
  return !encodeReference(type, in, out);
}

void decodeValues(TensorType type, const std::uint8_t* blocks, std::int64_t count, float* out) {
  decodeBlocks(type, blocks, static_cast<std::size_t>(count), out);
}

constexpr EncoderTable makeTable(const char* name) { return {name, encodeRows, decodeValues}; }

}  // namespace
}  // namespace qt
