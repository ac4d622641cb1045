// Integer products of a few rows of activations with rows of blocks:
//   y = Σ groups  (scale·xScale)·Σ code·q  +  offset·(xScale·Σ q)
// R rows of weights by N rows of activations at once, so that what is loaded is used more often; every sum runs in the same order.
#include "dot_vec.inl"
#include "dot_blocks.inl"

namespace qt {
namespace {

template <Codes C>
QT_INLINE f32x8 dots(u8x32 w, i8x32 x) {
  if constexpr (C == Codes::Small) return __builtin_convertvector(dotSmall(w, x), f32x8);
  else return __builtin_convertvector(dotSigned((i8x32)w, x), f32x8);
}

template <class B, class = void>
inline constexpr bool isLarge = false;
template <class B>
inline constexpr bool isLarge<B, std::void_t<decltype(B::halves)>> = true;

QT_INLINE float groupSum(const DotRows& x, std::int64_t group) { return x.sums[2 * group] + x.sums[2 * group + 1]; }

// What comes later is asked for early, a little with each block: a matrix is read once from end to end, and page borders stop the
// processor's own guesses.
constexpr std::int64_t ahead = 2048;
template <int Bytes>
QT_INLINE void fetch(const std::uint8_t* from) {
#pragma GCC unroll 16
  for (int at = 0; at < Bytes; at += 64) __builtin_prefetch(from + ahead + at);
}

// Blocks of 32.
template <class B, int R, int N>
QT_INLINE void smallBlocks(const std::uint8_t* w, std::size_t rowBytes, const DotRows* x, std::int64_t groups, float* y, std::int64_t yStride) {
  f32x8 sum[R][N] = {};
  float offsets[R][N] = {};
  for (std::int64_t g = 0; g < groups; ++g) {
    fetch<R * B::bytes>(w + g * R * B::bytes);
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const std::uint8_t* block = w + r * rowBytes + g * B::bytes;
      const Scale scale = B::scale(block);
      const u8x32 codes = B::take(block);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) {
        sum[r][n] += dots<B::codes>(codes, signed32(x[n].q + g * dotGroup)) * spread(scale.scale * x[n].scales[g]);
        if constexpr (B::offset) offsets[r][n] += scale.offset * groupSum(x[n], g);
      }
    }
  }
  for (int r = 0; r < R; ++r)
    for (int n = 0; n < N; ++n) y[n * yStride + r] = total(sum[r][n]) + offsets[r][n];
}

// The scale of group G of a block: one for 32, or one for each sixteen.
template <bool Halves, int G>
QT_INLINE f32x8 scaleOf(const f32x8 scale[2]) {
  if constexpr (Halves) {
    constexpr int at = 2 * (G % 4);
    return __builtin_shufflevector(scale[G / 4], scale[G / 4], at, at, at, at, at + 1, at + 1, at + 1, at + 1);
  } else {
    return __builtin_shufflevector(scale[0], scale[0], G, G, G, G, G, G, G, G);
  }
}

// Blocks of 256.
template <class B, int R, int N, int... G>
QT_INLINE void largeBlocks(const std::uint8_t* w, std::size_t rowBytes, const DotRows* x, std::int64_t groups, float* y, std::int64_t yStride,
                           std::integer_sequence<int, G...>) {
  f32x8 sum[R][N] = {}, offsets[R][N] = {};
  for (std::int64_t first = 0; first < groups; first += 8) {
    fetch<R * B::bytes>(w + first / 8 * R * B::bytes);
#pragma GCC unroll 2
    for (int r = 0; r < R; ++r) {
      const std::uint8_t* block = w + r * rowBytes + first / 8 * B::bytes;
      const Scales s = B::scales(block);
      f32x8 scale[N][2];
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) {
        const f32x8 xScale = floats(x[n].scales + first);
        if constexpr (B::halves) {
          scale[n][0] = s.scale[0] * __builtin_shufflevector(xScale, xScale, 0, 0, 1, 1, 2, 2, 3, 3);
          scale[n][1] = s.scale[1] * __builtin_shufflevector(xScale, xScale, 4, 4, 5, 5, 6, 6, 7, 7);
        } else {
          scale[n][0] = s.scale[0] * xScale;
        }
        if constexpr (B::offset) {
          const f32x8 low = floats(x[n].sums + 2 * first), high = floats(x[n].sums + 2 * first + 8);
          if constexpr (B::halves) {
            offsets[r][n] += s.offset[0] * low;
            offsets[r][n] += s.offset[1] * high;
          } else {
            offsets[r][n] += s.offset[0] * (__builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14) +
                                            __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15));
          }
        }
      }
      const auto group = [&]<int I>(std::integral_constant<int, I>) __attribute__((always_inline)) {
        const u8x32 codes = B::template take<I>(block);
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n)
          sum[r][n] += dots<B::codes>(codes, signed32(x[n].q + (first + I) * dotGroup)) * scaleOf<B::halves, I>(scale[n]);
      };
      (group(std::integral_constant<int, G>{}), ...);
    }
  }
  for (int r = 0; r < R; ++r)
    for (int n = 0; n < N; ++n) y[n * yStride + r] = B::offset ? total(sum[r][n]) + total(offsets[r][n]) : total(sum[r][n]);
}

template <class B, int R, int N>
static void someRows(const MatrixView& weights, const DotRows* x, std::int64_t row, float* y, std::int64_t yStride) {
  const std::uint8_t* w = static_cast<const std::uint8_t*>(weights.data) + row * weights.rowBytes;
  const std::int64_t groups = weights.columns / dotGroup;
  if constexpr (isLarge<B>) largeBlocks<B, R, N>(w, weights.rowBytes, x, groups, y + row, yStride, std::make_integer_sequence<int, 8>{});
  else smallBlocks<B, R, N>(w, weights.rowBytes, x, groups, y + row, yStride);
}

template <class B, int N>
static void inputsTimes(const MatrixView& weights, const DotRows* x, std::int64_t begin, std::int64_t end, float* y, std::int64_t yStride) {
  constexpr int R = N == 1 ? (isLarge<B> ? 2 : 4) : N == 2 ? 2 : 1;
  std::int64_t row = begin;
  for (; row + R <= end; row += R) someRows<B, R, N>(weights, x, row, y, yStride);
  if constexpr (R > 1)
    for (; row < end; ++row) someRows<B, 1, N>(weights, x, row, y, yStride);
}

template <class B>
static void rowsOf(const MatrixView& weights, const DotRows& x, std::int32_t inputs, std::int64_t begin, std::int64_t end, float* y,
                   std::int64_t yStride) {
  DotRows few[4];
  for (std::int32_t i = 0; i < inputs;) {
    const std::int32_t n = inputs - i >= 4 ? 4 : inputs - i >= 2 ? 2 : 1;
    for (std::int32_t j = 0; j < n; ++j) few[j] = x.from(i + j);
    float* to = y + i * yStride;
    if (n == 4) inputsTimes<B, 4>(weights, few, begin, end, to, yStride);
    else if (n == 2) inputsTimes<B, 2>(weights, few, begin, end, to, yStride);
    else inputsTimes<B, 1>(weights, few, begin, end, to, yStride);
    i += n;
  }
}

static void dotRows(const MatrixView& weights, const DotRows& x, std::int32_t inputs, std::int64_t begin, std::int64_t end, float* y,
                    std::int64_t yStride) {
  switch (weights.type) {
#define QT_DOT(T) \
  case TensorType::T: return rowsOf<Dot##T>(weights, x, inputs, begin, end, y, yStride)
    QT_DOT(Q4_0);
    QT_DOT(Q4_1);
    QT_DOT(Q5_0);
    QT_DOT(Q5_1);
    QT_DOT(Q8_0);
    QT_DOT(IQ4_NL);
    QT_DOT(MXFP4);
    QT_DOT(Q2_K);
    QT_DOT(Q3_K);
    QT_DOT(Q4_K);
    QT_DOT(Q5_K);
    QT_DOT(Q6_K);
    QT_DOT(IQ4_XS);
#undef QT_DOT
    default: return;
  }
}

// To the nearest of −127 … 127 times max|x|/127. What is not finite makes the scale so, and with it every sum.
static void quantiseRow(const float* x, std::int64_t begin, std::int64_t end, const DotRows& out) {
  constexpr float magic = 12582912.0f;  // 1.5·2²³: adding it rounds to an integer
  for (std::int64_t at = begin; at < end; at += dotGroup) {
    f32x8 v[4], high{}, poison{};
    for (int i = 0; i < 4; ++i) {
      v[i] = floats(x + at + 8 * i);
      const f32x8 size = v[i] < 0.0f ? -v[i] : v[i];
      high = size > high ? size : high;
      poison += v[i] * 0.0f;
    }
    float most = high[0];
    for (int i = 1; i < 8; ++i) most = high[i] > most ? high[i] : most;
    const float inverse = most > 0.0f ? 127.0f / most : 0.0f, scale = most / 127.0f + total(poison);
    out.scales[at / dotGroup] = scale;
    for (int half = 0; half < 2; ++half) {
      // Unsigned: what is not finite may become any whole number, and their sum wraps.
      typedef std::uint32_t u32x8 __attribute__((vector_size(32)));
      u32x8 sum{};
      for (int i = 2 * half; i < 2 * half + 2; ++i) {
        const f32x8 rounded = (v[i] * inverse + magic) - magic;
        const i32x8 whole = __builtin_convertvector(rounded, i32x8);
        sum += (u32x8)whole;
        typedef std::int8_t i8x8 __attribute__((vector_size(8)));
        const i8x8 narrow = __builtin_convertvector(whole, i8x8);
        std::memcpy(out.q + at + 8 * i, &narrow, 8);
      }
      std::uint32_t all = 0;
      for (int i = 0; i < 8; ++i) all += sum[i];
      out.sums[at / 16 + half] = scale * static_cast<float>(static_cast<std::int32_t>(all));
    }
  }
}

static DotKernels makeDots(const char* name) { return {.name = name, .quantise = quantiseRow, .rows = dotRows}; }

}  // namespace
}  // namespace qt
