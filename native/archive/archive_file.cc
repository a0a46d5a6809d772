#include "archive/archive_file.h"

#include <caffe2/serialize/inline_container.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/libtorch_error.h"

namespace e2v {
namespace {

// The names of the extra files, to be filled by torch::jit::load.
torch::jit::ExtraFilesMap list_extra_files(const std::shared_ptr<ArchiveReader>& archive) {
  constexpr std::string_view FOLDER = "extra/";
  torch::jit::ExtraFilesMap files;
  caffe2::serialize::PyTorchStreamReader reader(archive);
  archive->check_compressed(reader);
  for (const std::string& name : reader.getAllRecords()) {
    if (name.starts_with(FOLDER)) {
      files[name.substr(FOLDER.size())] = "";
    }
  }
  return files;
}

}  // namespace

ArchiveContent read_archive(const std::shared_ptr<ArchiveReader>& archive, const c10::Device& device) {
  try {
    torch::jit::ExtraFilesMap extra_files = list_extra_files(archive);
    torch::jit::Module module = torch::jit::load(archive, device, extra_files);
    return {std::move(module), std::move(extra_files)};
  } catch (...) {
    if (const auto damage = archive->damage()) {
      throw *damage;
    }
    throw;
  }
}

void check_loads(const std::string& path, const std::string& code) {
  try {
    try {
      torch::jit::load(path, c10::Device(c10::kMeta));  // without the bytes of the weights
    } catch (const c10::Error&) {
      // libtorch compares tensors that are constants of the code, for which it needs the bytes.
      torch::jit::load(path, c10::Device(c10::kCPU));
    }
  } catch (const std::exception& error) {
    const CodedError reason = from_libtorch(error, code);
    throw CodedError(reason.code(), "libtorch cannot load the written archive. " + std::string(reason.what()));
  }
}

}  // namespace e2v
