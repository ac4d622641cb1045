// The arena's plan on random requests: what lives at the same time never overlaps, and the size is neither too small nor unexplained.
#include <algorithm>

#include "check.hpp"
#include "memory.hpp"
#include "tiny.hpp"

using namespace qt;
using namespace qt::test;

namespace {

int draw(std::uint32_t round, std::uint64_t index, int below) { return static_cast<int>((random(index, 2000 + round) + 1) / 2 * below); }

void randomPlan(std::uint32_t round) {
  struct Request {
    std::size_t bytes;
    int begin, end;
  };
  std::vector<Request> requests;
  const int count = 1 + draw(round, 0, 80), stages = 1 + draw(round, 1, 30);
  ArenaPlan plan;
  for (int i = 0; i < count; ++i) {
    const int begin = draw(round, 10 + 3 * i, stages), end = std::min(stages - 1, begin + draw(round, 11 + 3 * i, stages));
    const std::size_t bytes = static_cast<std::size_t>(draw(round, 12 + 3 * i, i % 5 == 0 ? 100000 : 300));
    requests.push_back({bytes, begin, end});
    plan.add(i % 2 ? "odd" : "even", bytes, begin, end);
  }
  plan.place();
  for (int a = 0; a < count; ++a) {
    CHECK(plan.bytes(a) >= requests[a].bytes);
    CHECK(plan.offset(a) % 64 == 0);
    CHECK(plan.offset(a) + plan.bytes(a) <= plan.size());
    for (int b = 0; b < a; ++b) {
      if (requests[a].end < requests[b].begin || requests[b].end < requests[a].begin) continue;
      CHECK(plan.offset(a) + plan.bytes(a) <= plan.offset(b) || plan.offset(b) + plan.bytes(b) <= plan.offset(a));
    }
  }
  for (int s = 0; s < stages; ++s) {
    std::size_t alive = 0;
    for (const Request& r : requests)
      if (r.begin <= s && s <= r.end) alive += r.bytes;
    CHECK(plan.size() >= alive);
  }
  std::size_t explained = 0;
  for (const ArenaPlan::Part& part : plan.fullest()) explained += part.bytes;
  CHECK(explained == plan.size());
}

}  // namespace

int main() {
  for (std::uint32_t round = 0; round < 200; ++round) randomPlan(round);

  // Buffers that follow each other share one place.
  ArenaPlan chain;
  for (int i = 0; i < 10; ++i) chain.add("link", 1000, i, i);
  chain.place();
  CHECK(chain.size() == 1024);

  const Arena arena(5000);
  CHECK(arena.size() == 8192);
  CHECK(std::all_of(arena.data(), arena.data() + arena.size(), [](unsigned char byte) { return byte == 0; }));
  return report("memory_test");
}
