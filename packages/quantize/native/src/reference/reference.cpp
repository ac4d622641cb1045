#include <cmath>

#include "../encode.hpp"
#include "formats.hpp"

namespace qt {
namespace {

reference::EncodeRow encoderOf(TensorType type) {
  switch (type) {
    case TensorType::F32: return reference::encodeF32;
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
    case TensorType::IQ4_NL: return reference::encodeIQ4_NL;
    case TensorType::IQ4_XS: return reference::encodeIQ4_XS;
    case TensorType::IQ3_S: return reference::encodeIQ3_S;
    case TensorType::IQ3_XXS: return reference::encodeIQ3_XXS;
    case TensorType::IQ2_S: return reference::encodeIQ2_S;
    case TensorType::IQ2_XS: return reference::encodeIQ2_XS;
    case TensorType::IQ2_XXS: return reference::encodeIQ2_XXS;
    case TensorType::IQ1_M: return reference::encodeIQ1_M;
    case TensorType::IQ1_S: return reference::encodeIQ1_S;
    case TensorType::TQ1_0: return reference::encodeTQ1_0;
    case TensorType::TQ2_0: return reference::encodeTQ2_0;
    case TensorType::MXFP4: return reference::encodeMXFP4;
    case TensorType::NVFP4: return reference::encodeNVFP4;
    case TensorType::Q1_0: return reference::encodeQ1_0;
    case TensorType::Q2_0: return reference::encodeQ2_0;
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
