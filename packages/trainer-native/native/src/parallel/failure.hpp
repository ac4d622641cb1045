#pragma once
#include <stdexcept>
#include <string>

#include "watch.hpp"

namespace qt {

// What every operation of a job that has failed throws.
[[noreturn]] inline void throwFailure(const Watch& watch) {
  const auto failure = watch.failure();
  if (!failure) throw std::runtime_error("the job has failed");
  throw std::runtime_error("rank " + std::to_string(failure->rank) + (failure->spoke ? " failed: " : " ") + failure->why);
}

}  // namespace qt
