// Speed of integer products of one row of activations: GB/s of blocks read, by instruction set and type, in the second-level
// cache and from memory. Times are the processor's. usage: dot_bench
#include <cstdio>
#include <ctime>
#include <vector>

#include <qt/blocks.hpp>

#include "kernels/dots.hpp"

using namespace qt;

static double now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

int main() {
  constexpr int columns = 1536;
  struct { const char* name; TensorType type; } types[] = {{"Q4_0", TensorType::Q4_0}, {"Q4_1", TensorType::Q4_1}, {"Q5_0", TensorType::Q5_0},
      {"Q5_1", TensorType::Q5_1}, {"Q8_0", TensorType::Q8_0}, {"IQ4_NL", TensorType::IQ4_NL}, {"MXFP4", TensorType::MXFP4}, {"Q2_K", TensorType::Q2_K},
      {"Q3_K", TensorType::Q3_K}, {"Q4_K", TensorType::Q4_K}, {"Q5_K", TensorType::Q5_K}, {"Q6_K", TensorType::Q6_K}, {"IQ4_XS", TensorType::IQ4_XS}};
  std::vector<float> x(4 * columns, 0.25f), scales(4 * columns / 32), sums(4 * columns / 16), y(4 * 65536);
  std::vector<std::int8_t> q(4 * columns);
  const DotRows rows{q.data(), scales.data(), sums.data(), columns};
  const char* names[8];
  const int count = availableDots(names, 8);
  std::vector<unsigned char> weights(96 << 20, 0x11);
  std::printf("%-11s %-7s  GB/s cached 1, 4 inputs; from memory   Gweights/s cached\n", "", "");
  for (int n = 0; n < count; ++n) {
    const DotKernels& k = dotKernelsNamed(names[n]);
    for (int i = 0; i < 4; ++i) k.quantise(x.data() + i * columns, 0, columns, rows.from(i));
    for (const auto& t : types) {
      const std::size_t row = rowBytes(t.type, columns);
      const auto speed = [&](std::int64_t many, int inputs, int repeats) {
        const MatrixView view{weights.data(), t.type, many, columns, row};
        double best = 1e9;
        for (int attempt = 0; attempt < 3; ++attempt) {
          const double begin = now();
          for (int r = 0; r < repeats; ++r) k.rows(view, rows, inputs, 0, many, y.data(), many);
          const double seconds = (now() - begin) / repeats;
          best = seconds < best ? seconds : best;
        }
        return static_cast<double>(many) * static_cast<double>(row) / best / 1e9;
      };
      const double cached = speed(256, 1, 40), four = speed(256, 4, 20), memory = speed(static_cast<std::int64_t>((64 << 20) / row), 1, 1);
      std::printf("%-11s %-7s  %6.1f %6.1f %6.1f   %6.1f\n", k.name, t.name, cached, four, memory, cached / static_cast<double>(row) * columns);
    }
  }
}
