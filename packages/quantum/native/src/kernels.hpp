// What one instruction set offers. A sampler is a block of memory that the caller allocates (64-byte aligned) and frees; it holds its state
// and its random numbers, so that the same calls give the same states on every machine.
#pragma once

#include "problem.hpp"

namespace qt::anneal {

enum class Kind : std::int32_t {
  Scan = 0,   // one state; a vector of variables is tested at once
  Lanes = 1,  // one state in each lane; a variable of all of them at once
  Tabu = 2,   // one state; the best move that is not forbidden
};

struct SamplerTable {
  std::size_t (*bytes)(const Problem&);
  /// States side by side.
  std::int32_t (*width)(const Problem&);
  /// A random state for each lane.
  void (*start)(const Problem&, void* sampler, std::uint64_t seed, std::uint64_t stream);
  /// Scan, Lanes: one sweep for each β. Tabu: parameters are {iterations, tenure, spread of tenure}.
  void (*run)(const Problem&, void* sampler, const float* parameters, std::int32_t count);
  /// Spins of a lane as 0 (−1) or 1 (+1).
  void (*read)(const Problem&, const void* sampler, std::int32_t lane, std::uint8_t* bits);
  void (*write)(const Problem&, void* sampler, std::int32_t lane, const std::uint8_t* bits);
  std::int64_t (*energy)(const void* sampler, std::int32_t lane);
  /// The best state seen since start (or forget); of Lanes over all lanes.
  std::int64_t (*bestEnergy)(const void* sampler);
  void (*readBest)(const Problem&, const void* sampler, std::uint8_t* bits);
  /// The best state seen is the present one from now on.
  void (*forget)(const Problem&, void* sampler);
  /// Lanes: sweeps at a temperature of each lane's own, exchanged after every sweep. `betas` ascend, one for each lane.
  /// After every `clusterEvery` sweeps (0: never) lanes of neighbouring temperatures exchange clusters of equal energy.
  void (*temper)(const Problem&, void* sampler, const float* betas, std::int32_t sweeps, std::int32_t clusterEvery);
};

struct KernelTable {
  const char* name;
  SamplerTable scan16, scan32, lanes16, lanes32, tabu;

  const SamplerTable& of(Kind kind, const Problem& p) const {
    if (kind == Kind::Tabu) return tabu;
    if (kind == Kind::Scan) return p.narrow ? scan16 : scan32;
    return p.narrow ? lanes16 : lanes32;
  }
};

}  // namespace qt::anneal
