// Chooses the kernels of this processor. A table is used only after it has walked through the states of the plain one on this machine:
// emulators and miscompilations show here and the next table is tried.
#include "../dispatch.hpp"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace qt::anneal {

extern const KernelTable baselineKernels;
#if defined(__x86_64__)
extern const KernelTable avx2Kernels;
extern const KernelTable avx512Kernels;
#endif

namespace {

struct Candidate {
  const KernelTable* table;
  bool supported;
};

std::vector<Candidate> candidates() {
  std::vector<Candidate> list;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  list.push_back({&avx512Kernels, avx512});
  list.push_back({&avx2Kernels, avx2});
#endif
  list.push_back({&baselineKernels, true});
  return list;
}

// A ring of 70 spins with chords.
struct Sample {
  std::vector<std::int32_t> linear, weights;
  std::vector<std::uint32_t> offsets{0}, neighbours;
  Problem problem;

  explicit Sample(bool narrow) {
    constexpr int n = 70;
    for (int i = 0; i < n; ++i) {
      linear.push_back(i % 5 - 2);
      for (const int step : {1, n - 1, 7, n - 7}) {
        const int j = (i + step) % n;
        neighbours.push_back(static_cast<std::uint32_t>(j));
        weights.push_back((i + j) % 3 == 0 ? -3 : (i * j) % 2 + 1);
      }
      offsets.push_back(static_cast<std::uint32_t>(neighbours.size()));
    }
    problem.size = n;
    problem.narrow = narrow ? 1 : 0;
    problem.linear = linear.data();
    problem.offsets = offsets.data();
    problem.neighbours = neighbours.data();
    problem.weights = weights.data();
  }
};

std::vector<std::int64_t> walk(const SamplerTable& table, const Problem& p, bool tabu) {
  const std::size_t bytes = (table.bytes(p) + 63) / 64 * 64;
  const std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(64, bytes), std::free);
  std::vector<std::int64_t> seen;
  table.start(p, memory.get(), 7, 1);
  const float betas[] = {0.05f, 0.2f, 0.6f, 1.5f}, tabuParameters[] = {50, 8, 5};
  table.run(p, memory.get(), tabu ? tabuParameters : betas, tabu ? 3 : 4);
  if (table.temper != nullptr) {
    std::vector<float> ladder;
    for (int k = 0; k < table.width(p); ++k) ladder.push_back(0.1f + 0.05f * static_cast<float>(k / 2));
    table.temper(p, memory.get(), ladder.data(), 6, 2);
  }
  for (int lane = 0; lane < table.width(p); ++lane) seen.push_back(table.energy(memory.get(), lane));
  seen.push_back(table.bestEnergy(memory.get()));
  return seen;
}

bool selfTest(const KernelTable& table) {
  if (&table == &baselineKernels) return true;
  for (const bool narrow : {true, false}) {
    const Sample sample(narrow);
    for (const Kind kind : {Kind::Scan, Kind::Lanes, Kind::Tabu})
      if (walk(table.of(kind, sample.problem), sample.problem, kind == Kind::Tabu) !=
          walk(baselineKernels.of(kind, sample.problem), sample.problem, kind == Kind::Tabu))
        return false;
  }
  return true;
}

}  // namespace

int availableKernels(const char** names, int most) {
  int count = 0;
  for (const Candidate& c : candidates())
    if (c.supported && count < most && selfTest(*c.table)) names[count++] = c.table->name;
  return count;
}

const KernelTable& kernels(const char* wanted) {
  static const KernelTable* best = [] {
    for (const Candidate& c : candidates())
      if (c.supported && selfTest(*c.table)) return c.table;
    return &baselineKernels;
  }();
  if (wanted == nullptr) return *best;
  for (const Candidate& c : candidates())
    if (c.supported && std::strcmp(wanted, c.table->name) == 0 && selfTest(*c.table)) return *c.table;
  return baselineKernels;
}

}  // namespace qt::anneal
