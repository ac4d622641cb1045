// A pool of threads for arithmetic. Work is cut into tasks by size, never by the number of threads, and a task's
// result does not depend on who runs it, so any number of threads gives the same bytes.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include <qt/processors.hpp>

namespace qt {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(task, thread) for every task in [0, tasks); the caller works too. Returns when all are done.
  template <class Body>
  void run(std::int64_t tasks, const Body& body) {
    if (tasks <= 0) return;
    if (tasks == 1 || workers_.empty()) {
      for (std::int64_t t = 0; t < tasks; ++t) body(t, 0);
      return;
    }
    dispatch(tasks, [](const void* b, std::int64_t t, int thread) { (*static_cast<const Body*>(b))(t, thread); }, &body);
  }

 private:
  using Call = void (*)(const void*, std::int64_t, int);
  void dispatch(std::int64_t tasks, Call call, const void* body);
  void work(int thread);
  void stop();
  void drain(int thread);

  std::vector<std::thread> workers_;
  std::atomic<std::uint32_t> round_{0};
  // Tasks not yet taken. Whoever takes it from above zero owns a task of the round at hand, and a round does not end
  // before its tasks do: so a worker that wakes late finds either work of this round or none, and nobody waits for it.
  std::atomic<std::int64_t> left_{0};
  std::atomic<std::int64_t> done_{0};
  std::atomic<bool> stop_{false};
  std::int64_t tasks_ = 0;
  Call call_ = nullptr;
  const void* body_ = nullptr;
};

}  // namespace qt
