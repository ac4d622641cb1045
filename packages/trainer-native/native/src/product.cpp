#include "product.hpp"

#include <algorithm>
#include <stdexcept>

namespace qt {
namespace {

// Rows of a tile are many, so that a decoded weight is used often; the sums of a tile stay in the second-level cache.
constexpr std::int32_t mostTileRows = 1024;
constexpr std::int32_t fewTileRows = 256;    // where there would be too few tiles to share out, or tiles are wide
constexpr std::int32_t wideColumns = 256;    // whole blocks of 256, when rows of the stored matrix run along depth

std::int32_t roundUp(std::int32_t value, std::int32_t to) { return (value + to - 1) / to * to; }

}  // namespace

void planTiles(Product& p, const KernelTable& kernels, bool bf16, int threads) {
  bool wide = false;
  for (int t = 0; t < p.termCount; ++t)
    wide = wide || (!p.terms[t].rightTransposed && blockTraits(p.terms[t].right.type).size > 32);
  const std::int32_t narrow = kernels.tileColumns[bf16];
  p.tileColumns = std::min(wide ? wideColumns : narrow, roundUp(p.columns, 16));
  const std::int32_t columnTiles = (p.columns + p.tileColumns - 1) / p.tileColumns;
  std::int32_t most = wide ? fewTileRows : mostTileRows;
  while (most > fewTileRows && (p.rows + most - 1) / most * columnTiles < 2 * threads) most /= 2;
  const std::int32_t rowTiles = std::max(1, (p.rows + most - 1) / most);
  p.tileRows = roundUp((p.rows + rowTiles - 1) / rowTiles, kernels.panelRows[bf16]);
}

std::size_t mostProductScratch(std::int64_t rows, std::int64_t columns, const KernelTable& kernels) {
  std::size_t most = 0;
  for (const std::int32_t width : {kernels.tileColumns[0], kernels.tileColumns[1], wideColumns}) {
    Product p;
    p.tileRows = roundUp(std::min<std::int32_t>(static_cast<std::int32_t>(rows), width == wideColumns ? fewTileRows : mostTileRows),
                         std::max(kernels.panelRows[0], kernels.panelRows[1]));
    p.tileColumns = std::min<std::int32_t>(width, roundUp(static_cast<std::int32_t>(columns), 16));
    most = std::max(most, kernels.productScratch(p));
  }
  return most;
}

void packLeft(const ProductContext& context, const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth, void* packed) {
  const KernelTable& k = *context.kernels;
  const std::int64_t panelRows = k.panelRows[context.bf16];
  const std::int64_t panels = (rows + panelRows - 1) / panelRows;
  const std::int64_t together = std::max<std::int64_t>(1, 64 / panelRows);
  context.pool->run((panels + together - 1) / together, [&](std::int64_t task, int) {
    const std::int64_t begin = task * together;
    k.packLeft[context.bf16](left, transposed, rows, depth, begin, std::min(panels, begin + together), packed);
  });
}

void multiply(const ProductContext& context, Product& product) { multiply(context, std::span(&product, 1)); }

void multiply(const ProductContext& context, std::span<Product> products) {
  const auto columnsOf = [](const Product& p) { return static_cast<std::int64_t>((p.columns + p.tileColumns - 1) / p.tileColumns); };
  const auto tilesOf = [&](const Product& p) { return (p.rows + p.tileRows - 1) / p.tileRows * columnsOf(p); };
  std::int64_t tiles = 0;
  for (Product& p : products) {
    planTiles(p, *context.kernels, context.bf16, context.pool->threads());
    if (context.kernels->productScratch(p) > context.scratchBytes) throw std::logic_error("a product is larger than its scratch was planned for");
    tiles += tilesOf(p);
  }
  context.pool->run(tiles, [&](std::int64_t task, int thread) {
    const Product* p = products.data();
    for (; task >= tilesOf(*p); ++p) task -= tilesOf(*p);
    context.kernels->productTile[context.bf16](*p, task / columnsOf(*p), task % columnsOf(*p), context.scratch + thread * context.scratchBytes);
  });
}

bool hasGated(const ProductContext& context, std::int64_t columns) {
  constexpr std::int64_t wholeSteps = 32;
  return context.bf16 && context.kernels->gatedTile != nullptr && columns % wholeSteps == 0;
}

void multiplyGated(const ProductContext& context, GatedProduct& p) {
  Product both;  // its tiles hold as many columns of each
  both.rows = p.rows;
  both.columns = 2 * p.columns;
  planTiles(both, *context.kernels, context.bf16, context.pool->threads());
  if (context.kernels->productScratch(both) > context.scratchBytes) throw std::logic_error("a product is larger than its scratch was planned for");
  p.tileRows = both.tileRows;
  p.tileColumns = both.tileColumns / 2;
  const std::int64_t tileColumns = (p.columns + p.tileColumns - 1) / p.tileColumns, tileRows = (p.rows + p.tileRows - 1) / p.tileRows;
  context.pool->run(tileRows * tileColumns, [&](std::int64_t task, int thread) {
    context.kernels->gatedTile(p, task / tileColumns, task % tileColumns, context.scratch + thread * context.scratchBytes);
  });
}

}  // namespace qt
