"""FunASR's class in eager mode, with the protocol of main.js: eager.py OPTIONS. It runs one clip at a time."""
import time

begin = time.perf_counter()

import json
import sys
from importlib.metadata import version

import numpy as np
import torch

options = json.loads(sys.argv[1])
sys.path.insert(0, options["reference"])
import funasr_reference

PREFIX = "d2v_model."


def reply(**answer):
    print(json.dumps(answer), flush=True)


def load(checkpoint, size):
    """Loads the model as FunASR's AutoModel does, without the second copy of the checkpoint that AutoModel makes."""
    make = funasr_reference.funasr_class()
    model = make(model_conf=funasr_reference.config(size), vocab_size=len(funasr_reference.LABELS)).eval()
    weights = torch.load(checkpoint, map_location="cpu", weights_only=False)["model"]
    model.load_state_dict({name.removeprefix(PREFIX): tensor for name, tensor in weights.items()})
    return model


def peak_bytes():
    with open("/proc/self/status", encoding="utf-8") as status:
        return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


torch.set_num_threads(options["threads"])
model = load(options["model"], options["size"])
reply(loadMs=1000 * (time.perf_counter() - begin), version=f"FunASR {version('funasr')} (torch {version('torch')})")
for line in sys.stdin:
    request = json.loads(line)
    if "memory" in request:
        reply(peakBytes=peak_bytes())
        continue
    clip = torch.from_numpy(np.fromfile(request["clip"], dtype=np.float32))
    start = time.perf_counter()
    funasr_reference.expect(model, clip)
    reply(ms=1000 * (time.perf_counter() - start))
