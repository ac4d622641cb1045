#pragma once
#include <cstddef>
#include <string>

#include "transport_error.hpp"
#include "watch.hpp"

namespace qt {

// What every operation of a job that has failed throws.
[[noreturn]] inline void throwFailure(const Watch& watch) {
  const auto failure = watch.failure();
  if (!failure) throw TransportError("the job has failed");
  throw TransportError("rank " + std::to_string(failure->rank) + (failure->spoke ? " failed: " : " ") + failure->why);
}

// Two processes are not at the same place of what they do together: nothing that comes after it can be trusted.
[[noreturn]] inline void throwOtherLength(int rank, const std::string& sent, std::size_t awaited) {
  throw TransportError("rank " + std::to_string(rank) + " sends " + sent + " bytes where " + std::to_string(awaited) + " are waited for");
}

}  // namespace qt
