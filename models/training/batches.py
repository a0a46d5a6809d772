"""Batches of log-mel frames for training, each clip cut, shifted and masked at random (SpecAugment)."""
import dataclasses

import numpy as np
import torch
from torch import Tensor

from prepared import Version

MOST_FRAMES = 300
CLEAN = 0.5  # share of the clips that are not augmented
SHORTER = 0.3  # share of the clips that are cut to less than the maximum
SHIFT = 2  # bands up or down, which simulates another vocal tract
ROUND = 8  # frames; fewer shapes need fewer kernels
CHUNK = 16  # batches in which clips are sorted by length, so that little is cut off to make a batch


@dataclasses.dataclass
class Cut:
    """A part of a version of a clip."""
    clip: int
    version: int
    start: int
    size: int


def cut(clip: int, versions: list[Version], rng: np.random.Generator) -> Cut:
    version = 0 if rng.random() < CLEAN else int(rng.integers(1, len(versions)))
    whole = versions[version].size(clip)
    size = min(whole, MOST_FRAMES)
    if size > 150 and rng.random() < SHORTER:
        size = int(size * rng.uniform(0.5, 1))
    return Cut(clip, version, int(rng.integers(whole - size + 1)), size)


def epoch(order: np.ndarray, versions: list[Version], batch: int, rng: np.random.Generator) -> list[list[Cut]]:
    """Yields every clip of `order` once, in shuffled batches of similar lengths."""
    cuts = [cut(int(clip), versions, rng) for clip in rng.permutation(order)]
    batches = []
    for start in range(0, len(cuts), batch * CHUNK):
        chunk = sorted(cuts[start:start + batch * CHUNK], key=lambda each: each.size)
        batches += [chunk[i:i + batch] for i in range(0, len(chunk), batch)]
    return [batches[i] for i in rng.permutation(len(batches))]


def altered(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """float32 [M, bands], standardized: shifted, louder or softer, masked"""
    shift = int(rng.integers(-SHIFT, SHIFT + 1))
    bands = np.clip(np.arange(mel.shape[1]) - shift, 0, mel.shape[1] - 1)
    mel = mel[:, bands] + np.float32(rng.normal() * 0.15)
    for _ in range(2):
        width = int(rng.integers(0, 13))
        start = int(rng.integers(0, mel.shape[1] - width))
        mel[:, start:start + width] = 0
        width = int(rng.integers(0, 1 + min(30, mel.shape[0] // 4)))
        start = int(rng.integers(0, mel.shape[0] - width + 1))
        mel[start:start + width] = 0
    return mel


def make(cuts: list[Cut], versions: list[Version], mean: np.ndarray, scale: np.ndarray, targets: np.ndarray,
         rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """float32 [B, M, bands], int64 [B], float32 [B, L]. All are cut to the shortest, which is hardly shorter than the others."""
    size = min(each.size for each in cuts) // ROUND * ROUND
    mel = torch.empty(len(cuts), size, mean.size)
    for row, each in zip(mel, cuts):
        frames = versions[each.version].clip(each.clip, each.start, size)
        row.copy_(torch.from_numpy(altered((frames - mean) * scale, rng)))
    expected = torch.from_numpy(targets[[each.clip for each in cuts]])
    return mel, torch.full((len(cuts),), size), expected
