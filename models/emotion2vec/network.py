"""emotion2vec+ in TorchScript, as the archive contract requires (ARCHITECTURE.md, "Model archives").

waveform -> seven strided convolutions, as matrix products -> five positional convolutions -> ten extra tokens in front ->
transformer blocks with ALiBi attention -> linear head. The output is that of FunASR's Emotion2vec; the computation differs:

- Channels are always the last dimension, so that a convolution is one or two matrix products on views and LayerNorm needs no
  transposition.
- A batch is never padded inside the network: the frames of all clips are consecutive rows ("packed"), and operations that mix
  frames (positional convolutions, attention) work clip by clip. A clip's result cannot depend on the other clips.
- Tensors that would grow faster than the features are computed for a limited number of frames at a time.

The network is built without weights. `assign` and `finish` fill in the tensors of a checkpoint, so that one archive serves every
size. Shapes: B clips, N samples, T frames of a clip (20 ms each), S packed rows of all clips (extra tokens included),
D dimensions, H heads, C extractor channels, L labels.
"""
from typing import Dict, Final, List, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from attention import attend

MAX_BLOCKS = 32  # in each of the two stacks; blocks that a checkpoint does not have stay empty and are skipped
EXTRACTOR = [(10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2)]  # kernel and stride of each convolution
STRIDE = 320  # samples from one frame to the next
RECEPTIVE = 400  # samples on which a frame depends, and the length of the shortest clip


def norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """LayerNorm over the last dimension."""
    return F.layer_norm(x, [x.size(-1)], weight, bias, 1e-5)


class Convolution(nn.Module):
    """Strided convolution without bias, LayerNorm over channels, GELU. [n, C_in] -> [n', C], channels last."""

    kernel: Final[int]
    stride: Final[int]

    def __init__(self, kernel: int, stride: int, empty: Tensor) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.weight = empty  # [C, kernel * C_in]
        self.norm_weight, self.norm_bias = empty, empty  # [C]

    def load(self, weights: Dict[str, Tensor], prefix: str) -> None:
        self.weight = weights.pop(prefix + "0.weight").permute(0, 2, 1).flatten(1).contiguous()
        self.norm_weight = weights.pop(prefix + "2.1.weight")
        self.norm_bias = weights.pop(prefix + "2.1.bias")

    def forward(self, x: Tensor) -> Tensor:
        # The samples of a step are contiguous in memory and overlap those of the next step, so a view has them as rows.
        channels = x.size(1)
        windows = x.flatten().unfold(0, self.kernel * channels, self.stride * channels)  # [n', kernel * C_in]
        y = F.linear(windows, self.weight)
        return F.gelu(norm(y, self.norm_weight, self.norm_bias))


class Extractor(nn.Module):
    """[N] normalized waveform -> [T, D]: convolutions, LayerNorm, projection, for `stretch` frames at a time."""

    stretch: Final[int] = 32  # frames; the first activations are 64 rows per frame, which should fit into the cache
    stride: Final[int] = STRIDE
    receptive: Final[int] = RECEPTIVE

    def __init__(self, empty: Tensor) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(Convolution(kernel, stride, empty) for kernel, stride in EXTRACTOR)
        self.norm_weight, self.norm_bias = empty, empty  # [C]
        self.weight, self.bias = empty, empty  # [D, C], [D]

    def load(self, weights: Dict[str, Tensor], prefix: str) -> None:
        for i, convolution in enumerate(self.convolutions):
            convolution.load(weights, prefix + "local_encoder.conv_layers." + str(i) + ".")
        self.norm_weight = weights.pop(prefix + "project_features.1.weight")
        self.norm_bias = weights.pop(prefix + "project_features.1.bias")
        self.weight = weights.pop(prefix + "project_features.2.weight")
        self.bias = weights.pop(prefix + "project_features.2.bias")

    def forward(self, waveform: Tensor, out: Tensor) -> None:
        """Writes into `out` [T, D]."""
        frames = out.size(0)
        for first in range(0, frames, self.stretch):
            count = min(self.stretch, frames - first)
            x = waveform[first * self.stride:(first + count - 1) * self.stride + self.receptive].unsqueeze(1)
            for convolution in self.convolutions:
                x = convolution(x)
            x = norm(x, self.norm_weight, self.norm_bias)
            out[first:first + count] = F.linear(x, self.weight, self.bias)


class Position(nn.Module):
    """Grouped convolution over time, LayerNorm without weights, GELU. [1, D, t] -> [1, D, t]."""

    def __init__(self, empty: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = empty, empty  # [D, D / groups, kernel], [D]
        self.groups, self.padding = 1, 0

    def load(self, weights: Dict[str, Tensor], prefix: str) -> None:
        self.weight, self.bias = weights.pop(prefix + "0.weight"), weights.pop(prefix + "0.bias")
        self.groups, self.padding = self.weight.size(0) // self.weight.size(1), self.weight.size(2) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = F.conv1d(x, self.weight, self.bias, padding=[self.padding], groups=self.groups)
        if y.size(2) > x.size(2):  # an even kernel
            y = y[:, :, :-1]
        return F.gelu(F.layer_norm(y.transpose(1, 2), [x.size(1)])).transpose(1, 2)


class Positions(nn.Module):
    """Adds the output of five convolutions over time to [T, D], in place."""

    stretch: Final[int] = 3000  # frames

    def __init__(self, empty: Tensor) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(Position(empty) for _ in range(5))
        self.reach = 0  # frames on either side on which an output depends

    def load(self, weights: Dict[str, Tensor], prefix: str) -> None:
        self.reach = 0
        for i, convolution in enumerate(self.convolutions):
            convolution.load(weights, prefix + "relative_positional_encoder." + str(i + 1) + ".")
            self.reach += convolution.padding

    def forward(self, x: Tensor) -> None:
        frames = x.size(0)
        before = x[:0]  # the `reach` frames before this part, without the sums
        for first in range(0, frames, self.stretch):
            last = min(first + self.stretch, frames)
            y = torch.cat([before, x[first:min(last + self.reach, frames)]])
            skip = before.size(0)
            before = x[max(first, last - self.reach):last].clone()
            y = y.t().unsqueeze(0)  # [1, D, t]
            for convolution in self.convolutions:
                y = convolution(y)
            x[first:last] += y[0].t()[skip:skip + last - first]


class Block(nn.Module):
    """A transformer block with a norm after each half (post-norm). Changes packed rows [S, D] in place."""

    stretch: Final[int] = 1024  # rows

    def __init__(self, empty: Tensor) -> None:
        super().__init__()
        self.q_weight, self.q_bias = empty, empty  # [D, D], [D]
        self.kv_weight, self.kv_bias = empty, empty  # [2 D, D], [2 D]
        self.out_weight, self.out_bias = empty, empty  # [D, D], [D]
        self.norm1_weight, self.norm1_bias = empty, empty  # [D]
        self.expand_weight, self.expand_bias = empty, empty  # [4 D, D], [4 D]
        self.contract_weight, self.contract_bias = empty, empty  # [D, 4 D], [D]
        self.norm2_weight, self.norm2_bias = empty, empty  # [D]

    def load(self, weights: Dict[str, Tensor], prefix: str) -> None:
        qkv_weight, qkv_bias = weights.pop(prefix + "attn.qkv.weight"), weights.pop(prefix + "attn.qkv.bias")
        size = qkv_weight.size(1)
        self.q_weight, self.q_bias = qkv_weight[:size].clone(), qkv_bias[:size].clone()
        self.kv_weight, self.kv_bias = qkv_weight[size:].clone(), qkv_bias[size:].clone()
        self.out_weight, self.out_bias = weights.pop(prefix + "attn.proj.weight"), weights.pop(prefix + "attn.proj.bias")
        self.norm1_weight, self.norm1_bias = weights.pop(prefix + "norm1.weight"), weights.pop(prefix + "norm1.bias")
        self.expand_weight, self.expand_bias = weights.pop(prefix + "mlp.fc1.weight"), weights.pop(prefix + "mlp.fc1.bias")
        self.contract_weight, self.contract_bias = weights.pop(prefix + "mlp.fc2.weight"), weights.pop(prefix + "mlp.fc2.bias")
        self.norm2_weight, self.norm2_bias = weights.pop(prefix + "norm2.weight"), weights.pop(prefix + "norm2.bias")

    def forward(self, x: Tensor, offsets: List[int], slopes: List[float], extra: int) -> None:
        # Keys and values of all rows are computed first. After that, a row depends on no other row of x, so that x may change.
        kv = F.linear(x, self.kv_weight, self.kv_bias)  # [S, 2 D]
        for first in range(0, x.size(0), self.stretch):
            rows = x[first:first + self.stretch]  # [R, D]
            q = F.linear(rows, self.q_weight, self.q_bias)
            attended = attend(q, kv, first, offsets, slopes, extra)
            y = norm(rows + F.linear(attended, self.out_weight, self.out_bias), self.norm1_weight, self.norm1_bias)
            hidden = F.gelu(F.linear(y, self.expand_weight, self.expand_bias))  # [R, 4 D]
            y = y + F.linear(hidden, self.contract_weight, self.contract_bias)
            rows.copy_(norm(y, self.norm2_weight, self.norm2_bias))


def alibi_slopes(heads: int) -> Tensor:
    """[H]: a geometric series if H is a power of two; otherwise the slopes of the next lower power, then every second slope of the
    next higher power (Press et al., "Train Short, Test Long")."""
    lower = 1
    while 2 * lower <= heads:
        lower *= 2
    slopes = [2.0 ** (-8.0 * (i + 1) / lower) for i in range(lower)]
    slopes += [2.0 ** (-4.0 * (2 * i + 1) / lower) for i in range(heads - lower)]
    return torch.tensor(slopes)


def pad_rows(x: Tensor, rows: int) -> Tensor:
    """[T, D] -> [rows, D], padded with zeros."""
    return x if x.size(0) == rows else F.pad(x, [0, 0, 0, rows - x.size(0)])


def stack_rows(clips: List[Tensor]) -> Tensor:
    """B times [T, D] -> [B, T, D], without a copy if B is 1."""
    return clips[0].unsqueeze(0) if len(clips) == 1 else torch.stack(clips)


class Emotion2vec(nn.Module):
    weights: Dict[str, Tensor]  # tensors that `assign` has received and `finish` has not placed yet
    stride: Final[int] = STRIDE
    receptive: Final[int] = RECEPTIVE

    def __init__(self) -> None:
        super().__init__()
        empty = torch.empty(0)
        self.extractor = Extractor(empty)
        self.positions = Positions(empty)
        self.extra_tokens = empty  # [10, D]
        self.slopes = [0.0]  # of ALiBi, one per head; not a tensor, because a conversion would round it
        self.context_norm_weight, self.context_norm_bias = empty, empty  # [D]
        self.context = nn.ModuleList(Block(empty) for _ in range(MAX_BLOCKS))
        self.context_depth = 0
        self.blocks = nn.ModuleList(Block(empty) for _ in range(MAX_BLOCKS))
        self.depth = 0
        self.head_weight, self.head_bias = empty, empty  # [L, D], [L]
        self.weights = {}

    @torch.jit.export
    def assign(self, name: str, value: Tensor) -> bool:
        """Stores a tensor of a checkpoint under its name there. Returns False if it contains NaN or infinity."""
        self.weights[name] = value.float()
        return bool(torch.isfinite(value).all())

    @torch.jit.export
    def finish(self, context_depth: int, depth: int) -> None:
        """Places the assigned tensors: `context_depth` blocks of the context encoder, and `depth` blocks after it."""
        encoder = "d2v_model.modality_encoders.AUDIO."
        weights = self.weights
        self.extractor.load(weights, encoder)
        self.positions.load(weights, encoder)
        self.extra_tokens = weights.pop(encoder + "extra_tokens")[0]
        scale = weights.pop(encoder + "alibi_scale").flatten().clamp(min=0)
        slopes: List[float] = (scale * alibi_slopes(scale.size(0))).tolist()
        self.slopes = slopes
        self.context_norm_weight = weights.pop(encoder + "context_encoder.norm.weight")
        self.context_norm_bias = weights.pop(encoder + "context_encoder.norm.bias")
        self.context_depth, self.depth = context_depth, depth
        for i, block in enumerate(self.context):
            if i < context_depth:
                block.load(weights, encoder + "context_encoder.blocks." + str(i) + ".")
        for i, block in enumerate(self.blocks):
            if i < depth:
                block.load(weights, "d2v_model.blocks." + str(i) + ".")
        self.head_weight, self.head_bias = weights.pop("proj.weight"), weights.pop("proj.bias")
        self.weights = torch.jit.annotate(Dict[str, Tensor], {})

    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        """float32 [B, N] at 16 kHz, int64 [B] -> logits [B, L], frame logits [B, T, L], features [B, T, D], int64 [B]."""
        extra = self.extra_tokens.size(0)
        frames = (lengths - self.receptive) // self.stride + 1
        counts: List[int] = frames.tolist()
        samples: List[int] = lengths.tolist()
        offsets = [0]  # clip i is rows offsets[i] to offsets[i + 1]
        for count in counts:
            offsets.append(offsets[-1] + extra + count)
        x = torch.empty([offsets[-1], self.extra_tokens.size(1)], dtype=self.extra_tokens.dtype, device=waveforms.device)
        for i, count in enumerate(counts):
            clip = x[offsets[i] + extra:offsets[i + 1]]
            waveform = F.layer_norm(waveforms[i, :samples[i]].float(), [samples[i]])
            self.extractor(waveform.to(x.dtype), clip)
            self.positions(clip)
            x[offsets[i]:offsets[i] + extra] = self.extra_tokens
        x = norm(x, self.context_norm_weight, self.context_norm_bias)
        for i, block in enumerate(self.context):
            if i < self.context_depth:
                block(x, offsets, self.slopes, extra)
        for i, block in enumerate(self.blocks):
            if i < self.depth:
                block(x, offsets, self.slopes, extra)
        head_weight, head_bias = self.head_weight.float(), self.head_bias.float()
        logits: List[Tensor] = []
        frame_logits: List[Tensor] = []
        features: List[Tensor] = []
        longest = max(counts)
        for i, count in enumerate(counts):  # clip by clip, because the order of the sums in a product depends on its number of rows
            clip = x[offsets[i] + extra:offsets[i + 1]].float()
            logits.append(F.linear(clip.mean(0), head_weight, head_bias))
            frame_logits.append(pad_rows(F.linear(clip, head_weight, head_bias), longest))
            features.append(pad_rows(clip, longest))
        return torch.stack(logits), stack_rows(frame_logits), stack_rows(features), frames
