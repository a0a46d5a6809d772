#!/bin/sh
# run.sh of the folder that pack-gpu-check.js makes: the GPU tests and the GPU benchmark on a machine without Node and network.
# It needs Python 3 with the torch whose CUDA libraries are to be used.
#
#   sh run.sh            tests and benchmark, about ten minutes
#   sh run.sh tests      one of them, where a call may not take so long
#   sh run.sh bench
#
# OUT: the folder for logs and numbers (./out). PYTHON: the Python (python3). LIBTORCH: another libtorch than Python's.
# Exit status: 0 all well; 1 something failed; 77, as test harnesses have it, where there is no GPU and nothing was checked.
set -eu

out=${OUT:-out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"
python=${PYTHON:-python3}
command -v "$python" >/dev/null || { echo "There is no $python here; PYTHON names another one." >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

"$python" - node.xz "$work/node" <<'PY'
import hashlib, json, lzma, os, sys
data = lzma.open(sys.argv[1]).read()
if hashlib.sha256(data).hexdigest() != json.load(open("gpu-check.json"))["nodeSha256"]:
    sys.exit(f"{sys.argv[1]} is damaged: it holds another Node than was packed")
with open(sys.argv[2], "wb") as file:
    file.write(data)
os.chmod(sys.argv[2], 0o755)
PY
"$work/node" --version >/dev/null || { echo "$work/node does not run; TMPDIR names another folder for it." >&2; exit 1; }

if [ -z "${LIBTORCH:-}" ]; then
  # Without importing torch, which takes seconds and might take the device.
  LIBTORCH=$("$python" - <<'PY'
import importlib.util, json, os, re, sys
spec = importlib.util.find_spec("torch")
if spec is None or spec.origin is None:
    sys.exit("This Python has no torch; PYTHON names another one, LIBTORCH another libtorch.")
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
  # What Python sees of the device, so that we cannot overlook it.
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
