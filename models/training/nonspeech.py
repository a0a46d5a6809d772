"""Sounds without emotion: silence, noise, hums, tones, music. They are made here, so that they need no license.

The network learns to return low confidence for them, and neutral or other as the most likely labels.
"""
import numpy as np
from scipy import signal

from augment import RATE, coloured_noise, room


def silence(size: int, rng: np.random.Generator) -> np.ndarray:
    """Digital silence, or the lowest bit of a converter."""
    return np.zeros(size) if rng.random() < 0.3 else np.round(coloured_noise(size, rng) * rng.uniform(0.3, 3)) / 32768


def tone(hertz: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """A note: decreasing harmonics, an envelope of a struck or blown instrument, a little vibrato."""
    seconds = np.arange(size) / RATE
    vibrato = rng.uniform(0, 0.01) * np.sin(2 * np.pi * rng.uniform(3, 7) * seconds)
    phase = 2 * np.pi * hertz * np.cumsum(1 + vibrato) / RATE
    fall = rng.uniform(0.5, 2)
    harmonics = [k for k in range(1, 16) if k * hertz < RATE / 2]
    x = sum(rng.uniform(0.3, 1) * np.sin(k * phase + rng.uniform(0, 6.28)) / k ** fall for k in harmonics)
    attack, decay = rng.uniform(0.003, 0.1), rng.uniform(0.1, 3)
    return np.asarray(x) * np.minimum(seconds / attack, 1) * np.exp(-seconds / decay)


def music(size: int, rng: np.random.Generator) -> np.ndarray:
    """Chords, a melody and at times a drum, in a random key and tempo."""
    x = np.zeros(size)
    beat = int(RATE * rng.uniform(0.15, 0.7))
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10])
    root = rng.uniform(80, 330)
    melody, chords, drums = rng.random(3) < (0.8, 0.7, 0.5)
    for start in range(0, size, beat):
        voices = []
        if chords and (start // beat) % 4 == 0:
            voices += [(rng.choice(7), 0.5, 4 * beat)] * 3
        if melody and rng.random() < 0.8:
            voices.append((int(rng.integers(0, 7)) + 7 * int(rng.integers(0, 2)), 1.0, 2 * beat))
        for degree, loudness, length in voices:
            degree = int(degree if loudness == 1 else rng.choice(7))
            hertz = root * 2 ** ((scale[degree % 7] + 12 * (degree // 7)) / 12)
            length = min(length, size - start)
            x[start:start + length] += loudness * tone(hertz, length, rng)
        if drums and rng.random() < 0.7:
            length = min(int(0.2 * RATE), size - start)
            x[start:start + length] += coloured_noise(length, rng) * np.exp(-np.arange(length) / (0.03 * RATE)) * rng.uniform(0.3, 2)
    return x if x.any() else tone(root, size, rng)


def events(size: int, rng: np.random.Generator) -> np.ndarray:
    """Clicks, knocks, beeps and sweeps over a quiet room."""
    x = 0.02 * coloured_noise(size, rng)
    for _ in range(int(rng.integers(1, 12))):
        length = int(rng.uniform(0.005, 0.6) * RATE)
        start = int(rng.integers(0, max(1, size - length)))
        length = min(length, size - start)
        seconds = np.arange(length) / RATE
        if rng.random() < 0.5:
            burst = coloured_noise(length, rng) * np.exp(-seconds / rng.uniform(0.005, 0.2))
        else:
            burst = signal.chirp(seconds, rng.uniform(200, 3000), length / RATE + 1e-3, rng.uniform(200, 3000))
        x[start:start + length] += burst * rng.uniform(0.2, 1)
    return x


def make(rng: np.random.Generator) -> np.ndarray:
    """float32 [N] of 0.5 to 5 s, with a peak of at most 0.98."""
    size = int(rng.uniform(0.5, 5) * RATE)
    kind = rng.choice([silence, coloured_noise, music, events], p=[0.15, 0.35, 0.35, 0.15])
    x = kind(size, rng)
    if rng.random() < 0.3:
        x = room(x, rng)
    if kind is not silence:
        x = x / (np.abs(x).max() + 1e-9) * rng.uniform(0.01, 0.98)
    return x.astype(np.float32)
