// Included once for each instruction set; everything here has internal linkage.
#include "vec.inl"
#include "random.inl"
#include "state.inl"
#include "scan.inl"
#include "lanes.inl"
#include "tabu.inl"

namespace qt::anneal {
namespace {

constexpr KernelTable makeTable(const char* name) {
  return {name, scanTable<std::int16_t>(), scanTable<std::int32_t>(), lanesTable<std::int16_t>(), lanesTable<std::int32_t>(), tabuTable()};
}

}  // namespace
}  // namespace qt::anneal
