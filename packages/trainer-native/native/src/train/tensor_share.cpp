#include "tensor_share.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "tensors.hpp"

namespace qt {
namespace {

enum class Cut : std::uint8_t { None, Rows, Columns };

bool takesInputs(int projection) { return projection == AttentionOut || projection == Down; }

Cut cutOf(const TensorId& id) {
  if (id.module >= Bias) return Cut::Columns;
  if (id.module >= projectionCount) return Cut::None;
  const bool inputs = takesInputs(id.module);
  switch (id.role) {
    case Role::LoraA: return inputs ? Cut::Columns : Cut::None;
    case Role::LoraB: return inputs ? Cut::None : Cut::Rows;
    case Role::Magnitude: return inputs ? Cut::None : Cut::Columns;
    default: return inputs ? Cut::Columns : Cut::Rows;
  }
}

struct Side {
  std::int64_t first, count, whole;
};

// What process `rank` has of the side of a projection that is shared out.
Side sideOf(int projection, const ModelSpec& spec, const TensorShare& share, int rank) {
  const bool attention = projection <= AttentionOut;
  const std::vector<std::int32_t>& cuts = attention ? share.kvHeads : share.ffn;
  const std::int64_t each = !attention ? 1 : projection == Key || projection == Value ? spec.headDim : static_cast<std::int64_t>(spec.queriesPerKey()) * spec.headDim;
  return {cuts[rank] * each, (cuts[rank + 1] - cuts[rank]) * each, cuts.back() * each};
}

void requireCuts(const std::vector<std::int32_t>& cuts, std::int32_t whole) {
  if (cuts.size() < 2 || cuts.front() != 0 || cuts.back() != whole || std::adjacent_find(cuts.begin(), cuts.end(), std::greater_equal<>()) != cuts.end())
    throw std::runtime_error("the shares of a tensor group do not make up the model");
}

MatrixView someRows(MatrixView view, const Side& side) {
  if (view.data != nullptr) view.data = static_cast<const unsigned char*>(view.data) + static_cast<std::size_t>(side.first) * view.rowBytes;
  view.rows = side.count;
  return view;
}

MatrixView copied(const MatrixView& view, std::size_t first, std::size_t rowBytes, std::int64_t columns, Owners& owners) {
  auto copy = std::make_shared<Arena>(std::max<std::size_t>(rowBytes * static_cast<std::size_t>(view.rows), 64));
  for (std::int64_t r = 0; r < view.rows; ++r)
    std::memcpy(copy->data() + static_cast<std::size_t>(r) * rowBytes, static_cast<const unsigned char*>(view.data) + static_cast<std::size_t>(r) * view.rowBytes + first,
                rowBytes);
  owners.push_back(copy);
  return {copy->data(), view.type, view.rows, columns, rowBytes};
}

// Without its data; of blocks of a type whole ones, or their numbers.
MatrixView columnsOf(const MatrixView& view, const Side& side) {
  const auto size = static_cast<std::int64_t>(blockTraits(view.type).size);
  const TensorType type = side.first % size == 0 && side.count % size == 0 ? view.type : TensorType::F32;
  const BlockTraits traits = blockTraits(type);
  return {nullptr, type, view.rows, side.count, static_cast<std::size_t>(side.count) / traits.size * traits.bytes};
}

MatrixView someColumns(const MatrixView& view, const Side& side, Owners& owners) {
  const MatrixView part = columnsOf(view, side);
  if (view.data == nullptr) return part;
  const BlockTraits traits = blockTraits(view.type);
  if (part.type == view.type) return copied(view, static_cast<std::size_t>(side.first) / traits.size * traits.bytes, part.rowBytes, side.count, owners);
  std::vector<float> numbers(static_cast<std::size_t>(view.rows * side.count)), row(static_cast<std::size_t>(view.columns) + 256);
  for (std::int64_t r = 0; r < view.rows; ++r) {
    kernels().decodeRow(view, r, row.data());
    std::copy_n(row.data() + side.first, side.count, numbers.data() + r * side.count);
  }
  return copied(dense(numbers.data(), DType::F32, view.rows, side.count), 0, part.rowBytes, side.count, owners);
}

// What this process has of a block's projections. `anew`: the whole ones go away.
BlockProjections someOf(const BlockProjections& whole, const ModelSpec& local, const TensorShare& share, bool anew) {
  BlockProjections some;
  for (int p = 0; p < projectionCount; ++p) {
    const Side side = sideOf(p, local, share, share.rank);
    const MatrixView& view = whole.views[p];
    if (takesInputs(p)) {
      some.views[p] = someColumns(view, side, some.owners);
      continue;
    }
    const MatrixView rows = someRows(view, side);
    some.views[p] = anew ? copied(rows, 0, rows.rowBytes, rows.columns, some.owners) : rows;
  }
  return some;
}

}  // namespace

TensorPart partOf(const TensorId& id, const ModelSpec& local, const TensorShare& share, int rank, std::int64_t rows, std::int64_t columns) {
  const Cut cut = share.divides() ? cutOf(id) : Cut::None;
  if (cut == Cut::None) return {0, rows, 0, columns, rows, columns};
  const Side side = sideOf(id.module >= Bias ? id.module - Bias : id.module, local, share, rank);
  if (cut == Cut::Rows) return {side.first, side.count, 0, columns, side.whole, columns};
  return {0, rows, side.first, side.count, rows, side.whole};
}

bool gradientIsPartial(const TensorId& id) {
  if (cutOf(id) != Cut::None) return false;
  // Of what is whole in everybody's hands; so is that of the length of a row of what is added to the residual.
  if (id.role == Role::Magnitude) return false;
  const bool ofResidual = id.module == AttentionNorm || id.module == FfnNorm || id.module == PostAttentionNorm || id.module == PostFfnNorm;
  return !ofResidual;
}

ModelSpec localSpec(const ModelSpec& whole, const TensorShare& share) {
  ModelSpec spec = whole;
  if (!share.divides()) return spec;
  requireCuts(share.kvHeads, whole.kvHeads);
  requireCuts(share.ffn, whole.ffn);
  if (share.ffn.size() != share.kvHeads.size() || share.rank < 0 || share.rank >= share.size()) throw std::runtime_error("a tensor group has ranks below its size");
  const auto of = [&](const std::vector<std::int32_t>& cuts) { return cuts[share.rank + 1] - cuts[share.rank]; };
  spec.kvHeads = of(share.kvHeads);
  spec.heads = spec.kvHeads * whole.queriesPerKey();
  spec.ffn = of(share.ffn);
  return spec;
}

Model localModel(std::shared_ptr<const Model> whole, const TensorShare& share, bool apart) {
  Model model;
  model.spec = localSpec(whole->spec, share);
  model.embedding = whole->embedding;
  model.output = whole->output;
  model.outputNorm = whole->outputNorm;
  const bool anew = static_cast<bool>(whole->open);
  for (int l = 0; l < model.spec.layers; ++l) {
    BlockWeights block = whole->blocks[l];
    for (int p = 0; p <= Value; ++p)
      if (block.biases[p] != nullptr) block.biases[p] += sideOf(p, model.spec, share, share.rank).first;
    if (apart) {
      for (int p = 0; p < projectionCount; ++p) {
        const Side side = sideOf(p, model.spec, share, share.rank);
        MatrixView& view = block.projections[p];
        view = takesInputs(p) ? columnsOf(view, side) : someRows(view, side);
        view.data = nullptr;
      }
    } else {
      const BlockProjections some = someOf(whole->projections(l), model.spec, share, anew);
      std::copy(some.views.begin(), some.views.end(), std::begin(block.projections));
      model.owners.insert(model.owners.end(), some.owners.begin(), some.owners.end());
    }
    model.blocks.push_back(block);
  }
  if (apart)
    model.open = [whole, spec = model.spec, share, anew](int layer) { return someOf(whole->projections(layer), spec, share, anew); };
  model.whole = std::move(whole);
  return model;
}

}  // namespace qt
