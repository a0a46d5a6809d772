// What one JavaScript environment (the main thread or a worker_thread) has of the addon, and how work that runs on the
// native queues comes back to it as a settled promise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "error.h"
#include "napi_setup.h"
#include "task_queue.h"

namespace e2v {

class Environment {
 public:
  // Makes the promise's value. Runs on the JavaScript thread; may throw Napi::Error.
  using Settle = std::function<Napi::Value(Napi::Env)>;
  // Runs on the queue's thread; throws CodedError. Must not touch anything of Node's.
  using Work = std::function<Settle()>;

  explicit Environment(Napi::Env env);

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // A promise for `work`, run on `queue`. It keeps the process alive until it settles.
  Napi::Promise run(Napi::Env env, TaskQueue& queue, Work work);

  Napi::FunctionReference module_constructor;

 private:
  struct Outcome {
    uint64_t id;
    Settle settle;
    std::optional<CodedError> error;
  };
  static void on_outcome(Napi::Env env, Napi::Function, Environment* self, Outcome* outcome);
  using Channel = Napi::TypedThreadSafeFunction<Environment, Outcome, on_outcome>;

  // Shared with every task in flight: the environment may be gone (a terminated worker) when a task ends.
  struct Mailbox {
    std::mutex mutex;
    bool open = true;
    Channel channel;
    void post(std::unique_ptr<Outcome> outcome);
    void close();
  };

  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::unordered_map<uint64_t, Napi::Promise::Deferred> pending_;
  uint64_t next_id_ = 0;
};

// A JavaScript Error with `code`.
Napi::Error to_js_error(Napi::Env env, const CodedError& error);

}  // namespace e2v
