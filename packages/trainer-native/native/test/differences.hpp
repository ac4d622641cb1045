// Finite differences: the gradient of a function by calling it, for checking gradients that were derived by hand.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "check.hpp"
#include "reference/ops.hpp"

namespace qt::test {

// Compares up to `most` entries of a gradient with central differences of loss(); the error is relative to their length.
template <class Loss>
void checkGradient(const char* name, reference::Values& at, const reference::Values& gradient, const Loss& loss, std::size_t most, double tolerance) {
  constexpr double h = 2e-5;
  const std::size_t stride = at.size() <= most ? 1 : at.size() / most;
  double error = 0, size = 0;
  for (std::size_t i = 0; i < at.size(); i += stride) {
    const double before = at[i];
    at[i] = before + h;
    const double high = loss();
    at[i] = before - h;
    const double difference = (high - loss()) / (2 * h);
    at[i] = before;
    error += (difference - gradient[i]) * (difference - gradient[i]);
    size += difference * difference;
  }
  if (!(std::sqrt(error) <= tolerance * std::sqrt(size)) || size == 0) {
    std::printf("%s: the gradient is off by %.3g\n", name, std::sqrt(error / size));
    ++failures;
  }
}

}  // namespace qt::test
