#include "module_binding.h"

#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "environment.h"
#include "memory.h"
#include "value.h"

namespace e2v {
namespace {

// The inputs, as the method's schema wants them. Throws a JavaScript error.
std::vector<c10::IValue> read_inputs(const Napi::Array& inputs, const c10::FunctionSchema& schema) {
  const auto& arguments = schema.arguments();  // the first one is self
  if (inputs.Length() > arguments.size() - 1) {
    throw Napi::TypeError::New(inputs.Env(), schema.name() + " takes at most " + std::to_string(arguments.size() - 1) +
                                                 " inputs, got " + std::to_string(inputs.Length()));
  }
  std::vector<c10::IValue> values;
  for (uint32_t i = 0; i < inputs.Length(); ++i) {
    const auto& argument = arguments[i + 1];
    values.push_back(to_ivalue(inputs.Get(i), argument.type(), "input " + argument.name()));
  }
  return values;
}

std::vector<size_t> read_indices(const Napi::Value& value) {
  std::vector<size_t> indices;
  if (value.IsArray()) {
    const Napi::Array array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) {
      indices.push_back(array.Get(i).ToNumber().Uint32Value());
    }
  }
  return indices;
}

// A module and what its owner may take of the memory.
struct Owned {
  std::shared_ptr<Module> module;
  std::shared_ptr<MemoryBudget> budget;  // may be null
};

// What wrap() passes to the constructor.
const Owned& owned(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "A NativeModule comes from load()");
  }
  return *info[0].As<Napi::External<Owned>>().Data();
}

// Gives a reference up. The last one frees hundreds of megabytes: neither on the JavaScript thread nor in the place of
// a run. Two that go at the same time may each find the other one there; then it is freed here, which is slow and not
// wrong.
void give_up(std::shared_ptr<Module> module) {
  if (module == nullptr || module.use_count() > 1) {
    return;
  }
  TaskQueue::Task free = [module = std::move(module)]() mutable {
    module.reset();
    trim_memory();
  };
  try {
    free_queue().push(std::move(free), 1);
  } catch (const std::system_error&) {  // no thread for it
  }
}

// A module that a call which waits its turn holds, and gives up where it is cancelled.
class Held {
 public:
  explicit Held(std::shared_ptr<Module> module) : module_(std::move(module)) {}
  ~Held() { give_up(std::move(module_)); }
  Held(const Held&) = default;
  Held(Held&&) = default;
  Held& operator=(const Held&) = delete;
  Held& operator=(Held&&) = delete;

  Module* operator->() const { return module_.get(); }

 private:
  std::shared_ptr<Module> module_;
};

Napi::Value wrap(Napi::Env env, Owned& module) {
  const auto handle = Napi::External<Owned>::New(env, &module);
  return Environment::of(env).module_constructor.New({handle});
}

}  // namespace

Napi::Function ModuleBinding::define(Napi::Env env) {
  return DefineClass(env, "NativeModule",
                     {
                         InstanceMethod<&ModuleBinding::methods>("methods"),
                         InstanceMethod<&ModuleBinding::extra_file>("extraFile"),
                         InstanceMethod<&ModuleBinding::call>("call"),
                         InstanceMethod<&ModuleBinding::precision>("precision"),
                         InstanceMethod<&ModuleBinding::quantize>("quantize"),
                         InstanceMethod<&ModuleBinding::save>("save"),
                         InstanceMethod<&ModuleBinding::dispose>("dispose"),
                     });
}

ModuleBinding::ModuleBinding(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      module_(owned(info).module),
      budget_(owned(info).budget),
      methods_(module_->methods()),
      extra_files_(module_->extra_files()) {}

ModuleBinding::~ModuleBinding() { release(); }

void ModuleBinding::release() {
  give_up(std::move(module_));
  module_ = nullptr;
}

const std::shared_ptr<Module>& ModuleBinding::module(Napi::Env env) const {
  if (module_ == nullptr) {
    throw to_js_error(env, {"ERR_CLOSED", "The module was disposed"});
  }
  return module_;
}

// methods(): string[]
Napi::Value ModuleBinding::methods(const Napi::CallbackInfo& info) {
  Napi::Array array = Napi::Array::New(info.Env(), methods_.size());
  for (uint32_t i = 0; i < methods_.size(); ++i) {
    array.Set(i, methods_[i]);
  }
  return array;
}

// extraFile(name: string): string | null
Napi::Value ModuleBinding::extra_file(const Napi::CallbackInfo& info) {
  const auto found = extra_files_.find(info[0].As<Napi::String>().Utf8Value());
  return found == extra_files_.end() ? info.Env().Null()
                                     : Napi::String::New(info.Env(), found->second).As<Napi::Value>();
}

// call(method: string, inputs: unknown[], threads: number, keep?: number[], ticket?: object): Promise<unknown>; the
// ticket is as Environment::run has it
Napi::Value ModuleBinding::call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<Module>& model = module(env);
  const std::string method = info[0].As<Napi::String>().Utf8Value();
  std::vector<c10::IValue> inputs;
  try {
    inputs = read_inputs(info[1].As<Napi::Array>(), model->schema(method));
  } catch (const CodedError& error) {
    throw to_js_error(env, error);
  } catch (const c10::Error& error) {  // an allocation of a tensor for the input
    throw to_js_error(env, from_libtorch(error, "ERR_MODEL_RUN"));
  }
  const int threads = info[2].As<Napi::Number>().Int32Value();
  return Environment::of(env).run(
      env, run_queue(), threads,
      [held = Held(model), budget = budget_, method, threads, inputs = std::move(inputs),
       keep = read_indices(info[3])]() mutable {
        auto output = std::make_shared<c10::IValue>(held->run(method, std::move(inputs), keep, threads, budget));
        return [output](Napi::Env settled) { return to_js(settled, *output); };
      },
      info[4]);
}

// save(path: string, extraFiles: Record<string, string>): Promise<void>
Napi::Value ModuleBinding::save(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto given = info[1].As<Napi::Object>();
  std::map<std::string, std::string> extra_files;
  for (const auto& entry : given) {
    const Napi::Value content = entry.second;
    extra_files[entry.first.ToString().Utf8Value()] = content.ToString().Utf8Value();
  }
  TaskQueue& queue = run_queue();  // all of it: bringing back weights that were packed keeps every processor busy
  return Environment::of(env).run(
      env, queue, queue.capacity(),
      [held = Held(module(env)), path = info[0].As<Napi::String>().Utf8Value(), extra_files] {
        held->save(path, extra_files);
        return [](Napi::Env settled) { return settled.Undefined(); };
      });
}

// precision(): string
Napi::Value ModuleBinding::precision(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), module(info.Env())->precision());
}

// quantize(format: "int8" | "bf16"): Promise<{ module: NativeModule, report?: object, error?: { code, message } }>;
// gives this handle up, as dispose() does. Where there is an error, `module` is the one that it was.
Napi::Value ModuleBinding::quantize(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  module(env);
  const auto format =
      info[0].As<Napi::String>().Utf8Value() == "int8" ? WeightFormat::Int8 : WeightFormat::Bf16;
  TaskQueue& queue = run_queue();
  auto work = [format, model = std::exchange(module_, nullptr), budget = budget_]() mutable {
    auto result = std::make_shared<Owned>(nullptr, std::move(budget));
    std::optional<CodedError> failure;
    CompressReport report;
    try {
      result->module = Module::quantize(model, format, report);
      trim_memory();
    } catch (const CodedError& error) {
      if (model == nullptr) {
        throw;
      }
      failure = error;
      result->module = std::move(model);
    }
    return [result, failure, report](Napi::Env settled) -> Napi::Value {
      const auto answer = Napi::Object::New(settled);
      answer.Set("module", wrap(settled, *result));
      if (failure) {
        answer.Set("error", to_js_error(settled, *failure).Value());
        return answer;
      }
      const auto counts = Napi::Object::New(settled);
      counts.Set("layers", static_cast<double>(report.layers));
      counts.Set("kept", static_cast<double>(report.kept));
      counts.Set("parameters", static_cast<double>(report.parameters));
      counts.Set("quantized", static_cast<double>(report.compressed));
      counts.Set("bytesBefore", static_cast<double>(report.bytes_before));
      counts.Set("bytesAfter", static_cast<double>(report.bytes_after));
      answer.Set("report", counts);
      return answer;
    };
  };
  return Environment::of(env).run(env, queue, queue.capacity(), std::move(work));
}

// dispose(): void; calls already made still finish
void ModuleBinding::dispose(const Napi::CallbackInfo&) { release(); }

Napi::Value load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  const c10::Device device(info[1].As<Napi::String>().Utf8Value());
  const std::string precision = info[2].As<Napi::String>().Utf8Value();
  const auto budget =
      info[4].IsNumber() ? std::make_shared<MemoryBudget>(info[4].As<Napi::Number>().Int64Value()) : nullptr;
  const auto progress = std::make_shared<LoadProgress>();
  if (info[3].IsObject()) {
    const auto fraction = [progress](const Napi::CallbackInfo& asked) {
      return Napi::Number::New(asked.Env(), progress->fraction());
    };
    info[3].As<Napi::Object>().Set("fraction", Napi::Function::New(env, fraction, "fraction"));
  }
  return Environment::of(env).run(env, load_queue(), 1, [path, device, precision, progress, budget] {
    auto model = std::make_shared<Owned>(Module::open(path, device, precision, progress, budget), budget);
    trim_memory();
    return [model](Napi::Env settled) { return wrap(settled, *model); };
  });
}

}  // namespace e2v
