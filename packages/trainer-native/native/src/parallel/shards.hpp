// Which process keeps the optimiser's state of which numbers, and updates them. What is trained is cut into buckets of neighbouring layers,
// whose gradients travel together, and each bucket among the processes: so all of them send and receive at the same time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../train/optimizer/optimizer.hpp"

namespace qt {

struct TrainedTensor;

struct Bucket {
  std::size_t begin = 0, end = 0;  // in floats, alike in parameters and gradients
  std::vector<std::size_t> cuts;   // of each process: [cuts[r], cuts[r + 1])
  int layer = -1;                  // whose backward pass completes it; −1: the end of the pass does
};

// Where an optimiser looks at each number for itself, a tensor may be cut, at whole tasks of its step.
bool mayCut(OptimizerKind kind);

std::vector<Bucket> cutBuckets(const std::vector<TrainedTensor>& tensors, std::size_t count, OptimizerKind kind, int processes);

}  // namespace qt
