#!/bin/sh
# Tests the addon under AddressSanitizer and LeakSanitizer: builds it in a separate folder and runs the tests that use it most.
# Node itself is not built with the sanitizers: their runtime is loaded first, and only leaks in which the addon is involved count.
# (Node frees neither externals when it ends nor the promises of a worker that is terminated.)
set -eu
cd "$(dirname "$0")/.."
out=build/asan # node-gyp-build looks for the addon there
libtorch=$(node -e "console.log(require('./dist/libtorch/locate.js').locateLibtorch().root)")
CXXFLAGS='-fsanitize=address -fno-omit-frame-pointer -g1' npx cmake-js compile --directory="$PWD" --out="$PWD/$out/build" \
  --config=Release --parallel=2 --CDLIBTORCH="$libtorch"

cat >"$out/leaks.supp" <<'SUPPRESSIONS'
leak:node::
leak:napi_create_external
leak:napi_create_promise
leak:v8::
leak:libtorch_cpu
leak:libc10
leak:libgomp
SUPPRESSIONS
# Freed memory stays in the quarantine of AddressSanitizer, so that assertions about memory do not hold.
runtime=$(${CXX:-g++} -print-file-name=libasan.so)
for test in torch/torch-module torch/quantize-calls recognition/recognizer recognition/lifecycle process/worker-threads; do
  name=${test##*/}
  log=$out/$name.log
  if EMOTION2VEC_NODE_PREBUILD="$PWD/$out" LD_PRELOAD="$runtime $(${CXX:-g++} -print-file-name=libstdc++.so.6)" \
    ASAN_OPTIONS=detect_leaks=1:detect_odr_violation=0:allocator_may_return_null=1:log_path="$PWD/$out/$name.report" \
    LSAN_OPTIONS="suppressions=$PWD/$out/leaks.supp:print_suppressions=0" \
    npx mocha --no-config --timeout 600000 --invert --fgrep "one set of weights" "build/test/test/$test.test.js" >"$log" 2>&1; then
    echo "ok      $name"
  else
    echo "FAILED  $name, see $log and $out/$name.report.*"
    failed=1
  fi
done
exit ${failed:-0}
