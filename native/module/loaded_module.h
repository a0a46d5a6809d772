// A loaded TorchScript module: load, inspect, run, quantize, save. It uses nothing of Node.
#pragma once

#include <torch/script.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "archive/archive_reader.h"
#include "graph/program.h"
#include "graph/written.h"
#include "module/quantize.h"
#include "runtime/memory_budget.h"
#include "system/fair_mutex.h"

namespace e2v {

class LoadedModule {
 public:
  // Loads an archive, or returns the module of the same file that another caller in any JavaScript thread still holds:
  // weights exist once per process. `precision` is auto (precision.h describes it), fp32, bf16 or int8, or on CUDA
  // fp16. `progress` is updated while the archive is read. `budget` limits the memory of the CPU that the module and
  // the runs of this caller may take, or is null; the weights count towards it for its whole lifetime. Throws
  // CodedError ERR_FILE_NOT_FOUND, ERR_MODEL_LOAD, ERR_OUT_OF_MEMORY, ERR_PRECISION_UNSUPPORTED or ERR_QUANTIZE.
  static std::shared_ptr<LoadedModule> open(const std::string& path, const c10::Device& device,
                                            const std::string& precision, std::shared_ptr<LoadProgress> progress,
                                            const std::shared_ptr<MemoryBudget>& budget);
  ~LoadedModule();
  LoadedModule(const LoadedModule&) = delete;
  LoadedModule& operator=(const LoadedModule&) = delete;

  // Returns the same module with its linear layers in `format` (quantize.h). `module` is reset first: if the caller was
  // its only owner, its weights are freed one by one as they are quantized. If this throws, `module` is unchanged,
  // unless memory ran out. Waits for runs of the module.
  static std::shared_ptr<LoadedModule> quantize(std::shared_ptr<LoadedModule>& module, WeightFormat format,
                                                QuantizeReport& report);

  // The format that linear layers compute in: fp32, bf16, fp16 or int8.
  const std::string& precision() const { return precision_; }
  const c10::Device& device() const { return device_; }

  // Returns the schema of a method, without self. Throws CodedError ERR_MODEL_RUN if there is no such method. Safe to
  // call from any thread.
  const c10::FunctionSchema& schema(const std::string& method) const;
  std::vector<std::string> methods() const;

  // The extra files of the archive: name -> content.
  const std::map<std::string, std::string>& extra_files() const { return extra_files_; }

  // Whether a run of the method may change the module. A module that has several owners must not run such a method:
  // with_own_state() serves for that. Throws CodedError ERR_MODEL_RUN if libtorch cannot run the method.
  bool changes(const std::string& method);
  // Returns the same module with a state of its own (state.h) for one owner. It shares the weights of `module`.
  static std::shared_ptr<LoadedModule> with_own_state(const std::shared_ptr<LoadedModule>& module);
  bool has_own_state() const { return origin_ != nullptr; }

  // Runs a method in InferenceMode with `threads` intra-op threads. The result is as to_host() returns it. If it is a
  // tuple and `keep` is not empty, the elements that `keep` does not list become None and are not copied. Throws
  // CodedError ERR_MODEL_RUN; or ERR_OUT_OF_MEMORY, after which no memory of the run is cached. Safe to call from any
  // thread: methods that do not change the module run at the same time. Any other method, and the first call of a
  // method, has the module to itself.
  c10::IValue run(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                  int threads, const std::shared_ptr<MemoryBudget>& budget);

  // Writes the module and its extra files, with `extra_files` added. The file is written under a temporary name and
  // renamed once libtorch has loaded it (if possible without its weights). Waits for runs of the module. Throws
  // CodedError ERR_FILE_WRITE; or ERR_QUANTIZE if quantization left a module that cannot be written.
  void save(const std::string& path, const std::map<std::string, std::string>& extra_files);

 private:
  LoadedModule(torch::jit::Module module, const c10::Device& device, std::string precision,
               std::map<std::string, std::string> extra_files);

  static std::shared_ptr<LoadedModule> load(const std::string& path, const c10::Device& device,
                                            const std::string& precision, std::shared_ptr<LoadProgress> progress,
                                            const std::shared_ptr<MemoryBudget>& budget);

  c10::IValue run_unguarded(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                            int threads);

  // All of these require access_ to be held; exclusively, if they change the module.
  bool uses_program(const std::string& method) const { return method == "forward" && device_.is_cpu(); }
  bool is_ready(const std::string& method) const;  // whether the method can run beside others without preparation
  const Written& written(const std::string& method);
  void prepare(const std::string& method);
  void make_fast();   // makes forward_ the program of forward, if there is one
  void make_plain();  // restores the weights of the program
  c10::IValue execute(const std::string& method, std::vector<c10::IValue> inputs,
                      const std::vector<size_t>& keep) const;

  torch::jit::Module module_;
  c10::Device device_;
  std::string precision_;
  std::map<std::string, std::string> extra_files_;
  std::map<std::string, c10::FunctionSchema> schemas_;

  FairSharedMutex access_;
  // The faster program of forward, from the first call of forward until another use of the module requires its own
  // weights.
  std::optional<Program> forward_;
  bool plain_ = false;                     // forward has no faster program
  std::map<std::string, Written> writes_;  // what the methods that were analyzed may change
  // Set if this module has a state of its own: keeps the weights where open() finds them.
  std::shared_ptr<LoadedModule> origin_;
  bool quantized_ = false;  // by quantize(), and not in the archive
};

}  // namespace e2v
