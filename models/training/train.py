#!/usr/bin/env python3
"""Trains the built-in model and writes models/small-en-de.pt and its accuracy table.

    pip install torch==2.11.0 numpy soundfile
    train.py --cremad DIR --emodb DIR [--epochs 14] [--seed 1] [--out models/small-en-de.pt]

The recipe and its length were fixed before the held-out speakers (splits.json) were looked at: there is no early stop
and no choice of checkpoint. Resumes from OUT.state after an interruption; 14 epochs take 40 minutes on two cores.
"""
import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import archive
import augment
import clips as data
import evaluate
from network import EmotionNetwork

BATCH = 32
EMODB_REPEATS = 4  # 290 German clips beside 5,200 English ones
PEAK_LEARNING_RATE = 2e-3
WARM_UP = 0.05
AVERAGE = 0.998  # of the exponential moving average of the weights, which is what is shipped


def standardise(network: EmotionNetwork, clips: list) -> None:
    """Sets the front end's mean and scale per band from a sample of the training clips."""
    chosen = [clips[i] for i in np.random.default_rng(0).choice(len(clips), 400, replace=False)]
    mels = [network.mel(torch.from_numpy(clip.samples.astype(np.float32) / 32768)[None], torch.tensor([clip.samples.size]))[0][0]
            for clip in chosen]
    frames = torch.cat(mels)
    network.mel.mean.copy_(frames.mean(0))
    network.mel.scale.copy_(1 / frames.std(0))


def learning_rate(progress: float) -> float:
    if progress < WARM_UP:
        return PEAK_LEARNING_RATE * progress / WARM_UP
    return PEAK_LEARNING_RATE * (0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) + 1e-6


def epoch_batches(clips: list, rng: np.random.Generator) -> list[list]:
    """Shuffled, then sorted by length inside large chunks so that a batch holds little padding."""
    order = [clip for clip in clips for _ in range(EMODB_REPEATS if clip.corpus == "emodb" else 1)]
    order = [order[i] for i in rng.permutation(len(order))]
    batches = []
    for start in range(0, len(order), BATCH * 16):
        chunk = sorted(order[start:start + BATCH * 16], key=lambda clip: clip.samples.size)
        batches += [chunk[i:i + BATCH] for i in range(0, len(chunk), BATCH)]
    return [batches[i] for i in rng.permutation(len(batches))]


def train(clips: list, epochs: int, seed: int, state_file: Path) -> EmotionNetwork:
    torch.manual_seed(seed)
    network = EmotionNetwork()
    with torch.no_grad():
        standardise(network, clips)
    average = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE))
    matrices = [p for p in network.parameters() if p.dim() > 1]
    vectors = [p for p in network.parameters() if p.dim() <= 1]
    optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}])
    first = 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        first = state["epoch"] + 1
        for part, name in ((network, "network"), (average, "average"), (optimizer, "optimizer")):
            part.load_state_dict(state[name])
    for epoch in range(first, epochs):
        started, losses = time.time(), []
        rng = np.random.default_rng((seed, epoch))
        torch.manual_seed(seed * 1000 + epoch)
        batches = epoch_batches(clips, rng)
        network.train()
        for step, batch in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate((epoch + step / len(batches)) / epochs)
            waveforms, lengths, targets = augment.batch(batch, rng)
            with torch.no_grad():
                mel, mel_lengths = network.mel(waveforms, lengths)
                mel = augment.mask_mel(mel, rng)
            features, frames = network.encode(mel, mel_lengths)
            logits = network.head(network.dropout(features.sum(1) / frames[:, None]))
            loss = F.cross_entropy(logits, targets)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            average.update_parameters(network)
            losses.append(loss.item())
        part = state_file.with_suffix(".part")
        torch.save({"epoch": epoch, "network": network.state_dict(), "average": average.state_dict(),
                    "optimizer": optimizer.state_dict()}, part)
        part.rename(state_file)
        print(f"epoch {epoch + 1}/{epochs}  loss {np.mean(losses):.3f}  {time.time() - started:.0f} s", flush=True)
    return average.module.eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cremad", required=True)
    parser.add_argument("--emodb", required=True)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "small-en-de.pt")
    options = parser.parse_args()
    training, held_out = data.load(options.cremad, options.emodb)
    print(f"{len(training)} training clips, {len(held_out)} held out", flush=True)
    state_file = options.out.with_suffix(".state")
    network = train(training, options.epochs, options.seed, state_file)
    archive.write(network, options.out)
    evaluate.report(options.out, held_out)
    state_file.unlink()


if __name__ == "__main__":
    main()
