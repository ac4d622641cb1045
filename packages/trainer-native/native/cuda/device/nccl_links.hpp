// NCCL as the link between the GPUs of several processes.
#pragma once
#include <string>

#include "device/device_group.hpp"
#include "nccl_library.hpp"
#include "runtime.hpp"

namespace qt::cuda {

class NcclLinks final : public DeviceLinks {
 public:
  NcclLinks(const NcclLibrary& nccl, Runtime& runtime);
  const char* library() const override { return nccl_.name.c_str(); }
  const char* place() const override { return place_.c_str(); }
  bool invite(GroupInvitation& invitation) override;
  DeviceGroup* join(const GroupInvitation& invitation, int rank, int size) override;

 private:
  const NcclLibrary& nccl_;
  Runtime& runtime_;
  std::string place_;
};

}  // namespace qt::cuda
