// A whole product by the blocks of micro.inl: which block comes when, and who finishes its last sums.

namespace qt {
namespace {

// A block of Σ strips left·right: rows [row, row + height), panels [panel, panel + width).
struct Block {
  int row, height, panel, width;
};

// out[height, 16·width] (+)= the sums of a block.
template <class M>
QT_INLINE void multiplyOne(const Block& block, const Strip<M>* strips, int count, float* out, std::int64_t outStride, bool accumulate) {
  const int height = block.height, width = block.width, leftIndex = block.row / M::panelRows, rightIndex = block.panel;
#if defined(__AMX_BF16__)
  if constexpr (std::is_same_v<M, MultiplyBF16>) {
    const auto multiply = height > M::panelRows ? (width == 2 ? multiplyTiles<2, 2, Nothing> : multiplyTiles<2, 1, Nothing>)
                                                : (width == 2 ? multiplyTiles<1, 2, Nothing> : multiplyTiles<1, 1, Nothing>);
    return multiply(strips, count, leftIndex, rightIndex, out, outStride, accumulate, {});
  } else
#endif
      if constexpr (M::blockPanels == 3) {
    if (width == 3) multiplyRows<M, 3>(height, strips, count, leftIndex, rightIndex, out, outStride, accumulate);
    else if (width == 2) multiplyRows<M, 2>(height, strips, count, leftIndex, rightIndex, out, outStride, accumulate);
    else multiplyRows<M, 1>(height, strips, count, leftIndex, rightIndex, out, outStride, accumulate);
  } else {
    multiplyRows<M, 1>(height, strips, count, leftIndex, rightIndex, out, outStride, accumulate);
  }
}

// `each(block)` for all of `rows` by `panels`: the side that is met again and again comes from the first-level cache, the other one from
// the second. Tiles multiply so fast that the left side, which is long, must pass but once.
template <class M, class Each>
QT_INLINE void forBlocks(int rows, int panels, const Each& each) {
  const auto block = [&](int r, int p) __attribute__((always_inline)) {
    each(Block{r, rows - r < M::blockRows ? rows - r : M::blockRows, p, panels - p < M::blockPanels ? panels - p : M::blockPanels});
  };
  if constexpr (M::leftOnce) {
    for (int r = 0; r < rows; r += M::blockRows)
      for (int p = 0; p < panels; p += M::blockPanels) block(r, p);
  } else {
    for (int p = 0; p < panels; p += M::blockPanels)
      for (int r = 0; r < rows; r += M::blockRows) block(r, p);
  }
}

// The last of all sums of rows by panels: `finish(block, sums, stride, from, to)` takes rows [from, to) of a block when they are there. `sums` are
// those of earlier strips, `stride` apart; where there were none (not `begun`), room of roomOfBlocks that blocks use by turns.
#if defined(__AMX_BF16__)
constexpr int roomOfBlocks(int stride) { return 2 * MultiplyBF16::blockRows * stride; }

// A block is finished while the next one is multiplied: tiles leave the processor's other units idle. Deep sums are taken in parts of which a
// block's left side stays in the first-level cache.
template <class M, class Finish>
QT_INLINE void multiplyLast(int rows, int panels, const Strip<M>* strips, int count, float* sums, int stride, bool begun, const Finish& finish)
  requires(std::is_same_v<M, MultiplyBF16>)
{
  int parts = 0, ends[mostStrips], steps = 0;  // strips up to ends[i] are part i
  for (int i = 0; i < count; ++i) {
    if (parts == 0 || steps + strips[i].steps > M::deepSteps) {
      ++parts;
      steps = 0;
    }
    steps += strips[i].steps;
    ends[parts - 1] = i + 1;
  }
  const int atOnce = (M::blockRows + steps - 1) / steps;  // in the last part
  const int blockStride = begun || parts > 1 || stride < M::blockPanels * lanes ? stride : M::blockPanels * lanes;
  Block before{0, 0, 0, 0};
  float* summed = sums;
  int done = 0, number = 0;
  const auto finishSome = [&](int more) __attribute__((always_inline)) {
    const int end = done + more < before.height ? done + more : before.height;
    if (done < end) finish(before, summed, blockStride, done, end);
    done = end;
  };
  const auto place = [&](const Block& b) __attribute__((always_inline)) {
    if (begun) return sums + b.row * stride + b.panel * lanes;
    if (parts > 1) return sums + b.row / M::blockRows % 2 * M::blockRows * stride + b.panel * lanes;
    return sums + number++ % 2 * M::blockRows * blockStride;
  };
  for (int row = 0; row < rows; row += M::blockRows)
    for (int part = 0; part < parts; ++part) {
      const int first = part == 0 ? 0 : ends[part - 1];
      const bool accumulate = begun || part > 0, last = part == parts - 1;
      forBlocks<M>(rows - row < M::blockRows ? rows - row : M::blockRows, panels, [&](const Block& below) {
        const Block b{row, below.height, below.panel, below.width};
        float* to = place(b);
        const auto multiply = [&](auto height, auto width) __attribute__((always_inline)) {
          multiplyTiles<height, width>(strips + first, ends[part] - first, b.row / M::panelRows, b.panel, to, blockStride, accumulate,
                                       [&] { finishSome(atOnce); });
        };
        constexpr std::integral_constant<int, 1> one;
        constexpr std::integral_constant<int, 2> two;
        if (b.height > M::panelRows && b.width == 2) multiply(two, two);
        else if (b.height > M::panelRows) multiply(two, one);
        else if (b.width == 2) multiply(one, two);
        else multiply(one, one);
        finishSome(M::blockRows);
        if (!last) return;
        before = b;
        summed = to;
        done = 0;
      });
    }
  finishSome(M::blockRows);
}
#else
constexpr int roomOfBlocks(int) { return 0; }
#endif

template <class M, class Finish>
QT_INLINE void multiplyLast(int rows, int panels, const Strip<M>* strips, int count, float* sums, int stride, bool begun, const Finish& finish) {
  const int blockStride = begun || stride < M::blockPanels * lanes ? stride : M::blockPanels * lanes;
  forBlocks<M>(rows, panels, [&](const Block& b) {
    float* to = begun ? sums + b.row * stride + b.panel * lanes : sums;
    multiplyOne(b, strips, count, to, blockStride, begun);
    finish(b, to, blockStride, 0, b.height);
  });
}

// out[rows, 16·panels] (+)= left·right.
template <class M>
static void multiplyPacked(const typename M::Element* left, std::size_t leftPanel, int rows, const typename M::Element* right,
                           std::size_t rightPanel, int panels, int steps, float* out, std::int64_t outStride, bool accumulate) {
  const Strip<M> strip{left, leftPanel, right, rightPanel, steps};
  forBlocks<M>(rows, panels, [&](const Block& b) { multiplyOne(b, &strip, 1, out + b.row * outStride + b.panel * lanes, outStride, accumulate); });
}

}  // namespace
}  // namespace qt
