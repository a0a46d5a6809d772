"""What is done to a training clip so that the network meets more voices and rooms than the corpora have."""
import numpy as np
import torch
from torch import Tensor

from clips import LABELS, UNUSED

MAX_SAMPLES = 4 * 16000
NOISE_ONLY = 0.02  # of the clips become noise whose target is "cannot tell": every used label alike


def coloured_noise(size: int, rng: np.random.Generator) -> np.ndarray:
    """[size] noise of unit variance whose spectrum falls as 1 / f^a, a from 0 (white) to 2 (brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum *= np.maximum(np.arange(spectrum.size), 1) ** (-rng.uniform(0, 2) / 2)
    noise = np.fft.irfft(spectrum, size)
    return noise / (noise.std() + 1e-9)


def waveform(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int16 [N] -> float32 [N']: speed, a random window of at most MAX_SAMPLES, noise, clipping."""
    x = samples.astype(np.float32) / 32768
    if rng.random() < 0.5:
        positions = np.arange(0, x.size - 1, rng.uniform(0.88, 1.12))
        x = np.interp(positions, np.arange(x.size), x).astype(np.float32)
    if x.size > MAX_SAMPLES:
        start = rng.integers(x.size - MAX_SAMPLES)
        x = x[start:start + MAX_SAMPLES]
    if rng.random() < 0.4:
        x = x + coloured_noise(x.size, rng) * x.std() * 10 ** (-rng.uniform(5, 40) / 20)
    if rng.random() < 0.1:
        limit = np.abs(x).max() * rng.uniform(0.2, 0.9)
        x = x.clip(-limit, limit)
    return x.astype(np.float32)


def batch(clips: list, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(float32 [B, N] waveforms, int64 [B] samples, float32 [B, L] targets)."""
    cannot_tell = np.array([label not in UNUSED for label in LABELS], np.float32)
    waves, targets = [], []
    for clip in clips:
        if rng.random() < NOISE_ONLY:
            waves.append(coloured_noise(clip.samples.size, rng).astype(np.float32)[:MAX_SAMPLES])
            targets.append(cannot_tell / cannot_tell.sum())
        else:
            waves.append(waveform(clip.samples, rng))
            targets.append(clip.target)
    lengths = torch.tensor([wave.size for wave in waves])
    padded = torch.zeros(len(waves), int(lengths.max()))
    for row, wave in zip(padded, waves):
        row[:wave.size] = torch.from_numpy(wave)
    return padded, lengths, torch.from_numpy(np.stack(targets))


def mask_mel(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """SpecAugment on standardised [B, M, bands]: two bands and two spans a clip become the mean; at times the treble goes."""
    mel = mel.clone()
    for clip in mel:
        for _ in range(2):
            width = int(rng.integers(0, 13))
            start = int(rng.integers(0, mel.size(2) - width))
            clip[:, start:start + width] = 0
            width = int(rng.integers(0, 1 + min(25, mel.size(1) // 4)))
            start = int(rng.integers(0, mel.size(1) - width + 1))
            clip[start:start + width] = 0
        if rng.random() < 0.1:
            clip[:, int(rng.integers(50, 75)):] = clip.min()
    return mel
