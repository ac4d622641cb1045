#include "data_parallel.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace qt {

DataParallel::DataParallel(Trainer& trainer, std::shared_ptr<Communicator> communicator, ThreadPool& pool, const KernelTable& kernels, bool ordered)
    : trainer_(trainer),
      communicator_(std::move(communicator)),
      pool_(pool),
      kernels_(kernels),
      ordered_(ordered),
      parameters_(trainer.device(), trainer.parameters()),
      rooms_(trainer.device(), trainer.rooms()),
      sums_(trainer.device(), trainer.gradients()) {
  const TrainedLayout& layout = trainer_.trained();
  const int shared = layout.share.size();
  if (communicator_) {
    if (communicator_->size() % shared != 0) throw std::runtime_error("the processes of the job do not make whole tensor groups");
    peers_.emplace(communicator_->counterparts(shared));
    rank_ = peers_->rank();
    size_ = peers_->size();
  }
  if (layout.processes != size_ || layout.rank != rank_ || (shared > 1 && communicator_ && communicator_->rank() % shared != layout.share.rank))
    throw std::logic_error("the trainer was planned for another number of processes");
  if (shared > 1) shareBlocks();
  if (ShardedBase* base = trainer_.shardedBase()) base->connect(communicator_, *peers_);
  if (!layout.apart) return;
  stages_ = static_cast<int>(layout.buckets.size());
  tickets_.resize(stages_);
  incoming_.resize(incoming(layout));
  trainer_.onPass({[this](int layer) { before(layer); }, [this](int layer) { done(layer); }});
}

// The numbers of a group's processes are one step's: what each has of a gradient is added before those of other micro-batches are.
void DataParallel::shareBlocks() {
  const TrainedLayout& layout = trainer_.trained();
  if (!communicator_) throw std::logic_error("a share of a model is nothing without its group");
  if (ordered_) throw std::runtime_error("processes that share blocks have an order of sums of their own");
  if (!mayCut(trainer_.optimizer())) throw std::runtime_error("this optimiser looks at whole matrices, of which processes that share blocks have parts");
  auto group = std::make_unique<TensorParallel>(communicator_, trainer_.device(), layout.share.size());
  blocks_ = group.get();
  trainer_.join(std::move(group));
  tensors_.emplace(*communicator_, *blocks_, layout);
}

DataParallel::~DataParallel() {
  trainer_.onPass({});
  if (group_ && communicator_->failure()) group_->abort();
  // What was started uses what goes away here. It is unfinished where a pass has thrown; the others come to it, or the job has failed, and it throws.
  if (size_ <= 1 || group_ || lastStarted_ == 0) return;
  try {
    communicator_->wait(lastStarted_);
  } catch (const std::exception&) {
  }
}

// Where what the others send of a bucket arrives.
std::size_t DataParallel::incoming(const TrainedLayout& layout) {
  std::size_t longest = 0;
  for (const Bucket& bucket : layout.buckets) longest = std::max(longest, bucket.cuts[layout.rank + 1] - bucket.cuts[layout.rank]);
  return std::min(longest, exchangedAtOnce) * static_cast<std::size_t>(layout.processes - 1);
}

std::size_t DataParallel::bytes(const TrainedLayout& layout) { return incoming(layout) * sizeof(float) + GroupTensors::bytes(layout.share); }

void DataParallel::begin(std::int32_t microBatches) {
  if (microBatches < 1) throw std::runtime_error("a step needs a micro-batch");
  microBatches_ = microBatches;
  rounds_ = (microBatches + size_ - 1) / size_;
  round_ = 0;
  thrownAway_ = false;
}

LossSum DataParallel::forwardBackward(const Batch& batch, float weight, std::uint32_t micro, const std::atomic<bool>& abort) {
  if (round_ >= rounds_ || !takesPart(rank_, round_)) throw std::runtime_error("a step has more micro-batches than were begun with");
  const LossSum sum = attempted(batch, [&] { return trainer_.forwardBackward(batch, weight, micro, abort); });
  thrownAway_ = thrownAway_ || !sum.finished;
  endRound();
  return sum;
}

LossSum DataParallel::evaluate(const Batch& batch, const std::atomic<bool>& abort, const EvaluateOptions& options) {
  return attempted(batch, [&] { return trainer_.evaluate(batch, abort, options); });
}

template <class Pass>
LossSum DataParallel::attempted(const Batch& batch, const Pass& pass) {
  try {
    return pass();
  } catch (const OutOfMemory& e) {
    if (lack_.empty()) lack_ = e.what();
    thrownAway_ = true;
  }
  LossSum none;
  none.documents.resize(batch.documents);
  return none;
}

std::string DataParallel::lack() {
  try {
    requireWorking(trainer_.device());
  } catch (const OutOfMemory& e) {
    if (lack_.empty()) lack_ = e.what();
  }
  return std::exchange(lack_, {});
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
    prepareRoom(stage, bucket.last < 0 && layer >= 0 ? 0 : stage);
  }
}

// Zeros, once what lay there before is sent: the bucket before the last, when it is written in the place of stage `written`. Devices add up what all of them bring, so that what was summed before is brought along by the process that keeps it.
void DataParallel::prepareRoom(int stage, int written) {
  const Bucket& bucket = bucketOf(stage);
  const std::uint64_t sent = written < 2 ? lastStartedBefore_ : tickets_[written - 2];
  if (sent > 0 && group_) group_->await(sent);
  else if (sent > 0 && size_ > 1) communicator_->wait(sent);
  if (group_ && roundSent() > 0) group_->await(tickets_[stage]);
  float* room = trainer_.rooms().data() + bucket.room;
  trainer_.device().zero(room, sizeof(float) * (bucket.end - bucket.begin));
  if (group_ && roundSent() > 0) bringAlong(stage);
}

// What has been added over a tensor group already is brought by the first of it alone, whatever is its piece there.
void DataParallel::bringAlong(int stage) {
  const Bucket& bucket = bucketOf(stage);
  float* room = trainer_.rooms().data() + bucket.room;
  trainer_.device().copy(room + (bucket.cuts[rank_] - bucket.begin), trainer_.gradients().data() + bucket.piece,
                         sizeof(float) * (bucket.cuts[rank_ + 1] - bucket.cuts[rank_]));
  if (!tensors_ || blocks_->rank() == 0) return;
  for (const std::span<float> part : tensors_->parts(indexOf(stage), trainer_.rooms().data(), &TrainedTensor::room))
    trainer_.device().zero(part.data(), part.size_bytes());
}

// What is complete now is on its way while the layers below are worked on.
void DataParallel::done(int layer) {
  while (exchanges() && started_ < stages_ && bucketOf(started_).last >= layer) startStage();
}

void DataParallel::startStage() {
  const Bucket& bucket = bucketOf(started_);
  if (group_) return startOnDevices(started_++);
  const int round = roundSent();
  if (size_ > 1 && takesPart(rank_, round) && !thrownAway_) rooms_.fetch(bucket.room, bucket.room + (bucket.end - bucket.begin));
  const std::size_t index = indexOf(started_);
  if (size_ > 1)
    tickets_[started_] = lastStarted_ = communicator_->start([this, &bucket, index, round] {
      if (tensors_ && takesPart(rank_, round)) tensors_->addParts(index, rooms_.data(), &TrainedTensor::room);
      reduce(bucket, round);
    });
  else addAlone(bucket);
  ++started_;
}

void DataParallel::startOnDevices(int stage) {
  if (!takesPart(rank_, roundSent())) prepareRoom(stage, stage);
  if (!tensors_) return reduceOnDevices(stage);
  // Parts are added while the next bucket is worked on, before peers add theirs.
  const std::uint64_t earlier = std::exchange(partsAdded_, parts_->sum(tensors_->parts(indexOf(stage), trainer_.rooms().data(), &TrainedTensor::room)));
  if (stage > 0) {
    parts_->await(earlier);
    reduceOnDevices(stage - 1);
  }
  if (stage + 1 < stages_) return;
  parts_->await(partsAdded_);
  reduceOnDevices(stage);
}

void DataParallel::reduceOnDevices(int stage) {
  const Bucket& bucket = bucketOf(stage);
  Cuts cuts;
  for (const std::size_t cut : bucket.cuts) cuts.push_back(cut - bucket.begin);
  tickets_[stage] = lastStarted_ = group_->reduce(trainer_.rooms().data() + bucket.room, trainer_.gradients().data() + bucket.piece, cuts);
}

// Also of a pass that was stopped, or found no memory.
void DataParallel::endRound() {
  while (exchanges() && started_ < stages_) startStage();
  started_ = 0;
  lastStartedBefore_ = lastStarted_;
  ++round_;
}

void DataParallel::addAlone(const Bucket& bucket) {
  const float* room = trainer_.rooms().data() + bucket.room;
  float* sums = trainer_.gradients().data() + bucket.piece;
  const std::size_t count = bucket.end - bucket.begin;
  if (round_ == 0) trainer_.device().copy(sums, room, sizeof(float) * count);
  else trainer_.device().addTo(sums, room, static_cast<std::int64_t>(count));
}

// Everybody gets its own piece from each process that has a micro-batch in this round, and adds them in their order.
void DataParallel::reduce(const Bucket& bucket, int round) {
  const std::size_t own = bucket.cuts[rank_ + 1] - bucket.cuts[rank_];
  const float* room = rooms_.data() + bucket.room;
  float* sums = sums_.data() + bucket.piece;
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
    peers_->exchange(out, in);
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

std::string DataParallel::exchange() {
  while (stages_ > 0 && round_ < rounds_) endRound();
  if (blocks_) blocks_->finish();
  if (group_) {
    waitFor(*group_, *communicator_);
  } else if (size_ > 1) {
    communicator_->wait(lastStarted_);
    sums_.put(0, trainer_.gradients().size());
  } else if (parts_) {
    addPartsOnDevices();
  } else if (tensors_) {
    addPartsAlone();
  }
  return lack();
}

// Of a group that has all micro-batches: once for all of them.
void DataParallel::addPartsAlone() {
  const std::size_t count = trainer_.gradients().size();
  sums_.fetch(0, count);
  communicator_->run([&] {
    for (std::size_t bucket = 0; bucket < trainer_.trained().buckets.size(); ++bucket) tensors_->addParts(bucket, sums_.data(), &TrainedTensor::sums);
  });
  sums_.put(0, count);
}

void DataParallel::addPartsOnDevices() {
  std::vector<std::span<float>> all;
  for (std::size_t bucket = 0; bucket < trainer_.trained().buckets.size(); ++bucket)
    for (const std::span<float> part : tensors_->parts(bucket, trainer_.gradients().data(), &TrainedTensor::sums)) all.push_back(part);
  parts_->await(parts_->sum(all));
  waitFor(*parts_, *communicator_);
}

// Over tasks of fixed size of each tensor, so that any division of them gives the same bits.
double DataParallel::gradientNorm() {
  const TrainedLayout& layout = trainer_.trained();
  // Also what was added up here: what is trained of it may have been taken out of it on the device since.
  sums_.fetch(0, trainer_.gradients().size());
  requireWorking(trainer_.device());
  const float* gradients = sums_.data();
  struct Task {
    const float* from;
    std::int64_t count;
    int rank;
    bool whole;  // alike in all processes of a tensor group
  };
  std::vector<Task> tasks;
  for (const TrainedTensor& t : layout.tensors)
    for (std::int64_t at = 0; at < t.size(); at += elementsPerTask) {
      // No cut goes through a task, but where the last one ends.
      const int owner = static_cast<int>(std::upper_bound(t.cuts.begin(), t.cuts.end() - 1, at) - t.cuts.begin()) - 1;
      tasks.push_back({owner == rank_ ? gradients + t.sums + (at - layout.first(t)) : nullptr, std::min(elementsPerTask, t.size() - at), owner, t.part.whole()});
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
      const auto all = peers_->allGather({reinterpret_cast<const unsigned char*>(own.data()), own.size() * sizeof(double)});
      std::vector<std::size_t> next(size_);
      for (std::size_t i = 0; i < tasks.size(); ++i) {
        const int rank = tasks[i].rank;
        const std::size_t at = next[rank]++ * sizeof(double);
        if (at + sizeof(double) > all[rank].size()) throw std::runtime_error("the processes do not train the same tensors");
        std::memcpy(&sums[i], all[rank].data() + at, sizeof(double));
      }
    });
  }
  double sum = 0, parts = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) (tasks[i].whole ? sum : parts) += sums[i];
  if (blocks_) communicator_->run([&] { sum += blocks_->group().sum(parts); });
  return std::sqrt(sum);
}

// Of this process's pieces by its device, added by processes. What is alike in all of a tensor group counts once, as its first process has it; so
// all of the group have the same bits, whatever is whose piece.
double DataParallel::normOnDevices() {
  const TrainedLayout& layout = trainer_.trained();
  std::vector<std::span<const float>> alike, parts;
  if (!blocks_) alike.push_back(trainer_.gradients());
  else
    for (const TrainedTensor& t : layout.tensors)
      (t.part.whole() ? alike : parts).push_back({trainer_.gradients().data() + t.sums, static_cast<std::size_t>(layout.last(t) - layout.first(t))});
  double sum = trainer_.device().sumOfSquares(alike), ofParts = parts.empty() ? 0 : trainer_.device().sumOfSquares(parts);
  requireWorking(trainer_.device());
  communicator_->run([&] {
    if (blocks_ && blocks_->rank() > 0) sum = 0;
    sum = peers_->sum(sum + ofParts);
    if (blocks_) sum = blocks_->group().sum(sum);
  });
  return std::sqrt(sum);
}

double DataParallel::update(const UpdateOptions& options) {
  const double norm = group_ || parts_ ? normOnDevices() : gradientNorm();
  if (!std::isfinite(norm)) return norm;
  trainer_.step(options, norm);
  if (size_ == 1) return norm;
  const auto& buckets = trainer_.trained().buckets;
  if (group_) {
    std::uint64_t gathered = 0;
    for (const Bucket& bucket : buckets) gathered = group_->gather(trainer_.parameters().data(), bucket.cuts);
    group_->await(gathered);
    if (parts_) agreeOnWhole();
    waitFor(*group_, *communicator_);
    return norm;
  }
  for (const Bucket& bucket : buckets) parameters_.fetch(bucket.cuts[rank_], bucket.cuts[rank_ + 1]);
  requireWorking(trainer_.device());
  communicator_->run([&] {
    for (const Bucket& bucket : buckets) {
      Cuts bytes;
      for (const std::size_t cut : bucket.cuts) bytes.push_back(cut * sizeof(float));
      peers_->allGather(parameters_.data(), bytes);
    }
  });
  for (const Bucket& bucket : buckets) {
    parameters_.put(bucket.begin, bucket.cuts[rank_]);
    parameters_.put(bucket.cuts[rank_ + 1], bucket.end);
  }
  // Told with the update, which is no step to take anew, and not by the next pass.
  requireWorking(trainer_.device());
  return norm;
}

// What is whole everywhere each process of a tensor group has added up with its own peers, whose library may have taken them in another order, and
// what was brought along with another of them. Its numbers would drift apart from step to step, and with them what blocks get: those of the group's
// first process count.
void DataParallel::agreeOnWhole() {
  const std::span<float> parameters = trainer_.parameters();
  std::uint64_t agreed = 0;
  for (const TrainedTensor& t : trainer_.trained().tensors) {
    if (!t.part.whole()) continue;
    Cuts ofFirst(static_cast<std::size_t>(blocks_->size()) + 1, static_cast<std::size_t>(t.size()));
    ofFirst[0] = 0;
    agreed = parts_->gather(parameters.data() + t.offset, ofFirst);
  }
  parts_->await(agreed);
  waitFor(*parts_, *communicator_);
}

std::vector<unsigned char> DataParallel::gatherState(std::size_t tensor, std::size_t array, int root) {
  const StateArray& own = trainer_.trained().tensors.at(tensor).state.at(array);
  std::vector<unsigned char> mine(own.bytes());
  trainer_.device().copyOut(mine.data(), trainer_.state().data() + own.offset, mine.size());
  if (const char* why = trainer_.device().failure()) throw std::runtime_error(why);
  if (size_ == 1) return whole(trainer_.trained().tensors.at(tensor), static_cast<int>(array), std::move(mine), root);
  const int group = groupOf(root);
  std::vector<unsigned char> gathered;
  communicator_->run([&] {
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    if (rank_ == group) {
      gathered.resize(trainer_.trained().stateRange(tensor, array, size_ - 1).second);
      for (int peer = 0; peer < size_; ++peer) {
        const auto [begin, end] = trainer_.trained().stateRange(tensor, array, peer);
        if (peer == rank_) std::copy(mine.begin(), mine.end(), gathered.begin() + static_cast<std::ptrdiff_t>(begin));
        else in.push_back({peer, gathered.data() + begin, end - begin});
      }
    } else {
      out.push_back({group, mine.data(), mine.size()});
    }
    peers_->exchange(out, in);
  });
  return whole(trainer_.trained().tensors.at(tensor), static_cast<int>(array), std::move(gathered), root);
}

std::vector<unsigned char> DataParallel::gatherParameters(std::size_t tensor, int root) {
  const TrainedTensor& t = trainer_.trained().tensors.at(tensor);
  return gatherFloats(t, trainer_.parametersAsTheyAre().data() + t.offset, root);
}

std::vector<unsigned char> DataParallel::gatherOrigin(std::size_t origin, int root) {
  const OriginTensor& t = trainer_.trained().origins.at(origin);
  return gatherFloats(*trainer_.trained().find(t.id), trainer_.origins().data() + t.offset, root);
}

std::vector<unsigned char> DataParallel::gatherFloats(const TrainedTensor& t, const float* from, int root) {
  std::vector<unsigned char> mine(rank_ == groupOf(root) ? static_cast<std::size_t>(t.size()) * sizeof(float) : 0);
  trainer_.device().copyOut(mine.data(), from, mine.size());
  if (const char* why = trainer_.device().failure()) throw std::runtime_error(why);
  return whole(t, -1, std::move(mine), root);
}

// Of the root's group, which has them all; the other groups have the same.
std::vector<unsigned char> DataParallel::whole(const TrainedTensor& tensor, int array, std::vector<unsigned char> mine, int root) {
  return tensors_ && rank_ == groupOf(root) ? tensors_->whole(tensor, array, std::move(mine), root % blocks_->size()) : mine;
}

const char* DataParallel::library() { return group_ || parts_ ? trainer_.device().links()->library() : nullptr; }

// All processes of the job go the same way, whatever each computes on: what some add on their devices no others add elsewhere.
void DataParallel::joinDevices() {
  if (size_ > 1) group_ = joinGpus(trainer_.device(), *communicator_, *peers_);
  if (!blocks_) return;
  const bool mine = blocks_->links() != nullptr && (size_ == 1 || group_);
  double ready = 0;
  communicator_->run([&] { ready = peers_->sum(blocks_->group().sum(mine ? 1.0 : 0.0)); });
  if (ready == communicator_->size()) parts_ = blocks_->links();
  else group_.reset();
}

void DataParallel::shareParameters() {
  if (blocks_) blocks_->join();
  if (!ordered_) joinDevices();
  if (size_ == 1) return;
  if (ShardedBase* base = trainer_.shardedBase()) base->travelBy(group_.get());
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
    requireWorking(trainer_.device());
  }
  communicator_->run([&] {
    peers_->broadcast(parameters_.data(), parameters.size_bytes());
    peers_->broadcast(origins.data(), began.size_bytes());
  });
  if (rank_ == 0) return;
  parameters_.put(0, parameters.size());
  origins.put(0, began.size());
}

}  // namespace qt
