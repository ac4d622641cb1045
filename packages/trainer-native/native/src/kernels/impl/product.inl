// One tile of a product: the right side is decoded from whatever it is stored as, up to mostDepth deep and across terms, into packed panels
// that stay in the second-level cache, then met by all left panels of the tile. Most depths of a small model, its adapter's included,
// are one such stretch: its sums are finished block by block, while they are in the first-level cache.
#include <qt/blocks.hpp>

namespace qt {
namespace {

constexpr int depthChunk = 256;  // a multiple of every block size: where depth is cut, and most of a left side that is not packed ahead
template <class M>
constexpr int mostDepth = M::leftOnce ? 2048 : 640;  // of what lies packed at once
constexpr int widestDepth = mostDepth<MultiplyBF16> > mostDepth<MultiplyF32> ? mostDepth<MultiplyBF16> : mostDepth<MultiplyF32>;
constexpr std::size_t packedDepthBytes = mostDepth<MultiplyBF16> * sizeof(MultiplyBF16::Element) > mostDepth<MultiplyF32> * sizeof(float)
                                             ? mostDepth<MultiplyBF16> * sizeof(MultiplyBF16::Element) : mostDepth<MultiplyF32> * sizeof(float);

// Panels of every multiplication fill whole rows of this many.
constexpr int mostPanelRows = MultiplyBF16::panelRows > MultiplyF32::panelRows ? MultiplyBF16::panelRows : MultiplyF32::panelRows;

template <class M>
static std::size_t packedLeftBytes(std::int64_t rows, std::int64_t depth) {
  const std::int64_t panels = (rows + M::panelRows - 1) / M::panelRows;
  return static_cast<std::size_t>(panels) * M::panelRows * stepsOf<M>(static_cast<int>(depth)) * M::perStep * sizeof(typename M::Element);
}

// Whether a left side is read where it lies and needs no packing: whole tiles on borders of cache lines.
template <class M>
static bool readsLeft([[maybe_unused]] const MatrixView& left, [[maybe_unused]] bool transposed, [[maybe_unused]] std::int64_t rows,
                      [[maybe_unused]] std::int64_t depth) {
#if defined(__AMX_BF16__)
  if constexpr (std::is_same_v<M, MultiplyBF16>)
    return left.type == TensorType::BF16 && !transposed && rows % M::panelRows == 0 && depth % M::perStep == 0 && left.rowBytes % 64 == 0 &&
           reinterpret_cast<std::uintptr_t>(left.data) % 64 == 0;
#endif
  return false;
}

template <class M>
static void packLeft(const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth, std::int64_t panelBegin,
                     std::int64_t panelEnd, void* out) {
  const std::size_t panel = static_cast<std::size_t>(stepsOf<M>(static_cast<int>(depth))) * M::panelRows * M::perStep;
  auto* to = static_cast<typename M::Element*>(out) + panelBegin * panel;
  const std::int64_t first = panelBegin * M::panelRows;
  const int count = static_cast<int>((panelEnd * M::panelRows < rows ? panelEnd * M::panelRows : rows) - first);
  const auto pack = [&](auto* data) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(data)>>;
    const std::int64_t stride = static_cast<std::int64_t>(left.rowBytes / sizeof(T));
    if (transposed) packLeftColumns<M, T>(data + first, stride, count, static_cast<int>(depth), to);
    else packLeftRows<M, T>(data + first * stride, stride, count, static_cast<int>(depth), to);
  };
  if (left.type == TensorType::F32) pack(static_cast<const float*>(left.data));
  else pack(static_cast<const bf16*>(left.data));
}

struct TileScratch {
  float* sums;      // [tileRows, paddedColumns]
  void* right;      // packed panels
  void* left;       // the same for a left side that is not packed ahead
  float* decoded;   // 16 rows of a stretch, or two rows of a tile
};

static int paddedColumns(int columns) { return (columns + lanes - 1) / lanes * lanes; }

static std::size_t align64(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

// Besides one for each term there is a strip for each time that what lies packed is full of steps.
static_assert(maxTerms + mostDepth<MultiplyBF16> / (MultiplyBF16::deepSteps * MultiplyBF16::perStep) < mostStrips);
static_assert(maxTerms + mostDepth<MultiplyF32> / (MultiplyF32::deepSteps * MultiplyF32::perStep) < mostStrips);

// Of all sums of a tile, or of the blocks that take turns.
static std::size_t sumsBytes(int rows, int columns) {
  const int room = roomOfBlocks(columns);
  return align64(sizeof(float) * (rows * columns > room ? rows * columns : room));
}

static std::size_t productScratch(const Product& p) {
  const int columns = paddedColumns(p.tileColumns);
  const int rows = (p.tileRows + mostPanelRows - 1) / mostPanelRows * mostPanelRows;
  const int wide = columns > widestDepth ? columns : widestDepth;
  return sumsBytes(rows, columns) + align64(packedDepthBytes * columns) + align64(sizeof(float) * depthChunk * rows) +
         align64(sizeof(float) * lanes * wide);
}

static TileScratch layTile(const Product& p, void* scratch) {
  const int columns = paddedColumns(p.tileColumns);
  const int rows = (p.tileRows + mostPanelRows - 1) / mostPanelRows * mostPanelRows;
  auto* at = static_cast<unsigned char*>(scratch);
  TileScratch s{};
  s.sums = reinterpret_cast<float*>(at);
  at += sumsBytes(rows, columns);
  s.right = at;
  at += align64(packedDepthBytes * columns);
  s.left = at;
  at += align64(sizeof(float) * depthChunk * rows);
  s.decoded = reinterpret_cast<float*>(at);
  return s;
}

// Values [begin, begin + count) of a row; both are whole blocks, or the end of the row.
QT_INLINE const float* decodePart(const MatrixView& m, std::int64_t row, std::int64_t begin, std::int64_t count, float* buffer) {
  const auto* data = static_cast<const unsigned char*>(m.data) + row * m.rowBytes;
  if (m.type == TensorType::F32) return reinterpret_cast<const float*>(data) + begin;
  const BlockTraits traits = blockTraits(m.type);
  decodeBlocks(m.type, data + begin / traits.size * traits.bytes, (count + traits.size - 1) / traits.size, buffer);
  return buffer;
}

template <class M>
static void packRight(const ProductTerm& term, int column, int columns, int depthBegin, int depth, typename M::Element* out, std::size_t panel,
                      float* buffer) {
  if (term.rightTransposed) {
#if defined(__AVX512BF16__)
    if constexpr (M::perWord == 2)
      if (packBlocks(term.right, column, columns, depthBegin, depth, out, panel)) return;
#endif
    for (int c0 = 0; c0 < columns; c0 += lanes) {
      const int width = columns - c0 < lanes ? columns - c0 : lanes;
      if (term.right.type == TensorType::BF16) {
        const std::int64_t stride = static_cast<std::int64_t>(term.right.rowBytes / sizeof(bf16));
        packRightRows<M, bf16>(static_cast<const bf16*>(term.right.data) + (column + c0) * stride + depthBegin, stride, width, depth,
                               out + c0 / lanes * panel, panel);
        continue;
      }
      if (term.right.type == TensorType::F32) {
        const std::int64_t stride = static_cast<std::int64_t>(term.right.rowBytes / sizeof(float));
        packRightRows<M, float>(static_cast<const float*>(term.right.data) + (column + c0) * stride + depthBegin, stride, width, depth,
                         out + c0 / lanes * panel, panel);
        continue;
      }
      for (int c = 0; c < width; ++c) decodePart(term.right, column + c0 + c, depthBegin, depth, buffer + c * mostDepth<M>);
      packRightRows<M, float>(buffer, mostDepth<M>, width, depth, out + c0 / lanes * panel, panel);
    }
    return;
  }
  if (term.right.type == TensorType::BF16) {
    const std::int64_t stride = static_cast<std::int64_t>(term.right.rowBytes / sizeof(bf16));
    packRightSteps<M, bf16>(static_cast<const bf16*>(term.right.data) + depthBegin * stride + column, stride, columns, depth, out, panel);
    return;
  }
  // Rows of the stored matrix run along depth; a tile's columns begin on a block border (planTiles).
  float* secondBuffer = buffer + paddedColumns(columns);
  for (int k = 0; k < depth; k += M::perWord) {
    const float* first = decodePart(term.right, depthBegin + k, column, columns, buffer);
    const float* second = M::perWord == 2 && k + 1 < depth ? decodePart(term.right, depthBegin + k + 1, column, columns, secondBuffer) : nullptr;
    packRightWord<M, float>(first, second, columns, k / M::perWord, out, panel);
  }
  padRight<M>(columns, depth, out, panel);
}

// Rows of sums that are the outcome as they are.
template <class Out>
QT_INLINE void finishPlain(const float* sums, int stride, Out* out, std::int64_t outStride, int rows, int columns) {
  for (int r = 0; r < rows; ++r, sums += stride, out += outStride) {
    int c = 0;
#if defined(__AVX512BF16__)
    if constexpr (sizeof(Out) == 2)
      for (; c + 2 * lanes <= columns; c += 2 * lanes)
        _mm512_storeu_si512(out + c, (__m512i)_mm512_cvtne2ps_pbh((__m512)load(sums + c + lanes), (__m512)load(sums + c)));
#endif
    for (; c < columns; c += lanes) storeSome(out + c, load(sums + c), columns - c);
  }
}

template <class Out>
static void finishTile(const Product& p, const float* sums, int stride, int row, int rows, int column, int columns) {
  Out* out = static_cast<Out*>(p.out);
  if (p.outTransposed) {
    for (int c = 0; c < columns; ++c)
      for (int r = 0; r < rows; ++r) {
        Out* to = out + (column + c) * p.outStride + row + r;
        const float scale = p.scale * (p.columnScale == nullptr ? 1.0f : p.columnScale[column + c]);
        put(to, sums[r * stride + c] * scale + (p.bias != nullptr ? p.bias[column + c] : 0.0f) + (p.accumulate ? value(to) : 0.0f));
      }
    return;
  }
  if (p.scale == 1.0f && p.columnScale == nullptr && p.branch == nullptr && p.bias == nullptr && p.residual == nullptr && !p.accumulate)
    return finishPlain(sums, stride, out + row * p.outStride + column, p.outStride, rows, columns);
  for (int r = 0; r < rows; ++r) {
    Out* to = out + (row + r) * p.outStride + column;
    const std::int64_t at = static_cast<std::int64_t>(row + r) * p.outStride + column;
    for (int c = 0; c < columns; c += lanes) {
      const int width = columns - c < lanes ? columns - c : lanes;
      f32x16 v = load(sums + r * stride + c) * p.scale;
      if (p.columnScale != nullptr) v *= loadSome(p.columnScale + column + c, width);
      if (p.branch != nullptr) storeSome(static_cast<Out*>(p.branch) + at + c, v, width);
      if (p.bias != nullptr) v += loadSome(p.bias + column + c, width);
      if (p.residual != nullptr) {
        if (p.residualType == DType::F32) v += loadSome(static_cast<const float*>(p.residual) + at + c, width);
        else v += loadSome(static_cast<const bf16*>(p.residual) + at + c, width);
      }
      if (width == lanes) {
        if (p.accumulate) v += load(to + c);
        store(to + c, v);
      } else {
        if (p.accumulate) v += loadSome(to + c, width);
        storeSome(to + c, v, width);
      }
    }
  }
}

template <class M>
static void productTile(const Product& p, std::int64_t tileRow, std::int64_t tileColumn, void* scratch) {
  using Element = typename M::Element;
  const TileScratch s = layTile(p, scratch);
  const int row = static_cast<int>(tileRow) * p.tileRows;
  const int rows = p.rows - row < p.tileRows ? p.rows - row : p.tileRows;
  const int column = static_cast<int>(tileColumn) * p.tileColumns;
  const int columns = p.columns - column < p.tileColumns ? p.columns - column : p.tileColumns;
  const int panels = (columns + lanes - 1) / lanes;
  const int stride = panels * lanes;
  [[maybe_unused]] const typename M::Scope scope;
  bool begun = false;
  Strip<M> strips[mostStrips];
  int stripCount = 0, used = 0;  // depth that lies packed
  const auto finish = [&](const Block& b, const float* sums, int sumsStride, int from, int to) {
    const int c = b.panel * lanes, width = columns - c < b.width * lanes ? columns - c : b.width * lanes;
    sums += from * sumsStride;
    if (p.outType == DType::F32) finishTile<float>(p, sums, sumsStride, row + b.row + from, to - from, column + c, width);
    else finishTile<bf16>(p, sums, sumsStride, row + b.row + from, to - from, column + c, width);
  };
  // Adds what lies packed to the sums. The last time each block of them is finished at once, while it is in the first-level cache.
  const auto flush = [&](bool last = false) {
    if (stripCount > 0 && last)
      multiplyLast<M>(rows, panels, strips, stripCount, s.sums, stride, begun, finish);
    else if (stripCount > 0)
      forBlocks<M>(rows, panels,
                   [&](const Block& b) { multiplyOne(b, strips, stripCount, s.sums + b.row * stride + b.panel * lanes, stride, begun); });
    else if (last)
      finish({0, rows, 0, panels}, s.sums, stride, 0, rows);
    begun = begun || stripCount > 0;
    stripCount = used = 0;
  };
  for (int t = 0; t < p.termCount; ++t) {
    const ProductTerm& term = p.terms[t];
    const std::size_t wholePanel = static_cast<std::size_t>(stepsOf<M>(term.depth)) * M::panelRows * M::perStep;
    const bool asItLies = term.packedLeft == nullptr && readsLeft<M>(term.left, term.leftTransposed, p.rows, term.depth);
    const bool packedAhead = term.packedLeft != nullptr || asItLies;
    for (int depthBegin = 0, depth; depthBegin < term.depth; depthBegin += depth) {
      depth = term.depth - depthBegin;
      const int most = packedAhead ? mostDepth<M> : depthChunk;
      if (used > 0 && (!packedAhead || (depth > most - used && most - used < depthChunk))) flush();
      if (depth > most - used) depth = (most - used) / depthChunk * depthChunk;
      const int steps = stepsOf<M>(depth);
      const std::size_t rightPanel = static_cast<std::size_t>(steps) * lanes * M::perStep;
      auto* right = static_cast<Element*>(s.right) + static_cast<std::size_t>(used) * stride;
      packRight<M>(term, column, columns, depthBegin, depth, right, rightPanel, s.decoded);
      Strip<M> strip{nullptr, wholePanel, right, rightPanel, steps};
      used += steps * M::perStep;
      if (asItLies) {
        strip.leftRow = static_cast<int>(term.left.rowBytes / sizeof(Element));
        strip.leftPanel = static_cast<std::size_t>(M::panelRows) * strip.leftRow;
        strip.leftStep = M::perStep;
        strip.left = static_cast<const Element*>(term.left.data) + static_cast<std::size_t>(row) * strip.leftRow + depthBegin;
      } else if (packedAhead) {
        strip.left = static_cast<const Element*>(term.packedLeft) + row / M::panelRows * wholePanel + static_cast<std::size_t>(depthBegin) * M::panelRows;
      } else {
        MatrixView part = term.left;
        const std::size_t element = part.type == TensorType::F32 ? 4 : 2;
        const std::size_t offset = term.leftTransposed ? depthBegin * part.rowBytes + row * element : row * part.rowBytes + depthBegin * element;
        part.data = static_cast<const unsigned char*>(part.data) + offset;
        packLeft<M>(part, term.leftTransposed, rows, depth, 0, (rows + M::panelRows - 1) / M::panelRows, s.left);
        strip.left = static_cast<const Element*>(s.left);
        strip.leftPanel = static_cast<std::size_t>(steps) * M::panelRows * M::perStep;
      }
      const int parts = (steps + M::deepSteps - 1) / M::deepSteps, stepsOfPart = (steps + parts - 1) / parts;
      for (int done = 0; done < steps; done += stepsOfPart) {
        Strip<M>& part = strips[stripCount++];
        part = strip;
        part.left += static_cast<std::size_t>(done) * strip.leftStep;
        part.right += static_cast<std::size_t>(done) * lanes * M::perStep;
        part.steps = steps - done < stepsOfPart ? steps - done : stepsOfPart;
      }
      if (!packedAhead) flush();
    }
  }
  flush(true);
}

// Σ w·x over a chunk, added to four sums so that additions do not wait for each other.
QT_INLINE void addDot(const float* w, const float* x, int depth, f32x16 sum[4]) {
  int k = 0;
  for (; k + 4 * lanes <= depth; k += 4 * lanes)
    for (int j = 0; j < 4; ++j) sum[j] += load(w + k + j * lanes) * load(x + k + j * lanes);
  for (; k + lanes <= depth; k += lanes) sum[0] += load(w + k) * load(x + k);
  if (k < depth) sum[0] += loadSome(w + k, depth - k) * loadSome(x + k, depth - k);
}

template <int N>
static void rowTimes(const MatrixView& weights, std::int64_t row, const float* x, float* y, std::int64_t yStride) {
  float buffer[depthChunk];
  f32x16 sum[N][4] = {};
  for (std::int64_t k0 = 0; k0 < weights.columns; k0 += depthChunk) {
    const int depth = static_cast<int>(weights.columns - k0 < depthChunk ? weights.columns - k0 : depthChunk);
    const float* w = decodePart(weights, row, k0, depth, buffer);
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) addDot(w, x + i * weights.columns + k0, depth, sum[i]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) y[i * yStride + row] = total((sum[i][0] + sum[i][1]) + (sum[i][2] + sum[i][3]));
}

static void rowsTimes(const MatrixView& weights, const float* x, std::int32_t inputs, std::int64_t begin, std::int64_t end, float* y,
                      std::int64_t yStride) {
  for (std::int64_t row = begin; row < end; ++row) {
    std::int32_t i = 0;
    for (; i + 4 <= inputs; i += 4) rowTimes<4>(weights, row, x + i * weights.columns, y + i * yStride, yStride);
    for (; i < inputs; ++i) rowTimes<1>(weights, row, x + i * weights.columns, y + i * yStride, yStride);
  }
}

static void decodeRow(const MatrixView& m, std::int64_t row, float* out) {
  const float* decoded = decodePart(m, row, 0, m.columns, out);
  if (decoded != out) std::memcpy(out, decoded, sizeof(float) * m.columns);
}

}  // namespace
}  // namespace qt
