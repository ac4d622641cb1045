// The header reader on small files made by test/make_malformed.py and on whatever the fuzzer once found.
#include <qt/mapped_file.hpp>

#include <chrono>
#include <filesystem>

#include "check.hpp"
#include "decode_file.hpp"

namespace fs = std::filesystem;

static void refusesEveryMalformedFile() {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(QT_TEST) / "malformed")) {
        const qt::MappedFile file(entry.path().string());
        const auto start = std::chrono::steady_clock::now();
        bool refused = false;
        try {
            decodeFile(file.bytes());
        } catch (const qt::GgufError& error) {
            refused = std::string_view(error.what()).size() > 10;
        }
        if (!refused) std::fprintf(stderr, "%s was read\n", entry.path().filename().string().c_str());
        CHECK(refused);
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));
        files++;
    }
    CHECK(files >= 40);
    std::printf("%d malformed files refused\n", files);
}

static void readsEveryWellformedFile() {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(QT_TEST) / "wellformed")) {
        const qt::MappedFile file(entry.path().string());
        decodeFile(file.bytes());
        files++;
    }
    CHECK(files >= 10);
}

static void refusesEveryTruncation() {
    const qt::MappedFile file(QT_TEST "/wellformed/plain.gguf");
    for (std::size_t size = 0; size < file.bytes().size(); size++)
        CHECK_THROWS(decodeFile(file.bytes().first(size)), qt::GgufError);
}

static void findsValuesAndTensors() {
    const qt::MappedFile mapped(QT_TEST "/wellformed/plain.gguf");
    const qt::GgufFile file = qt::parseGguf(mapped.bytes());
    CHECK(file.version == 3 && file.alignment == 32 && file.metadata.size() == 1 && file.tensors.size() == 1);
    CHECK(file.string("general.architecture") == "llama");
    CHECK(!file.number("general.architecture") && !file.string("general.name"));
    const qt::GgufTensor* tensor = file.tensor("t");
    CHECK(tensor != nullptr && file.tensor("u") == nullptr);
    CHECK(tensor->type == qt::TensorType::Q4_0 && tensor->bytes == 36 && tensor->offset == file.dataOffset);
    CHECK(tensor->shape == (std::vector<std::uint64_t>{32, 2}));

    const qt::MappedFile aligned(QT_TEST "/wellformed/alignment-64.gguf");
    const qt::GgufFile other = qt::parseGguf(aligned.bytes());
    CHECK(other.number("general.alignment") == 64.0 && other.dataOffset % 64 == 0);
}

static void mapsFiles() {
    CHECK_THROWS(qt::MappedFile("no such file"), std::system_error);
    CHECK_THROWS(qt::MappedFile(QT_TEST), std::system_error);
    CHECK(qt::MappedFile(QT_TEST "/malformed/no-bytes.gguf").bytes().empty());
    qt::MappedFile first(QT_TEST "/wellformed/plain.gguf");
    const auto* data = first.bytes().data();
    qt::MappedFile second(std::move(first));
    CHECK(first.bytes().empty() && second.bytes().data() == data);
    first = std::move(second);
    CHECK(first.bytes().data() == data && second.bytes().empty());
}

int main(int argc, char** argv) {
    if (argc > 1) {  // a real model, by path
        const qt::MappedFile mapped(argv[1]);
        const qt::GgufFile file = qt::parseGguf(mapped.bytes());
        std::printf("%zu values, %zu tensors\n", file.metadata.size(), file.tensors.size());
        return 0;
    }
    refusesEveryMalformedFile();
    readsEveryWellformedFile();
    refusesEveryTruncation();
    findsValuesAndTensors();
    mapsFiles();
    return report("gguf_test");
}
