// IQ4_NL and IQ4_XS: the 16 scales of one sub-block are tried at once, one in each lane of one or two registers.
#if defined(__AVX2__)
namespace qt {
namespace {

constexpr int iq4Registers = 16 / lanes;

// Levels 0 to 15 of 16 uneven values: four comparisons with the midpoints, each chosen by those before. Of two equally near values
// the greater is taken.
struct IQ4Levels {
  f32v quarter, eighth, sixteenth, even, odd;

  static f32v table(int count, int first, int step, bool middle) {
    alignas(64) float t[lanes];
    for (int i = 0; i < lanes; ++i) {
      const int at = first + step * (i % count);
      t[i] = middle ? 0.5f * static_cast<float>(iq4Values[at] + iq4Values[at + 1]) : static_cast<float>(iq4Values[at]);
    }
    return load(t);
  }
  IQ4Levels()
      : quarter(table(2, 3, 8, true)), eighth(table(4, 1, 4, true)), sixteenth(table(8, 0, 2, true)), even(table(8, 0, 2, false)), odd(table(8, 1, 2, false)) {}

  // Of eight entries.
  static f32v pick(f32v t, i32v at) {
#if defined(__AVX512F__)
    return (f32v)_mm512_permutexvar_ps((__m512i)at, (__m512)t);
#else
    return (f32v)_mm256_permutevar8x32_ps((__m256)t, (__m256i)at);
#endif
  }
  i32v eighthOf(f32v x) const {
    constexpr float middle = 0.5f * static_cast<float>(iq4Values[7] + iq4Values[8]);
    i32v at = x >= middle ? i32v{} + 1 : i32v{};
    at = at + at - (x >= pick(quarter, at));
    return at + at - (x >= pick(eighth, at));
  }
  i32v level(f32v x) const {
    const i32v at = eighthOf(x);
    return at + at - (x >= pick(sixteenth, at));
  }
  f32v value(f32v x) const {
    const i32v at = eighthOf(x);
    return x >= pick(sixteenth, at) ? pick(odd, at) : pick(even, at);
  }
};

QT_INLINE float iq4Scale(const IQ4Levels& levels, const float* x, const float* weight) {
  float magnitude = 0, max = 0;
  for (int i = 0; i < 32; ++i) magnitude = std::fabs(x[i]) > magnitude ? std::fabs(x[i]) : magnitude;
  if (magnitude < 1e-15f) return 0;
  for (int i = 31; i >= 0; --i) max = std::fabs(x[i]) == magnitude ? x[i] : max;
  alignas(64) float inverses[16];
  for (int i = 1; i < 16; ++i) inverses[i] = static_cast<float>(i - 8 + iq4Values[0]) / max;
  inverses[0] = 1 / (-max / static_cast<float>(iq4Values[0]));
  f32v inverse[iq4Registers], lx[iq4Registers] = {}, l2[iq4Registers] = {};
  for (int r = 0; r < iq4Registers; ++r) inverse[r] = load(inverses + lanes * r);
  for (int i = 0; i < 32; ++i)
    for (int r = 0; r < iq4Registers; ++r) {
      const f32v q = levels.value(inverse[r] * x[i]), wq = weight[i] * q;
      lx[r] += wq * x[i];
      l2[r] += wq * q;
    }
  alignas(64) float sumX[16], sum2[16];
  std::memcpy(sumX, lx, sizeof sumX);
  std::memcpy(sum2, l2, sizeof sum2);
  float scale = sum2[0] > 0 ? sumX[0] / sum2[0] : 0.0f;
  float best = scale * sumX[0];
  for (int i = 1; i < 16; ++i) {
    if (!(sum2[i] > 0 && sumX[i] * sumX[i] > best * sum2[i])) continue;
    scale = sumX[i] / sum2[i];
    best = scale * sumX[i];
  }
  return scale;
}

QT_INLINE void iq4Weights(const float* x, int n, const float* importance, float* weight) {
  if (importance == nullptr) {
    for (int i = 0; i < n; ++i) weight[i] = x[i] * x[i];
    return;
  }
  float sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i] * x[i];
  sum *= 2.0f / static_cast<float>(n);
  for (int i = 0; i < n; ++i) weight[i] = importance[i] * std::sqrt(sum + x[i] * x[i]);
}

QT_INLINE void iq4Put(const IQ4Levels& levels, const float* x, float scale, std::uint8_t* out) {
  typedef std::uint8_t bytes __attribute__((vector_size(lanes)));
  const float inverse = scale != 0 ? 1 / scale : 0.0f;
  for (int i = 0; i < 16; i += lanes) {
    const i32v both = levels.level(load(x + i) * inverse) | levels.level(load(x + i + 16) * inverse) << 4;
    const bytes narrow = __builtin_convertvector(both, bytes);
    std::memcpy(out + i, &narrow, lanes);
  }
}

// False when it would be infinite.
QT_INLINE bool putHalfScale(float scale, std::uint8_t* out) {
  const std::uint16_t bits = halfBits(scale);
  std::memcpy(out, &bits, sizeof bits);
  return (bits & 0x7c00) != 0x7c00;
}

inline bool encodeIQ4_NLRow(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  const IQ4Levels levels;
  float refused = 0;
  alignas(64) float weight[32];
  for (std::int64_t i = 0; i < columns; i += 32, out += 18) {
    if (isBeyondHalf(x + i, 32, refused)) return false;
    iq4Weights(x + i, 32, importance == nullptr ? nullptr : importance + i, weight);
    const float scale = iq4Scale(levels, x + i, weight);
    if (!putHalfScale(scale, out)) return false;
    iq4Put(levels, x + i, scale, out + 2);
  }
  return true;
}

inline bool encodeIQ4_XSRow(const float* x, std::int64_t columns, const float* importance, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  const IQ4Levels levels;
  float refused = 0;
  alignas(64) float weight[256], scales[8];
  for (std::int64_t i = 0; i < columns; i += 256, out += 136) {
    if (isBeyondHalf(x + i, 256, refused)) return false;
    iq4Weights(x + i, 256, importance == nullptr ? nullptr : importance + i, weight);
    float largest = 0;
    for (int k = 0; k < 8; ++k) {
      scales[k] = iq4Scale(levels, x + i + 32 * k, weight + 32 * k);
      if (!std::isfinite(scales[k])) return false;
      largest = std::fabs(scales[k]) > std::fabs(largest) ? scales[k] : largest;
    }
    const float d = -largest / 32, inverse = d != 0 ? 1 / d : 0.0f;
    std::uint32_t high = 0, low = 0;
    for (int k = 0; k < 8; ++k) {
      const int level = within(-32, 31, nearestInt(inverse * scales[k]));
      iq4Put(levels, x + i + 32 * k, d * static_cast<float>(level), out + 8 + 16 * k);
      low |= static_cast<std::uint32_t>((level + 32) & 15) << 4 * k;
      high |= static_cast<std::uint32_t>((level + 32) >> 4) << 2 * k;
    }
    if (!putHalfScale(d, out)) return false;
    storeU16(high, out + 2);
    storeU32(low, out + 4);
  }
  return true;
}

}  // namespace
}  // namespace qt
#endif
