// Which process keeps the optimiser's state of which numbers, and updates them. What is trained is cut into buckets of neighbouring layers,
// whose gradients travel together, and each bucket among the processes: so all of them send and receive at the same time. Of a bucket's
// gradients a process keeps its own piece (ZeRO-2, Rajbhandari et al., arXiv 1910.02054); the whole lies in passing in a room that
// later buckets use again.
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
  // From which block's backward pass on it is written, and which one completes it. Blocks are worked on downwards; above them, at
  // the number of blocks, is the loss, and below them, at −1, the embedding.
  int first = 0, last = 0;
  std::size_t room = 0;   // in floats, among the rooms: where a pass writes it
  std::size_t piece = 0;  // in floats, among the sums: where this process's piece of it is kept
};

// Where an optimiser looks at each number for itself, a tensor may be cut, at whole tasks of its step.
bool mayCut(OptimizerKind kind);

// `layers`: how many blocks there are. `tied`: the loss writes into the embedding's gradient. `group`: how many processes share each block.
// They have parts of other sizes, and all the same tensors in the same buckets, since they add up what each has of those.
std::vector<Bucket> cutBuckets(const std::vector<TrainedTensor>& tensors, std::size_t count, OptimizerKind kind, int processes, int layers, bool tied, int group);

// Gives the buckets rooms: what is sent stays until the bucket after the next is written. Returns how many floats they take together.
std::size_t placeRooms(std::vector<Bucket>& buckets);

}  // namespace qt
