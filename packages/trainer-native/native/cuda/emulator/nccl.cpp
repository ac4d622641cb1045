// NCCL's entry points for emulated GPUs, over memory that processes share: what is asked for is done by the line that it is asked of, when somebody
// waits for it, and a process that does not come within some seconds is an error of the others, as NCCL finds it.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/nccl_library.hpp"
#include "emulator/stream.hpp"

using qt::cuda::NcclId;
using qt::cuda::NcclResult;

namespace {

constexpr int mostProcesses = 8;
constexpr std::size_t roomFloats = 1 << 16;
constexpr NcclResult systemError = 2, remoteError = 6;

struct Shared {
  std::atomic<int> arrived, round;
  std::atomic<int> wanted;  // how many operations some process waits for
  float rooms[mostProcesses][roomFloats];
};

// Kept by what was asked of it, which may be done after it is destroyed.
struct Member {
  Shared* shared;
  int rank, size;
  std::atomic<NcclResult> error{qt::cuda::ncclOk};
  int asked = 0;

  ~Member() { munmap(shared, sizeof(Shared)); }

  // Until all are here.
  bool meet() {
    const int round = shared->round.load();
    if (shared->arrived.fetch_add(1) + 1 == size) {
      shared->arrived = 0;
      ++shared->round;
      return true;
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (shared->round.load() == round) {
      if (std::chrono::steady_clock::now() > until) error = remoteError;
      if (error != qt::cuda::ncclOk) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
    return true;
  }

  template <class Take>
  void inPieces(const void* from, std::size_t count, bool gives, const Take& take) {
    for (std::size_t at = 0; at < count && error == qt::cuda::ncclOk; at += roomFloats) {
      const std::size_t n = count - at < roomFloats ? count - at : roomFloats;
      if (gives) std::memcpy(shared->rooms[rank], static_cast<const float*>(from) + at, n * sizeof(float));
      if (!meet()) return;
      take(at, n);
      if (!meet()) return;
    }
  }
};

// A test may have joining, the end of a group of calls, and what breaks a communicator off, take so many milliseconds.
void takeTime() {
  if (const char* slow = std::getenv("QT_EMULATED_NCCL_SLOW")) std::this_thread::sleep_for(std::chrono::milliseconds(std::atoi(slow)));
}

// By the group of calls that is not ended yet.
std::atomic<const ncclComm*> asked{nullptr};

}  // namespace

struct ncclComm {
  std::shared_ptr<Member> member;

  // `work(member)` on the line, as soon as any process waits for it.
  template <class Work>
  NcclResult later(CUstream_st* stream, const Work& work) const {
    asked = this;
    const int number = ++member->asked;
    stream->later(
        [own = member, number, work] {
          int wanted = own->shared->wanted;
          while (wanted < number && !own->shared->wanted.compare_exchange_weak(wanted, number)) {
          }
          work(*own);
        },
        [own = member, number] { return own->shared->wanted >= number; });
    return qt::cuda::ncclOk;
  }
};

extern "C" {

NcclResult ncclGetVersion(int* version) {
  *version = 29999;
  return qt::cuda::ncclOk;
}

const char* ncclGetErrorString(NcclResult result) { return result == remoteError ? "a remote process has gone" : "a system call has failed"; }

NcclResult ncclGetUniqueId(NcclId* id) {
  std::snprintf(id->bytes, sizeof id->bytes, "/qt-nccl-%d-%u", static_cast<int>(getpid()), std::random_device()());
  return qt::cuda::ncclOk;
}

NcclResult ncclCommInitRank(ncclComm** comm, int size, NcclId id, int rank) {
  const int file = size > mostProcesses ? -1 : shm_open(id.bytes, O_CREAT | O_RDWR, 0600);
  if (file < 0 || ftruncate(file, sizeof(Shared)) != 0) return systemError;
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (memory == MAP_FAILED) return systemError;
  const auto member = std::make_shared<Member>(static_cast<Shared*>(memory), rank, size);
  takeTime();
  *comm = new ncclComm{member};
  const bool met = member->meet();
  if (rank == 0) shm_unlink(id.bytes);
  return met ? qt::cuda::ncclOk : remoteError;
}

NcclResult ncclCommDestroy(ncclComm* comm) {
  delete comm;
  return qt::cuda::ncclOk;
}
// From any thread: what is under way ends with an error. NCCL's own is gone then, under whoever asks it for something at the same time; this one
// stays, and says so.
NcclResult ncclCommAbort(ncclComm* comm) {
  if (asked == comm) {
    std::fprintf(stderr, "a communicator is broken off while it is asked for something\n");
    std::abort();
  }
  comm->member->error = remoteError;
  takeTime();
  return qt::cuda::ncclOk;
}

NcclResult ncclCommGetAsyncError(ncclComm* comm, NcclResult* error) {
  *error = comm->member->error;
  return qt::cuda::ncclOk;
}

NcclResult ncclReduce(const void* from, void* to, std::size_t count, int, int, int root, ncclComm* comm, CUstream_st* stream) {
  return comm->later(stream, [=](Member& member) {
    member.inPieces(from, count, true, [&](std::size_t at, std::size_t n) {
      if (member.rank != root) return;
      for (std::size_t i = 0; i < n; ++i) {
        // Pieces of an array go around rings of their own, each of which begins elsewhere.
        const int first = root + static_cast<int>((at + i) / 128);
        float sum = 0;
        for (int r = 1; r <= member.size; ++r) sum += member.shared->rooms[(first + r) % member.size][i];
        static_cast<float*>(to)[at + i] = sum;
      }
    });
  });
}

NcclResult ncclBroadcast(const void* from, void* to, std::size_t count, int, int root, ncclComm* comm, CUstream_st* stream) {
  return comm->later(stream, [=](Member& member) {
    member.inPieces(from, count, member.rank == root, [&](std::size_t at, std::size_t n) {
      if (member.rank != root) std::memcpy(static_cast<float*>(to) + at, member.shared->rooms[root], n * sizeof(float));
    });
  });
}

NcclResult ncclReduceScatter(const void* from, void* to, std::size_t count, int type, int operation, ncclComm* comm, CUstream_st* stream) {
  for (int r = 0; r < comm->member->size; ++r)
    static_cast<void>(ncclReduce(static_cast<const float*>(from) + r * count, to, count, type, operation, r, comm, stream));
  return qt::cuda::ncclOk;
}

NcclResult ncclAllGather(const void* from, void* to, std::size_t count, int type, ncclComm* comm, CUstream_st* stream) {
  for (int r = 0; r < comm->member->size; ++r) static_cast<void>(ncclBroadcast(from, static_cast<float*>(to) + r * count, count, type, r, comm, stream));
  return qt::cuda::ncclOk;
}

NcclResult ncclGroupStart() { return qt::cuda::ncclOk; }
NcclResult ncclGroupEnd() {
  takeTime();
  asked = nullptr;
  return qt::cuda::ncclOk;
}
}
