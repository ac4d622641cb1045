// F32, F16 and BF16: one value a block, so `lanes` neighbours at once.
namespace qt {
namespace {

QT_INLINE void storeNarrow(u32v bits, std::uint8_t* out) { *reinterpret_cast<u16vu*>(out) = __builtin_convertvector(bits, u16v); }

QT_INLINE i32v encodeF32(const float* values, std::uint8_t* out) {
  const f32v x = load(values);
  std::memcpy(out, &x, sizeof x);
  return magnitudeBits(x) >= infinity;
}

QT_INLINE i32v encodeF16(const float* values, std::uint8_t* out) {
  const u32v bits = halfBitsOf(load(values));
  storeNarrow(bits, out);
  return halfOverflows(bits);  // NaN too
}

QT_INLINE i32v encodeBF16(const float* values, std::uint8_t* out) {
  const f32v x = load(values);
  const u32v bits = (u32v)x;
  const u32v rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  storeNarrow(rounded, out);
  // Rounding may carry a NaN past the exponent, so the value itself is looked at, too.
  return ((rounded & 0x7f80u) == 0x7f80u) | (magnitudeBits(x) >= infinity);
}

}  // namespace
}  // namespace qt
