#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

#include "../platform.cuh"
#include "runtime.hpp"

namespace qt::cuda {

namespace {

// Every process has as many as a test says, all alike.
int devices() {
  const char* count = std::getenv("QT_EMULATED_GPUS");
  return count == nullptr ? 1 : std::atoi(count);
}

// Of which devices the driver took memory for this process, for tests.
void noteContext(int index) {
  const char* file = std::getenv("QT_EMULATED_GPU_CONTEXTS");
  std::FILE* to = file == nullptr ? nullptr : std::fopen(file, "a");
  if (to == nullptr) return;
  std::fprintf(to, "%d\n", index);
  std::fclose(to);
}

// What tests set to play a GPU that others use, too: how many bytes it says are free, how many are left of it after its memory was asked for,
// and a file that, when it is there, makes the next batch find none, and goes.
std::size_t bytesFree() {
  constexpr std::size_t all = std::size_t{8} << 30;
  const char* free = std::getenv("QT_EMULATED_GPU_FREE");
  return free == nullptr ? all : std::min<std::size_t>(all, std::strtoull(free, nullptr, 10));
}
std::size_t bytesLeft() {
  const char* left = std::getenv("QT_EMULATED_GPU_LEFT");
  return left == nullptr ? SIZE_MAX : std::strtoull(left, nullptr, 10);
}
bool fullNow() {
  const char* file = std::getenv("QT_EMULATED_GPU_FULL");
  return file != nullptr && std::remove(file) == 0;
}

// Of this process, by where they begin: on borders like a device's.
struct Taken {
  std::size_t bytes;
  void* whole;
  std::size_t mapped;  // 0: of the heap
};
constexpr std::size_t border = 256;
bool apart = false;
std::mutex takenMutex;
std::map<void*, Taken> taken;

std::size_t sumTaken() {
  std::size_t sum = 0;
  for (const auto& [place, one] : taken) sum += one.bytes;
  return sum;
}

void protect(bool open) {
  const std::lock_guard lock(takenMutex);
  for (const auto& [place, one] : taken)
    if (one.mapped > 0) mprotect(one.whole, one.mapped, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

// No number of a step alone, as a batch's tables are.
constexpr std::size_t leastBatch = 64;

}  // namespace

std::size_t emulator::bytesTaken() {
  const std::lock_guard lock(takenMutex);
  return sumTaken();
}

void emulator::setApart() {
  apart = true;
  reach = protect;
}

int countDevices(char*, std::size_t) { return devices(); }

bool describe(int index, bool free, CudaInfo& info) {
  if (index < 0 || index >= devices()) return false;
  if (free) noteContext(index);
  info = {"CUDA emulator", std::size_t{8} << 30, free ? bytesFree() : 0, 9, 0, 13000, 13000};
  return true;
}

// Copies that were asked for and are not done before they are waited for, or at a time of their own: whoever does not wait finds something
// else.
struct Runtime::Copies {
  struct Copy {
    int place;
    void* to;
    const void* from;
    std::size_t bytes;
    int launches;  // until it is done
  };
  std::deque<Copy> pending;

  void copyNext() {
    const Copy copy = pending.front();
    pending.pop_front();
    const emulator::Reaching reaching;
    std::memcpy(copy.to, copy.from, copy.bytes);
  }
};

Runtime::Runtime(int index) : index_(index), copies_(std::make_unique<Copies>()) { noteContext(index); }
Runtime::~Runtime() = default;

Stream Runtime::stream() const {
  while (!copies_->pending.empty() && copies_->pending.front().launches == 0) copies_->copyNext();
  for (Copies::Copy& copy : copies_->pending) --copy.launches;
  return stream_;
}

void* Runtime::allocate(std::size_t bytes) {
  if (emulator::captured != nullptr) return nullptr;
  ++allocations_;
  const std::lock_guard lock(takenMutex);
  if (sumTaken() + bytes > bytesLeft()) return nullptr;
  const std::size_t mapped = apart ? bytes + border : 0;
  void* whole = apart ? mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : std::calloc(1, bytes + border);
  if (whole == nullptr || whole == MAP_FAILED) return nullptr;
  void* p = reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(whole) + border - 1) / border * border);
  taken[p] = {bytes, whole, mapped};
  return p;
}

void Runtime::release(void* p) {
  const std::lock_guard lock(takenMutex);
  const auto one = taken.find(p);
  if (one == taken.end()) return;
  if (one->second.mapped > 0) munmap(one->second.whole, one->second.mapped);
  else std::free(one->second.whole);
  taken.erase(one);
}

Status Runtime::copyIn(void* to, const void* callers, std::size_t bytes) {
  if (emulator::captured != nullptr) return Status::LaunchFailed;
  if (bytes >= leastBatch && fullNow()) return Status::OutOfMemory;
  const emulator::Reaching reaching;
  if (bytes > 0) std::memcpy(to, callers, bytes);
  return Status::Ok;
}

Status Runtime::copyOut(void* callers, const void* from, std::size_t bytes) {
  if (emulator::captured != nullptr) return Status::LaunchFailed;
  const emulator::Reaching reaching;
  if (bytes > 0) std::memcpy(callers, from, bytes);
  return Status::Ok;
}

void* Runtime::allocateHost(std::size_t bytes) { return std::malloc(bytes); }
void Runtime::releaseHost(void* p) { std::free(p); }

Status Runtime::copyBeside(int place, void* to, const void* from, std::size_t bytes) {
  if (emulator::captured != nullptr) return Status::LaunchFailed;
  copies_->pending.push_back({place, to, from, bytes, emulator::copyDelay});
  return Status::Ok;
}

// One after the other, up to the last one of the place.
Status Runtime::awaitCopy(int place) {
  if (emulator::captured != nullptr) return Status::LaunchFailed;  // for work that is not captured
  std::deque<Copies::Copy>& pending = copies_->pending;
  while (std::any_of(pending.begin(), pending.end(), [&](const Copies::Copy& c) { return c.place == place; })) copies_->copyNext();
  return Status::Ok;
}

struct Runtime::Graph {
  emulator::Launches launches;
};

namespace {
std::shared_ptr<Runtime::Graph> capturing;

bool isLeft(int& count) { return count < 0 || count-- > 0; }
}

Status Runtime::beginCapture() {
  capturing = std::make_shared<Graph>();
  emulator::captured = &capturing->launches;
  return Status::Ok;
}

Runtime::Captured Runtime::endCapture() {
  emulator::captured = nullptr;
  std::shared_ptr<Graph> graph = std::exchange(capturing, nullptr);
  if (!isLeft(emulator::capturesLeft)) return {};
  const std::size_t nodes = graph->launches.size();
  return {std::move(graph), nodes};
}

Status Runtime::replay(const Graph& graph) {
  if (!isLeft(emulator::replaysLeft)) return Status::OutOfMemory;
  const emulator::Reaching reaching;
  for (const auto& launch : graph.launches)
    if (const Status status = launch(); status != Status::Ok) return status;
  return Status::Ok;
}

Status Runtime::zero(void* to, std::size_t bytes) {
  const auto work = [=] {
    const emulator::Reaching reaching;
    std::memset(to, 0, bytes);
    return Status::Ok;
  };
  if (emulator::captured == nullptr) return work();
  emulator::captured->push_back(work);
  return Status::Ok;
}

Status Runtime::copy(void* to, const void* from, std::size_t bytes) { return copyIn(to, from, bytes); }

// Every process has an emulator of its own.
std::string Runtime::place() const { return "emulator " + std::to_string(getpid()); }

const char* Runtime::reason() const { return emulator::lastFault().c_str(); }

}  // namespace qt::cuda
