"""Log-mel frames of every clip and of augmented versions of it, made once before training, and read from files by all jobs.

Version 0 is the unchanged clip. Only missing files are made, so that an interrupted run continues.
"""
import dataclasses
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch

import augment
import nonspeech
from clips import Clip
from network import LogMel

NONSPEECH = 200  # clips without speech, different ones in each version


@dataclasses.dataclass
class Version:
    frames: np.ndarray  # float16 [all frames of all clips, bands], a file
    starts: np.ndarray  # int64 [clips + 1]

    def clip(self, i: int, start: int = 0, size: int | None = None) -> np.ndarray:
        """float32 [M, bands], or `size` frames of them"""
        first = self.starts[i] + start
        return self.frames[first:self.starts[i + 1] if size is None else first + size].astype(np.float32)

    def size(self, i: int) -> int:
        return int(self.starts[i + 1] - self.starts[i])


def waveforms(clips: list[Clip], version: int, seed: int):
    """float32 [N] of each clip, then of each clip without speech."""
    for i, clip in enumerate(clips):
        rng = np.random.default_rng((seed, version, i))
        samples = clip.samples()
        yield augment.waveform(samples, rng) if version else samples.astype(np.float32) / 32768
    for i in range(NONSPEECH):
        yield nonspeech.make(np.random.default_rng((seed, version, len(clips) + i)))


def write(folder: Path, clips: list[Clip], version: int, seed: int) -> None:
    torch.set_num_threads(1)
    mel = LogMel()
    frames = []
    for x in waveforms(clips, version, seed):
        with torch.inference_mode():
            frames.append(mel(torch.from_numpy(x)[None], torch.tensor([x.size]))[0][0].half().numpy())
    np.save(folder / f"starts-{version}.npy", np.cumsum([0] + [len(each) for each in frames]))
    part = folder / f"frames-{version}.part.npy"
    np.save(part, np.concatenate(frames))
    part.rename(folder / f"frames-{version}.npy")


def prepare(folder: Path, clips: list[Clip], versions: int, seed: int, jobs: int) -> list[Version]:
    folder.mkdir(parents=True, exist_ok=True)
    missing = [v for v in range(versions) if not (folder / f"frames-{v}.npy").exists()]
    with Pool(jobs) as pool:
        pool.starmap(write, [(folder, clips, version, seed) for version in missing], chunksize=1)
    return read(folder, versions)


def read(folder: Path, versions: int) -> list[Version]:
    return [Version(np.load(folder / f"frames-{v}.npy", mmap_mode="r"), np.load(folder / f"starts-{v}.npy"))
            for v in range(versions)]
