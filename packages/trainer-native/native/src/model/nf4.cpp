#include "nf4.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../train/optimizer/codes.hpp"

namespace qt {
namespace {

constexpr float levels[16] = {-1.0f,                 -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
                              -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
                              0.07958029955625534f,  0.16093020141124725f,  0.24611230194568634f,  0.33791524171829224f,
                              0.44070982933044434f,  0.5626170039176941f,   0.7229568362236023f,   1.0f};

// The nearest level; of two that are as near, the lower one.
std::uint8_t nearestLevel(float x) {
  std::uint8_t code = 0;
  for (int i = 0; i < 15; ++i) code += std::fabs(x - levels[i + 1]) < std::fabs(x - levels[i]);
  return code;
}

// The nearest of the table of scales, which MomentCodes::nearest is not below the least positive one.
std::uint8_t nearestScale(float x) {
  const auto& borders = signedCodes().borders;
  return static_cast<std::uint8_t>(std::lower_bound(borders.begin(), borders.end(), x) - borders.begin());
}

}  // namespace

float Nf4Numbers::scale(std::int64_t group) const { return signedCodes().values[scales[group]] * nested[group / nf4ScalesTogether] + offset; }

void Nf4Numbers::write(BlockNF4* blocks) const {
  for (std::size_t i = 0; i < scales.size(); ++i) {
    const float own = scale(static_cast<std::int64_t>(i));
    std::memcpy(blocks[i].d, &own, sizeof own);
    std::memcpy(blocks[i].qs, codes.data() + i * nf4Group / 2, sizeof blocks[i].qs);
  }
}

Nf4Numbers quantiseNf4(ThreadPool& pool, const KernelTable& kernels, const MatrixView& weight) {
  const std::int64_t perRow = weight.columns / nf4Group, groups = weight.rows * perRow;
  Nf4Numbers out;
  out.codes.resize(static_cast<std::size_t>(groups * nf4Group / 2));
  std::vector<float> largest(static_cast<std::size_t>(groups));
  pool.run(weight.rows, [&](std::int64_t row, int) {
    std::vector<float> values(static_cast<std::size_t>(weight.columns) + 256);
    kernels.decodeRow(weight, row, values.data());
    for (std::int64_t g = 0; g < perRow; ++g) {
      const float* x = values.data() + g * nf4Group;
      float most = 0;
      for (std::int64_t i = 0; i < nf4Group; ++i) most = std::max(most, std::fabs(x[i]));
      const std::int64_t group = row * perRow + g;
      largest[group] = most;
      const float inverse = 1.0f / most;
      const auto code = [&](std::int64_t i) { return most > 0 ? nearestLevel(std::clamp(x[i] * inverse, -1.0f, 1.0f)) : nearestLevel(0.0f); };
      for (std::int64_t i = 0; i < nf4Group; i += 2)
        out.codes[(group * nf4Group + i) / 2] = static_cast<std::uint8_t>(code(i) << 4 | code(i + 1));
    }
  });
  double sum = 0;
  for (const float value : largest) sum += value;
  out.offset = static_cast<float>(sum / static_cast<double>(groups));
  out.scales.resize(static_cast<std::size_t>(groups));
  for (std::int64_t first = 0; first < groups; first += nf4ScalesTogether) {
    const std::int64_t last = std::min(groups, first + nf4ScalesTogether);
    float most = 0;
    for (std::int64_t g = first; g < last; ++g) most = std::max(most, std::fabs(largest[g] - out.offset));
    out.nested.push_back(most);
    for (std::int64_t g = first; g < last; ++g) out.scales[g] = nearestScale(most > 0 ? (largest[g] - out.offset) / most : 0.0f);
  }
  return out;
}

}  // namespace qt
