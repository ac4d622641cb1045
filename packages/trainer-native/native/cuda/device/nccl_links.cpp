#include "nccl_links.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "or_nothing.hpp"
#include "side_stream.hpp"

namespace qt::cuda {
namespace {

// What the thread that joins and the group have between them: it may have to be left behind, for joining cannot be broken off.
struct Joining {
  NcclComm comm = nullptr;
  NcclResult result = ncclOk;
  std::atomic<bool> ended{false};
};

class NcclGroup final : public DeviceGroup {
 public:
  NcclGroup(const NcclLibrary& nccl, Runtime& runtime, const NcclId& id, int rank, int size) : nccl_(nccl), side_(runtime), rank_(rank), size_(size) {
    thread_ = std::thread([&nccl, &runtime, id, rank, size, joining = joining_] {
      static_cast<void>(runtime.stream());  // of this thread, too, the device is the runtime's
      joining->result = nccl.commInitRank(&joining->comm, size, id, rank);
      joining->ended.store(true, std::memory_order_release);
    });
  }

  ~NcclGroup() override {
    if (!joined()) thread_.detach();
    else if (NcclComm comm = comm_.exchange(nullptr)) {
      // What is still under way waits for others, who may not come any more; so does whoever says farewell to them.
      if (aborted_ || side_.state() == SideStream::State::Working) nccl_.commAbort(comm);
      else nccl_.commDestroy(comm);
    }
  }

  Ticket reduce(const float* array, float* piece, std::span<const std::size_t> cuts) override {
    return together([&](Stream stream) {
      if (alike(cuts)) return note(nccl_.reduceScatter(array + cuts[0], piece, cuts[1] - cuts[0], ncclFloats, ncclAdd, comm_, stream));
      overPieces(cuts, [&](int r, std::size_t begin, std::size_t count) { note(nccl_.reduce(array + begin, piece, count, ncclFloats, ncclAdd, r, comm_, stream)); });
    });
  }

  Ticket gather(float* array, std::span<const std::size_t> cuts) override {
    return together([&](Stream stream) {
      if (alike(cuts)) return note(nccl_.allGather(array + cuts[rank_], array + cuts[0], cuts[1] - cuts[0], ncclFloats, comm_, stream));
      overPieces(cuts, [&](int r, std::size_t begin, std::size_t count) { note(nccl_.broadcast(array + begin, array + begin, count, ncclFloats, r, comm_, stream)); });
    });
  }

  // As if they lay one behind the other: each process adds up a piece, which all get.
  Ticket sum(std::span<const std::span<float>> stretches) override {
    std::size_t count = 0;
    for (const std::span<float> x : stretches) count += x.size();
    const std::size_t piece = (count + size_ - 1) / size_;
    const auto overStretches = [&](const auto& call) {
      std::size_t before = 0;
      for (const std::span<float> x : stretches) {
        for (std::size_t at = 0; at < x.size();) {
          const std::size_t owner = (before + at) / piece, until = std::min((owner + 1) * piece - before, x.size());
          call(static_cast<int>(owner), x.data() + at, until - at);
          at = until;
        }
        before += x.size();
      }
    };
    return together([&](Stream stream) {
      overStretches([&](int r, float* x, std::size_t length) { note(nccl_.reduce(x, x, length, ncclFloats, ncclAdd, r, comm_, stream)); });
      note(nccl_.groupEnd());
      note(nccl_.groupStart());
      overStretches([&](int r, float* x, std::size_t length) { note(nccl_.broadcast(x, x, length, ncclFloats, r, comm_, stream)); });
    });
  }

  void await(Ticket ticket) override {
    if (failure_ == nullptr && side_.lead(ticket) != Status::Ok) failure_ = "the GPU cannot wait for its second stream";
  }

  State state() override {
    if (aborted_ && failure_ == nullptr) failure_ = "the exchange was broken off";
    if (failure_ != nullptr) return State::Failed;
    if (!joined()) return State::Working;
    {
      const std::lock_guard lock(asking_);
      NcclResult error = ncclOk;
      if (comm_ != nullptr) note(nccl_.commGetAsyncError(comm_, &error));
      note(error);
    }
    if (failure_ != nullptr) return State::Failed;
    switch (side_.state()) {
      case SideStream::State::Done: return State::Done;
      case SideStream::State::Working: return State::Working;
      default: failure_ = "the GPU failed while it exchanged numbers with others"; return State::Failed;
    }
  }

  bool busy() const override { return !aborted_ && side_.state() == SideStream::State::Working; }

  void abort() override {
    aborted_ = true;
    // Whoever asks NCCL for something is soon done, or waits there for the dead: then nothing but this ends it.
    const std::unique_lock lock(asking_, std::chrono::seconds(1));
    if (NcclComm comm = comm_.exchange(nullptr)) nccl_.commAbort(comm);
  }

  const char* failure() const override { return failure_ == nullptr ? "" : failure_; }

 private:
  void note(NcclResult result) {
    if (result == ncclOk || result == ncclUnderWay || failure_ != nullptr) return;
    try {
      said_ = nccl_.name + ": " + nccl_.getErrorString(result);
      failure_ = said_.c_str();
    } catch (const std::exception&) {
      failure_ = "no host memory";
    }
  }

  bool joined() {
    if (!thread_.joinable()) return true;
    if (!joining_->ended.load(std::memory_order_acquire)) return false;
    thread_.join();
    comm_ = joining_->comm;
    note(joining_->result);
    return true;
  }

  // Pieces of one length are exchanged by one operation.
  bool alike(std::span<const std::size_t> cuts) const {
    for (int r = 1; r < size_; ++r)
      if (cuts[r + 1] - cuts[r] != cuts[1] - cuts[0]) return false;
    return true;
  }

  template <class Call>
  void overPieces(std::span<const std::size_t> cuts, const Call& call) const {
    for (int r = 0; r < size_; ++r)
      if (cuts[r + 1] > cuts[r]) call(r, cuts[r], cuts[r + 1] - cuts[r]);
  }

  template <class Calls>
  Ticket together(const Calls& calls) {
    if (failure_ != nullptr || aborted_ || comm_ == nullptr) return last_;
    if (side_.follow() != Status::Ok) {
      failure_ = "the GPU has no second stream";
      return last_;
    }
    const Stream stream = side_.stream();
    const std::lock_guard lock(asking_);
    if (comm_ == nullptr) return last_;
    note(nccl_.groupStart());
    calls(stream);
    note(nccl_.groupEnd());
    if (side_.mark(++last_) != Status::Ok) failure_ = "the GPU cannot mark its second stream";
    return last_;
  }

  const NcclLibrary& nccl_;
  SideStream side_;
  int rank_, size_;
  std::shared_ptr<Joining> joining_ = std::make_shared<Joining>();
  std::thread thread_;
  std::atomic<NcclComm> comm_ = nullptr;
  std::atomic<bool> aborted_{false};  // by whoever heard of a death
  std::timed_mutex asking_;           // while NCCL is asked for something: an abort takes away what it is asked of
  Ticket last_ = 0;
  const char* failure_ = nullptr;
  std::string said_;  // by NCCL
};

}  // namespace

NcclLinks::NcclLinks(const NcclLibrary& nccl, Runtime& runtime) : nccl_(nccl), runtime_(runtime), place_(runtime.place()) {}

bool NcclLinks::invite(GroupInvitation& invitation) {
  NcclId id{};
  static_assert(sizeof id.bytes == std::tuple_size_v<GroupInvitation>);
  static_cast<void>(runtime_.stream());
  const bool made = nccl_.getUniqueId(&id) == ncclOk;
  std::memcpy(invitation.data(), id.bytes, sizeof id.bytes);
  return made;
}

DeviceGroup* NcclLinks::join(const GroupInvitation& invitation, int rank, int size) {
  NcclId id{};
  std::memcpy(id.bytes, invitation.data(), sizeof id.bytes);
  return orNothing([&]() -> DeviceGroup* { return new NcclGroup(nccl_, runtime_, id, rank, size); });
}

}  // namespace qt::cuda
