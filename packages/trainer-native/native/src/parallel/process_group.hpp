// Some of a job's processes, by their ranks in it, and what they do together. Each is known to the others by its place in the list. On
// the communicator's thread; all of them ask for the same in the same order.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "transport.hpp"

namespace qt {

// One piece of an array for each process: that of rank r is [cuts[r], cuts[r + 1]).
using Cuts = std::vector<std::size_t>;

// Numbers of a piece that are exchanged at a time: what has come is added while it is still in the cache.
inline constexpr std::size_t exchangedAtOnce = std::size_t{1} << 18;

// About alike, at multiples of cache lines.
Cuts evenCuts(std::size_t count, int size);

class ProcessGroup {
 public:
  ProcessGroup(Transport& transport, std::vector<int> ranks, int rank) : transport_(transport), ranks_(std::move(ranks)), rank_(rank) {}

  int rank() const { return rank_; }
  int size() const { return static_cast<int>(ranks_.size()); }

  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in);
  void broadcast(void* data, std::size_t bytes, int root = 0);
  // Everybody's bytes, by rank; they may be of any length.
  std::vector<std::vector<unsigned char>> allGather(std::span<const unsigned char> mine);
  // Every process has its piece of the array, and gets the others'.
  void allGather(void* array, const Cuts& bytes);
  // Everybody's arrays are added, by rank: all have the same sums afterwards.
  void sum(float* array, std::size_t count);
  double sum(double own);

 private:
  Transport& transport_;
  std::vector<int> ranks_;
  int rank_;
  std::vector<float> incoming_;
};

}  // namespace qt
