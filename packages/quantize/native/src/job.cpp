#include "job.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <qt/blocks.hpp>

#include "file.hpp"

namespace qt {
namespace {

// A range is written at once: few large writes cost the file system much less than many small ones. It is read and encoded in
// pieces that stay in the second-level cache.
constexpr std::int64_t rangeValues = 1 << 20;
constexpr std::int64_t pieceValues = 1 << 17;
// What is only copied goes in ranges that the kernel copies in one call, long ones, but soon enough done to be interrupted. Where it
// does not, they go in pieces that stay in the cache, too: one thread reads while the file system lets another one write.
constexpr std::int64_t rangeBytes = 1 << 24;
constexpr std::size_t pieceBytes = 1 << 19;

// One tensor, cut into ranges of whole rows, or of bytes when it is only copied.
struct Cut {
  std::int64_t units = 0;  // rows or bytes
  std::int64_t unitsEach = 1;
  // When it is encoded:
  std::int64_t unitsPiece = 1;
  std::int64_t inputBytes = 1, outputBytes = 1;  // of a unit
  std::int64_t ranges = 0;
  std::int64_t firstRange = 0;
  bool copied = false;
};

// The units of one range.
struct Part {
  std::size_t tensor = 0;
  std::int64_t range = 0;
  std::int64_t first = 0;
  std::int64_t units = 0;
};

Cut cutOf(const TensorJob& t, std::int64_t firstRange) {
  Cut cut;
  cut.firstRange = firstRange;
  cut.copied = t.from == t.to;
  const auto rowIn = static_cast<std::int64_t>(rowBytes(t.from, static_cast<std::size_t>(t.columns)));
  const auto rowOut = static_cast<std::int64_t>(rowBytes(t.to, static_cast<std::size_t>(t.columns)));
  if (t.rows < 0 || t.columns < 1 || rowIn == 0 || rowOut == 0) throw std::invalid_argument("rows are not whole blocks");
  if (!t.importance.empty() && (t.matrixRows < 1 || t.rows % t.matrixRows != 0 || static_cast<std::int64_t>(t.importance.size()) != t.rows / t.matrixRows * t.columns))
    throw std::invalid_argument("the importance has another shape");
  if (!cut.copied && !(decodable(t.from) && encodable(t.to))) throw std::invalid_argument("no encoder from this type to that one");
  if (cut.copied) {
    cut.units = t.rows * rowIn;
    cut.unitsEach = rangeBytes;
  } else {
    cut.units = t.rows;
    cut.unitsEach = std::max<std::int64_t>(1, rangeValues / t.columns);
    cut.unitsPiece = std::max<std::int64_t>(1, pieceValues / t.columns);
    // With importance one row lies in each lane: pieces of whole groups of rows.
    if (!t.importance.empty()) cut.unitsPiece = (cut.unitsPiece + 15) / 16 * 16;
    cut.unitsEach = std::max<std::int64_t>(1, cut.unitsEach / cut.unitsPiece) * cut.unitsPiece;
    cut.inputBytes = rowIn;
    cut.outputBytes = rowOut;
  }
  cut.ranges = (cut.units + cut.unitsEach - 1) / cut.unitsEach;
  return cut;
}

class Run {
 public:
  Run(const FileJob& job, const EncoderTable& table, const std::atomic<bool>& abort, const std::function<void(std::size_t)>& onTensor)
      : job_(job), table_(table), abort_(abort), onTensor_(onTensor), left_(job.tensors.size()) {
    for (std::size_t i = 0; i < job.tensors.size(); ++i) {
      if (job.tensors[i].input >= job.inputs.size()) throw std::invalid_argument("a tensor lies in no file");
      cuts_.push_back(cutOf(job.tensors[i], ranges_));
      ranges_ += cuts_.back().ranges;
      left_[i].store(cuts_.back().ranges, std::memory_order_relaxed);
    }
  }

  Outcome run() {
    try {
      for (const std::string& path : job_.inputs) inputs_.push_back(std::make_unique<File>(path, File::Mode::Read));
    } catch (const std::system_error& e) {
      return {Outcome::Kind::ReadFailed, 0, {}, e.what()};
    }
    try {
      output_ = std::make_unique<File>(job_.output, File::Mode::Write);
    } catch (const std::system_error& e) {
      return {Outcome::Kind::WriteFailed, 0, {}, e.what()};
    }
    for (std::size_t i = 0; i < cuts_.size(); ++i)
      if (cuts_[i].ranges == 0) onTensor_(i);
    std::vector<std::thread> helpers;
    for (int i = 1; i < job_.threads && i < ranges_; ++i) helpers.emplace_back([this] { work(); });
    work();
    for (std::thread& helper : helpers) helper.join();
    if (outcome_.kind == Outcome::Kind::Done && (next_.load() < ranges_ || stopped_.load())) outcome_.kind = Outcome::Kind::Aborted;
    return outcome_;
  }

 private:
  void work() {
    std::vector<std::uint8_t> in, out;
    for (;;) {
      if (abort_.load(std::memory_order_relaxed) || failed_.load(std::memory_order_relaxed)) return;
      const std::int64_t range = next_.fetch_add(1, std::memory_order_relaxed);
      if (range >= ranges_) return;
      const auto after = std::upper_bound(cuts_.begin(), cuts_.end(), range, [](std::int64_t r, const Cut& cut) { return r < cut.firstRange + cut.ranges; });
      const auto tensor = static_cast<std::size_t>(after - cuts_.begin());
      try {
        make(tensor, range, in, out);
      } catch (const std::exception& e) {
        fail(range, {Outcome::Kind::ReadFailed, tensor, {}, e.what()});
        return;
      }
    }
  }

  void make(std::size_t tensor, std::int64_t range, std::vector<std::uint8_t>& in, std::vector<std::uint8_t>& out) {
    const Cut& cut = cuts_[tensor];
    const std::int64_t first = (range - cut.firstRange) * cut.unitsEach;
    const Part part{tensor, range, first, std::min(cut.unitsEach, cut.units - first)};
    if (!(cut.copied ? copy(part, out) : convert(part, in, out))) return;
    if (left_[tensor].fetch_sub(1, std::memory_order_acq_rel) == 1) onTensor_(tensor);
  }

  bool copy(const Part& part, std::vector<std::uint8_t>& buffer) {
    const TensorJob& t = job_.tensors[part.tensor];
    const auto first = static_cast<std::uint64_t>(part.first);
    const auto bytes = static_cast<std::size_t>(part.units);
    std::size_t done = output_->copyFrom(*inputs_[t.input], t.inputOffset + first, t.outputOffset + first, bytes);
    for (std::size_t count = 0; done < bytes; done += count) {
      if (abort_.load(std::memory_order_relaxed)) {
        stopped_.store(true, std::memory_order_relaxed);
        return false;
      }
      count = std::min(pieceBytes, bytes - done);
      buffer.resize(std::max(buffer.size(), count));
      inputs_[t.input]->read(t.inputOffset + first + done, buffer.data(), count);
      if (!write(part, t.outputOffset + first + done, buffer.data(), count)) return false;
    }
    return true;
  }

  bool convert(const Part& part, std::vector<std::uint8_t>& in, std::vector<std::uint8_t>& out) {
    const TensorJob& t = job_.tensors[part.tensor];
    const Cut& cut = cuts_[part.tensor];
    const auto outputBytes = static_cast<std::size_t>(part.units * cut.outputBytes);
    out.resize(std::max(out.size(), outputBytes));
    for (std::int64_t done = 0; done < part.units; done += cut.unitsPiece) {
      const std::int64_t piece = std::min(cut.unitsPiece, part.units - done);
      const auto inputBytes = static_cast<std::size_t>(piece * cut.inputBytes);
      in.resize(std::max(in.size(), inputBytes));
      inputs_[t.input]->read(t.inputOffset + static_cast<std::uint64_t>((part.first + done) * cut.inputBytes), in.data(), inputBytes);
      Fault fault = recodeRows(t, part.first + done, piece, in.data(), out.data() + done * cut.outputBytes);
      if (fault) {
        fault.index += (part.first + done) * t.columns;
        fail(part.range, {Outcome::Kind::Refused, part.tensor, fault, {}});
        return false;
      }
    }
    return write(part, t.outputOffset + static_cast<std::uint64_t>(part.first * cut.outputBytes), out.data(), outputBytes);
  }

  bool write(const Part& part, std::uint64_t offset, const std::uint8_t* data, std::size_t bytes) {
    try {
      output_->write(offset, data, bytes);
      return true;
    } catch (const std::system_error& e) {
      fail(part.range, {Outcome::Kind::WriteFailed, part.tensor, {}, e.what()});
      return false;
    }
  }

  // Each matrix has its own importance.
  Fault recodeRows(const TensorJob& t, std::int64_t first, std::int64_t rows, const std::uint8_t* in, std::uint8_t* out) const {
    if (t.importance.empty()) return recode(table_, {in, t.from, rows, t.columns}, t.to, out);
    for (std::int64_t done = 0; done < rows;) {
      const std::int64_t matrix = (first + done) / t.matrixRows;
      const std::int64_t part = std::min(rows - done, (matrix + 1) * t.matrixRows - first - done);
      const auto columns = static_cast<std::size_t>(t.columns);
      const BlockRows source{in + static_cast<std::size_t>(done) * rowBytes(t.from, columns), t.from, part, t.columns, t.importance.data() + matrix * t.columns};
      Fault fault = recode(table_, source, t.to, out + static_cast<std::size_t>(done) * rowBytes(t.to, columns));
      fault.index += done * t.columns;
      if (fault) return fault;
      done += part;
    }
    return {};
  }

  // Ranges are handed out in order, so whoever has an earlier one still finishes it: the first fault of all is found.
  void fail(std::int64_t range, Outcome outcome) {
    const std::lock_guard lock(mutex_);
    if (!failed_.load() || range < failedRange_) {
      outcome_ = std::move(outcome);
      failedRange_ = range;
    }
    failed_.store(true);
  }

  const FileJob& job_;
  const EncoderTable& table_;
  const std::atomic<bool>& abort_;
  const std::function<void(std::size_t)>& onTensor_;
  std::vector<Cut> cuts_;
  std::int64_t ranges_ = 0;
  std::vector<std::unique_ptr<File>> inputs_;
  std::unique_ptr<File> output_;
  std::atomic<std::int64_t> next_{0};
  std::vector<std::atomic<std::int64_t>> left_;
  std::atomic<bool> failed_{false};
  std::atomic<bool> stopped_{false};  // within a range
  std::mutex mutex_;
  std::int64_t failedRange_ = 0;
  Outcome outcome_;
};

}  // namespace

Outcome quantizeFile(const FileJob& job, const EncoderTable& table, const std::atomic<bool>& abort, const std::function<void(std::size_t)>& onTensor) {
  return Run(job, table, abort, onTensor).run();
}

}  // namespace qt
