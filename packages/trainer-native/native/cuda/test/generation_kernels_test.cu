// What generation has of its own beside products, the cache and attention: scores of logits, statistics, and what is laid over products.
#include <cmath>
#include <limits>

#include "activations.hpp"
#include "kernels/applied.hpp"
#include "kernels/foretell.hpp"
#include "kernels/statistics.hpp"

using namespace qt;
using namespace qt::cuda;

namespace {

// Ties go to the first; nothing but −∞ beside one number, huge numbers and NaN are what they are.
void foretells() {
  for (const std::int64_t vocabulary : {1, 31, 512, 1500, 32003}) {
    constexpr int rows = 4;
    std::vector<float> logits = drawNumbers(rows * vocabulary, 1, 30.0f);
    const auto at = [&](int row, std::int64_t c) -> float& { return logits[row * vocabulary + c]; };
    const std::int64_t last = vocabulary - 1, tied = vocabulary / 3;
    at(0, last) = at(0, tied) = 40.0f;
    for (std::int64_t c = 0; c < vocabulary; ++c) at(1, c) = -std::numeric_limits<float>::infinity();
    at(1, tied) = 3.0f;
    for (std::int64_t c = 0; c < vocabulary; ++c) at(2, c) *= 1e30f;
    at(3, last) = std::numeric_limits<float>::quiet_NaN();
    std::vector<Foretold> asked;
    for (int row = 0; row < rows; ++row)
      for (const std::int64_t id : {std::int64_t{0}, tied, last}) asked.push_back({row, static_cast<std::int32_t>(id)});
    const Array<float> z(logits);
    const Array<Foretold> foretold(asked);
    Array<float> logs(asked.size());
    Array<std::uint8_t> likeliest(asked.size());
    CHECK(finish(foretell(z.data(), vocabulary, foretold.data(), static_cast<std::int64_t>(asked.size()), logs.data(), likeliest.data(), nullptr)));
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const auto [row, id] = asked[i];
      if (row == 3) {
        CHECK(std::isnan(logs[i]));
        continue;
      }
      double high = -INFINITY, sum = 0;
      std::int64_t first = 0;
      for (std::int64_t c = 0; c < vocabulary; ++c)
        if (at(row, c) > high) high = at(row, c), first = c;
      for (std::int64_t c = 0; c < vocabulary; ++c) sum += std::exp(at(row, c) - high);
      const double expected = at(row, id) - high - std::log(sum);
      CHECK(likeliest[i] == (first == id));
      if (std::isinf(expected)) CHECK(logs[i] == -INFINITY);
      else CHECK_NEAR(logs[i], expected, 1e-5 * std::fabs(expected) + 2e-6);
    }
  }
}

// To the last bit those of one sum after the other.
void sums() {
  for (const auto& [rows, columns] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {7, 63}, {33, 200}}) {
    const std::vector<float> x = drawNumbers(static_cast<std::size_t>(rows * columns), 2), y = drawNumbers(static_cast<std::size_t>(rows * columns), 3);
    const Array<float> a(x), b(y);
    for (const bool squares : {false, true}) {
      Array<double> found(static_cast<std::size_t>(columns));
      CHECK(finish(sumRows(a.data(), rows, columns, squares, found.data(), nullptr)));
      for (std::int64_t c = 0; c < columns; ++c) {
        double expected = 0;
        for (std::int64_t r = 0; r < rows; ++r) expected += squares ? static_cast<double>(x[r * columns + c]) * x[r * columns + c] : static_cast<double>(x[r * columns + c]);
        CHECK(found[c] == expected);
      }
    }
    Array<double> cosine(static_cast<std::size_t>(rows));
    CHECK(finish(cosines(a.data(), b.data(), rows, columns, cosine.data(), nullptr)));
    for (std::int64_t r = 0; r < rows; ++r) {
      double product = 0, first = 0, second = 0;
      for (std::int64_t i = r * columns; i < (r + 1) * columns; ++i) product += static_cast<double>(x[i]) * y[i], first += static_cast<double>(x[i]) * x[i], second += static_cast<double>(y[i]) * y[i];
      CHECK_NEAR(cosine[r], product / std::sqrt(first * second), 1e-12);
    }
  }
  const Array<float> nothing(std::vector<float>(5, 0.0f)), some(std::vector<float>(5, 2.0f));
  Array<double> cosine(1);
  CHECK(finish(cosines(nothing.data(), some.data(), 1, 5, cosine.data(), nullptr)));
  CHECK(cosine[0] == 1);
}

void overProducts() {
  constexpr std::int64_t rows = 5, columns = 77, count = rows * columns;
  const std::vector<float> x = drawNumbers(count, 4), start = drawNumbers(count, 5), plain = drawNumbers(count, 6), byColumn = drawNumbers(columns, 7);
  const Array<float> a(x), p(plain), c(byColumn);
  Array<float> plainly(count), added(start), biased(start), stretched(start);
  CHECK(finish(addScaled(plainly.data(), a.data(), 0.5f, false, count, nullptr)) && finish(addScaled(added.data(), a.data(), 0.5f, true, count, nullptr)));
  CHECK(finish(addBias(biased.data(), c.data(), rows, columns, nullptr)) && finish(addStretched(stretched.data(), p.data(), a.data(), c.data(), rows, columns, nullptr)));
  for (std::int64_t i = 0; i < count; ++i) {
    const float stretch = byColumn[i % columns];
    CHECK(plainly[i] == 0.5f * x[i]);
    CHECK(added[i] == start[i] + 0.5f * x[i]);
    CHECK(biased[i] == start[i] + stretch);
    CHECK_NEAR(stretched[i], start[i] + (stretch - 1.0) * plain[i] + static_cast<double>(stretch) * x[i], 1e-6);
  }
}

}  // namespace

int main() {
  if (deviceMissing()) return skipped("cuda_generation_kernels_test", 3);
  foretells();
  sums();
  overProducts();
  return report("cuda_generation_kernels_test");
}
