// NCCL's entry points for emulated GPUs, over memory that processes share: what is asked for is done at once, and a process that does not come
// within some seconds is an error of the others, as NCCL finds it.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device/nccl_library.hpp"

using qt::cuda::NcclId;
using qt::cuda::NcclResult;

namespace {

constexpr int mostProcesses = 8;
constexpr std::size_t roomFloats = 1 << 16;
constexpr NcclResult systemError = 2, remoteError = 6;

struct Shared {
  std::atomic<int> arrived, round;
  float rooms[mostProcesses][roomFloats];
};

}  // namespace

struct ncclComm {
  Shared* shared;
  int rank, size;
  std::atomic<NcclResult> error{qt::cuda::ncclOk};

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
  NcclResult inPieces(const void* from, std::size_t count, bool gives, const Take& take) {
    for (std::size_t at = 0; at < count; at += roomFloats) {
      const std::size_t n = count - at < roomFloats ? count - at : roomFloats;
      if (gives) std::memcpy(shared->rooms[rank], static_cast<const float*>(from) + at, n * sizeof(float));
      if (!meet()) return error;
      take(at, n);
      if (!meet()) return error;
    }
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
  *comm = new ncclComm{static_cast<Shared*>(memory), rank, size};
  const bool met = (*comm)->meet();
  if (rank == 0) shm_unlink(id.bytes);
  return met ? qt::cuda::ncclOk : remoteError;
}

NcclResult ncclCommDestroy(ncclComm* comm) {
  munmap(comm->shared, sizeof(Shared));
  delete comm;
  return qt::cuda::ncclOk;
}
// From any thread: what is under way ends with an error. The memory goes with the process.
NcclResult ncclCommAbort(ncclComm* comm) {
  comm->error = remoteError;
  return qt::cuda::ncclOk;
}

NcclResult ncclCommGetAsyncError(ncclComm* comm, NcclResult* error) {
  *error = comm->error;
  return qt::cuda::ncclOk;
}

NcclResult ncclReduce(const void* from, void* to, std::size_t count, int, int, int root, ncclComm* comm, CUstream_st*) {
  return comm->inPieces(from, count, true, [&](std::size_t at, std::size_t n) {
    if (comm->rank != root) return;
    for (std::size_t i = 0; i < n; ++i) {
      float sum = comm->shared->rooms[0][i];
      for (int r = 1; r < comm->size; ++r) sum += comm->shared->rooms[r][i];
      static_cast<float*>(to)[at + i] = sum;
    }
  });
}

NcclResult ncclBroadcast(const void* from, void* to, std::size_t count, int, int root, ncclComm* comm, CUstream_st*) {
  return comm->inPieces(from, count, comm->rank == root, [&](std::size_t at, std::size_t n) {
    if (comm->rank != root) std::memcpy(static_cast<float*>(to) + at, comm->shared->rooms[root], n * sizeof(float));
  });
}

NcclResult ncclReduceScatter(const void* from, void* to, std::size_t count, int type, int operation, ncclComm* comm, CUstream_st* stream) {
  NcclResult result = qt::cuda::ncclOk;
  for (int r = 0; r < comm->size && result == qt::cuda::ncclOk; ++r)
    result = ncclReduce(static_cast<const float*>(from) + r * count, to, count, type, operation, r, comm, stream);
  return result;
}

NcclResult ncclAllGather(const void* from, void* to, std::size_t count, int type, ncclComm* comm, CUstream_st* stream) {
  NcclResult result = qt::cuda::ncclOk;
  for (int r = 0; r < comm->size && result == qt::cuda::ncclOk; ++r)
    result = ncclBroadcast(from, static_cast<float*>(to) + r * count, count, type, r, comm, stream);
  return result;
}

NcclResult ncclGroupStart() { return qt::cuda::ncclOk; }
NcclResult ncclGroupEnd() { return qt::cuda::ncclOk; }
}
