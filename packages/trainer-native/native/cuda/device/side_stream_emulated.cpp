#include "side_stream.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "../emulator/stream.hpp"
#include "../platform.cuh"

namespace qt::cuda {
namespace {

constexpr auto glance = std::chrono::microseconds(200);

// Nothing is done before somebody waits for it, so that whoever does not wait finds something else. It has a thread of its own: what other
// processes wait for goes on while this one waits for something else.
class Line final : public CUstream_st {
 public:
  Line() : thread_([this] { loop(); }) {}
  ~Line() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  void later(std::function<void()> work, std::function<bool()> wanted) override {
    const std::lock_guard lock(mutex_);
    tasks_.push_back({std::move(work), std::move(wanted)});
    ++asked_;
    changed_.notify_all();
  }
  void mark(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    marks_[number % marks_.size()] = asked_;
  }
  void awaitMark(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    const std::uint64_t until = marks_[number % marks_.size()];
    release(until);
    changed_.wait(lock, [&] { return done_ >= until; });
  }
  // Asking is a way of waiting.
  bool isDone() {
    const std::lock_guard lock(mutex_);
    release(asked_);
    return done_ == asked_;
  }

 private:
  struct Task {
    std::function<void()> work;
    std::function<bool()> wanted;
  };

  void release(std::uint64_t until) {
    released_ = std::max(released_, until);
    changed_.notify_all();
  }

  void loop() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      if (tasks_.empty()) changed_.wait(lock);
      else if (done_ >= released_ && !tasks_.front().wanted()) changed_.wait_for(lock, glance);
      else {
        const Task task = std::move(tasks_.front());
        tasks_.pop_front();
        lock.unlock();
        task.work();
        lock.lock();
        ++done_;
        changed_.notify_all();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::uint64_t asked_ = 0, done_ = 0, released_ = 0;
  std::array<std::uint64_t, 8> marks_{};
  bool stop_ = false;
  std::thread thread_;
};

Line& lineOf(Stream stream) { return static_cast<Line&>(*stream); }

}  // namespace

SideStream::SideStream(const Runtime& runtime) : runtime_(runtime), stream_(new Line) {}
SideStream::~SideStream() { delete stream_; }

Stream SideStream::stream() const { return stream_; }

// The device's own line has done whatever it was asked for. What is captured neither waits for others nor do they for it.
Status SideStream::follow() { return emulator::captured == nullptr ? Status::Ok : Status::LaunchFailed; }

Status SideStream::mark(std::uint64_t number) {
  lineOf(stream_).mark(number);
  return Status::Ok;
}

Status SideStream::lead(std::uint64_t number) {
  if (emulator::captured != nullptr) return Status::LaunchFailed;
  lineOf(stream_).awaitMark(number);
  return Status::Ok;
}

SideStream::State SideStream::state() const { return lineOf(stream_).isDone() ? State::Done : State::Working; }

}  // namespace qt::cuda
