// Q1_0 and Q2_0, `lanes` blocks at once, 32 values of each at a time.
namespace qt {
namespace {

// A bit says that a value is not negative; the scale is the mean magnitude, summed in order.
QT_INLINE i32v encodeQ1_0(const float* values, std::uint8_t* out) {
  constexpr int size = 128, bytes = 18;
  f32v sum{};
  u32v w[4];
  for (int k = 0; k < 4; ++k) {
    f32v x[block32];
    loadBlocks<block32>(values + block32 * k, size, x);
    u32v word{};
    for (int i = 0; i < block32; ++i) {
      sum += (f32v)magnitudeBits(x[i]);
      word |= ((u32v)(x[i] >= 0.0f) & 1u) << i;
    }
    w[k] = word;
  }
  i32v refused{};
  storeHalves<bytes>(scaleBits(sum / static_cast<float>(size), refused), 0, out);
  storeWords<4, bytes>(w, 2, out);
  return refused;
}

// Digits 0, 1, 2, half away from zero: a magnitude is at most 1 under its scale.
QT_INLINE i32v encodeQ2_0(const float* values, std::uint8_t* out) {
  constexpr int size = 64, bytes = 18;
  f32v x[size];
  i32v magnitude{};
  for (int k = 0; k < size; k += block32) loadBlocks<block32>(values + k, size, x + k);
  for (int i = 0; i < size; ++i) {
    const i32v candidate = magnitudeBits(x[i]);
    magnitude = candidate > magnitude ? candidate : magnitude;
  }
  i32v refused = magnitude >= infinity;
  const f32v d = (f32v)magnitude, id = inverseOf(d);
  u32v w[4];
  for (int k = 0; k < 4; ++k) {
    u32v word{};
    for (int i = 0; i < 16; ++i) {
      const f32v scaled = x[16 * k + i] * id;
      const i32v q = 1 - (scaled >= 0.5f) + (scaled <= -0.5f);
      word |= (u32v)q << (2 * i);
    }
    w[k] = word;
  }
  storeHalves<bytes>(scaleBits(d, refused), 0, out);
  storeWords<4, bytes>(w, 2, out);
  return refused;
}

}  // namespace
}  // namespace qt
