"""The network of the built-in model, as the archive contract requires (ARCHITECTURE.md, "Model archives").

waveform -> log-mel -> residual 2-D convolutions -> ConvNeXt blocks over time -> gated frame features and the clip's
statistics -> linear head. All operations that mix frames are masked, so that a clip's result does not depend on its batch. None
is quadratic in time, so that memory grows linearly with the clip.

Shapes: B clips, N samples, M mel frames (10 ms apart), T output frames (40 ms apart), C channels of an image of T by
F bands, D features, L labels.
"""
import math
from typing import Final, List, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SAMPLE_RATE = 16000
WINDOW = 400  # samples of a mel frame: 25 ms, and the length of the shortest clip
HOP = 160
FFT = 512
STRIDE = 4  # mel frames per output frame
BANDS = 80
BLOCK = 6000  # mel frames computed at once: a minute; limits the memory of the spectrogram for long audio


def mel_filters(bands: int) -> Tensor:
    """[FFT // 2 + 1, bands] triangles on the HTK mel scale from 50 Hz to 7.6 kHz, each with the sum 1."""
    def mel(hz: float) -> float:
        return 2595 * math.log10(1 + hz / 700)
    edges = 700 * (10 ** (torch.linspace(mel(50), mel(7600), bands + 2) / 2595) - 1)
    bins = torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = torch.minimum(rising, falling).clamp(min=0)
    return filters / filters.sum(0, keepdim=True)


def valid(lengths: Tensor, size: int) -> Tensor:
    """[B, size] bool: the positions that are inside each clip."""
    return torch.arange(size, device=lengths.device)[None, :] < lengths[:, None]


def masked(x: Tensor, lengths: Tensor, training: bool) -> Tensor:
    """[B, C, T, F] -> the same, zero outside each clip. Skipped in training, whose batches have no padding; it takes a tenth of the time."""
    return x if training else x * valid(lengths, x.size(2))[:, None, :, None]


class LogMel(nn.Module):
    """[B, N] waveform, [B] samples -> [B, M, bands] standardized log-mel, [B] mel frames.

    Each clip is first normalized to zero mean and unit variance over its samples, so that gain does not matter.
    """

    size: Final[int] = WINDOW  # TorchScript reads no module globals
    hop: Final[int] = HOP
    fft: Final[int] = FFT
    block: Final[int] = BLOCK

    def __init__(self, bands: int = BANDS) -> None:
        super().__init__()
        window = torch.hann_window(WINDOW)
        self.register_buffer("window", window / window.square().sum().sqrt())
        self.register_buffer("filters", mel_filters(bands))
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("scale", torch.ones(bands))

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor]:
        inside = valid(lengths, waveforms.size(1))
        count = lengths[:, None].to(waveforms.dtype)
        centered = (waveforms - (waveforms * inside).sum(1, keepdim=True) / count) * inside
        variance = centered.square().sum(1, keepdim=True) / count
        normalized = centered * torch.rsqrt(variance + 1e-8)
        frames = normalized.unfold(1, self.size, self.hop)  # [B, M, size], a view
        blocks: List[Tensor] = []
        for start in range(0, frames.size(1), self.block):
            block = frames[:, start:start + self.block] * self.window
            spectrum = torch.view_as_real(torch.fft.rfft(block, self.fft)).square().sum(-1)
            blocks.append((torch.matmul(spectrum, self.filters) + 1e-4).log())
        mel = (torch.cat(blocks, 1) - self.mean) * self.scale
        return mel, (lengths - self.size) // self.hop + 1


class Residual(nn.Module):
    """Two 3x3 convolutions, squeeze and excitation from the clip's mean, a skip. Halves the bands and, when `stride` is 2, time.

    [B, C, T, F], [B] frames -> [B, C', T', F / 2], [B]. Input and output are zero outside the clip.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=(stride, 2), padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.squeeze = nn.Linear(outputs, outputs // 4)
        self.excite = nn.Linear(outputs // 4, outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor]:
        lengths = (lengths + self.stride - 1) // self.stride
        y = masked(F.relu(self.norm1(self.conv1(x)), inplace=True), lengths, self.training)
        y = masked(self.norm2(self.conv2(y)), lengths, self.training)
        mean = y.sum((2, 3)) / (lengths[:, None] * y.size(3))
        y = y * torch.sigmoid(self.excite(F.relu(self.squeeze(mean))))[:, :, None, None]
        skipped = self.skip(F.avg_pool2d(x, [self.stride, 2]))
        return masked(F.relu(y + skipped, inplace=True), lengths, self.training), lengths


class TimeBlock(nn.Module):
    """ConvNeXt over time with a gate from the clip's mean. [B, T, D], [B, T, 1] 1 inside the clip -> [B, T, D]."""

    def __init__(self, width: int, dilation: int, drop: float) -> None:
        super().__init__()
        self.drop = drop
        self.conv = nn.Conv1d(width, width, 7, padding=3 * dilation, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, 4 * width)
        self.contract = nn.Linear(4 * width, width)
        self.gate = nn.Linear(width, width)
        self.scale = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor, inside: Tensor) -> Tensor:
        y = self.conv((x * inside).transpose(1, 2)).transpose(1, 2)
        y = self.contract(F.gelu(self.expand(self.norm(y)))) * inside
        mean = y.sum(1, keepdim=True) / inside.sum(1, keepdim=True)
        y = y * torch.sigmoid(self.gate(mean)) * self.scale
        if self.training:  # stochastic depth, per clip
            y = y * (torch.rand(y.size(0), 1, 1) >= self.drop) / (1 - self.drop)
        return x + y


class EmotionNetwork(nn.Module):
    def __init__(self, labels: int = 9, bands: int = BANDS, channels: Tuple[int, int, int] = (16, 32, 64),
                 width: int = 192, depth: int = 3, drop: float = 0.2) -> None:
        super().__init__()
        self.mel = LogMel(bands)
        self.stem = nn.Conv2d(1, channels[0], 5, stride=2, padding=2, bias=False)
        self.stem_norm = nn.BatchNorm2d(channels[0])
        self.stages = nn.ModuleList([
            Residual(channels[0], channels[0], 1), Residual(channels[0], channels[1], 2), Residual(channels[1], channels[2], 1)])
        self.project = nn.Linear(channels[2] * (bands // 16), width)
        self.blocks = nn.ModuleList([TimeBlock(width, 2 ** (i % 3), drop * (i + 1) / depth) for i in range(depth)])
        self.norm = nn.LayerNorm(width)
        self.attend = nn.Linear(width, 1)
        self.context = nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(0.2)
        self.head = nn.Linear(width, labels)

    def encode(self, mel: Tensor, mel_lengths: Tensor) -> Tuple[Tensor, Tensor]:
        """[B, M, bands] log-mel -> [B, T, D] features (zero outside the clip), [B] frames."""
        mel = mel * valid(mel_lengths, mel.size(1))[:, :, None]
        mel = F.pad(mel, [0, 0, 0, (-mel.size(1)) % 4])  # otherwise pooling would have another edge in a batch than alone
        lengths = (mel_lengths + 1) // 2
        x = F.relu(self.stem_norm(self.stem(mel[:, None])), inplace=True)  # [B, C, M / 2, bands / 2]
        x = masked(x, lengths, self.training)
        for stage in self.stages:
            x, lengths = stage(x, lengths)
        inside = valid(lengths, x.size(2))[:, :, None].to(x.dtype)
        x = self.project(x.transpose(1, 2).flatten(2)) * inside
        for block in self.blocks:
            x = block(x, inside)
        x = self.norm(x)
        # The gates have mean 1 over a clip. The mean of the features is therefore an attention-weighted mean, in which silence
        # has little weight, and the mean of the frame logits is still the clip's logit, as the contract requires.
        count = inside.sum(1, keepdim=True)
        gates = torch.sigmoid(self.attend(x)) * inside
        gates = gates * count / gates.sum(1, keepdim=True)
        mean = (x * gates).sum(1, keepdim=True) / count
        deviation = ((((x - mean).square() * gates).sum(1, keepdim=True)) / count + 1e-4).sqrt()
        context = F.gelu(self.context(torch.cat([mean, deviation], -1)))
        return x * gates + context * inside, lengths

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        """float32 [B, N] at 16 kHz, int64 [B] -> logits [B, L], frame logits [B, T, L], features [B, T, D], int64 [B]."""
        mel, mel_lengths = self.mel(waveforms, lengths)
        features, frames = self.encode(mel, mel_lengths)
        frame_logits = self.head(features)
        inside = valid(frames, frame_logits.size(1))[:, :, None].to(frame_logits.dtype)
        logits = (frame_logits * inside).sum(1) / frames[:, None]
        return logits, frame_logits, features, frames

    def pooled(self, mel: Tensor, mel_lengths: Tensor) -> Tensor:
        """[B, M, bands] log-mel, [B] -> [B, L] logits, with dropout, for training."""
        features, frames = self.encode(mel, mel_lengths)
        return self.head(self.dropout(features.sum(1) / frames[:, None]))
