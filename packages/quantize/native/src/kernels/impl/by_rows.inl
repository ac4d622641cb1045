// Types that are encoded row by row, each by itself.
namespace qt {
namespace {

using EncodeRow = bool (*)(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out);

// The function of a type, or null. Elsewhere than on x86 most of them are the reference's.
inline EncodeRow rowEncoder(TensorType type) {
  switch (type) {
    case TensorType::TQ1_0: return encodeTQ1_0Row;
    case TensorType::TQ2_0: return encodeTQ2_0Row;
    case TensorType::MXFP4: return encodeMXFP4Row;
    case TensorType::NVFP4: return encodeNVFP4Row;
#if defined(__AVX2__)
    case TensorType::IQ4_NL: return encodeIQ4_NLRow;
    case TensorType::IQ4_XS: return encodeIQ4_XSRow;
    case TensorType::IQ3_S: return encodeLatticeRow<IQ3_S>;
    case TensorType::IQ3_XXS: return encodeLatticeRow<IQ3_XXS>;
    case TensorType::IQ2_S: return encodeLatticeRow<IQ2_S>;
    case TensorType::IQ2_XS: return encodeLatticeRow<IQ2_XS>;
    case TensorType::IQ2_XXS: return encodeLatticeRow<IQ2_XXS>;
    case TensorType::IQ1_M: return encodeIQ1_MRow;
    case TensorType::IQ1_S: return encodeIQ1_SRow;
#endif
    default: return nullptr;
  }
}

inline bool encodeEachRow(EncodeRow encode, TensorType type, const Rows& in, std::uint8_t* out) {
  const std::size_t bytes = rowBytes(type, static_cast<std::size_t>(in.columns));
  for (std::int64_t row = 0; row < in.rows; ++row, out += bytes)
    if (!encode(in.values + row * in.columns, in.columns, in.importance, out)) return false;
  return true;
}

}  // namespace
}  // namespace qt
