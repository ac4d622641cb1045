// Several processes that are one job over TCP, for tests.
#pragma once
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.hpp"
#include "parallel/communicator.hpp"
#include "parallel/socket.hpp"

namespace qt::test {

// A port that was free a moment ago.
inline std::uint16_t freePort() {
  const Socket socket = listenOn(0);
  return portOf(socket);
}

inline JobAddress tcpJob(int rank, int size, std::uint16_t port, int seconds = 20) {
  JobAddress address;
  address.kind = JobAddress::Kind::Tcp;
  address.member = {rank, size, {}, std::chrono::seconds(seconds)};
  address.member.key.fill(7);
  address.host = "127.0.0.1";
  address.port = port;
  return address;
}

// Runs `body(rank, port)` in as many processes; the wait statuses. The parent has no threads when this is called.
inline std::vector<int> inProcesses(int size, const std::function<int(int, std::uint16_t)>& body) {
  const std::uint16_t port = freePort();
  std::fflush(stdout);
  std::vector<pid_t> children;
  for (int rank = 0; rank < size; ++rank) {
    const pid_t child = fork();
    if (child == 0) {
      failures = 0;
      int code = 99;
      try {
        code = body(rank, port);
      } catch (const std::exception& e) {
        std::printf("rank %d: %s\n", rank, e.what());
      }
      std::fflush(stdout);
      _exit(code);
    }
    children.push_back(child);
  }
  std::vector<int> statuses;
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    statuses.push_back(status);
  }
  return statuses;
}

// Memory that processes share.
inline std::shared_ptr<unsigned char> sharedBytes(std::size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return {static_cast<unsigned char*>(p), [bytes](unsigned char* q) { munmap(q, bytes); }};
}

}  // namespace qt::test
