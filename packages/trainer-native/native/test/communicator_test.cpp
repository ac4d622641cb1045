// What processes do together, over both transports; who dies is named everywhere, and who does not belong stays outside.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include <dlfcn.h>

#include "check.hpp"
#include "parallel/transport_error.hpp"
#include "processes.hpp"

using namespace qt;
using namespace qt::test;

namespace {

// Operations of every kind, checked in each process; how many failed.
int operations(Communicator& all) {
  const int rank = all.rank(), size = all.size();
  std::vector<unsigned char> mine(100 * rank, static_cast<unsigned char>(rank));
  std::vector<std::vector<unsigned char>> others;
  all.run([&] { others = all.allGather(mine); });
  for (int r = 0; r < size; ++r) CHECK(others[r] == std::vector<unsigned char>(100 * r, static_cast<unsigned char>(r)));

  double number = rank == 1 ? 42 : 0;
  all.run([&] { all.broadcast(&number, sizeof number, 1); });
  CHECK(number == 42);

  // Larger than what any socket holds, to everybody at the same time, and pieces of uneven length.
  const std::size_t count = 3'000'001;
  std::vector<std::int32_t> array(count);
  Cuts cuts{0};
  for (int r = 1; r < size; ++r) cuts.push_back(count * static_cast<std::size_t>(r * r) / static_cast<std::size_t>(size * size) * 4);
  cuts.push_back(count * 4);
  for (std::size_t i = cuts[rank] / 4; i < cuts[rank + 1] / 4; ++i) array[i] = static_cast<std::int32_t>(i);
  all.run([&] { all.allGather(array.data(), cuts); });
  for (std::size_t i = 0; i < count; ++i)
    if (array[i] != static_cast<std::int32_t>(i)) {
      CHECK(false);
      break;
    }

  // Started in order, done in order, waited for at the end.
  std::vector<int> order;
  Communicator::Ticket ticket = 0;
  for (int i = 0; i < 20; ++i)
    ticket = all.start([&all, &order, i] {
      all.barrier();
      order.push_back(i);
    });
  all.wait(ticket);
  std::vector<int> expected(20);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(order == expected);
  return failures;
}

// Through memory, over sockets, and (one of them has no memory to share) both at the same time.
void everyOperation() {
  for (const int size : {2, 3, 5})
    for (const int without : {0, 1, size})
      for (const int status : inProcesses(size, [size, without](int rank, std::uint16_t port) {
             JobAddress address = tcpJob(rank, size, port);
             address.sharedMemory = rank >= without;
             Communicator all(address);
#if defined(__linux__)
             CHECK(all.sharedLines() == (address.sharedMemory ? size - 1 - without : 0));
#endif
             const int wrong = operations(all);
             all.run([&] { all.barrier(); });
             all.leave();
             return wrong + failures;
           }))
        CHECK(status == 0);
}

// Rank 2 ends in a way of its own while the others wait for it; each of them must say so, by rank, at once: without waiting for its patience to end.
void death(const char* name, const std::function<void(Communicator&)>& end, const std::string& why, bool spoke, bool sharedMemory) {
  const auto statuses = inProcesses(4, [&](int rank, std::uint16_t port) {
    JobAddress address = tcpJob(rank, 4, port);
    address.sharedMemory = sharedMemory;
    Communicator all(address);
    if (rank == 2) {
      all.run([&] { all.barrier(); });
      end(all);
      return 0;
    }
    const auto begun = Clock::now();
    std::string said;
    try {
      std::vector<unsigned char> big(1 << 22);
      for (;;) all.run([&] { all.allGather(big); });
    } catch (const std::exception& e) {
      said = e.what();
    }
    const auto failure = all.failure();
    CHECK(failure && failure->rank == 2 && failure->why == why && failure->spoke == spoke);
    CHECK(said.rfind("rank 2 ", 0) == 0);
    CHECK(Clock::now() - begun < std::chrono::seconds(15));
    if (failures > 0) std::printf("%s: rank %d was told: %s\n", name, rank, said.c_str());
    return failures;
  });
  for (const int rank : {0, 1, 3}) CHECK(statuses[rank] == 0);
}

// What is longer than a message may be says so, with whole characters, and whatever comes after it is understood.
void muchToSay() {
  std::string much;
  for (int i = 0; i < 40'000; ++i) much += "é!";
  for (const int status : inProcesses(2, [&](int rank, std::uint16_t port) {
         Communicator all(tcpJob(rank, 2, port));
         all.run([&] { all.barrier(); });
         if (rank == 1) all.fail(much);
         const auto until = Clock::now() + std::chrono::seconds(10);
         while (!all.failure() && Clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(5));
         const std::string why = all.failure() ? all.failure()->why : "";
         const std::string rest = " … (120000 bytes in all)";
         CHECK(why.size() > 65'000 && why.size() <= 65'536 && why.ends_with(rest));
         const std::string kept = why.substr(0, why.size() - std::min(why.size(), rest.size()));
         CHECK(much.starts_with(kept) && static_cast<unsigned char>(kept.back()) != 0xc3);
         return failures;
       }))
    CHECK(status == 0);
}

// Rank 0 sends so many bytes, and rank 1 waits for 80: what that one is told.
std::string ofOtherLength(Communicator& all, std::size_t sent) {
  std::vector<unsigned char> bytes(all.rank() == 0 ? sent : 80);
  const Outgoing out{1, bytes.data(), bytes.size()};
  const Incoming in{0, bytes.data(), bytes.size()};
  try {
    all.run([&] {
      if (all.rank() == 0) all.transport().exchange({&out, 1}, {});
      else all.transport().exchange({}, {&in, 1});
    });
  } catch (const TransportError& e) {
    return e.what();
  }
  return "nothing";
}

void otherLengths() {
  for (const bool sharedMemory : {true, false})
    for (const std::size_t sent : {60, 100}) {
      const auto statuses = inProcesses(2, [&](int rank, std::uint16_t port) {
        JobAddress address = tcpJob(rank, 2, port);
        address.sharedMemory = sharedMemory;
        Communicator all(address);
        const std::string said = ofOtherLength(all, sent);
        CHECK(said == (rank == 0 ? "nothing" : "rank 0 sends " + std::to_string(sent) + " bytes where 80 are waited for"));
        if (rank == 0) std::this_thread::sleep_for(std::chrono::milliseconds(300));
        all.leave();
        return failures;
      });
      for (const int status : statuses) CHECK(status == 0);
    }
}

void strangers() {
  const auto statuses = inProcesses(5, [](int process, std::uint16_t port) {
    const auto never = [] { return false; };
    if (process == 0 || process == 1) {
      if (process == 1) std::this_thread::sleep_for(std::chrono::milliseconds(500));
      Communicator all(tcpJob(process, 2, port));
      all.run([&] { all.barrier(); });
      all.leave();
      return 0;
    }
    if (process == 2) {  // says nothing, and goes away after everybody has met
      const Socket socket = connectTo("127.0.0.1", port, Clock::now() + std::chrono::seconds(5), never);
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      return 0;
    }
    if (process == 3) {  // says something else
      const Socket socket = connectTo("127.0.0.1", port, Clock::now() + std::chrono::seconds(5), never);
      const std::string other(200, 'G');
      sendWhole(socket, other.data(), other.size(), Clock::now() + std::chrono::seconds(1));
      return 0;
    }
    // A process of another job comes too late or is refused; in no case it gets in.
    JobAddress address = tcpJob(1, 2, port, 1);
    address.member.key.fill(8);
    try {
      Communicator all(address);
    } catch (const std::exception&) {
      return 0;
    }
    return 1;
  });
  for (const int status : statuses) CHECK(status == 0);
}

#if defined(__linux__)
// The TCP ports at which the other children of this process's parent listen.
std::vector<std::uint16_t> siblingsPorts() {
  namespace fs = std::filesystem;
  std::set<std::string> sockets;
  for (const auto& process : fs::directory_iterator("/proc")) {
    std::error_code gone;
    std::ifstream stat(process.path() / "stat");
    std::string pid, name, state;
    long parent = 0;
    if (!(stat >> pid >> name >> state >> parent) || parent != getppid() || pid == std::to_string(getpid())) continue;
    for (const auto& file : fs::directory_iterator(process.path() / "fd", gone)) sockets.insert(fs::read_symlink(file.path(), gone).string());
  }
  std::vector<std::uint16_t> ports;
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string number, local, remote, state, skipped, inode;
    fields >> number >> local >> remote >> state;
    for (int i = 0; i < 5; ++i) fields >> skipped;
    fields >> inode;
    if (state == "0A" && sockets.contains("socket:[" + inode + "]")) ports.push_back(static_cast<std::uint16_t>(std::stoi(local.substr(local.find(':') + 1), nullptr, 16)));
  }
  return ports;
}

// Many who say nothing at the ports that carry numbers: the job meets all the same, and at once.
void silentStrangers() {
  const auto statuses = inProcesses(3, [](int process, std::uint16_t port) {
    if (process == 2) {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      std::vector<Socket> held;
      for (const std::uint16_t at : siblingsPorts())
        for (int i = 0; i < 6 && at != port; ++i) held.push_back(connectTo("127.0.0.1", at, Clock::now() + std::chrono::seconds(2), [] { return false; }));
      CHECK(held.size() == 6);
      std::this_thread::sleep_for(std::chrono::seconds(6));
      return failures;
    }
    const auto begun = Clock::now();
    if (process == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    Communicator all(tcpJob(process, 2, port));
    all.run([&] { all.barrier(); });
    CHECK(Clock::now() - begun < std::chrono::seconds(4));
    all.leave();
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
}
#endif

// A process that leaves in order while others wait for what it takes part in is lost to the job; where nobody waits it is not.
void leftTooEarly() {
  for (const int leaver : {0, 1, 2})
    for (const bool waiting : {true, false}) {
      if (!waiting && leaver != 1) continue;
      const auto statuses = inProcesses(3, [&](int rank, std::uint16_t port) {
        Communicator all(tcpJob(rank, 3, port));
        all.run([&] { all.barrier(); });
        if (rank == leaver) {
          all.leave();
          return failures;
        }
        // One that is asked later takes no earlier one's place.
        all.whenLeft([&] { return waiting; });
        all.whenLeft([] { return false; });
        const auto until = Clock::now() + std::chrono::seconds(waiting ? 15 : 5);
        while (!all.failure() && Clock::now() < until) std::this_thread::sleep_for(std::chrono::milliseconds(20));
        const auto failure = all.failure();
        CHECK(failure.has_value() == waiting);
        if (failure) CHECK(failure->rank == leaver && failure->why == "ended while others still exchanged numbers with it");
        all.leave();
        return failures;
      });
      for (const int status : statuses) CHECK(status == 0);
    }
}

// Nobody is silent who has nothing to say, however short the patience is.
void quiet() {
  const auto statuses = inProcesses(2, [](int rank, std::uint16_t port) {
    Communicator all(tcpJob(rank, 2, port, 2));
    std::this_thread::sleep_for(std::chrono::seconds(6));
    all.run([&] { all.barrier(); });
    all.leave();
    return failures;
  });
  for (const int status : statuses) CHECK(status == 0);
}

void missing() {
  const auto statuses = inProcesses(2, [](int rank, std::uint16_t port) {
    try {
      Communicator all(tcpJob(rank, 3, port, 5));
    } catch (const std::exception& e) {
      const std::string said = e.what();
      if (rank == 0) CHECK(said == "rank 2 of 3 did not come within 5 s");
      else CHECK(said == "rank 0 ended before all processes had come");
      return failures;
    }
    return 1;
  });
  for (const int status : statuses) CHECK(status == 0);
}

// Who waits in vain is told whom it refused meanwhile, and why.
void refused() {
  const auto statuses = inProcesses(3, [](int process, std::uint16_t port) {
    JobAddress address = tcpJob(process == 0 ? 0 : 1, process == 1 ? 3 : 2, port, 3);
    if (process == 2) address.member.key.fill(8);
    try {
      Communicator all(address);
    } catch (const std::exception& e) {
      const std::string said = e.what(), size = "it counts 3 processes and rank 0 2", key = "it belongs to another job: QT_JOB_TOKEN differs from that of rank 0";
      const std::string came = "one that came from 127.0.0.1 was refused: ";
      if (process == 0) CHECK(said == "rank 1 of 2 did not come within 3 s; " + came + key + "; " + came + size);
      else CHECK(said == "rank 0 refused this process: " + (process == 1 ? size : key));
      return failures;
    }
    return 1;
  });
  for (const int status : statuses) CHECK(status == 0);
}

// Rank 0 is there for MPI and sends nothing: rank 1 waits for its patience, or until it is told to stop, and says which.
int underSilentMpi(bool stopped) {
  if (std::strcmp(std::getenv("OMPI_COMM_WORLD_RANK"), "0") == 0) {
    void* library = dlopen("libmpi.so.40", RTLD_NOW | RTLD_GLOBAL);
    const auto start = library == nullptr ? nullptr : reinterpret_cast<int (*)(int*, char***)>(dlsym(library, "MPI_Init"));
    if (start != nullptr) start(nullptr, nullptr);
    std::this_thread::sleep_for(std::chrono::seconds(5));
    return 0;
  }
  JobAddress address;
  address.member.patience = std::chrono::seconds(stopped ? 60 : 2);
  const auto begun = Clock::now();
  try {
    Communicator all(address, [&] { return stopped && Clock::now() - begun > std::chrono::seconds(1); });
  } catch (const std::exception& e) {
    std::printf("told: %s\n", e.what());
  }
  std::fflush(stdout);
  _exit(0);
}

std::string outputOf(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  char bytes[4096];
  for (std::size_t got = 0; pipe != nullptr && (got = std::fread(bytes, 1, sizeof bytes, pipe)) > 0;) output.append(bytes, got);
  if (pipe != nullptr) pclose(pipe);
  return output;
}

int otherLengthUnderMpi(std::size_t sent) {
  JobAddress address;
  Communicator all(address);
  const std::string said = ofOtherLength(all, sent);
  // mpirun ends the other when one is gone.
  if (all.rank() == 0) std::this_thread::sleep_for(std::chrono::seconds(1));
  else std::printf("told: %s\n", said.c_str());
  std::fflush(stdout);
  _exit(0);
}

// The same program, started by mpirun.
int underMpi() {
  JobAddress address;
  int wrong = 0;
  {
    Communicator all(address);
    wrong = operations(all);
    all.run([&] { all.barrier(); });
    all.leave();
  }
  try {
    Communicator again(address);
    return 1;
  } catch (const std::exception& e) {
    return wrong + (std::string_view(e.what()).starts_with("MPI lets a process into one job only") ? 0 : 1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "mpi") == 0) return underMpi();
  if (argc > 2) return otherLengthUnderMpi(std::stoul(argv[2]));
  if (argc > 1) return underSilentMpi(std::strcmp(argv[1], "stopped") == 0);
  everyOperation();
  for (const bool sharedMemory : {true, false}) {
    death("killed", [](Communicator&) { raise(SIGKILL); }, "died", false, sharedMemory);
    death("ended", [](Communicator&) { _exit(0); }, "died", false, sharedMemory);
    death("failed", [](Communicator& all) { all.fail("no more disk"); }, "no more disk", true, sharedMemory);
  }
  muchToSay();
  otherLengths();
  strangers();
#if defined(__linux__)
  silentStrangers();
#endif
  quiet();
  missing();
  refused();
  leftTooEarly();
  if (std::system("command -v mpirun >/dev/null 2>&1") != 0) {
    std::printf("skipped: MPI (no mpirun here: apt-get install openmpi-bin)\n");
    return report("communicator_test");
  }
  const auto mpirun = [&](const std::string& size, const std::string& what) {
    return "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -n " + size + " '" + argv[0] + "' " + what;
  };
  for (const char* size : {"2", "3"}) CHECK(std::system(mpirun(size, "mpi").c_str()) == 0);
  const auto said = [&](const std::string& what, const std::string& words) {
    const std::string output = outputOf(mpirun("2", what) + " 2>/dev/null");
    if (output.find("told: " + words) == std::string::npos) {
      std::printf("%s: %s\n", what.c_str(), output.c_str());
      ++failures;
    }
  };
  said("stopped", "stopped while waiting for the other processes");
  said("silent", "rank 0 sends no message of MPI's");
  said("length 60", "rank 0 sends 60 bytes where 80 are waited for");
  said("length 100", "rank 0 sends more bytes where 80 are waited for");
  return report("communicator_test");
}
