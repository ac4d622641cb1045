// The header of a GGUF file (versions 2 and 3), read from bytes that may be hostile.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
//
// Nothing is trusted: every length is compared with what is left before it is used, so memory stays within a small
// multiple of the header's own size and no read leaves the span. Unlike blocks.hpp this header is for plain translation
// units only (it uses the standard library).
#pragma once

#include <algorithm>
#include <bit>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "blocks/types.hpp"

namespace qt {

struct GgufError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

enum class GgufType : std::uint32_t {
    Uint8 = 0,
    Int8 = 1,
    Uint16 = 2,
    Int16 = 3,
    Uint32 = 4,
    Int32 = 5,
    Float32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    Uint64 = 10,
    Int64 = 11,
    Float64 = 12,
};

// Strings and values point into the span that was parsed.
struct GgufValue {
    std::string_view key;
    GgufType type;
    GgufType elementType;            // of an array, else `type`
    std::uint64_t count;             // of an array, else 1
    std::span<const std::byte> raw;  // the value as it lies in the file; of an array, its elements; of a string, its characters
};

struct GgufTensor {
    std::string_view name;
    TensorType type;
    std::vector<std::uint64_t> shape;  // GGUF's order: columns first
    std::uint64_t offset;              // from the start of the file
    std::uint64_t bytes;
};

struct GgufFile {
    std::uint32_t version = 0;
    std::uint64_t alignment = 32;
    std::uint64_t dataOffset = 0;
    std::vector<GgufValue> metadata;  // in the file's order, as are the tensors
    std::vector<GgufTensor> tensors;

    const GgufValue* value(std::string_view key) const { return find(metadata, key, &GgufValue::key); }
    const GgufTensor* tensor(std::string_view name) const { return find(tensors, name, &GgufTensor::name); }

    std::optional<std::string_view> string(std::string_view key) const {
        const GgufValue* found = value(key);
        if (found == nullptr || found->type != GgufType::String) return std::nullopt;
        return std::string_view(reinterpret_cast<const char*>(found->raw.data()), found->raw.size());
    }

    // Any scalar number, and bool as 0 or 1.
    std::optional<double> number(std::string_view key) const {
        const GgufValue* found = value(key);
        if (found == nullptr) return std::nullopt;
        switch (found->type) {
            case GgufType::Bool:
            case GgufType::Uint8: return as<std::uint8_t>(*found);
            case GgufType::Int8: return as<std::int8_t>(*found);
            case GgufType::Uint16: return as<std::uint16_t>(*found);
            case GgufType::Int16: return as<std::int16_t>(*found);
            case GgufType::Uint32: return as<std::uint32_t>(*found);
            case GgufType::Int32: return as<std::int32_t>(*found);
            case GgufType::Float32: return as<float>(*found);
            case GgufType::Uint64: return as<std::uint64_t>(*found);
            case GgufType::Int64: return as<std::int64_t>(*found);
            case GgufType::Float64: return as<double>(*found);
            default: return std::nullopt;
        }
    }

  private:
    template <typename Entry>
    static const Entry* find(const std::vector<Entry>& entries, std::string_view name, std::string_view Entry::* field) {
        for (const Entry& entry : entries)
            if (entry.*field == name) return &entry;
        return nullptr;
    }

    template <typename Number>
    static double as(const GgufValue& value) {
        Number number;
        std::memcpy(&number, value.raw.data(), sizeof number);
        return static_cast<double>(number);
    }
};

namespace gguf {

// 0 for strings, arrays and unknown types.
inline std::uint64_t widthOf(GgufType type) {
    switch (type) {
        case GgufType::Uint8:
        case GgufType::Int8:
        case GgufType::Bool: return 1;
        case GgufType::Uint16:
        case GgufType::Int16: return 2;
        case GgufType::Uint32:
        case GgufType::Int32:
        case GgufType::Float32: return 4;
        case GgufType::Uint64:
        case GgufType::Int64:
        case GgufType::Float64: return 8;
        default: return 0;
    }
}

class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

    std::uint64_t position() const { return position_; }
    std::uint64_t left() const { return bytes_.size() - position_; }

    [[noreturn]] void fail(const std::string& what) const {
        throw GgufError(what + " (at byte " + std::to_string(position_) + ")");
    }

    std::span<const std::byte> take(std::uint64_t count, const char* what) {
        if (count > left()) fail(std::string("The file ends inside ") + what);
        const auto taken = bytes_.subspan(position_, count);
        position_ += count;
        return taken;
    }

    template <typename Number>
    Number number(const char* what) {
        Number value;
        std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
        return value;
    }

    std::string_view string(const char* what) {
        const auto taken = take(number<std::uint64_t>(what), what);
        return {reinterpret_cast<const char*>(taken.data()), taken.size()};
    }

    std::string_view name(const char* what) {
        const std::string_view found = string(what);
        if (found.empty()) fail(std::string("There is nothing in ") + what);
        return found;
    }

    GgufType type() {
        const auto id = number<std::uint32_t>("a value type");
        if (id > static_cast<std::uint32_t>(GgufType::Float64)) fail("There is no value type " + std::to_string(id));
        return static_cast<GgufType>(id);
    }

    // An entry count that could not fit into the rest of the file is refused before anything is allocated for it.
    std::uint64_t count(std::uint64_t smallest, const char* what) {
        const auto value = number<std::uint64_t>(what);
        if (value > left() / smallest) fail("The count of " + std::string(what) + " is larger than the file");
        return value;
    }

    void skipElements(GgufType type, std::uint64_t count, int depth) {
        if (depth > 8) fail("Arrays are nested too deeply");
        if (const std::uint64_t width = widthOf(type); width != 0) {
            if (count > left() / width) fail("An array is larger than the file");
            take(count * width, "an array");
            return;
        }
        if (count > left() / 8) fail("An array is larger than the file");
        for (std::uint64_t i = 0; i < count; i++) {
            if (type == GgufType::String) {
                string("a string of an array");
            } else {
                const GgufType inner = this->type();
                skipElements(inner, number<std::uint64_t>("an array length"), depth + 1);
            }
        }
    }

    GgufValue value(std::string_view key) {
        const GgufType type = this->type();
        if (type == GgufType::String) {
            const std::string_view text = string("a string value");
            return {key, type, type, 1, std::as_bytes(std::span(text))};
        }
        if (type != GgufType::Array) return {key, type, type, 1, take(widthOf(type), "a value")};
        const GgufType elementType = this->type();
        const auto length = number<std::uint64_t>("an array length");
        const std::uint64_t start = position_;
        skipElements(elementType, length, 0);
        return {key, type, elementType, length, bytes_.subspan(start, position_ - start)};
    }

    GgufTensor tensor() {
        GgufTensor tensor{name("a tensor name"), {}, {}, 0, 0};
        const std::string shown(tensor.name.substr(0, 64));
        const auto dimensions = number<std::uint32_t>("a tensor's dimension count");
        if (dimensions > 4) fail("Tensor " + shown + " has " + std::to_string(dimensions) + " dimensions, more than 4");
        std::uint64_t elements = 1;
        for (std::uint32_t i = 0; i < dimensions; i++) {
            const auto size = number<std::uint64_t>("a tensor's shape");
            // Elements are bounded by 2^60 so that neither their number nor their bytes can overflow.
            if (size != 0 && elements > (std::uint64_t{1} << 60) / size) fail("The shape of tensor " + shown + " is too large");
            elements *= size;
            tensor.shape.push_back(size);
        }
        tensor.type = static_cast<TensorType>(number<std::uint32_t>("a tensor type"));
        const BlockTraits traits = blockTraits(tensor.type);
        if (traits.size == 0 || tensor.type == TensorType::NF4)
            fail("Tensor " + shown + " has the unknown type " + std::to_string(static_cast<std::uint32_t>(tensor.type)));
        const std::uint64_t columns = dimensions == 0 ? 1 : tensor.shape[0];
        if (columns % traits.size != 0)
            fail("The rows of tensor " + shown + " do not divide into blocks of " + std::to_string(traits.size));
        tensor.bytes = elements / traits.size * traits.bytes;
        tensor.offset = number<std::uint64_t>("a tensor offset");
        return tensor;
    }

  private:
    std::span<const std::byte> bytes_;
    std::uint64_t position_ = 0;
};

template <typename Entry>
void refuseDuplicates(const std::vector<Entry>& entries, std::string_view Entry::* field, const char* what) {
    std::vector<std::string_view> names;
    names.reserve(entries.size());
    for (const Entry& entry : entries) names.push_back(entry.*field);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) throw GgufError(std::string("The ") + what + " " + std::string(twice->substr(0, 64)) + " is there twice");
}

}  // namespace gguf

// Throws GgufError. The result points into `bytes`, which must outlive it.
inline GgufFile parseGguf(std::span<const std::byte> bytes) {
    gguf::Reader reader(bytes);
    const auto magic = reader.take(4, "the magic number");
    if (std::memcmp(magic.data(), "GGUF", 4) != 0) throw GgufError("This is no GGUF file: it does not begin with GGUF");
    GgufFile file;
    file.version = reader.number<std::uint32_t>("the version");
    if (file.version >> 16 != 0 && (file.version & 0xFFFF) == 0) throw GgufError("This GGUF file is big-endian");
    if (file.version != 2 && file.version != 3) throw GgufError("GGUF version " + std::to_string(file.version) + " is not 2 or 3");
    const auto tensorCount = reader.count(25, "tensors");
    const auto valueCount = reader.count(14, "metadata entries");

    for (std::uint64_t i = 0; i < valueCount; i++) {
        const std::string_view key = reader.name("a metadata key");
        file.metadata.push_back(reader.value(key));
    }
    gguf::refuseDuplicates(file.metadata, &GgufValue::key, "metadata key");
    if (const GgufValue* alignment = file.value("general.alignment"); alignment != nullptr) {
        if (alignment->type != GgufType::Uint32) throw GgufError("general.alignment is no uint32");
        file.alignment = static_cast<std::uint64_t>(*file.number("general.alignment"));
        if (!std::has_single_bit(file.alignment) || file.alignment < 8)
            throw GgufError("general.alignment is " + std::to_string(file.alignment) + ", not a power of two from 8 on");
    }

    for (std::uint64_t i = 0; i < tensorCount; i++) file.tensors.push_back(reader.tensor());
    gguf::refuseDuplicates(file.tensors, &GgufTensor::name, "tensor");
    file.dataOffset = (reader.position() + file.alignment - 1) & ~(file.alignment - 1);
    for (GgufTensor& tensor : file.tensors) {
        const std::string name(tensor.name.substr(0, 64));
        if (tensor.offset % file.alignment != 0) throw GgufError("The offset of tensor " + name + " is not aligned");
        const std::uint64_t available = bytes.size() > file.dataOffset ? bytes.size() - file.dataOffset : 0;
        if (tensor.offset > available || tensor.bytes > available - tensor.offset)
            throw GgufError("Tensor " + name + " reaches beyond the end of the file");
        tensor.offset += file.dataOffset;
    }
    return file;
}

}  // namespace qt
