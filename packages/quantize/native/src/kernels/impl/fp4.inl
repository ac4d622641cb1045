// MXFP4 and NVFP4: `lanes` values at once. The values of a sign are in ascending order, so only magnitudes are compared.
namespace qt {
namespace {

// Levels of values under a scale; of equally near ones the first.
QT_INLINE i32v fp4Levels(f32v x, float scale) {
  const f32v magnitude = (f32v)((i32v)x & 0x7fffffff);
  f32v least = magnitude;
  i32v level{};
  for (int i = 1; i < 8; ++i) {
    const f32v error = (f32v)((i32v)(e2m1Values[i] * scale - magnitude) & 0x7fffffff);
    const i32v nearer = error < least;
    least = nearer ? error : least;
    level = nearer ? i32v{} + i : level;
  }
  return level | (level > 0 ? ((i32v)((u32v)(i32v)x >> 31) << 3) : i32v{});
}

// n values in the nibbles of n/2 bytes.
template <int n>
QT_INLINE void fp4Put(const float* x, float scale, std::uint8_t* out) {
  alignas(64) std::int32_t level[n < lanes ? lanes : n];
  for (int i = 0; i < n; i += lanes) {
    const i32v l = fp4Levels(load(x + i), scale);
    std::memcpy(level + i, &l, sizeof l);
  }
  for (int i = 0; i < n / 2; ++i) out[i] = static_cast<std::uint8_t>(level[i] | level[i + n / 2] << 4);
}

template <int n>
QT_INLINE float largestMagnitude(const float* x) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::fabs(x[i]) > largest ? std::fabs(x[i]) : largest;
  return largest;
}

inline bool encodeMXFP4Row(const float* x, std::int64_t columns, const float*, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  for (std::int64_t i = 0; i < columns; i += 32, out += 17) {
    out[0] = exponentFor(largestMagnitude<32>(x + i));
    fp4Put<32>(x + i, halvedE8M0(out[0]), out + 1);
  }
  return true;
}

inline bool encodeNVFP4Row(const float* x, std::int64_t columns, const float*, std::uint8_t* out) {
  if (!allFinite(x, columns)) return false;
  for (std::int64_t i = 0; i < columns; i += 64, out += 36)
    for (int k = 0; k < 4; ++k) {
      const float* part = x + i + 16 * k;
      out[k] = e4m3Bits(largestMagnitude<16>(part) / 6.0f);
      fp4Put<16>(part, halvedE4M3(out[k]), out + 4 + 8 * k);
    }
  return true;
}

}  // namespace
}  // namespace qt
