"""ALiBi attention over packed clips in plain TorchScript, which any libtorch can run.

The runtime of emotion2vec-node recognizes `attend` by its name and replaces it with its own operator
(native/operators/attention.cc), which gives the same numbers and never stores a row of scores.
"""
from typing import List

import torch
from torch import Tensor


def attend(q: Tensor, kv: Tensor, first: int, offsets: List[int], slopes: List[float], extra: int) -> Tensor:
    """Attention of some rows to all rows of their clips. -> [R, D]

    q: [R, D], queries of the packed rows from `first` on, not scaled; kv: [S, 2 D], keys and values of all packed rows;
    offsets: B + 1 numbers, clip i is rows offsets[i] to offsets[i + 1]; slopes: one per head. The score of a key decreases by the
    slope for each frame between it and the query, except to and from the first `extra` rows of a clip.
    """
    heads = len(slopes)
    slope = torch.tensor(slopes, device=q.device)[:, None, None]  # [H, 1, 1]
    size = q.size(1)
    out = torch.empty_like(q)
    for i in range(len(offsets) - 1):
        start, end = offsets[i], offsets[i + 1]
        k = kv[start:end, :size].unflatten(1, [heads, -1]).permute(1, 2, 0)  # [H, D / H, T]
        v = kv[start:end, size:].unflatten(1, [heads, -1]).transpose(0, 1)  # [H, T, D / H]
        keys = torch.arange(end - start, device=q.device)  # [T]
        # The scores of a block take at most 64 MB (in float32, with 16 heads).
        block = max(16, 1048576 // (end - start))
        for a in range(max(start, first), min(end, first + q.size(0)), block):
            b = min(a + block, end, first + q.size(0))
            rows = keys[a - start:b - start, None]
            distance = (rows - keys).abs() * ((rows >= extra) & (keys >= extra))  # [R', T]
            block_q = q[a - first:b - first].unflatten(1, [heads, -1]).transpose(0, 1)  # [H, R', D / H]
            scores = torch.matmul(block_q * (block_q.size(2) ** -0.5), k) - slope * distance
            attended = torch.matmul(scores.softmax(-1).to(v.dtype), v)  # [H, R', D / H]
            out[a - first:b - first] = attended.transpose(0, 1).flatten(1)
    return out
