#include <cmath>

#include "../encode.hpp"
#include "formats.hpp"

namespace qt {
namespace {

reference::EncodeRow encoderOf(TensorType type) {
  switch (type) {
    case TensorType::F16: return reference::encodeF16;
    case TensorType::BF16: return reference::encodeBF16;
    case TensorType::Q8_0: return reference::encodeQ8_0;
    case TensorType::Q5_1: return reference::encodeQ5_1;
    case TensorType::Q5_0: return reference::encodeQ5_0;
    case TensorType::Q4_1: return reference::encodeQ4_1;
    case TensorType::Q4_0: return reference::encodeQ4_0;
    case TensorType::Q8_K: return reference::encodeQ8_K;
    case TensorType::Q6_K: return reference::encodeQ6_K;
    case TensorType::Q5_K: return reference::encodeQ5_K;
    case TensorType::Q4_K: return reference::encodeQ4_K;
    case TensorType::Q3_K: return reference::encodeQ3_K;
    case TensorType::Q2_K: return reference::encodeQ2_K;
    default: return nullptr;
  }
}

}  // namespace

Fault encodeReference(TensorType type, const Rows& in, std::uint8_t* out) {
  for (std::int64_t i = 0; i < in.count(); ++i)
    if (!std::isfinite(in.values[i])) return {Fault::Kind::NotFinite, i, in.values[i]};
  const reference::EncodeRow encode = encoderOf(type);
  const std::size_t bytes = rowBytes(type, static_cast<std::size_t>(in.columns));
  reference::TooLarge tooLarge;
  for (std::int64_t row = 0; row < in.rows; ++row, out += bytes)
    if (!encode(in.values + row * in.columns, in.columns, in.importance, out, tooLarge))
      return {Fault::Kind::OutOfRange, row * in.columns + tooLarge.index, tooLarge.scale};
  return {};
}

}  // namespace qt
