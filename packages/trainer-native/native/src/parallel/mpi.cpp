#if !defined(_WIN32)
#include "mpi.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include "failure.hpp"
#include "transport_error.hpp"
#include "wait.hpp"

namespace qt {

// What is known of a message that is done, as OpenMPI lays it out.
struct MpiStatus {
  int source, tag, error, cancelled;
  std::size_t count;
};

// The entry points used, as OpenMPI's mpi.h declares them: handles are addresses, and the constants are objects of the library.
struct MpiLibrary {
  int (*initThread)(int*, char***, int, int*);
  int (*finalize)();
  int (*rank)(void*, int*);
  int (*size)(void*, int*);
  int (*send)(const void*, int, void*, int, int, void*, void**);
  int (*receive)(void*, int, void*, int, int, void*, void**);
  int (*testAll)(int, void**, int*, MpiStatus*);
  int (*count)(const MpiStatus*, void*, int*);
  int (*setErrorHandler)(void*, void*);
  void *world, *bytes, *errorsReturn;
};

namespace {

constexpr std::size_t longest = std::size_t{1} << 30;  // of one message: MPI counts in int
constexpr int tag = 71;
constexpr int truncated = 15;  // MPI_ERR_TRUNCATE: there is more than was waited for

MpiLibrary openLibrary() {
  // Its own parts look for its symbols among those of the whole process.
  void* handle = nullptr;
  for (const char* name : {"libmpi.so.40", "libmpi.so"})
    if (handle == nullptr) handle = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr)
    throw std::runtime_error("this process was started by MPI, and OpenMPI's library (libmpi.so.40) is not here; install it (Debian, Ubuntu: apt-get install openmpi-bin)");
  const auto symbol = [&](const char* name) {
    void* found = dlsym(handle, name);
    if (found == nullptr) throw std::runtime_error(std::string("libmpi has no ") + name + ": it is not OpenMPI 4 or 5; install openmpi-bin");
    return found;
  };
  MpiLibrary mpi{};
  const auto take = [&](auto& function, const char* name) { function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol(name)); };
  take(mpi.initThread, "MPI_Init_thread");
  take(mpi.finalize, "MPI_Finalize");
  take(mpi.rank, "MPI_Comm_rank");
  take(mpi.size, "MPI_Comm_size");
  take(mpi.send, "MPI_Isend");
  take(mpi.receive, "MPI_Irecv");
  take(mpi.testAll, "MPI_Testall");
  take(mpi.count, "MPI_Get_count");
  take(mpi.setErrorHandler, "MPI_Comm_set_errhandler");
  mpi.world = symbol("ompi_mpi_comm_world");
  mpi.bytes = symbol("ompi_mpi_byte");
  mpi.errorsReturn = symbol("ompi_mpi_errors_return");
  return mpi;
}

const MpiLibrary& library() {
  static const MpiLibrary mpi = openLibrary();
  return mpi;
}

void require(int code, const char* what) {
  if (code != 0) throw TransportError(std::string("MPI: ") + what + " failed with " + std::to_string(code));
}

struct Invitation {
  JobKey key{};
  std::uint32_t port = 0;
  char addresses[1024] = "";  // of rank 0's host, one a line
};

std::string ownAddresses() {
  std::string list;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return "127.0.0.1\n";
  for (const bool loopback : {false, true})
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
      if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET || (one->ifa_flags & IFF_UP) == 0) continue;
      if (((one->ifa_flags & IFF_LOOPBACK) != 0) != loopback) continue;
      char text[INET_ADDRSTRLEN];
      inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof text);
      list += std::string(text) + "\n";
    }
  freeifaddrs(all);
  return list;
}

}  // namespace

MpiTransport::MpiTransport(std::chrono::milliseconds patience, const std::function<bool()>& stop) : mpi_(library()) {
  // MPI would end the process.
  static std::atomic<bool> joined{false};
  if (joined.exchange(true)) throw std::runtime_error("MPI lets a process into one job only, and this one has been in one; train in a process of its own each time");
  // Its handlers of signals would take the place of JavaScript's, which meets SIGSEGV in the ordinary course of WebAssembly.
  setenv("OMPI_MCA_opal_signal", "6", 0);
  int given = 0;
  require(mpi_.initThread(nullptr, nullptr, 0, &given), "MPI_Init_thread");
  require(mpi_.setErrorHandler(mpi_.world, mpi_.errorsReturn), "MPI_Comm_set_errhandler");
  require(mpi_.rank(mpi_.world, &rank_), "MPI_Comm_rank");
  require(mpi_.size(mpi_.world, &size_), "MPI_Comm_size");
  if (size_ > 1) meet(patience, stop);
}

// A process that failed leaves without its farewell: MPI's would wait for all others. So does one whose job never came together.
MpiTransport::~MpiTransport() {
  if (watch_ == nullptr || !watch_->failed()) mpi_.finalize();
}

void MpiTransport::meet(std::chrono::milliseconds patience, const std::function<bool()>& stop) {
  // Nobody watches yet: whoever waits here asks for itself.
  const Deadline deadline = Clock::now() + patience;
  const Over over = [&] {
    if (stop()) throw std::runtime_error("stopped while waiting for the other processes");
    if (Clock::now() >= deadline)
      throw std::runtime_error(rank_ == 0 ? "the other processes take no message of MPI's" : "rank 0 sends no message of MPI's");
  };
  Membership member{rank_, size_, {}, patience};
  Invitation invitation;
  Socket socket;
  if (rank_ == 0) {
    std::random_device random;
    for (unsigned char& byte : invitation.key) byte = static_cast<unsigned char>(random());
    socket = listenOn(0);
    invitation.port = portOf(socket);
    const std::string addresses = ownAddresses();
    std::memcpy(invitation.addresses, addresses.data(), std::min(addresses.size(), sizeof invitation.addresses - 1));
    std::vector<Outgoing> out;
    for (int rank = 1; rank < size_; ++rank) out.push_back({rank, &invitation, sizeof invitation});
    transfer(out, {}, over);
  } else {
    const Incoming in{0, &invitation, sizeof invitation};
    transfer({}, {&in, 1}, over);
    const std::string addresses = invitation.addresses;
    std::string tried;
    for (std::size_t at = 0; at < addresses.size() && !socket.open();) {
      const std::size_t end = addresses.find('\n', at);
      const std::string host = addresses.substr(at, end - at);
      at = end == std::string::npos ? addresses.size() : end + 1;
      tried += " " + host;
      try {
        socket = connectTo(host, static_cast<std::uint16_t>(invitation.port), Clock::now() + std::chrono::seconds(3), stop);
      } catch (const std::exception&) {
        if (stop()) throw;
      }
    }
    if (!socket.open()) throw std::runtime_error("rank 0 cannot be reached at" + tried + ", port " + std::to_string(invitation.port));
  }
  member.key = invitation.key;
  watch_ = std::make_unique<Watch>(member, std::move(socket), 0, stop);
}

void MpiTransport::exchange(std::span<const Outgoing> out, std::span<const Incoming> in) {
  transfer(out, in, [this] {
    if (watch_ != nullptr && watch_->failed()) throwFailure(*watch_);
  });
}

void MpiTransport::transfer(std::span<const Outgoing> out, std::span<const Incoming> in, const Over& over) {
  struct Awaited {
    int peer, bytes;
  };
  std::vector<void*> requests;
  std::vector<Awaited> awaited;
  const auto inPieces = [&](const auto& messages, const auto& start) {
    for (const auto& message : messages)
      for (std::size_t at = 0; at < message.bytes; at += longest) {
        requests.push_back(nullptr);
        require(start(message, at, static_cast<int>(std::min(longest, message.bytes - at)), &requests.back()), "a message");
      }
  };
  inPieces(in, [&](const Incoming& m, std::size_t at, int bytes, void** request) {
    awaited.push_back({m.peer, bytes});
    return mpi_.receive(static_cast<char*>(m.data) + at, bytes, mpi_.bytes, m.peer, tag, mpi_.world, request);
  });
  inPieces(out, [&](const Outgoing& m, std::size_t at, int bytes, void** request) {
    return mpi_.send(static_cast<const char*>(m.data) + at, bytes, mpi_.bytes, m.peer, tag, mpi_.world, request);
  });
  std::vector<MpiStatus> statuses(requests.size());
  for (int looked = 0;; ++looked) {
    int done = 0;
    const int code = mpi_.testAll(static_cast<int>(requests.size()), requests.data(), &done, statuses.data());
    for (std::size_t i = 0; code != 0 && i < awaited.size(); ++i)
      if (statuses[i].error == truncated) throwOtherLength(awaited[i].peer, "more", static_cast<std::size_t>(awaited[i].bytes));
    require(code, "waiting");
    if (done != 0) break;
    over();
    waitALittle(looked);
  }
  // MPI itself is content with fewer.
  for (std::size_t i = 0; i < awaited.size(); ++i) {
    int count = 0;
    require(mpi_.count(&statuses[i], mpi_.bytes, &count), "MPI_Get_count");
    if (count != awaited[i].bytes) throwOtherLength(awaited[i].peer, std::to_string(count), static_cast<std::size_t>(awaited[i].bytes));
  }
}

}  // namespace qt
#endif
