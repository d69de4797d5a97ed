"""Builds the graph of the close look: which kind of flaw lies where something was found.

Unlike the heads it sees the pixels, beside the departures of their cells and the cells that were
found. It looks at one place at a time and answers once for it.
"""

import numpy as np
import onnx
from onnx import TensorProto

from cloud.infrastructure.training.golden_bank import CHANNELS
from cloud.infrastructure.training.graph import Convolution, GraphWriter
from cloud.infrastructure.training.heads import Weights

STEM_STRIDE = 2
BLOCKS = (1, 2)
"""How far apart the blocks look."""
LIGHT_PX = 16
LIFT, LEAST_CONTRAST = 8.0, 0.01
PIXEL_LIMIT, PIXEL_UNIT, DEPARTURE_LIMIT = 20.0, 4.0, 12.0
FAR = 1e4
"""Farther below than any answer: what is not found is never the highest."""
CLOSE = "close_"


def close_graph(weights: Weights) -> onnx.ModelProto:
    """Return the graph with a close look of these ``weights``.

    Inputs: ``tiles`` (N, H, W, 3) uint8 RGB, H and W multiples of 32, ``departures``
    (N, H/8, W/8, C) float32 whitened, and ``found`` (N, H/8, W/8) float32, 1 where cells were
    found. Output: ``kinds`` (N, K) float32, logits.
    """
    writer = _Writer(weights)
    pixels = writer.pixels()
    stems = sum(name.startswith("stem") and name.endswith("_w") for name in weights)
    for place in range(stems):
        pixels = writer.layer(pixels, f"stem{place}", stride=STEM_STRIDE)
    add = writer.graph.add
    own = add("Unsqueeze", ["found", writer.whole("channel_axis", [1])], "own")
    seen = add("Concat", [pixels, *writer.known(), own], "seen", axis=1)
    current = writer.layer(seen, "entry")
    current = add("Add", [current, writer.layer(current, "near")], "near_total")
    current = writer.layer(current, "smaller", stride=2)
    for place, dilation in enumerate(BLOCKS):
        deeper = writer.layer(current, f"block{place}", dilation=dilation)
        current = add("Add", [current, deeper], f"block{place}_total")
    gathered = writer.gathered(current, own)
    words = add("Gemm", [gathered, *writer.pair("words")], "words", transB=1)
    seen_words = add("Relu", [words], "words_seen")
    add("Gemm", [seen_words, *writer.pair("answer")], "kinds", transB=1)
    cells: list[int | str] = ["count", "rows", "columns"]
    return writer.graph.model(
        "close_kinds",
        {
            "tiles": (TensorProto.UINT8, ["count", "height", "width", 3]),
            "departures": (TensorProto.FLOAT, [*cells, CHANNELS]),
            "found": (TensorProto.FLOAT, cells),
        },
        {"kinds": (TensorProto.FLOAT, ["count", len(weights["answer_w"])])},
    )


class _Writer:
    """Writes the parts of the graph."""

    def __init__(self, weights: Weights) -> None:
        self.graph = GraphWriter()
        self._weights = weights

    def number(self, name: str, value: float) -> str:
        return self.graph.constant(name, np.array(value, dtype=np.float32))

    def whole(self, name: str, values: list[int]) -> str:
        return self.graph.constant(name, np.array(values, dtype=np.int64))

    def pair(self, name: str) -> tuple[str, str]:
        """Keep the kernel and the bias of a layer."""
        kept = [
            self.graph.constant(f"{CLOSE}{name}_{part}", self._weights[f"{name}_{part}"])
            for part in ("w", "b")
        ]
        return kept[0], kept[1]

    def layer(self, source: str, name: str, *, stride: int = 1, dilation: int = 1) -> str:
        """Write a rectified convolution."""
        size = int(self._weights[f"{name}_w"].shape[-1])
        kind = Convolution(size=size, active=True, stride=stride, dilation=dilation)
        return self.graph.convolve(source, self.pair(name), name, kind)

    def clip(self, source: str, name: str, limit: float) -> str:
        ends = [self.number(f"{name}_low", -limit), self.number(f"{name}_high", limit)]
        return self.graph.add("Clip", [source, *ends], name)

    def pixels(self) -> str:
        """Write what ``close_network.pixels_of`` computes."""
        add = self.graph.add
        cast = add("Cast", ["tiles"], "tiles_float", to=TensorProto.FLOAT)
        first = add("Transpose", [cast], "tiles_first", perm=[0, 3, 1, 2])
        logs = add("Log", [add("Add", [first, self.number("lift", LIFT)], "lifted")], "logs")
        side = [LIGHT_PX, LIGHT_PX]
        coarse = add("AveragePool", [logs], "light_small", kernel_shape=side, strides=side)
        middle = add("ReduceMean", [coarse], "middle", axes=[2, 3], keepdims=1)
        grow = self.graph.constant("grow", np.array([1, 1, *side], dtype=np.float32))
        how = {
            "mode": "nearest",
            "nearest_mode": "floor",
            "coordinate_transformation_mode": "asymmetric",
        }
        light = add("Resize", [coarse, "", grow], "light", **how)
        size = add("Abs", [add("Sub", [logs, light], "fine")], "fine_size")
        mean = add("ReduceMean", [size], "fine_mean", axes=[1, 2, 3], keepdims=1)
        contrast = add("Add", [mean, self.number("least_contrast", LEAST_CONTRAST)], "contrast")
        scaled = add("Div", [add("Sub", [logs, middle], "less_middle"), contrast], "scaled")
        seen = self.clip(scaled, "scaled_seen", PIXEL_LIMIT)
        return add("Div", [seen, self.number("pixel_unit", PIXEL_UNIT)], "pixels")

    def known(self) -> list[str]:
        """Write the departures and how far they go, channels first."""
        add = self.graph.add
        clipped = self.clip("departures", "clipped", DEPARTURE_LIMIT)
        squared = add("Mul", [clipped, clipped], "squared")
        root = add("Sqrt", [add("ReduceMean", [squared], "mean", axes=[3], keepdims=1)], "size")
        excess = add("Sub", [root, self.number("one", 1.0)], "excess")
        both = add("Concat", [clipped, excess], "known_last", axis=3)
        return [add("Transpose", [both], "known", perm=[0, 3, 1, 2])]

    def gathered(self, current: str, own: str) -> str:
        """Write mean and highest over what was found, and the mean over all."""
        add = self.graph.add
        side = [2, 2]
        inside = add("MaxPool", [own], "inside", kernel_shape=side, strides=side)
        total = add("ReduceSum", [inside, self.whole("plane", [2, 3])], "inside_sum", keepdims=0)
        count = add("Max", [total, "one"], "inside_count")
        held = add("Mul", [current, inside], "held")
        sums = add("ReduceSum", [held, "plane"], "held_sum", keepdims=0)
        mean = add("Div", [sums, count], "held_mean")
        outside = add("Sub", ["one", inside], "outside")
        lower = add("Mul", [outside, self.number("far", FAR)], "lower")
        peaks = add("ReduceMax", [add("Sub", [current, lower], "only")], "peaks_raw",
                    axes=[2, 3], keepdims=0)  # fmt: skip
        highest = add("Relu", [peaks], "peaks")
        around = add("ReduceMean", [current], "around", axes=[2, 3], keepdims=0)
        return add("Concat", [mean, highest, around], "gathered", axis=1)
