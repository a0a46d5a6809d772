#!/usr/bin/env python3
"""Trains the built-in model, and the networks of the cross-validation that measures its accuracy.

    pip install torch==2.11.0 numpy scipy soundfile
    train.py --cremad DIR --emodb DIR [--work build/training] [--parts validation folds final] [--seed 1] [--jobs CPUS]
    crossvalidate.js --cremad DIR --emodb DIR

validation: trained on all but the validation speakers (splits.json), on whom recipes are compared.
folds:      five networks, each trained on all but the speakers of its fold, and evaluated on those.
final:      trained on all speakers; becomes models/small-en-de.pt. Its temperature is fitted to the held-out outputs of the folds.

The work folder keeps the state after each epoch, so that the same command continues after an interruption. Each network uses
one processor, and as many networks are trained at once as there are processors.
"""
import argparse
import dataclasses
import math
import os
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import archive
import batches
import clips as data
import prepared
from network import EmotionNetwork
from optimizers import Optimizers

VERSIONS = 6
BATCH = 32
EPOCHS = 12
EMODB_REPEATS = 4  # 290 German clips beside 5,200 English ones
PEAK_LEARNING_RATE = 2e-3
WARM_UP = 0.05
AVERAGE = 0.998  # decay of the exponential moving average of the weights, which the archive contains
NONSPEECH_TARGET = {"neutral": 0.45, "other": 0.25}  # target of clips without speech; the rest is spread over the labels in use


@dataclasses.dataclass
class Job:
    name: str
    training: list[int]
    held_out: list[int]
    seed: int


def jobs(clips: list[data.Clip], parts: list[str], seed: int) -> list[Job]:
    splits = data.splits()
    held_out = {"validation": splits["validation"]} | {f"fold-{i}": fold for i, fold in enumerate(splits["folds"])}
    all_jobs = [Job("final", list(range(len(clips))), [], seed)]
    for name, speakers in held_out.items():
        test = data.of(clips, speakers)
        all_jobs.append(Job(name, sorted(set(range(len(clips))) - set(test)), test, seed))
    selected = [job for job in all_jobs if job.name.split("-")[0] in [part.removesuffix("s") for part in parts]]
    return sorted(selected, key=lambda job: job.name == "final")


def targets(clips: list[data.Clip]) -> np.ndarray:
    """float32 [clips and clips without speech, L]"""
    used = np.array([label not in data.UNUSED for label in data.LABELS], np.float32)
    nonspeech = (1 - sum(NONSPEECH_TARGET.values())) * used / used.sum()
    for label, share in NONSPEECH_TARGET.items():
        nonspeech[data.LABELS.index(label)] += share
    return np.stack([clip.target for clip in clips] + [nonspeech] * prepared.NONSPEECH).astype(np.float32)


def learning_rate(progress: float) -> float:
    if progress < WARM_UP:
        return PEAK_LEARNING_RATE * progress / WARM_UP
    return PEAK_LEARNING_RATE * (0.5 + 0.5 * math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) + 1e-6


@torch.inference_mode()
def logits(network: EmotionNetwork, version: prepared.Version, ids: list[int]) -> np.ndarray:
    """float32 [clips, L] of the clips without augmentation."""
    mean, scale = network.mel.mean.numpy(), network.mel.scale.numpy()
    rows = []
    for i in ids:
        mel = torch.from_numpy((version.clip(i) - mean) * scale)[None]
        rows.append(network.pooled(mel, torch.tensor([mel.size(1)]))[0].numpy())
    return np.array(rows)


def train(job: Job, clips: list[data.Clip], work: Path, epochs: int) -> None:
    """Writes the weights to JOB.pt, and the output for the held-out clips to JOB.npz."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(job.seed)
    versions = prepared.read(work, VERSIONS)
    expected = targets(clips)
    network = EmotionNetwork().to(memory_format=torch.channels_last)
    seen = np.concatenate([versions[0].clip(i) for i in job.training[::13]])
    network.mel.mean.copy_(torch.from_numpy(seen.mean(0)))
    network.mel.scale.copy_(torch.from_numpy(1 / seen.std(0)))
    mean, scale = network.mel.mean.numpy(), network.mel.scale.numpy()
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE), use_buffers=True)
    optimizer = Optimizers(network)
    order = np.array([i for i in job.training for _ in range(EMODB_REPEATS if clips[i].corpus == "emodb" else 1)]
                     + list(range(len(clips), len(expected))))
    state_file = work / f"{job.name}.state"
    first = 0
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        first = state["epoch"] + 1
        for part, kept in zip((network, average, optimizer), state["parts"]):
            part.load_state_dict(kept)
    for epoch in range(first, epochs):
        started, losses = time.time(), []
        rng = np.random.default_rng((job.seed, epoch))
        torch.manual_seed(job.seed * 1000 + epoch)
        plan = batches.epoch(order, versions, BATCH, rng)
        network.train()
        for step, cuts in enumerate(plan):
            mel, lengths, target = batches.make(cuts, versions, mean, scale, expected, rng)
            with torch.autocast("cpu", torch.bfloat16):
                logits = network.pooled(mel, lengths)
            loss = F.cross_entropy(logits.float(), target)
            network.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step(learning_rate((epoch + step / len(plan)) / epochs))
            average.update_parameters(network)
            losses.append(loss.item())
        part = state_file.with_suffix(".part")
        torch.save({"epoch": epoch, "parts": [each.state_dict() for each in (network, average, optimizer)]}, part)
        part.rename(state_file)
        print(f"{job.name}: epoch {epoch + 1}/{epochs}  loss {np.mean(losses):.3f}  {time.time() - started:.0f} s", flush=True)
    result = average.module.eval()
    np.savez(work / f"{job.name}.npz", ids=job.held_out, logits=logits(result, versions[0], job.held_out))
    torch.save(result.state_dict(), work / f"{job.name}.pt")
    state_file.unlink()


def temperature(logits: np.ndarray, acted: np.ndarray) -> float:
    """Returns the temperature that minimizes the cross-entropy of logits [clips, L], so that their confidence is calibrated."""
    used = np.array([label not in data.UNUSED for label in data.LABELS])

    def cross_entropy(by: float) -> float:
        scaled = np.where(used, logits / by, -np.inf)
        top = scaled.max(1, keepdims=True)
        return float(np.mean(np.log(np.exp(scaled - top).sum(1)) + top[:, 0] - scaled[np.arange(len(acted)), acted]))

    return float(min(np.arange(0.3, 3, 0.01), key=cross_entropy))


def write_archives(clips: list[data.Clip], work: Path, out: Path) -> None:
    """The temperature of a fold is fitted to the outputs of the other folds, that of the final network to all. All clips were held out."""
    def network(name: str) -> EmotionNetwork:
        result = EmotionNetwork()
        result.load_state_dict(torch.load(work / f"{name}.pt", weights_only=True))
        return result.eval()

    answers = {}
    for i in range(len(data.splits()["folds"])):
        kept = np.load(work / f"fold-{i}.npz")
        answers[f"fold-{i}"] = kept["logits"], np.array([clips[j].acted for j in kept["ids"]])
    (work / "archives").mkdir(exist_ok=True)
    for name in [*answers, "final"]:
        others = [answer for other, answer in answers.items() if other != name]
        by = temperature(*(np.concatenate(each) for each in zip(*others)))
        print(f"{name}: temperature {by:.2f}", flush=True)
        if (work / f"{name}.pt").exists():
            archive.write(network(name), by, out if name == "final" else work / "archives" / f"{name}.pt")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cremad", required=True)
    parser.add_argument("--emodb", required=True)
    parser.add_argument("--work", type=Path, default=data.HERE.parents[1] / "build" / "training")
    parser.add_argument("--out", type=Path, default=data.HERE.parent / "small-en-de.pt")
    parser.add_argument("--parts", nargs="+", choices=["validation", "folds", "final"], default=["validation", "folds", "final"])
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    clips = data.load(options.cremad, options.emodb)
    prepared.prepare(options.work, clips, VERSIONS, options.seed, options.jobs)
    untrained = [job for job in jobs(clips, options.parts, options.seed) if not (options.work / f"{job.name}.pt").exists()]
    with ProcessPoolExecutor(options.jobs) as pool:
        for done in [pool.submit(train, job, clips, options.work, options.epochs) for job in untrained]:
            done.result()
    if all((options.work / f"fold-{i}.pt").exists() for i in range(len(data.splits()["folds"]))):
        write_archives(clips, options.work, options.out)


if __name__ == "__main__":
    main()
