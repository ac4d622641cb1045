#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "convert.hpp"
#include "device/open_cuda.hpp"
#include "objects.hpp"
#include "philox.hpp"

namespace qt {

Napi::Function TrainerObject::define(Napi::Env env) {
  return DefineClass(env, "Trainer",
                     {InstanceMethod<&TrainerObject::tensors>("tensors"), InstanceMethod<&TrainerObject::forwardBackward>("forwardBackward"),
                      InstanceMethod<&TrainerObject::evaluate>("evaluate"), InstanceMethod<&TrainerObject::update>("update"),
                      InstanceMethod<&TrainerObject::begin>("begin"), InstanceMethod<&TrainerObject::attend>("attend"), InstanceMethod<&TrainerObject::exchange>("exchange"),
                      InstanceMethod<&TrainerObject::lack>("lack"),
                      InstanceMethod<&TrainerObject::deviceMemory>("deviceMemory"),
                      InstanceMethod<&TrainerObject::gatherState>("gatherState"), InstanceMethod<&TrainerObject::gatherTensor>("gatherTensor"),
                      InstanceMethod<&TrainerObject::shareParameters>("shareParameters"),
                      InstanceMethod<&TrainerObject::read>("read"), InstanceMethod<&TrainerObject::write>("write"),
                      InstanceMethod<&TrainerObject::readState>("readState"), InstanceMethod<&TrainerObject::writeState>("writeState"),
                      InstanceMethod<&TrainerObject::initialise>("initialise"), InstanceMethod<&TrainerObject::startMagnitudes>("startMagnitudes"),
                      InstanceMethod<&TrainerObject::startPrincipal>("startPrincipal"), InstanceMethod<&TrainerObject::origins>("origins"),
                      InstanceMethod<&TrainerObject::zeroGradients>("zeroGradients"),
                      InstanceMethod<&TrainerObject::setAbort>("setAbort"), InstanceMethod<&TrainerObject::close>("close")});
}

// new Trainer(model, options, threads, kernels?, communicator?, gpu?)
TrainerObject::TrainerObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerObject>(info) {
  model_ = Napi::ObjectWrap<ModelObject>::Unwrap(info[0].As<Napi::Object>())->model();
  guarded(info.Env(), [&] {
    const TrainerOptions options = toTrainerOptions(info[1].As<Napi::Object>(), model_->spec);
    if (options.tensor.divides()) model_ = std::make_shared<const Model>(localModel(std::move(model_), options.tensor, options.shardBase && options.processes > 1));
    pool_ = std::make_unique<ThreadPool>(toThreads(info[2]));
    const KernelTable& chosen = toKernels(info[3]);
    const std::optional<GpuPlace> gpu = toGpu(info[5]);
    trainer_ = gpu ? std::make_unique<Trainer>(*model_, options, openCuda(gpu->library, gpu->index, options.precision))
                   : std::make_unique<Trainer>(*model_, options, *pool_, chosen);
    const std::shared_ptr<Communicator> communicator =
        info[4].IsObject() ? Napi::ObjectWrap<CommunicatorObject>::Unwrap(info[4].As<Napi::Object>())->communicator(info.Env()) : nullptr;
    const bool strict = toShare(info[1].As<Napi::Object>()).strict;
    if (communicator || strict) shared_ = std::make_unique<DataParallel>(*trainer_, communicator, *pool_, chosen, strict);
    driver_ = std::make_unique<Driver>(info.Env(), "qt trainer");
  });
}

Trainer& TrainerObject::open(Napi::Env env) {
  if (!driver_) throw Napi::Error::New(env, "the trainer is closed");
  return *trainer_;
}

namespace {

constexpr const char* roleNames[roleCount] = {"weight", "lora_a", "lora_b", "magnitude"};
constexpr const char* groupNames[groupCount] = {"weight", "lora_a", "lora_b", "magnitude", "embedding"};

Napi::Object toWhole(Napi::Env env, const TensorPart& part) {
  Napi::Object whole = Napi::Object::New(env);
  whole.Set("rows", static_cast<double>(part.wholeRows));
  whole.Set("columns", static_cast<double>(part.wholeColumns));
  whole.Set("firstRow", static_cast<double>(part.firstRow));
  whole.Set("firstColumn", static_cast<double>(part.firstColumn));
  return whole;
}

Napi::Array toStateArrays(Napi::Env env, const TrainedLayout& layout, std::size_t tensor) {
  Napi::Array list = Napi::Array::New(env);
  for (std::size_t a = 0; a < layout.tensors[tensor].state.size(); ++a) {
    const StateArray& array = layout.tensors[tensor].state[a];
    Napi::Object o = Napi::Object::New(env);
    o.Set("name", array.name);
    o.Set("dtype", array.type == StateType::F32 ? "F32" : "U8");
    o.Set("offset", static_cast<double>(array.offset));
    o.Set("bytes", static_cast<double>(array.bytes()));
    o.Set("from", static_cast<double>(layout.stateRange(tensor, a, layout.rank).first));
    const TensorPart entries = layout.entriesOf(layout.tensors[tensor], a, layout.share.rank);
    o.Set("rows", static_cast<double>(entries.rows));
    o.Set("columns", static_cast<double>(entries.columns));
    o.Set("whole", toWhole(env, entries));
    list.Set(list.Length(), o);
  }
  return list;
}

}  // namespace

Napi::Value TrainerObject::tensors(const Napi::CallbackInfo& info) {
  const Trainer& trainer = open(info.Env());
  Napi::Array list = Napi::Array::New(info.Env());
  const TrainedLayout& layout = trainer.trained();
  for (std::size_t index = 0; index < layout.tensors.size(); ++index) {
    const TrainedTensor& t = layout.tensors[index];
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("adapter", t.id.adapter);
    o.Set("role", roleNames[static_cast<int>(t.id.role)]);
    o.Set("module", moduleName(t.id.layer, t.id.module));
    o.Set("rows", static_cast<double>(t.rows));
    o.Set("columns", static_cast<double>(t.columns));
    o.Set("offset", static_cast<double>(t.offset));
    o.Set("whole", toWhole(info.Env(), t.part));
    Napi::Object gradient = Napi::Object::New(info.Env());
    gradient.Set("offset", static_cast<double>(t.sums));
    gradient.Set("count", static_cast<double>(layout.last(t) - layout.first(t)));
    o.Set("gradient", gradient);
    o.Set("state", toStateArrays(info.Env(), layout, index));
    list.Set(list.Length(), o);
  }
  return list;
}

// ({ ids, labels, borders, weights? }, { weight, micro } or { adapters, micro? }) → { loss, weight, tokens, correct, finished, documents }
Napi::Value TrainerObject::pass(const Napi::CallbackInfo& info, bool gradients) {
  Trainer& trainer = open(info.Env());
  struct Call {
    std::vector<std::int32_t> ids, labels, borders;
    std::vector<float> weights;
    LossSum sum;
  };
  const Napi::Object given = info[0].As<Napi::Object>();
  auto call = std::make_shared<Call>(Call{integers(given.Get("ids")), integers(given.Get("labels")), integers(given.Get("borders")), {}, {}});
  if (const Napi::Value weights = given.Get("weights"); !weights.IsUndefined()) {
    const Napi::Float32Array values = floats(weights);
    call->weights.assign(values.Data(), values.Data() + values.ElementLength());
  }
  if (call->ids.size() != call->labels.size() || (!call->weights.empty() && call->weights.size() != call->ids.size()) || call->borders.size() < 2 ||
      call->borders.front() != 0 || call->borders.back() != static_cast<std::int32_t>(call->ids.size()))
    throw Napi::RangeError::New(info.Env(), "ids, labels, weights and borders do not fit each other");
  const float weight = gradients ? static_cast<float>(number(info[1].As<Napi::Object>(), "weight")) : 0.0f;
  const auto micro = gradients ? static_cast<std::uint32_t>(number(info[1].As<Napi::Object>(), "micro")) : 0u;
  EvaluateOptions evaluation;
  if (!gradients && info[1].IsObject()) {
    const Napi::Object o = info[1].As<Napi::Object>();
    evaluation.adapters = boolean(o, "adapters");
    evaluation.random = o.Get("micro").IsNumber();
    if (evaluation.random) evaluation.micro = static_cast<std::uint32_t>(number(o, "micro"));
  }
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, &trainer, call, gradients, weight, micro, evaluation] {
        const Batch batch{call->ids.data(), call->labels.data(), call->borders.data(), static_cast<std::int32_t>(call->ids.size()),
                          static_cast<std::int32_t>(call->borders.size()) - 1, call->weights.empty() ? nullptr : call->weights.data()};
        if (gradients) call->sum = shared_ ? shared_->forwardBackward(batch, weight, micro, abort_) : trainer.forwardBackward(batch, weight, micro, abort_);
        else call->sum = shared_ ? shared_->evaluate(batch, abort_, evaluation) : trainer.evaluate(batch, abort_, evaluation);
      },
      [call](Napi::Env env) -> Napi::Value {
        Napi::Object o = Napi::Object::New(env);
        o.Set("loss", call->sum.loss);
        o.Set("weight", call->sum.weight);
        o.Set("tokens", static_cast<double>(call->sum.tokens));
        o.Set("correct", static_cast<double>(call->sum.correct));
        o.Set("finished", call->sum.finished);
        Napi::Float64Array documents = Napi::Float64Array::New(env, call->sum.documents.size());
        std::copy(call->sum.documents.begin(), call->sum.documents.end(), documents.Data());
        o.Set("documents", documents);
        return o;
      });
}

Napi::Value TrainerObject::forwardBackward(const Napi::CallbackInfo& info) { return pass(info, true); }
Napi::Value TrainerObject::evaluate(const Napi::CallbackInfo& info) { return pass(info, false); }

// ({ groups: { [group]: { learningRate, weightDecay } }, beta1, beta2, epsilon, clip, step, averageDecay }) → norm of the gradient
Napi::Value TrainerObject::update(const Napi::CallbackInfo& info) {
  Trainer& trainer = open(info.Env());
  const Napi::Object o = info[0].As<Napi::Object>();
  const auto real = [](const Napi::Object& from, const char* key) { return static_cast<float>(number(from, key)); };
  UpdateOptions options{{}, real(o, "beta1"), real(o, "beta2"), real(o, "epsilon"), real(o, "clip"), static_cast<std::int64_t>(number(o, "step")),
                        real(o, "averageDecay")};
  const Napi::Object groups = object(o, "groups");
  for (int index = 0; index < groupCount; ++index) {
    const Napi::Object group = object(groups, groupNames[index]);
    options.groups[index] = {real(group, "learningRate"), real(group, "weightDecay")};
  }
  auto norm = std::make_shared<double>(0);
  return driver_->submit(
      info.This().As<Napi::Object>(), [this, &trainer, options, norm] { *norm = shared_ ? shared_->update(options) : trainer.update(options); }, [norm](Napi::Env env) { return Napi::Number::New(env, *norm); });
}

// (microBatches): a step of so many, micro-batch m that of process m % processes
void TrainerObject::begin(const Napi::CallbackInfo& info) {
  open(info.Env());
  if (shared_) guarded(info.Env(), [&] { shared_->begin(info[0].ToNumber().Int32Value()); });
}

// (gradients): a pass of others over a base that is shared out
Napi::Value TrainerObject::attend(const Napi::CallbackInfo& info) {
  open(info.Env());
  const bool gradients = info[0].ToBoolean();
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, gradients] {
        if (shared_) shared_->attend(gradients);
      },
      [](Napi::Env env) { return env.Undefined(); });
}

// Waits until the gradients of all processes are added. → that this one has lacked memory, or ''
Napi::Value TrainerObject::exchange(const Napi::CallbackInfo& info) {
  open(info.Env());
  auto lack = std::make_shared<std::string>();
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, lack] {
        if (shared_) *lack = shared_->exchange();
      },
      [lack](Napi::Env env) { return Napi::String::New(env, *lack); });
}

// The caller waits for pending work before it asks. → the same, of passes that are no step's
Napi::Value TrainerObject::lack(const Napi::CallbackInfo& info) {
  open(info.Env());
  std::string lack;
  if (shared_) guarded(info.Env(), [&] { lack = shared_->lack(); });
  return Napi::String::New(info.Env(), lack);
}

// → bytes of a GPU's memory that this takes; 0 on the processor
Napi::Value TrainerObject::deviceMemory(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(open(info.Env()).device().held()));
}

// (tensor, array, root) → the whole array in that process, nothing in others; all call it
Napi::Value TrainerObject::gatherState(const Napi::CallbackInfo& info) {
  Trainer& trainer = open(info.Env());
  const auto tensor = static_cast<std::size_t>(info[0].ToNumber().Int64Value()), array = static_cast<std::size_t>(info[1].ToNumber().Int64Value());
  const int root = info[2].ToNumber().Int32Value();
  auto bytes = std::make_shared<std::vector<unsigned char>>();
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, &trainer, tensor, array, root, bytes] {
        const StateArray& own = trainer.trained().tensors.at(tensor).state.at(array);
        const unsigned char* from = trainer.state().data() + own.offset;
        if (shared_) {
          *bytes = shared_->gatherState(tensor, array, root);
        } else {
          bytes->resize(own.bytes());
          trainer.device().copyOut(bytes->data(), from, bytes->size());
          if (const char* why = trainer.device().failure()) throw std::runtime_error(why);
        }
      },
      [bytes](Napi::Env env) -> Napi::Value {
        Napi::Uint8Array out = Napi::Uint8Array::New(env, bytes->size());
        std::copy(bytes->begin(), bytes->end(), out.Data());
        return out;
      });
}

// (region, tensor, root) → the whole tensor in that process, nothing in others; all call it
Napi::Value TrainerObject::gatherTensor(const Napi::CallbackInfo& info) {
  Trainer& trainer = open(info.Env());
  const bool origin = info[0].ToString().Utf8Value() == "origins";
  const auto tensor = static_cast<std::size_t>(info[1].ToNumber().Int64Value());
  const int root = info[2].ToNumber().Int32Value();
  auto bytes = std::make_shared<std::vector<unsigned char>>();
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, &trainer, origin, tensor, root, bytes] {
        if (shared_) {
          *bytes = origin ? shared_->gatherOrigin(tensor, root) : shared_->gatherParameters(tensor, root);
          return;
        }
        const auto read = [&](const auto& t, const float* all) {
          bytes->resize(static_cast<std::size_t>(t.size()) * sizeof(float));
          trainer.device().copyOut(bytes->data(), all + t.offset, bytes->size());
        };
        if (origin) read(trainer.trained().origins.at(tensor), trainer.origins().data());
        else read(trainer.trained().tensors.at(tensor), trainer.parametersAsTheyAre().data());
        if (const char* why = trainer.device().failure()) throw std::runtime_error(why);
      },
      [bytes](Napi::Env env) -> Napi::Value {
        Napi::Float32Array out = Napi::Float32Array::New(env, bytes->size() / sizeof(float));
        std::memcpy(out.Data(), bytes->data(), bytes->size());
        return out;
      });
}

// What was begun with or read is there, and everybody's trained numbers become those of process 0. → { gradients, blocks }: what GPUs exchange them by, or null
Napi::Value TrainerObject::shareParameters(const Napi::CallbackInfo& info) {
  Trainer& trainer = open(info.Env());
  return driver_->submit(
      info.This().As<Napi::Object>(),
      [this, &trainer] {
        if (shared_) shared_->shareParameters();
        // Of numbers that the device has not taken there is no step, nor a checkpoint.
        requireWorking(trainer.device());
      },
      [this](Napi::Env env) -> Napi::Value {
        const auto name = [&](const char* library) { return library == nullptr ? env.Null() : Napi::Value(Napi::String::New(env, library)); };
        Napi::Object libraries = Napi::Object::New(env);
        libraries.Set("gradients", name(shared_ ? shared_->library() : nullptr));
        libraries.Set("blocks", name(shared_ ? shared_->libraryOfBlocks() : nullptr));
        return libraries;
      });
}

namespace {

template <class Number>
std::span<Number> region(const Napi::CallbackInfo& info, std::span<Number> all) {
  const auto offset = static_cast<std::size_t>(info[1].ToNumber().Int64Value());
  const std::size_t count = info[2].IsTypedArray() ? info[2].As<Napi::TypedArray>().ElementLength() : static_cast<std::size_t>(info[2].ToNumber().Int64Value());
  if (offset > all.size() || count > all.size() - offset) throw Napi::RangeError::New(info.Env(), "the range lies outside the trained numbers");
  return all.subspan(offset, count);
}

}  // namespace

// What was read of a device that had failed is nothing.
void TrainerObject::requireDevice(Napi::Env env) {
  if (const char* why = trainer_->device().failure()) throw Napi::Error::New(env, why);
}

// The caller waits for pending work before it reads or writes.
// read(which, offset, count) → Float32Array
Napi::Value TrainerObject::read(const Napi::CallbackInfo& info) {
  Trainer& trainer = open(info.Env());
  const std::string which = info[0].ToString().Utf8Value();
  const std::span<const float> from =
      region<const float>(info, which == "gradients" ? trainer.gradients() : which == "origins" ? trainer.origins() : trainer.parametersAsTheyAre());
  Napi::Float32Array out = Napi::Float32Array::New(info.Env(), from.size());
  trainer_->device().copyOut(out.Data(), from.data(), from.size_bytes());
  requireDevice(info.Env());
  return out;
}

// write(which, offset, Float32Array)
void TrainerObject::write(const Napi::CallbackInfo& info) {
  const Napi::Float32Array from = floats(info[2]);
  Trainer& trainer = open(info.Env());
  const std::string which = info[0].ToString().Utf8Value();
  const std::span<float> to = region(info, which == "gradients" ? trainer.gradients() : which == "origins" ? trainer.origins() : trainer.parameters());
  trainer_->device().copyIn(to.data(), from.Data(), to.size_bytes());
  guarded(info.Env(), [&] { requireWorking(trainer_->device()); });
}

std::span<unsigned char> TrainerObject::stateRegion(const Napi::CallbackInfo& info, std::size_t count) {
  const std::span<unsigned char> all = open(info.Env()).state();
  const auto offset = static_cast<std::size_t>(info[0].ToNumber().Int64Value());
  if (offset > all.size() || count > all.size() - offset) throw Napi::RangeError::New(info.Env(), "the range lies outside the optimiser's state");
  return all.subspan(offset, count);
}

// readState(offset, bytes) → Uint8Array
Napi::Value TrainerObject::readState(const Napi::CallbackInfo& info) {
  const std::span<unsigned char> from = stateRegion(info, static_cast<std::size_t>(info[1].ToNumber().Int64Value()));
  Napi::Uint8Array out = Napi::Uint8Array::New(info.Env(), from.size());
  trainer_->device().copyOut(out.Data(), from.data(), from.size());
  requireDevice(info.Env());
  return out;
}

// writeState(offset, Uint8Array)
void TrainerObject::writeState(const Napi::CallbackInfo& info) {
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    throw Napi::TypeError::New(info.Env(), "a Uint8Array is expected");
  const auto from = info[1].As<Napi::Uint8Array>();
  const std::span<unsigned char> to = stateRegion(info, from.ElementLength());
  trainer_->device().copyIn(to.data(), from.Data(), to.size());
}

namespace {

// What a tensor begins with, by the places of its numbers in the whole of it.
struct Beginning {
  std::string kind;
  double size;
  std::uint64_t seed;
  std::uint32_t stream;

  // Numbers [first, last).
  void draw(std::size_t first, std::size_t last, float* to) const {
    constexpr std::uint32_t purpose = 1;  // core's purposes.initialise
    for (std::size_t i = first / 2 * 2; i < last; i += 2) {
      std::uint32_t word[4];
      philox(i / 2, stream, purpose, seed, word);
      // Box–Muller gives a pair; uniform takes the words as they are.
      const double u = (word[0] + 1.0) / 4294967296.0, v = word[1] / 4294967296.0;
      const double radius = std::sqrt(-2 * std::log(u)), angle = 6.283185307179586 * v;
      const double pair[2] = {kind == "normal" ? radius * std::cos(angle) : kind == "ones" ? 1.0 : 2 * u - 1,
                              kind == "normal" ? radius * std::sin(angle) : kind == "ones" ? 1.0 : 2 * v - 1};
      for (std::size_t j = 0; j < 2; ++j)
        if (i + j >= first && i + j < last) to[i + j - first] = static_cast<float>(pair[j] * size);
    }
  }
};

}  // namespace

// initialise(tensor, { kind: 'normal' | 'uniform' | 'ones', size, seed, stream })
void TrainerObject::initialise(const Napi::CallbackInfo& info) {
  Trainer& trainer = open(info.Env());
  const auto index = static_cast<std::size_t>(info[0].ToNumber().Int64Value());
  if (index >= trainer.trained().tensors.size()) throw Napi::RangeError::New(info.Env(), "there is no such tensor");
  const TrainedTensor& tensor = trainer.trained().tensors[index];
  const Napi::Object o = info[1].As<Napi::Object>();
  const Beginning beginning{text(o, "kind"), number(o, "size"), static_cast<std::uint64_t>(number(o, "seed")), static_cast<std::uint32_t>(number(o, "stream"))};
  // Of a part of the columns row by row; else everything lies together.
  const TensorPart& part = tensor.part;
  const bool together = part.columns == part.wholeColumns;
  const auto length = static_cast<std::size_t>(together ? tensor.size() : part.columns);
  std::vector<float> made(static_cast<std::size_t>(tensor.size()));
  constexpr std::size_t atOnce = 4096;
  const std::size_t tasks = (length + atOnce - 1) / atOnce;
  pool_->run(static_cast<std::int64_t>(tasks * (made.size() / length)), [&](std::int64_t task, int) {
    const std::size_t row = static_cast<std::size_t>(task) / tasks, begin = static_cast<std::size_t>(task) % tasks * atOnce;
    const std::size_t first = static_cast<std::size_t>((part.firstRow + static_cast<std::int64_t>(row)) * part.wholeColumns + part.firstColumn) + begin;
    beginning.draw(first, first + std::min(atOnce, length - begin), made.data() + row * length + begin);
  });
  trainer.device().copyIn(trainer.parameters().data() + tensor.offset, made.data(), made.size() * sizeof(float));
}

void TrainerObject::startMagnitudes(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { open(info.Env()).startMagnitudes(); });
}
// → whether it came to its end
Napi::Value TrainerObject::startPrincipal(const Napi::CallbackInfo& info) {
  Trainer& trainer = open(info.Env());
  auto finished = std::make_shared<bool>(false);
  return driver_->submit(
      info.This().As<Napi::Object>(), [this, &trainer, finished] { *finished = trainer.startPrincipal(abort_); },
      [finished](Napi::Env env) { return Napi::Boolean::New(env, *finished); });
}

// What PiSSA's adapters began as: [{ role, module, rows, columns, offset }] of the region "origins".
Napi::Value TrainerObject::origins(const Napi::CallbackInfo& info) {
  const Trainer& trainer = open(info.Env());
  Napi::Array list = Napi::Array::New(info.Env());
  for (const OriginTensor& t : trainer.trained().origins) {
    Napi::Object o = Napi::Object::New(info.Env());
    o.Set("role", roleNames[static_cast<int>(t.id.role)]);
    o.Set("module", moduleName(t.id.layer, t.id.module));
    o.Set("rows", static_cast<double>(t.rows));
    o.Set("columns", static_cast<double>(t.columns));
    o.Set("offset", static_cast<double>(t.offset));
    o.Set("whole", toWhole(info.Env(), t.part));
    list.Set(list.Length(), o);
  }
  return list;
}

void TrainerObject::zeroGradients(const Napi::CallbackInfo& info) { open(info.Env()).zeroGradients(); }
void TrainerObject::setAbort(const Napi::CallbackInfo& info) { abort_.store(info[0].ToBoolean()); }
void TrainerObject::close(const Napi::CallbackInfo&) { shut(); }

void TrainerObject::shut() {
  abort_.store(true);
  driver_.reset();
  shared_.reset();
  trainer_.reset();
  pool_.reset();
  model_.reset();
}

}  // namespace qt
