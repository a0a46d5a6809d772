// A TorchScript module: load, look up, run, save. No Node in here.
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
  // Loads an archive, or hands out the copy of the same file that some other caller, in whichever JavaScript thread,
  // still holds: weights exist once per process. `precision` is auto (precision.h says what that is), fp32, bf16 or
  // int8 (fp16 too on CUDA). `progress` is told of the archive as it is read. `budget` is what this caller's module and
  // its runs may take of the CPU's memory, or null; its weights count towards it as long as it lives. Throws CodedError
  // ERR_MODEL_LOAD, ERR_OUT_OF_MEMORY, ERR_PRECISION_UNSUPPORTED or ERR_QUANTIZE.
  static std::shared_ptr<LoadedModule> open(const std::string& path, const c10::Device& device,
                                            const std::string& precision, std::shared_ptr<LoadProgress> progress,
                                            const std::shared_ptr<MemoryBudget>& budget);
  ~LoadedModule();
  LoadedModule(const LoadedModule&) = delete;
  LoadedModule& operator=(const LoadedModule&) = delete;

  // The same module with its linear layers in `format` (compress.h). `module` is reset, so that where nobody else holds
  // it its weights go one by one as the smaller ones come; unless this throws: then it is as it was, short of running
  // out of memory. Waits for runs of the module.
  static std::shared_ptr<LoadedModule> quantize(std::shared_ptr<LoadedModule>& module, WeightFormat format,
                                                QuantizeReport& report);

  // What linear layers compute in: fp32, bf16, fp16 or int8.
  const std::string& precision() const { return precision_; }
  const c10::Device& device() const { return device_; }

  // The method's schema, without self. Throws CodedError ERR_MODEL_RUN when there is no such method.
  // Safe from any thread.
  const c10::FunctionSchema& schema(const std::string& method) const;
  std::vector<std::string> methods() const;

  // The archive's extra files: name -> content.
  const std::map<std::string, std::string>& extra_files() const { return extra_files_; }

  // Whether a run of the method may leave another module behind. One that several have must not run it:
  // with_own_state() is for that.
  bool changes(const std::string& method);
  // The same module with a state of its own (state.h), for one owner. The weights are this one's.
  static std::shared_ptr<LoadedModule> with_own_state(const std::shared_ptr<LoadedModule>& module);
  bool has_own_state() const { return origin_ != nullptr; }

  // Runs a method in InferenceMode with `threads` intra-op threads. The result is as to_host() makes it;
  // where the result is a tuple and `keep` is not empty, elements that it does not list become None, uncopied.
  // Throws CodedError ERR_MODEL_RUN, or ERR_OUT_OF_MEMORY, after which nothing is kept of what the run had. From any
  // thread: methods that do not change the module run at
  // the same time, each other one, and the first call of a method, has the module to itself.
  c10::IValue run(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                  int threads, const std::shared_ptr<MemoryBudget>& budget);

  // Writes the module and its extra files, `extra_files` added to them. Atomic: aside first, then renamed, once
  // libtorch has loaded what was written (its weights apart). Waits for runs of the module. Throws CodedError
  // ERR_FILE_WRITE; ERR_QUANTIZE where it is quantising that left a module which cannot be written.
  void save(const std::string& path, const std::map<std::string, std::string>& extra_files);

 private:
  LoadedModule(torch::jit::Module module, const c10::Device& device, std::string precision,
               std::map<std::string, std::string> extra_files);

  static std::shared_ptr<LoadedModule> load(const std::string& path, const c10::Device& device,
                                            const std::string& precision, std::shared_ptr<LoadProgress> progress,
                                            const std::shared_ptr<MemoryBudget>& budget);

  c10::IValue run_here(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                       int threads);

  // All of these with access_ held; what changes the module, by this caller alone.
  bool wants_program(const std::string& method) const { return method == "forward" && device_.is_cpu(); }
  bool ready(const std::string& method) const;  // whether the method may run beside others at once
  const Written& written(const std::string& method);
  void prepare(const std::string& method);
  void make_fast();   // forward's program, if it has one, is in forward_ from now on
  void make_plain();  // gives the program's weights back
  c10::IValue execute(const std::string& method, std::vector<c10::IValue> inputs,
                      const std::vector<size_t>& keep) const;

  torch::jit::Module module_;
  c10::Device device_;
  std::string precision_;
  std::map<std::string, std::string> extra_files_;
  std::map<std::string, c10::FunctionSchema> schemas_;

  FairSharedMutex access_;
  // forward's faster program, from the first call of forward until something else is asked of the module.
  std::optional<Program> forward_;
  bool plain_ = false;                     // forward has no faster program
  std::map<std::string, Written> writes_;  // methods that were asked about -> what they may change
  std::shared_ptr<LoadedModule>
      origin_;              // of a module with a state of its own: keeps the weights where others find them
  bool quantized_ = false;  // here, and not found so in the archive
};

}  // namespace e2v
