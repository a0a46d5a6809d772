"""The training recordings as arrays: CREMA-D and EMO-DB, their labels, and the split of their speakers.

A clip's target is a distribution over the nine labels: what was acted, softened by the votes of listeners.
"""
import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).parent
LABELS = ["angry", "disgusted", "fearful", "happy", "neutral", "other", "sad", "surprised", "unknown"]
UNUSED = ["surprised", "unknown"]
VOTES_WEIGHT = 0.3  # share of the votes in the target where listeners voted; the rest is the acted emotion
SMOOTHING = 0.05  # share of the target that is spread over the labels in use where there are no votes
RATE = 16000


@dataclasses.dataclass
class Clip:
    corpus: str
    name: str
    speaker: str
    acted: int
    target: np.ndarray  # float32 [L]
    path: Path

    def samples(self) -> np.ndarray:
        """int16 [N] at 16 kHz."""
        samples, rate = soundfile.read(self.path, dtype="int16")
        if rate != RATE or samples.ndim != 1:
            raise ValueError(f"{self.path}: expected 16 kHz mono, found {rate} Hz and shape {samples.shape}")
        return samples


def one_hot(label: str) -> np.ndarray:
    return (np.arange(len(LABELS)) == LABELS.index(label)).astype(np.float32)


def target(row: dict) -> np.ndarray:
    acted = one_hot(row["acted"])
    votes = np.array([float(row.get(f"votes_{label}") or 0) for label in LABELS], np.float32)
    if votes.sum():
        return (1 - VOTES_WEIGHT) * acted + VOTES_WEIGHT * votes / votes.sum()
    used = np.array([label not in UNUSED for label in LABELS], np.float32)
    return ((1 - SMOOTHING) * acted + SMOOTHING * used / used.sum()).astype(np.float32)


def read(corpus: str, labels: Path, folder: Path, ending: str) -> list[Clip]:
    with open(labels, newline="") as file:
        return [Clip(corpus, row["clip"], row["speaker"], LABELS.index(row["acted"]), target(row),
                     folder / f"{row['clip']}{ending}") for row in csv.DictReader(file)]


def load(cremad: str, emodb: str) -> list[Clip]:
    """Returns every clip of both corpora. CREMA-D brings its labels.csv; EMO-DB's, whose labels are file names, is emodb.csv here."""
    return (read("cremad", Path(cremad) / "labels.csv", Path(cremad) / "audio", ".opus")
            + read("emodb", HERE / "emodb.csv", Path(emodb), ".wav"))


def splits() -> dict:
    """{"validation": {corpus: [speaker]}, "folds": [{corpus: [speaker]}]}: no speaker is in two of them.

    Recipes are compared on the validation speakers alone. The table of accuracies comes from the folds, each of which is evaluated by
    a network that was trained on all other speakers.
    """
    return json.loads((HERE / "splits.json").read_text())


def of(clips: list[Clip], speakers: dict) -> list[int]:
    """Returns which clips are by these speakers."""
    return [i for i, clip in enumerate(clips) if clip.speaker in speakers[clip.corpus]]
