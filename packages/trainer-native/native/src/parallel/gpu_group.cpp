#include "gpu_group.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string_view>
#include <thread>

#ifndef _WIN32
#include <unistd.h>
#endif

#include "transport_error.hpp"

namespace qt {
namespace {

constexpr auto glance = std::chrono::microseconds(50);
constexpr auto breath = std::chrono::milliseconds(2);
constexpr auto hearsay = std::chrono::seconds(5);

std::string hostName() {
  char name[256] = "";
#ifndef _WIN32
  gethostname(name, sizeof name - 1);
#endif
  return name;
}

std::string own(DeviceLinks* links) {
  const char* way = std::getenv("QT_GPU_EXCHANGE");
  if (links == nullptr || (way != nullptr && std::string_view(way) == "memory")) return {};
  return hostName() + ' ' + links->place();
}

// Everybody's word; alike in all processes.
std::vector<std::string> wordsOf(Communicator& job, ProcessGroup& members, const std::string& mine) {
  std::vector<std::string> words;
  job.run([&] {
    for (const auto& bytes : members.allGather({reinterpret_cast<const unsigned char*>(mine.data()), mine.size()}))
      words.emplace_back(bytes.begin(), bytes.end());
  });
  return words;
}

bool unanimous(Communicator& job, ProcessGroup& members, bool mine) {
  const auto words = wordsOf(job, members, mine ? "yes" : "no");
  return std::all_of(words.begin(), words.end(), [](const std::string& word) { return word == "yes"; });
}

// Whether all come. Each says time and again how far it is: who waits in its library for one that cannot come hears of that nowhere else. Nor does
// the library wait for ever, where all of them came and no connection of its own reaches the others.
bool allJoin(Communicator& job, ProcessGroup& members, DeviceGroup* group) {
  const Deadline deadline = Clock::now() + job.patience();
  for (;; std::this_thread::sleep_for(breath)) {
    const DeviceGroup::State state = group == nullptr ? DeviceGroup::State::Failed : group->state();
    const bool waits = state == DeviceGroup::State::Working && Clock::now() < deadline;
    const auto words = wordsOf(job, members, waits ? "not yet" : state == DeviceGroup::State::Done ? "yes" : "no");
    const std::set<std::string> said(words.begin(), words.end());
    if (said.contains("no")) return false;
    if (!said.contains("not yet")) return true;
  }
}

// What the watch breaks off, from its own thread, as long as it is there: whoever lets go of it waits until that is done, and nobody else does.
struct Reach {
  std::mutex mutex;
  DeviceGroup* group;
};

}  // namespace

void waitFor(DeviceGroup& group, Communicator& communicator) {
  for (;;) {
    const DeviceGroup::State state = group.state();
    if (state == DeviceGroup::State::Done) return;
    if (state == DeviceGroup::State::Failed) {
      // Whoever died is told a moment later by those who watch.
      for (const auto until = Clock::now() + hearsay; !communicator.failure() && Clock::now() < until;) std::this_thread::sleep_for(glance);
    }
    if (communicator.failure() || state == DeviceGroup::State::Failed) {
      const std::string why = communicator.failure() ? "the job has failed" : group.failure();
      group.abort();
      throw TransportError(why);
    }
    std::this_thread::sleep_for(glance);
  }
}

std::shared_ptr<DeviceGroup> joinGpus(Device& device, Communicator& job, ProcessGroup& members) {
  DeviceLinks* links = device.links();
  const auto places = wordsOf(job, members, own(links));
  const std::set<std::string> different(places.begin(), places.end());
  if (different.size() < places.size() || different.contains("")) return nullptr;
  GroupInvitation invitation{};
  const bool invited = members.rank() != 0 || links->invite(invitation);
  if (!unanimous(job, members, invited)) return nullptr;
  job.run([&] { members.broadcast(invitation.data(), invitation.size()); });
  const auto reach = std::make_shared<Reach>();
  reach->group = links->join(invitation, members.rank(), members.size());
  const std::shared_ptr<DeviceGroup> group(reach->group, [reach](DeviceGroup* gone) {
    {
      const std::lock_guard lock(reach->mutex);
      reach->group = nullptr;
    }
    delete gone;
  });
  bool joined = false;
  try {
    joined = allJoin(job, members, group.get());
  } catch (...) {
    // One that has all its connections would say farewell, and wait for those that are gone.
    if (group) group->abort();
    throw;
  }
  if (!joined) {
    if (group) group->abort();
    return nullptr;
  }
  job.onFailure([reach] {
    const std::lock_guard lock(reach->mutex);
    if (reach->group != nullptr) reach->group->abort();
  });
  job.whenLeft([reach] {
    const std::lock_guard lock(reach->mutex);
    return reach->group != nullptr && reach->group->busy();
  });
  return group;
}

}  // namespace qt
