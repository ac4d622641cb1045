// PiSSA's start: the largest singular directions of a weight, whatever it is stored in and however many threads there are.
#include <cmath>
#include <cstring>
#include <map>

#include "check.hpp"
#include "tiny.hpp"
#include "train/principal.hpp"

using namespace qt;
using namespace qt::test;

namespace {

// W = Σ σ·u·vᵀ of random orthonormal directions: singular values that are known.
std::vector<float> known(int rows, int columns, const std::vector<double>& sigma) {
  const auto directions = [&](int length, std::uint32_t purpose) {
    std::vector<std::vector<double>> all;
    for (std::size_t k = 0; k < sigma.size(); ++k) {
      std::vector<double> v;
      for (int i = 0; i < length; ++i) v.push_back(random(k * length + i, purpose));
      for (int pass = 0; pass < 2; ++pass)
        for (const auto& other : all) {
          double along = 0;
          for (int i = 0; i < length; ++i) along += v[i] * other[i];
          for (int i = 0; i < length; ++i) v[i] -= along * other[i];
        }
      double norm = 0;
      for (const double x : v) norm += x * x;
      for (double& x : v) x /= std::sqrt(norm);
      all.push_back(v);
    }
    return all;
  };
  const auto u = directions(rows, 501), v = directions(columns, 502);
  std::vector<float> w;
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) {
      double sum = 0;
      for (std::size_t k = 0; k < sigma.size(); ++k) sum += sigma[k] * u[k][i] * v[k][j];
      w.push_back(static_cast<float>(sum));
    }
  return w;
}

struct Factors {
  std::vector<float> a, b;
};

Factors factorsOf(const KernelTable& k, int threads, const MatrixView& weight, int rank, float scale) {
  ThreadPool pool(threads);
  const std::size_t scratch = roundUpBytes(mostProductScratch(4096, 1 << 20, k));
  const Arena memory(scratch * threads);
  const ProductContext products{&k, &pool, true, memory.data(), scratch};
  Factors f{std::vector<float>(rank * weight.columns), std::vector<float>(weight.rows * rank)};
  const std::atomic<bool> go{false}, stop{true};
  CHECK(!principalFactors(products, weight, {f.a.data(), f.b.data(), rank, scale}, 1, 5, stop));
  CHECK(principalFactors(products, weight, {f.a.data(), f.b.data(), rank, scale}, 1, 5, go));
  return f;
}

void compare(const KernelTable& k) {
  constexpr int rows = 150, columns = 2100, rank = 6;  // more columns than sums are cut at
  constexpr float scale = 0.5f;
  std::vector<double> sigma;
  for (int i = 0; i < 60; ++i) sigma.push_back(4.0 * std::pow(0.9, i));
  const std::vector<float> w = known(rows, columns, sigma);
  const MatrixView weight = dense(w.data(), DType::F32, rows, columns);
  const Factors f = factorsOf(k, 1, weight, rank, scale);
  // The best approximation of this rank leaves just the other singular values.
  double left = 0, expected = 0;
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j) {
      double value = w[i * columns + j];
      for (int r = 0; r < rank; ++r) value -= static_cast<double>(scale) * f.b[i * rank + r] * f.a[r * columns + j];
      left += value * value;
    }
  for (std::size_t i = rank; i < sigma.size(); ++i) expected += sigma[i] * sigma[i];
  CHECK_NEAR(left / expected, 1.0, 1e-4);
  // Each direction shares its singular value between both factors: ‖A row‖ = ‖B column‖ = √(σ/scale).
  for (int r = 0; r < rank; ++r) {
    double a = 0, b = 0;
    for (int j = 0; j < columns; ++j) a += static_cast<double>(f.a[r * columns + j]) * f.a[r * columns + j];
    for (int i = 0; i < rows; ++i) b += static_cast<double>(f.b[i * rank + r]) * f.b[i * rank + r];
    CHECK_NEAR(a * scale / sigma[r], 1.0, 1e-4);
    CHECK_NEAR(b * scale / sigma[r], 1.0, 1e-4);
  }
  for (const int threads : {2, 3, 7}) {
    const Factors same = factorsOf(k, threads, weight, rank, scale);
    CHECK(std::memcmp(same.a.data(), f.a.data(), sizeof(float) * f.a.size()) == 0);
    CHECK(std::memcmp(same.b.data(), f.b.data(), sizeof(float) * f.b.size()) == 0);
  }
  // A weight of fewer directions than are asked for: the rest is zero, and nothing is no number.
  const std::vector<float> thin = known(24, 40, {3.0, 2.0});
  const Factors few = factorsOf(k, 2, dense(thin.data(), DType::F32, 24, 40), rank, 1.0f);
  double error = 0;
  for (int i = 0; i < 24; ++i)
    for (int j = 0; j < 40; ++j) {
      double value = thin[i * 40 + j];
      for (int r = 0; r < rank; ++r) value -= static_cast<double>(few.b[i * rank + r]) * few.a[r * 40 + j];
      error += value * value;
    }
  CHECK(error < 1e-8);
}

}  // namespace

int main() {
  const char* names[8];
  const int sets = availableKernels(names, 8);
  for (int i = 0; i < sets; ++i) compare(kernels(names[i]));
  return report("principal_test");
}
