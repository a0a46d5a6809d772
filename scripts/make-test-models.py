#!/usr/bin/env python3
"""Writes the small TorchScript archives in test/fixtures/models/. A tool for developers: pip install torch==2.11.0.

types.pt     methods for every kind of value that crosses between JavaScript and TorchScript; no emotion card
liar.pt      a correct card, but forward() returns the wrong shapes
no-labels.pt a card that does not follow the contract
not-json.pt  a card that is not JSON
linears-*.pt linear layers in the forms that quantizing meets: see the classes below LINEARS
stateful-*.pt modules that change their state when they run
layouts.pt   results that are not plain tensors
endless.pt   forward() never returns
stateful.pt, cudaconst.pt, namedtuple_in.pt  a counter; a CUDA device in the code; an input that is a NamedTuple. Written by hand
device.pt    methods that GPU tests need: memory that is held, tensors in containers, float32 products
"""
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
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


class OnDevice(nn.Module):
    held: List[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("one", torch.ones(1))
        self.held = []

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.matmul(a, b)

    @torch.jit.export
    def convolved(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv1d(x, weight)

    @torch.jit.export
    def hold(self, size: int) -> int:
        """Allocates so many bytes of the device, and returns the number of blocks."""
        self.held.append(torch.empty([size], dtype=torch.uint8, device=self.one.device))
        return len(self.held)

    @torch.jit.export
    def drop(self, first: int, count: int) -> int:
        """Frees blocks."""
        self.held = self.held[:first] + self.held[first + count:]
        return len(self.held)

    @torch.jit.export
    def add_to_list(self, xs: List[Tensor]) -> List[Tensor]:
        return [x + self.one.expand(x.size()) for x in xs]

    @torch.jit.export
    def add_to_dict(self, xs: Dict[str, Tensor]) -> Dict[str, Tensor]:
        return {name: x + self.one.expand(x.size()) for name, x in xs.items()}

    @torch.jit.export
    def add_to_optional(self, x: Optional[Tensor] = None) -> Tensor:
        return self.one if x is None else x + self.one.expand(x.size())


class Stateful(nn.Module):
    """State of every kind that TorchScript has, beside weights that no method writes."""

    items: List[int]
    table: Dict[str, Tensor]
    rows: List[Tensor]
    last: Optional[Tensor]

    class Gate(nn.Module):
        """Shares a buffer with its owner, and has one of its own. Both are written in place."""

        def __init__(self, shared: Tensor) -> None:
            super().__init__()
            self.register_buffer("shared", shared)
            self.register_buffer("steps", torch.zeros(1))

        def forward(self) -> Tensor:
            self.shared.add_(1)
            self.steps += 1
            return self.shared + self.steps

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 4))
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("n", torch.zeros(1))
        self.register_buffer("pair", torch.zeros(2))
        self.view = self.pair[1:]  # writes go through this view
        self.gate = Stateful.Gate(self.n)
        self.number, self.fraction, self.word = 0, 0.0, ""
        self.items, self.table, self.rows, self.last = [], {}, [torch.zeros(1)], None

    def forward(self, x: Tensor) -> Tensor:
        """[1] -> [1]: the number of calls, and its weights"""
        self.n.add_(1)
        return x + self.n + self.weight.sum() * 0

    @torch.jit.export
    def everything(self) -> Tuple[int, float, str, List[int], Dict[str, Tensor], List[Tensor], Optional[Tensor], Tensor, Tensor, Tensor]:
        """Changes all state but the weights."""
        self.number += 1
        self.fraction = self.fraction + 0.5
        self.word += "a"
        self.items.append(self.number)
        self.table["x"] = self.table["x"] + 1 if "x" in self.table else torch.ones(1)
        self.rows[0].add_(1)
        last = self.last
        self.last = torch.ones(1) if last is None else last + 1
        self.view.fill_(float(self.number))
        return (self.number, self.fraction, self.word, self.items, self.table, self.rows, self.last, self.pair, self.gate(), self.n)

    @torch.jit.export
    def look(self) -> Tensor:
        return self.n

    @torch.jit.export
    def reset(self) -> None:
        self.n.zero_()

    @torch.jit.export
    def scaled(self, by: float) -> Tensor:
        """Writes one of its weights."""
        self.scale.mul_(by)
        return self.scale


class Voice(nn.Module):
    """A recurrent network that keeps its state for the next frame, as voice activity detectors do."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(16, 32)
        self.head = nn.Linear(32, 1)
        self.h, self.c = torch.zeros(1, 32), torch.zeros(1, 32)

    def forward(self, x: Tensor) -> Tensor:
        """[1, 16] -> [1, 1]"""
        self.h, self.c = self.cell(x, (self.h, self.c))
        return torch.sigmoid(self.head(self.h))

    @torch.jit.export
    def reset_states(self) -> None:
        self.h.zero_()
        self.c.zero_()


class Layouts(nn.Module):
    """Results that are not plain tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("x", torch.tensor([[1.0, 0.0, -2.0], [0.0, 3.0, 0.5]]))

    @torch.jit.export
    def sparse(self) -> Tensor:
        return self.x.to_sparse()

    @torch.jit.export
    def csr(self) -> Tensor:
        return self.x.to_sparse_csr()

    @torch.jit.export
    def mkldnn(self) -> Tensor:
        return self.x.to_mkldnn()

    @torch.jit.export
    def nested(self) -> Tensor:
        return torch._nested_tensor_from_tensor_list([self.x, self.x[:1]], None, None, None, None)

    @torch.jit.export
    def meta(self) -> Tensor:
        return torch.empty([2], device=torch.device("meta"))

    @torch.jit.export
    def quantised(self) -> Tensor:
        return torch.quantize_per_tensor(self.x, 0.5, 0, torch.qint8)

    @torch.jit.export
    def negated(self) -> Tensor:
        return torch._neg_view(self.x)

    @torch.jit.export
    def conjugated(self) -> Tuple[Tensor, Tensor]:
        """Real and imaginary part of a conjugate. The second is a view with a lazy negative bit."""
        c = torch.conj(torch.complex(self.x, self.x * 2))
        return torch.real(c), torch.imag(c)

    @torch.jit.export
    def inside(self) -> Dict[str, Tuple[List[Tensor], Optional[Tensor]]]:
        return {"a": ([torch._neg_view(self.x), self.x.to_sparse(), self.x.to_mkldnn()], torch._neg_view(self.x)[0, 2])}

    @torch.jit.export
    def zeros(self) -> Tensor:
        return torch._efficientzerotensor([2, 2])

    @torch.jit.export
    def expanded(self, size: int) -> Tensor:
        return self.x[:1, :1].expand(size, 1000)

    @torch.jit.export
    def wrong_indices(self) -> Tensor:
        return torch.ops.aten._sparse_coo_tensor_unsafe(torch.tensor([[0, 100000000]]), torch.ones(2), [2])

    @torch.jit.export
    def endless_list(self) -> List[Any]:
        inner: List[Any] = []
        inner.append(inner)
        return inner

    @torch.jit.export
    def long_list(self, length: int) -> List[int]:
        return [0] * length

    @torch.jit.export
    def future(self) -> torch.jit.Future[Tensor]:
        return torch.jit.fork(torch.relu, self.x)

    @torch.jit.export
    def device(self) -> torch.device:
        return self.x.device

    @torch.jit.export
    def number(self) -> complex:
        return complex(1.0, 2.0)

    @torch.jit.export
    def dtypes(self, which: int) -> Tensor:
        if which == 0:
            return self.x.to(torch.complex64)
        if which == 1:
            return self.x.to(torch.float8_e4m3fn)
        if which == 2:
            return self.x.to(torch.uint16)
        return self.x.to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        return x


class Hooked(nn.Module):
    """Hooks on a submodule, before and after it."""

    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(20, 20)

        def forward(self, x: Tensor) -> Tensor:
            return self.linear(x)

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = Hooked.Inner(), nn.Linear(20, 20)
        self.inner.register_forward_pre_hook(before)
        self.inner.register_forward_hook(after)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.inner(x))


def before(self: nn.Module, input: Tuple[Tensor]) -> Tuple[Tensor]:
    return (input[0] + 1,)


def after(self: nn.Module, input: Tuple[Tensor], output: Tensor) -> Tensor:
    return self.linear(output) * 2


class Endless(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        while bool((x == x).all()):
            x = x + 1
        return x


# LINEARS. Sizes are not multiples of the block sizes of kernels. Methods other than forward run on libtorch's own operators alone.


class Mlp(nn.Module):
    """The parts of transformer blocks: both GELUs, residual additions, norms, a linear layer without bias."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(17, 50)
        self.fc2 = nn.Linear(50, 50)
        self.fc3 = nn.Linear(50, 33, bias=False)
        self.norm1 = nn.LayerNorm(50)
        self.norm2 = nn.LayerNorm(33)

    def forward(self, x: Tensor) -> Tensor:
        """[..., 17] -> [..., 33]"""
        h = F.gelu(self.fc1(x))
        h = self.norm1(h + F.gelu(self.fc2(h), approximate="tanh"))
        return F.gelu(self.norm2(self.fc3(h)))


class One(nn.Module):
    """One linear layer that is nearly all of the archive, without and with GELU."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(150, 135)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        """[..., 150] -> twice [..., 135]"""
        return self.linear(x), F.gelu(self.linear(x))

    @torch.jit.export
    def gelu(self, x: Tensor) -> Tensor:
        return F.gelu(x)

    @torch.jit.export
    def weight_and_bias(self) -> Tuple[Tensor, Tensor]:
        return self.linear.weight, self.linear.bias


class Products(nn.Module):
    """Linear layers as other operators, with weights [K, N]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(20, 35) / 5)
        self.second = nn.Parameter(torch.randn(35, 35) / 6)
        self.bias = nn.Parameter(torch.randn(35))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(x @ self.first)
        return torch.addmm(self.bias, h, self.second)


class Residuals(nn.Module):
    """The tensor that is added to a product need not be a bias: it may be a whole tensor, or smaller than a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.w0, self.w1, self.w2, self.w3, self.w4 = [nn.Parameter(torch.randn(20, 20) / 5) for _ in range(5)]

    def forward(self, x: Tensor, form: int) -> Tensor:
        """[B, N, 20] -> the same"""
        rows = x.flatten(0, 1)
        if form == 0:
            return torch.matmul(x, self.w0.t()).add_(x)
        if form == 1:
            return torch.addmm(rows, rows, self.w1.t()).view_as(x)
        if form == 2:
            return torch.addmm(rows[0, :1], rows, self.w2.t()).view_as(x)
        if form == 3:
            return F.linear(rows, self.w3, rows[:1]).view_as(x)
        return torch.addmm(rows[0], rows, self.w4.t(), beta=2, alpha=3).view_as(x)


class Convolution(nn.Module):
    """A convolution over time, large enough to be packed, between two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.Linear(20, 64), nn.Linear(256, 20)
        self.convolution = nn.Conv1d(64, 256, 17, stride=2, padding=3, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, 20] or [T, 20] -> [B, T', 20] or [T', 20]"""
        return self.after(self.convolution(self.before(x).transpose(-1, -2)).transpose(-1, -2))


class Counts(nn.Module):
    """A number is added to a product in place."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(35, 35) / 6)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.matmul(x, self.weight.t())
        y += 1
        return y


class Sharing(nn.Module):
    """Two layers share a weight, one layer has two names, and one weight is also read by another operator, and from both sides."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(24, 24), nn.Linear(24, 24), nn.Linear(24, 24)
        self.two.weight = self.one.weight
        self.alias = self.three
        self.matrix = nn.Parameter(torch.randn(40, 24) / 5)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
        h = self.alias(self.three(self.two(torch.relu(self.one(x)))))
        narrow = F.linear(h, self.matrix)
        return h, narrow, narrow @ self.matrix, self.matrix + 1


class Branches(nn.Module):
    """Layers in branches and loops."""

    def __init__(self) -> None:
        super().__init__()
        self.then, self.otherwise, self.again = nn.Linear(30, 30), nn.Linear(30, 30), nn.Linear(30, 30)

    def forward(self, x: Tensor, rounds: int) -> Tensor:
        if rounds > 1:
            x = self.then(x)
        else:
            x = self.otherwise(x)
        for _ in range(rounds):
            x = F.gelu(self.again(x))
        return x


class Forked(nn.Module):
    """A layer that also runs in another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(30, 30)

    def forward(self, x: Tensor) -> Tensor:
        side = torch.jit.fork(self.linear, x)
        return self.linear(x + 1) + torch.jit.wait(side)


class Writers(nn.Module):
    """Methods that write a weight: one replaces it by another tensor, one calls that method, one writes into it."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(20, 20)
        self.steps = torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    @torch.jit.export
    def put(self, w: Tensor) -> None:
        self.linear.weight = w

    @torch.jit.export
    def put_twice(self, w: Tensor) -> None:
        self.put(w * 2)

    @torch.jit.export
    def write(self, w: Tensor) -> None:
        self.linear.weight.copy_(w)

    @torch.jit.export
    def step(self) -> Tensor:
        self.steps = self.steps + 1
        return self.steps


class InPlace(nn.Module):
    """A tensor is written to between an addition and a norm, so that they are not one operation."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(20, 36)
        self.norm = nn.LayerNorm(36)

    def forward(self, x: Tensor) -> Tensor:
        h = self.linear(x)
        y = h.roll(1, -1)
        total = h + y
        y.mul_(100)
        return self.norm(total) + 0.001 * y


class Adapting(nn.Module):
    """forward writes into its weight."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(20, 20)

    def forward(self, x: Tensor) -> Tensor:
        self.linear.weight.mul_(0.5)
        return self.linear(x)


class Deep(nn.Module):
    """A sum of more products than 32 bits are certain to hold, behind a usual layer. All its weights are one number."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(20, 20)
        self.weight = nn.Parameter(torch.full((1, 1), 1e-5).expand(16, 66000))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.linear(x).repeat(1, 3300), self.weight)


class Small(nn.Module):
    """One type of module in two sizes, one of which is too small to gain."""

    class Layer(nn.Module):
        def __init__(self, outputs: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(outputs, 40) / 6)

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(x, self.weight)

    def __init__(self) -> None:
        super().__init__()
        self.large = nn.Linear(30, 40)
        self.small = nn.Linear(40, 3)
        self.body, self.head = Small.Layer(40), Small.Layer(9)

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(self.large(x))
        return torch.cat([self.small(h), self.head(h)], -1)


class Norms(nn.Module):
    """Norms in all forms, in a model with a weight that is small already, so that it runs on our own kernels."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(20, 37).bfloat16())
        self.norm = nn.LayerNorm(37)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)
        self.bare = nn.LayerNorm(37, eps=1e-3, elementwise_affine=False)
        self.square = nn.LayerNorm([2, 37])

    def forward(self, x: Tensor, y: Tensor, weight: Optional[Tensor] = None) -> Tuple[Tensor, List[Tensor]]:
        """Both [B, 2, 37]"""
        if weight is not None:
            x = F.layer_norm(x, [37], weight)
        return F.linear(x, self.weight.type_as(x)), self.plain(x, y)

    @torch.jit.export
    def plain(self, x: Tensor, y: Tensor) -> List[Tensor]:
        row = y[:1, :1]
        return [
            self.norm(x), F.gelu(self.norm(x)), self.bare(x), F.gelu(self.bare(x), approximate="tanh"),
            self.norm(x + y), F.gelu(self.norm(x + y)), self.bare(torch.add(x, y, alpha=2)), self.norm(x + row),
            self.norm(row + x), self.norm(x + 1), self.square(x + y), self.norm(x.transpose(0, 1)), self.norm(x[0, 0]),
            self.norm((x + y).double().float()), self.norm(x[:, ::2] + y[:, :1].expand(-1, 1, -1)),
        ]  # fmt: skip


LINEARS = {"one": One, "products": Products, "residuals": Residuals, "counts": Counts, "sharing": Sharing,
           "branches": Branches, "forked": Forked, "writers": Writers, "in-place": InPlace, "adapting": Adapting,
           "deep": Deep, "small": Small, "norms": Norms, "convolution": Convolution}

CARD = {"format": 1, "name": "liar", "version": "1", "license": "MIT", "source": "a test", "sampleRate": 16000, "frameRate": 50,
        "embeddingDim": 4, "minSamples": 400, "precision": "fp32",
        "labels": [{"name": name, "en": name, "zh": name, "unused": False} for name in ("angry", "sad")]}


def main(folder: Path) -> None:
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    liar = torch.jit.script(Liar())
    torch.jit.script(Types()).save(str(folder / "types.pt"))  # saved in training mode, so that loading must switch dropout off
    for name, card in (("liar", json.dumps(CARD)), ("no-labels", json.dumps({**CARD, "labels": []})), ("not-json", "{")):
        torch.jit.save(liar, str(folder / f"{name}.pt"), _extra_files={"emotion2vec.json": card})
    for name, other in (("stateful-all", Stateful), ("stateful-voice", Voice), ("layouts", Layouts), ("linears-hooked", Hooked),
                        ("endless", Endless)):
        torch.manual_seed(0)
        torch.jit.script(other().eval()).save(str(folder / f"{name}.pt"))
    torch.jit.script(OnDevice()).save(str(folder / "device.pt"))
    mlp = Mlp().eval()
    scripted = torch.jit.script(mlp)
    scripted.save(str(folder / "linears-mlp.pt"))
    torch.jit.freeze(scripted).save(str(folder / "linears-frozen.pt"))
    torch.jit.freeze(torch.jit.script(Products().eval())).save(str(folder / "linears-frozen-products.pt"))
    torch.jit.trace(mlp, torch.randn(3, 17)).save(str(folder / "linears-traced.pt"))
    for name, network in LINEARS.items():
        torch.jit.script(network().eval()).save(str(folder / f"linears-{name}.pt"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "test/fixtures/models"))
