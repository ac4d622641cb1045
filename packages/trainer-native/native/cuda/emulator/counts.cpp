#include "counts.hpp"

#include <algorithm>
#include <bit>

namespace qt::cuda::emulator {
namespace {

constexpr std::size_t mostPending = 4096;  // of one place, when some lanes never come there

}  // namespace

void GlobalCount::add(const GlobalCount& other) {
  requests += other.requests;
  sectors += other.sectors;
  leastSectors += other.leastSectors;
  ofBlocks += other.ofBlocks;
  ofLaunch += other.ofLaunch;
}
void SharedCount::add(const SharedCount& other) {
  requests += other.requests;
  wavefronts += other.wavefronts;
  leastWavefronts += other.leastWavefronts;
}
SiteCount KernelCount::total() const {
  SiteCount sum;
  for (const auto& [code, site] : sites) {
    sum.read.add(site.read);
    sum.written.add(site.written);
    sum.shared.add(site.shared);
  }
  return sum;
}

// Eight lanes at a time bring 16 bytes each, sixteen 8, all of them 4 or less.
Wavefronts wavefronts(std::uint32_t lanes, const std::array<std::uintptr_t, 32>& at, std::uint32_t bytes) {
  constexpr unsigned banks = 32;
  const unsigned together = bytes > 8 ? 8 : bytes > 4 ? 16 : 32;
  Wavefronts sum{0, 0};
  for (unsigned first = 0; first < 32; first += together) {
    std::array<std::vector<std::uintptr_t>, banks> words;
    std::size_t most = 0;
    for (unsigned lane = first; lane < first + together; ++lane) {
      if ((lanes >> lane & 1) == 0) continue;
      for (std::uintptr_t word = at[lane] / 4; word <= (at[lane] + bytes - 1) / 4; ++word) {
        auto& ofBank = words[word % banks];
        if (std::find(ofBank.begin(), ofBank.end(), word) == ofBank.end()) ofBank.push_back(word);
        most = std::max(most, ofBank.size());
      }
    }
    sum.taken += most;
    sum.least += most > 0 ? 1 : 0;
  }
  return sum;
}

void Counts::beginLaunch(const void* kernel, dim3 grid, dim3 block, std::size_t sharedBytes) {
  auto known = std::find_if(kernels_.begin(), kernels_.end(), [&](const auto& k) { return k->kernel == kernel; });
  if (known == kernels_.end()) known = kernels_.insert(known, std::make_unique<KernelCount>());
  now_ = known->get();
  now_->kernel = kernel;
  ++now_->launches;
  now_->blocks += static_cast<std::uint64_t>(grid.x) * grid.y * grid.z;
  now_->threadsOfBlock = static_cast<std::uint64_t>(block.x) * block.y * block.z;
  now_->sharedBytes = std::max<std::uint64_t>(now_->sharedBytes, sharedBytes);
  firstOfLaunch_ = block_;
  pending_.clear();
}

void Counts::endBlock() {
  for (auto& [place, pending] : pending_)
    for (const Request& request : pending.requests) settle(place, request);
  pending_.clear();
  ++block_;
}

void Counts::access(const Access& a) {
  const Place place{a.code, a.thread / 32, a.space, a.write};
  Pending& pending = pending_[place];
  const unsigned lane = a.thread % 32;
  std::uint64_t number = pending.next[lane]++;
  if (number < pending.first) number = pending.first;  // others have gone far ahead: what they did without this lane is settled
  while (number - pending.first >= pending.requests.size()) pending.requests.emplace_back();
  pending.next[lane] = number + 1;
  Request& request = pending.requests[number - pending.first];
  request.lanes |= 1u << lane;
  request.at[lane] = a.at;
  request.bytes[lane] = a.bytes;
  while (!pending.requests.empty() && (pending.requests.front().lanes == 0xffffffffu || pending.requests.size() > mostPending)) {
    settle(place, pending.requests.front());
    pending.requests.pop_front();
    ++pending.first;
  }
}

void Counts::settle(const Place& place, const Request& request) {
  if (request.lanes == 0) return;
  SiteCount& site = now_->sites[place.code];
  if (place.space == Space::Global) {
    countGlobal(place.write ? site.written : site.read, place.write, request);
    return;
  }
  const Wavefronts w = wavefronts(request.lanes, request.at, request.bytes[std::countr_zero(request.lanes)]);
  ++site.shared.requests;
  site.shared.wavefronts += w.taken;
  site.shared.leastWavefronts += w.least;
}

void Counts::countGlobal(GlobalCount& count, bool write, const Request& request) {
  std::array<std::pair<std::uintptr_t, std::uintptr_t>, 32> stretches;
  std::size_t n = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    if ((request.lanes >> lane & 1) != 0) stretches[n++] = {request.at[lane], request.at[lane] + request.bytes[lane]};
  std::sort(stretches.begin(), stretches.begin() + n);
  std::uintptr_t bytes = 0, end = 0, nextSector = 0;
  std::uint64_t touched = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto [from, to] = stretches[i];
    if (to > end) bytes += to - std::max(from, end);
    end = std::max(end, to);
    for (std::uintptr_t sector = std::max(from / sectorBytes, nextSector); sector <= (to - 1) / sectorBytes; ++sector) {
      ++touched;
      std::uint64_t& last = lastBlock(sector, write);
      if (last != block_) ++count.ofBlocks;
      if (last < firstOfLaunch_) ++count.ofLaunch;
      last = block_;
      nextSector = sector + 1;
    }
  }
  ++count.requests;
  count.sectors += touched;
  count.leastSectors += (bytes + sectorBytes - 1) / sectorBytes;
}

std::uint64_t& Counts::lastBlock(std::uintptr_t sector, bool write) {
  std::unique_ptr<Sectors>& some = sectors_[sector / 4096];
  if (some == nullptr) some = std::make_unique<Sectors>();
  return (write ? some->written : some->read)[sector % 4096];
}

}  // namespace qt::cuda::emulator
