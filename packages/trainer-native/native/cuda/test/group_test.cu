// What the GPUs of several processes do together, and when: by emulated NCCL, each process with an emulator of its own.
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "activations.hpp"
#include "device/cuda_device.hpp"
#include "parallel/gpu_group.hpp"
#include "parallel/tensor_parallel.hpp"
#include "processes.hpp"

using namespace qt;
using namespace qt::cuda;
using namespace qt::test;

namespace {

constexpr std::size_t count = 100000;
const Cuts halves{0, count / 2, count};

struct Joined {
  Communicator all;
  ProcessGroup members;
  CudaDevice device{0, DType::F32};
  std::shared_ptr<DeviceGroup> group;
  float *array, *piece;

  Joined(int rank, std::uint16_t port)
      : all(tcpJob(rank, 2, port)), members(all.neighbours(2)), group(joinGpus(device, all, members)), array(reinterpret_cast<float*>(device.allocate(count * sizeof(float)))), piece(reinterpret_cast<float*>(device.allocate(count * sizeof(float)))) {
    const std::vector<float> own(count, static_cast<float>(rank + 1));
    device.copyIn(array, own.data(), count * sizeof(float));
  }
  void together() { all.run([&] { all.barrier(); }); }
  float first(const float* from) {
    float value = 0;
    device.copyOut(&value, from, sizeof value);
    return value;
  }
};

void inTwo(const std::function<void(int, Joined&)>& body) {
  const auto statuses = inProcesses(2, [&](int rank, std::uint16_t port) {
    Joined here(rank, port);
    CHECK(here.group != nullptr);
    if (here.group) body(rank, here);
    here.all.leave();
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
}

// Nothing is there before somebody waits for it, and what one waits for the other does, too, whatever it is at.
void late() {
  inTwo([](int rank, Joined& here) {
    const DeviceGroup::Ticket sums = here.group->reduce(here.array, here.piece, halves);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(here.first(here.piece) == 0);
    here.together();
    if (rank == 0) here.group->await(sums);
    here.together();
    here.group->await(sums);
    CHECK(here.first(here.piece) == 3);
    here.together();
    const DeviceGroup::Ticket pieces = here.group->gather(here.array, halves);
    CHECK(here.first(here.array + (rank == 0 ? count / 2 : 0)) == static_cast<float>(rank + 1));
    here.group->await(sums);
    CHECK(here.first(here.array + (rank == 0 ? count / 2 : 0)) == static_cast<float>(rank + 1));
    here.together();
    here.group->await(pieces);
    CHECK(here.first(here.array) == 1 && here.first(here.array + count / 2) == 2);
    waitFor(*here.group, here.all);
    CHECK(!here.group->busy());
    here.together();
  });
}

// Who leaves in order while the other waits for it ends the job, and who has done its part does not.
void leaving(bool early) {
  inTwo([early](int rank, Joined& here) {
    if (!early) {
      here.group->reduce(here.array, here.piece, halves);
      waitFor(*here.group, here.all);
    }
    if (rank == 1) return;
    const auto begun = Clock::now();
    if (early) {
      here.group->reduce(here.array, here.piece, halves);
      bool thrown = false;
      try {
        waitFor(*here.group, here.all);
      } catch (const std::exception&) {
        thrown = true;
      }
      CHECK(thrown);
    } else
      std::this_thread::sleep_for(std::chrono::seconds(5));
    const auto failure = here.all.failure();
    CHECK(failure.has_value() == early && Clock::now() - begun < std::chrono::seconds(9));
    if (failure) CHECK(failure->rank == 1 && failure->why.find("ended while others") == 0);
  });
}

// What blocks add up is not there where another does not come, and a step does not go on from it.
void unshared() {
  inTwo([](int rank, Joined& here) {
    const std::shared_ptr<Communicator> job(&here.all, [](Communicator*) {});
    TensorParallel blocks(job, here.device, 2);
    blocks.join();
    CHECK(blocks.library() != nullptr);
    blocks.sum(here.array, count);
    blocks.finish();
    CHECK(here.first(here.array) == 3);
    here.together();
    if (rank == 1) return;
    blocks.sum(here.array, count);
    bool thrown = false;
    try {
      blocks.finish();
    } catch (const std::exception&) {
      thrown = true;
    }
    CHECK(thrown);
  });
}

// Where one cannot join, the others go on without waiting for it in their library.
void refused() {
  const auto statuses = inProcesses(2, [](int rank, std::uint16_t port) {
    Communicator all(tcpJob(rank, 2, port));
    ProcessGroup members = all.neighbours(2);
    CudaDevice device(0, DType::F32);
    CHECK(device.links() != nullptr);
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    const int next = dup(0);
    close(next);
    const rlimit none{static_cast<rlim_t>(next), files.rlim_max};
    if (rank == 1) setrlimit(RLIMIT_NOFILE, &none);
    const auto begun = Clock::now();
    CHECK(joinGpus(device, all, members) == nullptr && Clock::now() - begun < std::chrono::seconds(5));
    if (rank == 1) setrlimit(RLIMIT_NOFILE, &files);
    // The emulator, which is left behind, clears up when it has waited long enough.
    else std::this_thread::sleep_until(begun + std::chrono::seconds(11));
    all.leave();
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
}

// A library that finds no way to the others is not waited for longer than a process that is silent.
void unreached() {
  const auto statuses = inProcesses(2, [](int rank, std::uint16_t port) {
    setenv("QT_EMULATED_NCCL_SLOW", "5000", 1);
    Communicator all(tcpJob(rank, 2, port, 2));
    ProcessGroup members = all.neighbours(2);
    CudaDevice device(0, DType::F32);
    const auto begun = Clock::now();
    CHECK(joinGpus(device, all, members) == nullptr && Clock::now() - begun < std::chrono::seconds(4));
    std::this_thread::sleep_until(begun + std::chrono::seconds(6));
    all.leave();
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
}

// Nothing is taken from under what NCCL is being asked for, and nothing goes away while the watch breaks it off.
void brokenOff() {
  const auto statuses = inProcesses(2, [](int rank, std::uint16_t port) {
    setenv("QT_EMULATED_NCCL_SLOW", "800", 1);
    Joined here(rank, port);
    here.together();
    if (rank == 1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      here.all.fail("a test");
    } else {
      here.group->reduce(here.array, here.piece, halves);
      const auto ended = Clock::now();
      here.group.reset();
      CHECK(here.all.failure().has_value() && Clock::now() - ended > std::chrono::milliseconds(400));
    }
    here.group.reset();
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
}

}  // namespace

int main() {
  const char* library = std::getenv("QT_NCCL_LIBRARY");
  if (deviceMissing() || !emulated || library == nullptr || *library == '\0') {
    std::printf("no device: skipped 7 (they want two emulated GPUs, and QT_NCCL_LIBRARY)\n");
    return 0;
  }
  late();
  leaving(true);
  leaving(false);
  unshared();
  refused();
  unreached();
  brokenOff();
  return report("cuda_group_test");
}
