// The error for a file that is not what was written.
#pragma once

#include <string>

#include "system/error.h"

namespace e2v {

// `what` is a clause that says where the archive is damaged.
inline CodedError damaged_archive(const std::string& what) {
  return {"ERR_MODEL_LOAD", "The archive is damaged: " + what, "damaged-archive"};
}

}  // namespace e2v
