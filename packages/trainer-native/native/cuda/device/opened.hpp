// Libraries of NVIDIA's that are opened at run time.
#pragma once
#include <cstdlib>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <dlfcn.h>

namespace qt::cuda {

class Opened {
 public:
  // The one that the variable names, else the first of the names that is there; throws in plain words. Never closed.
  Opened(const char* variable, std::initializer_list<const char*> names) {
    const char* named = std::getenv(variable);
    if (named != nullptr && *named != '\0') open(named);
    else
      for (const char* name : names)
        if (handle_ == nullptr) open(name);
    if (handle_ == nullptr) throw std::runtime_error(error_);
  }
  template <class Function>
  void take(Function& function, const char* name) const {
    static_assert(std::is_pointer_v<Function>);
    function = reinterpret_cast<Function>(dlsym(handle_, name));
    if (function == nullptr) throw std::runtime_error(name_ + " has no " + name);
  }

 private:
  void open(const char* name) {
    handle_ = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) name_ = name;
    else if (error_.empty()) error_ = dlerror();
  }
  void* handle_ = nullptr;
  std::string name_, error_;
};

// What `open` opens, once; null where it throws, and `why` says what.
template <auto open>
auto openedOnce(std::string* why) -> const decltype(open())* {
  struct Sought {
    decltype(open()) library{};
    std::string why;
    Sought() {
      try {
        library = open();
      } catch (const std::exception& e) {
        why = e.what();
      }
    }
  };
  static const Sought found;
  if (why != nullptr) *why = found.why;
  return found.why.empty() ? &found.library : nullptr;
}

// "NCCL 2.27.3"
inline std::string withVersion(const char* name, int major, int minor, int patch) {
  return std::string(name) + " " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace qt::cuda
