// Processors this process may use: affinity and, on Linux, the quota of its cgroup.
#pragma once

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

namespace qt {

static inline int availableProcessors() {
    int count = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = std::max(1, CPU_COUNT(&set));
    std::ifstream file("/sys/fs/cgroup/cpu.max");
    std::string quota;
    double period = 0;
    if (file >> quota >> period && quota != "max" && period > 0)
        count = std::min(count, std::max(1, static_cast<int>(std::stod(quota) / period)));
#endif
    return count;
}

}  // namespace qt
