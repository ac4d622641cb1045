// Every kernel of every instruction set against plain sums: energies are those of the states, the optimum of small models is found, and
// one and the same seed walks through the same states whatever the instruction set.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <memory>
#include <vector>

#include "check.hpp"
#include "dispatch.hpp"

using namespace qt::anneal;

namespace {

struct Model {
  std::vector<std::int32_t> linear, weights;
  std::vector<std::uint32_t> offsets{0}, neighbours;
  std::vector<std::int8_t> square;
  Problem problem;

  Model(int n, int percent, unsigned seed, int largest, bool narrow, bool dense) {
    const auto next = [&seed] { return (seed = seed * 1664525u + 1013904223u) >> 8; };
    std::vector<std::int32_t> j(static_cast<std::size_t>(n * n));
    for (int a = 0; a < n; ++a)
      for (int b = a + 1; b < n; ++b)
        if (static_cast<int>(next() % 100) < percent)
          j[static_cast<std::size_t>(a * n + b)] = j[static_cast<std::size_t>(b * n + a)] = static_cast<int>(next() % static_cast<unsigned>(2 * largest + 1)) - largest;
    square.assign(static_cast<std::size_t>(n) * static_cast<std::size_t>(padded(n)), 0);
    for (int a = 0; a < n; ++a) {
      linear.push_back(static_cast<int>(next() % static_cast<unsigned>(2 * largest + 1)) - largest);
      for (int b = 0; b < n; ++b) {
        const std::int32_t w = j[static_cast<std::size_t>(a * n + b)];
        if (w == 0) continue;
        neighbours.push_back(static_cast<std::uint32_t>(b));
        weights.push_back(w);
        square[static_cast<std::size_t>(a) * static_cast<std::size_t>(padded(n)) + static_cast<std::size_t>(b)] = static_cast<std::int8_t>(w);
      }
      offsets.push_back(static_cast<std::uint32_t>(neighbours.size()));
    }
    problem.size = n;
    problem.narrow = narrow ? 1 : 0;
    problem.linear = linear.data();
    problem.offsets = offsets.data();
    problem.neighbours = neighbours.data();
    problem.weights = weights.data();
    if (dense) {
      problem.square = square.data();
      problem.squareBytes = 1;
    }
  }

  std::int64_t energy(const std::vector<std::uint8_t>& bits) const {
    std::int64_t twice = 0;
    for (int i = 0; i < problem.size; ++i) {
      const int s = bits[static_cast<std::size_t>(i)] ? 1 : -1;
      twice += 2 * s * linear[static_cast<std::size_t>(i)];
      for (std::uint32_t e = offsets[static_cast<std::size_t>(i)]; e < offsets[static_cast<std::size_t>(i) + 1]; ++e)
        twice += s * (bits[neighbours[e]] ? 1 : -1) * weights[e];
    }
    return twice / 2;
  }

  std::int64_t optimum() const {
    std::int64_t best = INT64_MAX;
    std::vector<std::uint8_t> bits(static_cast<std::size_t>(problem.size));
    for (unsigned x = 0; x < 1u << problem.size; ++x) {
      for (int i = 0; i < problem.size; ++i) bits[static_cast<std::size_t>(i)] = x >> i & 1;
      best = std::min(best, energy(bits));
    }
    return best;
  }
};

using Memory = std::unique_ptr<void, decltype(&std::free)>;
Memory memoryOf(const SamplerTable& table, const Problem& p) { return {std::aligned_alloc(64, (table.bytes(p) + 63) / 64 * 64), std::free}; }

void advance(const SamplerTable& table, const Problem& p, void* sampler, Kind kind) {
  std::vector<float> betas;
  for (int k = 0; k < 60; ++k) betas.push_back(0.005f * std::bit_cast<float>(0x3f800000 + (k << 19)));
  const float tabu[] = {400, 5, 6};
  if (kind == Kind::Tabu) table.run(p, sampler, tabu, 3);
  else table.run(p, sampler, betas.data(), static_cast<std::int32_t>(betas.size()));
  if (table.temper == nullptr) return;
  std::vector<float> ladder;
  for (int k = 0; k < table.width(p); ++k) ladder.push_back(0.02f * static_cast<float>(1 + k / 2));
  table.temper(p, sampler, ladder.data(), 40, 3);
}

// A run in slices of any length walks through the same states as one call.
void sameInSlices(const KernelTable& kernels, const Model& model, Kind kind) {
  const Problem& p = model.problem;
  const SamplerTable& table = kernels.of(kind, p);
  const Memory whole = memoryOf(table, p), sliced = memoryOf(table, p);
  table.start(p, whole.get(), 3, 4);
  table.start(p, sliced.get(), 3, 4);
  const auto go = [&](void* sampler, int from, int count) {
    const float tabu[] = {static_cast<float>(count), 5, 6};
    std::vector<float> betas;
    for (int k = from; k < from + count; ++k) betas.push_back(0.02f * static_cast<float>(1 + k));
    if (kind == Kind::Tabu) table.run(p, sampler, tabu, 3);
    else table.run(p, sampler, betas.data(), count);
  };
  // Tabu search goes straight downhill at first: chance comes into it afterwards.
  const int all = kind == Kind::Tabu ? 1000 : 60;
  go(whole.get(), 0, all);
  for (int done = 0, slice = 1; done < all; done += slice, slice = std::min(slice + 2, all - done)) go(sliced.get(), done, slice);
  for (int lane = 0; lane < table.width(p); ++lane) CHECK(table.energy(whole.get(), lane) == table.energy(sliced.get(), lane));
  std::vector<std::uint8_t> one(static_cast<std::size_t>(p.size)), two = one;
  table.read(p, whole.get(), 0, one.data());
  table.read(p, sliced.get(), 0, two.data());
  CHECK(one == two);
}

void agrees(const KernelTable& kernels, const Model& model, Kind kind) {
  const Problem& p = model.problem;
  const SamplerTable& table = kernels.of(kind, p);
  const Memory memory = memoryOf(table, p);
  table.start(p, memory.get(), 3, 4);
  advance(table, p, memory.get(), kind);
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(p.size));
  for (int lane = 0; lane < table.width(p); ++lane) {
    table.read(p, memory.get(), lane, bits.data());
    CHECK(table.energy(memory.get(), lane) == model.energy(bits));
  }
  table.readBest(p, memory.get(), bits.data());
  CHECK(table.bestEnergy(memory.get()) == model.energy(bits));
  for (auto& bit : bits) bit ^= 1;
  table.write(p, memory.get(), table.width(p) - 1, bits.data());
  CHECK(table.energy(memory.get(), table.width(p) - 1) == model.energy(bits));
  // The plain table walks through the same states.
  const SamplerTable& plain = qt::anneal::kernels("baseline").of(kind, p);
  const Memory other = memoryOf(plain, p);
  plain.start(p, other.get(), 3, 4);
  advance(plain, p, other.get(), kind);
  for (int lane = 0; lane + 1 < table.width(p); ++lane) CHECK(plain.energy(other.get(), lane) == table.energy(memory.get(), lane));
}

}  // namespace

int main() {
  const char* names[4];
  const int count = availableKernels(names, 4);
  CHECK(count >= 1);
  for (int t = 0; t < count; ++t) {
    const KernelTable& kernels = qt::anneal::kernels(names[t]);
    for (const Kind kind : {Kind::Scan, Kind::Lanes, Kind::Tabu})
      for (const bool narrow : {true, false})
        for (const bool dense : {false, true}) {
          if (dense && kind == Kind::Lanes) continue;
          for (const int n : {1, 2, 31, 32, 33, 100}) agrees(kernels, Model(n, n < 40 ? 60 : 15, static_cast<unsigned>(n), 9, narrow, dense), kind);
          sameInSlices(kernels, Model(200, 15, 7, 9, narrow, dense), kind);
          const Model small(12, 50, 5, 9, narrow, dense);
          const SamplerTable& table = kernels.of(kind, small.problem);
          const Memory memory = memoryOf(table, small.problem);
          table.start(small.problem, memory.get(), 1, 2);
          for (int again = 0; again < 5; ++again) advance(table, small.problem, memory.get(), kind);
          CHECK(table.bestEnergy(memory.get()) == small.optimum());
        }
  }
  return report("kernels_test");
}
