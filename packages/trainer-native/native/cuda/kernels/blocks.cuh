// Decoders of weights/native's block types for one thread: eight consecutive numbers of a block, bit for bit what decodeBlock gives.
#pragma once
#include <type_traits>

#include <qt/blocks.hpp>

#include "../platform.cuh"

namespace qt::cuda {

// Calls X(name) for every type whose blocks hold more than one number.
#define QT_BLOCK_TYPES(X)                                                                                                               \
  X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q8_0) X(Q8_1) X(Q2_K) X(Q3_K) X(Q4_K) X(Q5_K) X(Q6_K) X(Q8_K) X(IQ2_XXS) X(IQ2_XS) X(IQ2_S) X(IQ3_XXS) \
  X(IQ3_S) X(IQ1_S) X(IQ1_M) X(IQ4_NL) X(IQ4_XS) X(TQ1_0) X(TQ2_0) X(MXFP4) X(NVFP4) X(Q1_0) X(Q2_0) X(NF4)

// The formats' tables where a device finds them.
static __device__ const Codebook<256, 8> iq2xxsPoints = iq2xxsGrid;
static __device__ const Codebook<512, 8> iq2xsPoints = iq2xsGrid;
static __device__ const Codebook<1024, 8> iq2sPoints = iq2sGrid;
static __device__ const Codebook<256, 4> iq3xxsPoints = iq3xxsGrid;
static __device__ const Codebook<512, 4> iq3sPoints = iq3sGrid;
static __device__ const Codebook<2048, 8> iq1sPoints = iq1sGrid;

struct SmallTables {
  std::uint8_t evenSigns[128];
  std::int8_t iq4[16], e2m1[16];
  float nf4[16];
};
constexpr SmallTables makeSmallTables() {
  SmallTables t{};
  for (int i = 0; i < 128; ++i) t.evenSigns[i] = evenSigns[i];
  for (int i = 0; i < 16; ++i) {
    t.iq4[i] = iq4Values[i];
    t.e2m1[i] = e2m1Values[i];
    t.nf4[i] = nf4Values[i];
  }
  return t;
}
static __device__ const SmallTables smallTables = makeSmallTables();

// float16 in two bytes, exactly.
__device__ inline float halfAt(const std::uint8_t* p) {
#ifdef __CUDA_ARCH__
  float out;
  asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(static_cast<std::uint16_t>(p[0] | p[1] << 8)));
  return out;
#else
  return loadHalf(p);
#endif
}
__device__ inline std::uint32_t u16At(const std::uint8_t* p) { return p[0] | p[1] << 8; }
__device__ inline std::uint32_t u32At(const std::uint8_t* p) { return u16At(p) | u16At(p + 2) << 16; }

// Eight bytes in one word, where p is known to be aligned to `Alignment`.
template <int Alignment>
__device__ inline std::uint64_t bytesAt(const void* p) {
  if constexpr (Alignment >= 8) {
    return *static_cast<const std::uint64_t*>(p);
  } else if constexpr (Alignment == 4) {
    const auto* w = static_cast<const std::uint32_t*>(p);
    return w[0] | static_cast<std::uint64_t>(w[1]) << 32;
  } else if constexpr (Alignment == 2) {
    const auto* w = static_cast<const std::uint16_t*>(p);
    return (w[0] | static_cast<std::uint32_t>(w[1]) << 16) | static_cast<std::uint64_t>(w[2] | static_cast<std::uint32_t>(w[3]) << 16) << 32;
  } else {
    const auto* b = static_cast<const std::uint8_t*>(p);
    return u32At(b) | static_cast<std::uint64_t>(u32At(b + 4)) << 32;
  }
}

constexpr std::uint64_t eachByte(unsigned value) { return 0x0101010101010101u * value; }
__device__ inline int byteOf(std::uint64_t bytes, int i) { return static_cast<int>(bytes >> (8 * i) & 255); }
// Bit j of `bits` becomes the lowest bit of byte j.
__device__ inline std::uint64_t bitsApart(std::uint32_t bits) {
  const std::uint64_t single = eachByte(bits & 255) & 0x8040201008040201u;
  return (single + eachByte(127)) >> 7 & eachByte(1);
}
__device__ inline std::uint64_t nibbles(std::uint64_t bytes, bool high) { return (high ? bytes >> 4 : bytes) & eachByte(15); }
__device__ inline std::uint64_t bitPairs(std::uint64_t bytes, int shift) { return bytes >> shift & eachByte(3); }

// out = d·(code − less)
__device__ inline void give(std::uint64_t codes, int less, float d, float (&out)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) out[j] = d * static_cast<float>(byteOf(codes, j) - less);
}
// out = d·code + m
__device__ inline void give(std::uint64_t codes, float d, float m, float (&out)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) out[j] = d * static_cast<float>(byteOf(codes, j)) + m;
}
__device__ inline void giveSigned(std::uint64_t codes, float d, float (&out)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) out[j] = d * static_cast<float>(static_cast<std::int8_t>(byteOf(codes, j)));
}
__device__ inline void giveValues(const std::int8_t* values, std::uint64_t codes, float d, float (&out)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) out[j] = d * static_cast<float>(values[byteOf(codes, j)]);
}
// Points of a codebook, negated where a bit of `signs` is set.
__device__ inline void giveSignedPoints(const std::int8_t* first, const std::int8_t* second, std::uint32_t signs, float d, float (&out)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const int q = j < 4 ? first[j] : second[j - 4];
    out[j] = d * static_cast<float>((signs >> j & 1) != 0 ? -q : q);
  }
}

__device__ inline void eight(const BlockQ4_0& b, int g, float (&out)[8]) {
  give(nibbles(bytesAt<2>(b.qs + 8 * (g & 1)), g >> 1), 8, halfAt(b.d), out);
}
__device__ inline void eight(const BlockQ4_1& b, int g, float (&out)[8]) {
  give(nibbles(bytesAt<4>(b.qs + 8 * (g & 1)), g >> 1), halfAt(b.d), halfAt(b.m), out);
}
__device__ inline void eight(const BlockQ5_0& b, int g, float (&out)[8]) {
  give(nibbles(bytesAt<2>(b.qs + 8 * (g & 1)), g >> 1) | bitsApart(b.qh[g]) << 4, 16, halfAt(b.d), out);
}
__device__ inline void eight(const BlockQ5_1& b, int g, float (&out)[8]) {
  give(nibbles(bytesAt<8>(b.qs + 8 * (g & 1)), g >> 1) | bitsApart(b.qh[g]) << 4, halfAt(b.d), halfAt(b.m), out);
}
__device__ inline void eight(const BlockQ8_0& b, int g, float (&out)[8]) { giveSigned(bytesAt<2>(b.qs + 8 * g), halfAt(b.d), out); }
__device__ inline void eight(const BlockQ8_1& b, int g, float (&out)[8]) { giveSigned(bytesAt<4>(b.qs + 8 * g), halfAt(b.d), out); }

__device__ inline void eight(const BlockQ2_K& b, int g, float (&out)[8]) {
  const std::uint64_t codes = bitPairs(bytesAt<4>(b.qs + 32 * (g / 16) + 8 * (g % 4)), 2 * (g / 4 % 4));
  const int scale = b.scales[g / 2];
  give(codes, halfAt(b.d) * static_cast<float>(scale & 15), -(halfAt(b.dmin) * static_cast<float>(scale >> 4)), out);
}
__device__ inline void eight(const BlockQ3_K& b, int g, float (&out)[8]) {
  const std::uint64_t low = bitPairs(bytesAt<2>(b.qs + 32 * (g / 16) + 8 * (g % 4)), 2 * (g / 4 % 4));
  const std::uint64_t high = bytesAt<2>(b.hmask + 8 * (g % 4)) >> (g / 4) & eachByte(1);
  const int s = g / 2, scale = (b.scales[s % 8] >> (s / 8 * 4) & 15) | (b.scales[8 + s % 4] >> (s / 4 * 2) & 3) << 4;
  give(low | high << 2, 4, halfAt(b.d) * static_cast<float>(scale - 32), out);
}
// As unpackScaleMin has it, for one sub-block.
__device__ inline void scaleMin(const std::uint8_t* packed, int s, float& scale, float& min) {
  scale = static_cast<float>(s < 4 ? packed[s] & 63 : (packed[s + 4] & 15) | (packed[s - 4] >> 2 & 48));
  min = static_cast<float>(s < 4 ? packed[s + 4] & 63 : (packed[s + 4] >> 4) | (packed[s] >> 2 & 48));
}
__device__ inline void eight(const BlockQ4_K& b, int g, float (&out)[8]) {
  float scale, min;
  scaleMin(b.scales, g / 4, scale, min);
  give(nibbles(bytesAt<8>(b.qs + 32 * (g / 8) + 8 * (g % 4)), g / 4 % 2), halfAt(b.d) * scale, -(halfAt(b.dmin) * min), out);
}
__device__ inline void eight(const BlockQ5_K& b, int g, float (&out)[8]) {
  float scale, min;
  scaleMin(b.scales, g / 4, scale, min);
  const std::uint64_t fifth = bytesAt<8>(b.qh + 8 * (g % 4)) >> (g / 4) & eachByte(1);
  give(nibbles(bytesAt<8>(b.qs + 32 * (g / 8) + 8 * (g % 4)), g / 4 % 2) | fifth << 4, halfAt(b.d) * scale, -(halfAt(b.dmin) * min), out);
}
__device__ inline void eight(const BlockQ6_K& b, int g, float (&out)[8]) {
  const int i = g / 4;
  const std::uint64_t low = nibbles(bytesAt<2>(b.ql + 64 * (i / 4) + 32 * (i % 2) + 8 * (g % 4)), i % 4 / 2);
  const std::uint64_t high = bitPairs(bytesAt<2>(b.qh + 32 * (i / 4) + 8 * (g % 4)), i % 4 * 2);
  give(low | high << 4, 32, halfAt(b.d) * static_cast<float>(b.scales[g / 2]), out);
}
__device__ inline void eight(const BlockQ8_K& b, int g, float (&out)[8]) { giveSigned(bytesAt<4>(b.qs + 8 * g), __uint_as_float(u32At(b.d)), out); }

__device__ inline void eight(const BlockIQ2_XXS& b, int g, float (&out)[8]) {
  const std::uint8_t* points = b.qs + 8 * (g / 4);
  const std::uint32_t packed = u32At(points + 4);
  const std::int8_t* point = iq2xxsPoints.at[points[g % 4]];
  giveSignedPoints(point, point + 4, smallTables.evenSigns[packed >> 7 * (g % 4) & 127], halfAt(b.d) * (0.5f + static_cast<float>(packed >> 28)) * 0.25f, out);
}
__device__ inline void eight(const BlockIQ2_XS& b, int g, float (&out)[8]) {
  const std::uint32_t packed = u16At(b.qs + 2 * g);
  const std::int8_t* point = iq2xsPoints.at[packed & 511];
  const int scale = b.scales[g / 4] >> 4 * (g / 2 % 2) & 15;
  giveSignedPoints(point, point + 4, smallTables.evenSigns[packed >> 9], halfAt(b.d) * (0.5f + static_cast<float>(scale)) * 0.25f, out);
}
__device__ inline void eight(const BlockIQ2_S& b, int g, float (&out)[8]) {
  const std::int8_t* point = iq2sPoints.at[b.qs[g] | (b.qh[g / 4] >> 2 * (g % 4) & 3) << 8];
  const int scale = b.scales[g / 4] >> 4 * (g / 2 % 2) & 15;
  giveSignedPoints(point, point + 4, b.signs[g], halfAt(b.d) * (0.5f + static_cast<float>(scale)) * 0.25f, out);
}
__device__ inline void eight(const BlockIQ3_XXS& b, int g, float (&out)[8]) {
  const std::uint32_t packed = u32At(b.scales + 4 * (g / 4));
  giveSignedPoints(iq3xxsPoints.at[b.qs[2 * g]], iq3xxsPoints.at[b.qs[2 * g + 1]], smallTables.evenSigns[packed >> 7 * (g % 4) & 127],
                   halfAt(b.d) * (0.5f + static_cast<float>(packed >> 28)) * 0.5f, out);
}
__device__ inline void eight(const BlockIQ3_S& b, int g, float (&out)[8]) {
  const int high = b.qh[g / 4] >> 2 * (g % 4);
  const int scale = b.scales[g / 8] >> 4 * (g / 4 % 2) & 15;
  giveSignedPoints(iq3sPoints.at[b.qs[2 * g] | (high & 1) << 8], iq3sPoints.at[b.qs[2 * g + 1] | (high >> 1 & 1) << 8], b.signs[g],
                   halfAt(b.d) * static_cast<float>(1 + 2 * scale), out);
}
// The codebook holds eighths plus 8.
__device__ inline void giveShifted(const std::int8_t* point, bool down, float d, float (&out)[8]) {
#pragma unroll
  for (int j = 0; j < 8; ++j) out[j] = d * static_cast<float>(point[j] - (down ? 9 : 7));
}
__device__ inline void eight(const BlockIQ1_S& b, int g, float (&out)[8]) {
  const std::uint32_t packed = u16At(b.qh + 2 * (g / 4));
  giveShifted(iq1sPoints.at[b.qs[g] | (packed >> 3 * (g % 4) & 7) << 8], packed >> 15, halfAt(b.d) * 0.125f * static_cast<float>(2 * (packed >> 12 & 7) + 1),
              out);
}
__device__ inline void eight(const BlockIQ1_M& b, int g, float (&out)[8]) {
  const std::uint32_t bits = u16At(b.scales) >> 12 | (u16At(b.scales + 2) >> 12) << 4 | (u16At(b.scales + 4) >> 12) << 8 | (u16At(b.scales + 6) >> 12) << 12;
  const std::uint8_t d[2] = {static_cast<std::uint8_t>(bits & 255), static_cast<std::uint8_t>(bits >> 8)};
  const int i = g / 2, high = b.qh[i] >> 4 * (g % 2);
  const std::uint32_t scale = u16At(b.scales + 2 * (i / 4)) >> 3 * (i % 4) & 7;
  giveShifted(iq1sPoints.at[b.qs[g] | (high & 7) << 8], (high & 8) != 0, halfAt(d) * 0.125f * static_cast<float>(2 * scale + 1), out);
}

__device__ inline void eight(const BlockIQ4_NL& b, int g, float (&out)[8]) {
  giveValues(smallTables.iq4, nibbles(bytesAt<2>(b.qs + 8 * (g & 1)), g >> 1), halfAt(b.d), out);
}
__device__ inline void eight(const BlockIQ4_XS& b, int g, float (&out)[8]) {
  const int i = g / 4, j = g % 4;
  const int scale = (b.scalesLow[i / 2] >> (4 * (i % 2)) & 15) | static_cast<int>(u16At(b.scalesHigh) >> (2 * i) & 3) << 4;
  giveValues(smallTables.iq4, nibbles(bytesAt<8>(b.qs + 16 * i + 8 * (j & 1)), j >> 1), halfAt(b.d) * static_cast<float>(scale - 32), out);
}
__device__ inline void eight(const BlockMXFP4& b, int g, float (&out)[8]) {
  const float d = __uint_as_float(b.e < 2 ? 0x00200000u << b.e : static_cast<std::uint32_t>(b.e - 1) << 23);
  giveValues(smallTables.e2m1, nibbles(bytesAt<1>(b.qs + 8 * (g & 1)), g >> 1), d, out);
}
__device__ inline void eight(const BlockNVFP4& b, int g, float (&out)[8]) {
  const std::uint32_t bits = b.d[g / 2], exponent = bits >> 3 & 15, fraction = bits & 7;
  const float d = bits == 0x7f ? 0.0f : exponent == 0 ? static_cast<float>(fraction) * 0x1.0p-10f : __uint_as_float((exponent + 119) << 23 | fraction << 20);
  giveValues(smallTables.e2m1, nibbles(bytesAt<4>(b.qs + 8 * (g / 2)), g % 2), d, out);
}
__device__ inline void eight(const BlockNF4& b, int g, float (&out)[8]) {
  const float d = __uint_as_float(u32At(b.d));
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const int both = b.qs[4 * g + j];
    out[2 * j] = d * smallTables.nf4[both >> 4];
    out[2 * j + 1] = d * smallTables.nf4[both & 15];
  }
}

__device__ inline void eight(const BlockQ1_0& b, int g, float (&out)[8]) {
  give(bitsApart(b.qs[g]) << 1, 1, halfAt(b.d), out);
}
__device__ inline void eight(const BlockQ2_0& b, int g, float (&out)[8]) {
  const float d = halfAt(b.d);
#pragma unroll
  for (int j = 0; j < 8; ++j) out[j] = d * static_cast<float>((b.qs[2 * g + j / 4] >> 2 * (j % 4) & 3) - 1);
}
__device__ inline void eight(const BlockTQ1_0& b, int g, float (&out)[8]) {
  const float d = halfAt(b.d);
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const int e = 8 * g + j;
    const int digit = e < 160 ? e / 32 : e < 240 ? (e - 160) / 16 : (e - 240) / 4;
    const int byte = e < 160 ? b.qs[e % 32] : e < 240 ? b.qs[32 + e % 16] : b.qh[e % 4];
    const int power = digit == 0 ? 1 : digit == 1 ? 3 : digit == 2 ? 9 : digit == 3 ? 27 : 81;
    out[j] = d * static_cast<float>(((byte * power & 255) * 3 >> 8) - 1);
  }
}
__device__ inline void eight(const BlockTQ2_0& b, int g, float (&out)[8]) {
  give(bitPairs(bytesAt<2>(b.qs + 32 * (g / 16) + 8 * (g % 4)), 2 * (g / 4 % 4)), 1, halfAt(b.d), out);
}

// Eight numbers of types that store one at a time, of which `count` are there.
struct F16Number {
  std::uint16_t bits;
};
__device__ inline float numberOf(float x) { return x; }
__device__ inline float numberOf(bf16 x) { return widen(x); }
__device__ inline float numberOf(F16Number x) {
  const std::uint8_t bytes[2] = {static_cast<std::uint8_t>(x.bits & 255), static_cast<std::uint8_t>(x.bits >> 8)};
  return halfAt(bytes);
}

// How a type is stored: a block, or a number.
template <class Stored>
inline constexpr bool isNumber = std::is_same_v<Stored, float> || std::is_same_v<Stored, bf16> || std::is_same_v<Stored, F16Number>;

// Numbers [8·g, 8·g + 8) of a row of `columns`; behind its end they are 0.
template <class Stored, int Size>
__device__ inline void eightOfRow(const Stored* row, std::int64_t g, std::int64_t columns, float (&out)[8]) {
  if constexpr (isNumber<Stored>) {
    if (8 * g + 8 <= columns && reinterpret_cast<std::uintptr_t>(row) % 16 == 0) {
      if constexpr (std::is_same_v<Stored, F16Number>) {
        const uint4 v = *reinterpret_cast<const uint4*>(row + 8 * g);
        const std::uint32_t words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int j = 0; j < 8; ++j) out[j] = numberOf(F16Number{static_cast<std::uint16_t>(words[j / 2] >> (16 * (j % 2)))});
      } else {
        load8(row + 8 * g, out);
      }
      return;
    }
#pragma unroll
    for (int j = 0; j < 8; ++j) out[j] = 8 * g + j < columns ? numberOf(row[8 * g + j]) : 0.0f;
  } else {
    eight(row[g / (Size / 8)], static_cast<int>(g % (Size / 8)), out);
  }
}

// Calls body(null pointer to how `type` is stored, its block's size); false for a type that is no weight's.
template <class Body>
bool withStored(TensorType type, const Body& body) {
  switch (type) {
    case TensorType::F32: body(static_cast<const float*>(nullptr), std::integral_constant<int, 1>()); return true;
    case TensorType::BF16: body(static_cast<const bf16*>(nullptr), std::integral_constant<int, 1>()); return true;
    case TensorType::F16: body(static_cast<const F16Number*>(nullptr), std::integral_constant<int, 1>()); return true;
#define QT_CASE(name) \
  case TensorType::name: body(static_cast<const Block##name*>(nullptr), std::integral_constant<int, blockTraits(TensorType::name).size>()); return true;
    QT_BLOCK_TYPES(QT_CASE)
#undef QT_CASE
    default: return false;
  }
}

}  // namespace qt::cuda
