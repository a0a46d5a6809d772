#!/usr/bin/env bash
# usage: scripts/ci.sh fast|slow
# Runs a part of what CI runs and goes on after a failure, so that one run shows all of them. The counts of each mocha run are
# written to $CI_COUNTS/NAME.json, which scripts/ci-counts.js sums up. .ci/run calls both parts.
set -uo pipefail
cd "$(dirname "$0")/.."
part=${1:?usage: scripts/ci.sh fast|slow}
counts=${CI_COUNTS:-build/ci}
mkdir -p "$counts"
status=0

step() {
  local start=$SECONDS
  echo "::: $*"
  "$@" || status=1
  echo "::: $* took $((SECONDS - start)) s"
}

# test NAME: runs `npm run NAME`, which must write its counts.
mocha() {
  local file="$counts/${1//:/-}.json"
  rm -f "$file"
  MOCHA_COUNTS=$file step npm run "$1"
  [ -s "$file" ] || { echo "npm run $1 wrote no counts"; status=1; }
}

case $part in
  fast)
    step npm run lint
    # The README's test command.
    MOCHA_COUNTS=$counts/test.json step npm test
    mocha test:web
    ;;
  slow)
    # The decoders beside ffmpeg, libsndfile and sox: 800 files, three minutes.
    mocha test:oracle
    # Native code that needs no Node, under the thread, address and undefined behavior sanitizers: half a minute.
    step npm run test:native
    # Parsers of untrusted bytes, fuzzed: two minutes in all.
    step npm run fuzz:ci
    # 500 processes that end at random moments, memory over 160,000 calls: about ten minutes.
    mocha test:soak
    # Against FunASR at full size: about 12 minutes on two cores. Skips itself where ../shared/reference is absent.
    mocha test:parity
    # The documentation site, whose build fails on a dead link.
    step npm run docs
    # Generated pages are committed, so that they can be read on GitHub.
    step git diff --exit-code --stat docs/reference
    ;;
  *)
    echo "usage: scripts/ci.sh fast|slow" >&2
    exit 2
    ;;
esac
exit $status
