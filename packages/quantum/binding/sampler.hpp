#pragma once

#include <napi.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "dispatch.hpp"

namespace qt::anneal {

// A problem and the arrays of JavaScript that it points into.
struct HeldProblem {
  Problem problem;
  std::vector<Napi::Reference<Napi::Value>> arrays;
};

struct Sampler {
  std::shared_ptr<HeldProblem> held;
  Problem problem;  // without the square where the kernel does not use it
  const SamplerTable* table;
  std::unique_ptr<void, decltype(&std::free)> memory{nullptr, std::free};
};

Napi::Value createProblem(const Napi::CallbackInfo& info);
Napi::Value createSampler(const Napi::CallbackInfo& info);
Napi::Value runSampler(const Napi::CallbackInfo& info);
Napi::Value temperSampler(const Napi::CallbackInfo& info);
std::shared_ptr<Sampler> toSampler(const Napi::Value& value);

}  // namespace qt::anneal
