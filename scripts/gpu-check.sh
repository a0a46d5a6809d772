#!/bin/sh
# Becomes run.sh in the folder that pack-gpu-check.js makes. Runs the GPU tests and the GPU benchmark on a machine without Node and
# without a network. Needs Python 3 with torch, whose CUDA libraries are used.
#
#   sh run.sh            tests and benchmark, about ten minutes
#   sh run.sh tests      only the tests, where the time of a command is limited
#   sh run.sh bench      only the benchmark
#
# OUT: the folder for logs and numbers (./out). PYTHON: the Python (python3). LIBTORCH: a libtorch other than Python's.
# Exit status: 0 if all passed, 1 if something failed, 77 (skipped, as in automake) if there is no GPU.
set -eu

out=${OUT:-out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"
python=${PYTHON:-python3}
command -v "$python" >/dev/null || { echo "$python was not found; set PYTHON to a Python 3." >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

"$python" - node.xz "$work/node" <<'PY'
import hashlib, json, lzma, os, sys
data = lzma.open(sys.argv[1]).read()
if hashlib.sha256(data).hexdigest() != json.load(open("gpu-check.json"))["nodeSha256"]:
    sys.exit(f"{sys.argv[1]} is damaged: its hash differs from that of the packed Node")
with open(sys.argv[2], "wb") as file:
    file.write(data)
os.chmod(sys.argv[2], 0o755)
PY
"$work/node" --version >/dev/null || { echo "$work/node does not run; set TMPDIR to a folder in which programs may run." >&2; exit 1; }

if [ -z "${LIBTORCH:-}" ]; then
  # torch is not imported, because that takes seconds and may occupy the device.
  LIBTORCH=$("$python" - <<'PY'
import importlib.util, json, os, re, sys
spec = importlib.util.find_spec("torch")
if spec is None or spec.origin is None:
    sys.exit("This Python has no torch; set PYTHON to one that has it, or LIBTORCH to a libtorch.")
folder = os.path.dirname(spec.origin)
text = open(os.path.join(folder, "version.py")).read()
version = re.search(r"^__version__\s*=\s*'([^']+)", text, re.M).group(1)
needed = json.load(open("gpu-check.json"))["libtorch"]
if version.split("+")[0] != needed:
    sys.exit(f"The torch in {folder} is {version}; {needed} is needed.")
cuda = re.search(r"^cuda\b[^=\n]*=\s*'([^']+)", text, re.M)
if cuda is None or not os.path.exists(os.path.join(folder, "lib/libtorch_cuda.so")):
    sys.exit(f"The torch in {folder} is {version}, without CUDA.")
print(f"torch {version} with CUDA {cuda.group(1)}: {folder}", file=sys.stderr)
print(os.path.dirname(folder))
PY
  ) || exit 1
  # Python reports the device independently, so that a failure to find it here is noticed.
  PYTHON_CUDA=$("$python" - 2>"$out/python.txt" <<'PY'
import sys, torch
found = torch.cuda.is_available()
print(torch.__version__, torch.version.cuda, *(torch.cuda.get_device_properties(0),) if found else (), file=sys.stderr)
print(found)
PY
  ) || PYTHON_CUDA=unknown
fi
if command -v nvidia-smi >/dev/null; then nvidia-smi >"$out/nvidia-smi.txt" 2>&1 || true; fi

export LIBTORCH OUT="$out" PYTHON_CUDA="${PYTHON_CUDA:-unknown}" EMOTION2VEC_GPU_MODELS="$work/models"
export PATH="$work:$PATH"
unset NODE_OPTIONS
"$work/node" check.js "$@"
