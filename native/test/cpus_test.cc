// Tests the number of processors that cgroups and OMP_NUM_THREADS leave, on temporary folders.
#include "system/cpus.h"

#include <string>

#include "test/cgroup_root.h"
#include "test/check.h"

namespace {

using e2v::cgroup_cpus;
using e2v::omp_num_threads;

class Root : public CgroupRoot {
 public:
  std::optional<int> cpus(const std::string& membership) const { return cgroup_cpus(folder(), membership); }
};

void v2() {
  const Root none;
  CHECK(none.cpus("") == std::nullopt);
  CHECK(none.cpus("0::/\n") == std::nullopt);
  CHECK(none.cpus("0::/a/b\n") == std::nullopt);
  CHECK(none.cpus("nonsense\n:\n") == std::nullopt);

  const Root root;
  root.write("user.slice/cpu.max", "350000 100000");
  root.write("user.slice/job/cpu.max", "max 100000");
  root.write("user.slice/job/inner/cpu.max", "800000 100000");
  root.write("user.slice/small/cpu.max", "50000 100000");
  root.write("other/cpu.max", "100000 50000");
  root.write("broken/cpu.max", "many few");
  root.write("zero/cpu.max", "100000 0");
  CHECK(root.cpus("0::/user.slice/job/inner\n") == 3);  // the quota of a parent, rounded down
  CHECK(root.cpus("0::/user.slice/job") == 3);
  CHECK(root.cpus("0::/user.slice/small\n") == 1);  // never 0
  CHECK(root.cpus("0::/other\n") == 2);
  CHECK(root.cpus("0::/other/\n") == 2);
  CHECK(root.cpus("0::/other/not/there\n") == 2);
  CHECK(root.cpus("0::/broken\n") == std::nullopt);
  CHECK(root.cpus("0::/zero\n") == std::nullopt);
  CHECK(root.cpus("0::/\n") == std::nullopt);

  const Root container;  // its root is the container's own cgroup, whatever the paths are
  container.write("cpu.max", "200000 100000");
  container.write("inner/cpu.max", "500000 100000");
  CHECK(container.cpus("0::/\n") == 2);
  CHECK(container.cpus("0::/inner\n") == 2);
  CHECK(container.cpus("0::/system.slice/docker-1234.scope\n") == 2);
  CHECK(container.cpus("0::/../outside\n") == 2);
  CHECK(container.cpus("") == 2);
}

void v1() {
  const Root root;
  root.write("cpu/cpu.cfs_quota_us", "-1");
  root.write("cpu/cpu.cfs_period_us", "100000");
  root.write("cpu/docker/cpu.cfs_quota_us", "450000");
  root.write("cpu/docker/cpu.cfs_period_us", "100000");
  root.write("cpu/docker/a/cpu.cfs_quota_us", "-1");
  root.write("cpu/docker/a/cpu.cfs_period_us", "100000");
  CHECK(root.cpus("3:cpu:/docker/a\n2:memory:/x\n0::/\n") == 4);
  CHECK(root.cpus("3:cpu:/\n") == std::nullopt);
  CHECK(root.cpus("3:cpuset:/docker/a\n4:cpuacct:/docker/a\n") == std::nullopt);

  const Root together;
  together.write("cpu,cpuacct/job/cpu.cfs_quota_us", "150000");
  together.write("cpu,cpuacct/job/cpu.cfs_period_us", "50000");
  CHECK(together.cpus("5:cpu,cpuacct:/job\n") == 3);
  CHECK(together.cpus("5:cpuacct,cpu:/job\n") == std::nullopt);  // no folder has that name, nor is there a link "cpu"

  const Root hybrid;
  hybrid.write("cpu/job/cpu.cfs_quota_us", "600000");
  hybrid.write("cpu/job/cpu.cfs_period_us", "100000");
  hybrid.write("unified/job/cpu.max", "500000 100000");
  CHECK(hybrid.cpus("1:cpu:/job\n0::/\n") == 6);
  CHECK(hybrid.cpus("1:cpu:/job\n0::/job\n") == 5);
}

void omp() {
  CHECK(omp_num_threads(nullptr) == std::nullopt);
  CHECK(omp_num_threads("") == std::nullopt);
  CHECK(omp_num_threads("4") == 4);
  CHECK(omp_num_threads(" 4 ") == 4);
  CHECK(omp_num_threads("4,2") == 4);
  CHECK(omp_num_threads("0") == std::nullopt);
  CHECK(omp_num_threads("-3") == std::nullopt);
  CHECK(omp_num_threads("two") == std::nullopt);
  CHECK(omp_num_threads("2x") == std::nullopt);
  CHECK(omp_num_threads("99999999999999") == std::nullopt);
}

}  // namespace

int main() {
  v2();
  v1();
  omp();
  CHECK(e2v::usable_cpus() >= 1);
  CHECK(e2v::usable_cpus() == e2v::usable_cpus());
  return failures == 0 ? 0 : 1;
}
