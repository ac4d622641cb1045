// Steps of optimisers, and the gradient's norm, against the engine's on the CPU.
#include "cpu_optimizer.hpp"
#include "kernels/adafactor.hpp"
#include "kernels/muon.hpp"
#include "kernels/optimizers.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

AdamStep adamStep(std::int64_t step) {
  AdamStep s{hyper.learningRate, hyper.beta1, hyper.beta2, hyper.epsilon, hyper.weightDecay, 0, 0, 1.0f};
  s.correction1 = static_cast<float>(1.0 - std::pow(static_cast<double>(hyper.beta1), static_cast<double>(step)));
  s.correction2 = static_cast<float>(1.0 - std::pow(static_cast<double>(hyper.beta2), static_cast<double>(step)));
  return s;
}

// Counts that divide nothing, and arrays that do not lie on 16 bytes.
void adamwSteps() {
  for (const int offset : {0, 1})
    for (const std::int64_t count : {1, 5, 1024, 3001}) {
      Cpu cpu(qt::adamw, {1, count, false});
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
    Cpu cpu(qt::adamw8bit, {1, count, false});
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
      Cpu cpu(qt::sgd, {1, count, false});
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

void adafactorSteps() {
  for (const TensorShape shape : {TensorShape{1, 700, false}, TensorShape{70, 1, false}, TensorShape{37, 500, false}, TensorShape{300, 65, false}}) {
    Cpu cpu(qt::adafactor, shape);
    const bool matrix = shape.rows > 1 && shape.columns > 1;
    Array<float> p(cpu.parameter), g(shape.size()), squares(std::vector<float>(cpu.arrays[0].count, 0.0f));
    Array<float> columnSquares(std::vector<float>(matrix ? cpu.arrays[1].count : 0, 0.0f));
    Array<unsigned char> workspace(adafactorWorkspace(shape.rows, shape.columns));
    Norm norm(gradScale, true), broken(1.0f, false);
    for (std::int64_t step = 1; step <= 3; ++step) {
      cpu.drawGradient(step);
      std::memcpy(g.data(), cpu.gradient.data(), shape.size() * sizeof(float));
      cpu.update(qt::adafactor, step);
      for (const Norm* n : {&norm, &broken})
        CHECK(finish(qt::cuda::adafactor(p.data(), g.data(), squares.data(), matrix ? columnSquares.data() : nullptr, shape.rows, shape.columns,
                                         hyper.learningRate, hyper.weightDecay, step, n->at.data(), workspace.data(), nullptr)));
    }
    close("adafactor", p, cpu.parameter.data(), 1e-5);
    close("adafactor's squares", squares, cpu.array<float>(0), 1e-5);
    if (matrix) close("adafactor's squares of columns", columnSquares, cpu.array<float>(1), 1e-5);
  }
}

// Five rounds of products magnify what rounding differs by.
void muonSteps() {
  for (const TensorShape shape : {TensorShape{20, 50, true}, TensorShape{70, 33, true}, TensorShape{40, 40, true}}) {
    Cpu cpu(qt::muon, shape);
    Array<float> p(cpu.parameter), g(shape.size()), momentum(std::vector<float>(shape.size(), 0.0f));
    Array<unsigned char> workspace(muonWorkspace(shape.rows, shape.columns));
    Norm norm(gradScale, true), broken(1.0f, false);
    for (std::int64_t step = 1; step <= 2; ++step) {
      cpu.drawGradient(step);
      std::memcpy(g.data(), cpu.gradient.data(), shape.size() * sizeof(float));
      cpu.update(qt::muon, step);
      for (const Norm* n : {&norm, &broken})
        CHECK(finish(qt::cuda::muon(p.data(), g.data(), momentum.data(), shape.rows, shape.columns, hyper.learningRate, hyper.beta1, hyper.weightDecay,
                                    n->at.data(), workspace.data(), nullptr)));
    }
    close("muon", p, cpu.parameter.data(), 2e-5);
    close("muon's momentum", momentum, cpu.array<float>(0), 1e-5);
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
      double expected = 0;
      for (std::int64_t i = 0; i < count; ++i) {
        x[i] = drawn(i, 4);
        expected += static_cast<double>(x[i]) * x[i];
      }
      CHECK(finish(sumOfSquares(x.data(), count, partials.data(), squares.data(), nullptr)));
      CHECK_NEAR(squares[0], expected, 1e-13 * expected);
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
  if (deviceMissing()) return skipped("cuda_optimizers_test", 8);
  adamwSteps();
  adamw8bitSteps();
  sgdSteps();
  adafactorSteps();
  muonSteps();
  averagesFollow();
  normsAreExact();
  zeros();
  return report("cuda_optimizers_test");
}
