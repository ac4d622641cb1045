// Causal attention in 64×64 tiles (Dao et al., FlashAttention-2, arXiv 2307.08691): forward keeps only the output and the
// log-sum-exp of each row; backward repeats the scores in two passes, one over tiles of queries for dQ and one over tiles
// of keys for dK and dV, so that every sum belongs to one task. Query heads that share a key head are done together.
// A window leaves out the tiles it ends before; a soft cap turns S into c·tanh(S/c), which multiplies dS by 1 − tanh².
//   S = scale·Q·Kᵀ   P = exp(S − lse)   O = P·V   dP = dO·Vᵀ   dS = scale·P∘(dP − delta)   delta = rowsum(dO∘O)

namespace qt {
namespace {

constexpr int tileSide = attentionTileRows;
constexpr int tileLeftRows = (tileSide + mostPanelRows - 1) / mostPanelRows * mostPanelRows;

// Carves a scratch buffer into aligned pieces.
struct Carver {
  unsigned char* at;
  template <class T>
  T* take(std::size_t count) {
    auto* out = reinterpret_cast<T*>(at);
    at += align64(count * sizeof(T));
    return out;
  }
};

// Room for one packed operand of a tile: 64 rows or columns by headDim, or 64 by 64; float32 is the larger element.
static std::size_t packedTile(const AttentionShape& s) {
  const int wide = s.headDim > tileSide ? s.headDim : tileSide;
  return static_cast<std::size_t>(tileLeftRows + lanes) * paddedColumns(wide);
}

static std::size_t attentionScratch(const AttentionShape& s) {
  const std::size_t group = s.heads / s.kvHeads;
  const std::size_t width = paddedColumns(s.headDim);
  const std::size_t floats = packedTile(s) * (6 + 2 * group) + 3 * static_cast<std::size_t>(tileSide) * tileSide +
                             (group + 2) * tileSide * width + 2 * group * tileSide;
  return floats * sizeof(float) + 64 * 32;
}

// The first key that a query sees, and the last query that sees a key.
QT_INLINE int firstKey(const AttentionShape& s, int begin, int row) { return s.window > 0 && row - s.window + 1 > begin ? row - s.window + 1 : begin; }
QT_INLINE int lastQuery(const AttentionShape& s, int end, int key) { return s.window > 0 && key + s.window < end ? key + s.window - 1 : end - 1; }

// A scaled score, soft-capped.
QT_INLINE f32x16 capped(f32x16 x, const AttentionShape& s) {
  return s.softcap == 0.0f ? x : hyperbolicTangent(x * (1.0f / s.softcap)) * s.softcap;
}

// Entries outside [from, to) of a register of columns become `value`.
QT_INLINE f32x16 keepBetween(f32x16 x, int from, int to, float value) {
  if (from <= 0 && to >= lanes) return x;
  constexpr i32x16 index = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return index < from ? splat(value) : index < to ? x : splat(value);
}

template <class M>
static std::size_t leftPanelOf(int depth) { return static_cast<std::size_t>(stepsOf<M>(depth)) * M::panelRows * M::perStep; }
template <class M>
static std::size_t rightPanelOf(int depth) { return static_cast<std::size_t>(stepsOf<M>(depth)) * lanes * M::perStep; }

template <class M, class T>
static void attentionForward(const AttentionForward& a, const AttentionTile& tile, void* scratch) {
  using Element = typename M::Element;
  [[maybe_unused]] const typename M::Scope scope;
  const AttentionShape& s = a.shape;
  const int group = s.heads / s.kvHeads, d = s.headDim, width = paddedColumns(d);
  const std::int64_t qStride = static_cast<std::int64_t>(s.heads) * d, kStride = static_cast<std::int64_t>(s.kvHeads) * d;
  const int row0 = tile.begin + tile.tile * tileSide;
  const int rows = tile.end - row0 < tileSide ? tile.end - row0 : tileSide;
  const auto* q = static_cast<const T*>(a.q);
  const auto* k = static_cast<const T*>(a.k) + tile.kvHead * d;
  const auto* v = static_cast<const T*>(a.v) + tile.kvHead * d;

  Carver carve{static_cast<unsigned char*>(scratch)};
  auto* keys = carve.take<Element>(packedTile(s));
  auto* values = carve.take<Element>(packedTile(s));
  auto* weights = carve.take<Element>(packedTile(s));
  auto* queries = carve.take<Element>(packedTile(s) * group);
  float* scores = carve.take<float>(tileSide * tileSide);
  float* out = carve.take<float>(static_cast<std::size_t>(group) * tileSide * width);
  float* rowMax = carve.take<float>(group * tileSide);
  float* rowSum = carve.take<float>(group * tileSide);
  alignas(64) float now[tileSide] = {}, shrink[tileSide];  // of the rows at hand: the highest score so far, and what that makes of earlier sums

  for (int g = 0; g < group; ++g)
    packLeftRows<M, T>(q + row0 * qStride + (tile.kvHead * group + g) * d, qStride, rows, d, queries + packedTile(s) * g);
  for (int i = 0; i < group * tileSide; ++i) {
    rowMax[i] = -1e30f;
    rowSum[i] = 0.0f;
  }
  std::memset(out, 0, sizeof(float) * group * tileSide * width);

  for (int t = (firstKey(s, tile.begin, row0) - tile.begin) / tileSide; t <= tile.tile; ++t) {
    const int key0 = tile.begin + t * tileSide;
    const int count = tile.end - key0 < tileSide ? tile.end - key0 : tileSide;
    const int keyPanels = (count + lanes - 1) / lanes;
    packRightRows<M, T>(k + key0 * kStride, kStride, count, d, keys, rightPanelOf<M>(d));
    packRightSteps<M, T>(v + key0 * kStride, kStride, d, count, values, rightPanelOf<M>(count));
    for (int g = 0; g < group; ++g) {
      multiplyPacked<M>(queries + packedTile(s) * g, leftPanelOf<M>(d), rows, keys, rightPanelOf<M>(d), keyPanels, stepsOf<M>(d), scores, tileSide,
                        false);
      float* most = rowMax + g * tileSide;
      float* sums = rowSum + g * tileSide;
      for (int r = 0; r < rows; ++r) {
        float* row = scores + r * tileSide;
        const int seen = t == tile.tile ? (r + 1 < count ? r + 1 : count) : count;  // causal: only the diagonal tile is cut
        const int unseen = firstKey(s, tile.begin, row0 + r) - key0;                // and by a window the tiles where it begins
        f32x16 high = splat(most[r]);
        for (int c = 0; c < keyPanels * lanes; c += lanes) {
          const f32x16 x = keepBetween(capped(load(row + c) * s.scale, s), unseen - c, seen - c, -1e30f);
          store(row + c, x);
          high = maximum(high, x);
        }
        now[r] = highest(high);
      }
      for (int r = 0; r < tileSide; r += lanes) {
        store(shrink + r, exponential(load(most + r) - load(now + r)));
        store(most + r, load(now + r));
      }
      for (int r = 0; r < rows; ++r) {
        float* row = scores + r * tileSide;
        f32x16 sum{};
        for (int c = 0; c < keyPanels * lanes; c += lanes) {
          const f32x16 p = exponential(load(row + c) - now[r]);
          store(row + c, p);
          sum += p;
        }
        sums[r] = sums[r] * shrink[r] + total(sum);
        if (shrink[r] != 1.0f) {
          float* o = out + static_cast<std::size_t>(g * tileSide + r) * width;
          for (int c = 0; c < width; c += lanes) store(o + c, load(o + c) * shrink[r]);
        }
      }
      packLeftRows<M, float>(scores, tileSide, rows, count, weights);
      multiplyPacked<M>(weights, leftPanelOf<M>(count), rows, values, rightPanelOf<M>(count), width / lanes, stepsOf<M>(count),
                        out + static_cast<std::size_t>(g) * tileSide * width, width, true);
    }
  }
  for (int g = 0; g < group; ++g)
    for (int r = 0; r < rows; ++r) {
      const int i = g * tileSide + r, head = tile.kvHead * group + g;
      const float inverse = 1.0f / rowSum[i];
      T* to = static_cast<T*>(a.out) + (row0 + r) * qStride + head * d;
      const float* o = out + static_cast<std::size_t>(i) * width;
      for (int c = 0; c < d; c += lanes) {
        if (d - c >= lanes) store(to + c, load(o + c) * inverse);
        else storeSome(to + c, load(o + c) * inverse, d - c);
      }
      a.logSumExp[static_cast<std::int64_t>(row0 + r) * s.heads + head] = rowMax[i] + std::log(rowSum[i]);
    }
}

template <class T>
static void attentionDelta(const AttentionBackward& a, std::int64_t rowBegin, std::int64_t rowEnd) {
  const int heads = a.shape.heads, d = a.shape.headDim;
  for (std::int64_t r = rowBegin; r < rowEnd; ++r)
    for (int h = 0; h < heads; ++h) {
      const T* o = static_cast<const T*>(a.out) + (r * heads + h) * d;
      const T* g = static_cast<const T*>(a.dOut) + (r * heads + h) * d;
      f32x16 sum{};
      int c = 0;
      for (; c + lanes <= d; c += lanes) sum += load(o + c) * load(g + c);
      if (c < d) sum += loadSome(o + c, d - c) * loadSome(g + c, d - c);
      a.delta[r * heads + h] = total(sum);
    }
}

// Scores and their gradients of one 64×64 tile; P goes to `p`, dS to `ds`.
template <class M>
static void scoreGradients(const AttentionBackward& a, int begin, int head, int row0, int rows, int key0, int count, const typename M::Element* queries,
                           const typename M::Element* keys, const typename M::Element* dOut, const typename M::Element* values, float* p,
                           float* ds) {
  const int d = a.shape.headDim, panels = (count + lanes - 1) / lanes;
  const float inverseCap = a.shape.softcap == 0.0f ? 0.0f : 1.0f / a.shape.softcap;
  multiplyPacked<M>(queries, leftPanelOf<M>(d), rows, keys, rightPanelOf<M>(d), panels, stepsOf<M>(d), p, tileSide, false);
  multiplyPacked<M>(dOut, leftPanelOf<M>(d), rows, values, rightPanelOf<M>(d), panels, stepsOf<M>(d), ds, tileSide, false);
  for (int r = 0; r < rows; ++r) {
    const std::int64_t i = static_cast<std::int64_t>(row0 + r) * a.shape.heads + head;
    const float lse = a.logSumExp[i], delta = a.delta[i];
    const int seen = row0 + r - key0 + 1 < count ? row0 + r - key0 + 1 : count;
    const int unseen = firstKey(a.shape, begin, row0 + r) - key0;
    for (int c = 0; c < panels * lanes; c += lanes) {
      const f32x16 score = capped(load(p + r * tileSide + c) * a.shape.scale, a.shape), t = score * inverseCap;
      const f32x16 x = keepBetween(exponential(score - lse), unseen - c, seen - c, 0.0f);
      store(p + r * tileSide + c, x);
      store(ds + r * tileSide + c, x * (load(ds + r * tileSide + c) - delta) * (1.0f - t * t) * a.shape.scale);
    }
  }
}

template <class T>
static void storeTile(T* to, std::int64_t stride, const float* from, int fromStride, int rows, int columns) {
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; c += lanes) {
      const f32x16 x = load(from + r * fromStride + c);
      if (columns - c >= lanes) store(to + r * stride + c, x);
      else storeSome(to + r * stride + c, x, columns - c);
    }
}

template <class M, class T>
static void attentionBackwardQuery(const AttentionBackward& a, const AttentionTile& tile, void* scratch) {
  using Element = typename M::Element;
  [[maybe_unused]] const typename M::Scope scope;
  const AttentionShape& s = a.shape;
  const int group = s.heads / s.kvHeads, d = s.headDim, width = paddedColumns(d);
  const std::int64_t qStride = static_cast<std::int64_t>(s.heads) * d, kStride = static_cast<std::int64_t>(s.kvHeads) * d;
  const int row0 = tile.begin + tile.tile * tileSide;
  const int rows = tile.end - row0 < tileSide ? tile.end - row0 : tileSide;
  const auto* k = static_cast<const T*>(a.k) + tile.kvHead * d;
  const auto* v = static_cast<const T*>(a.v) + tile.kvHead * d;

  Carver carve{static_cast<unsigned char*>(scratch)};
  auto* keys = carve.take<Element>(packedTile(s));
  auto* keySteps = carve.take<Element>(packedTile(s));
  auto* values = carve.take<Element>(packedTile(s));
  auto* packedScores = carve.take<Element>(packedTile(s));
  auto* queries = carve.take<Element>(packedTile(s) * group);
  auto* dOut = carve.take<Element>(packedTile(s) * group);
  float* p = carve.take<float>(tileSide * tileSide);
  float* ds = carve.take<float>(tileSide * tileSide);
  float* dq = carve.take<float>(static_cast<std::size_t>(group) * tileSide * width);

  for (int g = 0; g < group; ++g) {
    const std::int64_t at = row0 * qStride + (tile.kvHead * group + g) * d;
    packLeftRows<M, T>(static_cast<const T*>(a.q) + at, qStride, rows, d, queries + packedTile(s) * g);
    packLeftRows<M, T>(static_cast<const T*>(a.dOut) + at, qStride, rows, d, dOut + packedTile(s) * g);
  }
  const int firstTile = (firstKey(s, tile.begin, row0) - tile.begin) / tileSide;
  for (int t = firstTile; t <= tile.tile; ++t) {
    const int key0 = tile.begin + t * tileSide;
    const int count = tile.end - key0 < tileSide ? tile.end - key0 : tileSide;
    packRightRows<M, T>(k + key0 * kStride, kStride, count, d, keys, rightPanelOf<M>(d));
    packRightRows<M, T>(v + key0 * kStride, kStride, count, d, values, rightPanelOf<M>(d));
    packRightSteps<M, T>(k + key0 * kStride, kStride, d, count, keySteps, rightPanelOf<M>(count));
    for (int g = 0; g < group; ++g) {
      scoreGradients<M>(a, tile.begin, tile.kvHead * group + g, row0, rows, key0, count, queries + packedTile(s) * g, keys, dOut + packedTile(s) * g, values, p,
                        ds);
      packLeftRows<M, float>(ds, tileSide, rows, count, packedScores);
      multiplyPacked<M>(packedScores, leftPanelOf<M>(count), rows, keySteps, rightPanelOf<M>(count), width / lanes, stepsOf<M>(count),
                        dq + static_cast<std::size_t>(g) * tileSide * width, width, t > firstTile);
    }
  }
  for (int g = 0; g < group; ++g)
    storeTile(static_cast<T*>(a.dq) + row0 * qStride + (tile.kvHead * group + g) * d, qStride,
              dq + static_cast<std::size_t>(g) * tileSide * width, width, rows, d);
}

template <class M, class T>
static void attentionBackwardKey(const AttentionBackward& a, const AttentionTile& tile, void* scratch) {
  using Element = typename M::Element;
  [[maybe_unused]] const typename M::Scope scope;
  const AttentionShape& s = a.shape;
  const int group = s.heads / s.kvHeads, d = s.headDim, width = paddedColumns(d);
  const std::int64_t qStride = static_cast<std::int64_t>(s.heads) * d, kStride = static_cast<std::int64_t>(s.kvHeads) * d;
  const int key0 = tile.begin + tile.tile * tileSide;
  const int count = tile.end - key0 < tileSide ? tile.end - key0 : tileSide;
  const int tiles = (lastQuery(s, tile.end, key0 + count - 1) - tile.begin) / tileSide + 1;

  Carver carve{static_cast<unsigned char*>(scratch)};
  auto* keys = carve.take<Element>(packedTile(s));
  auto* values = carve.take<Element>(packedTile(s));
  auto* queries = carve.take<Element>(packedTile(s));
  auto* dOut = carve.take<Element>(packedTile(s));
  auto* steps = carve.take<Element>(packedTile(s));
  auto* transposed = carve.take<Element>(packedTile(s));
  float* p = carve.take<float>(tileSide * tileSide);
  float* ds = carve.take<float>(tileSide * tileSide);
  float* dk = carve.take<float>(static_cast<std::size_t>(tileSide) * width);
  float* dv = carve.take<float>(static_cast<std::size_t>(tileSide) * width);

  packRightRows<M, T>(static_cast<const T*>(a.k) + key0 * kStride + tile.kvHead * d, kStride, count, d, keys, rightPanelOf<M>(d));
  packRightRows<M, T>(static_cast<const T*>(a.v) + key0 * kStride + tile.kvHead * d, kStride, count, d, values, rightPanelOf<M>(d));
  bool begun = false;
  for (int t = tile.tile; t < tiles; ++t) {
    const int row0 = tile.begin + t * tileSide;
    const int rows = tile.end - row0 < tileSide ? tile.end - row0 : tileSide;
    for (int g = 0; g < group; ++g) {
      const std::int64_t at = row0 * qStride + (tile.kvHead * group + g) * d;
      const T* q = static_cast<const T*>(a.q) + at;
      const T* go = static_cast<const T*>(a.dOut) + at;
      packLeftRows<M, T>(q, qStride, rows, d, queries);
      packLeftRows<M, T>(go, qStride, rows, d, dOut);
      scoreGradients<M>(a, tile.begin, tile.kvHead * group + g, row0, rows, key0, count, queries, keys, dOut, values, p, ds);
      const auto add = [&](const float* left, const T* right, float* sum) {
        packLeftColumns<M, float>(left, tileSide, count, rows, transposed);
        packRightSteps<M, T>(right, qStride, d, rows, steps, rightPanelOf<M>(rows));
        multiplyPacked<M>(transposed, leftPanelOf<M>(rows), count, steps, rightPanelOf<M>(rows), width / lanes, stepsOf<M>(rows), sum, width, begun);
      };
      add(p, go, dv);
      add(ds, q, dk);
      begun = true;
    }
  }
  storeTile(static_cast<T*>(a.dk) + key0 * kStride + tile.kvHead * d, kStride, dk, width, count, d);
  storeTile(static_cast<T*>(a.dv) + key0 * kStride + tile.kvHead * d, kStride, dv, width, count, d);
}

}  // namespace
}  // namespace qt
