// A file mapped into memory, read-only.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#if defined(_WIN32)
#ifndef NOMINMAX
#define NOMINMAX
#endif
#include <windows.h>
#else
#include <cerrno>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace qt {

class MappedFile {
  public:
    // `path` is UTF-8. Throws std::system_error.
    explicit MappedFile(const std::string& path) { map(path); }
    ~MappedFile() { unmap(); }

    MappedFile(MappedFile&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    MappedFile& operator=(MappedFile&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

  private:
    void* data_ = nullptr;  // null for an empty file, which cannot be mapped
    std::size_t size_ = 0;

#if defined(_WIN32)
    void map(const std::string& path) {
        const auto fail = [&] { throw std::system_error(static_cast<int>(GetLastError()), std::system_category(), path); };
        std::wstring wide(static_cast<std::size_t>(MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, nullptr, 0)), L'\0');
        MultiByteToWideChar(CP_UTF8, 0, path.c_str(), -1, wide.data(), static_cast<int>(wide.size()));
        const HANDLE file = CreateFileW(wide.c_str(), GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
                                        FILE_ATTRIBUTE_NORMAL, nullptr);
        if (file == INVALID_HANDLE_VALUE) fail();
        LARGE_INTEGER size;
        const bool sized = GetFileSizeEx(file, &size) != 0;
        const HANDLE mapping =
            sized && size.QuadPart > 0 ? CreateFileMappingW(file, nullptr, PAGE_READONLY, 0, 0, nullptr) : nullptr;
        if (mapping != nullptr) data_ = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
        const DWORD error = GetLastError();
        if (mapping != nullptr) CloseHandle(mapping);
        CloseHandle(file);
        SetLastError(error);
        if (!sized || (size.QuadPart > 0 && data_ == nullptr)) fail();
        size_ = static_cast<std::size_t>(size.QuadPart);
    }

    void unmap() noexcept {
        if (data_ != nullptr) UnmapViewOfFile(data_);
    }
#else
    void map(const std::string& path) {
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (file < 0) throw std::system_error(errno, std::generic_category(), path);
        struct stat status;
        int error = ::fstat(file, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
        if (error == 0 && status.st_size > 0) {
            void* data = ::mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, file, 0);
            if (data == MAP_FAILED) {
                error = errno;
            } else {
                data_ = data;
                size_ = static_cast<std::size_t>(status.st_size);
            }
        }
        ::close(file);
        if (error != 0) throw std::system_error(error, std::generic_category(), path);
    }

    void unmap() noexcept {
        if (data_ != nullptr) ::munmap(data_, size_);
    }
#endif
};

}  // namespace qt
