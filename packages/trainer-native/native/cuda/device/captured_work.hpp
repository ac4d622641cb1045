// Stretches of work that are one launch when they are met again, by what their launches depend on.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "runtime.hpp"

namespace qt::cuda {

// What a driver takes for a launch in a graph, in bytes, was not measured here; others report 10,000 on drivers of 2025 (NVIDIA/cccl pull
// request 3768) and 64 KiB on one of 2021. So many are planned for; a driver that has less to give ends the capturing and not the run.
inline constexpr std::size_t graphNodeBytes = std::size_t{16} << 10;
// Launches of a block and of each chunk of its feed-forward: forwards, once more where that is repeated, and backwards, with weights that are
// decoded. Of the longest rows, whose launches are few beside their work, not all are kept.
inline constexpr std::size_t graphNodesOfBlock = 64, graphNodesOfChunk = 48, mostGraphNodes = 4096;

class CapturedWork {
 public:
  // The stretch, the batch's tokens, and how many tiles each pass of attention has.
  using Sizes = std::vector<std::int64_t>;
  struct Entry {
    std::shared_ptr<Runtime::Graph> graph;  // null: met, not captured
  };

  explicit CapturedWork(Runtime& runtime) : runtime_(runtime) {}
  // Launches that may be kept together.
  void allow(std::size_t nodes) { allowed_ = nodes; }

  // Null where the work is to be asked for as ever: it is met for the first time, or nothing more is kept.
  Entry* met(Sizes sizes);
  // Launches from here to `keep` or `drop` are captured instead of done; false: they cannot be.
  bool begin();
  // False: the driver cannot; nothing was done, and nothing is kept.
  bool keep(Entry& entry);
  void drop();
  Status replay(const Entry& entry);
  // Nothing is captured any more.
  void giveUp();
  void forget();

  // How often work was one launch; how many launches are kept in all.
  std::size_t replays() const { return replays_; }
  std::size_t nodes() const { return nodes_; }

 private:
  Runtime& runtime_;
  std::map<Sizes, Entry> entries_;
  std::size_t allowed_ = 0, nodes_ = 0, replays_ = 0;
  bool possible_ = true;
};

}  // namespace qt::cuda
