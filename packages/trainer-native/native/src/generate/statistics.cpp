// Collecting statistics while a text goes through the blocks.
#include "statistics.hpp"

#include <algorithm>
#include <cmath>

#include "session.hpp"

namespace qt {

bool Session::collect(KvCache& cache, const AdapterSet& adapters, const std::int32_t* ids, std::int32_t count, Statistics& statistics, bool exact,
                      const std::atomic<bool>& abort) {
  if (count <= 0) throw std::runtime_error("there is no text to collect statistics of");
  statistics_ = &statistics;
  before_.resize(x_.size());
  try {
    const bool finished = pass(cache, adapters, ids, count, exact, abort, [&](std::int32_t, std::int32_t rows) {
      if (!statistics.output) return;
      finalStates(0, rows);
      addSquares(hidden_.data(), spec_.dModel, statistics.ofOutput());
    });
    statistics_ = nullptr;
    return finished;
  } catch (...) {
    statistics_ = nullptr;
    throw;
  }
}

void Session::note(int layer, BlockInput input, const float* x, std::int64_t columns) {
  if (statistics_ != nullptr) addSquares(x, columns, statistics_->of(layer, input));
}

// sums[c] += Σ over rows of x[row, c]²
void Session::addSquares(const float* x, std::int64_t columns, double* sums) {
  constexpr std::int64_t columnsPerTask = 64;
  pool_.run((columns + columnsPerTask - 1) / columnsPerTask, [&](std::int64_t task, int) {
    const std::int64_t begin = task * columnsPerTask, end = std::min(columns, begin + columnsPerTask);
    for (std::int64_t row = 0; row < rows_; ++row)
      for (std::int64_t c = begin; c < end; ++c) sums[c] += static_cast<double>(x[row * columns + c]) * x[row * columns + c];
  });
}

void Session::noteBlockBegins() {
  if (statistics_ != nullptr) std::copy_n(x_.data(), static_cast<std::size_t>(rows_) * spec_.dModel, before_.data());
}

void Session::noteBlockEnds(int layer) {
  if (statistics_ == nullptr) return;
  const std::int64_t d = spec_.dModel;
  for (std::int64_t row = 0; row < rows_; ++row) {
    double product = 0, in = 0, out = 0;
    for (std::int64_t c = row * d; c < (row + 1) * d; ++c) {
      product += static_cast<double>(before_[c]) * x_[c];
      in += static_cast<double>(before_[c]) * before_[c];
      out += static_cast<double>(x_[c]) * x_[c];
    }
    statistics_->cosine(layer) += in > 0 && out > 0 ? product / std::sqrt(in * out) : 1;
  }
}

}  // namespace qt
