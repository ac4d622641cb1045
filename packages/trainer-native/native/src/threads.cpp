#include "threads.hpp"

namespace qt {
namespace {

// A short spin keeps the gaps between products cheap; a longer wait sleeps.
constexpr int spins = 20000;

inline void pauseProcessor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stop_.store(true);
  round_.fetch_add(1);
  round_.notify_all();
  for (auto& worker : workers_) worker.join();
  workers_.clear();
}

void ThreadPool::dispatch(std::int64_t tasks, Call call, const void* body) {
  tasks_ = tasks;
  call_ = call;
  body_ = body;
  done_.store(0, std::memory_order_relaxed);
  left_.store(tasks, std::memory_order_release);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  drain(0);
  for (int i = 0;; ++i) {
    const std::int64_t done = done_.load(std::memory_order_acquire);
    if (done == tasks) return;
    if (i < spins) pauseProcessor();
    else done_.wait(done, std::memory_order_acquire);
  }
}

void ThreadPool::drain(int thread) {
  for (std::int64_t left; (left = left_.fetch_sub(1, std::memory_order_acq_rel)) > 0;) {
    const std::int64_t tasks = tasks_;
    call_(body_, tasks - left, thread);
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks) done_.notify_one();
  }
}

void ThreadPool::work(int thread) {
  std::uint32_t seen = 0;
  for (;;) {
    for (int i = 0; i < spins && round_.load(std::memory_order_acquire) == seen; ++i) pauseProcessor();
    round_.wait(seen, std::memory_order_acquire);
    seen = round_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_acquire)) return;
    drain(thread);
  }
}

}  // namespace qt
