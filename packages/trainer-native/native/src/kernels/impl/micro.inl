// The inner loop of every product: an R×(16·V) block of float32 sums kept in registers.
//   packed left:  panels of `panelRows` rows,  [step][row] (bfloat16: pairs of consecutive depth, [step][row][2])
//   packed right: panels of 16 columns,        [step][column] (likewise)
// A step is one index of depth for float32 and two for bfloat16.

namespace qt {
namespace {

#if defined(__AVX512F__)
constexpr int panelRows = 8;
constexpr int panelsAtOnce = 3;
constexpr int registerLanes = 16;
#elif defined(__AVX2__)
constexpr int panelRows = 6;
constexpr int panelsAtOnce = 1;
constexpr int registerLanes = 8;
#elif defined(__aarch64__)
constexpr int panelRows = 6;
constexpr int panelsAtOnce = 1;
constexpr int registerLanes = 4;
#else
constexpr int panelRows = 2;
constexpr int panelsAtOnce = 1;
constexpr int registerLanes = 4;
#endif

// Sums are held in registers of the processor's own width: split vectors would be spilled.
typedef float Register __attribute__((vector_size(registerLanes * 4)));
typedef float LooseRegister __attribute__((vector_size(registerLanes * 4), aligned(4), may_alias));
constexpr int registersPerPanel = lanes / registerLanes;

struct MultiplyF32 {
  using Element = float;
  static constexpr int perStep = 1;
  static void put(Element* slot, float v) { *slot = v; }
  QT_INLINE Register spread(const Element* left) { return *left - Register{}; }
  QT_INLINE Register multiply(Register sum, Register left, Register right) { return sum + left * right; }
};

#if defined(__AVX512BF16__)
struct MultiplyBF16 {
  using Element = bf16;
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
struct MultiplyBF16 {
  using Element = bf16;
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
};

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
        const Register a = M::spread(left + (s * panelRows + r) * M::perStep);
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
  case R: return multiplyBlock<M, (R <= panelRows ? R : panelRows), P>(strips, count, leftIndex, rightIndex, out, outStride, accumulate)
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

// out[rows, 16·panels] (+)= Σ strips left·right.
template <class M>
static void multiplyStrips(const Strip<M>* strips, int count, int rows, int panels, float* out, std::int64_t outStride, bool accumulate) {
  for (int p = 0; p < panels; p += panelsAtOnce) {
    const int width = panels - p < panelsAtOnce ? panels - p : panelsAtOnce;
    for (int r = 0; r < rows; r += panelRows) {
      const int height = rows - r < panelRows ? rows - r : panelRows;
      float* o = out + r * outStride + p * lanes;
      if constexpr (panelsAtOnce == 3) {
        if (width == 3) multiplyRows<M, 3>(height, strips, count, r / panelRows, p, o, outStride, accumulate);
        else if (width == 2) multiplyRows<M, 2>(height, strips, count, r / panelRows, p, o, outStride, accumulate);
        else multiplyRows<M, 1>(height, strips, count, r / panelRows, p, o, outStride, accumulate);
      } else {
        multiplyRows<M, 1>(height, strips, count, r / panelRows, p, o, outStride, accumulate);
      }
    }
  }
}

// The same of one strip.
template <class M>
static void multiplyPacked(const typename M::Element* left, std::size_t leftPanel, int rows, const typename M::Element* right,
                           std::size_t rightPanel, int panels, int steps, float* out, std::int64_t outStride, bool accumulate) {
  const Strip<M> strip{left, leftPanel, right, rightPanel, steps};
  multiplyStrips(&strip, 1, rows, panels, out, outStride, accumulate);
}

template <class M>
QT_INLINE int stepsOf(int depth) { return (depth + M::perStep - 1) / M::perStep; }

// ---- packing ----

typedef u32x16 LooseWords __attribute__((aligned(2), may_alias));

// Sixteen words of a packed row: 16 values for float32, 32 as pairs for bfloat16.
template <class M>
QT_INLINE u32x16 wordsOf(const float* p) {
  if constexpr (M::perStep == 1) {
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
  if constexpr (M::perStep == 1) return (u32x16)load(p);
  else return *reinterpret_cast<const LooseWords*>(p);
}
constexpr int wordsAtOnce = 16;
template <class M>
constexpr int valuesAtOnce = wordsAtOnce * M::perStep;

// A square of sixteen rows and sixteen words, transposed: word s of row r becomes word r of words[s].
template <class M, class T>
QT_INLINE void loadSquare(const T* data, std::int64_t stride, int rows, u32x16 words[16]) {
  for (int r = 0; r < 16; ++r) words[r] = r < rows ? wordsOf<M>(data + r * stride) : u32x16{};
  transpose(words);
}

// Rows [0, rows) of a matrix of `depth` contiguous values each: into left panels, zero-padded.
template <class M, class T>
static void packLeftRows(const T* data, std::int64_t stride, int rows, int depth, typename M::Element* out) {
  const int steps = stepsOf<M>(depth);
  const std::size_t panel = static_cast<std::size_t>(steps) * panelRows * M::perStep;
  int packed = 0;  // values of depth that went through whole squares
  if constexpr (panelRows == 8) {
    packed = depth / valuesAtOnce<M> * valuesAtOnce<M>;
    for (int r0 = 0; r0 < rows; r0 += 16)
      for (int k = 0; k < packed; k += valuesAtOnce<M>) {
        u32x16 words[16];
        loadSquare<M>(data + r0 * stride + k, stride, rows - r0, words);
        auto* first = out + r0 / 8 * panel + k * panelRows;
        for (int s = 0; s < wordsAtOnce; ++s) {
          std::memcpy(first + s * panelRows * M::perStep, &words[s], 32);
          if (rows - r0 > 8) std::memcpy(first + panel + s * panelRows * M::perStep, reinterpret_cast<const char*>(&words[s]) + 32, 32);
        }
      }
  }
  if (packed == depth) return;
  for (int r0 = 0; r0 < rows; r0 += panelRows, out += panel)
    for (int r = 0; r < panelRows; ++r) {
      typename M::Element* slot = out + r * M::perStep;
      const T* row = data + (r0 + r) * stride;
      for (int k = packed; k < steps * M::perStep; ++k)
        M::put(slot + (k / M::perStep) * panelRows * M::perStep + k % M::perStep, r0 + r < rows && k < depth ? value(row + k) : 0.0f);
    }
}

// One row of depth k (two for bfloat16, as pairs; `second` is null at an odd end): sixteen words of up to sixteen columns.
template <class M, class T>
QT_INLINE u32x16 stepWords(const T* first, const T* second, std::int64_t columns) {
  if constexpr (M::perStep == 1) {
    return (u32x16)loadSome(first, columns);
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

// Left panels from a matrix stored [depth, rows].
template <class M, class T>
static void packLeftColumns(const T* data, std::int64_t stride, int rows, int depth, typename M::Element* out) {
  const int steps = stepsOf<M>(depth);
  const std::size_t panel = static_cast<std::size_t>(steps) * panelRows * M::perStep;
  if constexpr (panelRows == 8) {
    for (int r0 = 0; r0 < rows; r0 += 16, out += 2 * panel)
      for (int s = 0; s < steps; ++s) {
        const int k = s * M::perStep;
        const T* row = data + k * stride + r0;
        const u32x16 words = stepWords<M, T>(row, M::perStep == 2 && k + 1 < depth ? row + stride : nullptr, rows - r0);
        std::memcpy(out + k * panelRows, &words, 32);
        if (rows - r0 > 8) std::memcpy(out + panel + k * panelRows, reinterpret_cast<const char*>(&words) + 32, 32);
      }
    return;
  }
  for (int r0 = 0; r0 < rows; r0 += panelRows, out += panel) {
    const int height = rows - r0 < panelRows ? rows - r0 : panelRows;
    for (int k = 0; k < steps * M::perStep; ++k) {
      typename M::Element* slot = out + (k / M::perStep) * panelRows * M::perStep + k % M::perStep;
      const T* row = data + k * stride + r0;
      for (int r = 0; r < panelRows; ++r) M::put(slot + r * M::perStep, k < depth && r < height ? value(row + r) : 0.0f);
    }
  }
}

// `columns` rows of `depth` values (stride in elements): transposed into right panels of 16 columns, zero-padded.
template <class M, class T>
static void packRightRows(const T* data, std::int64_t stride, int columns, int depth, typename M::Element* out, std::size_t panel) {
  const int padded = stepsOf<M>(depth) * M::perStep;
  const int packed = depth / valuesAtOnce<M> * valuesAtOnce<M>;
  for (int c0 = 0; c0 < columns; c0 += lanes, out += panel) {
    const int width = columns - c0 < lanes ? columns - c0 : lanes;
    for (int k = 0; k < packed; k += valuesAtOnce<M>) {
      u32x16 words[16];
      loadSquare<M>(data + c0 * stride + k, stride, width, words);
      for (int s = 0; s < wordsAtOnce; ++s) std::memcpy(out + k * lanes + s * lanes * M::perStep, &words[s], 64);
    }
    for (int c = 0; packed < padded && c < lanes; ++c) {
      typename M::Element* slot = out + c * M::perStep;
      const T* row = data + (c0 + c) * stride;
      for (int k = packed; k < padded; ++k)
        M::put(slot + (k / M::perStep) * lanes * M::perStep + k % M::perStep, c < width && k < depth ? value(row + k) : 0.0f);
    }
  }
}

// A step of depth with `columns` values: into right panels.
template <class M, class T>
static void packRightStep(const T* first, const T* second, int columns, int step, typename M::Element* out, std::size_t panel) {
  for (int c0 = 0; c0 < columns; c0 += lanes, out += panel) {
    const u32x16 words = stepWords<M, T>(first + c0, second == nullptr ? nullptr : second + c0, columns - c0);
    std::memcpy(out + step * lanes * M::perStep, &words, 64);
  }
}

// `depth` rows of `columns` values.
template <class M, class T>
static void packRightSteps(const T* data, std::int64_t stride, int columns, int depth, typename M::Element* out, std::size_t panel) {
  // A few cache lines of each row, then the next one far away: processors do not foresee that by themselves.
  constexpr int ahead = 16;
  for (int k = 0; k < depth; k += M::perStep) {
    for (int row = k + ahead; row < k + ahead + M::perStep && row < depth; ++row)
      for (int c = 0; c < columns; c += static_cast<int>(64 / sizeof(T))) __builtin_prefetch(data + row * stride + c);
    packRightStep<M, T>(data + k * stride, M::perStep == 2 && k + 1 < depth ? data + (k + 1) * stride : nullptr, columns, k / M::perStep, out,
                        panel);
  }
}

}  // namespace
}  // namespace qt
