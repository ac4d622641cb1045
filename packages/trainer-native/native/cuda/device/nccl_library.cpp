#include "nccl_library.hpp"

#include "opened.hpp"

namespace qt::cuda {
namespace {

NcclLibrary open() {
  const Opened from("QT_NCCL_LIBRARY", {"libnccl.so.2"});
  NcclLibrary nccl{};
  from.take(nccl.getVersion, "ncclGetVersion");
  from.take(nccl.getUniqueId, "ncclGetUniqueId");
  from.take(nccl.commInitRank, "ncclCommInitRank");
  from.take(nccl.commDestroy, "ncclCommDestroy");
  from.take(nccl.commAbort, "ncclCommAbort");
  from.take(nccl.commGetAsyncError, "ncclCommGetAsyncError");
  from.take(nccl.reduce, "ncclReduce");
  from.take(nccl.broadcast, "ncclBroadcast");
  from.take(nccl.reduceScatter, "ncclReduceScatter");
  from.take(nccl.allGather, "ncclAllGather");
  from.take(nccl.groupStart, "ncclGroupStart");
  from.take(nccl.groupEnd, "ncclGroupEnd");
  from.take(nccl.getErrorString, "ncclGetErrorString");
  int version = 0;
  // Numbered so since 2.9.
  if (nccl.getVersion(&version) != ncclOk || version < 21000 || version >= 30000)
    throw std::runtime_error("NCCL's version " + std::to_string(version) + " is not one from 2.10 to 2.99");
  nccl.name = withVersion("NCCL", version / 10000, version / 100 % 100, version % 100);
  return nccl;
}

}  // namespace

const NcclLibrary* ncclLibrary(std::string* why) { return openedOnce<open>(why); }

}  // namespace qt::cuda
