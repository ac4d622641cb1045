// A frozen base of which each process of a job holds its share: of the bytes of each block's projections, as they are stored, a piece. A
// block is brought together in one of two buffers while the block before it is worked on (as FSDP does for trained weights, Zhao et al.,
// arXiv 2304.11277), and is forgotten when the block after it takes its place.
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "../device/device.hpp"
#include "../model/model.hpp"
#include "communicator.hpp"

namespace qt {

class ShardedBase {
 public:
  // Takes this process's pieces from the model, block by block.
  ShardedBase(const Model& model, Device& device, int rank, int processes);
  ~ShardedBase();
  // The others are those that have the same part of blocks, where those are divided, too.
  void connect(std::shared_ptr<Communicator> communicator, ProcessGroup peers) {
    communicator_ = std::move(communicator);
    peers_.emplace(std::move(peers));
  }
  // Blocks come together on the devices; null: in the memory of the processes.
  void travelBy(DeviceGroup* group) { group_ = group; }

  // The block is whole when this returns, until another is visited; `next` is on its way meanwhile (−1: none). All processes visit the
  // same blocks in the same order.
  void visit(int layer, int next);
  // The same from the model itself, by this process alone.
  void load(int layer);
  // Of the block that is whole.
  MatrixView projection(int layer, int projection) const;

 private:
  struct Block {
    std::array<MatrixView, projectionCount> views;  // without data
    std::array<std::size_t, projectionCount> places;
    Cuts cuts;             // in bytes
    unsigned char* piece;  // this process's
  };
  struct Buffer {
    int layer = -1;
    unsigned char* data = nullptr;
    std::unique_ptr<unsigned char[]> here;  // where it comes together, unless that is where the device has it
    std::uint64_t ticket = 0;
  };
  static Block cut(std::span<const MatrixView, projectionCount> projections, int processes);
  void fill(const Block& block, const BlockProjections& whole);
  std::size_t pieceOf(const Block& block) const { return block.cuts[rank_ + 1] - block.cuts[rank_]; }
  Buffer* holding(int layer);
  void await(Buffer& buffer);
  void start(int layer);

  const Model& model_;
  Device& device_;
  std::shared_ptr<Communicator> communicator_;
  std::optional<ProcessGroup> peers_;
  DeviceGroup* group_ = nullptr;
  int rank_;
  std::vector<Block> blocks_;
  std::array<Buffer, 2> buffers_;
  std::size_t longest_ = 0;
  int visited_ = -1;
};

}  // namespace qt
