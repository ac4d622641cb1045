// The functions of one instruction set, gathered. The including file names it and declares its flags in CMakeLists.txt.
#include "../../philox.hpp"
#include "../table.hpp"
#include "vec.inl"
#include "micro.inl"
#include "blocks.inl"
#include "words.inl"
#include "product.inl"
#include "rows.inl"
#include "gated.inl"
#include "attention.inl"
#include "cache.inl"
#include "loss.inl"

namespace qt {
namespace {

template <class M, class T>
static ActivationOps activationOps() {
  return {
      .rmsNorm = rmsNorm<T>,
      .rmsNormApply = rmsNormApply<T>,
      .rmsNormBackward = rmsNormBackward<T>,
      .rmsNormBackwardInPlace = rmsNormBackwardInPlace<T>,
      .rmsNormWeightGrad = rmsNormWeightGrad<T>,
      .rotate = rotate<T>,
      .swiglu = swiglu<T>,
      .swigluBackward = swigluBackward<T>,
      .geglu = geglu<T>,
      .gegluBackward = gegluBackward<T>,
      .attention = attentionForward<M, T>,
      .attentionDelta = attentionDelta<T>,
      .attentionBackwardQuery = attentionBackwardQuery<M, T>,
      .attentionBackwardKey = attentionBackwardKey<M, T>,
      .add = addRows<T>,
      .columnSums = columnSums<T>,
      .widen = widenRow<T>,
      .narrow = narrowRow<T>,
      .scaleBackward = scaleBackward<T>,
      .dropout = dropout<T>,
  };
}

static KernelTable makeTable(const char* name) {
  return {
      .name = name,
      .panelRows = {MultiplyF32::panelRows, MultiplyBF16::panelRows},
      .tileColumns = {MultiplyF32::tileColumns, MultiplyBF16::tileColumns},
      .bf16Products = MultiplyBF16::perWord == 2,
      .readsLeft = {readsLeft<MultiplyF32>, readsLeft<MultiplyBF16>},
      .packedLeftBytes = {packedLeftBytes<MultiplyF32>, packedLeftBytes<MultiplyBF16>},
      .packLeft = {packLeft<MultiplyF32>, packLeft<MultiplyBF16>},
      .productTile = {productTile<MultiplyF32>, productTile<MultiplyBF16>},
#if defined(__AMX_BF16__)
      .gatedTile = gatedTile,
#else
      .gatedTile = nullptr,
#endif
      .productScratch = productScratch,
      .attentionScratch = attentionScratch,
      .rowsTimes = rowsTimes,
      .cacheStore = cacheStore,
      .cacheLoad = cacheLoad,
      .attendStretch = attendStretch,
      .decodeRow = decodeRow,
      .crossEntropy = crossEntropy,
      .softcap = softcap,
      .sumOfSquares = sumOfSquares,
      .adamw = adamw,
      .addScaled = addScaled,
      .ops = {activationOps<MultiplyF32, float>(), activationOps<MultiplyBF16, bf16>()},
  };
}

}  // namespace
}  // namespace qt
