// An emulated GPU whose memory others have taken.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <string>

#include <unistd.h>

namespace qt::test {

class Set {
 public:
  Set(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Set() { unsetenv(name_); }
  Set(const Set&) = delete;
  Set& operator=(const Set&) = delete;

 private:
  const char* name_;
};

// The next numbers that go there find none.
class FullOnce {
 public:
  FullOnce() : file_("/tmp/qt-gpu-full-XXXXXX"), made_(mkstemp(file_.data())), set_("QT_EMULATED_GPU_FULL", file_.c_str()) { close(made_); }
  ~FullOnce() { std::remove(file_.c_str()); }

 private:
  std::string file_;
  int made_;
  Set set_;
};

template <class Error, class Work>
bool throws(const Work& work) {
  try {
    work();
  } catch (const Error&) {
    return true;
  }
  return false;
}

}  // namespace qt::test
