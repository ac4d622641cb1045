#include "model.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include <qt/mapped_file.hpp>

#include "../threads.hpp"
#include "nf4.hpp"

namespace qt {
namespace {

class Loader {
 public:
  Loader(const std::vector<TensorSource>& tensors, BaseStorage storage) : storage_(storage) {
    for (const TensorSource& t : tensors) byName_.emplace(t.name, t);
  }

  // Owners of what was made since the last call.
  Owners taken() { return std::exchange(owners_, {}); }

  // A weight as it lies in its file, or decoded into memory of its own when the caller asked for that.
  MatrixView matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
    MatrixView view = mapped(name, rows, columns);
    if (storage_ == BaseStorage::Packed || storage_ == BaseStorage::Nf4 || view.type == TensorType::F32) return view;
    const bool wide = storage_ == BaseStorage::Float32;
    auto copy = std::make_shared<Arena>(static_cast<std::size_t>(rows * columns) * (wide ? 4 : 2));
    std::vector<float> row(static_cast<std::size_t>(columns) + 256);
    const KernelTable& k = kernels();
    for (std::int64_t r = 0; r < rows; ++r) {
      k.decodeRow(view, r, row.data());
      k.ops[wide ? 0 : 1].narrow(row.data(), copy->data() + r * columns * (wide ? 4 : 2), columns);
    }
    view = {copy->data(), wide ? TensorType::F32 : TensorType::BF16, rows, columns, static_cast<std::size_t>(columns) * (wide ? 4 : 2)};
    owners_.push_back(copy);
    return view;
  }

  // A projection: what bitsandbytes quantises; embeddings and outputs it leaves alone.
  MatrixView projection(const std::string& name, std::int64_t rows, std::int64_t columns) {
    const MatrixView view = matrix(name, rows, columns);
    const bool isFloat = view.type == TensorType::F32 || view.type == TensorType::F16 || view.type == TensorType::BF16;
    if (storage_ != BaseStorage::Nf4 || !isFloat) return view;
    if (columns % nf4Group != 0) throw std::runtime_error("rows of " + name + " are not whole blocks of 64, which NF4 needs");
    if (!pool_) pool_ = std::make_unique<ThreadPool>(availableProcessors());
    const std::size_t row = static_cast<std::size_t>(columns / nf4Group) * sizeof(BlockNF4);
    auto copy = std::make_shared<Arena>(row * static_cast<std::size_t>(rows));
    quantiseNf4(*pool_, kernels(), view).write(reinterpret_cast<BlockNF4*>(copy->data()));
    owners_.push_back(copy);
    return {copy->data(), TensorType::NF4, rows, columns, row};
  }

  // How projection() has it, without its data: nothing is decoded.
  MatrixView outline(const std::string& name, std::int64_t rows, std::int64_t columns) const {
    const auto found = byName_.find(name);
    if (found == byName_.end()) throw std::runtime_error("the model has no tensor " + name);
    TensorType type = found->second.type;
    const bool isFloat = type == TensorType::F32 || type == TensorType::F16 || type == TensorType::BF16;
    if (storage_ == BaseStorage::Nf4 && isFloat) type = TensorType::NF4;
    else if (storage_ == BaseStorage::Float32) type = TensorType::F32;
    else if (storage_ == BaseStorage::BFloat16 && type != TensorType::F32) type = TensorType::BF16;
    const BlockTraits traits = blockTraits(type);
    if (traits.size == 0) throw std::runtime_error(name + " is stored in a type that cannot be computed with");
    return {nullptr, type, rows, columns, static_cast<std::size_t>(columns / traits.size) * traits.bytes};
  }

  // A norm's weights or a bias as aligned float32, with `offset` added.
  const float* vector(const std::string& name, std::int64_t count, float offset = 0.0f) {
    const MatrixView view = mapped(name, 1, count);
    auto copy = std::make_shared<Arena>(static_cast<std::size_t>(count + 256) * sizeof(float));
    auto* out = reinterpret_cast<float*>(copy->data());
    kernels().decodeRow(view, 0, out);
    if (offset != 0.0f)
      for (std::int64_t i = 0; i < count; ++i) out[i] += offset;
    owners_.push_back(copy);
    return out;
  }

 private:
  MatrixView mapped(const std::string& name, std::int64_t rows, std::int64_t columns) {
    const auto found = byName_.find(name);
    if (found == byName_.end()) throw std::runtime_error("the model has no tensor " + name);
    const TensorSource& t = found->second;
    if (t.rows != rows || t.columns != columns)
      throw std::runtime_error(name + " is " + std::to_string(t.rows) + " × " + std::to_string(t.columns) + ", expected " + std::to_string(rows) +
                               " × " + std::to_string(columns));
    if (t.type == TensorType::NF4) return nf4(t, rows, columns);
    if (!decodable(t.type)) throw std::runtime_error(name + " is stored in a type that cannot be computed with");
    const BlockTraits traits = blockTraits(t.type);
    if (columns % traits.size != 0) throw std::runtime_error("rows of " + name + " are not whole blocks");
    const std::size_t row = static_cast<std::size_t>(columns / traits.size) * traits.bytes;
    const std::size_t bytes = row * static_cast<std::size_t>(rows);
    const std::byte* data = place(t.file, t.offset, bytes, name);
    // Blocks are read byte by byte; plain float32 is read in place and must be aligned, which few files fail to do.
    if (t.type == TensorType::F32 && reinterpret_cast<std::uintptr_t>(data) % alignof(float) != 0) {
      auto copy = std::make_shared<Arena>(bytes);
      std::memcpy(copy->data(), data, bytes);
      owners_.push_back(copy);
      return {copy->data(), t.type, rows, columns, row};
    }
    return {data, t.type, rows, columns, row};
  }

  const std::byte* place(const std::string& path, std::uint64_t offset, std::size_t bytes, const std::string& name) {
    auto& file = files_[path];
    if (!file) {
      file = std::make_shared<MappedFile>(path);
      owners_.push_back(file);
    }
    const std::size_t size = file->bytes().size();
    if (offset > size || bytes > size - offset) throw std::runtime_error(name + " reaches beyond the end of " + path);
    return file->bytes().data() + offset;
  }

  // Numbers and their scales lie apart in the file; tiles are decoded from blocks that have both.
  MatrixView nf4(const TensorSource& t, std::int64_t rows, std::int64_t columns) {
    constexpr std::int64_t size = 64;
    if (columns % size != 0) throw std::runtime_error("rows of " + t.name + " are not whole blocks");
    const Nf4Scales& s = t.nf4;
    const std::int64_t count = rows * columns / size;
    const auto bytesOf = [](std::int64_t n) { return static_cast<std::size_t>(n); };
    const auto* numbers = reinterpret_cast<const unsigned char*>(place(t.file, t.offset, bytesOf(count * size / 2), t.name));
    const auto* scales = reinterpret_cast<const unsigned char*>(place(s.file, s.scales, bytesOf(s.nested ? count : 4 * count), t.name));
    const auto floatAt = [](const unsigned char* at, std::int64_t i) {
      float value;
      std::memcpy(&value, at + 4 * i, sizeof value);
      return value;
    };
    const unsigned char *table = nullptr, *nested = nullptr;
    if (s.nested) {
      if (s.nestedBlock < 1) throw std::runtime_error("the scales of " + t.name + " have blocks of no size");
      table = reinterpret_cast<const unsigned char*>(place(s.file, s.nestedTable, 256 * sizeof(float), t.name));
      nested = reinterpret_cast<const unsigned char*>(place(s.file, s.nestedScales, bytesOf(4 * ((count + s.nestedBlock - 1) / s.nestedBlock)), t.name));
    }
    const std::size_t row = bytesOf(columns / size) * sizeof(BlockNF4);
    auto copy = std::make_shared<Arena>(row * bytesOf(rows));
    auto* block = reinterpret_cast<BlockNF4*>(copy->data());
    for (std::int64_t i = 0; i < count; ++i, ++block) {
      const float scale = s.nested ? floatAt(table, scales[i]) * floatAt(nested, i / s.nestedBlock) + s.nestedOffset : floatAt(scales, i);
      std::memcpy(block->d, &scale, sizeof scale);
      std::memcpy(block->qs, numbers + i * size / 2, sizeof block->qs);
    }
    owners_.push_back(copy);
    return {copy->data(), t.type, rows, columns, row};
  }

  std::unordered_map<std::string, TensorSource> byName_;
  std::map<std::string, std::shared_ptr<MappedFile>> files_;
  BaseStorage storage_;
  Owners owners_;
  std::unique_ptr<ThreadPool> pool_;  // for quantising
};

std::string projectionOf(int layer, int projection) { return "blk." + std::to_string(layer) + "." + projectionNames[projection] + ".weight"; }

}  // namespace

Model openModel(const ModelSpec& spec, const std::vector<TensorSource>& tensors, BaseStorage storage, bool apart) {
  Model model;
  model.spec = spec;
  const auto kept = std::make_shared<Loader>(tensors, storage);
  Loader& load = *kept;
  model.embedding = load.matrix("token_embd.weight", spec.vocabulary, spec.dModel);
  model.output = spec.tiedEmbeddings ? model.embedding : load.matrix("output.weight", spec.vocabulary, spec.dModel);
  model.outputNorm = load.vector("output_norm.weight", spec.dModel, spec.normOffset);
  for (int l = 0; l < spec.layers; ++l) {
    const std::string prefix = "blk." + std::to_string(l) + ".";
    BlockWeights block;
    const auto norm = [&](const char* name, std::int64_t count) { return load.vector(prefix + name + ".weight", count, spec.normOffset); };
    block.attentionNorm = norm("attn_norm", spec.dModel);
    block.ffnNorm = norm("ffn_norm", spec.dModel);
    if (spec.postNorms) {
      block.postAttentionNorm = norm("post_attention_norm", spec.dModel);
      block.postFfnNorm = norm("post_ffw_norm", spec.dModel);
    }
    if (spec.queryKeyNorms) {
      block.queryNorm = norm("attn_q_norm", spec.headDim);
      block.keyNorm = norm("attn_k_norm", spec.headDim);
    }
    for (int p = 0; p < projectionCount; ++p) {
      const Shape shape = projectionShape(spec, p);
      const std::string name = projectionOf(l, p);
      block.projections[p] = apart ? load.outline(name, shape.rows, shape.columns) : load.projection(name, shape.rows, shape.columns);
      if (spec.attentionBias && p <= Value) block.biases[p] = load.vector(prefix + projectionNames[p] + ".bias", shape.rows);
    }
    model.blocks.push_back(block);
  }
  model.owners = load.taken();
  if (apart)
    model.open = [kept, spec](int layer) {
      BlockProjections made;
      for (int p = 0; p < projectionCount; ++p) {
        const Shape shape = projectionShape(spec, p);
        made.views[p] = kept->projection(projectionOf(layer, p), shape.rows, shape.columns);
      }
      made.owners = kept->taken();
      return made;
    };
  return model;
}

BlockProjections Model::projections(int layer) const {
  if (open) return open(layer);
  BlockProjections there;
  std::copy(std::begin(blocks[layer].projections), std::end(blocks[layer].projections), there.views.begin());
  return there;
}

std::size_t Model::weightBytes() const {
  std::size_t sum = storedBytes(embedding) + (output.data == embedding.data ? 0 : storedBytes(output)) + static_cast<std::size_t>(spec.dModel) * 4;
  const std::size_t small = static_cast<std::size_t>(spec.dModel) * (spec.postNorms ? 4 : 2) + (spec.queryKeyNorms ? 2 * spec.headDim : 0) +
                            (spec.attentionBias ? spec.attentionWidth() + 2 * spec.kvWidth() : 0);
  for (const BlockWeights& b : blocks) {
    sum += small * sizeof(float);
    for (const MatrixView& m : b.projections) sum += storedBytes(m);
  }
  return sum;
}

}  // namespace qt
