"""The close look in PyTorch: what a place found is, by its pixels, its departures and its cells.

Pixels are seen as their logarithm less the tile's own, in units of the cloth's fine contrast, so
that neither light nor dye counts. The cells that were found are given, because only they are to be
named; the rest of the tile shows the network what the cloth is like.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from cloud.infrastructure.training.close_graph import (
    BLOCKS,
    DEPARTURE_LIMIT,
    FAR,
    LEAST_CONTRAST,
    LIFT,
    LIGHT_PX,
    PIXEL_LIMIT,
    PIXEL_UNIT,
    STEM_STRIDE,
)
from cloud.infrastructure.training.golden_bank import CHANNELS

STEM = ((12, 5), (24, 3), (48, 3))
CELL_WIDTH, BLOCK_WIDTH, WORDS = 48, 72, 64
_DROPPED = 0.3


def pixels_of(tiles: torch.Tensor) -> torch.Tensor:
    """Return tiles (N, 3, H, W) float32, 0 to 255, in units of their fine contrast, same shape."""
    logs = torch.log(tiles + LIFT)
    light = functional.avg_pool2d(logs, LIGHT_PX)
    middle = light.mean((2, 3), keepdim=True)
    light = functional.interpolate(light, scale_factor=LIGHT_PX, mode="nearest")
    contrast = (logs - light).abs().mean((1, 2, 3), keepdim=True) + LEAST_CONTRAST
    return torch.as_tensor(
        ((logs - middle) / contrast).clamp(-PIXEL_LIMIT, PIXEL_LIMIT) / PIXEL_UNIT
    )


class _Layer(nn.Module):
    """A normalised, rectified convolution."""

    def __init__(
        self, before: int, width: int, size: int, stride: int = 1, dilation: int = 1
    ) -> None:
        super().__init__()
        border = dilation * (size // 2)
        self.kernel = nn.Conv2d(before, width, size, stride, border, dilation, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        """Look at (N, C, H, W) float32."""
        return functional.relu(self.norm(self.kernel(seen)))


class CloseLook(nn.Module):
    """Says of which kind places are that were found."""

    def __init__(self, kinds: int) -> None:
        super().__init__()
        before, stem = 3, []
        for width, size in STEM:
            stem.append(_Layer(before, width, size, STEM_STRIDE))
            before = width
        self.stem = nn.Sequential(*stem)
        self.entry = _Layer(before + CHANNELS + 2, CELL_WIDTH, 1)
        self.near = _Layer(CELL_WIDTH, CELL_WIDTH, 3)
        self.smaller = _Layer(CELL_WIDTH, BLOCK_WIDTH, 3, 2)
        self.blocks = nn.ModuleList(_Layer(BLOCK_WIDTH, BLOCK_WIDTH, 3, 1, d) for d in BLOCKS)
        self.words = nn.Linear(3 * BLOCK_WIDTH, WORDS)
        self.drop = nn.Dropout(_DROPPED)
        self.answer = nn.Linear(WORDS, kinds)

    def forward(
        self, tiles: torch.Tensor, departures: torch.Tensor, found: torch.Tensor
    ) -> torch.Tensor:
        """Return logits (N, K) float32 of what was ``found`` (N, H/8, W/8) float32, 0 or 1.

        By ``tiles`` (N, H, W, 3) float32, 0 to 255, and ``departures`` (N, H/8, W/8, C) float32.
        """
        pixels = self.stem(pixels_of(tiles.permute(0, 3, 1, 2)))
        clipped = departures.clamp(-DEPARTURE_LIMIT, DEPARTURE_LIMIT)
        excess = (clipped * clipped).mean(3, keepdim=True).sqrt() - 1
        known = torch.cat([clipped, excess], 3).permute(0, 3, 1, 2)
        own = found[:, None]
        current = self.entry(torch.cat([pixels, known, own], 1))
        current = current + self.near(current)
        current = self.smaller(current)
        for block in self.blocks:
            current = current + block(current)
        inside = functional.max_pool2d(own, 2)
        weight = inside.sum((2, 3)).clamp(min=1.0)
        mean = (current * inside).sum((2, 3)) / weight
        highest = (current - FAR * (1 - inside)).amax((2, 3)).clamp(min=0.0)
        around = current.mean((2, 3))
        words = functional.relu(self.words(torch.cat([mean, highest, around], 1)))
        return torch.as_tensor(self.answer(self.drop(words)))


def folded_close(network: CloseLook) -> dict[str, NDArray[np.float32]]:
    """Return every weight by the graph's name, normalisation folded in."""
    layers: dict[str, nn.Module] = {f"stem{place}": one for place, one in enumerate(network.stem)}
    layers |= {"entry": network.entry, "near": network.near, "smaller": network.smaller}
    layers |= {f"block{place}": one for place, one in enumerate(network.blocks)}
    found: dict[str, torch.Tensor] = {}
    for name, layer in layers.items():
        if not isinstance(layer, _Layer):
            raise TypeError(f"{name} is no layer of the close look")
        norm = layer.norm
        if norm.running_mean is None or norm.running_var is None:
            raise ValueError("a normalisation without statistics cannot be written")
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        found[f"{name}_w"] = layer.kernel.weight * gain[:, None, None, None]
        found[f"{name}_b"] = norm.bias - norm.running_mean * gain
    for name, linear in (("words", network.words), ("answer", network.answer)):
        found[f"{name}_w"], found[f"{name}_b"] = linear.weight, linear.bias
    return {name: tensor.detach().numpy().astype(np.float32) for name, tensor in found.items()}
