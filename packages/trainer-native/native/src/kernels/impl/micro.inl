// The inner loop of every product: a block of float32 sums kept in registers.
//   packed left:  panels of M::panelRows rows,  [step][row][M::perStep]
//   packed right: panels of 16 columns,         [word][column][M::perWord], as many words as whole steps hold
// A word is one value of depth for float32 and a pair for bfloat16; a step is a word, or with tile registers (AMX) 32 values.

namespace qt {
namespace {

#if defined(__AVX512F__)
constexpr int registerRows = 8;
constexpr int registerPanels = 3;
constexpr int registerLanes = 16;
#elif defined(__AVX2__)
constexpr int registerRows = 6;
constexpr int registerPanels = 1;
constexpr int registerLanes = 8;
#elif defined(__aarch64__)
constexpr int registerRows = 6;
constexpr int registerPanels = 1;
constexpr int registerLanes = 4;
#else
constexpr int registerRows = 2;
constexpr int registerPanels = 1;
constexpr int registerLanes = 4;
#endif

// Sums are held in registers of the processor's own width: split vectors would be spilled.
typedef float Register __attribute__((vector_size(registerLanes * 4)));
typedef float LooseRegister __attribute__((vector_size(registerLanes * 4), aligned(4), may_alias));
constexpr int registersPerPanel = lanes / registerLanes;

// A block of sums is as many rows and panels of columns as registers hold.
struct InRegisters {
  static constexpr int panelRows = registerRows;
  static constexpr int blockRows = registerRows;
  static constexpr int blockPanels = registerPanels;
  static constexpr int tileColumns = 96;  // of a tile of a product: whole blocks of 32, and whole blocks of panels
  static constexpr bool leftOnce = false;
  static constexpr int deepSteps = 640;
  struct Scope {};
};

struct MultiplyF32 : InRegisters {
  using Element = float;
  static constexpr int perWord = 1;
  static constexpr int perStep = 1;
  static void put(Element* slot, float v) { *slot = v; }
  QT_INLINE Register spread(const Element* left) { return *left - Register{}; }
  QT_INLINE Register multiply(Register sum, Register left, Register right) { return sum + left * right; }
};

#if defined(__AMX_BF16__)
// Eight tile registers of 16 rows of 64 bytes: four for a block of 32×32 sums, two for each side. Not a local variable: GCC takes the
// instruction to read the first eight bytes only.
struct alignas(64) TileShapes {
  std::uint8_t palette = 1, start = 0, reserved[14] = {};
  std::uint16_t rowBytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);
constexpr TileShapes tileShapes{};

struct MultiplyBF16 {
  using Element = bf16;
  static constexpr int perWord = 2;
  static constexpr int perStep = 32;
  static constexpr int panelRows = 16;
  static constexpr int blockRows = 32;
  static constexpr int blockPanels = 2;
  static constexpr int tileColumns = 192;
  static constexpr bool leftOnce = true;
  static constexpr int deepSteps = 20;  // of which a block's left side, and what of the right side streams by, are in the first-level cache
  static void put(Element* slot, float v) { *slot = narrow(v); }

  // Tiles have a shape only between these: another library on this thread may shape them its own way.
  struct Scope {
    Scope() { _tile_loadconfig(&tileShapes); }
    ~Scope() { _tile_release(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };
};
#elif defined(__AVX512BF16__)
struct MultiplyBF16 : InRegisters {
  using Element = bf16;
  static constexpr int perWord = 2;
  static constexpr int perStep = 2;
  static void put(Element* slot, float v) { *slot = narrow(v); }
  QT_INLINE Register spread(const Element* left) {
    std::int32_t pair;
    std::memcpy(&pair, left, 4);
    return (Register)_mm512_set1_epi32(pair);
  }
  QT_INLINE Register multiply(Register sum, Register left, Register right) {
    return (Register)_mm512_dpbf16_ps((__m512)sum, (__m512bh)left, (__m512bh)right);
  }
};
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
struct MultiplyBF16 : InRegisters {
  using Element = bf16;
  static constexpr int perWord = 2;
  static constexpr int perStep = 2;
  static void put(Element* slot, float v) { *slot = narrow(v); }
  QT_INLINE Register spread(const Element* left) {
    std::int32_t pair;
    std::memcpy(&pair, left, 4);
    return (Register)vdupq_n_s32(pair);
  }
  QT_INLINE Register multiply(Register sum, Register left, Register right) {
    return (Register)vbfdotq_f32((float32x4_t)sum, vreinterpretq_bf16_f32((float32x4_t)left), vreinterpretq_bf16_f32((float32x4_t)right));
  }
};
#else
using MultiplyBF16 = MultiplyF32;  // without the instruction, bfloat16 is widened when packed
#endif

// A stretch of depth of a product, both sides packed; `leftPanel` and `rightPanel` are the elements from one panel to the next.
template <class M>
struct Strip {
  const typename M::Element* left;
  std::size_t leftPanel;
  const typename M::Element* right;
  std::size_t rightPanel;
  int steps;
  // Tiles load their rows from anywhere, so that a left side of whole tiles can be read as it lies.
  int leftRow = M::perStep;                 // elements from one row of a panel to the next
  int leftStep = M::panelRows * M::perStep; // and from one step to the next
};

constexpr int mostStrips = 24;  // what the terms of a product are cut into at most

// Of the given panels. The sums stay in registers from strip to strip: reading and writing them is what short strips would cost.
template <class M, int R, int P>
static void multiplyBlock(const Strip<M>* strips, int count, int leftIndex, int rightIndex, float* out, std::int64_t outStride, bool accumulate) {
  constexpr int V = P * registersPerPanel;
  Register sum[R][V];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v)
      sum[r][v] = accumulate ? *reinterpret_cast<const LooseRegister*>(out + r * outStride + v * registerLanes) : Register{};
  for (int i = 0; i < count; ++i) {
    const Strip<M> strip = strips[i];
    const auto* left = strip.left + leftIndex * strip.leftPanel;
    const auto* right = strip.right + rightIndex * strip.rightPanel;
    for (int s = 0; s < strip.steps; ++s) {
      Register b[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        b[v] = *reinterpret_cast<const LooseRegister*>(right + (v / registersPerPanel) * strip.rightPanel +
                                                       (s * lanes + v % registersPerPanel * registerLanes) * M::perStep);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const Register a = M::spread(left + (s * M::panelRows + r) * M::perStep);
#pragma GCC unroll 4
        for (int v = 0; v < V; ++v) sum[r][v] = M::multiply(sum[r][v], a, b[v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) *reinterpret_cast<LooseRegister*>(out + r * outStride + v * registerLanes) = sum[r][v];
}

template <class M, int P>
static void multiplyRows(int rows, const Strip<M>* strips, int count, int leftIndex, int rightIndex, float* out, std::int64_t outStride,
                         bool accumulate) {
  switch (rows) {
#define QT_ROWS(R) \
  case R: return multiplyBlock<M, (R <= M::blockRows ? R : M::blockRows), P>(strips, count, leftIndex, rightIndex, out, outStride, accumulate)
    QT_ROWS(1);
    QT_ROWS(2);
    QT_ROWS(3);
    QT_ROWS(4);
    QT_ROWS(5);
    QT_ROWS(6);
    QT_ROWS(7);
    QT_ROWS(8);
#undef QT_ROWS
  }
}

#if defined(__AMX_BF16__)
struct Nothing {
  void operator()() const {}
};

// Of R panels of rows and P panels of columns. Whole panels are written, whose last rows may be padding. Tiles multiply beside everything else
// that the processor does: `meanwhile` is called once a step.
template <int R, int P, class Meanwhile = Nothing>
static void multiplyTiles(const Strip<MultiplyBF16>* strips, int count, int leftIndex, int rightIndex, float* out, std::int64_t outStride,
                          bool accumulate, const Meanwhile& meanwhile) {
  using M = MultiplyBF16;
  constexpr int tile = M::panelRows * M::perStep;  // elements
  const std::int64_t outBytes = outStride * static_cast<std::int64_t>(sizeof(float));
  float* const below = out + M::panelRows * outStride;
  asm volatile("" ::: "memory");  // GCC's loads of tiles do not say that they read
  if (accumulate) {
    _tile_loadd(0, out, outBytes);
    if constexpr (P == 2) _tile_loadd(1, out + lanes, outBytes);
    if constexpr (R == 2) _tile_loadd(2, below, outBytes);
    if constexpr (R == 2 && P == 2) _tile_loadd(3, below + lanes, outBytes);
  } else {
    _tile_zero(0);
    if constexpr (P == 2) _tile_zero(1);
    if constexpr (R == 2) _tile_zero(2);
    if constexpr (R == 2 && P == 2) _tile_zero(3);
  }
  for (int i = 0; i < count; ++i) {
    const auto* left = strips[i].left + leftIndex * strips[i].leftPanel;
    const auto* right = strips[i].right + rightIndex * strips[i].rightPanel;
    const std::size_t leftPanel = strips[i].leftPanel, rightPanel = strips[i].rightPanel;
    const int leftStep = strips[i].leftStep;
    const std::int64_t leftRowBytes = strips[i].leftRow * static_cast<std::int64_t>(sizeof(bf16));
    for (int s = 0; s < strips[i].steps; ++s, left += leftStep, right += tile) {
      _tile_stream_loadd(6, right, 64);
      _tile_loadd(4, left, leftRowBytes);
      _tile_dpbf16ps(0, 4, 6);
      if constexpr (P == 2) {
        _tile_stream_loadd(7, right + rightPanel, 64);
        _tile_dpbf16ps(1, 4, 7);
      }
      if constexpr (R == 2) {
        _tile_loadd(5, left + leftPanel, leftRowBytes);
        _tile_dpbf16ps(2, 5, 6);
        if constexpr (P == 2) _tile_dpbf16ps(3, 5, 7);
      }
      meanwhile();
    }
  }
  _tile_stored(0, out, outBytes);
  if constexpr (P == 2) _tile_stored(1, out + lanes, outBytes);
  if constexpr (R == 2) _tile_stored(2, below, outBytes);
  if constexpr (R == 2 && P == 2) _tile_stored(3, below + lanes, outBytes);
}
#endif

template <class M>
QT_INLINE int stepsOf(int depth) { return (depth + M::perStep - 1) / M::perStep; }

// ---- packing ----

typedef u32x16 LooseWords __attribute__((aligned(2), may_alias));

// Sixteen words of a packed row: 16 values for float32, 32 as pairs for bfloat16.
template <class M>
QT_INLINE u32x16 wordsOf(const float* p) {
  if constexpr (M::perWord == 1) {
    return (u32x16)load(p);
  } else {
#if defined(__AVX512BF16__)
    return (u32x16)_mm512_cvtne2ps_pbh((__m512)load(p + lanes), (__m512)load(p));
#else
    const u16x16 halves[2] = {narrow(load(p)), narrow(load(p + lanes))};
    u32x16 words;
    std::memcpy(&words, halves, sizeof words);
    return words;
#endif
  }
}
template <class M>
QT_INLINE u32x16 wordsOf(const bf16* p) {
  if constexpr (M::perWord == 1) return (u32x16)load(p);
  else return *reinterpret_cast<const LooseWords*>(p);
}
constexpr int wordsAtOnce = 16;
template <class M>
constexpr int valuesAtOnce = wordsAtOnce * M::perWord;

// The same of a row's last `count` values, zero behind them.
template <class M, class T>
QT_INLINE u32x16 wordsOf(const T* p, int count) {
  if (count >= valuesAtOnce<M>) return wordsOf<M>(p);
  if constexpr (M::perWord == 1) {
    return (u32x16)loadSome(p, count);
  } else {
    const u16x16 halves[2] = {narrow(loadSome(p, count)), count > lanes ? narrow(loadSome(p + lanes, count - lanes)) : u16x16{}};
    u32x16 words;
    std::memcpy(&words, halves, sizeof words);
    return words;
  }
}

#if defined(__AVX512F__)
// The same of sixteen whole rows that are words already, `rowBytes` apart: four words of a row at a time into the quarter where they end up,
// which ports for loads do, so that only quarters are left to transpose.
QT_INLINE void loadWholeSquare(const unsigned char* data, std::int64_t rowBytes, u32x16 words[16]) {
  constexpr __mmask16 all = 0xffff;
  for (int w = 0; w < 16; w += 4, data += 16) {
    u32x16 x[4];  // rows i, 4 + i, 8 + i and 12 + i
    for (int i = 0; i < 4; ++i) {
      const auto part = [&](int r) __attribute__((always_inline)) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + r * rowBytes)); };
      __m512i v = _mm512_zextsi128_si512(part(i));
      v = _mm512_maskz_inserti32x4(all, v, part(4 + i), 1);
      v = _mm512_maskz_inserti32x4(all, v, part(8 + i), 2);
      x[i] = (u32x16)_mm512_maskz_inserti32x4(all, v, part(12 + i), 3);
    }
    transposeQuarters(x, words + w);
  }
}
#endif

// A square of sixteen rows and sixteen words, transposed: word s of row r becomes word r of words[s].
template <class M, class T>
QT_INLINE void loadSquare(const T* data, std::int64_t stride, int rows, int count, u32x16 words[16]) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) * M::perWord == 4)
    if (rows >= 16 && count >= valuesAtOnce<M>)
      return loadWholeSquare(reinterpret_cast<const unsigned char*>(data), stride * static_cast<std::int64_t>(sizeof(T)), words);
#endif
  for (int r = 0; r < 16; ++r) words[r] = r < rows ? wordsOf<M>(data + r * stride, count) : u32x16{};
  transpose(words);
}

// Rows [0, rows) of a matrix of `depth` contiguous values each: into left panels, zero-padded.
template <class M, class T>
static void packLeftRows(const T* data, std::int64_t stride, int rows, int depth, typename M::Element* out) {
  const int steps = stepsOf<M>(depth);
  const std::size_t panel = static_cast<std::size_t>(steps) * M::panelRows * M::perStep;
  if constexpr (M::perStep == valuesAtOnce<M>) {
    for (int r0 = 0; r0 < rows; r0 += M::panelRows, out += panel)
      for (int r = 0; r < M::panelRows; ++r)
        for (int s = 0; s < steps; ++s) {
          const u32x16 words = r0 + r < rows ? wordsOf<M>(data + (r0 + r) * stride + s * M::perStep, depth - s * M::perStep) : u32x16{};
          std::memcpy(out + (s * M::panelRows + r) * M::perStep, &words, 64);
        }
  } else if constexpr (M::panelRows == 8) {
    for (int r0 = 0; r0 < rows; r0 += 16, out += 2 * panel)
      for (int s0 = 0; s0 < steps; s0 += wordsAtOnce) {
        u32x16 words[16];
        loadSquare<M>(data + r0 * stride + s0 * M::perStep, stride, rows - r0, depth - s0 * M::perStep, words);
        auto* first = out + s0 * M::perStep * M::panelRows;
        const int count = steps - s0 < wordsAtOnce ? steps - s0 : wordsAtOnce;
        for (int s = 0; s < count; ++s) {
          std::memcpy(first + s * M::panelRows * M::perStep, &words[s], 32);
          if (rows - r0 > 8) std::memcpy(first + panel + s * M::panelRows * M::perStep, reinterpret_cast<const char*>(&words[s]) + 32, 32);
        }
      }
  } else {
    for (int r0 = 0; r0 < rows; r0 += M::panelRows, out += panel)
      for (int r = 0; r < M::panelRows; ++r) {
        typename M::Element* slot = out + r * M::perStep;
        const T* row = data + (r0 + r) * stride;
        for (int k = 0; k < steps * M::perStep; ++k)
          M::put(slot + (k / M::perStep) * M::panelRows * M::perStep + k % M::perStep, r0 + r < rows && k < depth ? value(row + k) : 0.0f);
      }
  }
}

#if defined(__AVX512F__)
// Indices that take values from `begin` on by turns with those `apart` behind them.
typedef std::uint16_t u16x32 __attribute__((vector_size(64)));
QT_INLINE u16x32 byTurns(int begin, int apart) {
  u16x32 index{};
  for (int i = 0; i < 32; ++i) index[i] = static_cast<std::uint16_t>(begin + i / 2 + i % 2 * apart);
  return index;
}
#endif

// One row of depth (two for bfloat16, as pairs; `second` is null at an odd end): sixteen words of up to sixteen columns.
template <class M, class T>
QT_INLINE u32x16 wordsAcross(const T* first, const T* second, std::int64_t columns) {
  if constexpr (M::perWord == 1) {
    return (u32x16)loadSome(first, columns);
#if defined(__AVX512BF16__)
  } else if constexpr (sizeof(T) == 4) {
    const f32x16 high = second == nullptr ? f32x16{} : loadSome(second, columns);
    return (u32x16)_mm512_permutexvar_epi16((__m512i)byTurns(0, lanes), (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)loadSome(first, columns)));
#endif
  } else {
    const auto words = [&](const T* row) __attribute__((always_inline)) {
      if constexpr (sizeof(T) == 2)
        if (columns >= lanes) return __builtin_convertvector(*reinterpret_cast<const u16x16u*>(row), u32x16);
      return __builtin_convertvector(narrow(loadSome(row, columns)), u32x16);
    };
    const u32x16 low = words(first);
    const u32x16 high = second == nullptr ? u32x16{} : words(second);
    return low | (high << 16);
  }
}

// The words of row k of depth, and for pairs of the one after it, of a matrix of `depth` rows.
template <class M, class T>
QT_INLINE u32x16 wordsAcross(const T* data, std::int64_t stride, int k, int depth, std::int64_t columns) {
  const T* row = data + k * stride;
  return wordsAcross<M, T>(row, M::perWord == 2 && k + 1 < depth ? row + stride : nullptr, columns);
}

// Left panels from a matrix stored [depth, rows].
template <class M, class T>
static void packLeftColumns(const T* data, std::int64_t stride, int rows, int depth, typename M::Element* out) {
  const int steps = stepsOf<M>(depth);
  const std::size_t panel = static_cast<std::size_t>(steps) * M::panelRows * M::perStep;
  if constexpr (M::perStep == valuesAtOnce<M>) {
    for (int r0 = 0; r0 < rows; r0 += M::panelRows, out += panel)
      for (int s = 0; s < steps; ++s) {
        u32x16 words[16];
        for (int w = 0; w < wordsAtOnce; ++w) {
          const int k = s * M::perStep + w * M::perWord;
          words[w] = k < depth ? wordsAcross<M>(data + r0, stride, k, depth, rows - r0) : u32x16{};
        }
        transpose(words);
        std::memcpy(out + s * M::panelRows * M::perStep, words, sizeof words);
      }
  } else if constexpr (M::panelRows == 8) {
    for (int r0 = 0; r0 < rows; r0 += 16, out += 2 * panel)
      for (int s = 0; s < steps; ++s) {
        const int k = s * M::perStep;
        const u32x16 words = wordsAcross<M>(data + r0, stride, k, depth, rows - r0);
        std::memcpy(out + k * M::panelRows, &words, 32);
        if (rows - r0 > 8) std::memcpy(out + panel + k * M::panelRows, reinterpret_cast<const char*>(&words) + 32, 32);
      }
  } else {
    for (int r0 = 0; r0 < rows; r0 += M::panelRows, out += panel) {
      const int height = rows - r0 < M::panelRows ? rows - r0 : M::panelRows;
      for (int k = 0; k < steps * M::perStep; ++k) {
        typename M::Element* slot = out + (k / M::perStep) * M::panelRows * M::perStep + k % M::perStep;
        const T* row = data + k * stride + r0;
        for (int r = 0; r < M::panelRows; ++r) M::put(slot + r * M::perStep, k < depth && r < height ? value(row + r) : 0.0f);
      }
    }
  }
}

// Words of depth that a right panel holds.
template <class M>
QT_INLINE int rightWords(int depth) { return stepsOf<M>(depth) * M::perStep / M::perWord; }

// `columns` rows of `depth` values (stride in elements): transposed into right panels of 16 columns, zero-padded.
template <class M, class T>
static void packRightRows(const T* data, std::int64_t stride, int columns, int depth, typename M::Element* out, std::size_t panel) {
  const int words = rightWords<M>(depth);
  for (int c0 = 0; c0 < columns; c0 += lanes, out += panel) {
    const int width = columns - c0 < lanes ? columns - c0 : lanes;
    for (int w0 = 0; w0 < words; w0 += wordsAtOnce) {
      u32x16 square[16];
      const T* corner = data + c0 * stride + w0 * M::perWord;
      for (int c = lanes; c < 2 * lanes; ++c) __builtin_prefetch(corner + c * stride);  // of the next panel: rows apart are not foreseen
      loadSquare<M>(corner, stride, width, depth - w0 * M::perWord, square);
      const int count = words - w0 < wordsAtOnce ? words - w0 : wordsAtOnce;
      for (int w = 0; w < count; ++w) std::memcpy(out + (w0 + w) * lanes * M::perWord, &square[w], 64);
    }
  }
}

// A word of depth of `columns` columns: into right panels.
template <class M, class T>
static void packRightWord(const T* first, const T* second, int columns, int word, typename M::Element* out, std::size_t panel) {
  int c0 = 0;
#if defined(__AVX512F__)
  if constexpr (M::perWord == 2 && sizeof(T) == 2)
    if (second != nullptr) {
      const __m512i low = (__m512i)byTurns(0, 32), high = (__m512i)byTurns(lanes, 32);
      for (; c0 + 2 * lanes <= columns; c0 += 2 * lanes, out += 2 * panel) {
        const __m512i a = _mm512_loadu_si512(first + c0), b = _mm512_loadu_si512(second + c0);
        _mm512_storeu_si512(out + word * lanes * M::perWord, _mm512_permutex2var_epi16(a, low, b));
        _mm512_storeu_si512(out + panel + word * lanes * M::perWord, _mm512_permutex2var_epi16(a, high, b));
      }
    }
#endif
  for (; c0 < columns; c0 += lanes, out += panel) {
    const u32x16 words = wordsAcross<M, T>(first + c0, second == nullptr ? nullptr : second + c0, columns - c0);
    std::memcpy(out + word * lanes * M::perWord, &words, 64);
  }
}

// Zeros in the words that fill a last step.
template <class M>
static void padRight(int columns, int depth, typename M::Element* out, std::size_t panel) {
  const int first = (depth + M::perWord - 1) / M::perWord, words = rightWords<M>(depth);
  if (first == words) return;
  for (int c0 = 0; c0 < columns; c0 += lanes, out += panel) std::memset(out + first * lanes * M::perWord, 0, static_cast<std::size_t>(words - first) * 64);
}

// `depth` rows of `columns` values.
template <class M, class T>
static void packRightSteps(const T* data, std::int64_t stride, int columns, int depth, typename M::Element* out, std::size_t panel) {
  // A few cache lines of each row, then the next one far away: processors do not foresee that by themselves.
  constexpr int ahead = 16;
  for (int k = 0; k < depth; k += M::perWord) {
    for (int row = k + ahead; row < k + ahead + M::perWord && row < depth; ++row)
      for (int c = 0; c < columns; c += static_cast<int>(64 / sizeof(T))) __builtin_prefetch(data + row * stride + c);
    packRightWord<M, T>(data + k * stride, M::perWord == 2 && k + 1 < depth ? data + (k + 1) * stride : nullptr, columns, k / M::perWord, out, panel);
  }
  padRight<M>(columns, depth, out, panel);
}

}  // namespace
}  // namespace qt
