// NVIDIA's library for what GPUs do together, opened when several processes want it: the entry points used, declared here.
#pragma once
#include <cstddef>
#include <string>

#include "../status.hpp"

struct ncclComm;

namespace qt::cuda {

using NcclComm = ncclComm*;
using NcclResult = int;
inline constexpr NcclResult ncclOk = 0, ncclUnderWay = 7;
inline constexpr int ncclFloats = 7;  // ncclFloat32
inline constexpr int ncclAdd = 0;     // ncclSum

struct NcclId {
  char bytes[128];
};

struct NcclLibrary {
  std::string name;  // "NCCL 2.27.3"
  NcclResult (*getVersion)(int* version);
  NcclResult (*getUniqueId)(NcclId* id);
  NcclResult (*commInitRank)(NcclComm* comm, int size, NcclId id, int rank);
  NcclResult (*commDestroy)(NcclComm comm);
  NcclResult (*commAbort)(NcclComm comm);
  NcclResult (*commGetAsyncError)(NcclComm comm, NcclResult* error);
  NcclResult (*reduce)(const void* from, void* to, std::size_t count, int type, int operation, int root, NcclComm comm, Stream stream);
  NcclResult (*broadcast)(const void* from, void* to, std::size_t count, int type, int root, NcclComm comm, Stream stream);
  NcclResult (*reduceScatter)(const void* from, void* to, std::size_t countOfEach, int type, int operation, NcclComm comm, Stream stream);
  NcclResult (*allGather)(const void* from, void* to, std::size_t countOfEach, int type, NcclComm comm, Stream stream);
  NcclResult (*groupStart)();
  NcclResult (*groupEnd)();
  const char* (*getErrorString)(NcclResult result);
};

// QT_NCCL_LIBRARY or libnccl.so.2, opened once; null where it is not there or not one that this knows, and `why` says so.
const NcclLibrary* ncclLibrary(std::string* why = nullptr);

}  // namespace qt::cuda
