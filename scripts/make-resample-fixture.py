#!/usr/bin/env python3
"""Writes test/fixtures/resample.json: seeded noise, resampled by the default resampler of torchaudio.

A tool for developers: pip install torch==2.11.0 torchaudio==2.11.0
"""
import json
from pathlib import Path

import torch
import torchaudio

PAIRS = [(8000, 16000), (11025, 16000), (22050, 16000), (24000, 16000), (44100, 16000), (48000, 16000), (16000, 8000)]


def main() -> None:
    draw = torch.Generator().manual_seed(3)
    cases = []
    for source, target in PAIRS:
        noise = torch.rand(1501, generator=draw) * 2 - 1
        output = torchaudio.functional.resample(noise, source, target)
        cases.append({"from": source, "to": target, "input": noise.tolist(), "output": output.tolist()})
    path = Path(__file__).parents[1] / "test/fixtures/resample.json"
    path.write_text(json.dumps([{k: [round(x, 8) for x in v] if isinstance(v, list) else v for k, v in case.items()} for case in cases]))


if __name__ == "__main__":
    main()
