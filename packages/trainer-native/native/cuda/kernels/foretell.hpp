// What logits say of given tokens: generation's scores.
//   log p = z[id] − lse(z)
#pragma once
#include <cstdint>

#include "../status.hpp"
#include "device/generation.hpp"

namespace qt::cuda {

// Of foretold[i]: its log-probability, and whether it is the first of the highest logits of its row.
Status foretell(const float* logits, std::int64_t vocabulary, const Foretold* foretold, std::int64_t count, float* logs, std::uint8_t* likeliest, Stream stream);

}  // namespace qt::cuda
