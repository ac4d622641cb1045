// What GCC calls where an access is not aligned to its type, in code compiled with -fsanitize=alignment: a processor does it, a device does not.
// Linked here instead of its own runtime library.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "emulator.hpp"

namespace {

struct Where {
  const char* file;
  std::uint32_t line, column;
};
struct TypeMismatch {
  Where where;
  const void* type;
  unsigned char logOfAlignment, kind;
};

}  // namespace

extern "C" void __ubsan_handle_type_mismatch_v1(const TypeMismatch* found, std::uintptr_t) {
  const std::string file = found->where.file;
  qt::cuda::emulator::fault("an access is not aligned to " + std::to_string(1 << found->logOfAlignment) + " bytes at " + file.substr(file.rfind('/') + 1) + ":" +
                            std::to_string(found->where.line));
}
