// libFuzzer: whatever the numbers and their importance, every table writes the bytes of the reference or refuses what it refuses, and
// nothing past the end; what was written decodes to finite numbers.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "encode.hpp"

using namespace qt;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const TensorType type = encodableTypes[data[0] % std::size(encodableTypes)];
  const BlockTraits traits = blockTraits(type);
  const auto columns = static_cast<std::int64_t>(traits.size) * (1 + data[1] % 4);
  const bool weighted = data[2] % 2 == 1;
  std::vector<float> numbers((size - 3) / sizeof(float));
  if (!numbers.empty()) std::memcpy(numbers.data(), data + 3, numbers.size() * sizeof(float));
  std::vector<float> importance;
  if (weighted) {
    if (numbers.size() < static_cast<std::size_t>(columns)) return 0;
    // Weights are finite and not negative: the caller has seen to that.
    for (std::int64_t i = 0; i < columns; ++i) importance.push_back(std::isfinite(numbers[i]) ? std::min(std::fabs(numbers[i]), 1e15f) : 0.0f);
    numbers.erase(numbers.begin(), numbers.begin() + columns);
  }
  // Few rows: searches are slow.
  const auto rows = std::min<std::int64_t>(4, static_cast<std::int64_t>(numbers.size()) / columns);
  if (rows == 0) return 0;
  numbers.resize(static_cast<std::size_t>(rows * columns));
  numbers.shrink_to_fit();

  const std::size_t bytes = static_cast<std::size_t>(rows * columns) / traits.size * traits.bytes;
  // Buffers of the exact size: one byte too far is found.
  std::vector<std::uint8_t> expected(bytes), written(bytes);
  const Rows in{numbers.data(), rows, columns, weighted ? importance.data() : nullptr};
  const Fault fault = encodeReference(type, in, expected.data());
  const char* names[8];
  const int tables = availableEncoders(names, 8);
  for (int i = 0; i < tables; ++i) {
    const EncoderTable& table = encoders(names[i]);
    const bool accepted = table.encode(type, in, written.data());
    if (accepted == static_cast<bool>(fault)) std::abort();
    if (accepted && written != expected) std::abort();
  }
  if (fault) return 0;
  const EncoderTable& table = encoders();
  if (firstNotFinite(table, type, expected.data(), rows * columns) >= 0) std::abort();
  return 0;
}
