#!/bin/sh
# Checks native/ and test/fake-cuda/: the order of includes, the format (clang-format) and the style (cpplint). `npm run lint` calls it.
# With --fix, formats the files instead of checking their format. The tools are Python wheels of pinned versions, so that all machines
# agree; the first run installs them in build/lint-venv. Without Python or PyPI, those two checks are skipped with a message.
set -u
cd "$(dirname "$0")/.."
venv=build/lint-venv
clang_format=19.1.7
cpplint=2.0.2
status=0

node scripts/check-native-includes.js || status=1

installed=$(cat "$venv/versions" 2>/dev/null)
if [ "$installed" != "$clang_format $cpplint" ]; then
  if ! command -v python3 >/dev/null; then
    echo 'skipped clang-format and cpplint: python3 was not found'
    exit $status
  fi
  if ! { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check \
    "clang-format==$clang_format" "cpplint==$cpplint"; } >"${TMPDIR:-/tmp}/lint-venv.$$.log" 2>&1; then
    echo "skipped clang-format and cpplint: they could not be installed ($(tail -n 1 "${TMPDIR:-/tmp}/lint-venv.$$.log"))"
    rm -f "${TMPDIR:-/tmp}/lint-venv.$$.log"
    exit $status
  fi
  rm -f "${TMPDIR:-/tmp}/lint-venv.$$.log"
  echo "$clang_format $cpplint" >"$venv/versions"
fi

sources=$(find native test/fake-cuda -name '*.cc' -o -name '*.h' -o -name '*.c' | sort)
# shellcheck disable=SC2086
if [ "${1:-}" = --fix ]; then
  "$venv/bin/clang-format" -i $sources || status=1
else
  "$venv/bin/clang-format" --dry-run --Werror $sources || status=1
fi
"$venv/bin/cpplint" --quiet --recursive native || status=1
exit $status
