// Operations on rows of activations: RMS norm, rotary embedding, SwiGLU, conversion, dropout.
//   rmsNorm    y = x·i·w,  i = 1/√(mean x² + ε)                                  (Zhang & Sennrich, arXiv 1910.07467)
//   backward   dx = i·(dy∘w) − x·i³·mean(x∘dy∘w)
//   swiglu     y = silu(g)·u,  silu(g) = g·σ(g)                                   (Shazeer, arXiv 2002.05202)

namespace qt {
namespace {

// Calls body(column, width) over a row, whole registers first.
template <class Body>
QT_INLINE void overColumns(std::int64_t columns, const Body& body) {
  std::int64_t c = 0;
  for (; c + lanes <= columns; c += lanes) body(c, static_cast<std::int64_t>(lanes));
  if (c < columns) body(c, columns - c);
}
template <class T>
QT_INLINE f32x16 take(const T* p, std::int64_t width) { return width == lanes ? load(p) : loadSome(p, width); }
template <class T>
QT_INLINE void give(T* p, f32x16 v, std::int64_t width) {
  if (width == lanes) store(p, v);
  else storeSome(p, v, width);
}

template <class T>
static void rmsNormApply(const void* x, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = static_cast<const T*>(x) + r * columns;
    T* to = static_cast<T*>(out) + r * columns;
    overColumns(columns, [&](std::int64_t c, std::int64_t w) { give(to + c, take(row + c, w) * inverse[r] * take(weight + c, w), w); });
  }
}

template <class T>
static void rmsNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = static_cast<const T*>(x) + r * columns;
    f32x16 sum{};
    overColumns(columns, [&](std::int64_t c, std::int64_t w) {
      const f32x16 v = take(row + c, w);
      sum += v * v;
    });
    inverse[r] = 1.0f / std::sqrt(total(sum) / static_cast<float>(columns) + epsilon);
  }
  rmsNormApply<T>(x, weight, out, inverse, rows, columns);
}

template <class T>
static void rmsNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows,
                            std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = static_cast<const T*>(x) + r * columns;
    const T* gradient = static_cast<const T*>(dy) + r * columns;
    float* to = dx + r * columns;
    f32x16 sum{};
    overColumns(columns, [&](std::int64_t c, std::int64_t w) { sum += take(row + c, w) * take(gradient + c, w) * take(weight + c, w); });
    const float i = inverse[r];
    const float pull = i * i * i * total(sum) / static_cast<float>(columns);
    overColumns(columns, [&](std::int64_t c, std::int64_t w) {
      give(to + c, take(to + c, w) + take(gradient + c, w) * take(weight + c, w) * i - take(row + c, w) * pull, w);
    });
  }
}

template <class T>
static void rmsNormBackwardInPlace(const void* x, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = static_cast<const T*>(x) + r * columns;
    T* gradient = static_cast<T*>(dy) + r * columns;
    f32x16 sum{};
    overColumns(columns, [&](std::int64_t c, std::int64_t w) { sum += take(row + c, w) * take(gradient + c, w) * take(weight + c, w); });
    const float i = inverse[r];
    const float pull = i * i * i * total(sum) / static_cast<float>(columns);
    overColumns(columns, [&](std::int64_t c, std::int64_t w) {
      give(gradient + c, take(gradient + c, w) * take(weight + c, w) * i - take(row + c, w) * pull, w);
    });
  }
}

// dw[c] += Σ rows dy·x·i, for columns [columnBegin, columnEnd): rows in order, so the caller may cut by columns only.
template <class T>
static void rmsNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns,
                              std::int64_t columnBegin, std::int64_t columnEnd) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = static_cast<const T*>(x) + r * columns + columnBegin;
    const T* gradient = static_cast<const T*>(dy) + r * columns + columnBegin;
    float* to = dWeight + columnBegin;
    overColumns(columnEnd - columnBegin, [&](std::int64_t c, std::int64_t w) {
      give(to + c, take(to + c, w) + take(row + c, w) * take(gradient + c, w) * inverse[r], w);
    });
  }
}

// Sixteen pairs (a, b), side by side or in halves.
template <class T>
struct Pairs {
  f32x16 a, b;
};
QT_INLINE Pairs<float> loadPairs(const float* p) {
  const f32x16 low = load(p), high = load(p + lanes);
  return {__builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30),
          __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)};
}
QT_INLINE void storePairs(float* p, const Pairs<float>& v) {
  store(p, __builtin_shufflevector(v.a, v.b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  store(p + lanes, __builtin_shufflevector(v.a, v.b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}
QT_INLINE Pairs<bf16> loadPairs(const bf16* p) {
  u32x16 words;
  std::memcpy(&words, p, 64);
  return {(f32x16)(words << 16), (f32x16)(words & 0xffff0000)};
}
QT_INLINE void storePairs(bf16* p, const Pairs<bf16>& v) {
  const u32x16 words = __builtin_convertvector(narrow(v.a), u32x16) | __builtin_convertvector(narrow(v.b), u32x16) << 16;
  std::memcpy(p, &words, 64);
}

// direction +1 rotates, −1 rotates back (the transpose, for gradients).
template <class T>
static void rotate(void* x, const std::int32_t* positions, std::int64_t rows, std::int32_t heads, std::int32_t headDim, RotaryTable table,
                   float direction) {
  const auto turned = [&](const Pairs<T>& v, f32x16 c, f32x16 s) __attribute__((always_inline)) { return Pairs<T>{v.a * c - v.b * s, v.b * c + v.a * s}; };
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* cosine = table.cosine + static_cast<std::int64_t>(positions[r]) * table.pairs;
    const float* sine = table.sine + static_cast<std::int64_t>(positions[r]) * table.pairs;
    for (int h = 0; h < heads; ++h) {
      T* head = static_cast<T*>(x) + (r * heads + h) * headDim;
      overColumns(table.pairs, [&](std::int64_t i, std::int64_t w) __attribute__((always_inline)) {
        const f32x16 c = take(cosine + i, w), s = take(sine + i, w) * direction;
        if (!table.interleaved) {
          const Pairs<T> v = turned({take(head + i, w), take(head + i + table.pairs, w)}, c, s);
          give(head + i, v.a, w);
          give(head + i + table.pairs, v.b, w);
        } else if (w == lanes) {
          storePairs(head + 2 * i, turned(loadPairs(head + 2 * i), c, s));
        } else {
          T some[2 * lanes] = {};
          std::memcpy(some, head + 2 * i, sizeof(T) * 2 * w);
          storePairs(some, turned(loadPairs(some), c, s));
          std::memcpy(head + 2 * i, some, sizeof(T) * 2 * w);
        }
      });
    }
  }
}

QT_INLINE f32x16 siluGated(f32x16 gate, f32x16 up) { return gate / (exponential(-gate) + 1.0f) * up; }

template <class T>
static void swiglu(const void* gate, const void* up, void* out, std::int64_t count) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) {
    const f32x16 g = take(static_cast<const T*>(gate) + c, w);
    const f32x16 u = take(static_cast<const T*>(up) + c, w);
    give(static_cast<T*>(out) + c, siluGated(g, u), w);
  });
}

// In place: gate becomes dGate and up becomes dUp.  d silu = σ·(1 + g·(1 − σ))
template <class T>
static void swigluBackward(void* gate, void* up, const void* dOut, std::int64_t count) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) {
    const f32x16 g = take(static_cast<const T*>(gate) + c, w);
    const f32x16 u = take(static_cast<const T*>(up) + c, w);
    const f32x16 d = take(static_cast<const T*>(dOut) + c, w);
    const f32x16 sigmoid = 1.0f / (exponential(-g) + 1.0f);
    give(static_cast<T*>(gate) + c, d * u * sigmoid * (g * (1.0f - sigmoid) + 1.0f), w);
    give(static_cast<T*>(up) + c, d * g * sigmoid, w);
  });
}

// tanh(x) = 1 − 2/(e²ˣ + 1)
QT_INLINE f32x16 hyperbolicTangent(f32x16 x) { return 1.0f - 2.0f / (exponential(x + x) + 1.0f); }

// gelu(g) = g/2·(1 + tanh(√(2/π)·(g + 0.044715·g³)))                            (Hendrycks & Gimpel, arXiv 1606.08415)
constexpr float geluScale = 0.7978845608028654f, geluCube = 0.044715f;

QT_INLINE f32x16 geluGated(f32x16 gate, f32x16 up) {
  const f32x16 t = hyperbolicTangent((gate + gate * gate * gate * geluCube) * geluScale);
  return gate * 0.5f * (t + 1.0f) * up;
}

template <class T>
static void geglu(const void* gate, const void* up, void* out, std::int64_t count) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) {
    const f32x16 g = take(static_cast<const T*>(gate) + c, w);
    const f32x16 u = take(static_cast<const T*>(up) + c, w);
    give(static_cast<T*>(out) + c, geluGated(g, u), w);
  });
}

// d gelu = (1 + t)/2 + g/2·(1 − t²)·√(2/π)·(1 + 3·0.044715·g²)
template <class T>
static void gegluBackward(void* gate, void* up, const void* dOut, std::int64_t count) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) {
    const f32x16 g = take(static_cast<const T*>(gate) + c, w);
    const f32x16 u = take(static_cast<const T*>(up) + c, w);
    const f32x16 d = take(static_cast<const T*>(dOut) + c, w);
    const f32x16 t = hyperbolicTangent((g + g * g * g * geluCube) * geluScale);
    const f32x16 slope = (t + 1.0f) * 0.5f + g * 0.5f * (1.0f - t * t) * geluScale * (g * g * (3.0f * geluCube) + 1.0f);
    give(static_cast<T*>(gate) + c, d * u * slope, w);
    give(static_cast<T*>(up) + c, d * g * 0.5f * (t + 1.0f), w);
  });
}

// Rows in order, so the caller may cut by columns only.
template <class T>
static void columnSums(const void* x, float* sums, std::int64_t rows, std::int64_t columns, std::int64_t columnBegin, std::int64_t columnEnd) {
  float* to = sums + columnBegin;
  for (std::int64_t r = 0; r < rows; ++r) {
    const T* row = static_cast<const T*>(x) + r * columns + columnBegin;
    overColumns(columnEnd - columnBegin, [&](std::int64_t c, std::int64_t w) { give(to + c, take(to + c, w) + take(row + c, w), w); });
  }
}

// Rows are summed 64 at a time, in order: exact enough in float32, and the same for any cut of the columns.
template <class T, class D>
static void scaleBackwardFrom(const D* dy, const T* y, const float* bias, const float* columnScale, T* dz, float* sum, std::int64_t rows, std::int64_t columns,
                              std::int64_t begin, std::int64_t end) {
  for (std::int64_t first = 0; first < rows; first += 64) {
    const std::int64_t last = first + 64 < rows ? first + 64 : rows;
    for (std::int64_t c = begin; c < end; c += lanes) {
      const std::int64_t w = end - c < lanes ? end - c : lanes;
      const f32x16 scale = take(columnScale + c, w);
      const f32x16 shift = bias == nullptr ? f32x16{} : take(bias + c, w);
      f32x16 part{};
      for (std::int64_t r = first; r < last; ++r) {
        const f32x16 d = take(dy + r * columns + c, w);
        part += d * (take(y + r * columns + c, w) - shift);
        give(dz + r * columns + c, d * scale, w);
      }
      give(sum + (c - begin), take(sum + (c - begin), w) + part, w);
    }
  }
}

template <class T>
static void scaleBackward(const void* dy, DType dyType, const void* y, const float* bias, const float* columnScale, void* dz, float* sum, std::int64_t rows,
                          std::int64_t columns, std::int64_t begin, std::int64_t end) {
  const auto from = [&](auto* data) {
    scaleBackwardFrom(data, static_cast<const T*>(y), bias, columnScale, static_cast<T*>(dz), sum, rows, columns, begin, end);
  };
  if (dyType == DType::F32) from(static_cast<const float*>(dy));
  else from(static_cast<const bf16*>(dy));
}

template <class T>
static void addRows(void* out, const void* x, std::int64_t count) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) {
    T* to = static_cast<T*>(out) + c;
    give(to, take(to, w) + take(static_cast<const T*>(x) + c, w), w);
  });
}

template <class T>
static void widenRow(const void* x, float* out, std::int64_t count) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) { give(out + c, take(static_cast<const T*>(x) + c, w), w); });
}
template <class T>
static void narrowRow(const float* x, void* out, std::int64_t count) {
  overColumns(count, [&](std::int64_t c, std::int64_t w) { give(static_cast<T*>(out) + c, take(x + c, w), w); });
}

template <class T>
static void dropout(const void* x, void* out, std::int64_t count, std::int64_t first, float p, std::uint64_t seed, std::uint32_t step, std::uint32_t purpose) {
  const auto limit = static_cast<std::uint32_t>(static_cast<double>(p) * 4294967296.0);
  const float keep = 1.0f / (1.0f - p);
  for (std::int64_t i = 0; i < count; i += 4) {
    std::uint32_t word[4];
    philox(static_cast<std::uint64_t>(first + i) / 4, step, purpose, seed, word);
    for (int j = 0; j < 4 && i + j < count; ++j)
      put(static_cast<T*>(out) + i + j, word[j] < limit ? 0.0f : value(static_cast<const T*>(x) + i + j) * keep);
  }
}

}  // namespace
}  // namespace qt
