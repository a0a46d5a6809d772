#!/bin/sh
# Builds and runs native/test, which needs neither Node nor libtorch: plain, and under the sanitizers. One line for each.
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
  if "${CXX:-g++}" -std=c++20 -O1 -g -Wall -Wextra -pthread -o "$program" "native/test/$name.cc" "$@" 2>"$program.log" &&
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
  test_program task_queue_test $variant native/task_queue.cc native/cpus.cc native/cgroup.cc $flags
  # shellcheck disable=SC2086
  test_program cpus_test $variant native/cpus.cc native/cgroup.cc $flags
  # shellcheck disable=SC2086
  test_program memory_test $variant native/memory.cc native/cgroup.cc $flags
  # shellcheck disable=SC2086
  test_program crc32_test $variant native/crc32.cc $flags
done
exit $failed
