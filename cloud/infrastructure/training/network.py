"""The heads in PyTorch, and their weights as the graphs want them."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from cloud.infrastructure.training.golden_bank import CHANNELS
from cloud.infrastructure.training.heads import (
    DEPARTURE_LIMIT,
    DILATIONS,
    WHAT_WIDTH,
    WHERE_WIDTH,
)

_FIRST_LOGIT = -3.0


class _Block(nn.Module):
    """Two normalised convolutions beside a shortcut."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, 1, dilation, dilation, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, 1, dilation, dilation, bias=False)
        self.second_norm = nn.BatchNorm2d(width)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        """Look at (N, C, H, W) float32."""
        deep = functional.relu(self.first_norm(self.first(seen)))
        return functional.relu(seen + self.second_norm(self.second(deep)))


class Head(nn.Module):
    """Answers (N, K, H, W) logits to (N, H, W, 24) whitened departures from a style."""

    def __init__(self, width: int, answers: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(CHANNELS + 1, width, 1)
        self.blocks = nn.ModuleList(_Block(width, dilation) for dilation in DILATIONS)
        self.answer = nn.Conv2d(width, answers, 1)

    def forward(self, departures: torch.Tensor) -> torch.Tensor:
        """Look at (N, H, W, 24) float32."""
        clipped = departures.clamp(-DEPARTURE_LIMIT, DEPARTURE_LIMIT)
        excess = (clipped * clipped).mean(3, keepdim=True).sqrt() - 1
        current = torch.cat([clipped, excess], 3).permute(0, 3, 1, 2)
        current = functional.relu(self.entry(current))
        for block in self.blocks:
            current = block(current)
        return torch.as_tensor(self.answer(current))


def where_head() -> Head:
    """A new where-head: one logit a cell, at first of something rare."""
    head = Head(WHERE_WIDTH, 1)
    if head.answer.bias is not None:
        nn.init.constant_(head.answer.bias, _FIRST_LOGIT)
    return head


def what_head(kinds: int) -> Head:
    """A new what-head: a logit a cell and kind."""
    return Head(WHAT_WIDTH, kinds)


def head_of(weights: Mapping[str, NDArray[np.float32]]) -> Head:
    """Return a head of :func:`folded` ``weights``, kernels (N, C, H, W) and biases (N,).

    It stays ready to be asked while it learns on: its normalisations then keep what they know.
    """
    head = Head(weights["entry_w"].shape[0], weights["answer_w"].shape[0])
    layers: list[tuple[str, nn.Conv2d, nn.BatchNorm2d | None]] = [("entry", head.entry, None)]
    for index, block in enumerate(head.blocks):
        if isinstance(block, _Block):
            layers.append((f"block{index}_first", block.first, block.first_norm))
            layers.append((f"block{index}_second", block.second, block.second_norm))
    layers.append(("answer", head.answer, None))
    with torch.no_grad():
        for name, layer, norm in layers:
            bias = layer.bias if norm is None else norm.bias
            if bias is None:
                raise ValueError(f"{name} has no bias")
            layer.weight.copy_(torch.from_numpy(np.array(weights[f"{name}_w"])))
            bias.copy_(torch.from_numpy(np.array(weights[f"{name}_b"])))
            if norm is not None:
                norm.weight.fill_((1 + norm.eps) ** 0.5)
    return head.eval()


def folded(head: Head) -> dict[str, NDArray[np.float32]]:
    """Return every weight by the graph's name, normalisation folded in."""
    found: dict[str, NDArray[np.float32]] = {}

    def keep(name: str, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        """Keep ``weight`` (N, ...) and ``bias`` (N,)."""
        if bias is None:
            raise ValueError(f"{name} has no bias")
        found[f"{name}_w"] = weight.detach().numpy().astype(np.float32)
        found[f"{name}_b"] = bias.detach().numpy().astype(np.float32)

    keep("entry", head.entry.weight, head.entry.bias)
    for index, block in enumerate(head.blocks):
        if isinstance(block, _Block):
            keep(f"block{index}_first", *_fold(block.first, block.first_norm))
            keep(f"block{index}_second", *_fold(block.second, block.second_norm))
    keep("answer", head.answer.weight, head.answer.bias)
    return found


def _fold(kernel: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Join a convolution and its normalisation into kernel and bias."""
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        raise ValueError("a normalisation without statistics cannot be written")
    gain = norm.weight / torch.sqrt(variance + norm.eps)
    return kernel.weight * gain[:, None, None, None], norm.bias - mean * gain
