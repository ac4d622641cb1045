// The emulator's side of platform.cuh. One block after another, each thread a fiber: barriers and warp collectives are where a fiber waits
// for the others. Whatever a device would not define ends the launch with Status::Fault, and lastFault() says what it was.
#pragma once
#include <functional>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "../status.hpp"
#include "language.hpp"
#include "observer.hpp"
#include "rounding.hpp"

namespace qt::cuda {

inline constexpr bool emulated = true;

namespace emulator {

using Site = std::source_location;

// Shared memory that a launch may ask for: that of sm_90. Tests lower it, for smaller devices.
inline constexpr std::size_t sharedRoom = 227 * 1024;
inline std::size_t mostShared = sharedRoom;

// Why the last launch ended with Status::Fault, else empty.
const std::string& lastFault();

// Where launches go while a stream is captured: they are kept with what they were given, and done when they are replayed.
using Launches = std::vector<std::function<Status()>>;
inline Launches* captured = nullptr;

// While one of these lives a device's memory can be touched; without any, where a Runtime has said what to do about it, it cannot.
inline void (*reach)(bool) = nullptr;
class Reaching {
 public:
  Reaching() {
    if (reach != nullptr && depth_++ == 0) reach(true);
  }
  ~Reaching() {
    if (reach != nullptr && --depth_ == 0) reach(false);
  }
  Reaching(const Reaching&) = delete;
  Reaching& operator=(const Reaching&) = delete;

 private:
  static inline int depth_ = 0;
};

Status run(dim3 grid, dim3 block, std::size_t sharedBytes, void (*kernel)(const void*), const void* arguments);

void blockBarrier(const Site& site);
// Waits for the lanes of `mask`; the last one to arrive calls `together` with what each lane brought, then all go on.
void collective(std::uint32_t mask, void* mine, void (*together)(void* const (&lanes)[32], std::uint32_t mask), const Site& site);
void warpBarrier(std::uint32_t mask, const Site& site);

void* dynamicShared(const Site& site);
void multiplyBf16(float* d, const std::uint32_t* a, const std::uint32_t* b, const Site& site);
void multiplyTf32(float* d, const std::uint32_t* a, const std::uint32_t* b, const Site& site);
void loadMatrices(std::uint32_t* r, const void* row, bool transposed, const Site& site);
void copyAsync(void* to, const void* from, int bytes, const Site& site);
void commitCopies();
void awaitCopies(int groupsLeft);

int lane();

// Ends the launch, of which this is a thread; the program, where it is none.
void fault(std::string why);
// Of code that is compiled to tell of its loads and stores (accesses.cpp): from then on, races end a launch too, unless there is an observer.
void watchAccesses();
void accessed(const void* at, std::size_t bytes, bool write, const void* code);

// What a lane gives to a shuffle, and whose value it takes.
template <class T>
struct Shuffled {
  T value, taken;
  int from;
};
template <class T>
T shuffle(std::uint32_t mask, T value, int from, const Site& site) {
  Shuffled<T> mine{value, value, from};
  collective(
      mask, &mine,
      [](void* const(&lanes)[32], std::uint32_t present) {
        for (int i = 0; i < 32; ++i) {
          if ((present >> i & 1) == 0) continue;
          auto* to = static_cast<Shuffled<T>*>(lanes[i]);
          // A lane that takes no part has no value to give; NaN, where the type has one, says so.
          if ((present >> to->from & 1) != 0) to->taken = static_cast<Shuffled<T>*>(lanes[to->from])->value;
          else std::memset(&to->taken, 0xff, sizeof(T));
        }
      },
      site);
  return mine.taken;
}

}  // namespace emulator

template <class T>
T* dynamicShared(const emulator::Site& site = emulator::Site::current()) {
  return static_cast<T*>(emulator::dynamicShared(site));
}

template <class... P>
Status launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t sharedBytes, Stream, std::type_identity_t<P>... arguments) {
  if (emulator::captured != nullptr) {
    emulator::captured->push_back([=] { return launch(kernel, grid, block, sharedBytes, nullptr, arguments...); });
    return Status::Ok;
  }
  const auto body = [&] { kernel(arguments...); };
  emulator::launching = reinterpret_cast<const void*>(kernel);
  return emulator::run(grid, block, sharedBytes, [](const void* call) { (*static_cast<const decltype(body)*>(call))(); }, &body);
}

inline void mmaBf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], const emulator::Site& site = emulator::Site::current()) {
  emulator::multiplyBf16(d, a, b, site);
}
inline void mmaTf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2], const emulator::Site& site = emulator::Site::current()) {
  emulator::multiplyTf32(d, a, b, site);
}
inline void ldmatrixX4(std::uint32_t (&r)[4], const void* row, const emulator::Site& site = emulator::Site::current()) {
  emulator::loadMatrices(r, row, false, site);
}
inline void ldmatrixX4Trans(std::uint32_t (&r)[4], const void* row, const emulator::Site& site = emulator::Site::current()) {
  emulator::loadMatrices(r, row, true, site);
}
inline void cpAsync16(void* to, const void* from, int bytes = 16, const emulator::Site& site = emulator::Site::current()) {
  emulator::copyAsync(to, from, bytes, site);
}
inline void cpAsyncCommit() { emulator::commitCopies(); }
template <int N>
void cpAsyncWait() {
  emulator::awaitCopies(N);
}

inline float qtExp2(float x) { return emulator::fastExp2(x); }
inline float qtExp(float x) { return emulator::fastExp(x); }
inline float qtDivide(float a, float b) { return emulator::fastDivide(a, b); }

}  // namespace qt::cuda

inline void __syncthreads(const std::source_location& site = std::source_location::current()) { qt::cuda::emulator::blockBarrier(site); }
inline void __syncwarp(std::uint32_t mask = 0xffffffffu, const std::source_location& site = std::source_location::current()) {
  qt::cuda::emulator::warpBarrier(mask, site);
}
template <class T>
T __shfl_sync(std::uint32_t mask, T value, int from, int width = 32, const std::source_location& site = std::source_location::current()) {
  const int base = qt::cuda::emulator::lane() & ~(width - 1);
  return qt::cuda::emulator::shuffle(mask, value, base + (from & (width - 1)), site);
}
template <class T>
T __shfl_xor_sync(std::uint32_t mask, T value, int bits, int width = 32, const std::source_location& site = std::source_location::current()) {
  const int lane = qt::cuda::emulator::lane(), from = lane ^ bits;
  return qt::cuda::emulator::shuffle(mask, value, from / width <= lane / width ? from : lane, site);
}
template <class T>
T __shfl_down_sync(std::uint32_t mask, T value, int by, int width = 32, const std::source_location& site = std::source_location::current()) {
  const int lane = qt::cuda::emulator::lane(), from = lane + by;
  return qt::cuda::emulator::shuffle(mask, value, from / width == lane / width ? from : lane, site);
}
template <class T>
T __shfl_up_sync(std::uint32_t mask, T value, int by, int width = 32, const std::source_location& site = std::source_location::current()) {
  const int lane = qt::cuda::emulator::lane(), from = lane - by;
  return qt::cuda::emulator::shuffle(mask, value, from >= lane / width * width ? from : lane, site);
}
inline unsigned __ballot_sync(std::uint32_t mask, int predicate, const std::source_location& site = std::source_location::current()) {
  struct Vote {
    bool mine;
    unsigned all;
  } vote{predicate != 0, 0};
  qt::cuda::emulator::collective(
      mask, &vote,
      [](void* const(&lanes)[32], std::uint32_t present) {
        unsigned all = 0;
        for (int i = 0; i < 32; ++i)
          if ((present >> i & 1) != 0 && static_cast<Vote*>(lanes[i])->mine) all |= 1u << i;
        for (int i = 0; i < 32; ++i)
          if ((present >> i & 1) != 0) static_cast<Vote*>(lanes[i])->all = all;
      },
      site);
  return vote.all;
}
inline int __any_sync(std::uint32_t mask, int predicate, const std::source_location& site = std::source_location::current()) {
  return __ballot_sync(mask, predicate, site) != 0;
}
inline int __all_sync(std::uint32_t mask, int predicate, const std::source_location& site = std::source_location::current()) {
  return __ballot_sync(mask, predicate, site) == mask;
}
