"""FunASR's side of the parity tests. reference.py REFERENCE_FOLDER SIZE SEED FOLDER

Writes FOLDER/model.pt and tokens.txt, prints a line, and then answers each line {"samples": FILE, "rate": HZ, "out": PREFIX} on
stdin, FILE holding float32 mono samples, with PREFIX.logits, PREFIX.features and PREFIX.scores (float32) and a line.
"""
import json
import sys

import numpy as np
import torch
import torchaudio

sys.path.insert(0, sys.argv[1])
import funasr_reference as reference

size, seed, folder = sys.argv[2], int(sys.argv[3]), sys.argv[4]
reference.main(["checkpoint", size, str(seed), f"{folder}/model.pt"])
model = reference.build(size, seed)
print("ready", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    clip = torch.from_numpy(np.fromfile(request["samples"], np.float32))
    if request["rate"] != 16000:
        clip = torchaudio.functional.resample(clip, request["rate"], 16000)
    for name, value in zip(("logits", "features", "scores"), reference.expect(model, clip)):
        value.numpy().astype(np.float32).tofile(f"{request['out']}.{name}")
    print("done", flush=True)
