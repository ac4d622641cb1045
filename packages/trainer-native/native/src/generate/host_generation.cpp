#include "host_generation.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../train/magnitude.hpp"
#include "session.hpp"

namespace qt {
namespace {

constexpr std::int32_t normalisedTogether = 16;  // rows: as many as stay in the first-level cache until they are packed

// Enough bytes of weights for one task that handing it out costs nothing, and few enough tasks for the largest matrix.
std::int64_t rowsPerTask(const MatrixView& w) {
  constexpr std::int64_t bytes = 65536, tasks = 16;
  const std::int64_t rows = std::max<std::int64_t>(bytes / static_cast<std::int64_t>(w.rowBytes), w.rows / tasks);
  return std::max<std::int64_t>(4, rows / 4 * 4);
}

// The left side being packed.
Product productOf(const RowsOut& to, const void* packed, std::int32_t count) {
  Product p;
  p.rows = count;
  p.columns = static_cast<std::int32_t>(to.weights.rows);
  p.out = to.out;
  p.outStride = to.weights.rows;
  p.scale = to.scale;
  p.accumulate = to.accumulate;
  p.add(packed, to.weights, true, static_cast<std::int32_t>(to.weights.columns));
  return p;
}

}  // namespace

HostGeneration::HostGeneration(const ModelSpec& spec, std::int32_t rows, bool dots, ThreadPool& pool, const KernelTable& kernels)
    : spec_(spec), dots_(dots), pool_(pool), kernels_(kernels), dotKernels_(dotKernels(kernels)) {
  const std::size_t d = spec.dModel, ffn = spec.ffn, widest = std::max({d, static_cast<std::size_t>(spec.attentionWidth()), ffn});
  inverse_.resize(static_cast<std::size_t>(rows) * spec.heads);
  partial_.resize(Session::mostSequences * widest);
  codes_.resize(Session::mostSequences * widest);
  scales_.resize(Session::mostSequences * widest / dotGroup + 8);
  sums_.resize(Session::mostSequences * widest / 16 + 16);
  packed_ = std::make_unique<Arena>(kernels.packedLeftBytes[0](rows, static_cast<std::int64_t>(widest)));
  if (kernels.gatedTile != nullptr) gated_ = std::make_unique<Arena>(kernels.packedLeftBytes[1](rows, static_cast<std::int64_t>(ffn)));
  const AttentionShape shape{spec.heads, spec.kvHeads, spec.headDim, spec.attentionScale, spec.attentionSoftcap, 0};
  const std::size_t scratch = roundUpBytes(std::max({mostProductScratch(rows, 1 << 20, kernels), kernels.attentionScratch(shape), sizeof(float) * normalisedTogether * d}));
  scratch_ = std::make_unique<Arena>(scratch * pool.threads());
  products_ = {&kernels_, &pool_, false, scratch_->data(), scratch};
}

void HostGeneration::copyOut(float* callers, const float* from, std::size_t count) { std::copy_n(from, count, callers); }
void HostGeneration::copy(float* out, const float* x, std::int64_t count) { std::copy_n(x, count, out); }

void HostGeneration::adaptedNorms(const AdaptedWeight& adapted, float* norms) {
  const std::int64_t outputs = adapted.weight.rows;
  std::vector<float> squares(static_cast<std::size_t>(outputs)), scratch(normScratch(outputs, adapted.a.rows));
  rowSquares(pool_, kernels_, adapted.weight, squares.data());
  qt::adaptedNorms(products_, adapted, squares.data(), norms, scratch.data());
}

void HostGeneration::begin(const Pass& pass) {
  pass_ = pass;
  products_.bf16 = pass.bf16;
}

void HostGeneration::embed(const MatrixView& table, std::int32_t begin, std::int32_t count, float scale, float* x) {
  std::vector<float> decoded(static_cast<std::size_t>(spec_.dModel) + 256);
  for (std::int32_t row = begin; row < begin + count; ++row) {
    kernels_.decodeRow(table, pass_.ids[row], decoded.data());
    float* to = x + static_cast<std::size_t>(row) * spec_.dModel;
    for (std::int32_t i = 0; i < spec_.dModel; ++i) to[i] = decoded[i] * scale;
  }
}

void HostGeneration::normaliseInto(const float* x, const float* weight, float* out) {
  const std::int64_t d = spec_.dModel;
  constexpr std::int64_t together = 32;
  pool_.run((rows() + together - 1) / together, [&](std::int64_t task, int) {
    const std::int64_t begin = task * together, count = std::min<std::int64_t>(together, rows() - begin);
    kernels_.ops[0].rmsNorm(x + begin * d, weight, out + begin * d, inverse_.data() + begin, count, d, spec_.normEpsilon);
  });
}

RowsIn HostGeneration::normalise(const float* x, const float* weight, float* out) {
  if (!pass_.straight) {
    normaliseInto(x, weight, out);
    return {out};
  }
  const std::int64_t d = spec_.dModel, panelRows = kernels_.panelRows[products_.bf16], together = std::max<std::int64_t>(1, normalisedTogether / panelRows) * panelRows;
  pool_.run((rows() + together - 1) / together, [&](std::int64_t task, int thread) {
    const std::int64_t begin = task * together, count = std::min<std::int64_t>(together, rows() - begin);
    auto* own = reinterpret_cast<float*>(products_.scratch + thread * products_.scratchBytes);
    kernels_.ops[0].rmsNorm(x + begin * d, weight, own, inverse_.data() + begin, count, d, spec_.normEpsilon);
    kernels_.packLeft[products_.bf16](dense(own, DType::F32, count, d), false, count, d, 0, (count + panelRows - 1) / panelRows,
                                      packed_->data() + kernels_.packedLeftBytes[products_.bf16](begin, d));
  });
  return {out, packed_->data()};
}

void HostGeneration::normaliseAdd(float* x, float* added, const float* weight) {
  normaliseInto(added, weight, added);
  kernels_.addScaled(x, added, 1.0f, static_cast<std::int64_t>(rows()) * spec_.dModel);
}

void HostGeneration::normaliseRows(const float* x, const float* weight, float* out, std::span<const std::int32_t> rows) {
  const std::int64_t d = spec_.dModel;
  for (std::size_t i = 0; i < rows.size(); ++i) kernels_.ops[0].rmsNorm(x + rows[i] * d, weight, out + static_cast<std::int64_t>(i) * d, inverse_.data(), 1, d, spec_.normEpsilon);
}

void HostGeneration::multiply(const RowsIn& in, RowCount count, std::span<const RowsOut> to, bool tiled) {
  if (!tiled) return multiplyRows(in.x, count.rows, to);
  const std::int64_t depth = to.front().weights.columns;
  if (in.packed == nullptr) packLeft(products_, dense(in.x, DType::F32, count.rows, depth), false, count.rows, depth, packed_->data());
  std::vector<Product> products;
  for (const RowsOut& t : to) products.push_back(productOf(t, in.packed == nullptr ? packed_->data() : in.packed, count.rows));
  if (products.size() == 1) qt::multiply(products_, products.front());
  else qt::multiply(products_, products);
}

// Each weight is read once, and all of them in one round of the pool.
void HostGeneration::multiplyRows(const float* x, std::int32_t count, std::span<const RowsOut> products) {
  const std::int64_t columns = products.front().weights.columns;
  const auto inBits = [&](const MatrixView& w) { return dots_ && !pass_.exact && hasDots(w.type); };
  const DotRows rounded{codes_.data(), scales_.data(), sums_.data(), columns};
  if (std::any_of(products.begin(), products.end(), [&](const RowsOut& p) { return inBits(p.weights); }))
    pool_.run(count, [&](std::int64_t i, int) { dotKernels_.quantise(x + i * columns, 0, columns, rounded.from(i)); });
  const auto tasksOf = [](const MatrixView& w) { return (w.rows + rowsPerTask(w) - 1) / rowsPerTask(w); };
  std::int64_t tasks = 0;
  for (const RowsOut& p : products) tasks += tasksOf(p.weights);
  pool_.run(tasks, [&](std::int64_t task, int) {
    auto p = products.begin();
    std::int64_t before = 0;  // partial sums of earlier products lie first
    for (; task >= tasksOf(p->weights); ++p) {
      task -= tasksOf(p->weights);
      before += p->weights.rows * count;
    }
    const MatrixView& w = p->weights;
    const std::int64_t begin = task * rowsPerTask(w), end = std::min(w.rows, begin + rowsPerTask(w));
    const bool plain = !p->accumulate && p->scale == 1.0f;
    float* y = plain ? p->out : partial_.data() + before;
    if (inBits(w)) dotKernels_.rows(w, rounded, count, begin, end, y, w.rows);
    else kernels_.rowsTimes(w, x, count, begin, end, y, w.rows);
    if (plain) return;
    for (std::int32_t i = 0; i < count; ++i) {
      float* to = p->out + i * w.rows + begin;
      if (!p->accumulate) std::memset(to, 0, sizeof(float) * (end - begin));
      kernels_.addScaled(to, y + i * w.rows + begin, p->scale, end - begin);
    }
  });
}

void HostGeneration::gated(float* gate, const float* up) {
  const std::int64_t all = static_cast<std::int64_t>(rows()) * spec_.ffn, together = 4 * static_cast<std::int64_t>(spec_.ffn);
  const auto one = spec_.activation == Activation::Gelu ? kernels_.ops[0].geglu : kernels_.ops[0].swiglu;
  pool_.run((all + together - 1) / together, [&](std::int64_t task, int) {
    const std::int64_t begin = task * together;
    one(gate + begin, up + begin, gate + begin, std::min(together, all - begin));
  });
}

const void* HostGeneration::multiplyGated(const RowsIn& in, const MatrixView& gate, const MatrixView& up) {
  if (!hasGated(products_, spec_.ffn)) return nullptr;
  GatedProduct p;
  p.rows = rows();
  p.columns = spec_.ffn;
  p.depth = spec_.dModel;
  p.packedLeft = in.packed;
  p.gate = gate;
  p.up = up;
  p.gelu = spec_.activation == Activation::Gelu;
  p.packedOut = gated_->data();
  qt::multiplyGated(products_, p);
  return gated_->data();
}

void HostGeneration::addBias(float* x, const float* bias, std::int32_t rows, std::int32_t columns) {
  for (std::int32_t i = 0; i < rows; ++i) kernels_.addScaled(x + static_cast<std::int64_t>(i) * columns, bias, 1.0f, columns);
}

void HostGeneration::stretch(float* out, const float* plain, const float* added, const float* c, std::int32_t rows, std::int32_t columns) {
  pool_.run(rows, [&](std::int64_t row, int) {
    const std::int64_t begin = row * columns;
    for (std::int64_t i = 0; i < columns; ++i) out[begin + i] += (c[i] - 1.0f) * plain[begin + i] + c[i] * added[begin + i];
  });
}

void HostGeneration::foretell(const float* logits, std::span<const Foretold> foretold, float* logs, std::uint8_t* likeliest) {
  pool_.run(static_cast<std::int64_t>(foretold.size()), [&](std::int64_t i, int) {
    const auto [at, id] = foretold[i];
    const float* row = logits + static_cast<std::int64_t>(at) * spec_.vocabulary;
    bool highest;
    // Without a gradient the logits stay as they are.
    logs[i] = -kernels_.crossEntropy(const_cast<float*>(row), spec_.vocabulary, id, 1.0f, 0.0f, false, 0.0f, &highest);
    likeliest[i] = highest && std::find(row, row + id, row[id]) == row + id;
  });
}

void HostGeneration::addSums(const float* x, std::int32_t rows, std::int64_t columns, bool squares, double* sums) {
  constexpr std::int64_t columnsPerTask = 64;
  pool_.run((columns + columnsPerTask - 1) / columnsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * columnsPerTask, end = std::min(columns, begin + columnsPerTask);
    for (std::int64_t row = 0; row < rows; ++row)
      for (std::int64_t c = begin; c < end; ++c) sums[c] += squares ? static_cast<double>(x[row * columns + c]) * x[row * columns + c] : static_cast<double>(x[row * columns + c]);
  });
}

void HostGeneration::addCosines(const float* a, const float* b, std::int32_t rows, std::int64_t columns, double& sum) {
  for (std::int64_t row = 0; row < rows; ++row) {
    double product = 0, first = 0, second = 0;
    for (std::int64_t c = row * columns; c < (row + 1) * columns; ++c) {
      product += static_cast<double>(a[c]) * b[c];
      first += static_cast<double>(a[c]) * a[c];
      second += static_cast<double>(b[c]) * b[c];
    }
    sum += first > 0 && second > 0 ? product / std::sqrt(first * second) : 1;
  }
}

}  // namespace qt
