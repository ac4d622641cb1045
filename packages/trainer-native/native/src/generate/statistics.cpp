// Collecting statistics while a text goes through the blocks.
#include "statistics.hpp"

#include <stdexcept>

#include "session.hpp"

namespace qt {

bool Session::collect(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, Statistics& statistics, bool exact,
                      const std::atomic<bool>& abort) {
  if (count <= 0) throw std::runtime_error("there is no text to collect statistics of");
  grow(before_, static_cast<std::size_t>(chunk_) * spec_.dModel);
  statistics_ = &statistics;
  try {
    const bool finished = pass(cache, adapters, ids, count, exact, abort, [&](std::int32_t, std::int32_t rows) {
      if (!statistics.output) return;
      finalStates(0, rows);
      device_->addSums(hidden_, rows, spec_.dModel, true, statistics.ofOutput());
    });
    statistics_ = nullptr;
    return finished;
  } catch (...) {
    statistics_ = nullptr;
    throw;
  }
}

void Session::note(int layer, BlockInput input, const float* x, std::int64_t columns) {
  if (statistics_ != nullptr) device_->addSums(x, rows(), columns, true, statistics_->of(layer, input));
}

void Session::noteBlockBegins() {
  if (statistics_ != nullptr) device_->copy(before_.data, x_, static_cast<std::int64_t>(rows()) * spec_.dModel);
}

void Session::noteBlockEnds(int layer) {
  if (statistics_ != nullptr) device_->addCosines(before_.data, x_, rows(), spec_.dModel, statistics_->cosine(layer));
}

}  // namespace qt
