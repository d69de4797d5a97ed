"""Builds the judges' graph: the distance of cells to a style, and the trained where-head.

The where-head never sees cloth as it is, only how each cell departs from the style's good cloth:
the features less the piece's own middle, whitened by the style's good pieces. Denim and satin look
alike there, so what was learned on rendered styles holds on cloth that was never seen. It looks at
the departures of some 29 by 29 cells together, because a broken pick is faint in each of them.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from cloud.infrastructure.training.graph import GraphWriter

WIDTH = 24
DILATIONS = (1, 2, 4)
DEPARTURE_LIMIT = 12.0
PREFIX = "where_"

Weights = Mapping[str, NDArray[np.float32]]


def judges_graph(weights: Weights) -> onnx.ModelProto:
    """Return the graph with a where-head of these ``weights``.

    Inputs: ``features`` (N, H, W, C) as the golden bank's graph gives them, ``mean`` (C) and
    ``whitening`` (C, C) float32. Outputs: ``distances``, the root mean square of the whitened
    difference, and ``logits``, both (N, H, W) float32. ``weights`` are those of
    :func:`cloud.infrastructure.training.network.folded`.
    """
    graph = GraphWriter()
    channels = weights["entry_w"].shape[1] - 1
    centred = graph.add("Sub", ["features", "mean"], "centred")
    whitened = graph.add("MatMul", [centred, "whitening"], "whitened")
    _distances(graph, whitened, "distances", keep=0)
    low, high = (
        graph.constant(name, np.array(value, dtype=np.float32))
        for name, value in (("lowest", -DEPARTURE_LIMIT), ("highest", DEPARTURE_LIMIT))
    )
    clipped = graph.add("Clip", [whitened, low, high], "clipped")
    size = _distances(graph, clipped, "size", keep=1)
    one = graph.constant("one", np.array(1, dtype=np.float32))
    excess = graph.add("Sub", [size, one], "excess")
    seen = graph.add("Concat", [clipped, excess], "seen_last", axis=3)
    current = graph.add("Transpose", [seen], "seen", perm=[0, 3, 1, 2])
    current = _convolution(graph, weights, current, "entry", active=True)
    for index, dilation in enumerate(DILATIONS):
        current = _block(graph, weights, current, f"block{index}", dilation)
    answer = _convolution(graph, weights, current, "answer", active=False)
    axes = graph.constant("channel_axis", np.array([1], dtype=np.int64))
    graph.add("Squeeze", [answer, axes], "logits")
    cells: list[int | str] = ["count", "rows", "columns"]
    return graph.model(
        "judges",
        {
            "features": (TensorProto.FLOAT, [*cells, channels]),
            "mean": (TensorProto.FLOAT, [channels]),
            "whitening": (TensorProto.FLOAT, [channels, channels]),
        },
        {"distances": (TensorProto.FLOAT, cells), "logits": (TensorProto.FLOAT, cells)},
    )


def _distances(graph: GraphWriter, departures: str, name: str, keep: int) -> str:
    """Root mean square over the channels."""
    squared = graph.add("Mul", [departures, departures], f"{name}_squared")
    mean = graph.add("ReduceMean", [squared], f"{name}_mean", axes=[3], keepdims=keep)
    return graph.add("Sqrt", [mean], name)


def _convolution(
    graph: GraphWriter, weights: Weights, source: str, name: str, active: bool, dilation: int = 1
) -> str:
    """Add one convolution with zero border, as the network was trained."""
    names = [graph.constant(f"{PREFIX}{name}_{p}", weights[f"{name}_{p}"]) for p in ("w", "b")]
    border = dilation * (weights[f"{name}_w"].shape[-1] // 2)
    output = f"{name}_sum" if active else f"{name}_out"
    graph.add("Conv", [source, *names], output, dilations=[dilation, dilation], pads=[border] * 4)
    return graph.add("Relu", [output], f"{name}_out") if active else output


def _block(graph: GraphWriter, weights: Weights, source: str, name: str, dilation: int) -> str:
    """Two convolutions beside a shortcut."""
    first = _convolution(graph, weights, source, f"{name}_first", True, dilation)
    second = _convolution(graph, weights, first, f"{name}_second", False, dilation)
    total = graph.add("Add", [source, second], f"{name}_total")
    return graph.add("Relu", [total], f"{name}_result")
