// Chooses the kernels of this processor. A table is used only after it has agreed with plain loops on this machine:
// emulators and miscompilations show here and the next table is tried.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
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
extern const KernelTable amxKernels;
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

#if defined(__x86_64__)
// Whether the processor has tile registers for bfloat16 and the system lets this process use them: they are many, so it must be asked.
bool mayUseTiles() {
#if defined(__linux__)
  unsigned a, b, c, d;
  constexpr unsigned tiles = 1u << 24, bf16 = 1u << 22;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & tiles) == 0 || (d & bf16) == 0) return false;
  constexpr long requestPermission = 0x1023, tileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
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
  const bool avx512bf16 = avx512 && __builtin_cpu_supports("avx512bf16");
  list.push_back({&amxKernels, avx512bf16 && mayUseTiles()});
  list.push_back({&avx512bf16Kernels, avx512bf16});
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

// One term of a product and what it adds in plain loops.
struct TestTerm {
  int rows, columns, depth;
  bool leftTransposed, rightTransposed;
  std::vector<float> left = std::vector<float>(rows * depth), right = std::vector<float>(columns * depth);

  // Numbers that bfloat16 holds too, where it is what multiplies: then its sums are as exact as float32's.
  void fill(std::uint32_t seed, bool coarse) {
    const auto number = [&](std::uint32_t i) { return coarse ? std::floor(hash(i) * 128.0f) / 128.0f : hash(i); };
    for (int i = 0; i < rows * depth; ++i) left[i] = number(seed + i);
    for (int i = 0; i < columns * depth; ++i) right[i] = number(seed + i + 100003);
  }
  double at(int r, int c, int d) const {
    return static_cast<double>(left[leftTransposed ? d * rows + r : r * depth + d]) * right[rightTransposed ? c * depth + d : d * columns + c];
  }
  MatrixView leftView() const {
    const int stored = leftTransposed ? rows : depth;
    return {left.data(), TensorType::F32, leftTransposed ? depth : rows, stored, stored * sizeof(float)};
  }
  MatrixView rightView() const {
    const int stored = rightTransposed ? depth : columns;
    return {right.data(), TensorType::F32, rightTransposed ? columns : depth, stored, stored * sizeof(float)};
  }
};

// Bytes whose first is on a border of 64.
struct Aligned {
  std::vector<unsigned char> bytes;
  explicit Aligned(std::size_t count) : bytes(count + 64) {}
  void* data() { return reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(bytes.data()) + 63) / 64 * 64); }
};

// The sum of terms over ragged edges, by both multiplications; left sides packed as they are used, or ahead as training does.
bool productsAgree(const KernelTable& k, std::vector<TestTerm> terms, bool ahead) {
  const int rows = terms[0].rows, columns = terms[0].columns;
  std::vector<float> out(rows * columns);
  for (int wide = 0; wide < 2; ++wide) {
    for (std::size_t i = 0; i < terms.size(); ++i) terms[i].fill(static_cast<std::uint32_t>(i) * 300007u, wide == 1);
    Product p;
    p.rows = rows;
    p.columns = columns;
    p.tileRows = 48 / k.panelRows[wide] * k.panelRows[wide];  // a block of any set, whole
    p.tileColumns = 32;
    p.out = out.data();
    p.outStride = columns;
    std::vector<Aligned> packed;
    for (const TestTerm& t : terms) {
      if (!ahead) {
        p.addPlain(t.leftView(), t.leftTransposed, t.rightView(), t.rightTransposed, t.depth);
        continue;
      }
      packed.emplace_back(k.packedLeftBytes[wide](rows, t.depth));
      k.packLeft[wide](t.leftView(), t.leftTransposed, rows, t.depth, 0, (rows + k.panelRows[wide] - 1) / k.panelRows[wide], packed.back().data());
      p.add(packed.back().data(), t.rightView(), t.rightTransposed, t.depth);
    }
    Aligned scratch(k.productScratch(p));
    for (int r = 0; r * p.tileRows < rows; ++r)
      for (int c = 0; c * p.tileColumns < columns; ++c) k.productTile[wide](p, r, c, scratch.data());
    for (int r = 0; r < rows; ++r)
      for (int c = 0; c < columns; ++c) {
        double sum = 0, size = 0;
        for (const TestTerm& t : terms)
          for (int d = 0; d < t.depth; ++d) {
            sum += t.at(r, c, d);
            size += std::fabs(t.at(r, c, d));
          }
        if (!(std::fabs(out[r * columns + c] - sum) <= size * 1e-6)) return false;
      }
  }
  return true;
}

}  // namespace

// Products as single ones and as training takes them, and the exponential inside the loss.
bool agreesWithPlainLoops(const KernelTable& k) {
  constexpr int rows = 61, columns = 37;
  if (!productsAgree(k, {{rows, columns, 301, false, true}}, false)) return false;
  // Stretches of 640 and 512, and one that goes on from the second term into the third; a left side stored [depth, rows].
  if (!productsAgree(k, {{rows, columns, 640, true, true}, {rows, columns, 700, false, false}, {rows, columns, 16, false, true}}, true)) return false;
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

namespace {

// Tables that this processor has and that passed, best first: found once.
const std::vector<const KernelTable*>& usable() {
  static const std::vector<const KernelTable*> tables = [] {
    std::vector<const KernelTable*> list;
    for (const Candidate& c : candidates())
      if (c.supported && agreesWithPlainLoops(*c.table)) list.push_back(c.table);
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
