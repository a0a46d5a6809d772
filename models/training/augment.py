"""Augmentation of training clips, so that the network meets more voices, rooms and microphones than the corpora have.

`waveform` is slow, and is applied a few times to each clip before training; `mel_batch` is fast, and is applied to each batch.
"""
import numpy as np
import torch
from scipy import signal
from torch import Tensor

RATE = 16000


def coloured_noise(size: int, rng: np.random.Generator) -> np.ndarray:
    """[size] noise of unit variance whose spectrum falls as 1 / f^a, a from 0 (white) to 2 (brown), at times humming or modulated."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    spectrum *= np.maximum(np.arange(spectrum.size), 1) ** (-rng.uniform(0, 2) / 2)
    noise = np.fft.irfft(spectrum, size)
    noise /= noise.std() + 1e-9
    seconds = np.arange(size) / RATE
    if rng.random() < 0.2:  # mains hum
        mains = rng.choice([50, 60])
        noise += rng.uniform(0.3, 2) * sum(np.sin(2 * np.pi * mains * k * seconds + rng.uniform(0, 6.28)) / k for k in (1, 2, 3, 5))
    if rng.random() < 0.3:  # people and traffic in the background, which come and go
        slow = signal.lfilter(*signal.butter(1, rng.uniform(0.5, 8), fs=RATE), rng.standard_normal(size))
        noise *= 1 + np.clip(slow / (slow.std() + 1e-9), -1, 2)
    return noise / (noise.std() + 1e-9)


def room(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[N] -> [N] convolved with an exponentially decaying room of 0.1 to 0.9 s."""
    decay = rng.uniform(0.1, 0.9)
    size = int(decay * RATE)
    tail = rng.standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    tail[:int(rng.uniform(0.001, 0.02) * RATE)] = 0
    tail *= 10 ** (-rng.uniform(-3, 12) / 20) / (np.sqrt((tail ** 2).sum()) + 1e-9)
    tail[0] = 1
    return signal.fftconvolve(x, tail)[:x.size]


def band_limited(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[N] -> [N] through a telephone, an old codec or a small loudspeaker."""
    if rng.random() < 0.5:
        filters = signal.butter(4, rng.uniform(2800, 7500), "lowpass", fs=RATE, output="sos")
    else:
        filters = signal.butter(3, [rng.uniform(80, 350), rng.uniform(3200, 7000)], "bandpass", fs=RATE, output="sos")
    return signal.sosfilt(filters, x)


def tilted(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[N] -> [N] with a smooth random coloring of up to 9 dB, as microphones have."""
    knots = rng.uniform(-9, 9, 6)
    spectrum = np.fft.rfft(x)
    gains = np.interp(np.linspace(0, 1, spectrum.size) ** 0.5, np.linspace(0, 1, 6), knots)
    return np.fft.irfft(spectrum * 10 ** (gains / 20), x.size)


def mu_law(x: np.ndarray) -> np.ndarray:
    """[N] -> [N] through eight bits of G.711."""
    peak = np.abs(x).max() + 1e-9
    compressed = np.sign(x) * np.log1p(255 * np.abs(x) / peak) / np.log(256)
    compressed = np.round(compressed * 127) / 127
    return np.sign(compressed) * (256 ** np.abs(compressed) - 1) / 255 * peak


def waveform(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int16 [N] -> float32 [N'], of any gain."""
    x = samples.astype(np.float64) / 32768
    if rng.random() < 0.6:
        positions = np.arange(0, x.size - 1, rng.uniform(0.88, 1.14))
        x = np.interp(positions, np.arange(x.size), x)
    if rng.random() < 0.4:
        x = tilted(x, rng)
    if rng.random() < 0.25:
        x = room(x, rng)
    loud = x.std() + 1e-9
    if rng.random() < 0.3:
        x = np.concatenate([np.zeros(int(rng.uniform(0, 1.2) * RATE)), x, np.zeros(int(rng.uniform(0, 1.2) * RATE))])
    if rng.random() < 0.5:
        x = x + coloured_noise(x.size, rng) * loud * 10 ** (-rng.uniform(0, 40) / 20)
    if rng.random() < 0.1:
        limit = np.abs(x).max() * rng.uniform(0.1, 0.8)
        x = x.clip(-limit, limit)
    if rng.random() < 0.2:
        x = band_limited(x, rng)
    if rng.random() < 0.06:
        x = mu_law(x)
    return x.astype(np.float32)
