"""A style's own judge: a small network on its pixels, their departures and the base's logits.

The golden bank's numbers forget where in its 8 px a line runs and whether it is dark or bright.
This network sees the pixels again, less the light around them and in units of the tile's own
contrast, beside what the bank and the base's head said. It is trained on one style only.
"""

from collections.abc import Mapping

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from torch import nn
from torch.nn import functional

from cloud.infrastructure.training.golden_bank import CHANNELS
from cloud.infrastructure.training.graph import Convolution, GraphWriter

WIDTH = 24
DILATIONS = (1, 2, 4)
STEM = ((12, 5), (24, 3), (24, 3))
LIGHT_PX = 16
DEPARTURE_LIMIT, DETAIL_LIMIT, LOGIT_LIMIT = 12.0, 20.0, 15.0
_LIFT, _LEAST_CONTRAST, _FIRST_LOGIT, _NEW_SCATTER = 8.0, 0.01, -3.0, 0.15


def detail_of(tiles: torch.Tensor) -> torch.Tensor:
    """Return tiles (N, 3, H, W) float32, 0 to 255, without their light: detail, same shape."""
    logs = torch.log(tiles + _LIFT)
    light = functional.avg_pool2d(logs, LIGHT_PX)
    light = functional.interpolate(light, scale_factor=LIGHT_PX, mode="bilinear")
    detail = logs - light
    contrast = detail.abs().mean((1, 2, 3), keepdim=True) + _LEAST_CONTRAST
    return torch.as_tensor((detail / contrast).clamp(-DETAIL_LIMIT, DETAIL_LIMIT))


class OwnJudge(nn.Module):
    """Logits (N, H/8, W/8) of a style's own tiles."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, before = nn.ModuleList(), 3
        for width, size in STEM:
            self.stem.append(nn.Conv2d(before, width, size, 2, size // 2))
            before = width
        self.entry = nn.Conv2d(CHANNELS + 2 + before, WIDTH, 1)
        self.firsts = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, 1, d, d) for d in DILATIONS)
        self.seconds = nn.ModuleList(nn.Conv2d(WIDTH, WIDTH, 3, 1, d, d) for d in DILATIONS)
        self.answer = nn.Conv2d(WIDTH, 1, 1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d) and part.bias is not None:
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)
        with torch.no_grad():
            for second in self.seconds:
                if isinstance(second, nn.Conv2d):
                    second.weight *= 0.3
            self.answer.weight *= 0.3
            if self.answer.bias is not None:
                self.answer.bias.fill_(_FIRST_LOGIT)

    def begin_with(self, base: Mapping[str, NDArray[np.float32]]) -> bool:
        """Take the weights (N, ...) of a base's where-head where it is built alike; say whether.

        What is new, the pixels and the base's own logit, starts small.
        """
        names = {"entry": self.entry, "answer": self.answer}
        for index, (first, second) in enumerate(zip(self.firsts, self.seconds, strict=True)):
            names |= {f"block{index}_first": first, f"block{index}_second": second}
        old = {name: np.shape(base.get(f"{name}_w", ())) for name in names}
        own = {name: tuple(layer.weight.shape) for name, layer in names.items()}
        own["entry"] = (WIDTH, CHANNELS + 1, 1, 1)
        if old != own or any(f"{name}_b" not in base for name in names):
            return False
        with torch.no_grad():
            self.entry.weight.normal_(0, _NEW_SCATTER)
            self.entry.weight[:, CHANNELS + 1] = 0
            for name, layer in names.items():
                known = torch.from_numpy(np.array(base[f"{name}_w"]))
                layer.weight[:, : known.shape[1]] = known
                layer.bias.copy_(torch.from_numpy(np.array(base[f"{name}_b"])))
        return True

    def settle(self, detail: torch.Tensor) -> None:
        """Scale the first layers so that ``detail`` (N, 3, H, W) leaves each at unit scatter."""
        with torch.no_grad():
            for layer in self.stem:
                if isinstance(layer, nn.Conv2d):
                    layer.weight -= layer.weight.mean((2, 3), keepdim=True) * 0.9
                    layer.weight /= layer(detail).std() + 1e-6
                    detail = functional.relu(layer(detail))

    def forward(
        self, detail: torch.Tensor, departures: torch.Tensor, base_logits: torch.Tensor
    ) -> torch.Tensor:
        """Look at (N, 3, H, W), (N, H/8, W/8, C) and (N, H/8, W/8) float32."""
        for layer in self.stem:
            detail = functional.relu(layer(detail))
        clipped = departures.clamp(-DEPARTURE_LIMIT, DEPARTURE_LIMIT)
        excess = (clipped * clipped).mean(3, keepdim=True).sqrt() - 1
        known = base_logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)[:, None] / 4
        seen = torch.cat([torch.cat([clipped, excess], 3).permute(0, 3, 1, 2), known, detail], 1)
        current = functional.relu(self.entry(seen))
        for first, second in zip(self.firsts, self.seconds, strict=True):
            current = functional.relu(current + second(functional.relu(first(current))))
        return torch.as_tensor(self.answer(current)[:, 0])


class _Writer:
    """Writes the graph; weights are kept in half precision."""

    def __init__(self) -> None:
        self.graph = GraphWriter()

    def number(self, name: str, value: float) -> str:
        return self.graph.constant(name, np.array(value, dtype=np.float32))

    def whole(self, name: str, values: list[int]) -> str:
        return self.graph.constant(name, np.array(values, dtype=np.int64))

    def half(self, name: str, values: torch.Tensor) -> str:
        """Keep weights (N, ...) in half precision and return them in single."""
        kept = values.detach().numpy().astype(np.float16)
        self.graph.weights.append(numpy_helper.from_array(kept, f"{name}_half"))
        return self.graph.add("Cast", [f"{name}_half"], name, to=TensorProto.FLOAT)

    def convolve(self, layer: nn.Module, source: str, name: str, *, active: bool = True) -> str:
        """Write a convolution with a zero border."""
        if not isinstance(layer, nn.Conv2d) or layer.bias is None:
            raise TypeError(f"{name} is no convolution with a bias")
        weights = (self.half(f"{name}_w", layer.weight), self.half(f"{name}_b", layer.bias))
        kind = Convolution(
            size=int(layer.weight.shape[-1]),
            active=active,
            stride=int(layer.stride[0]),
            dilation=int(layer.dilation[0]),
        )
        return self.graph.convolve(source, weights, name, kind)

    def clip(self, source: str, name: str, limit: float) -> str:
        ends = [self.number(f"{name}_low", -limit), self.number(f"{name}_high", limit)]
        return self.graph.add("Clip", [source, *ends], name)

    def detail(self) -> str:
        """Write what `detail_of` computes."""
        add = self.graph.add
        cast = add("Cast", ["tiles"], "tiles_float", to=TensorProto.FLOAT)
        first = add("Transpose", [cast], "tiles_first", perm=[0, 3, 1, 2])
        logs = add("Log", [add("Add", [first, self.number("lift", _LIFT)], "lifted")], "logs")
        side = [LIGHT_PX, LIGHT_PX]
        coarse = add("AveragePool", [logs], "light_small", kernel_shape=side, strides=side)
        grow = self.graph.constant("grow", np.array([1, 1, *side], dtype=np.float32))
        light = add("Resize", [coarse, "", grow], "light", mode="linear")
        detail = add("Sub", [logs, light], "detail")
        size = add("Abs", [detail], "detail_size")
        mean = add("ReduceMean", [size], "detail_mean", axes=[1, 2, 3], keepdims=1)
        least = self.number("least_contrast", _LEAST_CONTRAST)
        scaled = add("Div", [detail, add("Add", [mean, least], "contrast")], "detail_scaled")
        return self.clip(scaled, "detail_seen", DETAIL_LIMIT)

    def known(self) -> list[str]:
        """Write what the base's judges said, channels first."""
        add = self.graph.add
        clipped = self.clip("departures", "clipped", DEPARTURE_LIMIT)
        squared = add("Mul", [clipped, clipped], "squared")
        mean = add("ReduceMean", [squared], "squared_mean", axes=[3], keepdims=1)
        root = add("Sqrt", [mean], "size")
        excess = add("Sub", [root, self.number("one", 1.0)], "excess")
        both = add("Concat", [clipped, excess], "bank_last", axis=3)
        bank = add("Transpose", [both], "bank_first", perm=[0, 3, 1, 2])
        base = self.clip("base_logits", "base_clipped", LOGIT_LIMIT)
        quarter = add("Mul", [base, self.number("quarter", 0.25)], "base_small")
        axis = self.whole("channel_axis", [1])
        return [bank, add("Unsqueeze", [quarter, axis], "base_first")]


def own_judge_graph(judge: OwnJudge) -> onnx.ModelProto:
    """Return the graph of a trained judge.

    Inputs: ``tiles`` (N, H, W, 3) uint8 RGB, H and W multiples of 32, ``departures``
    (N, H/8, W/8, C) and ``base_logits`` (N, H/8, W/8) float32. Output: ``logits`` of that shape.
    """
    writer = _Writer()
    detail = writer.detail()
    for index, layer in enumerate(judge.stem):
        detail = writer.convolve(layer, detail, f"stem{index}")
    seen = writer.graph.add("Concat", [*writer.known(), detail], "seen", axis=1)
    current = writer.convolve(judge.entry, seen, "entry")
    for index, (first, second) in enumerate(zip(judge.firsts, judge.seconds, strict=True)):
        inner = writer.convolve(first, current, f"first{index}")
        outer = writer.convolve(second, inner, f"second{index}", active=False)
        total = writer.graph.add("Add", [current, outer], f"total{index}")
        current = writer.graph.add("Relu", [total], f"block{index}")
    answer = writer.convolve(judge.answer, current, "answer", active=False)
    writer.graph.add("Squeeze", [answer, "channel_axis"], "logits")
    cells: list[int | str] = ["count", "rows", "columns"]
    return writer.graph.model(
        "own_judge",
        {
            "tiles": (TensorProto.UINT8, ["count", "height", "width", 3]),
            "departures": (TensorProto.FLOAT, [*cells, CHANNELS]),
            "base_logits": (TensorProto.FLOAT, cells),
        },
        {"logits": (TensorProto.FLOAT, cells)},
    )
