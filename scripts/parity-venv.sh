#!/usr/bin/env bash
# Makes build/parity-venv once: the Python with FunASR that the parity tests compare with (about 6 GB with torch's dependencies).
# Does nothing if EMOTION2VEC_PARITY_PYTHON names such a Python, or if ../shared/reference does not exist.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=build/parity-venv
if [ -n "${EMOTION2VEC_PARITY_PYTHON:-}" ] || [ ! -d ../shared/reference ] || [ -e "$venv/complete" ]; then exit 0; fi
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install -q torch==2.11.0 torchaudio==2.11.0 numpy omegaconf setuptools
"$venv/bin/pip" install -q --no-deps funasr==1.4.16
touch "$venv/complete"
