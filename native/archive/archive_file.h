// Reading of a whole TorchScript archive, and the check of one that was just written.
#pragma once

#include <torch/script.h>

#include <memory>
#include <string>

#include "archive/archive_reader.h"

namespace e2v {

struct ArchiveContent {
  torch::jit::Module module;
  torch::jit::ExtraFilesMap extra_files;  // all that the archive has: name -> content
};

// Throws what libtorch throws, and CodedError ERR_MODEL_LOAD if the archive is damaged.
ArchiveContent read_archive(const std::shared_ptr<ArchiveReader>& archive, const c10::Device& device);

// Checks that libtorch loads an archive. Throws CodedError with `code`, or ERR_OUT_OF_MEMORY.
void check_loads(const std::string& path, const std::string& code);

}  // namespace e2v
