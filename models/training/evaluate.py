#!/usr/bin/env python3
"""Prints the accuracy of an archive on the held-out speakers, as the table in models/README.md.

    evaluate.py ARCHIVE --cremad DIR --emodb DIR
"""
import argparse
from pathlib import Path

import numpy as np
import torch

import clips as data


@torch.inference_mode()
def logits(archive: Path, clips: list) -> np.ndarray:
    """float32 [clips, L], each clip by itself."""
    model = torch.jit.load(str(archive)).eval()
    rows = []
    for clip in clips:
        waveform = torch.from_numpy(clip.samples.astype(np.float32) / 32768)[None]
        rows.append(model(waveform, torch.tensor([waveform.size(1)]))[0][0].numpy())
    return np.stack(rows)


def report(archive: Path, clips: list) -> None:
    """For each corpus: accuracy, UAR (mean recall over the classes that it has), and the confusion matrix in per cent."""
    scores = logits(archive, clips)
    scores[:, [data.LABELS.index(label) for label in data.UNUSED]] = -np.inf
    for corpus in sorted({clip.corpus for clip in clips}):
        chosen = [i for i, clip in enumerate(clips) if clip.corpus == corpus]
        truth = np.array([clips[i].acted for i in chosen])
        guess = scores[chosen].argmax(1)
        classes = sorted(set(truth))
        matrix = np.array([[np.mean(guess[truth == t] == g) for g in range(len(data.LABELS))] for t in classes])
        recalls = [matrix[row, label] for row, label in enumerate(classes)]
        within = np.array(classes)[scores[chosen][:, classes].argmax(1)]
        within_recalls = [np.mean(within[truth == t] == t) for t in classes]
        print(f"\n{corpus}: {len(chosen)} clips of {len({clips[i].speaker for i in chosen})} speakers, accuracy "
              f"{np.mean(guess == truth):.3f}, UAR {np.mean(recalls):.3f} among all labels, "
              f"{np.mean(within_recalls):.3f} among its {len(classes)} classes\n")
        columns = [g for g, label in enumerate(data.LABELS) if label not in data.UNUSED]
        print("| acted \\ recognised | " + " | ".join(data.LABELS[g] for g in columns) + " |")
        print("|---" * (len(columns) + 1) + "|")
        for row, label in enumerate(classes):
            print(f"| {data.LABELS[label]} | " + " | ".join(f"{100 * matrix[row, g]:.0f}" for g in columns) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--cremad", required=True)
    parser.add_argument("--emodb", required=True)
    options = parser.parse_args()
    report(options.archive, data.load(options.cremad, options.emodb)[1])
