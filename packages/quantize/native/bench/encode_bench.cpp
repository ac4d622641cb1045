// Values a second by type and instruction set, one thread, source and target in the second-level cache.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

#include "encode.hpp"

using namespace qt;

int main() {
  constexpr std::int64_t count = 1 << 17;
  std::vector<float> values(count);
  std::uint32_t h = 1;
  for (float& value : values) value = static_cast<float>((h = h * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f;
  std::vector<std::uint8_t> source(count * 2), out(count * 4);
  encodeReference(TensorType::F16, values.data(), count, source.data());

  const char* names[8];
  const int tables = availableEncoders(names, 8);
  std::printf("F16 to     ");
  for (int i = 0; i < tables; ++i) std::printf("%12s", names[i]);
  std::printf("   million values/s\n");
  for (const auto& [name, type] : {std::pair{"BF16", TensorType::BF16}, std::pair{"Q8_0", TensorType::Q8_0}, std::pair{"Q5_1", TensorType::Q5_1},
                                   std::pair{"Q5_0", TensorType::Q5_0}, std::pair{"Q4_1", TensorType::Q4_1}, std::pair{"Q4_0", TensorType::Q4_0}}) {
    std::printf("%-11s", name);
    for (int i = 0; i < tables; ++i) {
      const EncoderTable& table = encoders(names[i]);
      double best = 1e9;
      for (int round = 0; round < 40; ++round) {
        const auto start = std::chrono::steady_clock::now();
        if (recode(table, TensorType::F16, source.data(), count, type, out.data())) return 1;
        best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      }
      std::printf("%12.0f", static_cast<double>(count) / best / 1e6);
    }
    std::printf("\n");
  }
}
