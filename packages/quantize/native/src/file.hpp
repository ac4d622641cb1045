// Reads, writes and copies at positions, from any thread. Errors are std::system_error; what is missing at the end of a file is EIO.
#pragma once
#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <fcntl.h>
#include <unistd.h>
#endif

namespace qt {

class File {
 public:
  enum class Mode { Read, Write };

  // `path` is UTF-8; a file that is written to must exist.
  File(const std::string& path, Mode mode) : path_(path) {
#if defined(_WIN32)
    std::wstring wide(static_cast<std::size_t>(MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, nullptr, 0)), L'\0');
    MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, wide.data(), static_cast<int>(wide.size()));
    handle_ = CreateFileW(wide.c_str(), mode == Mode::Read ? GENERIC_READ : GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                          OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (handle_ == INVALID_HANDLE_VALUE) fail(static_cast<int>(GetLastError()));
#else
    file_ = ::open(path.c_str(), (mode == Mode::Read ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
    if (file_ < 0) fail(errno);
#if defined(POSIX_FADV_SEQUENTIAL)
    if (mode == Mode::Read) ::posix_fadvise(file_, 0, 0, POSIX_FADV_SEQUENTIAL);
#endif
#endif
  }
  ~File() {
#if defined(_WIN32)
    CloseHandle(handle_);
#else
    ::close(file_);
#endif
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  const std::string& path() const { return path_; }

  void read(std::uint64_t offset, void* to, std::size_t bytes) const {
    auto* at = static_cast<char*>(to);
    while (bytes > 0) {
      const std::int64_t done = transfer(offset, at, bytes, false);
      if (done == 0) fail(EIO);
      advance(offset, at, bytes, done);
    }
  }

  void write(std::uint64_t offset, const void* from, std::size_t bytes) const {
    auto* at = static_cast<char*>(const_cast<void*>(from));
    while (bytes > 0) advance(offset, at, bytes, transfer(offset, at, bytes, true));
  }

  // Lets the kernel copy, which takes one copy in memory instead of two, or none where the file system shares blocks. Returns how many
  // bytes it copied: fewer when it cannot (not on this system, between these files) or met an error, which whoever reads and writes
  // the rest finds again, with its side.
  std::size_t copyFrom([[maybe_unused]] const File& source, [[maybe_unused]] std::uint64_t from, [[maybe_unused]] std::uint64_t offset,
                       [[maybe_unused]] std::size_t bytes) const {
    std::size_t copied = 0;
#if defined(__linux__)
    auto in = static_cast<loff_t>(from), out = static_cast<loff_t>(offset);
    while (copied < bytes) {
      const ssize_t done = ::copy_file_range(source.file_, &in, file_, &out, bytes - copied, 0);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) break;
      copied += static_cast<std::size_t>(done);
    }
#endif
    return copied;
  }

 private:
  [[noreturn]] void fail(int error) const { throw std::system_error(error, std::system_category(), path_); }

  static void advance(std::uint64_t& offset, char*& at, std::size_t& bytes, std::int64_t done) {
    offset += static_cast<std::uint64_t>(done);
    at += done;
    bytes -= static_cast<std::size_t>(done);
  }

  std::int64_t transfer(std::uint64_t offset, char* at, std::size_t bytes, bool write) const {
    const std::size_t most = bytes < (1u << 30) ? bytes : (1u << 30);
#if defined(_WIN32)
    OVERLAPPED position{};
    position.Offset = static_cast<DWORD>(offset);
    position.OffsetHigh = static_cast<DWORD>(offset >> 32);
    DWORD done = 0;
    const BOOL fine = write ? WriteFile(handle_, at, static_cast<DWORD>(most), &done, &position)
                            : ReadFile(handle_, at, static_cast<DWORD>(most), &done, &position);
    if (!fine && GetLastError() != ERROR_HANDLE_EOF) fail(static_cast<int>(GetLastError()));
    return done;
#else
    for (;;) {
      const ssize_t done = write ? ::pwrite(file_, at, most, static_cast<off_t>(offset)) : ::pread(file_, at, most, static_cast<off_t>(offset));
      if (done >= 0) return done;
      if (errno != EINTR) fail(errno);
    }
#endif
  }

  std::string path_;
#if defined(_WIN32)
  HANDLE handle_;
#else
  int file_;
#endif
};

}  // namespace qt
