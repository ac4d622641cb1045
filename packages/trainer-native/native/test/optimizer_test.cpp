// AdamW (Loshchilov & Hutter, arXiv 1711.05101) against plain double loops; what is not decayed; what is refused.
#include <cstring>
#include <limits>

#include "check.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

void tenSteps(const KernelTable& kernels, double clip, double decay) {
  const Tiny tiny = makeTiny(true, false, RopeLayout::Interleaved);
  ThreadPool pool(2);
  Trainer trainer(tiny.model, tiny.options, pool, kernels);
  const std::size_t count = trainer.trained().count;
  std::vector<double> p(trainer.parameters().begin(), trainer.parameters().end()), m(count), v(count);
  const double rate = 3e-3, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-6;
  for (int step = 1; step <= 10; ++step) {
    std::vector<double> g(count);
    double squares = 0;
    for (const TrainedTensor& t : trainer.trained().tensors)
      for (std::size_t i = t.offset; i < t.offset + static_cast<std::size_t>(t.rows * t.columns); ++i) {
        const float drawn = static_cast<float>(random(i, 500 + step)) * (step == 4 ? 1e-3f : 1.0f);
        trainer.gradients()[i] = drawn;
        g[i] = drawn;
        squares += g[i] * g[i];
      }
    const double norm = std::sqrt(squares), scale = clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1;
    for (const TrainedTensor& t : trainer.trained().tensors)
      for (std::size_t i = t.offset; i < t.offset + static_cast<std::size_t>(t.rows * t.columns); ++i) {
        m[i] = beta1 * m[i] + (1 - beta1) * g[i] * scale;
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * scale * g[i] * scale;
        const bool matrix = t.rows > 1;  // norms are not decayed
        p[i] -= rate * (matrix ? decay : 0) * p[i];
        p[i] -= rate * (m[i] / (1 - std::pow(beta1, step))) / (std::sqrt(v[i] / (1 - std::pow(beta2, step))) + epsilon);
      }
    const double found =
        trainer.update(updateOptions(static_cast<float>(rate), static_cast<float>(beta1), static_cast<float>(beta2), static_cast<float>(epsilon),
                                     static_cast<float>(decay), static_cast<float>(clip), step));
    CHECK_NEAR(found / norm, 1.0, 1e-6);
  }
  double worst = 0;
  for (const TrainedTensor& t : trainer.trained().tensors)
    for (std::int64_t j = 0; j < t.size(); ++j) {
      const std::size_t i = t.offset + j;
      worst = std::max(worst, std::fabs(trainer.parameters()[i] - p[i]));
      worst = std::max(worst, std::fabs(stateOf(trainer, t, 0)[j] - m[i]));
      worst = std::max(worst, std::fabs(stateOf(trainer, t, 1)[j] - v[i]));
      if (trainer.gradients()[i] != 0) ++failures;
    }
  if (worst > 2e-6) {
    std::printf("%s clip %g decay %g: off by %.3g after ten steps\n", kernels.name, clip, decay, worst);
    ++failures;
  }
}

void refusesWhatIsNotFinite(const KernelTable& kernels, float bad) {
  const Tiny tiny = makeTiny(false, false, RopeLayout::Interleaved);
  ThreadPool pool(2);
  Trainer trainer(tiny.model, tiny.options, pool, kernels);
  loadParameters(tiny, trainer);
  const auto fill = [&] {
    for (std::size_t i = 0; i < trainer.trained().count; ++i) trainer.gradients()[i] = static_cast<float>(random(i, 900));
  };
  fill();
  trainer.update(updateOptions(1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 1.0f, 1));
  const std::vector<float> p(trainer.parameters().begin(), trainer.parameters().end());
  const std::vector<unsigned char> state(trainer.state().begin(), trainer.state().end());
  fill();
  trainer.gradients()[trainer.trained().tensors.back().offset + 3] = bad;
  CHECK(!std::isfinite(trainer.update(updateOptions(1e-2f, 0.9f, 0.999f, 1e-8f, 0.1f, 1.0f, 2))));
  CHECK(std::memcmp(p.data(), trainer.parameters().data(), p.size() * 4) == 0);
  CHECK(std::memcmp(state.data(), trainer.state().data(), state.size()) == 0);
}

}  // namespace

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  for (int n = 0; n < count; ++n) {
    const KernelTable& k = kernels(names[n]);
    tenSteps(k, 0, 0);
    tenSteps(k, 1, 0);
    tenSteps(k, 0, 0.1);
    tenSteps(k, 0.5, 0.1);
    refusesWhatIsNotFinite(k, std::numeric_limits<float>::quiet_NaN());
    refusesWhatIsNotFinite(k, std::numeric_limits<float>::infinity());
  }
  return report("optimizer_test");
}
