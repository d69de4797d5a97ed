"""Builds the golden bank: fixed filters as an ONNX graph.

The graph holds no learned number. A picture becomes 24 numbers per 8x8 px cell: how much
detail there is at four sizes in three opponent colours, how much of it runs in which direction,
and how the cell's colour departs from its neighbourhood. A style is the mean and the whitening
of these numbers over its good pieces; the judges' graph measures the distance to them.

Writing the same graph twice gives the same bytes: every weight is rounded to six decimals, so
that a library's last bit does not show.
"""

import math

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from cloud.infrastructure.training.graph import GraphWriter

CHANNELS = 24
CELL_PX = 8
ORIENTATIONS = 4
DIRECTION_CHANNELS = (4, 11)
"""Where the energies along 0, 45, 90 and 135 degrees begin, one for each of two levels."""
_LOG_FLOOR = 0.004


def golden_bank() -> onnx.ModelProto:
    """Return the graph.

    Input: ``tiles`` (N, H, W, 3) uint8 RGB with H and W multiples of 32. Output: ``features``
    (N, H/8, W/8, 24) float32.
    """
    graph = GraphWriter()
    graph.constant("log_floor", np.array(_LOG_FLOOR, dtype=np.float32))
    colours = _opponent_colours(graph)
    bands = _pyramid(graph, colours)
    stacked = graph.add("Concat", bands, "features_first", axis=1)
    graph.add("Transpose", [stacked], "features", perm=[0, 2, 3, 1])
    return graph.model(
        "golden_bank",
        {"tiles": (TensorProto.UINT8, ["count", "height", "width", 3])},
        {"features": (TensorProto.FLOAT, ["count", "cells_high", "cells_wide", CHANNELS])},
    )


def _opponent_colours(graph: GraphWriter) -> str:
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


def _pyramid(graph: GraphWriter, halved: str) -> list[str]:
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


def _directions(graph: GraphWriter, source: str, level: int) -> str:
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


def _peak(graph: GraphWriter, size: str) -> str:
    """Strongest brightness detail of the cell: a thread end is small but sharp."""
    brightness = _channel(graph, size, "peak_source")
    shape = [CELL_PX >> 1, CELL_PX >> 1]
    peak = graph.add("MaxPool", [brightness], "peak_value", kernel_shape=shape, strides=shape)
    return graph.compress(peak, "peak")


def _departure(graph: GraphWriter, means: str) -> str:
    """Signed difference of the cell's colour from its surroundings."""
    size = 13
    box = np.full((size, size), 1 / size**2, dtype=np.float32)
    around = graph.filter(means, "surroundings", box)
    difference = graph.add("Sub", [means, around], "departure_small")
    scale = graph.constant("departure_scale", np.array(20.0, dtype=np.float32))
    return graph.add("Mul", [difference, scale], "departure")


def _channel(graph: GraphWriter, source: str, name: str) -> str:
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
