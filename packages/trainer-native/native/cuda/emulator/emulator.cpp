#include "emulator.hpp"

#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <string_view>
#include <vector>

#include "fiber.hpp"
#include "races.hpp"
#include "rounding.hpp"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace qt::cuda::emulator {
namespace {

constexpr unsigned mostThreads = 1024;
constexpr std::size_t canaryBytes = 1024;
constexpr unsigned char canary = 0xa5, unwritten = 0xff;

struct Copy {
  void* to;
  const void* from;
  int bytes;
};

enum class State : unsigned char { Ready, AtBlockBarrier, AtWarp, Ended };

struct Thread {
  Fiber fiber;
  State state = State::Ready;
  uint3 index{};
  Site site;
  std::vector<std::vector<Copy>> groups;  // committed copies, then those of the open group
};

// Lanes of a warp at one place. While some wait at one, others, which its mask leaves out, may meet at another.
struct Meeting {
  std::uint32_t mask, arrived;
  void* brought[32];
  Site site;
};
using Warp = std::vector<Meeting>;

struct Machine {
  std::mutex one;  // launch at a time
  std::vector<std::unique_ptr<Thread>> threads;
  std::vector<Warp> warps;
  unsigned count = 0;  // threads of a block
  Thread* now = nullptr;
  unsigned nowIndex = 0;
  unsigned atBarrier = 0;
  unsigned char* shared = nullptr;  // ends at the canary, which ends at a page that cannot be touched
  std::size_t sharedBytes = 0;
  void (*kernel)(const void*) = nullptr;
  const void* arguments = nullptr;
  std::string fault;
  bool watching = false;
  bool observing = false;  // what an observer and the emulator do may be compiled like kernels, and is not told
  const unsigned char* callers = nullptr;  // the stack of whoever launches, where arguments lie
  Races races;
};

Machine& machine() {
  static Machine m;
  return m;
}

bool samePlace(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() && (a.file_name() == b.file_name() || std::string_view(a.file_name()) == b.file_name());
}

std::string place(const Site& site) {
  const std::string file = site.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(site.line());
}

std::string who(const Machine& m, unsigned thread) {
  return "thread " + std::to_string(thread) + " of block (" + std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + ", " +
         std::to_string(blockIdx.z) + ")" + (m.threads[thread]->state == State::Ended ? " has ended" : " is at " + place(m.threads[thread]->site));
}

void wait() { machine().now->fiber.suspend(); }

[[noreturn]] void fail(std::string why) {
  Machine& m = machine();
  if (m.fault.empty()) m.fault = std::move(why);
  for (;;) wait();  // the launch is given up; nothing resumes this thread
}

void threadMain() {
  Machine& m = machine();
  m.kernel(m.arguments);
  awaitCopies(0);
  m.now->state = State::Ended;
  wait();
}

// Room for dynamic shared memory, its end at a page that cannot be touched.
unsigned char* sharedEnd() {
  static unsigned char* const end = [] {
    constexpr std::size_t page = 4096, bytes = (sharedRoom + canaryBytes + page - 1) / page * page;
    void* p = mmap(nullptr, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(static_cast<char*>(p) + bytes, page, PROT_NONE) != 0) throw std::bad_alloc();
    return static_cast<unsigned char*>(p) + bytes;
  }();
  return end;
}

void releaseBarrier(Machine& m) {
  m.atBarrier = 0;
  m.races.blockBarrier();
  if (observer != nullptr) observer->together(Together::Barrier);
  for (unsigned t = 0; t < m.count; ++t) m.threads[t]->state = State::Ready;
}

void runBlock(Machine& m) {
  if (m.sharedBytes > 0) {
    std::memset(m.shared, unwritten, m.sharedBytes);
    std::memset(m.shared + m.sharedBytes, canary, canaryBytes);
  }
  if (m.watching) m.races.beginBlock(m.shared, m.sharedBytes, (static_cast<std::uint64_t>(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x);
  for (Warp& w : m.warps) w.clear();
  m.atBarrier = 0;
  for (unsigned t = 0; t < m.count; ++t) {
    Thread& thread = *m.threads[t];
    thread.state = State::Ready;
    thread.groups.assign(1, {});
    thread.index = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
    thread.fiber.start(threadMain);
  }
  for (bool moved = true; moved && m.fault.empty();) {
    moved = false;
    // A warp at a time, until all its lanes wait for another warp.
    for (unsigned first = 0; first < m.count && m.fault.empty(); first += 32)
      for (bool again = true; again && m.fault.empty();) {
        again = false;
        for (unsigned t = first; t < first + 32 && t < m.count && m.fault.empty(); ++t) {
          Thread& thread = *m.threads[t];
          if (thread.state != State::Ready) continue;
          moved = again = true;
          m.now = &thread;
          m.nowIndex = t;
          threadIdx = thread.index;
          thread.fiber.resume();
          m.now = nullptr;
        }
      }
  }
  if (!m.fault.empty()) return;
  unsigned ended = 0, waiting = 0;
  for (unsigned t = 0; t < m.count; ++t) {
    if (m.threads[t]->state == State::Ended) ended = t + 1;
    else waiting = t + 1;
  }
  if (waiting != 0) {
    // Whom it waits for: one that has ended, or that waits elsewhere.
    unsigned other = ended;
    for (unsigned t = 0; t < m.count && other == 0; ++t)
      if (m.threads[t]->state != m.threads[waiting - 1]->state) other = t + 1;
    m.fault = "a barrier or warp collective that not all threads reach: " + who(m, waiting - 1) + (other == 0 ? "" : ", " + who(m, other - 1));
    return;
  }
  for (std::size_t i = 0; m.sharedBytes > 0 && i < canaryBytes; ++i)
    if (m.shared[m.sharedBytes + i] != canary) {
      m.fault = "byte " + std::to_string(i) + " behind the " + std::to_string(m.sharedBytes) + " bytes of dynamic shared memory was written";
      return;
    }
}

bool inShared(const void* p, std::size_t bytes) {
  const Machine& m = machine();
  const auto* at = static_cast<const unsigned char*>(p);
  return m.shared != nullptr && at >= m.shared && at + bytes <= m.shared + m.sharedBytes;
}

// Whether this is a constant or variable of the library or program that the emulator is linked into.
bool ofProgram(const void* at) {
  struct Range {
    std::uintptr_t begin = UINTPTR_MAX, end = 0;
  };
  static const Range program = [] {
    Range found;
    dl_iterate_phdr(
        [](dl_phdr_info* module, std::size_t, void* to) {
          Range range;
          for (int i = 0; i < module->dlpi_phnum; ++i) {
            const auto& part = module->dlpi_phdr[i];
            if (part.p_type != PT_LOAD) continue;
            range.begin = std::min(range.begin, static_cast<std::uintptr_t>(module->dlpi_addr + part.p_vaddr));
            range.end = std::max(range.end, static_cast<std::uintptr_t>(module->dlpi_addr + part.p_vaddr + part.p_memsz));
          }
          const auto self = reinterpret_cast<std::uintptr_t>(&observer);
          if (self < range.begin || self >= range.end) return 0;
          *static_cast<Range*>(to) = range;
          return 1;
        },
        &found);
    return found;
  }();
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  return address >= program.begin && address < program.end;
}

// What lies in registers or among constants on a device is none of an observer's: threads' own memory, arguments, the program's.
void observe(const void* at, std::size_t bytes, bool write, const void* code) {
  Machine& m = machine();
  if (m.observing) return;
  constexpr std::ptrdiff_t mostStack = 8 << 20;
  const auto* p = static_cast<const unsigned char*>(at);
  const bool shared = inShared(at, bytes);
  if (!shared && (Fiber::onAnyStack(at) || (p >= m.callers && p < m.callers + mostStack) || ofProgram(at))) return;
  m.observing = true;
  observer->access({m.nowIndex, shared ? Space::Shared : Space::Global, shared ? static_cast<std::uintptr_t>(p - m.shared) : reinterpret_cast<std::uintptr_t>(at),
                    static_cast<std::uint32_t>(bytes), write, code});
  m.observing = false;
}

void requireShared(const void* p, const char* what, const Site& site) {
  if (reinterpret_cast<std::uintptr_t>(p) % 16 != 0) fail(std::string(what) + " is not aligned to 16 bytes at " + place(site));
  if (!inShared(p, 16)) fail(std::string(what) + " lies outside dynamic shared memory at " + place(site));
}

struct Fragments {
  float* d;
  const std::uint32_t* a;
  const std::uint32_t* b;
};

float half(std::uint32_t pair, int which) { return std::bit_cast<float>(which == 0 ? pair << 16 : pair & 0xffff0000u); }

// d[row, column] of a 16×8 tile lies in lane 4·(row % 8) + column / 2, register 2·(row / 8) + column % 2.
template <int Depth, class ReadA, class ReadB>
void multiplyTile(void* const (&lanes)[32], const ReadA& readA, const ReadB& readB) {
  float a[16][Depth], b[Depth][8];
  for (int lane = 0; lane < 32; ++lane) {
    const auto* f = static_cast<const Fragments*>(lanes[lane]);
    readA(f->a, lane / 4, lane % 4, a);
    readB(f->b, lane / 4, lane % 4, b);
  }
  for (int row = 0; row < 16; ++row) {
    const auto d = [&](int column) -> float& { return static_cast<Fragments*>(lanes[row % 8 * 4 + column / 2])->d[row / 8 * 2 + column % 2]; };
    float sums[8];
    for (int column = 0; column < 8; ++column) sums[column] = d(column);
    for (int first = 0; first < Depth; first += Depth / 2) {
      double products[Depth / 2][8];  // of such short numbers they are exact
      for (int k = 0; k < Depth / 2; ++k)
        for (int column = 0; column < 8; ++column) products[k][column] = static_cast<double>(a[row][first + k]) * b[first + k][column];
      addCut(sums, products);
    }
    for (int column = 0; column < 8; ++column) d(column) = sums[column];
  }
}

struct MatrixRow {
  std::uint32_t* r;
  const void* row;
  bool transposed;
};

}  // namespace

const std::string& lastFault() { return machine().fault; }

Status run(dim3 grid, dim3 block, std::size_t sharedBytes, void (*kernel)(const void*), const void* arguments) {
  Machine& m = machine();
  const std::lock_guard lock(m.one);
  const Reaching reaching;
  m.fault.clear();
  const std::uint64_t threads = static_cast<std::uint64_t>(block.x) * block.y * block.z;
  const bool gridFits = grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535;
  if (threads == 0 || threads > mostThreads || block.z > 64 || !gridFits || sharedBytes > mostShared) return Status::LaunchFailed;
  m.count = static_cast<unsigned>(threads);
  while (m.threads.size() < m.count) m.threads.push_back(std::make_unique<Thread>());
  m.warps.resize((m.count + 31) / 32);
  m.sharedBytes = (sharedBytes + 15) / 16 * 16;
  // Aligned as a device aligns it; what lies between the canary and the guard page is at most as much.
  m.shared = reinterpret_cast<unsigned char*>(reinterpret_cast<std::uintptr_t>(sharedEnd() - canaryBytes - m.sharedBytes) / 1024 * 1024);
  m.kernel = kernel;
  m.arguments = arguments;
  gridDim = grid;
  blockDim = block;
  m.races.beginLaunch();
  m.callers = static_cast<const unsigned char*>(__builtin_frame_address(0));
  if (observer != nullptr) observer->beginLaunch(launching, grid, block, sharedBytes);
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) {
        runBlock(m);
        if (observer != nullptr) observer->endBlock();
        if (!m.fault.empty()) return Status::Fault;
      }
  return Status::Ok;
}

void fault(std::string why) {
  if (machine().now != nullptr) fail(std::move(why));
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

int lane() { return static_cast<int>(machine().nowIndex % 32); }

void blockBarrier(const Site& site) {
  Machine& m = machine();
  Thread& me = *m.now;
  for (unsigned t = 0; t < m.count && m.atBarrier > 0; ++t) {
    const Thread& other = *m.threads[t];
    if (other.state != State::AtBlockBarrier) continue;
    if (!samePlace(other.site, site))
      fail("threads wait at different barriers: one at " + place(site) + ", " + who(m, t));
    break;  // whoever waits has been compared with the first
  }
  me.site = site;
  if (++m.atBarrier == m.count) {
    releaseBarrier(m);
    return;
  }
  me.state = State::AtBlockBarrier;
  wait();
}

void collective(std::uint32_t mask, void* mine, void (*together)(void* const (&lanes)[32], std::uint32_t mask), const Site& site) {
  Machine& m = machine();
  Warp& warp = m.warps[m.nowIndex / 32];
  const unsigned self = m.nowIndex % 32;
  if ((mask >> self & 1) == 0) fail("a lane takes part that its mask leaves out at " + place(site));
  auto meeting = std::find_if(warp.begin(), warp.end(), [&](const Meeting& w) { return w.mask == mask && samePlace(w.site, site); });
  if (meeting == warp.end()) meeting = warp.insert(warp.end(), Meeting{mask, 0, {}, site});
  m.now->site = site;
  meeting->brought[self] = mine;
  meeting->arrived |= 1u << self;
  if (meeting->arrived != mask) {
    m.now->state = State::AtWarp;
    wait();
    return;
  }
  m.observing = true;
  together(meeting->brought, mask);
  m.observing = false;
  if (observer != nullptr) observer->together(Together::Collective);
  warp.erase(meeting);
  const unsigned first = m.nowIndex - self;
  for (unsigned i = 0; i < 32; ++i)
    if ((mask >> i & 1) != 0) m.threads[first + i]->state = State::Ready;
}

void warpBarrier(std::uint32_t mask, const Site& site) {
  collective(mask, nullptr, [](void* const(&)[32], std::uint32_t present) {
        Machine& m = machine();
        if (present == 0xffffffffu) m.races.warpBarrier(m.nowIndex / 32);
      }, site);
}

void* dynamicShared(const Site& site) {
  Machine& m = machine();
  if (m.sharedBytes == 0) fail("a launch without dynamic shared memory asks for it at " + place(site));
  return m.shared;
}

// a: registers 0 … 3 hold rows g, g + 8, g, g + 8 at depths 2t, 2t, 2t + 8, 2t + 8 and one more; b: depths 2t and 2t + 8 of column g.
void multiplyBf16(float* d, const std::uint32_t* a, const std::uint32_t* b, const Site& site) {
  if (observer != nullptr && lane() == 0) observer->together(Together::Multiply);
  Fragments mine{d, a, b};
  collective(
      0xffffffffu, &mine,
      [](void* const(&lanes)[32], std::uint32_t) {
        multiplyTile<16>(
            lanes,
            [](const std::uint32_t* from, int g, int t, float(&to)[16][16]) {
              for (int i = 0; i < 4; ++i)
                for (int j = 0; j < 2; ++j) to[g + i % 2 * 8][2 * t + i / 2 * 8 + j] = half(from[i], j);
            },
            [](const std::uint32_t* from, int g, int t, float(&to)[16][8]) {
              for (int i = 0; i < 2; ++i)
                for (int j = 0; j < 2; ++j) to[2 * t + i * 8 + j][g] = half(from[i], j);
            });
      },
      site);
}

// a: registers 0 … 3 hold rows g, g + 8, g, g + 8 at depths t, t, t + 4, t + 4; b: depths t and t + 4 of column g.
void multiplyTf32(float* d, const std::uint32_t* a, const std::uint32_t* b, const Site& site) {
  if (observer != nullptr && lane() == 0) observer->together(Together::Multiply);
  Fragments mine{d, a, b};
  collective(
      0xffffffffu, &mine,
      [](void* const(&lanes)[32], std::uint32_t) {
        const auto read = [](std::uint32_t x) { return std::bit_cast<float>(x & 0xffffe000u); };
        multiplyTile<8>(
            lanes,
            [&](const std::uint32_t* from, int g, int t, float(&to)[16][8]) {
              for (int i = 0; i < 4; ++i) to[g + i % 2 * 8][t + i / 2 * 4] = read(from[i]);
            },
            [&](const std::uint32_t* from, int g, int t, float(&to)[8][8]) {
              for (int i = 0; i < 2; ++i) to[t + i * 4][g] = read(from[i]);
            });
      },
      site);
}

// Lane l gets numbers 2·(l % 4) and one more of row l / 4; of column l / 4 when transposed.
void loadMatrices(std::uint32_t* r, const void* row, bool transposed, const Site& site) {
  requireShared(row, "a row of ldmatrix", site);
  accessed(row, 16, false, __builtin_return_address(0));
  if (observer != nullptr && lane() == 0) observer->together(Together::LoadMatrices);
  MatrixRow mine{r, row, transposed};
  collective(
      0xffffffffu, &mine,
      [](void* const(&lanes)[32], std::uint32_t) {
        std::uint16_t matrices[4][8][8];
        for (int i = 0; i < 32; ++i) std::memcpy(matrices[i / 8][i % 8], static_cast<const MatrixRow*>(lanes[i])->row, 16);
        for (int l = 0; l < 32; ++l) {
          const auto* to = static_cast<const MatrixRow*>(lanes[l]);
          for (int i = 0; i < 4; ++i) {
            const int at = l / 4, first = 2 * (l % 4);
            const std::uint32_t low = to->transposed ? matrices[i][first][at] : matrices[i][at][first];
            const std::uint32_t high = to->transposed ? matrices[i][first + 1][at] : matrices[i][at][first + 1];
            to->r[i] = low | high << 16;
          }
        }
      },
      site);
}

void copyAsync(void* to, const void* from, int bytes, const Site& site) {
  requireShared(to, "what cp.async writes", site);
  if (reinterpret_cast<std::uintptr_t>(from) % 16 != 0) fail("what cp.async reads is not aligned to 16 bytes at " + place(site));
  if (bytes < 0 || bytes > 16) fail("cp.async copies at most 16 bytes at " + place(site));
  accessed(to, 16, true, __builtin_return_address(0));
  if (bytes > 0) accessed(from, static_cast<std::size_t>(bytes), false, __builtin_return_address(0));
  std::memset(to, unwritten, 16);
  machine().now->groups.back().push_back({to, from, bytes});
}

void watchAccesses() { machine().watching = true; }

void accessed(const void* at, std::size_t bytes, bool write, const void* code) {
  Machine& m = machine();
  if (!m.watching || m.now == nullptr) return;
  if (observer != nullptr) {
    observe(at, bytes, write, code);
    return;
  }
  std::string why;
  if (inShared(at, bytes)) why = m.races.sharedAccess(m.nowIndex, at, bytes, write);
  else if (!Fiber::onAnyStack(at)) why = m.races.globalAccess(m.nowIndex, at, bytes, write);
  if (!why.empty()) fail(std::move(why));
}

void commitCopies() { machine().now->groups.emplace_back(); }

void awaitCopies(int groupsLeft) {
  auto& groups = machine().now->groups;
  while (groups.size() > static_cast<std::size_t>(groupsLeft) + 1) {
    for (const Copy& c : groups.front()) {
      // Read and written from when it was asked for until now; an observer has seen it then.
      if (observer == nullptr) {
        accessed(c.from, static_cast<std::size_t>(c.bytes), false, nullptr);
        accessed(c.to, 16, true, nullptr);
      }
      std::memset(c.to, 0, 16);
      std::memcpy(c.to, c.from, static_cast<std::size_t>(c.bytes));
    }
    groups.erase(groups.begin());
  }
}

}  // namespace qt::cuda::emulator
