// A folder that takes the place of /sys/fs/cgroup.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

// The destructor removes it.
class CgroupRoot {
 public:
  CgroupRoot() {
    std::string name = (std::filesystem::temp_directory_path() / "cgroup_test.XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~CgroupRoot() { std::filesystem::remove_all(folder_); }
  CgroupRoot(const CgroupRoot&) = delete;
  CgroupRoot& operator=(const CgroupRoot&) = delete;

  const std::string& folder() const { return folder_; }

  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = std::filesystem::path(folder_) / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text << '\n';
  }

 private:
  std::string folder_;
};
