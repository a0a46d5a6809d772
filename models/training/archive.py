"""Writes a network as an archive with a model card (ARCHITECTURE.md, "Model archives")."""
import copy
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

import clips
from network import HOP, SAMPLE_RATE, STRIDE, WINDOW, EmotionNetwork

CHINESE = {"angry": "生气", "disgusted": "厌恶", "fearful": "恐惧", "happy": "开心", "neutral": "中立", "other": "其他",
           "sad": "难过", "surprised": "吃惊", "unknown": "未知"}


def card(network: EmotionNetwork) -> dict:
    return {
        "format": 1,
        "name": "small-en-de",
        "version": "2.0.0",
        "description": "Built-in model for English and German: a small convolutional network trained on acted speech.",
        "license": "MIT (network and weights); trained on CREMA-D (ODbL 1.0, DbCL 1.0) and EMO-DB (CC0 1.0)",
        "source": "H. Cao et al., CREMA-D, IEEE Transactions on Affective Computing 2014; "
                  "F. Burkhardt et al., A Database of German Emotional Speech, INTERSPEECH 2005",
        "labels": [{"name": name, "en": name, "zh": CHINESE[name], "unused": name in clips.UNUSED} for name in clips.LABELS],
        "sampleRate": SAMPLE_RATE,
        "frameRate": SAMPLE_RATE / (STRIDE * HOP),
        "embeddingDim": network.norm.normalized_shape[0],
        "minSamples": WINDOW,
        "precision": "fp32",
    }


def at_temperature(network: EmotionNetwork, temperature: float) -> EmotionNetwork:
    """Returns the network with the same predictions and another confidence."""
    network = copy.deepcopy(network)
    with torch.no_grad():
        network.head.weight /= temperature
        network.head.bias /= temperature
    return network


def fused(network: EmotionNetwork) -> EmotionNetwork:
    """Folds the batch norms into the convolutions before them: the same results in fewer steps."""
    network = copy.deepcopy(network).eval()
    network.stem, network.stem_norm = fuse_conv_bn_eval(network.stem, network.stem_norm), nn.Identity()
    for stage in network.stages:
        stage.conv1, stage.norm1 = fuse_conv_bn_eval(stage.conv1, stage.norm1), nn.Identity()
        stage.conv2, stage.norm2 = fuse_conv_bn_eval(stage.conv2, stage.norm2), nn.Identity()
    return network


def write(network: EmotionNetwork, temperature: float, path: Path) -> None:
    """Writes the archive, with its description (models/README.md) inside as README.md."""
    scripted = torch.jit.script(fused(at_temperature(network, temperature)))
    extra = {"emotion2vec.json": json.dumps(card(network), ensure_ascii=False),
             "README.md": (clips.HERE.parent / "README.md").read_text()}
    part = path.with_suffix(".part")
    torch.jit.save(scripted, str(part), _extra_files=extra)
    part.rename(path)
