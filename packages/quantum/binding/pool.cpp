#include "pool.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

namespace qt::anneal {
namespace {

struct Pool {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> work;
  int threads = 0, idle = 0;

  void loop() {
    std::unique_lock lock(mutex);
    for (;;) {
      ++idle;
      wake.wait(lock, [this] { return !work.empty(); });
      --idle;
      const auto job = std::move(work.front());
      work.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }
};

// Never destroyed: its threads sleep until the process ends.
Pool& pool() {
  static Pool* one = new Pool;
  return *one;
}

}  // namespace

// As qt/processors.hpp of weights has it, which this package does not depend on.
int availableProcessors() {
  int count = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = std::max(1, CPU_COUNT(&set));
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (file >> quota >> period && quota != "max" && period > 0) count = std::min(count, std::max(1, static_cast<int>(std::stod(quota) / period)));
#endif
  return count;
}

void enqueue(std::function<void()> work) {
  Pool& p = pool();
  const std::lock_guard lock(p.mutex);
  p.work.push_back(std::move(work));
  if (p.idle < static_cast<int>(p.work.size()) && p.threads < availableProcessors()) {
    ++p.threads;
    std::thread([&p] { p.loop(); }).detach();
  }
  p.wake.notify_one();
}

}  // namespace qt::anneal
