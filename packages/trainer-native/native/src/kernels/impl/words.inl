// Stored blocks decoded straight into the words of right panels: x = scale·code + offset for 32 codes at once, rounded to bfloat16. The
// numbers are those of decodeBlocks, rounded: scale·code is exact, so there is one rounding either way.
#if defined(__AVX512BF16__)
#include "dot_vec.inl"
#include "dot_blocks.inl"

namespace qt {
namespace {

// Scales and offsets of both sixteens of a group.
struct GroupScale {
  float scale[2], offset[2];
};

template <Codes C>
QT_INLINE f32x16 sixteen(__m128i codes) {
  constexpr __mmask16 all = 0xffff;  // GCC 12 warns of the forms without a mask
  return (f32x16)_mm512_maskz_cvtepi32_ps(all, C == Codes::Small ? _mm512_maskz_cvtepu8_epi32(all, codes) : _mm512_maskz_cvtepi8_epi32(all, codes));
}

template <class B>
QT_INLINE u32x16 wordsOfCodes(u8x32 codes, const GroupScale& s) {
  f32x16 low = sixteen<B::codes>(_mm256_castsi256_si128((__m256i)codes)) * s.scale[0];
  f32x16 high = sixteen<B::codes>(_mm256_extracti128_si256((__m256i)codes, 1)) * s.scale[1];
  if constexpr (B::offset) {
    low += s.offset[0];
    high += s.offset[1];
  }
  return (u32x16)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
}

// A panel's columns lie a row apart, so the processor does not foresee the next panel: it is asked for while this one is decoded.
QT_INLINE void fetchNextPanel(const std::uint8_t* block, std::size_t rowBytes) { __builtin_prefetch(block + lanes * rowBytes); }

// Up to sixteen columns, rows of the stored matrix from `data` on: `groups` of 32 deep.
template <class B>
static void packSmallBlocks(const std::uint8_t* data, std::size_t rowBytes, int width, int groups, bf16* out) {
  for (int g = 0; g < groups; ++g, out += wordsAtOnce * lanes * 2) {
    u32x16 square[16];
    for (int c = width; c < 16; ++c) square[c] = u32x16{};
    for (int c = 0; c < width; ++c) {
      const std::uint8_t* block = data + c * rowBytes + static_cast<std::size_t>(g) * B::bytes;
      fetchNextPanel(block, rowBytes);
      const Scale s = B::scale(block);
      square[c] = wordsOfCodes<B>(B::take(block), {{s.scale, s.scale}, {s.offset, s.offset}});
    }
    transpose(square);
    std::memcpy(out, square, sizeof square);
  }
}

// Blocks of 32 nibbles, element j in the low one of byte j and j + 16 in the high one, for sixteen whole columns: four bytes of each column at
// a time in a register, so that scales and offsets lie beside what they belong to. A nibble picks its number from a table.
struct Columns {
  f32x16 scale, offset;
};
QT_INLINE f32x16 halves16(__m512i words) { return (f32x16)_mm512_maskz_cvtph_ps(0xffff, _mm512_maskz_cvtepi32_epi16(0xffff, words)); }

struct NibblesQ4_0 {
  static constexpr int bytes = sizeof(BlockQ4_0), before = 2;
  static constexpr bool offset = false;
  static constexpr std::int8_t numbers[16] = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
  QT_INLINE Columns columns(__m512i begins) { return {halves16(begins), f32x16{}}; }
};
struct NibblesQ4_1 {
  static constexpr int bytes = sizeof(BlockQ4_1), before = 4;
  static constexpr bool offset = true;
  static constexpr std::int8_t numbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  QT_INLINE Columns columns(__m512i begins) { return {halves16(begins), halves16((__m512i)((u32x16)begins >> 16))}; }
};
struct NibblesIQ4_NL {
  static constexpr int bytes = sizeof(BlockIQ4_NL), before = 2;
  static constexpr bool offset = false;
  static constexpr const std::int8_t* numbers = iq4Values;
  QT_INLINE Columns columns(__m512i begins) { return {halves16(begins), f32x16{}}; }
};

template <class N>
static void packNibbles(const std::uint8_t* data, std::size_t rowBytes, int groups, bf16* out) {
  constexpr __mmask16 all = 0xffff;
  const f32x16 numbers = sixteen<Codes::Signed>(_mm_loadu_si128(reinterpret_cast<const __m128i*>(N::numbers)));
  const __m512i pairs = (__m512i)byTurns(0, lanes);
  i32x16 rows;
  for (int c = 0; c < lanes; ++c) rows[c] = c * static_cast<std::int32_t>(rowBytes);
  for (int g = 0; g < groups; ++g, out += wordsAtOnce * lanes * 2, data += N::bytes) {
    if (g * N::bytes % 64 < N::bytes)
      for (int c = 0; c < lanes; ++c) fetchNextPanel(data + c * rowBytes, rowBytes);
    const Columns columns = N::columns(_mm512_mask_i32gather_epi32(_mm512_setzero_si512(), all, (__m512i)rows, data, 1));
    u32x16 x[4];  // of columns i, 4 + i, 8 + i and 12 + i all sixteen bytes
    for (int i = 0; i < 4; ++i) {
      const auto bytes = [&](int c) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + N::before + c * rowBytes)); };
      __m512i v = _mm512_zextsi128_si512(bytes(i));
      v = _mm512_maskz_inserti32x4(all, v, bytes(4 + i), 1);
      v = _mm512_maskz_inserti32x4(all, v, bytes(8 + i), 2);
      x[i] = (u32x16)_mm512_maskz_inserti32x4(all, v, bytes(12 + i), 3);
    }
    u32x16 z[4];  // z[i]: bytes 4i … 4i + 3 of each column
    transposeQuarters(x, z);
    const auto number = [&](u32x16 nibbles) __attribute__((always_inline)) {
      f32x16 v = (f32x16)_mm512_maskz_permutexvar_ps(all, (__m512i)nibbles, (__m512)numbers) * columns.scale;
      if constexpr (N::offset) v += columns.offset;
      return (__m512)v;
    };
#pragma GCC unroll 16
    for (int word = 0; word < 16; ++word) {
      const u32x16 from = z[word % 8 / 2] >> (word % 2 * 16 + word / 8 * 4);
      const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(number(from >> 8), number(from));
      _mm512_storeu_si512(out + word * lanes * 2, _mm512_maskz_permutexvar_epi16(~__mmask32{}, pairs, both));
    }
  }
}

template <class B, int... G>
QT_INLINE void packLargeBlocks(const std::uint8_t* data, std::size_t rowBytes, int width, int groups, bf16* out, std::integer_sequence<int, G...>) {
  for (int first = 0; first < groups; first += 8, data += B::bytes) {
    Scales scales[16];
    for (int c = 0; c < width; ++c) scales[c] = B::scales(data + c * rowBytes);
    const auto group = [&]<int I>(std::integral_constant<int, I>) __attribute__((always_inline)) {
      u32x16 square[16];
      for (int c = width; c < 16; ++c) square[c] = u32x16{};
      for (int c = 0; c < width; ++c) {
        fetchNextPanel(data + c * rowBytes + I * (B::bytes / 8), rowBytes);
        const auto of = [&](const f32x8 all[2], int half) { return B::halves ? all[I / 4][2 * (I % 4) + half] : all[0][I]; };
        const Scales& s = scales[c];
        square[c] = wordsOfCodes<B>(B::template take<I>(data + c * rowBytes), {{of(s.scale, 0), of(s.scale, 1)}, {of(s.offset, 0), of(s.offset, 1)}});
      }
      transpose(square);
      std::memcpy(out, square, sizeof square);
      out += wordsAtOnce * lanes * 2;
    };
    (group(std::integral_constant<int, G>{}), ...);
  }
}

template <class B, class = void>
inline constexpr bool manyGroups = false;
template <class B>
inline constexpr bool manyGroups<B, std::void_t<decltype(B::halves)>> = true;

// The fastest of the above for a type.
template <class B>
struct Nibbles : std::false_type {};
template <>
struct Nibbles<DotQ4_0> : std::true_type, NibblesQ4_0 {};
template <>
struct Nibbles<DotQ4_1> : std::true_type, NibblesQ4_1 {};
template <>
struct Nibbles<DotIQ4_NL> : std::true_type, NibblesIQ4_NL {};

// Whether blocks of this type were packed: columns [column, column + columns) of a right side whose stored rows run along depth.
static bool packBlocks(const MatrixView& right, int column, int columns, int depthBegin, int depth, bf16* out, std::size_t panel) {
  const auto pack = [&]<class B>(B) {
    constexpr int size = manyGroups<B> ? 256 : 32;
    const auto* data = static_cast<const std::uint8_t*>(right.data) + column * right.rowBytes + static_cast<std::size_t>(depthBegin / size) * B::bytes;
    for (int c0 = 0; c0 < columns; c0 += lanes, out += panel, data += lanes * right.rowBytes) {
      const int width = columns - c0 < lanes ? columns - c0 : lanes;
      if constexpr (Nibbles<B>::value) {
        if (width == lanes) {
          packNibbles<Nibbles<B>>(data, right.rowBytes, depth / 32, out);
          continue;
        }
      }
      if constexpr (manyGroups<B>) packLargeBlocks<B>(data, right.rowBytes, width, depth / 32, out, std::make_integer_sequence<int, 8>{});
      else packSmallBlocks<B>(data, right.rowBytes, width, depth / 32, out);
    }
    return true;
  };
  switch (right.type) {
#define QT_WORDS(T) \
  case TensorType::T: return pack(Dot##T{})
    QT_WORDS(Q4_0);
    QT_WORDS(Q4_1);
    QT_WORDS(Q5_0);
    QT_WORDS(Q5_1);
    QT_WORDS(Q8_0);
    QT_WORDS(IQ4_NL);
    QT_WORDS(MXFP4);
    QT_WORDS(Q2_K);
    QT_WORDS(Q3_K);
    QT_WORDS(Q4_K);
    QT_WORDS(Q5_K);
    QT_WORDS(Q6_K);
    QT_WORDS(IQ4_XS);
#undef QT_WORDS
    default: return false;
  }
}

}  // namespace
}  // namespace qt
#endif
