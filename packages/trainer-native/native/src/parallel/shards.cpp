#include "shards.hpp"

#include <algorithm>

#include "../memory.hpp"
#include "../train/tensors.hpp"

namespace qt {
namespace {

constexpr std::size_t smallestBucket = std::size_t{1} << 20;  // floats: below that a message costs more than what it carries

// What a tensor takes in a process of the group on the average: the same number in all of them.
std::size_t usualSize(const TrainedTensor& tensor, int group) {
  const std::int64_t size = tensor.part.whole() ? tensor.size() : tensor.part.wholeRows * tensor.part.wholeColumns / group;
  return static_cast<std::size_t>(size + 15) / 16 * 16;
}

}  // namespace

bool mayCut(OptimizerKind kind) { return kind == OptimizerKind::AdamW || kind == OptimizerKind::AdamW8bit || kind == OptimizerKind::Sgd; }

std::vector<Bucket> cutBuckets(const std::vector<TrainedTensor>& tensors, std::size_t count, OptimizerKind kind, int processes, int layers, bool tied, int group) {
  std::vector<Bucket> buckets;
  std::size_t held = 0;  // by the bucket at hand
  std::vector<std::size_t> places;  // where a bucket may be cut
  const auto finish = [&](std::size_t end) {
    Bucket& bucket = buckets.back();
    bucket.end = end;
    places.push_back(end);
    bucket.cuts.push_back(bucket.begin);
    for (int p = 1; p < processes; ++p) {
      const std::size_t wanted = bucket.begin + (bucket.end - bucket.begin) * static_cast<std::size_t>(p) / static_cast<std::size_t>(processes);
      const auto after = std::lower_bound(places.begin(), places.end(), wanted);
      const std::size_t nearest = after != places.begin() && wanted - *(after - 1) <= *after - wanted ? *(after - 1) : *after;
      bucket.cuts.push_back(std::max(bucket.cuts.back(), nearest));
    }
    bucket.cuts.push_back(end);
    places.clear();
  };
  for (const TrainedTensor& tensor : tensors) {
    const int layer = tensor.id.layer >= 0 ? tensor.id.layer : tensor.id.module == Embedding ? -1 : layers;
    const auto begin = [&] {
      buckets.push_back({tensor.offset, 0, {}, tied && layer < 0 ? layers : layer, layer});
      held = 0;
    };
    if (buckets.empty()) {
      begin();
    } else if (const Bucket& last = buckets.back(); layer != last.first) {
      if (last.last < 0 || layer == layers || held >= smallestBucket) {
        finish(tensor.offset);
        begin();
      }
    }
    buckets.back().first = std::max(buckets.back().first, layer);
    held += usualSize(tensor, group);
    places.push_back(tensor.offset);
    if (!mayCut(kind)) continue;
    // The last piece is not shorter than a task either: what an optimiser does with small tensors does not depend on cuts.
    for (std::int64_t at = elementsPerTask; at + elementsPerTask <= tensor.size(); at += elementsPerTask)
      places.push_back(tensor.offset + static_cast<std::size_t>(at));
  }
  if (!buckets.empty()) finish(count);
  return buckets;
}

std::size_t placeRooms(std::vector<Bucket>& buckets) {
  // Stages are buckets in the order in which they are completed: from the last to the first.
  ArenaPlan rooms;
  const int count = static_cast<int>(buckets.size());
  for (int stage = 0; stage < count; ++stage) {
    const Bucket& bucket = buckets[count - 1 - stage];
    const bool fromTheLoss = bucket.last < 0 && bucket.first >= 0;
    rooms.add("", (bucket.end - bucket.begin) * sizeof(float), fromTheLoss ? 0 : stage, stage + 1);
  }
  rooms.place();
  for (int stage = 0; stage < count; ++stage) buckets[count - 1 - stage].room = rooms.offset(stage) / sizeof(float);
  return rooms.size() / sizeof(float);
}

}  // namespace qt
