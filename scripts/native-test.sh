#!/bin/sh
# Builds and runs the tests of native/test, which need neither Node nor libtorch: plain, and under the sanitizers. Prints one line
# for each.
set -u
cd "$(dirname "$0")/.."
out=build/native-test
mkdir -p "$out"
failed=0

# test_program <name> <variant> <sources and flags...>
test_program() {
  name=$1 variant=$2
  shift 2
  program=$out/$name-$variant
  if "${CXX:-g++}" -std=c++20 -O1 -g -Wall -Wextra -pthread -Inative -o "$program" "native/test/$name.cc" "$@" 2>"$program.log" &&
    timeout 600 "$program" >>"$program.log" 2>&1; then
    echo "ok      $name ($variant)"
  else
    echo "FAILED  $name ($variant), see $program.log"
    tail -n 30 "$program.log"
    failed=1
  fi
}

export TSAN_OPTIONS=halt_on_error=0:exitcode=66 ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
for variant in plain thread address; do
  case $variant in
    plain) flags= ;;
    thread) flags=-fsanitize=thread ;;
    address) flags='-fsanitize=address,undefined -fno-sanitize-recover=undefined' ;;
  esac
  # shellcheck disable=SC2086
  test_program task_queue_test $variant native/system/task_queue.cc native/system/cpus.cc native/system/cgroup.cc $flags
  # shellcheck disable=SC2086
  test_program task_queue_stress_test $variant native/system/task_queue.cc native/system/cpus.cc native/system/cgroup.cc $flags
  # shellcheck disable=SC2086
  test_program cpus_test $variant native/system/cpus.cc native/system/cgroup.cc $flags
  # shellcheck disable=SC2086
  test_program memory_test $variant native/system/memory.cc native/system/cgroup.cc $flags
  # shellcheck disable=SC2086
  test_program crc32_test $variant native/archive/crc32.cc $flags
done

# Fuzzes the code that reads the bytes of any file, with libFuzzer of clang, for FUZZ_SECONDS, starting from archives of the tests.
fuzzer=$out/archive_records_fuzz
if clang++ -std=c++20 -O1 -g -Inative -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -o "$fuzzer" \
  native/test/archive_records_fuzz.cc native/archive/archive_records.cc native/archive/crc32.cc 2>"$fuzzer.log"; then
  mkdir -p "$fuzzer.corpus"
  cp test/fixtures/models/stateful.pt test/fixtures/models/no-labels.pt "$fuzzer.corpus"
  if "$fuzzer" -max_total_time="${FUZZ_SECONDS:-15}" -max_len=4096 -rss_limit_mb=1024 -timeout=10 \
    -artifact_prefix="$out/" "$fuzzer.corpus" >>"$fuzzer.log" 2>&1; then
    echo "ok      archive_records_fuzz ($(tail -n 1 "$fuzzer.log"))"
  else
    echo "FAILED  archive_records_fuzz, see $fuzzer.log"
    tail -n 30 "$fuzzer.log"
    failed=1
  fi
else
  echo "skipped archive_records_fuzz: clang++ with libFuzzer was not found"
fi
exit $failed
