// Types with 32 values a block, `lanes` blocks at once. Every lane does what reference.cpp does with one block; a lane that
// must be refused is remembered in `refused`.
namespace qt {
namespace {

constexpr int block32 = 32;

// The first value of largest magnitude in each lane. Magnitudes are compared as integers: NaN and infinity come out on top.
QT_INLINE f32v largestOf(const f32v x[block32], i32v& refused) {
  i32v magnitude{};
  f32v value{};
  for (int i = 0; i < block32; ++i) {
    const i32v candidate = magnitudeBits(x[i]);
    const i32v larger = candidate > magnitude;
    magnitude = larger ? candidate : magnitude;
    value = larger ? x[i] : value;
  }
  refused |= magnitude >= infinity;
  return value;
}

QT_INLINE f32v inverseOf(f32v d) {
  const f32v quotient = 1.0f / d;
  return magnitudeBits(quotient) >= infinity ? f32v{} : quotient;
}

QT_INLINE u32v scaleBits(f32v d, i32v& refused) {
  const u32v bits = halfBitsOf(d);
  refused |= halfOverflows(bits);
  return bits;
}

// Values i and i + 16 in the nibbles of byte i.
QT_INLINE void nibbleWords(const i32v q[block32], u32v w[4]) {
  for (int k = 0; k < 4; ++k) {
    u32v word{};
    for (int j = 0; j < 4; ++j) word |= ((u32v)q[4 * k + j] & 15u) << (8 * j) | ((u32v)q[4 * k + j + 16] & 15u) << (8 * j + 4);
    w[k] = word;
  }
}
QT_INLINE u32v fifthBits(const i32v q[block32]) {
  u32v word{};
  for (int i = 0; i < block32; ++i) word |= ((u32v)q[i] >> 4 & 1u) << i;
  return word;
}

QT_INLINE i32v encodeQ8_0(const float* values, std::uint8_t* out) {
  constexpr int bytes = 34;
  f32v x[block32];
  loadBlocks<block32>(values, block32, x);
  i32v refused{};
  const f32v d = (f32v)magnitudeBits(largestOf(x, refused)) / 127.0f;
  const f32v id = inverseOf(d);
  u32v w[8];
  for (int k = 0; k < 8; ++k) {
    u32v word{};
    for (int j = 0; j < 4; ++j) {
      // Half away from zero, as roundf; the difference is exact. True is −1.
      const f32v scaled = x[4 * k + j] * id;
      const i32v whole = truncated(scaled);
      const f32v rest = scaled - widened(whole);
      const i32v q = whole - (rest >= 0.5f) + (rest <= -0.5f);
      word |= ((u32v)q & 255u) << (8 * j);
    }
    w[k] = word;
  }
  storeHalves<bytes>(scaleBits(d, refused), 0, out);
  storeWords<8, bytes>(w, 2, out);
  return refused;
}

// x = d·(q − half)
template <int half, int bytes>
QT_INLINE i32v encodeSymmetric(const float* values, std::uint8_t* out) {
  f32v x[block32];
  loadBlocks<block32>(values, block32, x);
  i32v refused{};
  const f32v d = largestOf(x, refused) / static_cast<float>(-half);
  const f32v id = inverseOf(d);
  i32v q[block32];
  for (int i = 0; i < block32; ++i) q[i] = atMost(i32v{} + (2 * half - 1), truncated(x[i] * id + (half + 0.5f)));
  u32v w[4];
  nibbleWords(q, w);
  storeHalves<bytes>(scaleBits(d, refused), 0, out);
  if constexpr (half == 16) {
    const u32v fifth = fifthBits(q);
    storeWords<1, bytes>(&fifth, 2, out);
  }
  storeWords<4, bytes>(w, bytes - 16, out);
  return refused;
}

// x = d·q + m
template <int most, int bytes>
QT_INLINE i32v encodeAffine(const float* values, std::uint8_t* out) {
  f32v x[block32];
  loadBlocks<block32>(values, block32, x);
  f32v min = x[0], max = x[0];
  i32v magnitude{};
  for (int i = 0; i < block32; ++i) {
    const i32v candidate = magnitudeBits(x[i]);
    magnitude = candidate > magnitude ? candidate : magnitude;
    min = x[i] < min ? x[i] : min;
    max = x[i] > max ? x[i] : max;
  }
  i32v refused = magnitude >= infinity;
  const f32v d = (max - min) / static_cast<float>(most);
  const f32v id = inverseOf(d);
  i32v q[block32];
  for (int i = 0; i < block32; ++i) q[i] = atMost(i32v{} + most, truncated((x[i] - min) * id + 0.5f));
  u32v w[4];
  nibbleWords(q, w);
  storeHalves<bytes>(scaleBits(d, refused), 0, out);
  storeHalves<bytes>(scaleBits(min, refused), 2, out);
  if constexpr (most == 31) {
    const u32v fifth = fifthBits(q);
    storeWords<1, bytes>(&fifth, 4, out);
  }
  storeWords<4, bytes>(w, bytes - 16, out);
  return refused;
}

// All whole groups of `lanes` blocks, then the rest with zeros beside it.
template <int size, int bytes, class Encode>
QT_INLINE bool encodeGroups(const float* values, std::int64_t count, std::uint8_t* out, Encode encode) {
  constexpr std::int64_t group = static_cast<std::int64_t>(lanes) * size;
  i32v refused{};
  std::int64_t i = 0;
  for (; i + group <= count; i += group) refused |= encode(values + i, out + i / size * bytes);
  if (i < count) {
    alignas(64) float rest[group] = {};
    std::uint8_t blocks[lanes * bytes];
    std::memcpy(rest, values + i, static_cast<std::size_t>(count - i) * sizeof(float));
    refused |= encode(rest, blocks);
    std::memcpy(out + i / size * bytes, blocks, static_cast<std::size_t>((count - i) / size * bytes));
  }
  return !any(refused);
}

}  // namespace
}  // namespace qt
