// What DoRA and PiSSA ask of a step.
#include <cstring>
#include <stdexcept>
#include <utility>

#include "magnitude.hpp"
#include "principal.hpp"
#include "trainer.hpp"

namespace qt {

void Trainer::adaptedRowNorms(int layer, int projection, float* norms) {
  float* scales = at<float>(layout_.scales);
  const AdaptedWeight adapted{weight(layer, projection), parameter(loraA(layer, projection)), parameter(loraB(layer, projection)),
                              options_.adapters[layer][projection].scale};
  device_->adaptedNorms(adapted, scales + layout_.scaleCount + layout_.scaleAt[layer][projection], norms, scales + 2 * layout_.scaleCount);
  // Of rows that a group has cut, everybody has a part.
  if (givesPart(projection)) group_->lengths(norms, static_cast<std::size_t>(adapted.weight.rows));
}

// c = m/‖W + sBA‖ of a block's adapted projections, when parameters have changed since.
void Trainer::refreshScales(int layer) {
  if (layout_.scaleCount == 0 || !adaptersOn_ || !scalesStale_[layer]) return;
  for (int p = 0; p < projectionCount; ++p) {
    if (!hasMagnitude(layer, p)) continue;
    adaptedRowNorms(layer, p, columnScale(layer, p));
    device_->normsToScales(columnScale(layer, p), static_cast<const float*>(parameter(magnitudeOf(layer, p)).data), projectionShape(spec_, p).rows);
  }
  // A device that has failed has made none. Processes that share blocks ask for the same together, and are made anew after that.
  scalesStale_[layer] = !group_ && device_->failure() != nullptr;
}

void Trainer::startMagnitudes() {
  for (int l = 0; l < spec_.layers; ++l) {
    load(l);
    for (int p = 0; p < projectionCount; ++p)
      if (hasMagnitude(l, p)) adaptedRowNorms(l, p, parameters_ + trained_.find(magnitudeOf(l, p))->offset);
  }
  staleScales();
}

MatrixView Trainer::throughMagnitude(int layer, int projection, const MatrixView& dy, const void* y, void* dz) {
  const TensorId id = magnitudeOf(layer, projection);
  device_->magnitudeGradients(dy, y, dz, {columnScale(layer, projection), static_cast<const float*>(parameter(id).data), bias(layer, projection), gradient(id)});
  return view(dz, rows_, projectionShape(spec_, projection).rows);
}

bool Trainer::startPrincipal(const std::atomic<bool>& abort) {
  if (group_) {
    startPrincipalTogether();
    return true;
  }
  for (int l = 0; l < spec_.layers; ++l) {
    load(l);
    for (int p = 0; p < projectionCount; ++p) {
      if (!hasOrigin(l, p)) continue;
      const Shape shape = projectionShape(spec_, p);
      const std::int64_t rank = options_.adapters[l][p].rank;
      std::vector<float> both(static_cast<std::size_t>(rank * (shape.rows + shape.columns)));
      const PrincipalFactors factors{both.data(), both.data() + rank * shape.columns, rank, options_.adapters[l][p].scale};
      if (!device_->principal(weight(l, p), factors, options_.seed, principalStream(l, p), abort)) return false;
      beginAs(l, p, factors);
    }
  }
  return true;
}

// Directions are of whole matrices, which are dealt out to the group; it is not stopped in between, where others wait.
void Trainer::startPrincipalTogether() {
  struct Matrix {
    int layer, projection;
  };
  std::vector<Matrix> all;
  for (int l = 0; l < spec_.layers; ++l)
    for (int p = 0; p < projectionCount; ++p)
      if (hasOrigin(l, p)) all.push_back({l, p});
  const Model& whole = *model_.whole;
  const std::atomic<bool> never{false};
  const auto size = static_cast<std::size_t>(group_->size());
  for (std::size_t first = 0; first < all.size(); first += size) {
    const auto factorsOf = [&](const Matrix& m, std::vector<float>& both) {
      const Shape shape = projectionShape(whole.spec, m.projection);
      const AdapterModule& module = options_.adapters[m.layer][m.projection];
      both.resize(static_cast<std::size_t>(module.rank * (shape.rows + shape.columns)));
      return PrincipalFactors{both.data(), both.data() + module.rank * shape.columns, module.rank, module.scale};
    };
    std::vector<float> mine;
    if (const std::size_t own = first + static_cast<std::size_t>(group_->rank()); own < all.size()) {
      const auto [layer, projection] = all[own];
      const PrincipalFactors factors = factorsOf(all[own], mine);
      const BlockProjections block = whole.projections(layer);
      const MatrixView& weight = block.views[projection];
      const std::uint32_t stream = principalStream(layer, projection);
      if (device_->isHost()) device_->principal(weight, factors, options_.seed, stream, never);
      else principalFactorsHere(weight, factors, options_.seed, stream, never);
    }
    const auto everybodys = group_->everybodys({reinterpret_cast<const unsigned char*>(mine.data()), mine.size() * sizeof(float)});
    for (std::size_t r = 0; r < size && first + r < all.size(); ++r) {
      std::vector<float> both;
      const PrincipalFactors factors = factorsOf(all[first + r], both);
      if (everybodys[r].size() != both.size() * sizeof(float)) throw std::runtime_error("the processes do not train the same tensors");
      std::memcpy(both.data(), everybodys[r].data(), everybodys[r].size());
      beginAs(all[first + r].layer, all[first + r].projection, factors);
    }
  }
}

// A and B, and what they began as, become this process's part of the factors.
void Trainer::beginAs(int layer, int projection, const PrincipalFactors& factors) {
  for (const auto& [id, from] : {std::pair{loraA(layer, projection), factors.a}, std::pair{loraB(layer, projection), factors.b}}) {
    const TrainedTensor& tensor = *trained_.find(id);
    const TensorPart& part = tensor.part;
    std::vector<float> own;
    for (std::int64_t r = 0; r < part.rows; ++r) {
      const float* row = from + (part.firstRow + r) * part.wholeColumns + part.firstColumn;
      own.insert(own.end(), row, row + part.columns);
    }
    for (float* to : {parameters_ + tensor.offset, origins_ + trained_.findOrigin(id)->offset}) device_->copyIn(to, own.data(), sizeof(float) * own.size());
  }
}

// −scale·(x·A₀ᵀ) forwards, −scale·(dy·B₀) backwards: what the frozen side contributes, as the left side of its second
// product. Products that are summed take theirs from places of their own: 0, 1 and 2.
LeftSide Trainer::throughOrigin(int layer, int projection, const LeftSide& input, bool backwards, std::size_t place) {
  const AdapterModule& module = options_.adapters[layer][projection];
  const Shape shape = projectionShape(spec_, projection);
  Product p;
  p.rows = rows_;
  p.columns = module.rank;
  void* low = at<unsigned char>(layout_.originLow) + place * layout_.originLowBytes;
  p.out = low;
  p.outType = options_.precision;
  p.outStride = module.rank;
  p.scale = -module.scale;
  if (backwards) p.add(input, origin(loraB(layer, projection)), false, shape.rows);
  else p.add(input, origin(loraA(layer, projection)), true, shape.columns);
  device_->multiply(p);
  return pack(view(low, rows_, module.rank), module.rank);
}

}  // namespace qt
