#include "data_parallel.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace qt {
namespace {

// Of a step in which every process has its share.
std::int64_t firstOf(std::int64_t microBatches, int rank, int processes) { return microBatches * rank / processes; }

}  // namespace

DataParallel::DataParallel(Trainer& trainer, std::shared_ptr<Communicator> communicator, ThreadPool& pool, const KernelTable& kernels)
    : trainer_(trainer), communicator_(std::move(communicator)), pool_(pool), kernels_(kernels), rank_(communicator_ ? communicator_->rank() : 0), size_(communicator_ ? communicator_->size() : 1), parameters_(trainer.device(), trainer.parameters()), gradients_(trainer.device(), trainer.gradients()) {
  if (trainer_.trained().processes != size_ || trainer_.trained().rank != rank_) throw std::logic_error("the trainer was planned for another number of processes");
  // As the backward pass completes them; everybody starts them in this order.
  const auto& buckets = trainer_.trained().buckets;
  for (std::size_t b = buckets.size(); b-- > 0;)
    if (buckets[b].layer >= 0) order_.push_back(&buckets[b]);
  for (const Bucket& bucket : buckets)
    if (bucket.layer < 0) order_.push_back(&bucket);
  trainer_.onLayerDone([this](int layer) { layerDone(layer); });
}

DataParallel::~DataParallel() {
  trainer_.onLayerDone(nullptr);
  if (group_ && communicator_->failure()) group_->abort();
  // What was started uses what goes away here. It is only unfinished where the job has failed, and then throws at once.
  if (size_ <= 1 || lastStarted_ == 0 || !communicator_->failure()) return;
  try {
    communicator_->wait(lastStarted_);
  } catch (const std::exception&) {
  }
}

// What others send of a bucket lies beside it, and in the strict order whole gradients wait for their neighbours.
std::size_t DataParallel::bytes(const TrainedLayout& layout, std::int32_t microBatches, bool strict) {
  std::size_t whole = 0, parts = 0, longest = 0;
  for (int rank = 0; rank < layout.processes; ++rank) {
    const auto sums = ownSums(firstOf(microBatches, rank, layout.processes), firstOf(microBatches, rank + 1, layout.processes), microBatches);
    if (rank == layout.rank) whole = strict ? layout.count * static_cast<std::size_t>(sums.buffers) : 0;
    else parts += strict ? sums.held.size() : 1;
  }
  for (const Bucket& bucket : layout.buckets) longest = std::max(longest, bucket.cuts[layout.rank + 1] - bucket.cuts[layout.rank]);
  return (whole + parts * longest) * sizeof(float);
}

void DataParallel::begin(std::span<const std::int32_t> borders, bool strict) {
  if (static_cast<int>(borders.size()) != size_ + 1 || borders.front() != 0) throw std::runtime_error("a step needs the micro-batches of each process");
  held_.assign(size_, {});
  leaf_ = 0;
  started_ = 0;
  total_ = 0;
  for (int rank = 0; rank < size_; ++rank) {
    const std::int32_t first = borders[rank], last = borders[rank + 1];
    if (last < first) throw std::runtime_error("the micro-batches of the processes overlap");
    OwnSums sums;
    if (strict) {
      sums = ownSums(first, last, borders.back());
      total_ = borders.back();
    } else if (last > first) {
      // One sum of its own for each process that has any: the trainer adds them as they come.
      sums.leaves.resize(last - first);
      sums.held.push_back({{0, total_++}, inPlace});
    }
    held_[rank] = sums.held;
    if (rank == rank_) own_ = std::move(sums);
  }
  while (static_cast<int>(buffers_.size()) < own_.buffers) buffers_.emplace_back(new float[trainer_.trained().count]);
}

LossSum DataParallel::forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort) {
  if (leaf_ >= own_.leaves.size()) throw std::runtime_error("a step has more micro-batches than were begun with");
  last_ = leaf_ + 1 == own_.leaves.size();
  const LossSum sum = trainer_.forwardBackward(batch, weight, micro, abort);
  const LeafSums& sums = own_.leaves[leaf_];
  if (sum.finished && last_) {
    startAll();
  } else if (sum.finished && sums.store != inPlace) {
    const Bucket all{0, trainer_.trained().count, {}, -1};
    for (const int from : sums.add) add(all, buffer(inPlace), buffer(from));
    const std::span<float> gradients = trainer_.gradients();
    overElements(pool_, static_cast<std::int64_t>(gradients.size()), [&](std::int64_t begin, std::int64_t end) {
      std::memcpy(buffer(sums.store) + begin, gradients.data() + begin, sizeof(float) * (end - begin));
    });
    trainer_.zeroGradients();
  }
  ++leaf_;
  last_ = false;
  return sum;
}

// Of the last micro-batch: what is complete now is on its way while the layers below are worked on.
void DataParallel::layerDone(int layer) {
  if (!last_) return;
  while (started_ < order_.size() && order_[started_]->layer >= layer) startNext();
}

void DataParallel::startAll() {
  while (started_ < order_.size()) startNext();
}

void DataParallel::startNext() {
  const Bucket& bucket = *order_[started_++];
  if (group_) return group_->reduce(trainer_.gradients().data(), bucket.cuts);
  gradients_.fetch(bucket.begin, bucket.end);
  if (!own_.leaves.empty())
    for (const int from : own_.leaves.back().add) add(bucket, buffer(inPlace), buffer(from));
  if (size_ > 1) lastStarted_ = communicator_->start([this, &bucket] { reduce(bucket); });
}

void DataParallel::add(const Bucket& bucket, float* to, const float* from) {
  overElements(pool_, static_cast<std::int64_t>(bucket.end - bucket.begin), [&](std::int64_t begin, std::int64_t end) {
    for (std::size_t i = bucket.begin + begin; i < bucket.begin + end; ++i) to[i] += from[i];
  });
}

// Everybody gets all parts of its own piece and adds them in the order of the tree.
void DataParallel::reduce(const Bucket& bucket) {
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  std::map<SumNode, float*> parts;
  const std::size_t begin = bucket.cuts[rank_], count = bucket.cuts[rank_ + 1] - begin;
  std::size_t expected = 0, at = 0;
  for (int peer = 0; peer < size_; ++peer)
    if (peer != rank_) expected += held_[peer].size() * count;
  if (incoming_.size() < expected) incoming_.resize(expected);
  for (int peer = 0; peer < size_; ++peer) {
    if (peer == rank_) continue;
    for (const HeldNode& held : held_[rank_])
      out.push_back({peer, buffer(held.buffer) + bucket.cuts[peer], sizeof(float) * (bucket.cuts[peer + 1] - bucket.cuts[peer])});
    for (const HeldNode& held : held_[peer]) {
      parts.emplace(held.node, incoming_.data() + at);
      in.push_back({peer, incoming_.data() + at, sizeof(float) * count});
      at += count;
    }
  }
  for (const HeldNode& held : held_[rank_]) parts.emplace(held.node, buffer(held.buffer) + begin);
  communicator_->transport().exchange(out, in);
  if (count == 0) return;
  const float* sum = sumOfTree(parts, total_, [count](float* to, const float* from) {
    for (std::size_t i = 0; i < count; ++i) to[i] += from[i];
    return to;
  });
  float* own = gradients_.data() + begin;
  if (sum != own && sum != nullptr) std::memcpy(own, sum, sizeof(float) * count);
}

void DataParallel::exchange() {
  startAll();
  if (size_ == 1) return;
  if (group_) return waitFor(*group_, *communicator_);
  communicator_->wait(lastStarted_);
  for (const Bucket& bucket : trainer_.trained().buckets) gradients_.put(bucket.cuts[rank_], bucket.cuts[rank_ + 1]);
}

// Over tasks of fixed size of each tensor, so that any division of them gives the same bits.
double DataParallel::gradientNorm() {
  const TrainedLayout& layout = trainer_.trained();
  const float* gradients = gradients_.data();
  struct Task {
    const float* from;
    std::int64_t count;
    int rank;
  };
  std::vector<Task> tasks;
  for (const TrainedTensor& t : layout.tensors)
    for (std::int64_t at = 0; at < t.size(); at += elementsPerTask) {
      // No cut goes through a task, but where the last one ends.
      const int owner = static_cast<int>(std::upper_bound(t.cuts.begin(), t.cuts.end() - 1, at) - t.cuts.begin()) - 1;
      tasks.push_back({gradients + t.offset + at, std::min(elementsPerTask, t.size() - at), owner});
    }
  std::vector<double> sums(tasks.size());
  pool_.run(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t i, int) {
    if (tasks[i].rank == rank_) sums[i] = kernels_.sumOfSquares(tasks[i].from, tasks[i].count);
  });
  if (size_ > 1) {
    std::vector<double> own;
    for (std::size_t i = 0; i < tasks.size(); ++i)
      if (tasks[i].rank == rank_) own.push_back(sums[i]);
    communicator_->run([&] {
      const auto all = communicator_->allGather({reinterpret_cast<const unsigned char*>(own.data()), own.size() * sizeof(double)});
      std::vector<std::size_t> next(size_);
      for (std::size_t i = 0; i < tasks.size(); ++i) {
        const int rank = tasks[i].rank;
        const std::size_t at = next[rank]++ * sizeof(double);
        if (at + sizeof(double) > all[rank].size()) throw std::runtime_error("the processes do not train the same tensors");
        std::memcpy(&sums[i], all[rank].data() + at, sizeof(double));
      }
    });
  }
  double sum = 0;
  for (const double part : sums) sum += part;
  return std::sqrt(sum);
}

// Of this process's pieces by its device, added by processes.
double DataParallel::normOnDevices() {
  double own = 0, sum = 0;
  for (const Bucket& bucket : trainer_.trained().buckets) {
    const std::size_t begin = bucket.cuts[rank_], count = bucket.cuts[rank_ + 1] - begin;
    if (count > 0) own += trainer_.device().sumOfSquares(trainer_.gradients().data() + begin, static_cast<std::int64_t>(count));
  }
  communicator_->run([&] {
    for (const auto& bytes : communicator_->allGather({reinterpret_cast<const unsigned char*>(&own), sizeof own})) {
      double part = 0;
      if (bytes.size() == sizeof part) std::memcpy(&part, bytes.data(), sizeof part);
      sum += part;
    }
  });
  return std::sqrt(sum);
}

double DataParallel::update(const UpdateOptions& options) {
  const double norm = group_ ? normOnDevices() : gradientNorm();
  if (!std::isfinite(norm)) return norm;
  trainer_.step(options, norm);
  if (size_ == 1) return norm;
  const auto& buckets = trainer_.trained().buckets;
  if (group_) {
    for (const Bucket& bucket : buckets) group_->gather(trainer_.parameters().data(), bucket.cuts);
    waitFor(*group_, *communicator_);
    return norm;
  }
  for (const Bucket& bucket : buckets) parameters_.fetch(bucket.cuts[rank_], bucket.cuts[rank_ + 1]);
  communicator_->run([&] {
    for (const Bucket& bucket : buckets) {
      Cuts bytes;
      for (const std::size_t cut : bucket.cuts) bytes.push_back(cut * sizeof(float));
      communicator_->allGather(parameters_.data(), bytes);
    }
  });
  for (const Bucket& bucket : buckets) {
    parameters_.put(bucket.begin, bucket.cuts[rank_]);
    parameters_.put(bucket.cuts[rank_ + 1], bucket.end);
  }
  return norm;
}

std::vector<unsigned char> DataParallel::gatherState(std::size_t tensor, std::size_t array) {
  const StateArray& own = trainer_.trained().tensors.at(tensor).state.at(array);
  std::vector<unsigned char> mine(own.bytes());
  trainer_.device().copyOut(mine.data(), trainer_.state().data() + own.offset, mine.size());
  if (const char* why = trainer_.device().failure()) throw std::runtime_error(why);
  if (size_ == 1) return mine;
  std::vector<unsigned char> whole;
  communicator_->run([&] {
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    if (rank_ == 0) {
      whole.resize(trainer_.trained().stateRange(tensor, array, size_ - 1).second);
      std::memcpy(whole.data(), mine.data(), mine.size());
      for (int peer = 1; peer < size_; ++peer) {
        const auto [begin, end] = trainer_.trained().stateRange(tensor, array, peer);
        in.push_back({peer, whole.data() + begin, end - begin});
      }
    } else {
      out.push_back({0, mine.data(), mine.size()});
    }
    communicator_->transport().exchange(out, in);
  });
  return whole;
}

const char* DataParallel::library() { return group_ ? trainer_.device().links()->library() : nullptr; }

void DataParallel::shareParameters() {
  if (size_ == 1) return;
  if (!trainer_.device().isHost()) group_ = joinGpus(trainer_.device(), *communicator_);
  // It tells the trainer that they change, too.
  const std::span<float> parameters = trainer_.parameters(), began = trainer_.origins();
  if (group_) {
    for (const std::span<float> all : {parameters, began}) {
      Cuts ofRoot(static_cast<std::size_t>(size_) + 1, all.size());
      ofRoot[0] = 0;
      group_->gather(all.data(), ofRoot);
    }
    return waitFor(*group_, *communicator_);
  }
  const Mirror origins(trainer_.device(), began);
  if (rank_ == 0) {
    parameters_.fetch(0, parameters.size());
    origins.fetch(0, began.size());
  }
  communicator_->run([&] {
    communicator_->broadcast(parameters_.data(), parameters.size_bytes());
    communicator_->broadcast(origins.data(), began.size_bytes());
  });
  if (rank_ == 0) return;
  parameters_.put(0, parameters.size());
  origins.put(0, began.size());
}

}  // namespace qt
