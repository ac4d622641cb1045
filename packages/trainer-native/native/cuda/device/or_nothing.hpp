#pragma once
#include <exception>

namespace qt::cuda {

// What `make` makes, or nothing where there is no memory for it. No exception leaves the library: whoever asks has a C++ runtime of its own.
template <class Make>
auto orNothing(const Make& make) noexcept -> decltype(make()) {
  try {
    return make();
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace qt::cuda
