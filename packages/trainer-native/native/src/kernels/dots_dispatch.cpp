// Chooses the integer products of this processor; like the other kernels they are used only after agreeing with plain loops here.
#include <cmath>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <qt/blocks.hpp>

#include "dots.hpp"

namespace qt {

extern const DotKernels plainDots;
#if defined(__x86_64__)
extern const DotKernels avx2Dots;
extern const DotKernels avxvnniDots;
extern const DotKernels avx512vnniDots;
#elif defined(__aarch64__)
extern const DotKernels neonDots;
#endif

namespace {

constexpr TensorType dotTypes[] = {TensorType::Q4_0, TensorType::Q4_1, TensorType::Q5_0, TensorType::Q5_1, TensorType::Q8_0,
                                   TensorType::IQ4_NL, TensorType::MXFP4, TensorType::Q2_K, TensorType::Q3_K, TensorType::Q4_K,
                                   TensorType::Q5_K, TensorType::Q6_K, TensorType::IQ4_XS};

std::uint32_t hash(std::uint32_t i) {
  i = (i ^ 61u) ^ (i >> 16);
  i *= 9u;
  i ^= i >> 4;
  i *= 0x27d4eb2du;
  return i ^ (i >> 15);
}

// Every type, on random blocks: five rows by seven inputs against the decoded values, and rounding to 8 bits against its definition.
bool selfTest(const DotKernels& k) {
  constexpr int rows = 5, inputs = 7, columns = 512;
  std::vector<float> x(inputs * columns), scales(inputs * columns / dotGroup), sums(inputs * columns / 16), y(inputs * rows), decoded(columns);
  std::vector<std::int8_t> q(inputs * columns);
  for (int i = 0; i < inputs * columns; ++i) x[i] = static_cast<float>(hash(i) & 0xffff) / 32768.0f - 1.0f;
  const DotRows rounded{q.data(), scales.data(), sums.data(), columns};
  for (int i = 0; i < inputs; ++i) {
    k.quantise(x.data() + i * columns, 0, 256, rounded.from(i));
    k.quantise(x.data() + i * columns, 256, columns, rounded.from(i));
  }
  for (int i = 0; i < inputs * columns; ++i) {
    const float scale = scales[i / dotGroup];
    if (!(std::fabs(q[i] * scale - x[i]) <= 0.5001f * scale)) return false;
  }
  std::vector<unsigned char> blocks;
  for (const TensorType type : dotTypes) {
    const BlockTraits traits = blockTraits(type);
    const std::size_t row = columns / traits.size * traits.bytes;
    blocks.resize(rows * row);
    for (std::size_t i = 0; i < blocks.size(); ++i) blocks[i] = static_cast<unsigned char>(hash(static_cast<std::uint32_t>(i) + 77777) >> 7);
    // Exponents of scales are made small: half-precision scales lie at even places of every block, and any of these bytes may be one.
    for (std::size_t i = 1; i < blocks.size(); i += 2)
      if ((blocks[i] & 0x7c) == 0x7c) blocks[i] &= 0x3f;
    for (std::size_t i = 0; i < blocks.size(); ++i)
      if (type == TensorType::MXFP4 && i % 17 == 0) blocks[i] = 120 + blocks[i] % 8;
    k.rows({blocks.data(), type, rows, columns, row}, rounded, inputs, 0, rows, y.data(), rows);
    for (int r = 0; r < rows; ++r) {
      decodeBlocks(type, blocks.data() + r * row, columns / traits.size, decoded.data());
      for (int i = 0; i < inputs; ++i) {
        double sum = 0, size = 0;
        for (int c = 0; c < columns; ++c) {
          const double xc = static_cast<double>(q[i * columns + c]) * scales[(i * columns + c) / dotGroup];
          sum += decoded[c] * xc;
          // Offsets cancel against codes: what is rounded is as large as the codes times their scale.
          size += (std::fabs(static_cast<double>(decoded[c])) + 1e-3) * std::fabs(xc);
        }
        if (!std::isfinite(sum)) continue;
        if (!(std::fabs(y[i * rows + r] - sum) <= 2e-5 * size)) return false;
      }
    }
  }
  return true;
}

struct Candidate {
  const DotKernels* table;
  bool supported;
};

#if defined(__x86_64__)
// Leaf 7, subleaf 1, bit 4 of eax: GCC 12 has no name for it in __builtin_cpu_supports.
bool hasAvxVnni() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 4 & 1) != 0;
}
#elif defined(__aarch64__)
bool hasDotProduct() {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0;
#else
  return true;  // every Apple core that runs 64-bit macOS has it
#endif
}
#endif

std::vector<Candidate> candidates() {
  std::vector<Candidate> list;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  list.push_back({&avx512vnniDots, avx2 && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                                       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vnni")});
  list.push_back({&avxvnniDots, avx2 && hasAvxVnni()});
  list.push_back({&avx2Dots, avx2});
#elif defined(__aarch64__)
  list.push_back({&neonDots, hasDotProduct()});
#endif
  list.push_back({&plainDots, true});
  return list;
}

const std::vector<const DotKernels*>& usable() {
  static const std::vector<const DotKernels*> tables = [] {
    std::vector<const DotKernels*> list;
    for (const Candidate& c : candidates())
      if (c.supported && selfTest(*c.table)) list.push_back(c.table);
    return list;
  }();
  return tables;
}

}  // namespace

bool hasDots(TensorType type) {
  for (const TensorType t : dotTypes)
    if (t == type) return true;
  return false;
}

int availableDots(const char** names, int most) {
  int count = 0;
  for (const DotKernels* table : usable())
    if (count < most) names[count++] = table->name;
  return count;
}

const DotKernels& dotKernelsNamed(const char* name) {
  for (const DotKernels* table : usable())
    if (std::strcmp(name, table->name) == 0) return *table;
  return plainDots;
}

const DotKernels& dotKernels(const KernelTable& table) {
  const bool baseline = std::strcmp(table.name, "baseline") == 0, avx2 = std::strcmp(table.name, "avx2") == 0;
#if defined(__x86_64__)
  for (const DotKernels* dots : usable()) {
    if (baseline && dots != &plainDots) continue;
    if (avx2 && dots == &avx512vnniDots) continue;
    return *dots;
  }
  return plainDots;
#else
  (void)avx2;
  return *usable().front();
#endif
}

}  // namespace qt
