#include "sharded_base.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "../memory.hpp"

namespace qt {

ShardedBase::ShardedBase(const Model& model, Device& device, int rank, int processes) : model_(model), device_(device), rank_(rank) {
  // Before anything is taken it is known how much that is: one piece of memory, or none.
  std::size_t pieces = 0;
  for (int layer = 0; layer < model.spec.layers; ++layer) {
    blocks_.push_back(cut(std::span<const MatrixView, projectionCount>(model.blocks[layer].projections), processes));
    pieces += roundUpBytes(pieceOf(blocks_.back()));
    longest_ = std::max(longest_, blocks_.back().cuts.back());
  }
  unsigned char* memory = takeMemory(device_, pieces + buffers_.size() * longest_);
  for (Buffer& buffer : buffers_) {
    buffer.data = memory;
    memory += longest_;
  }
  for (int layer = 0; layer < model.spec.layers; ++layer) {
    Block& block = blocks_[layer];
    block.piece = memory;
    memory += roundUpBytes(pieceOf(block));
    fill(block, model.projections(layer));
  }
}

ShardedBase::Block ShardedBase::cut(std::span<const MatrixView, projectionCount> projections, int processes) {
  Block block{};
  std::size_t bytes = 0;
  for (int p = 0; p < projectionCount; ++p) {
    block.views[p] = projections[p];
    block.views[p].data = nullptr;
    block.places[p] = bytes;
    bytes += roundUpBytes(storedBytes(projections[p]));
  }
  for (int r = 0; r < processes; ++r) block.cuts.push_back(bytes * static_cast<std::size_t>(r) / static_cast<std::size_t>(processes) / 64 * 64);
  block.cuts.push_back(bytes);
  return block;
}

void ShardedBase::fill(const Block& block, const BlockProjections& whole) {
  const std::size_t begin = block.cuts[rank_], end = block.cuts[rank_ + 1];
  for (int p = 0; p < projectionCount; ++p) {
    if (storedBytes(whole.views[p]) != storedBytes(block.views[p])) throw std::logic_error("a block of the base is not as it was planned");
    const std::size_t first = std::max(begin, block.places[p]), last = std::min(end, block.places[p] + storedBytes(whole.views[p]));
    if (first >= last) continue;
    device_.copyIn(block.piece + (first - begin), static_cast<const unsigned char*>(whole.views[p].data) + (first - block.places[p]), last - first);
  }
}

// What is on its way ends in memory that goes away with the device: the others come to it, or the job has failed, and it throws.
ShardedBase::~ShardedBase() {
  if (group_ != nullptr || !communicator_) return;
  for (const Buffer& buffer : buffers_) try {
      if (buffer.ticket > 0) communicator_->wait(buffer.ticket);
    } catch (const std::exception&) {
    }
}

ShardedBase::Buffer* ShardedBase::holding(int layer) {
  const auto found = std::find_if(buffers_.begin(), buffers_.end(), [&](const Buffer& buffer) { return buffer.layer == layer; });
  return found == buffers_.end() ? nullptr : &*found;
}

// In the buffer that nobody works with.
void ShardedBase::start(int layer) {
  Buffer& buffer = buffers_[0].layer == visited_ && visited_ >= 0 ? buffers_[1] : buffers_[0];
  const Block& block = blocks_[layer];
  const std::size_t own = block.cuts[rank_], bytes = block.cuts[rank_ + 1] - own;
  buffer.layer = layer;
  if (group_ != nullptr) {
    // Cuts are at whole cache lines, so that bytes travel as numbers that nobody looks at.
    Cuts floats;
    for (const std::size_t cut : block.cuts) floats.push_back(cut / sizeof(float));
    device_.copy(buffer.data + own, block.piece, bytes);
    buffer.ticket = group_->gather(reinterpret_cast<float*>(buffer.data), floats);
    return;
  }
  unsigned char* here = buffer.data;
  if (!device_.isHost()) {
    if (!buffer.here) buffer.here.reset(new unsigned char[longest_]);
    here = buffer.here.get();
    device_.copyOut(here + own, block.piece, bytes);
  }
  buffer.ticket = communicator_->start([this, &block, here, own, bytes] {
    if (device_.isHost()) std::memcpy(here + own, block.piece, bytes);
    peers_->allGather(here, block.cuts);
  });
}

void ShardedBase::await(Buffer& buffer) {
  if (buffer.ticket == 0) return;  // loaded
  if (group_ != nullptr) return group_->await(buffer.ticket);
  communicator_->wait(buffer.ticket);
  if (!device_.isHost()) device_.copyIn(buffer.data, buffer.here.get(), blocks_[buffer.layer].cuts.back());
}

void ShardedBase::visit(int layer, int next) {
  if (holding(layer) == nullptr) start(layer);
  if (visited_ != layer) await(*holding(layer));
  visited_ = layer;
  if (next >= 0 && holding(next) == nullptr) start(next);
}

void ShardedBase::load(int layer) {
  const BlockProjections whole = model_.projections(layer);
  const Block& block = blocks_[layer];
  for (int p = 0; p < projectionCount; ++p) device_.copyIn(buffers_[0].data + block.places[p], whole.views[p].data, storedBytes(whole.views[p]));
  // Nobody else has it now.
  buffers_[0].layer = layer;
  buffers_[0].ticket = 0;
  buffers_[1].layer = visited_ = -1;
}

MatrixView ShardedBase::projection(int layer, int projection) const {
  const Block& block = blocks_[layer];
  const auto found = std::find_if(buffers_.begin(), buffers_.end(), [&](const Buffer& buffer) { return buffer.layer == layer; });
  if (found == buffers_.end()) throw std::logic_error("a block of the base is not here");
  MatrixView view = block.views[projection];
  view.data = found->data + block.places[projection];
  return view;
}

}  // namespace qt
