#!/bin/sh
# The addon under AddressSanitizer and LeakSanitizer: builds it in a folder of its own and runs the tests that use it most. Node
# itself is not built with them: the runtime is loaded first, and of leaks only those count in which the addon has a part (Node
# frees no external when it ends, and no promise of a worker that is terminated).
set -eu
cd "$(dirname "$0")/.."
out=build/asan # node-gyp-build is sent there
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
# Freed memory stays in AddressSanitizer's quarantine: what a test says of memory does not hold here.
runtime=$(${CXX:-g++} -print-file-name=libasan.so)
for name in torch recognizer lifecycle worker-threads quantize-calls; do
  log=$out/$name.log
  if EMOTION2VEC_NODE_PREBUILD="$PWD/$out" LD_PRELOAD="$runtime $(${CXX:-g++} -print-file-name=libstdc++.so.6)" \
    ASAN_OPTIONS=detect_leaks=1:detect_odr_violation=0:allocator_may_return_null=1:log_path="$PWD/$out/$name.report" \
    LSAN_OPTIONS="suppressions=$PWD/$out/leaks.supp:print_suppressions=0" \
    npx mocha --no-config --timeout 600000 --invert --fgrep "one set of weights" "build/test/test/$name.test.js" >"$log" 2>&1; then
    echo "ok      $name"
  else
    echo "FAILED  $name, see $log and $out/$name.report.*"
    failed=1
  fi
done
exit ${failed:-0}
