// A TorchScript module: load, look up, run, save. No Node in here.
#pragma once

#include <torch/script.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "compress.h"
#include "program.h"

namespace e2v {

class Module {
 public:
  // Loads an archive, or hands out the copy of the same file that some other caller, in whichever JavaScript thread,
  // still holds: weights exist once per process. `precision` is auto (precision.h says what that is), fp32, bf16 or int8.
  // Throws CodedError ERR_MODEL_LOAD, ERR_OUT_OF_MEMORY, ERR_PRECISION_UNSUPPORTED or ERR_QUANTIZE.
  static std::shared_ptr<Module> open(const std::string& path, const c10::Device& device, const std::string& precision);

  // The same module with its linear layers in `format` (compress.h). `module` is reset, so that where nobody else holds it its
  // weights go one by one as the smaller ones come; unless this throws: then it is as it was, short of running out of memory.
  // Belongs on run_queue().
  static std::shared_ptr<Module> quantize(std::shared_ptr<Module>& module, WeightFormat format, CompressReport& report);

  // What linear layers compute in: fp32, bf16, fp16 or int8.
  const std::string& precision() const { return precision_; }

  // The method's schema, without self. Throws CodedError ERR_MODEL_RUN when there is no such method.
  // Safe from any thread.
  const c10::FunctionSchema& schema(const std::string& method) const;
  std::vector<std::string> methods() const;

  // The archive's extra files: name -> content.
  const std::map<std::string, std::string>& extra_files() const { return extra_files_; }

  // Runs a method in InferenceMode with `threads` intra-op threads. The result's tensors are on the CPU and contiguous;
  // where the result is a tuple and `keep` is not empty, elements that it does not list become None, uncopied.
  // Throws CodedError ERR_MODEL_RUN or ERR_OUT_OF_MEMORY. One call at a time: runs belong on run_queue().
  c10::IValue run(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                  int threads);

  // Writes the module and its extra files, `extra_files` added to them. Atomic: aside first, then renamed.
  // Not while a run is under way: saves belong on run_queue() too.
  void save(const std::string& path, const std::map<std::string, std::string>& extra_files);

 private:
  bool make_fast();    // whether forward has a faster program, from now on in forward_
  void make_plain();  // gives the program's weights back

  Module(torch::jit::Module module, const c10::Device& device, std::string precision,
         std::map<std::string, std::string> extra_files);

  torch::jit::Module module_;
  c10::Device device_;
  std::string precision_;
  std::map<std::string, std::string> extra_files_;
  std::map<std::string, c10::FunctionSchema> schemas_;

  // forward's faster program, from the first call of forward until something else is asked of the module.
  std::optional<Program> forward_;
  bool plain_ = false;  // forward has no faster program
};

}  // namespace e2v
