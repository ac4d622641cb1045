// Counts what kernels of this library do, where QT_CUDA_COUNTS names a file, which gets two tables when the program ends: kernels, and the
// lines whose requests are wider than they have to be. Names and lines come from addr2line.
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "counts.hpp"

namespace qt::cuda::emulator {
namespace {

struct Origin {
  std::string function, line;
};

// `back` 1 for what a call returns to.
Origin originOf(const void* code, std::uintptr_t back) {
  Dl_info info{};
  if (dladdr(code, &info) == 0) return {};
  // An executable that does not move is loaded where its addresses say.
  const auto base = reinterpret_cast<std::uintptr_t>(info.dli_fbase), at = reinterpret_cast<std::uintptr_t>(code) - back;
  char command[4400];
  std::snprintf(command, sizeof command, "addr2line -f -C -e '%s' %#zx", info.dli_fname, static_cast<std::size_t>(at - base));
  std::FILE* pipe = popen(command, "r");
  if (pipe == nullptr) return {};
  char text[4096];
  std::string lines[2];
  for (std::string& line : lines)
    if (std::fgets(text, sizeof text, pipe) != nullptr) line = text;
  pclose(pipe);
  for (std::string& line : lines) line.erase(line.find_last_not_of(" \n") + 1);
  Origin origin{lines[0], lines[1].substr(lines[1].rfind('/') + 1)};
  origin.line = origin.line.substr(0, origin.line.find(' '));
  return origin;
}

// Without namespaces and arguments, which are the same everywhere.
std::string shortName(std::string name) {
  for (const std::string what : {"qt::cuda::", "qt::", "(anonymous namespace)::", "void "})
    for (std::size_t at; (at = name.find(what)) != std::string::npos;) name.erase(at, what.size());
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    depth += name[i] == '<' ? 1 : name[i] == '>' ? -1 : 0;
    if (name[i] == '(' && depth == 0) return name.substr(0, i);
  }
  return name;
}

double ratio(std::uint64_t a, std::uint64_t b) { return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b); }

void print(std::FILE* out, const Counts& counts) {
  std::fprintf(out,
               "Sectors are 32 bytes; in brackets: how few would do. KB asked: by all requests; of blocks: each sector once a block; of launch: once a launch.\n"
               "conflicts: wavefronts of shared memory beyond the least, for each request. Together: mma, ldmatrix, other collectives, barriers.\n"
               "| kernel | launches | blocks | threads | KB shared | sectors a read | a write | KB asked | of blocks | of launch | asked/launch | shared requests | conflicts | mma | wavefronts a mma | ldmatrix | collectives | barriers |\n"
               "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (const auto& k : counts.kernels()) {
    const SiteCount t = k->total();
    const std::uint64_t asked = t.read.sectors + t.written.sectors, ofBlocks = t.read.ofBlocks + t.written.ofBlocks, ofLaunch = t.read.ofLaunch + t.written.ofLaunch;
    const auto kilobytes = [](std::uint64_t sectors) { return static_cast<double>(sectors) * sectorBytes / 1024; };
    std::fprintf(out, "| %s | %zu | %zu | %zu | %.1f | %.2f (%.2f) | %.2f (%.2f) | %.0f | %.0f | %.0f | %.2f | %zu | %.3f | %zu | %.2f | %zu | %zu | %zu |\n",
                 shortName(originOf(k->kernel, 0).function).c_str(), k->launches, k->blocks, k->threadsOfBlock, static_cast<double>(k->sharedBytes) / 1024, ratio(t.read.sectors, t.read.requests),
                 ratio(t.read.leastSectors, t.read.requests), ratio(t.written.sectors, t.written.requests), ratio(t.written.leastSectors, t.written.requests), kilobytes(asked),
                 kilobytes(ofBlocks), kilobytes(ofLaunch), ratio(asked, ofLaunch), t.shared.requests, ratio(t.shared.wavefronts - t.shared.leastWavefronts, t.shared.requests),
                 k->together[0], ratio(t.shared.wavefronts, k->together[0]), k->together[1], k->together[2], k->together[3]);
  }
  struct Line {
    const KernelCount* kernel;
    const void* code;
    const SiteCount* count;
    std::uint64_t waste;
  };
  std::vector<Line> lines;
  for (const auto& k : counts.kernels())
    for (const auto& [code, c] : k->sites) {
      const std::uint64_t waste = c.read.sectors - c.read.leastSectors + c.written.sectors - c.written.leastSectors + 4 * (c.shared.wavefronts - c.shared.leastWavefronts);
      const std::uint64_t all = c.read.leastSectors + c.written.leastSectors + 4 * c.shared.leastWavefronts;
      // Narrow requests are no waste of sectors, but of instructions.
      const bool narrow = c.read.requests + c.written.requests > 0 && c.read.leastSectors + c.written.leastSectors < 4 * (c.read.requests + c.written.requests);
      if (waste * 20 > all || narrow) lines.push_back({k.get(), code, &c, waste});
    }
  std::stable_sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.waste > b.waste; });
  std::fprintf(out, "\n| line | kernel | requests | sectors | of | wavefronts | of |\n|---|---|---|---|---|---|---|\n");
  for (const Line& l : lines) {
    const SiteCount& c = *l.count;
    std::fprintf(out, "| %s | %s | %zu | %zu | %zu | %zu | %zu |\n", originOf(l.code, 1).line.c_str(), shortName(originOf(l.kernel->kernel, 0).function).c_str(),
                 c.read.requests + c.written.requests + c.shared.requests, c.read.sectors + c.written.sectors, c.read.leastSectors + c.written.leastSectors,
                 c.shared.wavefronts, c.shared.leastWavefronts);
  }
}

struct Report {
  Counts counts;
  const char* file = std::getenv("QT_CUDA_COUNTS");
  Report() {
    if (file != nullptr) observer = &counts;
  }
  ~Report() {
    if (file == nullptr) return;
    observer = nullptr;
    std::FILE* out = std::fopen(file, "w");
    if (out == nullptr) {
      std::perror(file);
      return;
    }
    print(out, counts);
    std::fclose(out);
  }
} report;

}  // namespace
}  // namespace qt::cuda::emulator
