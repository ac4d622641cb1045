// Keys and values of generation, kept as float32, float16 or 8-bit integers under a scale for each row, and attention over them
// for one token: s = scale·q·k, then softmax in two steps, so that stretches of a long cache can be done apart.

namespace qt {
namespace {

typedef std::int8_t i8x16 __attribute__((vector_size(16)));
typedef i8x16 i8x16u __attribute__((aligned(1), may_alias));

// To nearest, ties to even, by way of float32's own rounding: for numbers that float16 holds as normal ones or smaller.
QT_INLINE std::uint16_t toHalf(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const std::uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000) return static_cast<std::uint16_t>(sign | 0x7e00);
  if (size >= 0x477ff000) return static_cast<std::uint16_t>(sign | 0x7c00);
  if (size < 0x38800000) {  // subnormal: adding 0.5 leaves the rounded fraction in the low bits
    const float magnitude = floatOfBits(size) + 0.5f;
    return static_cast<std::uint16_t>(sign | (bitsOfFloat(magnitude) - 0x3f000000));
  }
  return static_cast<std::uint16_t>(sign | ((size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13));
}

struct Half {
  std::uint16_t bits;
};
struct Code {
  std::int8_t value;
};

QT_INLINE f32x16 load(const Half* p) {
#if defined(__AVX512F__)
  return (f32x16)_mm512_maskz_cvtph_ps(0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__F16C__)
  f32x16 out;
  const __m256 parts[2] = {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
                           _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  std::memcpy(&out, parts, 64);
  return out;
#else
  f32x16 out;
  for (int i = 0; i < lanes; ++i) out[i] = halfToFloat(p[i].bits);
  return out;
#endif
}
QT_INLINE f32x16 load(const Code* p) { return __builtin_convertvector(*reinterpret_cast<const i8x16u*>(p), f32x16); }
QT_INLINE float value(const Half* p) { return halfToFloat(p->bits); }
QT_INLINE float value(const Code* p) { return p->value; }

template <class T>
QT_INLINE float rowScale(const T*, std::int32_t) { return 1.0f; }
template <>
inline __attribute__((always_inline)) float rowScale<Code>(const Code* row, std::int32_t headDim) {
  float scale;
  std::memcpy(&scale, row + headDim, 4);
  return scale;
}

static void cacheStore(CacheType type, const float* x, std::int32_t headDim, void* to) {
  if (type == CacheType::F32) {
    std::memcpy(to, x, sizeof(float) * headDim);
    return;
  }
  if (type == CacheType::F16) {
    auto* out = static_cast<unsigned char*>(to);
    int c = 0;
#if defined(__AVX512F__)
    for (; c + lanes <= headDim; c += lanes) {
      const __m256i halves = _mm512_maskz_cvtps_ph(0xFFFF, (__m512)load(x + c), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
      std::memcpy(out + 2 * c, &halves, 32);
    }
#endif
    for (; c < headDim; ++c) {
      const std::uint16_t half = toHalf(x[c]);
      std::memcpy(out + 2 * c, &half, 2);
    }
    return;
  }
  float most = 0, poison = 0;
  for (int c = 0; c < headDim; ++c) {
    const float size = x[c] < 0 ? -x[c] : x[c];
    most = size > most ? size : most;
    poison += x[c] * 0.0f;
  }
  const float inverse = most > 0 ? 127.0f / most : 0.0f, scale = most / 127.0f + poison;
  auto* out = static_cast<std::int8_t*>(to);
  for (int c = 0; c < headDim; ++c) {
    const float rounded = (x[c] * inverse + 12582912.0f) - 12582912.0f;
    out[c] = poison == 0.0f ? static_cast<std::int8_t>(rounded) : 0;
  }
  std::memcpy(out + headDim, &scale, 4);
}

template <class T, class Out>
static void loadRows(const unsigned char* from, std::size_t rowBytes, std::int64_t rows, std::int32_t headDim, Out* out, std::int64_t outStride) {
  for (std::int64_t r = 0; r < rows; ++r, from += rowBytes, out += outStride) {
    const T* row = reinterpret_cast<const T*>(from);
    const float scale = rowScale(row, headDim);
    overColumns(headDim, [&](std::int64_t c, std::int64_t w) { give(out + c, take(row + c, w) * scale, w); });
  }
}

static void cacheLoad(CacheType type, const void* from, std::int64_t rows, std::int32_t headDim, DType as, void* out, std::int64_t outStride) {
  const auto* data = static_cast<const unsigned char*>(from);
  const std::size_t bytes = cacheRowBytes(type, headDim);
  const auto all = [&](auto* to) {
    if (type == CacheType::F32) loadRows<float>(data, bytes, rows, headDim, to, outStride);
    else if (type == CacheType::F16) loadRows<Half>(data, bytes, rows, headDim, to, outStride);
    else loadRows<Code>(data, bytes, rows, headDim, to, outStride);
  };
  if (as == DType::F32) all(static_cast<float*>(out));
  else all(static_cast<bf16*>(out));
}

// Queries [first, first + G) of the token; sums stay in registers because G is known.
template <class T, int G>
static void attendSome(const CacheStretch& s, int first) {
  const std::size_t rowBytes = cacheRowBytes(s.type, s.headDim);
  const auto* keys = static_cast<const unsigned char*>(s.keys);
  const auto* values = static_cast<const unsigned char*>(s.values);
  const float* q = s.q + first * s.headDim;
  const int whole = s.headDim / lanes * lanes;
  alignas(64) float weight[G][stretchRows] = {};
  for (int i = 0; i < s.rows; ++i) {
    const T* k = reinterpret_cast<const T*>(keys + i * rowBytes);
    f32x16 sum[G] = {};
    for (int c = 0; c < whole; c += lanes) {
      const f32x16 v = load(k + c);
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) sum[g] += load(q + g * s.headDim + c) * v;
    }
    if (whole < s.headDim)
      for (int g = 0; g < G; ++g) sum[g] += loadSome(q + g * s.headDim + whole, s.headDim - whole) * loadSome(k + whole, s.headDim - whole);
    const float scale = s.scale * rowScale(k, s.headDim);
#pragma GCC unroll 4
    for (int g = 0; g < G; ++g) weight[g][i] = total(sum[g]) * scale;
  }
  for (int g = 0; g < G; ++g) {
    const int padded = (s.rows + lanes - 1) / lanes * lanes;
    if (s.softcap != 0.0f)
      for (int i = 0; i < padded; i += lanes) store(weight[g] + i, hyperbolicTangent(load(weight[g] + i) * (1.0f / s.softcap)) * s.softcap);
    for (int i = s.rows; i < padded; ++i) weight[g][i] = -1e30f;
    f32x16 high = splat(-1e30f), all{};
    for (int i = 0; i < padded; i += lanes) high = maximum(load(weight[g] + i), high);
    const float top = highest(high);
    for (int i = 0; i < padded; i += lanes) {
      const f32x16 e = exponential(load(weight[g] + i) - top);
      all += e;
      store(weight[g] + i, e);
    }
    s.high[first + g] = top;
    s.sum[first + g] = total(all);
  }
  if constexpr (std::is_same_v<T, Code>)
    for (int i = 0; i < s.rows; ++i) {
      const float scale = rowScale(reinterpret_cast<const T*>(values + i * rowBytes), s.headDim);
      for (int g = 0; g < G; ++g) weight[g][i] *= scale;
    }
  overColumns(s.headDim, [&](std::int64_t c, std::int64_t w) __attribute__((always_inline)) {
    f32x16 sum[G] = {};
    for (int i = 0; i < s.rows; ++i) {
      const f32x16 v = take(reinterpret_cast<const T*>(values + i * rowBytes) + c, w);
#pragma GCC unroll 4
      for (int g = 0; g < G; ++g) sum[g] += weight[g][i] * v;
    }
    for (int g = 0; g < G; ++g) give(s.out + (first + g) * s.headDim + c, sum[g], w);
  });
}

template <class T>
static void attend(const CacheStretch& s) {
  for (int first = 0; first < s.group; first += 4)
    switch (s.group - first) {
      case 1: attendSome<T, 1>(s, first); break;
      case 2: attendSome<T, 2>(s, first); break;
      case 3: attendSome<T, 3>(s, first); break;
      default: attendSome<T, 4>(s, first);
    }
}

static void attendStretch(const CacheStretch& s) {
  if (s.type == CacheType::F32) attend<float>(s);
  else if (s.type == CacheType::F16) attend<Half>(s);
  else attend<Code>(s);
}

}  // namespace
}  // namespace qt
