// The gradients of whole models (gradients.hpp), with each kernel set.
#include "gradients.hpp"

using namespace qt;

int main() {
  const char* names[8];
  const int count = availableKernels(names, 8);
  ThreadPool pool(3);
  std::vector<test::NamedDevice> devices;
  for (int n = 0; n < count; ++n)
    devices.push_back({names[n], [&, name = names[n]](DType precision) { return std::make_unique<HostDevice>(pool, kernels(name), precision); }});
  test::checkGradients(devices);
  return report("gradient_test");
}
