#include "data_parallel.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace qt {
namespace {

// Floats of a piece that are exchanged at a time: what has come is added while it is still in the cache.
constexpr std::size_t exchangedAtOnce = std::size_t{1} << 18;

}  // namespace

DataParallel::DataParallel(Trainer& trainer, std::shared_ptr<Communicator> communicator, ThreadPool& pool, const KernelTable& kernels)
    : trainer_(trainer), communicator_(std::move(communicator)), pool_(pool), kernels_(kernels), rank_(communicator_ ? communicator_->rank() : 0), size_(communicator_ ? communicator_->size() : 1) {
  const TrainedLayout& layout = trainer_.trained();
  if (layout.processes != size_ || layout.rank != rank_) throw std::logic_error("the trainer was planned for another number of processes");
  if (ShardedBase* base = trainer_.shardedBase()) base->connect(communicator_);
  if (!layout.apart) return;
  stages_ = static_cast<int>(layout.buckets.size());
  tickets_.resize(stages_);
  incoming_.resize(bytes(layout) / sizeof(float));
  trainer_.onPass({[this](int layer) { before(layer); }, [this](int layer) { done(layer); }});
}

DataParallel::~DataParallel() {
  trainer_.onPass({});
  // What was started uses what goes away here. It is only unfinished where the job has failed, and then throws at once.
  if (size_ <= 1 || lastStarted_ == 0 || !communicator_->failure()) return;
  try {
    communicator_->wait(lastStarted_);
  } catch (const std::exception&) {
  }
}

// Where what the others send of a bucket arrives.
std::size_t DataParallel::bytes(const TrainedLayout& layout) {
  std::size_t longest = 0;
  for (const Bucket& bucket : layout.buckets) longest = std::max(longest, bucket.cuts[layout.rank + 1] - bucket.cuts[layout.rank]);
  return std::min(longest, exchangedAtOnce) * static_cast<std::size_t>(layout.processes - 1) * sizeof(float);
}

void DataParallel::begin(std::int32_t microBatches) {
  if (microBatches < 1) throw std::runtime_error("a step needs a micro-batch");
  microBatches_ = microBatches;
  rounds_ = (microBatches + size_ - 1) / size_;
  round_ = 0;
}

LossSum DataParallel::forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort) {
  if (round_ >= rounds_ || !takesPart(rank_, round_)) throw std::runtime_error("a step has more micro-batches than were begun with");
  const LossSum sum = trainer_.forwardBackward(batch, weight, micro, abort);
  endRound();
  return sum;
}

void DataParallel::attend(bool gradients) {
  trainer_.attend(gradients);
  if (gradients) endRound();
}

// The room of a bucket is that of earlier ones, which must have been sent; or of earlier micro-batches, to which this one is added.
void DataParallel::before(int layer) {
  if (trainer_.trained().exchangeOnce && round_ > 0) return;
  for (int stage = 0; stage < stages_; ++stage) {
    const Bucket& bucket = bucketOf(stage);
    if (bucket.first != layer) continue;
    const int written = bucket.last < 0 && layer >= 0 ? 0 : stage;
    const Communicator::Ticket sent = written < 2 ? lastStartedBefore_ : tickets_[written - 2];
    if (size_ > 1 && sent > 0) communicator_->wait(sent);
    float* room = trainer_.rooms().data() + bucket.room;
    overElements(pool_, static_cast<std::int64_t>(bucket.end - bucket.begin), [&](std::int64_t begin, std::int64_t end) {
      std::memset(room + begin, 0, sizeof(float) * static_cast<std::size_t>(end - begin));
    });
  }
}

// What is complete now is on its way while the layers below are worked on.
void DataParallel::done(int layer) {
  while (exchanges() && started_ < stages_ && bucketOf(started_).last >= layer) startStage();
}

void DataParallel::startStage() {
  const Bucket& bucket = bucketOf(started_);
  // What was gathered in all rounds is that of the first: who has any micro-batch has one there.
  const int round = trainer_.trained().exchangeOnce ? 0 : round_;
  if (size_ > 1) tickets_[started_] = lastStarted_ = communicator_->start([this, &bucket, round] { reduce(bucket, round); });
  else addAlone(bucket);
  ++started_;
}

// Also of a pass that was stopped.
void DataParallel::endRound() {
  while (exchanges() && started_ < stages_) startStage();
  started_ = 0;
  lastStartedBefore_ = lastStarted_;
  ++round_;
}

void DataParallel::addAlone(const Bucket& bucket) {
  const float* room = trainer_.rooms().data() + bucket.room;
  float* sums = trainer_.gradients().data() + bucket.piece;
  overElements(pool_, static_cast<std::int64_t>(bucket.end - bucket.begin), [&](std::int64_t begin, std::int64_t end) {
    if (round_ == 0) std::memcpy(sums + begin, room + begin, sizeof(float) * static_cast<std::size_t>(end - begin));
    else
      for (std::int64_t i = begin; i < end; ++i) sums[i] += room[i];
  });
}

// Everybody gets its own piece from each process that has a micro-batch in this round, and adds them in their order.
void DataParallel::reduce(const Bucket& bucket, int round) {
  const std::size_t own = bucket.cuts[rank_ + 1] - bucket.cuts[rank_];
  const float* room = trainer_.rooms().data() + bucket.room;
  float* sums = trainer_.gradients().data() + bucket.piece;
  std::size_t longest = 0;
  for (int rank = 0; rank < size_; ++rank) longest = std::max(longest, bucket.cuts[rank + 1] - bucket.cuts[rank]);
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  std::vector<const float*> parts;
  for (std::size_t at = 0; at < longest; at += exchangedAtOnce) {
    out.clear();
    in.clear();
    parts.clear();
    const auto lengthOf = [&](std::size_t piece) { return piece > at ? std::min(piece - at, exchangedAtOnce) : 0; };
    const std::size_t count = lengthOf(own);
    float* arrives = incoming_.data();
    for (int peer = 0; peer < size_; ++peer) {
      const std::size_t begin = bucket.cuts[peer], length = lengthOf(bucket.cuts[peer + 1] - begin);
      if (peer != rank_ && takesPart(rank_, round)) out.push_back({peer, room + (begin - bucket.begin) + at, sizeof(float) * length});
      if (!takesPart(peer, round)) continue;
      parts.push_back(peer == rank_ ? room + (begin - bucket.begin) + at : arrives);
      if (peer == rank_) continue;
      in.push_back({peer, arrives, sizeof(float) * count});
      arrives += count;
    }
    communicator_->transport().exchange(out, in);
    // The first micro-batch of a step begins the sum.
    float* to = sums + at;
    for (std::size_t part = 0; part < parts.size(); ++part) {
      const float* from = parts[part];
      if (round == 0 && part == 0) std::memcpy(to, from, sizeof(float) * count);
      else
        for (std::size_t i = 0; i < count; ++i) to[i] += from[i];
    }
  }
}

void DataParallel::exchange() {
  while (stages_ > 0 && round_ < rounds_) endRound();
  if (size_ > 1) communicator_->wait(lastStarted_);
}

// Over tasks of fixed size of each tensor, so that any division of them gives the same bits.
double DataParallel::gradientNorm() {
  const TrainedLayout& layout = trainer_.trained();
  const float* gradients = trainer_.gradients().data();
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
      tasks.push_back({owner == rank_ ? gradients + t.sums + (at - layout.first(t)) : nullptr, std::min(elementsPerTask, t.size() - at), owner});
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

double DataParallel::update(const UpdateOptions& options) {
  const double norm = gradientNorm();
  if (!std::isfinite(norm)) return norm;
  trainer_.step(options, norm);
  if (size_ == 1) return norm;
  float* parameters = trainer_.parameters().data();
  communicator_->run([&] {
    for (const Bucket& bucket : trainer_.trained().buckets) {
      Cuts bytes;
      for (const std::size_t cut : bucket.cuts) bytes.push_back(cut * sizeof(float));
      communicator_->allGather(parameters, bytes);
    }
  });
  return norm;
}

std::vector<unsigned char> DataParallel::gatherState(std::size_t tensor, std::size_t array) {
  const StateArray& own = trainer_.trained().tensors.at(tensor).state.at(array);
  const unsigned char* from = trainer_.state().data() + own.offset;
  if (size_ == 1) return {from, from + own.bytes()};
  std::vector<unsigned char> whole;
  communicator_->run([&] {
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    if (rank_ == 0) {
      whole.resize(trainer_.trained().stateRange(tensor, array, size_ - 1).second);
      std::memcpy(whole.data(), from, own.bytes());
      for (int peer = 1; peer < size_; ++peer) {
        const auto [begin, end] = trainer_.trained().stateRange(tensor, array, peer);
        in.push_back({peer, whole.data() + begin, end - begin});
      }
    } else {
      out.push_back({0, from, own.bytes()});
    }
    communicator_->transport().exchange(out, in);
  });
  return whole;
}

void DataParallel::shareParameters() {
  if (size_ == 1) return;
  const std::span<float> parameters = trainer_.parameters(), origins = trainer_.origins();
  communicator_->run([&] {
    communicator_->broadcast(parameters.data(), parameters.size_bytes());
    communicator_->broadcast(origins.data(), origins.size_bytes());
  });
}

}  // namespace qt
