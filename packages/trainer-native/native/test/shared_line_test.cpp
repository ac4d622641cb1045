// Bytes through memory that two sides map: all of them, in order, in both directions at once; and nobody finds it afterwards.
#include <algorithm>
#include <thread>
#include <vector>

#include "check.hpp"
#include "parallel/shared_line.hpp"

using namespace qt;

namespace {

// In pieces of uneven length, so that they end anywhere in the ring.
std::vector<unsigned char> pattern(std::size_t bytes, unsigned seed) {
  std::vector<unsigned char> out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<unsigned char>((i * 2654435761u + seed) >> 13);
  return out;
}

bool both(SharedLine& line, const std::vector<unsigned char>& out, const std::vector<unsigned char>& expected, std::size_t step) {
  std::vector<unsigned char> in(expected.size());
  for (std::size_t sent = 0, received = 0; sent < out.size() || received < in.size();) {
    sent += line.send(out.data() + sent, std::min(step, out.size() - sent));
    received += line.receive(in.data() + received, std::min(step + 77, in.size() - received));
  }
  return in == expected;
}

}  // namespace

int main() {
  const auto one = SharedLine::create();
  if (!one) {
    std::printf("skipped: this system has no /dev/shm\n");
    return report("shared_line_test");
  }
  const std::string name = one->name();
  CHECK(SharedLine::attach("../etc/passwd") == nullptr);
  CHECK(SharedLine::attach("qt-nobody") == nullptr);
  const auto two = SharedLine::attach(name);
  CHECK(two != nullptr);
  one->forget();
  CHECK(SharedLine::attach(name) == nullptr);
  const auto there = pattern(3'000'001, 1), back = pattern(1'234'567, 2);
  bool first = false, second = false;
  std::thread other([&] { second = both(*two, back, there, 100'000); });
  first = both(*one, there, back, 65'537);
  other.join();
  CHECK(first && second);
  unsigned char none = 0;
  CHECK(one->receive(&none, 1) == 0);
  return report("shared_line_test");
}
