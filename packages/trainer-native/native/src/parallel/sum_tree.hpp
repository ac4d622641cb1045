// The order in which the gradients of a step's micro-batches are added, whoever has them: a binary tree over their numbers. A process adds
// up what lies whole within its own range, and holds what remains until others' parts join it.
#pragma once
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace qt {

// Micro-batches [index << level, (index + 1) << level), as far as there are such. Where one side of a sum is empty it is the other side.
struct SumNode {
  int level = 0;
  std::int64_t index = 0;
  auto operator<=>(const SumNode&) const = default;
};

// Gradients lie in the trainer's own array, or in one of several others of that size.
inline constexpr int inPlace = -1;

struct HeldNode {
  SumNode node;
  int buffer = inPlace;
};

// What becomes of the gradients of one micro-batch, which are in place: first the buffers `add` are added to them, in this order.
struct LeafSums {
  std::vector<int> add;
  int store = inPlace;  // then they are moved there, to make room for the next
};

struct OwnSums {
  std::vector<LeafSums> leaves;
  std::vector<HeldNode> held;  // in the end, by the order of micro-batches
  int buffers = 0;             // how many other arrays this takes
};

// Of micro-batches [first, last) among `total`.
inline OwnSums ownSums(std::int64_t first, std::int64_t last, std::int64_t total) {
  OwnSums sums;
  std::map<SumNode, int> held;
  std::vector<bool> used;
  for (std::int64_t leaf = first; leaf < last; ++leaf) {
    LeafSums& now = sums.leaves.emplace_back();
    SumNode node{0, leaf};
    while ((std::int64_t{1} << node.level) < total) {
      if (node.index % 2 == 1) {
        const auto sibling = held.find({node.level, node.index - 1});
        if (sibling == held.end()) break;
        now.add.push_back(sibling->second);
        used[sibling->second] = false;
        held.erase(sibling);
      } else if ((node.index + 1) << node.level < total) {
        break;
      }
      node = {node.level + 1, node.index / 2};
    }
    if (leaf + 1 < last) {
      int buffer = 0;
      while (buffer < static_cast<int>(used.size()) && used[buffer]) ++buffer;
      if (buffer == static_cast<int>(used.size())) used.push_back(true);
      used[buffer] = true;
      now.store = buffer;
    }
    held.emplace(node, now.store);
  }
  for (const auto& [node, buffer] : held) sums.held.push_back({node, buffer});
  sums.buffers = static_cast<int>(used.size());
  return sums;
}

// The sum over the whole tree, of the parts `values` that are held; `add(a, b)` adds b to a and gives a.
template <class Value, class Add>
Value sumOfTree(std::map<SumNode, Value>& values, std::int64_t total, const Add& add) {
  const auto of = [&](const auto& self, SumNode node) -> std::pair<bool, Value> {
    if (node.index << node.level >= total) return {false, Value{}};
    if (const auto found = values.find(node); found != values.end()) return {true, found->second};
    if (node.level == 0) return {false, Value{}};
    const auto left = self(self, {node.level - 1, 2 * node.index}), right = self(self, {node.level - 1, 2 * node.index + 1});
    if (!left.first || !right.first) return left.first ? left : right;
    return {true, add(left.second, right.second)};
  };
  int level = 0;
  while ((std::int64_t{1} << level) < total) ++level;
  return of(of, {level, 0}).second;
}

}  // namespace qt
