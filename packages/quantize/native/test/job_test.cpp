// Files: the same bytes with any number of threads, faults named, interruption, and what cannot be read or written.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>
#include <mutex>
#include <vector>

#include "check.hpp"
#include "job.hpp"

using namespace qt;
namespace fs = std::filesystem;

namespace {

fs::path folder;
const std::atomic<bool> going{false};
const std::function<void(std::size_t)> silent = [](std::size_t) {};

std::vector<std::uint8_t> bytesOf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write(const fs::path& path, const void* data, std::size_t bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
}

// A matrix of several ranges and odd sizes, a vector that is copied, an empty tensor and a matrix of few long rows.
struct Model {
  std::vector<float> values;
  FileJob job;
};
Model makeModel(TensorType type) {
  Model m;
  const std::pair<std::int64_t, std::int64_t> shapes[] = {{701, 576}, {1, 333333}, {0, 64}, {3, 262144}};
  std::uint64_t in = 64, out = 128;
  m.values.resize(16);
  std::uint32_t h = 7;
  for (std::size_t i = 0; i < std::size(shapes); ++i) {
    const auto [rows, columns] = shapes[i];
    TensorJob t;
    t.inputOffset = in;
    t.outputOffset = out;
    t.to = i == 1 ? TensorType::F32 : type;
    t.rows = rows;
    t.columns = columns;
    for (std::int64_t v = 0; v < rows * columns; ++v) m.values.push_back(static_cast<float>((h = h * 1664525u + 1013904223u) >> 8) / 8388608.0f - 1.0f);
    in += static_cast<std::uint64_t>(rows * columns * 4);
    out += static_cast<std::uint64_t>(rows) * rowBytes(t.to, static_cast<std::size_t>(columns)) + 32;
    m.job.tensors.push_back(t);
  }
  m.job.inputs = {(folder / "in").string()};
  m.job.output = (folder / "out").string();
  write(folder / "in", m.values.data(), m.values.size() * 4);
  return m;
}

Outcome run(Model& m, int threads, const EncoderTable& table = encoders(), const std::atomic<bool>& abort = going,
            const std::function<void(std::size_t)>& onTensor = silent) {
  write(folder / "out", "", 0);
  m.job.threads = threads;
  return quantizeFile(m.job, table, abort, onTensor);
}

void sameBytesWithAnyThreadsAndKernels() {
  for (const TensorType type : {TensorType::Q4_0, TensorType::Q8_0, TensorType::BF16}) {
    Model m = makeModel(type);
    std::vector<std::uint8_t> first;
    const char* names[8];
    const int count = availableEncoders(names, 8);
    for (int k = 0; k < count; ++k)
      for (const int threads : {1, 2, 3}) {
        std::mutex mutex;
        std::multiset<std::size_t> told;
        const Outcome outcome = run(m, threads, encoders(names[k]), going, [&](std::size_t tensor) {
          const std::lock_guard lock(mutex);
          told.insert(tensor);
        });
        CHECK(outcome.kind == Outcome::Kind::Done);
        CHECK((told == std::multiset<std::size_t>{0, 1, 2, 3}));
        const std::vector<std::uint8_t> bytes = bytesOf(folder / "out");
        if (first.empty()) first = bytes;
        CHECK(bytes == first);
      }
    for (const std::size_t i : {std::size_t{0}, std::size_t{3}}) {
      const TensorJob& t = m.job.tensors[i];
      std::vector<std::uint8_t> expected(static_cast<std::size_t>(t.rows) * rowBytes(t.to, static_cast<std::size_t>(t.columns)));
      CHECK(!encodeReference(t.to, {m.values.data() + t.inputOffset / 4, t.rows, t.columns}, expected.data()));
      CHECK(first.size() >= t.outputOffset + expected.size() && std::memcmp(first.data() + t.outputOffset, expected.data(), expected.size()) == 0);
    }
    const TensorJob& copied = m.job.tensors[1];
    CHECK(std::memcmp(first.data() + copied.outputOffset, m.values.data() + copied.inputOffset / 4, 333333 * 4) == 0);
  }
}

// Only copied tensors, one of them longer than what is copied at once, so that the copying finds out what is wrong.
Model onlyCopies() {
  Model m = makeModel(TensorType::F32);
  TensorJob& last = m.job.tensors.back();
  const std::int64_t before = last.rows * last.columns;
  last.rows = 17;
  for (std::int64_t v = before; v < last.rows * last.columns; ++v) m.values.push_back(static_cast<float>(v));
  for (TensorJob& t : m.job.tensors) t.outputOffset = t.inputOffset + 32;
  write(folder / "in", m.values.data(), m.values.size() * 4);
  return m;
}

bool isCopy(const fs::path& output, const Model& m) {
  const std::vector<std::uint8_t> bytes = bytesOf(output);
  return bytes.size() == m.values.size() * 4 + 32 && std::memcmp(bytes.data() + 96, m.values.data() + 16, m.values.size() * 4 - 64) == 0;
}

void copies() {
  Model m = onlyCopies();
  for (const int threads : {1, 2, 3}) {
    CHECK(run(m, threads).kind == Outcome::Kind::Done);
    CHECK(isCopy(folder / "out", m));
  }
#if defined(__linux__)
  m.job.output = "/dev/full";
  const Outcome full = run(m, 2);
  CHECK(full.kind == Outcome::Kind::WriteFailed && full.message.find("No space left") != std::string::npos);
#endif
  m.job.output = (folder / "out").string();
  fs::resize_file(folder / "in", m.values.size() * 4 - 4);
  const Outcome cut = run(m, 2);
  CHECK(cut.kind == Outcome::Kind::ReadFailed && cut.tensor == 3);
}

// Most kernels do not copy from one file system to another, so it is read and written.
void copiesBetweenFileSystems() {
#if defined(__linux__)
  const fs::path shared = "/dev/shm";
  if (!fs::is_directory(shared)) return;
  Model m = onlyCopies();
  const fs::path output = shared / ("qt-job-test-" + folder.filename().string());
  write(output, "", 0);
  m.job.output = output.string();
  m.job.threads = 2;
  CHECK(quantizeFile(m.job, encoders(), going, silent).kind == Outcome::Kind::Done);
  CHECK(isCopy(output, m));
  fs::remove(output);
#endif
}

void firstFaultIsTold() {
  for (const int threads : {1, 2, 3}) {
    Model m = makeModel(TensorType::Q5_0);
    const std::size_t start = m.job.tensors[0].inputOffset / 4;
    for (const std::size_t position : {std::size_t{300001}, std::size_t{403000}}) m.values[start + position] = std::numeric_limits<float>::quiet_NaN();
    write(folder / "in", m.values.data(), m.values.size() * 4);
    const Outcome outcome = run(m, threads);
    CHECK(outcome.kind == Outcome::Kind::Refused && outcome.tensor == 0);
    CHECK(outcome.fault.kind == Fault::Kind::NotFinite && outcome.fault.index == 300001);
  }
}

void stopsBetweenRanges() {
  Model m = makeModel(TensorType::Q4_0);
  const std::atomic<bool> stop{true};
  CHECK(run(m, 2, encoders(), stop).kind == Outcome::Kind::Aborted);
  CHECK(bytesOf(folder / "out").empty());
}

void tellsWhatItCannotReadOrWrite() {
  Model m = makeModel(TensorType::Q4_0);
  fs::resize_file(folder / "in", m.values.size() * 4 - 4);
  Outcome outcome = run(m, 2);
  CHECK(outcome.kind == Outcome::Kind::ReadFailed && outcome.tensor == 3);
  write(folder / "in", m.values.data(), m.values.size() * 4);
  m.job.output = (folder / "missing" / "out").string();
  CHECK(run(m, 1).kind == Outcome::Kind::WriteFailed);
#if defined(__linux__)
  m.job.output = "/dev/full";
  outcome = run(m, 2);
  CHECK(outcome.kind == Outcome::Kind::WriteFailed && outcome.message.find("No space left") != std::string::npos);
#endif
  m.job.inputs = {(folder / "missing").string()};
  CHECK(run(m, 1).kind == Outcome::Kind::ReadFailed);
}

void refusesJobsThatMakeNoSense() {
  const auto refuses = [](auto change) {
    Model m = makeModel(TensorType::Q4_0);
    change(m.job.tensors[0]);
    try {
      run(m, 1);
    } catch (const std::invalid_argument&) {
      return true;
    }
    return false;
  };
  CHECK(refuses([](TensorJob& t) { t.columns = 33; }));
  CHECK(refuses([](TensorJob& t) { t.rows = -1; }));
  CHECK(refuses([](TensorJob& t) { t.importance.resize(575), t.matrixRows = 701; }));
  CHECK(refuses([](TensorJob& t) { t.importance.resize(576), t.matrixRows = 0; }));
  CHECK(refuses([](TensorJob& t) { t.input = 1; }));
  CHECK(refuses([](TensorJob& t) { t.to = TensorType::I32; }));
  CHECK(refuses([](TensorJob& t) { t.from = TensorType::F64; }));
  CHECK(refuses([](TensorJob& t) { t.from = static_cast<TensorType>(999); }));
}

}  // namespace

int main() {
  folder = fs::temp_directory_path() / ("qt-job-test-" + std::to_string(std::rand()) + "-" + std::to_string(reinterpret_cast<std::uintptr_t>(&folder)));
  fs::create_directories(folder);
  sameBytesWithAnyThreadsAndKernels();
  copies();
  copiesBetweenFileSystems();
  firstFaultIsTold();
  stopsBetweenRanges();
  tellsWhatItCannotReadOrWrite();
  refusesJobsThatMakeNoSense();
  fs::remove_all(folder);
  return report("job_test");
}
