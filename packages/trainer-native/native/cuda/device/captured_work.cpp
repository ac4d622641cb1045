#include "captured_work.hpp"

#include <utility>

namespace qt::cuda {
namespace {

constexpr std::size_t mostSizes = 1024;  // that are remembered as met

}  // namespace

// Captured when it is met again, so that batches of ever new sizes cost nothing. What is kept stays: sizes that come later are asked for as ever.
CapturedWork::Entry* CapturedWork::met(Sizes sizes) {
  if (!possible_) return nullptr;
  if (const auto found = entries_.find(sizes); found != entries_.end()) return found->second.graph != nullptr || nodes_ < allowed_ ? &found->second : nullptr;
  if (entries_.size() >= mostSizes) std::erase_if(entries_, [](const auto& entry) { return entry.second.graph == nullptr; });
  if (entries_.size() < mostSizes) entries_.try_emplace(std::move(sizes));
  return nullptr;
}

bool CapturedWork::begin() {
  if (runtime_.beginCapture() == Status::Ok) return true;
  giveUp();
  return false;
}

bool CapturedWork::keep(Entry& entry) {
  auto [graph, nodes] = runtime_.endCapture();
  if (graph == nullptr) {
    giveUp();
    return false;
  }
  nodes_ += nodes;
  entry.graph = std::move(graph);
  return true;
}

void CapturedWork::drop() { static_cast<void>(runtime_.endCapture()); }

Status CapturedWork::replay(const Entry& entry) {
  const Status status = runtime_.replay(*entry.graph);
  replays_ += status == Status::Ok;
  return status;
}

void CapturedWork::forget() {
  entries_.clear();
  nodes_ = 0;
}

void CapturedWork::giveUp() {
  // An error that nobody read would be taken for that of the next launch.
  static_cast<void>(runtime_.reason());
  possible_ = false;
  forget();
}

}  // namespace qt::cuda
