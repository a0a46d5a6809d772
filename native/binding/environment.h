// What one JavaScript environment (the main thread or a worker_thread) has of the addon, and how work that runs on the
// native queues comes back to it as a settled promise.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "binding/napi_setup.h"
#include "system/error.h"
#include "system/task_queue.h"

namespace e2v {

class Environment {
 public:
  // Makes the promise's value. Runs on the JavaScript thread; may throw Napi::Error, or what Work throws.
  using Settle = std::function<Napi::Value(Napi::Env)>;
  // Runs on a thread of the queue; may throw anything (error.h). Must not touch anything of Node's.
  using Work = std::function<Settle()>;

  explicit Environment(Napi::Env env);

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // A promise for `work`, run on `queue` with `weight` (task_queue.h). It keeps the process alive until it settles.
  // `ticket`, where it is an object, gets `id` at once, for cancel(), and just before the promise settles `waitMs` and
  // `runMs`: how long the work was queued and how long it ran, waiting for a module that was in use included.
  Napi::Promise run(Napi::Env env, TaskQueue& queue, int weight, Work work, Napi::Value ticket = {});

  // True when the work with that ticket's id had not started: its promise rejects with ERR_CANCELLED, and what it held
  // is freed. Where it runs, nobody waits for it any more, and the process may end; its promise rejects in either case.
  bool cancel(Napi::Env env, uint64_t id);

  Napi::FunctionReference module_constructor;

 private:
  struct Pending {
    Napi::Promise::Deferred deferred;
    TaskQueue* queue;
    TaskQueue::Id task;
    Napi::ObjectReference ticket;  // may be empty
  };
  struct Outcome {
    uint64_t id;
    Settle settle;
    std::optional<CodedError> error;
    std::chrono::duration<double, std::milli> waited, ran;
  };
  static void on_outcome(Napi::Env env, Napi::Function, Environment* self, Outcome* outcome);
  using Channel = Napi::TypedThreadSafeFunction<Environment, Outcome, on_outcome>;

  Pending take(Napi::Env env, uint64_t id);
  void leave();

  // Shared with every task in flight: the environment may be gone (a terminated worker) when a task ends.
  struct Mailbox {
    std::mutex mutex;
    bool open = true;
    Channel channel;
    void post(std::unique_ptr<Outcome> outcome);
    void close();
  };

  std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::unordered_map<uint64_t, Pending> pending_;
  uint64_t next_id_ = 1;
};

// A JavaScript Error with `code`.
Napi::Error to_js_error(Napi::Env env, const CodedError& error);

}  // namespace e2v
