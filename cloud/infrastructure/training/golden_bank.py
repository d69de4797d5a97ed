"""Builds the golden bank: fixed filters as an ONNX graph, style statistics as its inputs.

The graph holds no learned number. A picture becomes 24 numbers per 8x8 px cell: how much
detail there is at four sizes in three opponent colours, how much of it runs in which direction,
and how the cell's colour departs from its neighbourhood. A style is the mean and the whitening
of these numbers over its good pieces; the graph answers with the whitened distance to them.

Writing the same graph twice gives the same bytes: every weight is rounded to six decimals, so
that a library's last bit does not show.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 24
CELL_PX = 8
ORIENTATIONS = 4
_OPSET = 17
_IR_VERSION = 9
_LOG_FLOOR = 0.004


@dataclass(slots=True)
class _Graph:
    """Nodes and weights in the order in which they are written."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    weights: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, name: str, values: NDArray[np.float32 | np.int64]) -> str:
        """Add weight ``values`` of any shape (N, ...) and return its name."""
        rounded = np.round(values, 6) if values.dtype == np.float32 else values
        self.weights.append(numpy_helper.from_array(rounded, name))
        return name

    def add(
        self, operator: str, inputs: Sequence[str], output: str, **attributes: int | list[int] | str
    ) -> str:
        """Add a node and return the name of its output."""
        node = helper.make_node(operator, list(inputs), [output], output)
        for key, value in sorted(attributes.items()):
            node.attribute.append(helper.make_attribute(key, value))
        self.nodes.append(node)
        return output

    def filter(self, source: str, name: str, kernel: NDArray[np.float32]) -> str:
        """Convolve each channel of ``source`` with ``kernel`` (H, W) float32."""
        size = kernel.shape[0]
        weight = np.repeat(kernel[None, None], 3, axis=0).astype(np.float32)
        padded = self.pad(source, f"{name}_pad", size // 2)
        return self.add("Conv", [padded, self.constant(f"{name}_w", weight)], name, group=3)

    def directions(self, source: str, name: str, kernels: NDArray[np.float32]) -> str:
        """Convolve one channel with ``kernels`` (N, H, W) float32."""
        padded = self.pad(source, f"{name}_pad", kernels.shape[1] // 2)
        return self.add("Conv", [padded, self.constant(f"{name}_w", kernels[:, None])], name)

    def pool(self, source: str, name: str, factor: int) -> str:
        """Average over ``factor`` by ``factor`` cells."""
        if factor == 1:
            return source
        shape = [factor, factor]
        return self.add("AveragePool", [source], name, kernel_shape=shape, strides=shape)

    def compress(self, energy: str, name: str) -> str:
        """Take the logarithm, so that energies of one cloth lie in a round cloud."""
        lifted = self.add("Add", [energy, "log_floor"], f"{name}_lifted")
        return self.add("Log", [lifted], name)

    def pad(self, source: str, name: str, border: int) -> str:
        """Reflect the picture over its border."""
        pads = np.array([0, 0, border, border] * 2, dtype=np.int64)
        return self.add("Pad", [source, self.constant(f"{name}_n", pads)], name, mode="reflect")


def golden_bank() -> onnx.ModelProto:
    """Return the graph.

    Inputs: ``tiles`` (N, H, W, 3) uint8 RGB with H and W multiples of 32, ``mean`` (24) float32,
    ``whitening`` (24, 24) float32. Outputs: ``features`` (N, H/8, W/8, 24) float32 and
    ``distances`` (N, H/8, W/8) float32, the root mean square of the whitened difference.
    """
    graph = _Graph()
    graph.constant("log_floor", np.array(_LOG_FLOOR, dtype=np.float32))
    colours = _opponent_colours(graph)
    bands = _pyramid(graph, colours)
    stacked = graph.add("Concat", bands, "features_first", axis=1)
    features = graph.add("Transpose", [stacked], "features", perm=[0, 2, 3, 1])
    centred = graph.add("Sub", [features, "mean"], "centred")
    whitened = graph.add("MatMul", [centred, "whitening"], "whitened")
    squared = graph.add("Mul", [whitened, whitened], "squared")
    mean_square = graph.add("ReduceMean", [squared], "mean_square", axes=[3], keepdims=0)
    graph.add("Sqrt", [mean_square], "distances")
    return _model(graph)


def _opponent_colours(graph: _Graph) -> str:
    """Split bytes into finest detail and half-size picture, both in opponent colours.

    Brightness, red-green and blue-yellow; mixing and filtering are one convolution each.
    """
    cast = graph.add("Cast", ["tiles"], "cast", to=TensorProto.FLOAT)
    first = graph.add("Transpose", [cast], "channels_first", perm=[0, 3, 1, 2])
    third = 1 / 3
    mixing = np.array([[third, third, third], [1.0, -1.0, 0.0], [0.5, 0.5, -1.0]]) / 255
    row = np.array([1, 2, 1], dtype=np.float64) / 4
    finest = -np.outer(row, row)
    finest[1, 1] += 1.0
    padded = graph.pad(first, "tiles_pad", 1)
    weight = (mixing[:, :, None, None] * finest).astype(np.float32)
    graph.add("Conv", [padded, graph.constant("detail0_w", weight)], "detail0")
    row = np.array([1, 3, 3, 1], dtype=np.float64) / 8
    weight = (mixing[:, :, None, None] * np.outer(row, row)).astype(np.float32)
    return graph.add("Conv", [padded, graph.constant("level1_w", weight)], "level1", strides=[2, 2])


def _pyramid(graph: _Graph, halved: str) -> list[str]:
    """Add every band and return their names, 24 channels in all at one per 8 px."""
    size = graph.add("Abs", ["detail0"], "size0")
    bands = [graph.compress(graph.pool(size, "energy0", CELL_PX), "band0")]
    current = halved
    for level in (1, 2, 3):
        smooth = graph.filter(current, f"smooth{level}", _binomial())
        detail = graph.add("Sub", [current, smooth], f"detail{level}")
        size = graph.add("Abs", [detail], f"size{level}")
        energy = graph.pool(size, f"energy{level}", CELL_PX >> level)
        if level == 1:
            bands.append(_peak(graph, size))
        if level == 3:
            energy = graph.filter(energy, "energy3_wide", _binomial())
            bands.append(_departure(graph, current))
        else:
            bands.append(_directions(graph, current, level))
            current = graph.pool(smooth, f"level{level + 1}", 2)
        bands.append(graph.compress(energy, f"band{level}"))
    return bands


def _directions(graph: _Graph, source: str, level: int) -> str:
    """Energy of brightness along four directions."""
    brightness = _channel(graph, source, f"brightness{level}")
    waves = graph.directions(brightness, f"waves{level}", _quadrature_kernels())
    squares = graph.add("Mul", [waves, waves], f"waves{level}_squared")
    pairs = np.zeros((ORIENTATIONS, 2 * ORIENTATIONS, 1, 1), dtype=np.float32)
    for index in range(ORIENTATIONS):
        pairs[index, 2 * index : 2 * index + 2] = 1.0
    weight = graph.constant(f"pairs{level}_w", pairs)
    power = graph.add("Conv", [squares, weight], f"power{level}")
    pooled = graph.pool(power, f"power{level}_pooled", CELL_PX >> level)
    root = graph.add("Sqrt", [pooled], f"power{level}_root")
    return graph.compress(root, f"directions{level}")


def _peak(graph: _Graph, size: str) -> str:
    """Strongest brightness detail of the cell: a thread end is small but sharp."""
    brightness = _channel(graph, size, "peak_source")
    shape = [CELL_PX >> 1, CELL_PX >> 1]
    peak = graph.add("MaxPool", [brightness], "peak_value", kernel_shape=shape, strides=shape)
    return graph.compress(peak, "peak")


def _departure(graph: _Graph, means: str) -> str:
    """Signed difference of the cell's colour from its surroundings."""
    size = 13
    box = np.full((size, size), 1 / size**2, dtype=np.float32)
    around = graph.filter(means, "surroundings", box)
    difference = graph.add("Sub", [means, around], "departure_small")
    scale = graph.constant("departure_scale", np.array(20.0, dtype=np.float32))
    return graph.add("Mul", [difference, scale], "departure")


def _channel(graph: _Graph, source: str, name: str) -> str:
    """Take the first channel."""
    weight = np.array([1.0, 0.0, 0.0], dtype=np.float32).reshape(1, 3, 1, 1)
    return graph.add("Conv", [source, graph.constant(f"{name}_w", weight)], name)


def _binomial() -> NDArray[np.float32]:
    row = np.array([1, 4, 6, 4, 1], dtype=np.float64) / 16
    return np.outer(row, row).astype(np.float32)


def _quadrature_kernels() -> NDArray[np.float32]:
    """Return (8, 7, 7) float32: even and odd wave for each of four directions."""
    reach = np.arange(-3, 4, dtype=np.float64)
    y, x = np.meshgrid(reach, reach, indexing="ij")
    window = np.exp(-(x**2 + y**2) / (2 * 1.6**2))
    kernels = []
    for index in range(ORIENTATIONS):
        angle = math.pi * index / ORIENTATIONS
        along = x * math.cos(angle) + y * math.sin(angle)
        phase = along * math.pi / 2
        even = window * np.cos(phase)
        even -= window * even.sum() / window.sum()
        odd = window * np.sin(phase)
        norm = np.abs(odd).sum()
        kernels += [even / norm, odd / norm]
    return np.stack(kernels).astype(np.float32)


def _model(graph: _Graph) -> onnx.ModelProto:
    tiles = helper.make_tensor_value_info(
        "tiles", TensorProto.UINT8, ["count", "height", "width", 3]
    )
    mean = helper.make_tensor_value_info("mean", TensorProto.FLOAT, [CHANNELS])
    whitening = helper.make_tensor_value_info("whitening", TensorProto.FLOAT, [CHANNELS, CHANNELS])
    cells = ["count", "cells_high", "cells_wide"]
    features = helper.make_tensor_value_info("features", TensorProto.FLOAT, [*cells, CHANNELS])
    distances = helper.make_tensor_value_info("distances", TensorProto.FLOAT, cells)
    built = helper.make_graph(
        graph.nodes,
        "golden_bank",
        [tiles, mean, whitening],
        [features, distances],
        graph.weights,
    )
    model = helper.make_model(
        built,
        producer_name="kyndof",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    return model


_CARD = """# base

Golden bank: fixed filters, no learned weight. It describes cloth by 24 numbers per 8 px cell
and measures the distance to the good pieces of a style, whose statistics are inputs.

* Input: RGB tiles, uint8, sides in multiples of 32 px, 512 px as a rule.
* Knows no kinds of defects: everything unusual is `unknown_anomaly`.
* Not for: slow changes of colour over more than about 100 px, seams, outlines, labels.
"""


def bundle_files() -> dict[str, bytes]:
    """Return every file of the base bundle by name, its manifest included."""
    files = {
        "model.onnx": golden_bank().SerializeToString(deterministic=True),
        "labels.json": _json({"classes": ["unknown_anomaly"]}),
        "thresholds.json": _json({"overkill_ratio": 0.02, "fixed_at": "teaching"}),
        "preprocess.json": _json({"colour": "RGB", "tile_px": 512, "cell_px": CELL_PX}),
        "card.md": _CARD.encode(),
    }
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    manifest = {"name": "base", "version": "1.0.0", "files": digests}
    return {**files, "manifest.json": _json(manifest)}


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def write_bundle(folder: Path) -> str:
    """Write the base bundle and return its manifest's SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    files = bundle_files()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return hashlib.sha256(files["manifest.json"]).hexdigest()
