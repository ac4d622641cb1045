// What DoRA and PiSSA ask of a step.
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
  scalesStale_[layer] = false;
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
  for (int l = 0; l < spec_.layers; ++l) {
    load(l);
    for (int p = 0; p < projectionCount; ++p) {
      if (!hasOrigin(l, p)) continue;
      const TrainedTensor &a = *trained_.find(loraA(l, p)), &b = *trained_.find(loraB(l, p));
      std::vector<float> first(static_cast<std::size_t>(a.size())), second(static_cast<std::size_t>(b.size()));
      const PrincipalFactors factors{first.data(), second.data(), a.rows, options_.adapters[l][p].scale};
      if (!device_->principal(weight(l, p), factors, options_.seed, static_cast<std::uint32_t>(l * projectionCount + p), abort)) return false;
      for (float* to : {parameters_ + a.offset, origins_ + trained_.findOrigin(a.id)->offset}) device_->copyIn(to, factors.a, sizeof(float) * first.size());
      for (float* to : {parameters_ + b.offset, origins_ + trained_.findOrigin(b.id)->offset}) device_->copyIn(to, factors.b, sizeof(float) * second.size());
    }
  }
  return true;
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
