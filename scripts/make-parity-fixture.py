#!/usr/bin/env python3
"""Writes test/fixtures/parity-tiny.json: the output of FunASR's own class for clips, with the tiny model of test/support/tiny.ts.
Weights and clips follow the same formulas in both files.

    pip install torch==2.11.0 numpy omegaconf && pip install --no-deps funasr==1.4.16
    scripts/make-parity-fixture.py ../shared/reference
"""
import base64
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, sys.argv[1])
import funasr_reference as reference

# (seed, samples, gain): the shortest clip, odd lengths, silence, loud; features are kept for short ones
CLIPS = [(1, 400, 0.1), (2, 719, 0.1), (3, 3333, 0.1), (4, 16000, 0.1), (5, 16001, 0.0), (6, 8000, 30.0), (7, 48123, 0.01),
         (8, 160000, 0.1)]


def noise(seed, length):
    x = (np.arange(1, length + 1, dtype=np.uint32) * np.uint32(0x9E3779B1)) ^ np.uint32(seed)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return (x.astype(np.float64) / 2 ** 32 - 0.5) * 3.4641016151377544


def fnv1a(text):
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def main():
    model = reference.build("tiny", 0)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            stored = name if name.startswith("proj.") else "d2v_model." + name
            x = noise(fnv1a(stored), tensor.numel()).reshape(tuple(tensor.shape))
            if name.endswith("alibi_scale"):
                x = x * 0.5 + 0.5
            elif tensor.dim() == 1:
                x = x * 0.1 + (1.0 if name.endswith("weight") else 0.0)
            elif not name.endswith("extra_tokens"):
                x = x * tensor[0].numel() ** -0.5
            tensor.copy_(torch.from_numpy(x.astype(np.float32)))
    cases = []
    for seed, samples, gain in CLIPS:
        clip = torch.from_numpy((noise(seed, samples) * gain).astype(np.float32))
        logits, features, scores = reference.expect(model, clip)
        case = {"seed": seed, "samples": samples, "gain": gain, "frames": features.shape[0],
                "logits": logits.tolist(), "scores": scores.tolist(), "meanFeature": features.mean(0).tolist()}
        if samples <= 16001:
            case["features"] = base64.b64encode(features.numpy().tobytes()).decode()
        cases.append(case)
    path = Path(__file__).resolve().parent.parent / "test/fixtures/parity-tiny.json"
    path.write_text(json.dumps(cases, indent=1) + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
