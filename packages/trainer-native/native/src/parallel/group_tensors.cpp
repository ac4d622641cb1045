#include "group_tensors.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace qt {

GroupTensors::GroupTensors(Communicator& job, TensorParallel& blocks, const TrainedLayout& layout)
    : job_(job), blocks_(blocks), layout_(layout), partial_(layout.buckets.size()) {
  std::size_t bucket = 0;
  for (const TrainedTensor& tensor : layout.tensors) {
    while (tensor.offset >= layout.buckets[bucket].end) ++bucket;
    if (gradientIsPartial(tensor.id)) partial_[bucket].push_back(&tensor);
  }
}

std::size_t GroupTensors::bytes(const TensorShare& share) {
  return share.divides() ? exchangedAtOnce * static_cast<std::size_t>(share.size()) * sizeof(float) : 0;
}

std::vector<std::span<float>> GroupTensors::parts(std::size_t bucket, float* gradients, std::size_t TrainedTensor::*place) const {
  std::vector<std::span<float>> parts;
  for (const TrainedTensor* tensor : partial_[bucket]) parts.emplace_back(gradients + tensor->*place, static_cast<std::size_t>(tensor->size()));
  return parts;
}

// In stretches, however many tensors those are of.
void GroupTensors::addParts(std::size_t bucket, float* gradients, std::size_t TrainedTensor::*place) {
  struct Stretch {
    float* at;
    std::size_t count;
  };
  std::vector<Stretch> stretches;
  std::size_t used = 0;
  const auto add = [&] {
    float* to = together_.data();
    for (const auto& [at, count] : stretches) to = std::copy_n(at, count, to);
    blocks_.group().sum(together_.data(), used);
    const float* from = together_.data();
    for (const auto& [at, count] : stretches) {
      std::copy_n(from, count, at);
      from += count;
    }
    stretches.clear();
    used = 0;
  };
  together_.resize(exchangedAtOnce);
  for (const std::span<float> part : parts(bucket, gradients, place))
    for (std::size_t at = 0; at < part.size();) {
      const std::size_t count = std::min(part.size() - at, together_.size() - used);
      stretches.push_back({part.data() + at, count});
      used += count;
      at += count;
      if (used == together_.size()) add();
    }
  if (used > 0) add();
}

std::vector<unsigned char> GroupTensors::whole(const TrainedTensor& tensor, int array, std::vector<unsigned char> mine, int root) {
  const int rank = blocks_.rank(), size = blocks_.size();
  if (tensor.part.whole()) return rank == root ? mine : std::vector<unsigned char>();
  const auto partOf = [&](int peer) { return array < 0 ? layout_.partOf(tensor, peer) : layout_.entriesOf(tensor, static_cast<std::size_t>(array), peer); };
  const TensorPart own = partOf(rank);
  const std::size_t count = static_cast<std::size_t>(own.rows * own.columns), one = mine.size() / count;
  if (one * count != mine.size()) throw std::logic_error("what is kept of a share of a tensor is not by its numbers");
  std::vector<std::vector<unsigned char>> parts(size);
  parts[rank] = std::move(mine);
  job_.run([&] {
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    if (rank != root) out.push_back({root, parts[rank].data(), parts[rank].size()});
    for (int peer = 0; peer < size && rank == root; ++peer) {
      if (peer == root) continue;
      const TensorPart part = partOf(peer);
      parts[peer].resize(static_cast<std::size_t>(part.rows * part.columns) * one);
      in.push_back({peer, parts[peer].data(), parts[peer].size()});
    }
    blocks_.group().exchange(out, in);
  });
  if (rank != root) return {};
  std::vector<unsigned char> all(static_cast<std::size_t>(own.wholeRows * own.wholeColumns) * one);
  for (int peer = 0; peer < size; ++peer) {
    const TensorPart part = partOf(peer);
    const std::size_t row = static_cast<std::size_t>(part.columns) * one;
    for (std::int64_t r = 0; r < part.rows; ++r)
      std::memcpy(all.data() + static_cast<std::size_t>((part.firstRow + r) * part.wholeColumns + part.firstColumn) * one,
                  parts[peer].data() + static_cast<std::size_t>(r) * row, row);
  }
  return all;
}

}  // namespace qt
