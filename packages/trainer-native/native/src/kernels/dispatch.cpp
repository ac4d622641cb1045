// Chooses the kernels of this processor. A table is used only after it has agreed with plain loops on this machine:
// emulators and miscompilations show here and the next table is tried.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

#include <qt/blocks.hpp>

#include "table.hpp"

namespace qt {

extern const KernelTable baselineKernels;
#if defined(__x86_64__)
extern const KernelTable avx2Kernels;
extern const KernelTable avx512Kernels;
extern const KernelTable avx512bf16Kernels;
#elif defined(__aarch64__)
extern const KernelTable neonbf16Kernels;
#endif

namespace {

struct Candidate {
  const KernelTable* table;
  bool supported;
};

#if defined(__aarch64__)
bool hasBF16() {
#if defined(__linux__) && defined(HWCAP2_BF16)
  return (getauxval(AT_HWCAP2) & HWCAP2_BF16) != 0;
#elif defined(__APPLE__)
  int has = 0;
  std::size_t size = sizeof has;
  return sysctlbyname("hw.optional.arm.FEAT_BF16", &has, &size, nullptr, 0) == 0 && has != 0;
#else
  return false;
#endif
}
#endif

std::vector<Candidate> candidates() {
  std::vector<Candidate> list;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  list.push_back({&avx512bf16Kernels, avx512 && __builtin_cpu_supports("avx512bf16")});
  list.push_back({&avx512Kernels, avx512});
  list.push_back({&avx2Kernels, avx2});
#elif defined(__aarch64__)
  list.push_back({&neonbf16Kernels, hasBF16()});
#endif
  list.push_back({&baselineKernels, true});
  return list;
}

float hash(std::uint32_t i) {
  i = (i ^ 61u) ^ (i >> 16);
  i *= 9u;
  i ^= i >> 4;
  i *= 0x27d4eb2du;
  i ^= i >> 15;
  return static_cast<float>(i & 0xffff) / 32768.0f - 1.0f;
}

// A product with ragged edges, both multiplications, and the exponential inside the loss.
bool selfTest(const KernelTable& k) {
  constexpr int rows = 13, columns = 37, depth = 301;
  std::vector<float> left(rows * depth), right(columns * depth), out(rows * columns);
  for (int i = 0; i < rows * depth; ++i) left[i] = hash(i);
  for (int i = 0; i < columns * depth; ++i) right[i] = hash(i + 100003);
  for (int wide = 0; wide < 2; ++wide) {
    Product p;
    p.rows = rows;
    p.columns = columns;
    p.tileRows = 16 / k.panelRows * k.panelRows;
    p.tileColumns = 32;
    p.out = out.data();
    p.outStride = columns;
    p.termCount = 1;
    p.terms[0].left = {left.data(), TensorType::F32, rows, depth, depth * sizeof(float)};
    p.terms[0].right = {right.data(), TensorType::F32, columns, depth, depth * sizeof(float)};
    p.terms[0].rightTransposed = true;
    p.terms[0].depth = depth;
    std::vector<unsigned char> scratch(k.productScratch(p) + 64);
    void* aligned = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(scratch.data()) + 63) / 64 * 64);
    for (int r = 0; r * p.tileRows < rows; ++r)
      for (int c = 0; c * p.tileColumns < columns; ++c) k.productTile[wide](p, r, c, aligned);
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) {
        double sum = 0, size = 0;
        for (int d = 0; d < depth; ++d) {
          const double term = static_cast<double>(left[r * depth + d]) * right[c * depth + d];
          sum += term;
          size += std::fabs(term);
        }
        if (!(std::fabs(out[r * columns + c] - sum) <= size * (wide ? 1e-2 : 1e-6))) return false;
      }
  }
  std::vector<float> logits(1003), gradient;
  for (int i = 0; i < 1003; ++i) logits[i] = 8 * hash(i + 7);
  double sum = 0;
  for (const float z : logits) sum += std::exp(static_cast<double>(z));
  gradient = logits;
  bool correct;
  const float loss = k.crossEntropy(gradient.data(), 1003, 11, 1.0f, 0.0f, true, 0.0f, &correct);
  if (!(std::fabs(loss - (std::log(sum) - logits[11])) < 1e-4)) return false;
  for (int i = 0; i < 1003; ++i)
    if (!(std::fabs(gradient[i] - (std::exp(static_cast<double>(logits[i])) / sum - (i == 11))) < 1e-5)) return false;
  return true;
}

// Tables that this processor has and that passed, best first: found once.
const std::vector<const KernelTable*>& usable() {
  static const std::vector<const KernelTable*> tables = [] {
    std::vector<const KernelTable*> list;
    for (const Candidate& c : candidates())
      if (c.supported && selfTest(*c.table)) list.push_back(c.table);
    return list;
  }();
  return tables;
}

}  // namespace

int availableKernels(const char** names, int most) {
  int count = 0;
  for (const KernelTable* table : usable())
    if (count < most) names[count++] = table->name;
  return count;
}

const KernelTable& kernels(const char* wanted) {
  for (const KernelTable* table : usable())
    if (wanted == nullptr || std::strcmp(wanted, table->name) == 0) return *table;
  return baselineKernels;
}

}  // namespace qt
