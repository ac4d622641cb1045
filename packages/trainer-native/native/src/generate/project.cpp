// Projections of a session, and what adapters add to them.
#include <algorithm>
#include <array>

#include "../product.hpp"
#include "../train/magnitude.hpp"
#include "session.hpp"

namespace qt {

// x_ += what the projection makes of its input, through its norm where there is one.
void Session::projectToResidual(int layer, int projection, const RowsIn& in, const float* postNorm) {
  if (postNorm == nullptr) return project(layer, in, {{projection, x_, true}});
  project(layer, in, {{projection, normed_, false}});
  device_->normaliseAdd(x_, normed_, postNorm);
}

void Session::project(int layer, const RowsIn& in, std::initializer_list<Target> targets) {
  const auto& weights = blocks_[layer].projections;
  // What DoRA stretches is needed by itself; only one target that is added to something is projected to at a time.
  const auto apart = [&](const Target& t) { return t.accumulate && stretched(layer, t.projection); };
  std::array<RowsOut, 3> products;
  std::size_t some = 0;
  for (const Target& t : targets) products[some++] = {weights[t.projection], apart(t) ? plain_.data : t.out, t.accumulate && !apart(t)};
  device_->multiply(in, count(), {products.data(), some}, tiled_);
  for (const Target& t : targets) {
    const auto columns = static_cast<std::int32_t>(weights[t.projection].rows);
    const std::int64_t numbers = static_cast<std::int64_t>(rows()) * columns;
    if (apart(t)) device_->add(t.out, plain_.data, numbers);
    else if (stretched(layer, t.projection)) device_->copy(plain_.data, t.out, numbers);
    if (spec_.attentionBias && t.projection <= Value) device_->addBias(t.out, blocks_[layer].biases[t.projection], rows(), columns);
    adapt(layer, in.x, t);
  }
}

bool Session::stretched(int layer, int projection) const {
  return std::any_of(sets_.begin(), sets_.end(), [&](const AdapterSet* set) {
    return std::any_of(set->modules.begin(), set->modules.end(),
                       [&](const AppliedAdapter& a) { return a.layer == layer && a.projection == projection && a.stretch != nullptr; });
  });
}

void Session::prepare(AdapterSet& adapters) {
  std::vector<const void*> brought;
  try {
    bring(adapters, brought);
    requireDevice();
  } catch (...) {
    for (const void* memory : brought) device_->release(memory);
    throw;
  }
}

void Session::bring(AdapterSet& adapters, std::vector<const void*>& brought) {
  const auto there = [&](const std::vector<float>& values) {
    brought.push_back(device_->resident(values.data(), values.size() * sizeof(float)));
    return brought.back();
  };
  const auto matrix = [&](const std::vector<float>& values, std::int64_t rows, std::int64_t columns) { return dense(there(values), DType::F32, rows, columns); };
  for (AppliedAdapter& adapter : adapters.modules) {
    const MatrixView& weight = blocks_[adapter.layer].projections[adapter.projection];
    adapter.low = matrix(adapter.a, adapter.rank, weight.columns);
    adapter.high = matrix(adapter.b, weight.rows, adapter.rank);
    grow(low_, static_cast<std::size_t>(chunk_) * adapter.rank);
    if (adapter.magnitude.empty()) continue;
    std::vector<float>& c = adapter.stretches;
    c.resize(static_cast<std::size_t>(weight.rows));
    device_->adaptedNorms({weight, adapter.low, adapter.high, adapter.scale}, c.data());
    for (std::size_t r = 0; r < c.size(); ++r) c[r] = c[r] > 0 ? adapter.magnitude[r] / c[r] : 0.0f;
    adapter.stretch = static_cast<const float*>(there(c));
    for (Room* room : {&plain_, &turned_}) grow(*room, static_cast<std::size_t>(chunk_) * static_cast<std::size_t>(weight.rows));
  }
  if (!adapters.embedding.empty()) adapters.embeddingView = matrix(adapters.embedding, spec_.vocabulary, spec_.dModel);
  if (!adapters.output.empty()) adapters.outputView = matrix(adapters.output, spec_.vocabulary, spec_.dModel);
}

// Each sequence's own adapters on one projection: out += scale·(x·Aᵀ)·Bᵀ for its rows, and DoRA's stretch.
void Session::adapt(int layer, const float* x, const Target& target) {
  const Shape shape = projectionShape(spec_, target.projection);
  for (std::size_t i = 0; i < sequences_.size(); ++i)
    for (const AppliedAdapter& adapter : sets_[i]->modules) {
      if (adapter.layer != layer || adapter.projection != target.projection) continue;
      const CacheRows& s = sequences_[i];
      const std::int64_t begin = s.begin;
      float* out = target.out + begin * shape.rows;
      const bool stretch = adapter.stretch != nullptr;
      const RowsOut low[] = {{adapter.low, low_.data, false, adapter.scale}}, high[] = {{adapter.high, stretch ? turned_.data : out, !stretch}};
      const RowCount own{s.count, s.count};
      device_->multiply({x + begin * shape.columns}, own, low, tiled_);
      device_->multiply({low_.data}, own, high, tiled_);
      if (stretch) device_->stretch(out, plain_.data + begin * shape.rows, turned_.data, adapter.stretch, s.count, shape.rows);
    }
}

}  // namespace qt
