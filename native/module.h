// A TorchScript module: load, look up, run, save. No Node in here.
#pragma once

#include <torch/script.h>

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "program.h"

namespace e2v {

class Module {
 public:
  // Loads an archive, or hands out the copy of the same file that some other caller, in whichever JavaScript thread,
  // still holds: weights exist once per process. Throws CodedError ERR_MODEL_LOAD or ERR_OUT_OF_MEMORY.
  static std::shared_ptr<Module> open(const std::string& path, const c10::Device& device);

  // The method's schema, without self. Throws CodedError ERR_MODEL_RUN when there is no such method.
  // Safe from any thread.
  const c10::FunctionSchema& schema(const std::string& method) const;
  std::vector<std::string> methods() const;

  // The content of an extra file, or nullptr when the archive has none of that name.
  const std::string* extra_file(const std::string& name) const;

  // Runs a method in InferenceMode with `threads` intra-op threads. The result's tensors are on the CPU and contiguous;
  // where the result is a tuple and `keep` is not empty, elements that it does not list become None, uncopied.
  // Throws CodedError ERR_MODEL_RUN or ERR_OUT_OF_MEMORY. One call at a time: runs belong on run_queue().
  c10::IValue run(const std::string& method, std::vector<c10::IValue> inputs, const std::vector<size_t>& keep,
                  int threads);

  // Writes the module and its extra files, `extra_files` added to them. Atomic: aside first, then renamed.
  // Not while a run is under way: saves belong on run_queue() too.
  void save(const std::string& path, const std::map<std::string, std::string>& extra_files);

 private:
  c10::IValue run_forward(std::vector<c10::IValue> inputs);
  void make_plain();  // gives the program's weights back

  Module(torch::jit::Module module, const c10::Device& device, std::map<std::string, std::string> extra_files);

  torch::jit::Module module_;
  c10::Device device_;
  std::map<std::string, std::string> extra_files_;
  std::map<std::string, c10::FunctionSchema> schemas_;

  // forward's faster program, from the first call of forward until something else is asked of the module.
  std::optional<Program> forward_;
  bool plain_ = false;  // forward has no faster program
};

}  // namespace e2v
