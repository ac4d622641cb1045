// TQ1_0 and TQ2_0: the digits of `lanes` values at once.
namespace qt {
namespace {

// Digits 0, 1, 2, half away from zero: a magnitude is at most 1 under its scale. False when the scale would be infinite.
QT_INLINE bool ternaryDigits(const float* x, std::uint8_t* digit, std::uint8_t* scale) {
  typedef std::uint8_t bytes __attribute__((vector_size(lanes)));
  float d = 0;
  for (int i = 0; i < 256; ++i) d = std::fabs(x[i]) > d ? std::fabs(x[i]) : d;
  const float quotient = 1 / d, inverse = std::isfinite(quotient) ? quotient : 0.0f;
  for (int i = 0; i < 256; i += lanes) {
    const f32v scaled = load(x + i) * inverse;
    const i32v q = 1 - (scaled >= 0.5f) + (scaled <= -0.5f);
    const bytes narrow = __builtin_convertvector(q, bytes);
    std::memcpy(digit + i, &narrow, lanes);
  }
  const std::uint16_t bits = halfBits(d);
  std::memcpy(scale, &bits, sizeof bits);
  return (bits & 0x7c00) != 0x7c00;
}

// Fractions of 3⁵ in 8 bits, rounded up, of `count` digits `width` apart.
template <int width, int count>
QT_INLINE void ternaryFractions(const std::uint8_t* digit, std::uint8_t* out) {
  for (int j = 0; j < width; ++j) {
    std::uint32_t number = 0;
    for (int k = 0; k < 5; ++k) number = number * 3 + (k < count ? digit[width * k + j] : 0u);
    // ⌈256·n/243⌉ for n < 243.
    out[j] = static_cast<std::uint8_t>((number * 256 + 242) * 17261u >> 22);
  }
}

inline bool encodeTQ1_0Row(const float* x, std::int64_t columns, const float*, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  std::uint8_t digit[256];
  for (std::int64_t i = 0; i < columns; i += 256, out += 54) {
    if (!ternaryDigits(x + i, digit, out + 52)) return false;
    ternaryFractions<32, 5>(digit, out);
    ternaryFractions<16, 5>(digit + 160, out + 32);
    ternaryFractions<4, 4>(digit + 240, out + 48);
  }
  return true;
}

inline bool encodeTQ2_0Row(const float* x, std::int64_t columns, const float*, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  std::uint8_t digit[256];
  for (std::int64_t i = 0; i < columns; i += 256, out += 66) {
    if (!ternaryDigits(x + i, digit, out + 64)) return false;
    for (int half = 0; half < 2; ++half)
      for (int k = 0; k < 32; ++k) {
        const std::uint8_t* at = digit + 128 * half + k;
        out[32 * half + k] = static_cast<std::uint8_t>(at[0] | at[32] << 2 | at[64] << 4 | at[96] << 6);
      }
  }
  return true;
}

}  // namespace
}  // namespace qt
