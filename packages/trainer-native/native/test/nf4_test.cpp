// Quantising to NF4 gives the bytes that bitsandbytes gives.
#include <cmath>
#include <cstring>

#include "check.hpp"
#include "model/nf4.hpp"
#include "nf4_reference.hpp"
#include "product.hpp"

using namespace qt;
using namespace qt::test;

namespace {

// As `hashed` of fixtures/make_nf4.py.
std::uint32_t hashed(std::uint32_t i, std::uint32_t seed) {
  std::uint32_t x = i * 2654435761u + seed;
  x = (x ^ (x >> 15)) * 2246822519u;
  x = (x ^ (x >> 13)) * 3266489917u;
  return x ^ (x >> 16);
}

}  // namespace

int main() {
  std::vector<float> values;
  for (int g = 0; g < nf4Groups; ++g)
    for (int i = 0; i < 64; ++i)
      values.push_back(g == 7 ? 0.0f : static_cast<float>(((hashed(static_cast<std::uint32_t>(g * 64 + i), 99) >> 8) / 16777216.0 - 0.5) * (1 + (g % 37) / 8.0)));
  for (const int threads : {1, 3})
    for (const int perRow : {1, 5}) {  // rows change nothing: groups follow one another
      ThreadPool pool(threads);
      const Nf4Numbers found = quantiseNf4(pool, kernels(), dense(values.data(), DType::F32, nf4Groups / perRow, 64 * perRow));
      CHECK(found.codes.size() == sizeof nf4Codes && std::memcmp(found.codes.data(), nf4Codes, sizeof nf4Codes) == 0);
      CHECK(found.scales.size() == sizeof nf4Scales && std::memcmp(found.scales.data(), nf4Scales, sizeof nf4Scales) == 0);
      CHECK(found.nested.size() == std::size(nf4Nested));
      // Means are summed in another order.
      for (std::size_t i = 0; i < found.nested.size(); ++i) CHECK_NEAR(found.nested[i] / nf4Nested[i], 1.0, 1e-6);
      CHECK_NEAR(found.offset / nf4Offset, 1.0, 1e-6);
    }
  return report("nf4_test");
}
