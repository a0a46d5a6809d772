#!/usr/bin/env python3
"""Writes the small TorchScript archives in test/fixtures/models/. A developer's tool: pip install torch==2.11.0.

types.pt     methods for every kind of value that crosses between JavaScript and TorchScript; no emotion card
liar.pt      a correct card, but forward() returns the wrong shapes
no-labels.pt a card that breaks the contract
not-json.pt  a card that is not JSON
"""
import json
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import torch
from torch import Tensor, nn


class Types(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))
            self.linear.bias.copy_(torch.tensor([0.5, -0.5]))
        self.dropout = nn.Dropout(0.9)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3] -> [N, 2]"""
        return self.linear(self.dropout(x))

    @torch.jit.export
    def scalars(self, i: int, f: float, b: bool, s: str, o: Optional[int] = None) -> Tuple[int, float, bool, str, Optional[int]]:
        return i + 1, f * 2, not b, s + "!", o

    @torch.jit.export
    def echo(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def transposed(self, x: Tensor) -> Tensor:
        return x.t()

    @torch.jit.export
    def tensors(self, xs: List[Tensor]) -> List[Tensor]:
        return [x * 2 for x in xs]

    @torch.jit.export
    def by_name(self, xs: Dict[str, Tensor]) -> Dict[str, Tensor]:
        return {name: x + 1 for name, x in xs.items()}

    @torch.jit.export
    def by_number(self, xs: Dict[int, float]) -> Dict[int, float]:
        return {number: x / 2 for number, x in xs.items()}

    @torch.jit.export
    def nested(self, pairs: List[Tuple[str, List[int]]]) -> Dict[str, List[int]]:
        return {name: numbers for name, numbers in pairs}

    @torch.jit.export
    def nothing(self) -> None:
        return None

    @torch.jit.export
    def large(self) -> int:
        return 1152921504606846977

    @torch.jit.export
    def complex_result(self) -> Tensor:
        return torch.view_as_complex(torch.zeros(2, 2))

    @torch.jit.export
    def fail(self, why: str) -> Tensor:
        raise ValueError(why)

    @torch.jit.export
    def allocate(self, elements: int) -> Tensor:
        return torch.empty(elements)

    @torch.jit.export
    def inference_mode(self) -> bool:
        return torch.zeros(1).is_inference()

    @torch.jit.export
    def slow(self, rounds: int) -> Tensor:
        x = torch.eye(256)
        for _ in range(rounds):
            x = torch.matmul(x, x)
        return x.sum()


class Liar(nn.Module):
    def forward(self, waveforms: Tensor, lengths: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        return torch.zeros(1, 3), torch.zeros(1, 1, 3), torch.zeros(1, 1, 4), torch.ones(1, dtype=torch.int64)


CARD = {"format": 1, "name": "liar", "version": "1", "licence": "MIT", "source": "a test", "sampleRate": 16000, "frameRate": 50,
        "embeddingDim": 4, "minSamples": 400, "precision": "fp32",
        "labels": [{"name": name, "en": name, "zh": name, "unused": False} for name in ("angry", "sad")]}


def main(folder: Path) -> None:
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    liar = torch.jit.script(Liar())
    torch.jit.script(Types()).save(str(folder / "types.pt"))  # saved in training mode: loading must switch dropout off
    for name, card in (("liar", json.dumps(CARD)), ("no-labels", json.dumps({**CARD, "labels": []})), ("not-json", "{")):
        torch.jit.save(liar, str(folder / f"{name}.pt"), _extra_files={"emotion2vec.json": card})


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "test/fixtures/models"))
