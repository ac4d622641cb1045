#include "communicator.hpp"

#include <numeric>
#include <stdexcept>

#include "transport_error.hpp"

#if !defined(_WIN32)
#include "mpi.hpp"
#include "tcp.hpp"
#endif

namespace qt {

Communicator::Communicator(const JobAddress& address, const std::function<bool()>& stop) : patience_(address.member.patience) {
  thread_ = std::thread([this, address, stop] { loop(address, stop); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return open_ || !error_.empty(); });
  if (open_) return;
  lock.unlock();
  thread_.join();
  throw std::runtime_error(error_);
}

Communicator::~Communicator() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// Opens the transport, uses it and closes it: MPI wants one thread for all of this.
void Communicator::loop(const JobAddress& address, const std::function<bool()>& stop) {
  try {
#if defined(_WIN32)
    throw std::runtime_error("training in several processes needs Linux or macOS");
#else
    if (address.kind == JobAddress::Kind::Mpi) {
      auto mpi = std::make_unique<MpiTransport>(address.member.patience, stop);
      rank_ = mpi->rank();
      size_ = mpi->size();
      watch_ = size_ > 1 ? &mpi->watch() : nullptr;
      transport_ = std::move(mpi);
    } else {
      auto tcp = std::make_unique<TcpTransport>(address.member, address.host, address.port, address.sharedMemory, stop);
      rank_ = address.member.rank;
      size_ = address.member.size;
      watch_ = &tcp->watch();
      sharedLines_ = tcp->sharedLines();
      transport_ = std::move(tcp);
    }
#endif
  } catch (const std::exception& e) {
    const std::lock_guard lock(mutex_);
    error_ = e.what();
    changed_.notify_all();
    return;
  }
  all_ = std::make_unique<ProcessGroup>(neighbours(size_));
  std::unique_lock lock(mutex_);
  open_ = true;
  changed_.notify_all();
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) break;
    const Work work = std::move(queue_.front());
    queue_.pop_front();
    if (error_.empty()) {
      lock.unlock();
      std::string error;
      try {
        work();
      } catch (const std::exception& e) {
        error = e.what();
      }
      lock.lock();
      error_ = error;
    }
    ++done_;
    changed_.notify_all();
  }
  lock.unlock();
  transport_.reset();
}

Communicator::Ticket Communicator::start(Work work) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(work));
  changed_.notify_all();
  return ++started_;
}

void Communicator::wait(Ticket ticket) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_ >= ticket; });
  if (!error_.empty()) throw TransportError(error_);
}

std::optional<JobFailure> Communicator::failure() const {
#if !defined(_WIN32)
  if (watch_ != nullptr) return watch_->failure();
#endif
  return std::nullopt;
}

#if defined(_WIN32)
void Communicator::onFailure(std::function<void()>) {}
void Communicator::fail(const std::string&) {}
void Communicator::leave() {}
void Communicator::whenLeft(std::function<bool()>) {}
#else
void Communicator::onFailure(std::function<void()> call) {
  if (watch_ != nullptr) watch_->onFailure(std::move(call));
}
void Communicator::fail(const std::string& why) {
  if (watch_ != nullptr) watch_->fail(why);
}
void Communicator::leave() {
  if (watch_ != nullptr) watch_->leave();
}
void Communicator::whenLeft(std::function<bool()> waits) {
  if (watch_ != nullptr) watch_->whenLeft(std::move(waits));
}
#endif

void Communicator::barrier() { allGather({}); }

void Communicator::broadcast(void* data, std::size_t bytes, int root) { all_->broadcast(data, bytes, root); }

std::vector<std::vector<unsigned char>> Communicator::allGather(std::span<const unsigned char> mine) { return all_->allGather(mine); }

void Communicator::allGather(void* array, const Cuts& bytes) { all_->allGather(array, bytes); }

ProcessGroup Communicator::neighbours(int size) {
  std::vector<int> ranks(size);
  std::iota(ranks.begin(), ranks.end(), rank_ / size * size);
  return {*transport_, std::move(ranks), rank_ % size};
}

ProcessGroup Communicator::counterparts(int size) {
  std::vector<int> ranks;
  for (int rank = rank_ % size; rank < size_; rank += size) ranks.push_back(rank);
  return {*transport_, std::move(ranks), rank_ / size};
}

}  // namespace qt
