// The first half of a feed-forward network as one product: panels of the gate's columns and of the other matrix's by turns, so that a block
// of sums holds both of sixteen columns. What is made of them is packed for the next product and nothing else is written.
#if defined(__AMX_BF16__)

namespace qt {
namespace {

static void gatedTile(const GatedProduct& p, std::int64_t tileRow, std::int64_t tileColumn, void* scratch) {
  using M = MultiplyBF16;
  static_assert(M::blockPanels == 2 && M::perStep % lanes == 0);
  const MultiplyBF16::Scope scope;
  Product shape;
  shape.tileRows = p.tileRows;
  shape.tileColumns = 2 * p.tileColumns;
  const TileScratch s = layTile(shape, scratch);
  const int row = static_cast<int>(tileRow) * p.tileRows, rows = p.rows - row < p.tileRows ? p.rows - row : p.tileRows;
  const int column = static_cast<int>(tileColumn) * p.tileColumns, columns = p.columns - column < p.tileColumns ? p.columns - column : p.tileColumns;
  const int panels = 2 * ((columns + lanes - 1) / lanes), stride = panels * lanes;
  const std::size_t leftPanel = static_cast<std::size_t>(stepsOf<M>(p.depth)) * M::panelRows * M::perStep;
  const std::size_t outPanel = static_cast<std::size_t>(stepsOf<M>(p.columns)) * M::panelRows * M::perStep;
  const auto* left = static_cast<const bf16*>(p.packedLeft) + row / M::panelRows * leftPanel;
  const auto finish = [&](const Block& b, const float* sums, int sumsStride, int from, int to) __attribute__((always_inline)) {
    const int c = column + b.panel / 2 * lanes;
    bf16* out = static_cast<bf16*>(p.packedOut) + (row + b.row) / M::panelRows * outPanel + (c / M::perStep * M::panelRows) * M::perStep + c % M::perStep;
    for (int r = from; r < to; ++r) {
      const f32x16 gate = load(sums + r * sumsStride), up = load(sums + r * sumsStride + lanes);
      store(out + r / M::panelRows * outPanel + r % M::panelRows * M::perStep, p.gelu ? geluGated(gate, up) : siluGated(gate, up));
    }
  };
  for (int begin = 0, depth; begin < p.depth; begin += depth) {
    depth = p.depth - begin <= mostDepth<M> ? p.depth - begin : mostDepth<M> / depthChunk * depthChunk;
    const int steps = stepsOf<M>(depth);
    const std::size_t panel = static_cast<std::size_t>(steps) * lanes * M::perStep;
    auto* right = static_cast<bf16*>(s.right);
    for (const MatrixView* matrix : {&p.gate, &p.up}) {
      ProductTerm term;
      term.right = *matrix;
      term.rightTransposed = true;
      packRight<M>(term, column, columns, begin, depth, right, 2 * panel, s.decoded);
      right += panel;
    }
    const Strip<M> strip{left + static_cast<std::size_t>(begin) * M::panelRows, leftPanel, static_cast<const bf16*>(s.right), panel, steps};
    if (begin + depth == p.depth) multiplyLast<M>(rows, panels, &strip, 1, s.sums, stride, begin > 0, finish);
    else forBlocks<M>(rows, panels, [&](const Block& b) { multiplyOne(b, &strip, 1, s.sums + b.row * stride + b.panel * lanes, stride, begin > 0); });
  }
}

}  // namespace
}  // namespace qt
#endif
