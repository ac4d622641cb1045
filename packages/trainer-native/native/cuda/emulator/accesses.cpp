// What GCC calls for each load and store of code compiled with -fsanitize=thread. Linked here instead of its own runtime library, it tells
// the emulator what kernels touch.
#include <cstddef>
#include <cstdint>

#include "emulator.hpp"

using qt::cuda::emulator::accessed;

extern "C" {
void __tsan_init() { qt::cuda::emulator::watchAccesses(); }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void**) {}
void __tsan_vptr_update(void**, void*) {}
#define QT_ACCESS(bytes)                                                                                       \
  void __tsan_read##bytes(void* p) { accessed(p, bytes, false, __builtin_return_address(0)); }                 \
  void __tsan_write##bytes(void* p) { accessed(p, bytes, true, __builtin_return_address(0)); }                 \
  void __tsan_unaligned_read##bytes(void* p) { accessed(p, bytes, false, __builtin_return_address(0)); }       \
  void __tsan_unaligned_write##bytes(void* p) { accessed(p, bytes, true, __builtin_return_address(0)); }
QT_ACCESS(1)
QT_ACCESS(2)
QT_ACCESS(4)
QT_ACCESS(8)
QT_ACCESS(16)
#undef QT_ACCESS
void __tsan_read_range(void* p, std::size_t bytes) { accessed(p, bytes, false, __builtin_return_address(0)); }
void __tsan_write_range(void* p, std::size_t bytes) { accessed(p, bytes, true, __builtin_return_address(0)); }
std::uint8_t __tsan_atomic8_load(const volatile std::uint8_t* p, int) { return *p; }  // of a static variable's guard
}
