// Products of a session: in tiles for prompts, row by row for single tokens; adapters beside them.
#include <algorithm>
#include <cstring>

#include "../train/magnitude.hpp"
#include "session.hpp"

namespace qt {
namespace {

// Enough bytes of weights for one task that handing it out costs nothing, and few enough tasks for the largest matrix.
std::int64_t rowsPerTask(const MatrixView& w) {
  constexpr std::int64_t bytes = 65536, tasks = 16;
  const std::int64_t rows = std::max<std::int64_t>(bytes / static_cast<std::int64_t>(w.rowBytes), w.rows / tasks);
  return std::max<std::int64_t>(4, rows / 4 * 4);
}

// out[count, rows] (+)= scale·x·Wᵀ of x packed
Product productOf(const MatrixView& weights, const void* packed, std::int32_t count, float* out, float scale, bool accumulate) {
  Product p;
  p.rows = count;
  p.columns = static_cast<std::int32_t>(weights.rows);
  p.out = out;
  p.outStride = weights.rows;
  p.scale = scale;
  p.accumulate = accumulate;
  p.add(packed, weights, true, static_cast<std::int32_t>(weights.columns));
  return p;
}

}  // namespace

void Session::multiplyTiles(const MatrixView& weights, const float* x, std::int32_t count, float* out, float scale, bool accumulate) {
  packLeft(products_, dense(x, DType::F32, count, weights.columns), false, count, weights.columns, packed_->data());
  Product p = productOf(weights, packed_->data(), count, out, scale, accumulate);
  multiply(products_, p);
}

// The same for a few rows and several matrices of one input: each weight is read once, in one round of the pool.
void Session::multiplyRows(const float* x, std::int32_t count, std::initializer_list<RowProduct> products, bool exact) {
  const std::int64_t columns = products.begin()->weights->columns;
  const auto inBits = [&](const MatrixView& w) { return options_.dots && !exact && hasDots(w.type); };
  const DotRows rounded{codes_.data(), scales_.data(), sums_.data(), columns};
  if (std::any_of(products.begin(), products.end(), [&](const RowProduct& p) { return inBits(*p.weights); }))
    pool_.run(count, [&](std::int64_t i, int) { dots_.quantise(x + i * columns, 0, columns, rounded.from(i)); });
  std::int64_t tasks = 0;
  for (const RowProduct& p : products) tasks += (p.weights->rows + rowsPerTask(*p.weights) - 1) / rowsPerTask(*p.weights);
  pool_.run(tasks, [&](std::int64_t task, int) {
    const RowProduct* p = products.begin();
    std::int64_t before = 0;  // partial sums of earlier products lie first
    for (;; ++p) {
      const std::int64_t own = (p->weights->rows + rowsPerTask(*p->weights) - 1) / rowsPerTask(*p->weights);
      if (task < own) break;
      task -= own;
      before += p->weights->rows * count;
    }
    const MatrixView& w = *p->weights;
    const std::int64_t begin = task * rowsPerTask(w), end = std::min(w.rows, begin + rowsPerTask(w));
    const bool plain = !p->accumulate && p->scale == 1.0f;
    float* y = plain ? p->out : partial_.data() + before;
    if (inBits(w)) dots_.rows(w, rounded, count, begin, end, y, w.rows);
    else kernels_.rowsTimes(w, x, count, begin, end, y, w.rows);
    if (plain) return;
    for (std::int32_t i = 0; i < count; ++i) {
      float* to = p->out + i * w.rows + begin;
      if (!p->accumulate) std::memset(to, 0, sizeof(float) * (end - begin));
      kernels_.addScaled(to, y + i * w.rows + begin, p->scale, end - begin);
    }
  });
}

void Session::project(int layer, const float* x, const void* packed, std::initializer_list<Target> targets) {
  const auto& weights = model_.blocks[layer].projections;
  // What DoRA stretches is needed by itself; only one target that is added to something is projected to at a time.
  const auto apart = [&](const Target& t) { return t.accumulate && stretched(layer, t.projection); };
  for (const Target& t : targets)
    if (stretched(layer, t.projection)) plain_.resize(std::max(plain_.size(), static_cast<std::size_t>(rows_) * weights[t.projection].rows));
  if (tiled_) {
    const std::int64_t depth = weights[targets.begin()->projection].columns;
    if (packed == nullptr) packLeft(products_, dense(x, DType::F32, rows_, depth), false, rows_, depth, packed_->data());
    const void* left = packed == nullptr ? packed_->data() : packed;
    std::vector<Product> products;
    for (const Target& t : targets)
      products.push_back(productOf(weights[t.projection], left, rows_, apart(t) ? plain_.data() : t.out, 1.0f, t.accumulate && !apart(t)));
    multiply(products_, products);
  } else {
    const auto product = [&](const Target& t) {
      return RowProduct{&weights[t.projection], apart(t) ? plain_.data() : t.out, t.accumulate && !apart(t)};
    };
    const Target* t = targets.begin();
    if (targets.size() == 3) multiplyRows(x, rows_, {product(t[0]), product(t[1]), product(t[2])}, exact_);
    else if (targets.size() == 2) multiplyRows(x, rows_, {product(t[0]), product(t[1])}, exact_);
    else multiplyRows(x, rows_, {product(t[0])}, exact_);
  }
  for (const Target& t : targets) {
    const std::int64_t numbers = static_cast<std::int64_t>(rows_) * weights[t.projection].rows;
    if (apart(t)) kernels_.addScaled(t.out, plain_.data(), 1.0f, numbers);
    else if (stretched(layer, t.projection)) std::memcpy(plain_.data(), t.out, sizeof(float) * numbers);
    if (spec_.attentionBias && t.projection <= Value) {
      const std::int64_t columns = weights[t.projection].rows;
      for (std::int32_t i = 0; i < rows_; ++i) kernels_.addScaled(t.out + i * columns, model_.blocks[layer].biases[t.projection], 1.0f, columns);
    }
    adapt(layer, x, t);
  }
}

bool Session::stretched(int layer, int projection) const {
  return std::any_of(segments_.begin(), segments_.end(), [&](const Segment& s) {
    return std::any_of(s.adapters->modules.begin(), s.adapters->modules.end(),
                       [&](const AppliedAdapter& a) { return a.layer == layer && a.projection == projection && !a.stretch.empty(); });
  });
}

void Session::prepare(AdapterSet& adapters) {
  std::vector<float> squares, scratch;
  for (AppliedAdapter& adapter : adapters.modules) {
    if (adapter.magnitude.empty()) continue;
    const MatrixView& weight = model_.blocks[adapter.layer].projections[adapter.projection];
    const AdaptedWeight adapted{weight, dense(adapter.a.data(), DType::F32, adapter.rank, weight.columns),
                                dense(adapter.b.data(), DType::F32, weight.rows, adapter.rank), adapter.scale};
    squares.resize(weight.rows);
    scratch.resize(normScratch(weight.rows, adapter.rank));
    adapter.stretch.resize(weight.rows);
    rowSquares(pool_, kernels_, weight, squares.data());
    adaptedNorms(products_, adapted, squares.data(), adapter.stretch.data(), scratch.data());
    for (std::int64_t r = 0; r < weight.rows; ++r) adapter.stretch[r] = adapter.stretch[r] > 0 ? adapter.magnitude[r] / adapter.stretch[r] : 0.0f;
  }
}

// Each sequence's own adapters on one projection: out += scale·(x·Aᵀ)·Bᵀ for its rows, and DoRA's stretch.
void Session::adapt(int layer, const float* x, const Target& target) {
  const Shape shape = projectionShape(spec_, target.projection);
  for (const Segment& s : segments_)
    for (const AppliedAdapter& adapter : s.adapters->modules) {
      if (adapter.layer != layer || adapter.projection != target.projection) continue;
      const MatrixView a = dense(adapter.a.data(), DType::F32, adapter.rank, shape.columns), b = dense(adapter.b.data(), DType::F32, shape.rows, adapter.rank);
      const float* from = x + static_cast<std::int64_t>(s.begin) * shape.columns;
      const std::int64_t numbers = static_cast<std::int64_t>(s.count) * shape.rows;
      const bool stretch = !adapter.stretch.empty();
      float* out = target.out + static_cast<std::int64_t>(s.begin) * shape.rows;
      if (stretch) turned_.resize(std::max(turned_.size(), static_cast<std::size_t>(numbers)));
      float* added = stretch ? turned_.data() : out;
      low_.resize(std::max(low_.size(), static_cast<std::size_t>(s.count) * adapter.rank));
      if (tiled_) {
        multiplyTiles(a, from, s.count, low_.data(), adapter.scale, false);
        multiplyTiles(b, low_.data(), s.count, added, 1.0f, !stretch);
      } else {
        multiplyRows(from, s.count, {{&a, low_.data(), false, adapter.scale}}, true);
        multiplyRows(low_.data(), s.count, {{&b, added, !stretch}}, true);
      }
      if (!stretch) continue;
      const float* plain = plain_.data() + static_cast<std::int64_t>(s.begin) * shape.rows;
      const float* c = adapter.stretch.data();
      pool_.run(s.count, [&](std::int64_t row, int) {
        const std::int64_t begin = row * shape.rows;
        for (std::int64_t i = 0; i < shape.rows; ++i) out[begin + i] += (c[i] - 1.0f) * plain[begin + i] + c[i] * added[begin + i];
      });
    }
}

}  // namespace qt
