"""Writes a network as a self-describing archive (ARCHITECTURE.md, "Model archives")."""
import json
from pathlib import Path

import torch

import clips
from network import HOP, SAMPLE_RATE, WINDOW, EmotionNetwork

CHINESE = {"angry": "生气", "disgusted": "厌恶", "fearful": "恐惧", "happy": "开心", "neutral": "中立", "other": "其他",
           "sad": "难过", "surprised": "吃惊", "unknown": "未知"}


def card(network: EmotionNetwork) -> dict:
    return {
        "format": 1,
        "name": "small-en-de",
        "version": "1.0.0",
        "description": "Built-in model for English and German: a small convolutional network trained on acted speech.",
        "licence": "MIT (network and weights); trained on CREMA-D (ODbL 1.0, DbCL 1.0) and EMO-DB (CC0 1.0)",
        "source": "H. Cao et al., CREMA-D, IEEE Transactions on Affective Computing 2014; "
                  "F. Burkhardt et al., A Database of German Emotional Speech, INTERSPEECH 2005",
        "labels": [{"name": name, "en": name, "zh": CHINESE[name], "unused": name in clips.UNUSED} for name in clips.LABELS],
        "sampleRate": SAMPLE_RATE,
        "frameRate": SAMPLE_RATE / (2 * HOP),
        "embeddingDim": network.norm.normalized_shape[0],
        "minSamples": WINDOW,
        "precision": "fp32",
    }


def write(network: EmotionNetwork, path: Path) -> None:
    scripted = torch.jit.script(network.eval())
    part = path.with_suffix(".part")
    torch.jit.save(scripted, str(part), _extra_files={"emotion2vec.json": json.dumps(card(network), ensure_ascii=False)})
    part.rename(path)
