#include "process_group.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace qt {

void ProcessGroup::exchange(std::span<const Outgoing> out, std::span<const Incoming> in) {
  std::vector<Outgoing> sent(out.begin(), out.end());
  std::vector<Incoming> received(in.begin(), in.end());
  for (Outgoing& one : sent) one.peer = ranks_[one.peer];
  for (Incoming& one : received) one.peer = ranks_[one.peer];
  transport_.exchange(sent, received);
}

// From the root to all others at once: a job has few processes, and what is broadcast is small or rare.
void ProcessGroup::broadcast(void* data, std::size_t bytes, int root) {
  if (rank_ == root) {
    std::vector<Outgoing> out;
    for (int peer = 0; peer < size(); ++peer)
      if (peer != root) out.push_back({peer, data, bytes});
    exchange(out, {});
  } else {
    const Incoming in{root, data, bytes};
    exchange({}, {&in, 1});
  }
}

std::vector<std::vector<unsigned char>> ProcessGroup::allGather(std::span<const unsigned char> mine) {
  const std::uint64_t length = mine.size();
  std::vector<std::uint64_t> lengths(size());
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank_) continue;
    out.push_back({peer, &length, sizeof length});
    in.push_back({peer, &lengths[peer], sizeof length});
  }
  exchange(out, in);
  out.clear();
  in.clear();
  std::vector<std::vector<unsigned char>> all(size());
  all[rank_].assign(mine.begin(), mine.end());
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank_) continue;
    all[peer].resize(lengths[peer]);
    out.push_back({peer, mine.data(), mine.size()});
    in.push_back({peer, all[peer].data(), all[peer].size()});
  }
  exchange(out, in);
  return all;
}

void ProcessGroup::allGather(void* array, const Cuts& bytes) {
  auto* data = static_cast<unsigned char*>(array);
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int peer = 0; peer < size(); ++peer) {
    if (peer == rank_) continue;
    out.push_back({peer, data + bytes[rank_], bytes[rank_ + 1] - bytes[rank_]});
    in.push_back({peer, data + bytes[peer], bytes[peer + 1] - bytes[peer]});
  }
  exchange(out, in);
}

Cuts evenCuts(std::size_t count, int size) {
  Cuts cuts;
  for (int r = 0; r < size; ++r) cuts.push_back(count * static_cast<std::size_t>(r) / static_cast<std::size_t>(size) / 16 * 16);
  cuts.push_back(count);
  return cuts;
}

// Each adds up a piece, which all get.
void ProcessGroup::sum(float* array, std::size_t count) {
  const auto others = static_cast<std::size_t>(size() - 1);
  Cuts cuts = evenCuts(count, size());
  incoming_.resize(others * exchangedAtOnce);
  const auto lengthAt = [&](int piece, std::size_t at) {
    const std::size_t length = cuts[piece + 1] - cuts[piece];
    return length > at ? std::min(length - at, exchangedAtOnce) : 0;
  };
  std::size_t longest = 0;
  for (int r = 0; r < size(); ++r) longest = std::max(longest, cuts[r + 1] - cuts[r]);
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  std::vector<float*> parts;
  for (std::size_t at = 0; at < longest; at += exchangedAtOnce) {
    out.clear();
    in.clear();
    parts.clear();
    const std::size_t own = lengthAt(rank_, at);
    float* arrives = incoming_.data();
    for (int peer = 0; peer < size(); ++peer) {
      parts.push_back(peer == rank_ ? array + cuts[rank_] + at : arrives);
      if (peer == rank_) continue;
      out.push_back({peer, array + cuts[peer] + at, sizeof(float) * lengthAt(peer, at)});
      in.push_back({peer, arrives, sizeof(float) * own});
      arrives += own;
    }
    exchange(out, in);
    for (std::size_t part = 1; part < parts.size(); ++part)
      for (std::size_t i = 0; i < own; ++i) parts[0][i] += parts[part][i];
    if (rank_ > 0) std::memcpy(array + cuts[rank_] + at, parts[0], sizeof(float) * own);
  }
  for (std::size_t& cut : cuts) cut *= sizeof(float);
  allGather(array, cuts);
}

double ProcessGroup::sum(double own) {
  double sum = 0;
  for (const auto& bytes : allGather({reinterpret_cast<const unsigned char*>(&own), sizeof own})) {
    double part = 0;
    if (bytes.size() == sizeof part) std::memcpy(&part, bytes.data(), sizeof part);
    sum += part;
  }
  return sum;
}

}  // namespace qt
