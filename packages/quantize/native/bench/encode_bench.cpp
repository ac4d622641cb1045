// Values a second by type and instruction set, one thread, source and target in the second-level cache; with importance on the right.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "encode.hpp"

using namespace qt;

namespace {

constexpr std::int64_t rows = 128, columns = 1024, count = rows * columns;

double millionsEachSecond(const EncoderTable& table, TensorType type, const std::vector<std::uint8_t>& source, const float* importance, std::vector<std::uint8_t>& out) {
  double best = 1e9, spent = 0;
  for (int round = 0; round < 40 && (round < 3 || spent < 0.3); ++round) {
    const auto start = std::chrono::steady_clock::now();
    if (recode(table, {source.data(), TensorType::F16, rows, columns, importance}, type, out.data())) return 0;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, seconds);
    spent += seconds;
  }
  return static_cast<double>(count) / best / 1e6;
}

}  // namespace

// encode_bench [NAMES]: only types whose names are parts of this.
int main(int argc, char** argv) {
  std::vector<float> values(count), importance(columns);
  std::uint32_t h = 1;
  const auto uniform = [&h] { return static_cast<float>((h = h * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f; };
  for (float& value : values) value = uniform() + uniform() + uniform();
  for (float& weight : importance) weight = 1.0f + uniform();
  std::vector<std::uint8_t> source(count * 2), out(count * 4);
  encodeReference(TensorType::F16, {values.data(), rows, columns}, source.data());

  const char* names[8];
  const int tables = availableEncoders(names, 8);
  std::printf("F16 to     ");
  for (int i = 0; i < tables; ++i) std::printf("%10s %10s", names[i], "weighted");
  std::printf("   million values/s\n");
  for (const auto& [name, type] :
       {std::pair{"BF16", TensorType::BF16}, std::pair{"Q8_0", TensorType::Q8_0}, std::pair{"Q5_1", TensorType::Q5_1}, std::pair{"Q5_0", TensorType::Q5_0},
        std::pair{"Q4_1", TensorType::Q4_1}, std::pair{"Q4_0", TensorType::Q4_0}, std::pair{"Q8_K", TensorType::Q8_K}, std::pair{"Q6_K", TensorType::Q6_K},
        std::pair{"Q5_K", TensorType::Q5_K}, std::pair{"Q4_K", TensorType::Q4_K}, std::pair{"Q3_K", TensorType::Q3_K}, std::pair{"Q2_K", TensorType::Q2_K}, std::pair{"IQ4_NL", TensorType::IQ4_NL}, std::pair{"IQ4_XS", TensorType::IQ4_XS}, std::pair{"IQ3_S", TensorType::IQ3_S},
        std::pair{"IQ3_XXS", TensorType::IQ3_XXS}, std::pair{"IQ2_S", TensorType::IQ2_S}, std::pair{"IQ2_XS", TensorType::IQ2_XS},
        std::pair{"IQ2_XXS", TensorType::IQ2_XXS}, std::pair{"IQ1_M", TensorType::IQ1_M}, std::pair{"IQ1_S", TensorType::IQ1_S},
        std::pair{"TQ1_0", TensorType::TQ1_0}, std::pair{"TQ2_0", TensorType::TQ2_0}, std::pair{"MXFP4", TensorType::MXFP4},
        std::pair{"NVFP4", TensorType::NVFP4}, std::pair{"Q1_0", TensorType::Q1_0}, std::pair{"Q2_0", TensorType::Q2_0}}) {
    if (argc > 1 && std::strstr(argv[1], name) == nullptr) continue;
    std::printf("%-11s", name);
    for (int i = 0; i < tables; ++i) {
      const EncoderTable& table = encoders(names[i]);
      std::printf("%10.0f %10.0f", millionsEachSecond(table, type, source, nullptr, out), millionsEachSecond(table, type, source, importance.data(), out));
    }
    std::printf("\n");
  }
}
