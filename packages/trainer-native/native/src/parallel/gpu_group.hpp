// The group of a job's GPUs, where there can be one.
#pragma once
#include <memory>
#include <string>

#include "../device/device.hpp"
#include "communicator.hpp"

namespace qt {

// Waits until what a group was asked for is done; throws where that, or the job, has failed.
void waitFor(DeviceGroup& group, Communicator& communicator);

// All of these members of the job call it. Null, in all of them, where one computes on the processor, has no library for it or cannot join in time, or
// two share a device: then numbers go through the memory of the processes. QT_GPU_EXCHANGE=memory asks for that. What the group is asked for
// ends when the job fails: whoever waits for the device waits for what the dead do not send.
std::shared_ptr<DeviceGroup> joinGpus(Device& device, Communicator& job, ProcessGroup& members);

}  // namespace qt
