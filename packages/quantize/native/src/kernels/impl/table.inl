#include <vector>

#include <qt/blocks.hpp>

#include "../../encode.hpp"
#include "vec.inl"

#include "../../formats/fp8.hpp"
#include "../../formats/iq1_m.hpp"
#include "../../formats/iq1_s.hpp"
#include "../../formats/iq2_s.hpp"
#include "../../formats/iq2_xs.hpp"
#include "../../formats/iq2_xxs.hpp"
#include "../../formats/iq3_s.hpp"
#include "../../formats/iq3_xxs.hpp"

#include "blocks32.inl"
#include "floats.inl"
#include "search.inl"
#include "k.inl"
#include "weighted32.inl"
#include "groups.inl"

#include "eights.inl"
#include "few_bits.inl"
#include "fit_positive.inl"
#include "fp4.inl"
#include "iq1.inl"
#include "iq4.inl"
#include "lattice.inl"
#include "ternary.inl"

#include "by_rows.inl"

namespace qt {
namespace {

bool encodePlain(TensorType type, const float* values, std::int64_t count, std::uint8_t* out) {
  // Lambdas, so that each encoder is inlined into its own loop.
  switch (type) {
    case TensorType::F32: return encodeGroups<1, 4>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeF32(x, o); });
    case TensorType::F16: return encodeGroups<1, 2>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeF16(x, o); });
    case TensorType::BF16: return encodeGroups<1, 2>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeBF16(x, o); });
    case TensorType::Q8_0: return encodeGroups<32, 34>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeQ8_0(x, o); });
    case TensorType::Q5_1: return encodeGroups<32, 24>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeAffine<31, 24>(x, o); });
    case TensorType::Q5_0: return encodeGroups<32, 22>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeSymmetric<16, 22>(x, o); });
    case TensorType::Q4_1: return encodeGroups<32, 20>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeAffine<15, 20>(x, o); });
    case TensorType::Q4_0: return encodeGroups<32, 18>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeSymmetric<8, 18>(x, o); });
    case TensorType::Q1_0: return encodeGroups<128, 18>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeQ1_0(x, o); });
    case TensorType::Q2_0: return encodeGroups<64, 18>(values, count, out, [](const float* x, std::uint8_t* o) { return encodeQ2_0(x, o); });
    default: return false;
  }
}

// Functions of their own, so that each encoder is compiled by itself.
template <int half, int bytes>
__attribute__((noinline)) bool weightedSymmetric(TensorType type, const Rows& in, std::uint8_t* out) {
  return encodeByRows<32, bytes>(type, in, out, [](const float* x, std::int64_t columns) { return meanSquares(x, columns); },
                                 [](const Blocks& b, f32v spread, std::uint8_t* o) { return encodeWeightedSymmetric<half, bytes>(b, spread, o); });
}
template <int most, int bytes>
__attribute__((noinline)) bool weightedAffine(TensorType type, const Rows& in, std::uint8_t* out) {
  return encodeByRows<32, bytes>(type, in, out, [](const float* x, std::int64_t columns) { return meanSquares(x, columns); },
                                 [](const Blocks& b, f32v spread, std::uint8_t* o) { return encodeWeightedAffine<most, bytes>(b, spread, o); });
}
template <int bytes, i32v (*encode)(const Blocks&, std::uint8_t*)>
__attribute__((noinline)) bool kType(TensorType type, const Rows& in, std::uint8_t* out) {
  return encodeK<bytes>(type, in, out, [](const Blocks& b, std::uint8_t* o) { return encode(b, o); });
}

// What has no fast path takes the reference.
bool encodeRows(TensorType type, const Rows& in, std::uint8_t* out) {
  const bool weighted = in.importance != nullptr;
  switch (type) {
    case TensorType::F32:
    case TensorType::F16:
    case TensorType::BF16:
    case TensorType::Q1_0:
    case TensorType::Q2_0:
    case TensorType::Q8_0: return encodePlain(type, in.values, in.count(), out);
    case TensorType::Q5_1: return weighted ? weightedAffine<31, 24>(type, in, out) : encodePlain(type, in.values, in.count(), out);
    case TensorType::Q5_0: return weighted ? weightedSymmetric<16, 22>(type, in, out) : encodePlain(type, in.values, in.count(), out);
    case TensorType::Q4_1: return weighted ? weightedAffine<15, 20>(type, in, out) : encodePlain(type, in.values, in.count(), out);
    case TensorType::Q4_0: return weighted ? weightedSymmetric<8, 18>(type, in, out) : encodePlain(type, in.values, in.count(), out);
    case TensorType::Q6_K: return kType<210, encodeQ6_K>(type, in, out);
    case TensorType::Q5_K: return kType<176, encodeAffineK<31>>(type, in, out);
    case TensorType::Q4_K: return kType<144, encodeAffineK<15>>(type, in, out);
    case TensorType::Q3_K: return kType<110, encodeQ3_K>(type, in, out);
    case TensorType::Q2_K: return kType<84, encodeQ2_K>(type, in, out);
    default: break;
  }
  if (const EncodeRow encode = rowEncoder(type)) return encodeEachRow(encode, type, in, out);
  return !encodeReference(type, in, out);
}

void decodeValues(TensorType type, const std::uint8_t* blocks, std::int64_t count, float* out) {
  decodeBlocks(type, blocks, static_cast<std::size_t>(count), out);
}

constexpr EncoderTable makeTable(const char* name) { return {name, encodeRows, decodeValues}; }

}  // namespace
}  // namespace qt
