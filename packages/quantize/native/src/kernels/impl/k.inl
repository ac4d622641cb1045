// K types, `lanes` blocks of 256 values at once; see reference/k.cpp for what is done.
namespace qt {
namespace {

constexpr int block256 = 256;

// Blocks `stride` values apart; their columns weigh `importance`, unless that is null.
struct Blocks {
  const float* values;
  std::int64_t stride;
  const float* importance;
};

// Value i of each block; lanes with a value that is not finite or that no scale holds are `hard`.
QT_INLINE void loadK(const Blocks& blocks, f32v x[block256], i32v& hard) {
  loadBlocks<block256>(blocks.values, blocks.stride, x);
  i32v magnitude{};
  for (int i = 0; i < block256; ++i) {
    const i32v candidate = magnitudeBits(x[i]);
    magnitude = candidate > magnitude ? candidate : magnitude;
  }
  constexpr std::int32_t largestPossible = 0x4e800000;  // 2³⁰
  hard |= magnitude >= largestPossible;
}

QT_INLINE f32v storedHalf(f32v value, u32v& bits, i32v& hard) {
  bits = halfBitsOf(value);
  hard |= halfOverflows(bits);
  return floatOfHalfBits(bits);
}

// Levels for scales that are settled; where a scale is nothing those of the search, made again.
template <int n, int most>
QT_INLINE void settle(const f32v x[n], const Affine& fit, f32v d, f32v m, i32v q[n]) {
  const i32v none = d == 0.0f;
  for (int i = 0; i < n; ++i) q[i] = clampedTo(0, most, nearestWrapped((x[i] + m) / d));
  if (any(none))
    for (int i = 0; i < n; ++i) q[i] = none ? levelOf<most>(fit, x[i]) : q[i];
}
template <int half>
QT_INLINE void settle(const f32v x[16], const Symmetric& fit, f32v d, i32v q[16]) {
  const i32v none = d == 0.0f;
  for (int i = 0; i < 16; ++i) q[i] = clampedTo(-half, half - 1, nearestWrapped(x[i] / d)) + half;
  if (any(none))
    for (int i = 0; i < 16; ++i) q[i] = none ? levelOf<half>(fit, x[i]) : q[i];
}

// Multiples of the largest, which must not be negative: levels, and the unit.
template <int n, int most>
QT_INLINE f32v roundByLargest(const f32v x[n], i32v levels[n]) {
  f32v max{};
  for (int i = 0; i < n; ++i) max = x[i] > max ? x[i] : max;
  const f32v inverse = max > 0.0f ? static_cast<float>(most) / max : f32v{};
  for (int i = 0; i < n; ++i) levels[i] = nearestWrapped(inverse * x[i]) & 255;
  return max / static_cast<float>(most);
}

struct Parts {
  i32v scales[16], mins[16];
  f32v d, m;
};

// Fits `count` parts of n values, and their scales and offsets.
template <int count, int n, int most, int mostScale, bool absolute, class Weights>
QT_INLINE Parts fitParts(const f32v x[block256], const float* importance, f32v spread, const Steps& steps, Weights weights, Affine fits[count], i32v& hard) {
  Parts parts;
  f32v scales[count], offsets[count], sums[count];
#pragma GCC unroll 1
  for (int j = 0; j < count; ++j) {
    f32v w[n];
    if (importance != nullptr) {
      weigh<n>(x + n * j, importance + n * j, spread, w);
      sums[j] = sumOf<n>(w);
      fits[j] = fitAffine<n, most, false>(x + n * j, w, {-0.9f, 0.05f, 36}, hard);
    } else {
      weights(x + n * j, w);
      fits[j] = fitAffine<n, most, absolute>(x + n * j, w, steps, hard);
    }
    scales[j] = fits[j].scale;
    offsets[j] = fits[j].offset;
  }
  if (importance != nullptr) {
    parts.d = fitPositive<count, mostScale>(scales, sums, parts.scales);
    parts.m = fitPositive<count, mostScale>(offsets, sums, parts.mins);
  } else {
    parts.d = roundByLargest<count, mostScale>(scales, parts.scales);
    parts.m = roundByLargest<count, mostScale>(offsets, parts.mins);
  }
  return parts;
}

// Four bytes in a word.
QT_INLINE u32v wordOf(u32v a, u32v b, u32v c, u32v d) { return a | b << 8 | c << 16 | d << 24; }

QT_INLINE void sixBitWords(const Parts& p, u32v w[3]) {
  u32v bytes[12];
  for (int j = 0; j < 4; ++j) {
    const u32v s = (u32v)p.scales[j], s4 = (u32v)p.scales[j + 4], m = (u32v)p.mins[j], m4 = (u32v)p.mins[j + 4];
    bytes[j] = s | (s4 >> 4) << 6;
    bytes[j + 4] = m | (m4 >> 4) << 6;
    bytes[j + 8] = (s4 & 15u) | (m4 & 15u) << 4;
  }
  for (int k = 0; k < 3; ++k) w[k] = wordOf(bytes[4 * k], bytes[4 * k + 1], bytes[4 * k + 2], bytes[4 * k + 3]);
}

// Q4_K (15) and Q5_K (31)
template <int most>
QT_INLINE i32v encodeAffineK(const Blocks& in, std::uint8_t* out) {
  constexpr bool fifth = most == 31;
  constexpr int bytes = fifth ? 176 : 144;
  f32v x[block256];
  i32v hard{};
  loadK(in, x, hard);
  const f32v spread = in.importance != nullptr ? 2.0f * sumOfSquares<block256>(x) / 256.0f : f32v{};
  Affine fits[8];
  const auto average = [](const f32v* part, f32v* w) __attribute__((always_inline)) {
    const f32v mean = squareRoot(sumOfSquares<32>(part) / 32.0f);
    for (int i = 0; i < 32; ++i) w[i] = mean + (f32v)magnitudeBits(part[i]);
  };
  Parts parts = fitParts<8, 32, most, 63, false>(x, in.importance, spread, fifth ? Steps{-0.5f, 0.1f, 15} : Steps{-1.0f, 0.1f, 20}, average, fits, hard);
  for (int j = 0; j < 8; ++j) {
    parts.scales[j] = clampedTo(0, 63, parts.scales[j]);
    parts.mins[j] = clampedTo(0, 63, parts.mins[j]);
  }
  u32v halfD, halfM, w[8], high[8] = {};
  const f32v d = storedHalf(parts.d, halfD, hard), m = storedHalf(parts.m, halfM, hard);
  storeHalves<bytes>(halfD, 0, out);
  storeHalves<bytes>(halfM, 2, out);
  sixBitWords(parts, w);
  storeWords<3, bytes>(w, 4, out);
#pragma GCC unroll 1
  for (int pair = 0; pair < 4; ++pair) {
    i32v q[64];
#pragma GCC unroll 1
    for (int k = 0; k < 2; ++k) {
      const int j = 2 * pair + k;
      settle<32, most>(x + 32 * j, fits[j], d * widened(parts.scales[j]), m * widened(parts.mins[j]), q + 32 * k);
    }
    for (int k = 0; k < 8; ++k) {
      u32v word{};
      for (int i = 0; i < 4; ++i) {
        const u32v low = (u32v)q[4 * k + i], up = (u32v)q[32 + 4 * k + i];
        word |= ((low & 15u) | (up & 15u) << 4) << (8 * i);
        if constexpr (fifth) high[k] |= (low >> 4 | up >> 4 << 1) << (8 * i + 2 * pair);
      }
      w[k] = word;
    }
    storeWords<8, bytes>(w, bytes - 128 + 32 * pair, out);
  }
  if constexpr (fifth) storeWords<8, bytes>(high, 16, out);
  return hard;
}

// Two bits of four values 32 apart in each byte.
QT_INLINE void pairWords(const i32v q[128], u32v w[8]) {
  for (int k = 0; k < 8; ++k) {
    w[k] = u32v{};
    for (int i = 0; i < 4; ++i)
      for (int quarter = 0; quarter < 4; ++quarter) w[k] |= ((u32v)q[32 * quarter + 4 * k + i] & 3u) << (8 * i + 2 * quarter);
  }
}

QT_INLINE i32v encodeQ2_K(const Blocks& in, std::uint8_t* out) {
  constexpr int bytes = 84;
  f32v x[block256];
  i32v hard{};
  loadK(in, x, hard);
  const f32v spread = in.importance != nullptr ? sumOfSquares<block256>(x) / 256.0f : f32v{};
  Affine fits[16];
  const auto magnitude = [](const f32v* part, f32v* w) __attribute__((always_inline)) {
    for (int i = 0; i < 16; ++i) w[i] = (f32v)magnitudeBits(part[i]);
  };
  const Parts parts = fitParts<16, 16, 3, 15, true>(x, in.importance, spread, {-0.5f, 0.1f, 15}, magnitude, fits, hard);
  u32v halfD, halfM, w[8], scaleBytes[16];
  const f32v d = storedHalf(parts.d, halfD, hard), m = storedHalf(parts.m, halfM, hard);
  for (int j = 0; j < 16; ++j) scaleBytes[j] = ((u32v)parts.scales[j] | (u32v)parts.mins[j] << 4) & 255u;
  for (int k = 0; k < 4; ++k) w[k] = wordOf(scaleBytes[4 * k], scaleBytes[4 * k + 1], scaleBytes[4 * k + 2], scaleBytes[4 * k + 3]);
  storeWords<4, bytes>(w, 0, out);
#pragma GCC unroll 1
  for (int half = 0; half < 2; ++half) {
    i32v q[128];
#pragma GCC unroll 1
    for (int k = 0; k < 8; ++k) {
      const int j = 8 * half + k;
      settle<16, 3>(x + 16 * j, fits[j], d * widened((i32v)(scaleBytes[j] & 15u)), m * widened((i32v)(scaleBytes[j] >> 4)), q + 16 * k);
    }
    pairWords(q, w);
    storeWords<8, bytes>(w, 16 + 32 * half, out);
  }
  storeHalves<bytes>(halfD, 80, out);
  storeHalves<bytes>(halfM, 82, out);
  return hard;
}

QT_INLINE i32v encodeQ3_K(const Blocks& in, std::uint8_t* out) {
  constexpr int bytes = 110;
  f32v x[block256], found[16];
  i32v hard{}, scales[16], q[block256];
  loadK(in, x, hard);
  Symmetric fits[16];
  f32v d;
  if (in.importance != nullptr) {
    const f32v spread = 2.0f * sumOfSquares<block256>(x) / 256.0f;
    f32v sums[16];
#pragma GCC unroll 1
    for (int j = 0; j < 16; ++j) {
      f32v w[16];
      weigh<16>(x + 16 * j, in.importance + 16 * j, spread, w);
      sums[j] = sumOf<16>(w);
      fits[j] = fitSymmetric<16, 4>(x + 16 * j, w);
      found[j] = fits[j].scale;
    }
    const Symmetric fit = fitSymmetric<16, 32>(found, sums);
    for (int j = 0; j < 16; ++j) scales[j] = levelOf<32>(fit, found[j]);
    d = fit.scale;
  } else {
#pragma GCC unroll 1
    for (int j = 0; j < 16; j += 4) fitByTurns<16, 4, 4>(x + 16 * j, found + j, q + 16 * j);
    const f32v max = largestFinite<16>(found);
    const i32v zero = max == 0.0f;
    const f32v inverse = -32.0f / max;
    for (int j = 0; j < 16; ++j) {
      const i32v l = nearestWrapped(inverse * found[j]) << 24 >> 24;
      scales[j] = zero ? i32v{} : clampedTo(-32, 31, l) + 32;
    }
    d = zero ? f32v{} : 1.0f / inverse;
  }
  u32v halfD, w[8], third[8] = {};
  d = storedHalf(d, halfD, hard);
#pragma GCC unroll 1
  for (int j = 0; j < 16; ++j) {
    const f32v scale = d * widened(scales[j] - 32);
    if (in.importance != nullptr) {
      settle<4>(x + 16 * j, fits[j], scale, q + 16 * j);
    } else {
      const i32v none = scale == 0.0f;
      for (int i = 16 * j; i < 16 * j + 16; ++i) q[i] = none ? q[i] : clampedTo(-4, 3, nearestWrapped(x[i] / scale)) + 4;
    }
  }
  for (int i = 0; i < block256; ++i) third[i % 32 / 4] |= ((u32v)q[i] >> 2) << (8 * (i % 4) + i / 32);
  storeWords<8, bytes>(third, 0, out);
#pragma GCC unroll 1
  for (int half = 0; half < 2; ++half) {
    pairWords(q + 128 * half, w);
    storeWords<8, bytes>(w, 32 + 32 * half, out);
  }
  u32v scaleBytes[12] = {};
  for (int j = 0; j < 16; ++j) {
    scaleBytes[j % 8] |= ((u32v)scales[j] & 15u) << (j < 8 ? 0 : 4);
    scaleBytes[8 + j % 4] |= ((u32v)scales[j] >> 4) << (2 * (j / 4));
  }
  for (int k = 0; k < 3; ++k) w[k] = wordOf(scaleBytes[4 * k], scaleBytes[4 * k + 1], scaleBytes[4 * k + 2], scaleBytes[4 * k + 3]);
  storeWords<3, bytes>(w, 96, out);
  storeHalves<bytes>(halfD, 108, out);
  return hard;
}

QT_INLINE i32v encodeQ6_K(const Blocks& in, std::uint8_t* out) {
  constexpr int bytes = 210;
  f32v x[block256], found[16];
  i32v hard{}, scales[16];
  loadK(in, x, hard);
  Symmetric fits[16];
#pragma GCC unroll 1
  for (int j = 0; j < 16; ++j) {
    f32v w[16];
    for (int i = 0; i < 16; ++i) w[i] = in.importance != nullptr ? f32v{} + in.importance[16 * j + i] : x[16 * j + i] * x[16 * j + i];
    fits[j] = fitSymmetric<16, 32>(x + 16 * j, w);
    found[j] = fits[j].scale;
  }
  const f32v max = largestFinite<16>(found);
  // A block of nothing is nothing but zeros.
  const i32v zero = (f32v)magnitudeBits(max) < allZero;
  const f32v inverse = -128.0f / max;
  u32v halfD, w[8];
  const f32v d = storedHalf(zero ? f32v{} : 1.0f / inverse, halfD, hard);
  for (int j = 0; j < 16; ++j) {
    i32v l = nearestWrapped(inverse * found[j]);
    l = (l < 127 ? l : i32v{} + 127) << 24 >> 24;
    scales[j] = zero ? i32v{} : l;
    fits[j].zero |= zero;
  }
#pragma GCC unroll 1
  for (int half = 0; half < 2; ++half) {
    i32v q[128];
#pragma GCC unroll 1
    for (int k = 0; k < 8; ++k) settle<32>(x + 16 * (8 * half + k), fits[8 * half + k], d * widened(scales[8 * half + k]), q + 16 * k);
    for (int side = 0; side < 2; ++side) {
      for (int k = 0; k < 8; ++k) {
        w[k] = u32v{};
        for (int i = 0; i < 4; ++i) {
          const i32v* at = q + 32 * side + 4 * k + i;
          w[k] |= (((u32v)at[0] & 15u) | ((u32v)at[64] & 15u) << 4) << (8 * i);
        }
      }
      storeWords<8, bytes>(w, 64 * half + 32 * side, out);
    }
    for (int k = 0; k < 8; ++k) {
      w[k] = u32v{};
      for (int i = 0; i < 4; ++i)
        for (int quarter = 0; quarter < 4; ++quarter) w[k] |= ((u32v)q[32 * quarter + 4 * k + i] >> 4) << (8 * i + 2 * quarter);
    }
    storeWords<8, bytes>(w, 128 + 32 * half, out);
  }
  for (int k = 0; k < 4; ++k)
    w[k] = wordOf((u32v)scales[4 * k] & 255u, (u32v)scales[4 * k + 1] & 255u, (u32v)scales[4 * k + 2] & 255u, (u32v)scales[4 * k + 3] & 255u);
  storeWords<4, bytes>(w, 192, out);
  storeHalves<bytes>(halfD, 208, out);
  return hard;
}

}  // namespace
}  // namespace qt
