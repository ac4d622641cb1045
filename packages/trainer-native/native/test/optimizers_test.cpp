// The optimisers beside AdamW, each against plain double loops over ten steps of drawn gradients, clipped in one and not in the other run.
#include <algorithm>
#include <cstring>
#include <functional>

#include "check.hpp"
#include "tiny.hpp"
#include "train/optimizer/codes.hpp"

using namespace qt;
using namespace qt::test;

namespace {

using Doubles = std::vector<double>;

constexpr double rate = 3e-3, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-6, decay = 0.1;

// What a reference does to one tensor: parameters, its own memory, the step's gradients.
using Reference = std::function<void(const TrainedTensor&, double* p, std::vector<Doubles>& memory, const double* g, std::int64_t step)>;

// Embeddings large enough for moments of 8 bits, and no multiple of a block.
ModelSpec withLargeTensors() {
  ModelSpec spec = tinySpec(false, RopeLayout::Interleaved);
  spec.vocabulary = 131;
  return spec;
}

double drawn(std::size_t i, std::int64_t step) { return static_cast<float>(random(i, static_cast<std::uint32_t>(700 + step))); }

void compare(const char* name, OptimizerKind kind, const KernelTable& kernels, double clip, double tolerance, const Reference& reference) {
  const Tiny tiny = makeTiny(true, withLargeTensors());
  TrainerOptions options = tiny.options;
  options.optimizer = kind;
  ThreadPool pool(2);
  Trainer trainer(tiny.model, options, pool, kernels);
  const auto& tensors = trainer.trained().tensors;
  Doubles p(trainer.parameters().begin(), trainer.parameters().end());
  const Doubles start = p;
  std::vector<std::vector<Doubles>> memory(tensors.size());
  for (std::int64_t step = 1; step <= 10; ++step) {
    Doubles g(p.size());
    double squares = 0;
    for (const TrainedTensor& t : tensors)
      for (std::size_t i = t.offset; i < t.offset + static_cast<std::size_t>(t.size()); ++i) {
        g[i] = drawn(i, step);
        trainer.gradients()[i] = static_cast<float>(g[i]);
        squares += g[i] * g[i];
      }
    const double norm = std::sqrt(squares), scale = clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1;
    for (double& v : g) v *= scale;
    for (std::size_t t = 0; t < tensors.size(); ++t) reference(tensors[t], p.data() + tensors[t].offset, memory[t], g.data() + tensors[t].offset, step);
    trainer.update(updateOptions(rate, beta1, beta2, epsilon, decay, static_cast<float>(clip), step));
  }
  double error = 0, change = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    error += (trainer.parameters()[i] - p[i]) * (trainer.parameters()[i] - p[i]);
    change += (p[i] - start[i]) * (p[i] - start[i]);
  }
  if (!(std::sqrt(error / change) <= tolerance)) {
    std::printf("%s, %s, clip %g: the change is off by %.3g\n", name, kernels.name, clip, std::sqrt(error / change));
    ++failures;
  }
}

double decayOf(const TrainedTensor& t) { return t.decays ? decay : 0; }

void adamwReference(const TrainedTensor& t, double* p, std::vector<Doubles>& memory, const double* g, std::int64_t step) {
  if (memory.empty()) memory.assign(2, Doubles(t.size()));
  for (std::int64_t i = 0; i < t.size(); ++i) {
    double &m = memory[0][i], &v = memory[1][i];
    m = beta1 * m + (1 - beta1) * g[i];
    v = beta2 * v + (1 - beta2) * g[i] * g[i];
    p[i] -= rate * decayOf(t) * p[i];
    p[i] -= rate * (m / (1 - std::pow(beta1, step))) / (std::sqrt(v / (1 - std::pow(beta2, step))) + epsilon);
  }
}

void sgdReference(const TrainedTensor& t, double* p, std::vector<Doubles>& memory, const double* g, std::int64_t) {
  if (memory.empty()) memory.assign(1, Doubles(t.size()));
  for (std::int64_t i = 0; i < t.size(); ++i) {
    memory[0][i] = beta1 * memory[0][i] + g[i];
    p[i] -= rate * (decayOf(t) * p[i] + memory[0][i]);
  }
}

void adafactorReference(const TrainedTensor& t, double* p, std::vector<Doubles>& memory, const double* g, std::int64_t step) {
  const double towards = std::pow(step, -0.8);
  Doubles v(t.size());
  if (t.rows > 1 && t.columns > 1) {
    if (memory.empty()) memory = {Doubles(t.rows), Doubles(t.columns)};
    for (double& r : memory[0]) r *= 1 - towards;
    for (double& c : memory[1]) c *= 1 - towards;
    for (std::int64_t i = 0; i < t.size(); ++i) {
      memory[0][i / t.columns] += towards * g[i] * g[i] / t.columns;
      memory[1][i % t.columns] += towards * g[i] * g[i] / t.rows;
    }
    double mean = 0;
    for (const double r : memory[0]) mean += r / t.rows;
    for (std::int64_t i = 0; i < t.size(); ++i) v[i] = memory[0][i / t.columns] * memory[1][i % t.columns] / mean;
  } else {
    if (memory.empty()) memory = {Doubles(t.size())};
    for (std::int64_t i = 0; i < t.size(); ++i) v[i] = memory[0][i] += towards * (g[i] * g[i] - memory[0][i]);
  }
  double changed = 0, length = 0;
  for (std::int64_t i = 0; i < t.size(); ++i) {
    changed += g[i] * g[i] / v[i];
    length += p[i] * p[i];
  }
  const double size = std::max(1e-3, std::sqrt(length / t.size())) * std::min(rate, 1 / std::sqrt(step)) / std::max(1.0, std::sqrt(changed / t.size()));
  for (std::int64_t i = 0; i < t.size(); ++i) p[i] = p[i] * (1 - rate * decayOf(t)) - size * g[i] / std::sqrt(v[i]);
}

Doubles times(const Doubles& x, const Doubles& y, std::int64_t rows, std::int64_t depth, std::int64_t columns, bool transposed) {
  Doubles out(rows * columns);
  for (std::int64_t r = 0; r < rows; ++r)
    for (std::int64_t c = 0; c < columns; ++c)
      for (std::int64_t k = 0; k < depth; ++k) out[r * columns + c] += x[r * depth + k] * (transposed ? y[c * depth + k] : y[k * columns + c]);
  return out;
}

void muonReference(const TrainedTensor& t, double* p, std::vector<Doubles>& memory, const double* g, std::int64_t step) {
  if (!t.shape().hidden) return adamwReference(t, p, memory, g, step);
  if (memory.empty()) memory.assign(1, Doubles(t.size()));
  const bool upright = t.rows > t.columns;
  const std::int64_t side = std::min(t.rows, t.columns), length = std::max(t.rows, t.columns);
  Doubles x(t.size());
  double squares = 0;
  for (std::int64_t r = 0; r < t.rows; ++r)
    for (std::int64_t c = 0; c < t.columns; ++c) {
      const std::int64_t i = r * t.columns + c;
      memory[0][i] += (1 - beta1) * (g[i] - memory[0][i]);
      const double u = (1 - beta1) * g[i] + beta1 * memory[0][i];
      x[upright ? c * t.rows + r : i] = u;
      squares += u * u;
    }
  for (double& v : x) v /= std::sqrt(squares);
  for (int n = 0; n < 5; ++n) {
    const Doubles a = times(x, x, side, length, side, true), aa = times(a, a, side, side, side, false);
    Doubles b(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) b[i] = -4.7750 * a[i] + 2.0315 * aa[i];
    Doubles next = times(b, x, side, side, length, false);
    for (std::size_t i = 0; i < x.size(); ++i) next[i] += 3.4445 * x[i];
    x = next;
  }
  for (std::int64_t r = 0; r < t.rows; ++r)
    for (std::int64_t c = 0; c < t.columns; ++c) {
      double& v = p[r * t.columns + c];
      v = v * (1 - rate * decay) - 0.2 * std::sqrt(length) * rate * x[upright ? c * t.rows + r : r * t.columns + c];
    }
}

double nearestCode(const MomentCodes& codes, double x) {
  double best = codes.values[0];
  for (const float value : codes.values)
    if (std::fabs(value - x) < std::fabs(best - x)) best = value;
  return best;
}

// AdamW whose memory is rounded after each step, by searching the whole table.
void adamw8bitReference(const TrainedTensor& t, double* p, std::vector<Doubles>& memory, const double* g, std::int64_t step) {
  adamwReference(t, p, memory, g, step);
  if (t.size() < 4096) return;
  const MomentCodes* codes[] = {&signedCodes(), &unsignedCodes()};
  for (int which = 0; which < 2; ++which)
    for (std::int64_t first = 0; first < t.size(); first += 256) {
      const std::int64_t last = std::min<std::int64_t>(first + 256, t.size());
      double most = 0;
      for (std::int64_t i = first; i < last; ++i) most = std::max(most, std::fabs(memory[which][i]));
      for (std::int64_t i = first; i < last; ++i) memory[which][i] = most * nearestCode(*codes[which], memory[which][i] / most);
    }
}

void codesAreATable() {
  for (const MomentCodes* codes : {&signedCodes(), &unsignedCodes()}) {
    CHECK(std::is_sorted(codes->values.begin(), codes->values.end()));
    CHECK(std::adjacent_find(codes->values.begin(), codes->values.end()) == codes->values.end());
    CHECK(codes->values.back() == 1.0f);
    for (int i = 0; i < 256; ++i) CHECK(codes->nearest(codes->values[i]) == i);
    CHECK(codes->values[codes->nearest(0.0f)] == 0.0f);
    CHECK(codes->values[codes->nearest(1e-20f)] > 0.0f);
  }
  CHECK_NEAR(signedCodes().values[0], -0.99296875, 1e-7);  // bitsandbytes' create_dynamic_map
  CHECK_NEAR(signedCodes().values[254], 0.99296875, 1e-7);
  CHECK_NEAR(unsignedCodes().values[1], 3.25e-7, 1e-12);
}

// The moving average against a double loop.
void average(const KernelTable& kernels) {
  const Tiny tiny = makeTiny(false, false, RopeLayout::Interleaved);
  TrainerOptions options = tiny.options;
  options.average = true;
  ThreadPool pool(2);
  Trainer trainer(tiny.model, options, pool, kernels);
  loadParameters(tiny, trainer);
  Doubles expected;
  for (std::int64_t step = 1; step <= 5; ++step) {
    for (std::size_t i = 0; i < trainer.trained().count; ++i) trainer.gradients()[i] = static_cast<float>(drawn(i, step));
    UpdateOptions o = updateOptions(1e-2f, 0.9f, 0.999f, 1e-8f, 0, 0, step);
    o.averageDecay = 0.75f;
    trainer.update(o);
    if (step == 1) expected.assign(trainer.parameters().begin(), trainer.parameters().end());
    else
      for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = 0.75 * expected[i] + 0.25 * trainer.parameters()[i];
  }
  for (const TrainedTensor& t : trainer.trained().tensors)
    for (std::int64_t i = 0; i < t.size(); ++i) CHECK_NEAR(stateOf(trainer, t, t.state.size() - 1)[i], expected[t.offset + i], 1e-6);
}

// Any number of threads gives the same bits.
void sameBits(OptimizerKind kind, const KernelTable& kernels) {
  std::vector<float> first;
  for (const int threads : {1, 2, 7}) {
    const Tiny tiny = makeTiny(true, withLargeTensors());
    TrainerOptions options = tiny.options;
    options.optimizer = kind;
    ThreadPool pool(threads);
    Trainer trainer(tiny.model, options, pool, kernels);
    for (std::int64_t step = 1; step <= 2; ++step) {
      for (std::size_t i = 0; i < trainer.trained().count; ++i) trainer.gradients()[i] = static_cast<float>(drawn(i, step));
      trainer.update(updateOptions(rate, beta1, beta2, epsilon, decay, 1.0f, step));
    }
    const std::vector<float> all(trainer.parameters().begin(), trainer.parameters().end());
    if (threads == 1) first = all;
    CHECK(std::memcmp(first.data(), all.data(), all.size() * sizeof(float)) == 0);
  }
}

}  // namespace

int main() {
  codesAreATable();
  const char* names[8];
  const int count = availableKernels(names, 8);
  for (int n = 0; n < count; ++n) {
    const KernelTable& k = kernels(names[n]);
    for (const double clip : {0.0, 0.5}) {
      // Ten small steps on float32 parameters: their rounding alone is some 1e-5 of the change.
      compare("SGD", OptimizerKind::Sgd, k, clip, 5e-5, sgdReference);
      compare("Adafactor", OptimizerKind::Adafactor, k, clip, 5e-5, adafactorReference);
      compare("Muon", OptimizerKind::Muon, k, clip, 1e-4, muonReference);
      // A value halfway between two codes may be rounded either way.
      compare("AdamW in 8 bits", OptimizerKind::AdamW8bit, k, clip, 1e-3, adamw8bitReference);
    }
    average(k);
    for (const OptimizerKind kind : {OptimizerKind::AdamW8bit, OptimizerKind::Adafactor, OptimizerKind::Sgd, OptimizerKind::Muon}) sameBits(kind, k);
  }
  return report("optimizers_test");
}
