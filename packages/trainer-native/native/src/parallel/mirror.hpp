// Numbers of a trainer where messages between processes find them: where they lie, if that is this process's memory; else in a copy of
// them here, to which and from which stretches are copied by the thread that asks the device for its work.
#pragma once
#include <cstddef>
#include <memory>
#include <span>

#include "../device/device.hpp"

namespace qt {

class Mirror {
 public:
  Mirror(Device& device, std::span<float> there) : device_(device), there_(there.data()), here_(there.data()) {
    if (device.isHost()) return;
    copy_.reset(new float[there.size()]);
    here_ = copy_.get();
  }
  float* data() const { return here_; }
  // From the device, in this order with what it was asked for before. Of one that has failed nothing comes: whoever needs it asks the device.
  void fetch(std::size_t begin, std::size_t end) const {
    if (here_ == there_ || begin == end) return;
    device_.copyOut(here_ + begin, there_ + begin, (end - begin) * sizeof(float));
  }
  // To the device.
  void put(std::size_t begin, std::size_t end) const {
    if (here_ != there_ && begin != end) device_.copyIn(there_ + begin, here_ + begin, (end - begin) * sizeof(float));
  }

 private:
  Device& device_;
  float *there_, *here_;
  std::unique_ptr<float[]> copy_;
};

}  // namespace qt
