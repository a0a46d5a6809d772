// Tests the memory that control groups leave, on temporary folders.
#include "system/memory.h"

#include <string>

#include "test/cgroup_root.h"
#include "test/check.h"

namespace {

using e2v::left_in_cgroups;
using e2v::limit_of_cgroups;

constexpr int64_t MB = 1'000'000;

void v2() {
  const CgroupRoot none;
  CHECK(left_in_cgroups(none.folder(), "0::/\n") == std::nullopt);
  CHECK(limit_of_cgroups(none.folder(), "") == std::nullopt);

  const CgroupRoot root;
  root.write("job/memory.max", "500000000");
  root.write("job/memory.current", "200000000");
  root.write("job/memory.stat",
             "anon 120000000\nfile 80000000\ninactive_file 50000000\nactive_file 30000000\nfile_mapped 10000000");
  root.write("job/inner/memory.max", "max");
  root.write("job/inner/memory.current", "1000000");
  root.write("full/memory.max", "100000000");
  root.write("full/memory.current", "130000000");
  CHECK(left_in_cgroups(root.folder(), "0::/job\n") == 370 * MB);  // files that are not mapped do not count
  CHECK(left_in_cgroups(root.folder(), "0::/job/inner\n") == 370 * MB);
  CHECK(limit_of_cgroups(root.folder(), "0::/job/inner\n") == 500 * MB);
  CHECK(left_in_cgroups(root.folder(), "0::/full\n") == 0);
  CHECK(left_in_cgroups(root.folder(), "0::/\n") == std::nullopt);

  const CgroupRoot container;
  container.write("memory.max", "300000000");
  container.write("memory.current", "100000000");
  CHECK(left_in_cgroups(container.folder(), "0::/system.slice/docker-1.scope\n") == 200 * MB);
  CHECK(limit_of_cgroups(container.folder(), "") == 300 * MB);
}

void v1() {
  const CgroupRoot root;
  root.write("memory/memory.limit_in_bytes", "9223372036854771712");  // no limit
  root.write("memory/memory.usage_in_bytes", "5000000000");
  root.write("memory/docker/a/memory.limit_in_bytes", "400000000");
  root.write("memory/docker/a/memory.usage_in_bytes", "250000000");
  root.write("memory/docker/a/memory.stat",
             "cache 90000000\ninactive_file 1\ntotal_inactive_file 60000000\ntotal_mapped_file 70000000");
  CHECK(left_in_cgroups(root.folder(), "9:memory:/\n") == std::nullopt);
  CHECK(left_in_cgroups(root.folder(), "9:memory:/docker/a\n0::/\n") == 210 * MB);
  CHECK(limit_of_cgroups(root.folder(), "9:memory:/docker/a\n") == 400 * MB);
}

}  // namespace

int main() {
  v2();
  v1();
  CHECK(e2v::available_memory() > 0);
  CHECK(e2v::allocatable_memory() >= e2v::available_memory());
  return failures == 0 ? 0 : 1;
}
