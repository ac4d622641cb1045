#include "file-run.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <thread>

#include "convert.hpp"

namespace qt {
namespace {

struct FileRun {
  FileJob job;
  const EncoderTable* table;
  Napi::Promise::Deferred finished;
  std::atomic<bool> abort{false};
  Napi::ThreadSafeFunction events;
  std::thread thread;

  FileRun(FileJob&& wanted, const EncoderTable& encoders, Napi::Env env)
      : job(std::move(wanted)), table(&encoders), finished(Napi::Promise::Deferred::New(env)) {}

  void work() {
    Outcome outcome;
    std::string error;
    try {
      outcome = quantizeFile(job, *table, abort, [this](std::size_t tensor) {
        events.NonBlockingCall([tensor](Napi::Env env, Napi::Function onTensor) {
          if (static_cast<napi_env>(env) != nullptr) onTensor.Call({Napi::Number::New(env, static_cast<double>(tensor))});
        });
      });
    } catch (const std::exception& e) {
      error = e.what();
    }
    events.NonBlockingCall([this, outcome, error](Napi::Env env, Napi::Function) {
      if (static_cast<napi_env>(env) == nullptr) return;
      if (error.empty()) finished.Resolve(fromOutcome(env, outcome));
      else finished.Reject(Napi::Error::New(env, error).Value());
    });
    events.Release();
  }
};

}  // namespace

Napi::Value startFile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto run = std::make_shared<FileRun>(toFileJob(info[0].As<Napi::Object>()), toEncoders(info[2]), env);
  // The last reference goes when both JavaScript has forgotten stop() and the thread has ended, also when Node shuts down in between.
  auto* held = new std::shared_ptr<FileRun>(run);
  run->events = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "qt quantise", 0, 1, [held](Napi::Env) {
    const std::unique_ptr<std::shared_ptr<FileRun>> last(held);
    (*last)->abort.store(true);
    if ((*last)->thread.joinable()) (*last)->thread.join();
  });
  run->thread = std::thread([raw = run.get()] { raw->work(); });
  Napi::Object out = Napi::Object::New(env);
  out.Set("finished", run->finished.Promise());
  out.Set("stop", Napi::Function::New(env, [run](const Napi::CallbackInfo&) { run->abort.store(true); }));
  return out;
}

}  // namespace qt
