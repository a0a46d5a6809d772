#include "binding/module_binding.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "binding/environment.h"
#include "binding/value.h"
#include "module/precision.h"
#include "runtime/libtorch_error.h"
#include "system/cpus.h"
#include "system/memory.h"

namespace e2v {
namespace {

// Reads the inputs as the schema of the method requires. Throws a JavaScript error.
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

// An instance, and the memory budget of its owner.
struct Owned {
  std::shared_ptr<Instance> instance;
  std::shared_ptr<MemoryBudget> budget;  // may be null
};

// The argument that wrap() passes to the constructor.
const Owned& owned(const Napi::CallbackInfo& info) {
  if (!info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "A NativeModule is created by load() only");
  }
  return *info[0].As<Napi::External<Owned>>().Data();
}

// Releases a reference. Releasing the last one frees hundreds of megabytes, which must happen neither on the JavaScript
// thread nor in a slot of a run. Two that are released at the same time may each see the other one; then the memory is
// freed here, which is slow but correct.
void release_instance(std::shared_ptr<Instance> instance) noexcept {
  if (instance == nullptr || instance.use_count() > 1 || !instance->is_only_owner()) {
    return;
  }
  try {
    TaskQueue::Task free = [instance = std::move(instance)]() mutable {
      instance.reset();
      trim_memory();
    };
    free_queue().push(std::move(free), 1);
  } catch (...) {  // there is no thread or no memory for the task
  }
}

// The reference of a queued call to its instance, which is released if the call is cancelled.
class Held {
 public:
  explicit Held(std::shared_ptr<Instance> instance) : instance_(std::move(instance)) {}
  ~Held() { release_instance(std::move(instance_)); }
  Held(const Held&) = default;
  Held(Held&&) = default;
  Held& operator=(const Held&) = delete;
  Held& operator=(Held&&) = delete;

  Instance* operator->() const { return instance_.get(); }

 private:
  std::shared_ptr<Instance> instance_;
};

c10::Device read_device(const std::string& name) {
  try {
    const c10::Device device(name);
    if (device.is_cpu() || device.is_cuda()) {
      return device;
    }
  } catch (const c10::Error&) {  // its message lists all device types
  }
  throw CodedError("ERR_DEVICE_UNAVAILABLE", "There is no such device");
}

Napi::Value wrap(Napi::Env env, Owned& owned) {
  const auto handle = Napi::External<Owned>::New(env, &owned);
  return Environment::of(env).module_constructor.New({handle});
}

}  // namespace

Napi::Function ModuleBinding::define(Napi::Env env) {
  return DefineClass(env, "NativeModule",
                     {
                         InstanceMethod<&ModuleBinding::guarded<&ModuleBinding::methods>>("methods"),
                         InstanceMethod<&ModuleBinding::guarded<&ModuleBinding::extra_file>>("extraFile"),
                         InstanceMethod<&ModuleBinding::guarded<&ModuleBinding::call>>("call"),
                         InstanceMethod<&ModuleBinding::guarded<&ModuleBinding::precision>>("precision"),
                         InstanceMethod<&ModuleBinding::guarded<&ModuleBinding::quantize>>("quantize"),
                         InstanceMethod<&ModuleBinding::guarded<&ModuleBinding::save>>("save"),
                         InstanceMethod<&ModuleBinding::guarded<&ModuleBinding::dispose>>("dispose"),
                     });
}

ModuleBinding::ModuleBinding(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      instance_(owned(info).instance),
      budget_(owned(info).budget),
      methods_(instance_->module()->methods()),
      extra_files_(instance_->module()->extra_files()) {}

ModuleBinding::~ModuleBinding() { release(); }

void ModuleBinding::release() {
  release_instance(std::move(instance_));
  instance_ = nullptr;
}

std::shared_ptr<Instance> ModuleBinding::instance() const {
  if (instance_ == nullptr) {
    throw CodedError("ERR_CLOSED", "The module was disposed");
  }
  return instance_;
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

// call(method: string, inputs: unknown[], threads: number, keep?: number[], ticket?: object): Promise<unknown>;
// Environment::run describes the ticket
Napi::Value ModuleBinding::call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  // Held from here on, because reading inputs may run JavaScript that disposes of this object.
  Held held(instance());
  const std::shared_ptr<LoadedModule> model = held->module();
  const std::string method = info[0].As<Napi::String>().Utf8Value();
  std::vector<c10::IValue> inputs = read_inputs(info[1].As<Napi::Array>(), model->schema(method));
  const int threads = std::clamp(info[2].As<Napi::Number>().Int32Value(), 1, usable_cpus());
  return Environment::of(env).run(
      env, run_queue(), threads,
      [held = std::move(held), budget = budget_, method, threads, inputs = std::move(inputs),
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
  TaskQueue& queue = run_queue();  // with its whole capacity, because unpacking weights keeps every processor busy
  return Environment::of(env).run(
      env, queue, queue.capacity(),
      [held = Held(instance()), path = info[0].As<Napi::String>().Utf8Value(), extra_files] {
        held->module()->save(path, extra_files);
        return [](Napi::Env settled) { return settled.Undefined(); };
      });
}

// precision(): string
Napi::Value ModuleBinding::precision(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), instance()->module()->precision());
}

// quantize(format: "int8" | "bf16"): Promise<{ module: NativeModule, report?: object, error?: { code, message } }>;
// releases this handle, as dispose() does. If there is an error, `module` is the unchanged module.
Napi::Value ModuleBinding::quantize(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string precision = info[0].As<Napi::String>().Utf8Value();
  if (precision != "int8" && precision != "bf16") {
    throw CodedError(MISUSE, "The format of quantize() must be int8 or bf16");
  }
  const auto format = precision == "int8" ? WeightFormat::Int8 : WeightFormat::Bf16;
  instance();
  TaskQueue& queue = run_queue();
  auto work = [format, instance = std::exchange(instance_, nullptr), budget = budget_]() mutable {
    auto result = std::make_shared<Owned>(nullptr, std::move(budget));
    std::optional<CodedError> failure;
    QuantizeReport report;
    try {
      Instance::quantize(instance, format, report);
      trim_memory();
    } catch (...) {
      if (instance == nullptr) {
        throw;
      }
      failure = current_error("ERR_QUANTIZE");
    }
    result->instance = std::move(instance);
    return [result, failure, report](Napi::Env settled) -> Napi::Value {
      const auto result_object = Napi::Object::New(settled);
      result_object.Set("module", wrap(settled, *result));
      if (failure) {
        result_object.Set("error", to_js_error(settled, *failure).Value());
        return result_object;
      }
      const auto counts = Napi::Object::New(settled);
      counts.Set("layers", static_cast<double>(report.layers));
      counts.Set("kept", static_cast<double>(report.kept));
      counts.Set("parameters", static_cast<double>(report.parameters));
      counts.Set("quantized", static_cast<double>(report.quantized));
      counts.Set("bytesBefore", static_cast<double>(report.bytes_before));
      counts.Set("bytesAfter", static_cast<double>(report.bytes_after));
      result_object.Set("report", counts);
      return result_object;
    };
  };
  return Environment::of(env).run(env, queue, queue.capacity(), std::move(work));
}

// dispose(): void; calls that were made before still finish
Napi::Value ModuleBinding::dispose(const Napi::CallbackInfo& info) {
  release();
  return info.Env().Undefined();
}

Napi::Value load(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  const c10::Device device = read_device(info[1].As<Napi::String>().Utf8Value());
  const std::string precision = info[2].As<Napi::String>().Utf8Value();
  if (!is_precision(precision)) {
    throw CodedError(MISUSE, "There is no such precision");
  }
  const auto budget =
      info[4].IsNumber() ? std::make_shared<MemoryBudget>(info[4].As<Napi::Number>().Int64Value()) : nullptr;
  const auto progress = std::make_shared<LoadProgress>();
  if (info[3].IsObject()) {
    const auto fraction = [progress](const Napi::CallbackInfo& call) {
      return Napi::Number::New(call.Env(), progress->fraction());
    };
    info[3].As<Napi::Object>().Set("fraction", Napi::Function::New(env, fraction, "fraction"));
  }
  return Environment::of(env).run(env, load_queue(), 1, [path, device, precision, progress, budget] {
    auto model = std::make_shared<Owned>(
        std::make_shared<Instance>(LoadedModule::open(path, device, precision, progress, budget)), budget);
    trim_memory();
    return [model](Napi::Env settled) { return wrap(settled, *model); };
  });
}

}  // namespace e2v
