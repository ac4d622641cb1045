// Steps of optimisers, and the gradient's norm, against the engine's on the CPU.
#include "array.hpp"
#include "check.hpp"
#include "kernels/optimizers.hpp"
#include "numbers.hpp"
#include "train/optimizer/optimizer.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

constexpr float gradScale = 0.5f;
const OptimizerStep hyper{1e-2f, 0.9f, 0.99f, 1e-8f, 0.1f, gradScale, 3};

AdamStep adamStep(std::int64_t step) {
  AdamStep s{hyper.learningRate, hyper.beta1, hyper.beta2, hyper.epsilon, hyper.weightDecay, 0, 0, 1.0f};
  s.correction1 = static_cast<float>(1.0 - std::pow(static_cast<double>(hyper.beta1), static_cast<double>(step)));
  s.correction2 = static_cast<float>(1.0 - std::pow(static_cast<double>(hyper.beta2), static_cast<double>(step)));
  return s;
}

struct Cpu {
  ThreadPool pool{1};
  ProductContext products{&kernels(), &pool, false, nullptr, 0};
  std::vector<float> parameter, gradient;
  std::vector<StateArray> arrays;
  std::vector<unsigned char> state;

  Cpu(const Optimizer& optimizer, std::int64_t count) : parameter(count), gradient(count), arrays(optimizer.stateOf({1, count, false})) {
    std::size_t at = 0;
    for (StateArray& a : arrays) {
      a.offset = at;
      at += (a.bytes() + 63) / 64 * 64;
    }
    state.resize(at);
    for (std::int64_t i = 0; i < count; ++i) parameter[i] = drawn(i, 1);
  }
  void drawGradient(std::int64_t step) {
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = drawn(i, static_cast<std::uint32_t>(10 + step)) * (i % 7 == 0 ? 1e-4f : 1.0f);
  }
  void update(const Optimizer& optimizer, std::int64_t step) {
    OptimizerStep o = hyper;
    o.step = step;
    optimizer.update({{1, static_cast<std::int64_t>(parameter.size()), false}, parameter.data(), gradient.data(), &arrays, state.data()}, o, {products, nullptr});
  }
  template <class T>
  const T* array(int i) const {
    return reinterpret_cast<const T*>(state.data() + arrays[i].offset);
  }
};

template <class A>
void close(const char* what, const A& found, const float* expected, double tolerance) {
  int wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) wrong += !(std::fabs(found[i] - expected[i]) <= tolerance * (1e-3 + std::fabs(expected[i])));
  if (wrong != 0) {
    ++failures;
    std::printf("%s: %d of %zu differ\n", what, wrong, found.size());
  }
}

struct Norm {
  Array<GradientNorm> at{1};
  Norm(float scale, bool finite) { at[0] = {1.0, scale, finite}; }
};

// Counts that divide nothing, and arrays that do not lie on 16 bytes.
void adamwSteps() {
  for (const int offset : {0, 1})
    for (const std::int64_t count : {1, 5, 1024, 3001}) {
      Cpu cpu(qt::adamw, count);
      Array<float> p(cpu.parameter, offset), g(count, offset), m(std::vector<float>(count), offset), v(std::vector<float>(count), offset);
      Norm norm(gradScale, true), broken(1.0f, false);
      for (std::int64_t step = 1; step <= 3; ++step) {
        cpu.drawGradient(step);
        std::memcpy(g.data(), cpu.gradient.data(), count * sizeof(float));
        cpu.update(qt::adamw, step);
        CHECK(finish(qt::cuda::adamw(p.data(), g.data(), m.data(), v.data(), count, adamStep(step), norm.at.data(), nullptr)));
        // Where the norm is not finite nothing changes.
        CHECK(finish(qt::cuda::adamw(p.data(), g.data(), m.data(), v.data(), count, adamStep(step), broken.at.data(), nullptr)));
      }
      close("adamw", p, cpu.parameter.data(), 1e-5);
      close("adamw's first moment", m, cpu.array<float>(0), 1e-5);
      close("adamw's second moment", v, cpu.array<float>(1), 1e-5);
    }
}

// A code may be the neighbour where the number lies between two of them and is rounded otherwise.
void adamw8bitSteps() {
  const MomentTables tables{signedCodes(), unsignedCodes()};
  for (const std::int64_t count : {4096, 4100, 70001}) {
    Cpu cpu(qt::adamw8bit, count);
    const auto blocks = static_cast<std::size_t>((count + 255) / 256);
    Array<float> p(cpu.parameter), g(count), firstScale(std::vector<float>(blocks, 0.0f)), secondScale(std::vector<float>(blocks, 0.0f));
    Array<std::uint8_t> first(std::vector<std::uint8_t>(count, 0)), second(std::vector<std::uint8_t>(count, 0));
    Norm norm(gradScale, true);
    for (std::int64_t step = 1; step <= 3; ++step) {
      cpu.drawGradient(step);
      std::memcpy(g.data(), cpu.gradient.data(), count * sizeof(float));
      cpu.update(qt::adamw8bit, step);
      CHECK(finish(qt::cuda::adamw8bit(p.data(), g.data(), {first.data(), second.data(), firstScale.data(), secondScale.data()}, count, adamStep(step), tables,
                                       norm.at.data(), nullptr)));
    }
    int codes = 0, far = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const int a = std::abs(first[i] - cpu.array<std::uint8_t>(0)[i]), b = std::abs(second[i] - cpu.array<std::uint8_t>(1)[i]);
      codes += (a != 0) + (b != 0);
      far += a > 1 || b > 1;
    }
    CHECK(codes <= count / 1000);
    CHECK(far == 0);
    close("adamw8bit's first scales", firstScale, cpu.array<float>(2), 1e-5);
    close("adamw8bit's second scales", secondScale, cpu.array<float>(3), 1e-5);
    int wrong = 0;
    for (std::int64_t i = 0; i < count; ++i) wrong += !(std::fabs(p[i] - cpu.parameter[i]) <= 1e-5);
    CHECK(wrong <= codes);
  }
}

void sgdSteps() {
  for (const int offset : {0, 1})
    for (const std::int64_t count : {3, 1000}) {
      Cpu cpu(qt::sgd, count);
      Array<float> p(cpu.parameter, offset), g(count, offset), m(std::vector<float>(count), offset);
      Norm norm(gradScale, true);
      for (std::int64_t step = 1; step <= 2; ++step) {
        cpu.drawGradient(step);
        std::memcpy(g.data(), cpu.gradient.data(), count * sizeof(float));
        cpu.update(qt::sgd, step);
        CHECK(finish(qt::cuda::sgd(p.data(), g.data(), m.data(), count, hyper.learningRate, hyper.beta1, hyper.weightDecay, norm.at.data(), nullptr)));
      }
      close("sgd", p, cpu.parameter.data(), 1e-5);
      close("sgd's momentum", m, cpu.array<float>(0), 1e-5);
    }
}

void averagesFollow() {
  Array<float> average(77), parameter(77);
  for (int i = 0; i < 77; ++i) {
    average[i] = drawn(i, 2);
    parameter[i] = drawn(i, 3);
  }
  const std::vector<float> before = average.copy();
  CHECK(finish(movingAverage(average.data(), parameter.data(), 77, 0.75f, nullptr, nullptr)));
  for (int i = 0; i < 77; ++i) CHECK_NEAR(average[i], 0.75 * before[i] + 0.25 * parameter[i], 1e-6);
}

void normsAreExact() {
  for (const int offset : {0, 3})
    for (const std::int64_t count : {0, 1, 1000, 32768, 100001}) {
      Array<float> x(count, offset);
      Array<unsigned char> partials(squaresWorkspace(count));
      Array<double> squares(1);
      Array<GradientNorm> norm(1);
      double expected = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        x[i] = drawn(i, 4);
        expected += static_cast<double>(x[i]) * x[i];
      }
      CHECK(finish(sumOfSquares(x.data(), count, partials.data(), squares.data(), nullptr)));
      CHECK_NEAR(squares[0], expected, 1e-13 * expected);
      CHECK(finish(gradientNorm(x.data(), count, 0.5, partials.data(), norm.data(), nullptr)));
      CHECK_NEAR(norm[0].norm, std::sqrt(expected), 1e-13 * std::sqrt(expected));
      CHECK(norm[0].finite == 1);
      CHECK(norm[0].scale == (std::sqrt(expected) > 0.5 ? static_cast<float>(0.5 / (norm[0].norm + 1e-6)) : 1.0f));
      CHECK(finish(gradientNorm(x.data(), count, 0, partials.data(), norm.data(), nullptr)));
      CHECK(norm[0].scale == 1.0f);
      if (count == 0) continue;
      for (const float bad : {INFINITY, NAN}) {
        x[count - 1] = bad;
        CHECK(finish(gradientNorm(x.data(), count, 1, partials.data(), norm.data(), nullptr)));
        CHECK(norm[0].finite == 0);
      }
    }
}

void zeros() {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{16}, std::size_t{5003}}) {
    Array<unsigned char> x(bytes);
    CHECK(finish(zero(x.data(), bytes, nullptr)));
    for (std::size_t i = 0; i < bytes; ++i) CHECK(x[i] == 0);
  }
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_optimizers_test", 6);
  adamwSteps();
  adamw8bitSteps();
  sgdSteps();
  averagesFollow();
  normsAreExact();
  zeros();
  return report("cuda_optimizers_test");
}
