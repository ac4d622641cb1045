#include "tensor_parallel.hpp"

#include <algorithm>
#include <cmath>

#include "gpu_group.hpp"

namespace qt {

TensorParallel::TensorParallel(std::shared_ptr<Communicator> job, Device& device, int size)
    : job_(std::move(job)), device_(device), group_(job_->neighbours(size)) {}

void TensorParallel::join() { links_ = joinGpus(device_, *job_, group_); }

// The device's numbers where messages find them; only those of the range are there. Of a device that has failed none are: the others wait for
// whatever is sent, and the pass says at its end what was wrong.
float* TensorParallel::fetched(const float* array, std::size_t begin, std::size_t end) {
  here_.resize(std::max(here_.size(), end));
  device_.copyOut(here_.data() + begin, array + begin, (end - begin) * sizeof(float));
  return here_.data();
}

void TensorParallel::sum(float* array, std::size_t count) {
  if (links_) {
    // In its place, and one after the other.
    const Cuts cuts = evenCuts(count, size());
    links_->reduce(array, array + cuts[rank()], cuts);
    return links_->await(links_->gather(array, cuts));
  }
  float* here = device_.isHost() ? array : fetched(array, 0, count);
  job_->run([&] { group_.sum(here, count); });
  if (here != array) device_.copyIn(array, here, count * sizeof(float));
}

void TensorParallel::lengths(float* array, std::size_t count) {
  float* here = device_.isHost() ? array : fetched(array, 0, count);
  for (std::size_t i = 0; i < count; ++i) here[i] *= here[i];
  job_->run([&] { group_.sum(here, count); });
  for (std::size_t i = 0; i < count; ++i) here[i] = std::sqrt(here[i]);
  if (here != array) device_.copyIn(array, here, count * sizeof(float));
}

void TensorParallel::gather(float* array, const Cuts& cuts) {
  if (links_) return links_->await(links_->gather(array, cuts));
  const std::size_t begin = cuts[rank()], end = cuts[rank() + 1];
  if (!device_.isHost()) here_.resize(std::max(here_.size(), cuts.back()));
  float* here = device_.isHost() ? array : fetched(array, begin, end);
  Cuts bytes;
  for (const std::size_t cut : cuts) bytes.push_back(cut * sizeof(float));
  job_->run([&] { group_.allGather(here, bytes); });
  if (here == array) return;
  device_.copyIn(array + cuts.front(), here + cuts.front(), (begin - cuts.front()) * sizeof(float));
  device_.copyIn(array + end, here + end, (cuts.back() - end) * sizeof(float));
}

void TensorParallel::gatherCallers(void* array, const Cuts& bytes) {
  if (links_ && links_->state() == DeviceGroup::State::Failed) waitFor(*links_, *job_);
  job_->run([&] { group_.allGather(array, bytes); });
}

std::vector<std::vector<unsigned char>> TensorParallel::everybodys(std::span<const unsigned char> mine) {
  std::vector<std::vector<unsigned char>> all;
  job_->run([&] { all = group_.allGather(mine); });
  return all;
}

void TensorParallel::finish() {
  if (links_) waitFor(*links_, *job_);
}

}  // namespace qt
