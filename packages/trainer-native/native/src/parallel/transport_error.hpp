#pragma once
#include <stdexcept>

namespace qt {

// What goes between the processes of a job has failed, or is not what was waited for. Less memory would not help.
struct TransportError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace qt
