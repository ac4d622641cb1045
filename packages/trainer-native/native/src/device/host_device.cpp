#include "host_device.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../philox.hpp"
#include "../train/magnitude.hpp"
#include "../train/principal.hpp"

namespace qt {
namespace {

// Large enough to be worth handing out, and fixed, so that sums do not depend on threads.
constexpr std::int64_t rowsPerTask = 64;
constexpr std::int64_t columnsPerTask = 64;
constexpr std::int64_t fewColumns = 256;     // of which a task takes less
constexpr std::int64_t fewColumnsPerTask = 16;

// The scratch that a thread gets of all of it.
std::size_t shareOf(std::size_t bytes, int threads) { return bytes / static_cast<std::size_t>(threads) / 64 * 64; }

}  // namespace

std::size_t HostNeeds::scratch(const ModelSpec& spec, std::int64_t mostRows) const {
  const std::size_t product = mostProductScratch(mostRows, 1 << 20, kernels_);
  const std::size_t attention = kernels_.attentionScratch({spec.heads, spec.kvHeads, spec.headDim, 1.0f});
  return roundUpBytes(std::max({product, attention, static_cast<std::size_t>(spec.dModel) * sizeof(float) * 2})) * threads_;
}

std::size_t HostNeeds::optimiserRoom(OptimizerKind kind, const TensorShape& shape) const {
  const auto scratchOf = optimizerOf(kind).scratchOf;
  return scratchOf == nullptr ? 0 : scratchOf(shape) * sizeof(float);
}

HostDevice::HostDevice(ThreadPool& pool, const KernelTable& kernels, DType precision)
    : pool_(pool),
      kernels_(kernels),
      precision_(precision),
      ops_(kernels.ops[precision == DType::BF16]),
      needs_(kernels, pool.threads(), precision),
      products_{&kernels, &pool, precision == DType::BF16, nullptr, 0} {}

template <class Body>
void HostDevice::overRows(std::int64_t rows, const Body& body) {
  pool_.run((rows + rowsPerTask - 1) / rowsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * rowsPerTask;
    body(begin, std::min(rowsPerTask, rows - begin));
  });
}

// Calls body(begin, end): each column is summed by one thread, over the rows in their order.
template <class Body>
void HostDevice::overColumns(std::int64_t columns, const Body& body) {
  const std::int64_t together = columns < fewColumns ? fewColumnsPerTask : columnsPerTask;
  pool_.run((columns + together - 1) / together, [&](std::int64_t task, int) {
    const std::int64_t begin = task * together;
    body(begin, std::min(columns, begin + together));
  });
}

const unsigned char* HostDevice::row(const void* data, std::int64_t index, std::int64_t columns) const {
  return static_cast<const unsigned char*>(data) + index * columns * static_cast<std::int64_t>(bytesOf(precision_));
}
unsigned char* HostDevice::row(void* data, std::int64_t index, std::int64_t columns) const {
  return static_cast<unsigned char*>(data) + index * columns * static_cast<std::int64_t>(bytesOf(precision_));
}

void HostDevice::copyIn(void* to, const void* callers, std::size_t bytes) { std::memcpy(to, callers, bytes); }
void HostDevice::copyOut(void* callers, const void* from, std::size_t bytes) { std::memcpy(callers, from, bytes); }

void HostDevice::zero(void* to, std::size_t bytes) {
  constexpr std::size_t together = elementsPerTask * sizeof(float);
  pool_.run(static_cast<std::int64_t>((bytes + together - 1) / together), [&](std::int64_t task, int) {
    const std::size_t begin = static_cast<std::size_t>(task) * together;
    std::memset(static_cast<unsigned char*>(to) + begin, 0, std::min(together, bytes - begin));
  });
}

void HostDevice::useScratch(unsigned char* scratch, std::size_t bytes) {
  products_.scratch = scratch;
  products_.scratchBytes = shareOf(bytes, pool_.threads());
}

void HostDevice::begin(const Batch& batch, std::int32_t kvHeads) {
  batch_ = batch;
  positions_.resize(batch.tokens);
  tiles_.clear();
  for (int d = 0; d < batch.documents; ++d) {
    const std::int32_t begin = batch.borders[d], end = batch.borders[d + 1];
    for (std::int32_t i = begin; i < end; ++i) positions_[i] = i - begin;
    for (int tile = (end - begin + attentionTileRows - 1) / attentionTileRows - 1; tile >= 0; --tile)
      for (int head = 0; head < kvHeads; ++head) tiles_.push_back({begin, end, tile, head});
  }
}

void HostDevice::embed(const MatrixView& table, void* out, float scale, const EmbeddingNoise& noise) {
  const std::int64_t columns = table.columns;
  overRows(batch_.tokens, [&](std::int64_t begin, std::int64_t count) {
    std::vector<float> decoded(static_cast<std::size_t>(columns) + 256);
    for (std::int64_t t = begin; t < begin + count; ++t) {
      kernels_.decodeRow(table, batch_.ids[t], decoded.data());
      if (scale != 1.0f)
        for (std::int64_t i = 0; i < columns; ++i) decoded[i] *= scale;
      if (noise.alpha > 0) addNoise(decoded.data(), t, columns, noise);
      ops_.narrow(decoded.data(), row(out, t, columns), columns);
    }
  });
}

// Uniform, up to α/√(length of the document · width).
void HostDevice::addNoise(float* row, std::int64_t token, std::int64_t columns, const EmbeddingNoise& noise) const {
  constexpr std::uint32_t purpose = 6;  // core's purposes.noise
  const std::int32_t length = *std::upper_bound(batch_.borders, batch_.borders + batch_.documents + 1, static_cast<std::int32_t>(token)) -
                              (static_cast<std::int32_t>(token) - positions_[token]);
  const double size = noise.alpha / std::sqrt(static_cast<double>(length) * static_cast<double>(columns));
  for (std::int64_t i = 0; i < columns; i += 4) {
    std::uint32_t word[4];
    philox(static_cast<std::uint64_t>(i) / 4, noise.micro, purpose, noise.seed ^ (static_cast<std::uint64_t>(token) << 32), word);
    for (int j = 0; j < 4 && i + j < columns; ++j) row[i + j] += static_cast<float>(size * (word[j] / 2147483648.0 - 1.0));
  }
}

void HostDevice::embeddingGradient(const float* dx, float* to, std::int64_t columns, float scale) {
  overColumns(columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = 0; t < batch_.tokens; ++t) kernels_.addScaled(to + batch_.ids[t] * columns + begin, dx + t * columns + begin, scale, end - begin);
  });
}

LeftSide HostDevice::pack(const MatrixView& left, bool transposed, std::int64_t rows, std::int64_t depth, void* room) {
  if (kernels_.readsLeft[products_.bf16](left, transposed, rows, depth)) return {left, transposed, nullptr};
  packLeft(products_, left, transposed, rows, depth, room);
  return {left, transposed, room};
}

void HostDevice::decode(const MatrixView& callers, float* to) {
  pool_.run(callers.rows, [&](std::int64_t index, int) { kernels_.decodeRow(callers, index, to + index * callers.columns); });
}

void HostDevice::rmsNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t rows, std::int64_t columns, float epsilon) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    ops_.rmsNorm(row(x, begin, columns), weight, row(out, begin, columns), inverse + begin, count, columns, epsilon);
  });
}

void HostDevice::rmsNormApply(const void* x, const float* weight, void* out, const float* inverse, std::int64_t rows, std::int64_t columns) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    ops_.rmsNormApply(row(x, begin, columns), weight, row(out, begin, columns), inverse + begin, count, columns);
  });
}

void HostDevice::rmsNormAdd(const void* x, const float* weight, const void* residual, void* out, float* inverse, std::int64_t rows, std::int64_t columns,
                            float epsilon) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    ops_.rmsNorm(row(x, begin, columns), weight, row(out, begin, columns), inverse + begin, count, columns, epsilon);
    ops_.add(row(out, begin, columns), row(residual, begin, columns), count * columns);
  });
}

void HostDevice::rmsNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t rows,
                                 std::int64_t columns) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    ops_.rmsNormBackward(row(x, begin, columns), weight, inverse + begin, row(dy, begin, columns), dx + begin * columns, count, columns);
  });
}

void HostDevice::rmsNormBackwardInPlace(const void* x, const float* weight, const float* inverse, void* dy, std::int64_t rows, std::int64_t columns) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    ops_.rmsNormBackwardInPlace(row(x, begin, columns), weight, inverse + begin, row(dy, begin, columns), count, columns);
  });
}

void HostDevice::rmsNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t rows, std::int64_t columns) {
  overColumns(columns, [&](std::int64_t begin, std::int64_t end) { ops_.rmsNormWeightGrad(x, inverse, dy, dWeight, rows, columns, begin, end); });
}

void HostDevice::prepareHeads(std::span<const RawHeads> heads, std::int32_t headDim, const RotaryTable* rotary, float epsilon) {
  overRows(batch_.tokens, [&](std::int64_t begin, std::int64_t count) {
    for (const RawHeads& h : heads) {
      const std::int64_t first = begin * h.to.heads;
      if (h.norm != nullptr) ops_.rmsNorm(row(h.raw, first, headDim), h.norm, row(h.to.data, first, headDim), h.inverse + first, count * h.to.heads, headDim, epsilon);
      if (rotary != nullptr) ops_.rotate(row(h.to.data, first, headDim), positions_.data() + begin, count, h.to.heads, headDim, *rotary, 1.0f);
    }
  });
}

void HostDevice::rotateBack(std::span<const Heads> heads, std::int32_t headDim, const RotaryTable& rotary) {
  overRows(batch_.tokens, [&](std::int64_t begin, std::int64_t count) {
    for (const Heads& h : heads)
      ops_.rotate(row(h.data, begin * h.heads, headDim), positions_.data() + begin, count, h.heads, headDim, rotary, -1.0f);
  });
}

void HostDevice::attention(const AttentionForward& a) {
  pool_.run(static_cast<std::int64_t>(tiles_.size()),
            [&](std::int64_t task, int thread) { ops_.attention(a, tiles_[task], products_.scratch + thread * products_.scratchBytes); });
}

void HostDevice::attentionBackward(const AttentionBackward& a) {
  overRows(batch_.tokens, [&](std::int64_t begin, std::int64_t count) { ops_.attentionDelta(a, begin, begin + count); });
  const auto tiles = static_cast<std::int64_t>(tiles_.size());
  pool_.run(2 * tiles, [&](std::int64_t task, int thread) {
    void* scratch = products_.scratch + thread * products_.scratchBytes;
    if (task < tiles) ops_.attentionBackwardQuery(a, tiles_[task], scratch);
    else ops_.attentionBackwardKey(a, tiles_[task - tiles], scratch);
  });
}

void HostDevice::gated(Activation activation, const void* gate, const void* up, void* out, std::int64_t rows, std::int64_t columns) {
  const auto one = activation == Activation::Gelu ? ops_.geglu : ops_.swiglu;
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    one(row(gate, begin, columns), row(up, begin, columns), row(out, begin, columns), count * columns);
  });
}

void HostDevice::gatedBackward(const GatedBackward& g, std::int64_t rows, std::int64_t columns) {
  const auto one = g.activation == Activation::Gelu ? ops_.gegluBackward : ops_.swigluBackward;
  const auto move = [&](void* to, const void* from, std::int64_t begin, std::int64_t count) {
    if (to != from) std::memcpy(row(to, begin, columns), row(from, begin, columns), static_cast<std::size_t>(count * columns) * bytesOf(precision_));
  };
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    move(g.dGate, g.gate, begin, count);
    move(g.dUp, g.up, begin, count);
    one(row(g.dGate, begin, columns), row(g.dUp, begin, columns), row(g.dOut, begin, columns), count * columns);
  });
}

void HostDevice::narrow(const float* x, void* out, std::int64_t rows, std::int64_t columns) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) { ops_.narrow(x + begin * columns, row(out, begin, columns), count * columns); });
}

void HostDevice::add(void* out, const void* x, std::int64_t rows, std::int64_t columns) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) { ops_.add(row(out, begin, columns), row(x, begin, columns), count * columns); });
}

void HostDevice::columnSums(const void* x, float* sums, std::int64_t rows, std::int64_t columns) {
  overColumns(columns, [&](std::int64_t begin, std::int64_t end) { ops_.columnSums(x, sums, rows, columns, begin, end); });
}

void HostDevice::dropout(const void* x, void* out, std::int64_t rows, std::int64_t columns, const Dropout& o) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    // Every row draws its own numbers: the seed and the row are the key, so that cutting rows changes nothing.
    for (std::int64_t t = begin; t < begin + count; ++t)
      ops_.dropout(row(x, t, columns), row(out, t, columns), columns, o.firstColumn, o.p, o.seed ^ (static_cast<std::uint64_t>(o.first + t) << 32), o.micro, o.purpose);
  });
}

void HostDevice::beginLoss(std::span<const std::int32_t> carrying) {
  carrying_ = carrying;
  losses_.resize(carrying.size());
  correct_.resize(carrying.size());
}

void HostDevice::lossNorm(const void* x, const float* weight, void* out, float* inverse, std::int64_t first, std::int64_t rows, std::int64_t columns,
                          float epsilon) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    for (std::int64_t r = begin; r < begin + count; ++r)
      ops_.rmsNorm(row(x, carrying_[first + r], columns), weight, row(out, r, columns), inverse + r, 1, columns, epsilon);
  });
}

LeftSide HostDevice::crossEntropy(const LossChunk& c) {
  // The gradient is packed for its product while its rows are still in the caches.
  const MatrixView logits = dense(c.logits, DType::F32, c.rows, c.vocabulary);
  const std::int64_t panelRows = kernels_.panelRows[products_.bf16];
  const std::int64_t panels = (c.rows + panelRows - 1) / panelRows;
  // Sixteen rows are packed in the time of eight; where that leaves threads without a task, each takes a panel.
  const std::int64_t together = panelRows >= 16 || panels < 2 * pool_.threads() ? 1 : 2;
  pool_.run((panels + together - 1) / together, [&](std::int64_t task, int) {
    const std::int64_t begin = task * together, end = std::min(panels, begin + together);
    const std::int64_t last = std::min<std::int64_t>(c.rows, end * panelRows);
    for (std::int64_t r = begin * panelRows; r < last; ++r) {
      bool right = false;
      const std::int32_t token = carrying_[c.first + r];
      losses_[c.first + r] = kernels_.crossEntropy(c.logits + r * c.vocabulary, c.vocabulary, batch_.labels[token], c.weight * weightAt(token), c.smoothing,
                                                   c.gradient, c.softcap, &right);
      correct_[c.first + r] = right;
    }
    if (c.gradient) kernels_.packLeft[products_.bf16](logits, false, c.rows, c.vocabulary, begin, end, c.packed);
  });
  return {logits, false, c.packed};
}

void HostDevice::lossNormBackward(const void* x, const float* weight, const float* inverse, const void* dy, float* dx, std::int64_t first, std::int64_t rows,
                                  std::int64_t columns) {
  overRows(rows, [&](std::int64_t begin, std::int64_t count) {
    for (std::int64_t r = begin; r < begin + count; ++r) {
      const std::int64_t token = carrying_[first + r];
      ops_.rmsNormBackward(row(x, token, columns), weight, inverse + r, row(dy, r, columns), dx + token * columns, 1, columns);
    }
  });
}

void HostDevice::lossNormWeightGrad(const void* x, const float* inverse, const void* dy, float* dWeight, std::int64_t first, std::int64_t rows,
                                    std::int64_t columns) {
  overColumns(columns, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = 0; r < rows; ++r)
      ops_.rmsNormWeightGrad(row(x, carrying_[first + r], columns), inverse + r, row(dy, r, columns), dWeight, 1, columns, begin, end);
  });
}

void HostDevice::endLoss(std::span<float> losses, std::span<unsigned char> correct) {
  std::copy(losses_.begin(), losses_.end(), losses.begin());
  std::copy(correct_.begin(), correct_.end(), correct.begin());
}

void HostDevice::rowSquares(const MatrixView& weight, float* squares) { qt::rowSquares(pool_, kernels_, weight, squares); }

void HostDevice::adaptedNorms(const AdaptedWeight& adapted, const float* squares, float* norms, float* scratch) {
  qt::adaptedNorms(products_, adapted, squares, norms, scratch);
}

void HostDevice::normsToScales(float* norms, const float* magnitude, std::int64_t count) {
  for (std::int64_t r = 0; r < count; ++r) norms[r] = norms[r] > 0 ? magnitude[r] / norms[r] : 0.0f;
}

void HostDevice::magnitudeGradients(const MatrixView& dy, const void* y, void* dz, const Magnitudes& m) {
  const std::int64_t columns = dy.columns;
  overColumns(columns, [&](std::int64_t begin, std::int64_t end) {
    float sums[columnsPerTask] = {};
    ops_.scaleBackward(dy.data, dy.type == TensorType::F32 ? DType::F32 : DType::BF16, y, m.bias, m.scale, dz, sums, dy.rows, columns, begin, end);
    for (std::int64_t c = begin; c < end; ++c) m.gradient[c] += m.magnitude[c] == 0 ? 0.0f : sums[c - begin] / m.magnitude[c];
  });
}

bool HostDevice::principal(const MatrixView& weight, const PrincipalFactors& out, std::uint64_t seed, std::uint32_t stream, const std::atomic<bool>& abort) {
  return principalFactors(products_, weight, out, seed, stream, abort);
}

void HostDevice::addTo(float* sums, const float* x, std::int64_t count) {
  overElements(pool_, count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) sums[i] += x[i];
  });
}

double HostDevice::sumOfSquares(std::span<const std::span<const float>> stretches) {
  double sum = 0;
  for (const std::span<const float> x : stretches)
    sum += sumOverElements(pool_, static_cast<std::int64_t>(x.size()),
                           [&](std::int64_t begin, std::int64_t end) { return kernels_.sumOfSquares(x.data() + begin, end - begin); });
  return sum;
}

void HostDevice::optimise(OptimizerKind kind, const OptimizedTensor& tensor, const OptimizerStep& step, float* scratch) {
  optimizerOf(kind).update(tensor, step, {products_, scratch});
}

void HostDevice::follow(float* average, const float* parameter, std::int64_t count, float decay) {
  overElements(pool_, count, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) average[i] += (1.0f - decay) * (parameter[i] - average[i]);
  });
}

}  // namespace qt
