"""Writes models/emotion2vec-architecture.pt: the network without weights, which `emotion2vec import` fills.

    pip install torch==2.11.0 && models/emotion2vec/write.py
"""
from pathlib import Path

import torch

from network import Emotion2vec

if __name__ == "__main__":
    path = Path(__file__).resolve().parent.parent / "emotion2vec-architecture.pt"
    part = path.with_suffix(".part")
    torch.jit.save(torch.jit.script(Emotion2vec().eval()), str(part))
    part.rename(path)
    print(f"{path}: {path.stat().st_size} bytes")
