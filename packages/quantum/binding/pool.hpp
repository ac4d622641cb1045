// One pool for the addon: Node's own threads are for input and output. Its size is what the process may use.
#pragma once

#include <functional>

namespace qt::anneal {

int availableProcessors();

/// Runs the work on a thread of the pool.
void enqueue(std::function<void()> work);

}  // namespace qt::anneal
