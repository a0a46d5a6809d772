#!/usr/bin/env bash
# Makes build/parity-venv, the Python that the parity tests measure against (about 6 GB with what torch brings), once.
# Does nothing where EMOTION2VEC_PARITY_PYTHON names a Python that has it, or without ../shared/reference.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=build/parity-venv
if [ -n "${EMOTION2VEC_PARITY_PYTHON:-}" ] || [ ! -d ../shared/reference ] || [ -e "$venv/complete" ]; then exit 0; fi
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install -q torch==2.11.0 torchaudio==2.11.0 numpy omegaconf setuptools
"$venv/bin/pip" install -q --no-deps funasr==1.4.16
touch "$venv/complete"
