// However micro-batches are shared out, they are added as one process adds them.
#include <string>

#include "check.hpp"
#include "parallel/sum_tree.hpp"

using namespace qt;

namespace {

std::string sum(const std::string& a, const std::string& b) { return "(" + a + "+" + b + ")"; }

// What one process holds after its share, as texts.
void work(const OwnSums& own, std::int64_t first, std::map<SumNode, std::string>& parts) {
  std::vector<std::string> buffers(own.buffers);
  std::string place;
  for (std::size_t i = 0; i < own.leaves.size(); ++i) {
    place = std::to_string(first + static_cast<std::int64_t>(i));
    for (const int from : own.leaves[i].add) place = sum(buffers[from], place);
    if (own.leaves[i].store != inPlace) buffers[own.leaves[i].store] = place;
    else CHECK(i + 1 == own.leaves.size());
  }
  for (const HeldNode& held : own.held) {
    CHECK(!parts.contains(held.node));
    parts[held.node] = held.buffer == inPlace ? place : buffers[held.buffer];
  }
}

std::string shared(const std::vector<std::int64_t>& borders) {
  std::map<SumNode, std::string> parts;
  for (std::size_t r = 0; r + 1 < borders.size(); ++r) work(ownSums(borders[r], borders[r + 1], borders.back()), borders[r], parts);
  return sumOfTree(parts, borders.back(), sum);
}

}  // namespace

int main() {
  CHECK(shared({0, 4}) == "((0+1)+(2+3))");
  CHECK(shared({0, 7}) == "(((0+1)+(2+3))+((4+5)+6))");
  for (std::int64_t total = 1; total <= 21; ++total) {
    const std::string alone = shared({0, total});
    for (std::int64_t a = 0; a <= total; ++a)
      for (std::int64_t b = a; b <= total; ++b)
        for (const std::int64_t c : {b, (b + total) / 2, total}) CHECK(shared({0, a, b, c, total}) == alone);
  }
  // A power of two takes one array for each level but the last.
  CHECK(ownSums(0, 8, 16).buffers == 3);
  CHECK(ownSums(8, 16, 16).buffers == 3);
  CHECK(ownSums(3, 4, 8).buffers == 0);
  return report("sum_tree_test");
}
