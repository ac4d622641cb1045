// Types with 32 values a block whose columns have importance, one row in each lane; see reference/legacy.cpp for what is done.
namespace qt {
namespace {

// Of whole rows: the mean of their squares.
QT_INLINE f32v meanSquares(const float* rows, std::int64_t columns) {
  f32v sum{};
  for (std::int64_t at = 0; at < columns; at += block32) {
    f32v x[block32];
    loadBlocks<block32>(rows + at, columns, x);
    for (int i = 0; i < block32; ++i) sum += x[i] * x[i];
  }
  return sum / static_cast<float>(columns);
}

template <int half, int bytes>
QT_INLINE i32v encodeWeightedSymmetric(const Blocks& in, f32v spread, std::uint8_t* out) {
  f32v x[block32], w[block32];
  loadBlocks<block32>(in.values, in.stride, x);
  i32v hard{};
  largestOf(x, hard);
  weigh<block32>(x, in.importance, spread, w);
  const Symmetric fit = fitSymmetric<block32, half>(x, w);
  i32v q[block32];
  for (int i = 0; i < block32; ++i) q[i] = levelOf<half>(fit, x[i]);
  u32v words[4];
  nibbleWords(q, words);
  storeHalves<bytes>(scaleBits(fit.scale, hard), 0, out);
  if constexpr (half == 16) {
    const u32v fifth = fifthBits(q);
    storeWords<1, bytes>(&fifth, 2, out);
  }
  storeWords<4, bytes>(words, bytes - 16, out);
  return hard;
}

template <int most, int bytes>
QT_INLINE i32v encodeWeightedAffine(const Blocks& in, f32v spread, std::uint8_t* out) {
  f32v x[block32], w[block32];
  loadBlocks<block32>(in.values, in.stride, x);
  i32v hard{};
  largestOf(x, hard);
  weigh<block32>(x, in.importance, spread, w);
  const Affine fit = fitAffine<block32, most, false>(x, w, {-0.9f, 0.05f, 36}, hard);
  i32v q[block32];
  for (int i = 0; i < block32; ++i) q[i] = levelOf<most>(fit, x[i]);
  u32v words[4];
  nibbleWords(q, words);
  storeHalves<bytes>(scaleBits(fit.scale, hard), 0, out);
  storeHalves<bytes>(scaleBits(-fit.offset, hard), 2, out);
  if constexpr (most == 31) {
    const u32v fifth = fifthBits(q);
    storeWords<1, bytes>(&fifth, 4, out);
  }
  storeWords<4, bytes>(words, bytes - 16, out);
  return hard;
}

}  // namespace
}  // namespace qt
