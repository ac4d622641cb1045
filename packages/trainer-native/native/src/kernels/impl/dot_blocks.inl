// How each type of block gives its codes: 32 bytes for each group of 32 elements, and x = scale·code + offset for sixteen or 32 of them.
//   kind     Small: codes of 0 … 127; Signed: any byte
//   halves   the scales change every sixteen elements
//   offset   None; One for each group (or sixteen, with halves)

namespace qt {
namespace {

enum class Codes { Small, Signed };

// ---- 32 elements under one scale ----

struct Scale {
  float scale;
  float offset;
};

struct DotQ4_0 {
  static constexpr std::int64_t bytes = sizeof(BlockQ4_0);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true;
  QT_INLINE Scale scale(const std::uint8_t* b) {
    const float d = loadHalf(b);
    return {d, -8.0f * d};
  }
  QT_INLINE u8x32 take(const std::uint8_t* b) { return nibbles(b + 2); }
};

QT_INLINE Scale scaleAndMin(const std::uint8_t* b) {
#if defined(__F16C__)
  const __m128 both = _mm_cvtph_ps(_mm_cvtsi32_si128(static_cast<int>(loadU32(b))));
  return {both[0], both[1]};
#else
  return {loadHalf(b), loadHalf(b + 2)};
#endif
}

struct DotQ4_1 {
  static constexpr std::int64_t bytes = sizeof(BlockQ4_1);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true;
  QT_INLINE Scale scale(const std::uint8_t* b) { return scaleAndMin(b); }
  QT_INLINE u8x32 take(const std::uint8_t* b) { return nibbles(b + 4); }
};

struct DotQ5_0 {
  static constexpr std::int64_t bytes = sizeof(BlockQ5_0);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true;
  QT_INLINE Scale scale(const std::uint8_t* b) {
    const float d = loadHalf(b);
    return {d, -16.0f * d};
  }
  QT_INLINE u8x32 take(const std::uint8_t* b) { return nibbles(b + 6) | spreadWord(loadU32(b + 2), 16); }
};

struct DotQ5_1 {
  static constexpr std::int64_t bytes = sizeof(BlockQ5_1);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true;
  QT_INLINE Scale scale(const std::uint8_t* b) { return scaleAndMin(b); }
  QT_INLINE u8x32 take(const std::uint8_t* b) { return nibbles(b + 8) | spreadWord(loadU32(b + 4), 16); }
};

struct DotQ8_0 {
  static constexpr std::int64_t bytes = sizeof(BlockQ8_0);
  static constexpr Codes codes = Codes::Signed;
  static constexpr bool offset = false;
  QT_INLINE Scale scale(const std::uint8_t* b) { return {loadHalf(b), 0}; }
  QT_INLINE u8x32 take(const std::uint8_t* b) { return bytes32(b + 2); }
};

struct DotIQ4_NL {
  static constexpr std::int64_t bytes = sizeof(BlockIQ4_NL);
  static constexpr Codes codes = Codes::Signed;
  static constexpr bool offset = false;
  QT_INLINE Scale scale(const std::uint8_t* b) { return {loadHalf(b), 0}; }
  QT_INLINE u8x32 take(const std::uint8_t* b) { return (u8x32)lookUp32(iq4Values, nibbles(b + 2)); }
};

struct DotMXFP4 {
  static constexpr std::int64_t bytes = sizeof(BlockMXFP4);
  static constexpr Codes codes = Codes::Signed;
  static constexpr bool offset = false;
  QT_INLINE Scale scale(const std::uint8_t* b) { return {halvedE8M0(*b), 0}; }
  QT_INLINE u8x32 take(const std::uint8_t* b) { return (u8x32)lookUp32(e2m1Values, nibbles(b + 1)); }
};

// ---- 256 elements, their scales quantised too ----

// Scales and offsets of the eight groups; with halves, of their first and second sixteen in turn.
struct Scales {
  f32x8 scale[2];
  f32x8 offset[2];
};

QT_INLINE std::uint64_t join(std::uint32_t low, std::uint32_t high) { return low | static_cast<std::uint64_t>(high) << 32; }

// Four bytes at a time what unpackScaleMin does one by one.
QT_INLINE Scales sixBitScales(const std::uint8_t* b) {
  const float d = loadHalf(b), dmin = loadHalf(b + 2);
  const std::uint32_t a = loadU32(b + 4), m = loadU32(b + 8), u = loadU32(b + 12);
  constexpr std::uint32_t six = 0x3f3f3f3f, four = 0x0f0f0f0f, two = 0x30303030;
  Scales s{};
  s.scale[0] = floatsOf(join(a & six, (u & four) | (a >> 2 & two))) * d;
  s.offset[0] = floatsOf(join(m & six, (u >> 4 & four) | (m >> 2 & two))) * -dmin;
  return s;
}

struct DotQ4_K {
  static constexpr std::int64_t bytes = sizeof(BlockQ4_K);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true, halves = false;
  QT_INLINE Scales scales(const std::uint8_t* b) { return sixBitScales(b); }
  template <int G>
  QT_INLINE u8x32 take(const std::uint8_t* b) { return mask(right<G % 2 * 4>(bytes32(b + 16 + 32 * (G / 2))), 15); }
};

struct DotQ5_K {
  static constexpr std::int64_t bytes = sizeof(BlockQ5_K);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true, halves = false;
  QT_INLINE Scales scales(const std::uint8_t* b) { return sixBitScales(b); }
  template <int G>
  QT_INLINE u8x32 take(const std::uint8_t* b) {
    return mask(right<G % 2 * 4>(bytes32(b + 48 + 32 * (G / 2))), 15) | left<4>(mask(right<G>(bytes32(b + 16)), 1));
  }
};

struct DotQ6_K {
  static constexpr std::int64_t bytes = sizeof(BlockQ6_K);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true, halves = true;
  QT_INLINE Scales scales(const std::uint8_t* b) {
    const float d = loadHalf(b + 208);
    Scales s;
    for (int h = 0; h < 2; ++h) {
      // A signed byte is that byte with its sign bit flipped, less 128.
      s.scale[h] = (floatsOf(loadU64(b + 192 + 8 * h) ^ 0x8080808080808080u) - 128.0f) * d;
      s.offset[h] = s.scale[h] * -32.0f;
    }
    return s;
  }
  template <int G>
  QT_INLINE u8x32 take(const std::uint8_t* b) {
    const u8x32 low = mask(right<G % 4 / 2 * 4>(bytes32(b + 64 * (G / 4) + 32 * (G % 2))), 15);
    return low | left<4>(mask(right<G % 4 * 2>(bytes32(b + 128 + 32 * (G / 4))), 3));
  }
};

struct DotQ3_K {
  static constexpr std::int64_t bytes = sizeof(BlockQ3_K);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true, halves = true;
  QT_INLINE Scales scales(const std::uint8_t* b) {
    const float d = loadHalf(b + 108);
    const std::uint64_t low = loadU64(b + 96), high = loadU32(b + 104);
    constexpr std::uint64_t four = 0x0f0f0f0f0f0f0f0fu, two = 0x30303030u;
    const auto upper = [&](int shift) { return (shift < 4 ? high << (4 - shift) : high >> (shift - 4)) & two; };
    Scales s;
    s.scale[0] = (floatsOf((low & four) | upper(0) | upper(2) << 32) - 32.0f) * d;
    s.scale[1] = (floatsOf((low >> 4 & four) | upper(4) | upper(6) << 32) - 32.0f) * d;
    for (int h = 0; h < 2; ++h) s.offset[h] = s.scale[h] * -4.0f;
    return s;
  }
  template <int G>
  QT_INLINE u8x32 take(const std::uint8_t* b) {
    return mask(right<G % 4 * 2>(bytes32(b + 32 + 32 * (G / 4))), 3) | left<2>(mask(right<G>(bytes32(b)), 1));
  }
};

struct DotQ2_K {
  static constexpr std::int64_t bytes = sizeof(BlockQ2_K);
  static constexpr Codes codes = Codes::Small;
  static constexpr bool offset = true, halves = true;
  QT_INLINE Scales scales(const std::uint8_t* b) {
    const float d = loadHalf(b + 80), dmin = loadHalf(b + 82);
    constexpr std::uint64_t four = 0x0f0f0f0f0f0f0f0fu;
    Scales s;
    for (int h = 0; h < 2; ++h) {
      const std::uint64_t packed = loadU64(b + 8 * h);
      s.scale[h] = floatsOf(packed & four) * d;
      s.offset[h] = floatsOf(packed >> 4 & four) * -dmin;
    }
    return s;
  }
  template <int G>
  QT_INLINE u8x32 take(const std::uint8_t* b) { return mask(right<G % 4 * 2>(bytes32(b + 16 + 32 * (G / 4))), 3); }
};

struct DotIQ4_XS {
  static constexpr std::int64_t bytes = sizeof(BlockIQ4_XS);
  static constexpr Codes codes = Codes::Signed;
  static constexpr bool offset = false, halves = false;
  QT_INLINE Scales scales(const std::uint8_t* b) {
    const float d = loadHalf(b);
    const std::uint32_t high = loadU16(b + 2), low = loadU32(b + 4);
    std::uint64_t eight = 0;
    for (int g = 0; g < 8; ++g) eight |= static_cast<std::uint64_t>((low >> (4 * g) & 15) | (high >> (2 * g) & 3) << 4) << (8 * g);
    Scales s{};
    s.scale[0] = (floatsOf(eight) - 32.0f) * d;
    return s;
  }
  template <int G>
  QT_INLINE u8x32 take(const std::uint8_t* b) { return (u8x32)lookUp32(iq4Values, nibbles(b + 8 + 16 * G)); }
};

}  // namespace
}  // namespace qt
