"""The training recordings as arrays: CREMA-D and EMO-DB, their labels and the speaker-disjoint split.

A clip's target is a distribution over the nine labels: what was acted, softened by what listeners heard.
"""
import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import soundfile

LABELS = ["angry", "disgusted", "fearful", "happy", "neutral", "other", "sad", "surprised", "unknown"]
UNUSED = ["surprised", "unknown"]
EMODB = {"W": "angry", "L": "other", "E": "disgusted", "A": "fearful", "F": "happy", "T": "sad", "N": "neutral"}
VOTES_WEIGHT = 0.3  # of the target, the rest is the acted emotion
RATE = 16000


@dataclasses.dataclass
class Clip:
    corpus: str
    name: str
    speaker: str
    acted: int
    target: np.ndarray  # float32 [L]
    samples: np.ndarray  # int16 [N] at 16 kHz


def one_hot(label: str) -> np.ndarray:
    return (np.arange(len(LABELS)) == LABELS.index(label)).astype(np.float32)


def read(path: Path) -> np.ndarray:
    samples, rate = soundfile.read(path, dtype="int16")
    if rate != RATE or samples.ndim != 1:
        raise ValueError(f"{path}: expected 16 kHz mono, found {rate} Hz and shape {samples.shape}")
    return samples


def cremad(folder: Path) -> list[Clip]:
    clips = []
    with open(folder / "labels.csv", newline="") as file:
        for row in csv.DictReader(file):
            votes = np.array([float(row.get(f"votes_{label}") or 0) for label in LABELS], np.float32)
            acted = one_hot(row["acted"])
            heard = votes / votes.sum() if votes.sum() else acted
            clips.append(Clip("cremad", row["clip"], row["speaker"], LABELS.index(row["acted"]),
                              (1 - VOTES_WEIGHT) * acted + VOTES_WEIGHT * heard,
                              read(folder / "audio" / f"{row['clip']}.opus")))
    return clips


def emodb(folder: Path) -> list[Clip]:
    return [Clip("emodb", path.stem, path.stem[:2], LABELS.index(EMODB[path.stem[5]]), one_hot(EMODB[path.stem[5]]),
                 read(path)) for path in sorted(folder.glob("*.wav"))]


def load(cremad_folder: str, emodb_folder: str) -> tuple[list[Clip], list[Clip]]:
    """(training clips, held-out clips): no speaker is in both. The held-out speakers are in splits.json."""
    held_out = json.loads((Path(__file__).parent / "splits.json").read_text())
    clips = cremad(Path(cremad_folder)) + emodb(Path(emodb_folder))
    test = [clip for clip in clips if clip.speaker in held_out[clip.corpus]]
    return [clip for clip in clips if clip.speaker not in held_out[clip.corpus]], test
