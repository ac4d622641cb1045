#include "fiber.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <new>

// Saves what a call must preserve on this stack, and goes on where `to` left off.
extern "C" void qtSwitchStack(void** save, void* to);

#if defined(__x86_64__)
asm(R"(
  .text
  .type qtSwitchStack, @function
qtSwitchStack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size qtSwitchStack, .-qtSwitchStack
)");
constexpr int savedWords = 6;   // below the return address
constexpr int frameWords = 8;   // saved words, return address, and one word so that the stack is aligned as after a call
#elif defined(__aarch64__)
asm(R"(
  .text
  .type qtSwitchStack, %function
qtSwitchStack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
  .size qtSwitchStack, .-qtSwitchStack
)");
constexpr int savedWords = 11;  // x30, the return address, is among what is saved
constexpr int frameWords = 20;
#else
#error "the emulator has no stack switch for this processor"
#endif

namespace qt::cuda::emulator {

namespace {

// Room for all stacks; memory comes as they are used.
char* stacks() {
  static char* const all = [] {
    void* p = mmap(nullptr, Fiber::most * Fiber::bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    return static_cast<char*>(p);
  }();
  return all;
}

int used = 0;

}  // namespace

Fiber::Fiber() {
  if (used == most) throw std::bad_alloc();
  stack_ = stacks() + static_cast<std::size_t>(used++) * bytes;
  if (mprotect(stack_, 4096, PROT_NONE) != 0) throw std::bad_alloc();
}

bool Fiber::onAnyStack(const void* p) { return p >= stacks() && p < stacks() + most * bytes; }

void Fiber::start(void (*entry)()) {
  auto* frame = reinterpret_cast<std::uintptr_t*>(static_cast<char*>(stack_) + bytes) - frameWords;
  for (int i = 0; i < frameWords; ++i) frame[i] = 0;
  frame[savedWords] = reinterpret_cast<std::uintptr_t>(entry);
  here_ = frame;
}

void Fiber::resume() { qtSwitchStack(&caller_, here_); }

void Fiber::suspend() { qtSwitchStack(&here_, caller_); }

}  // namespace qt::cuda::emulator
