"""Builds the graphs of the trained heads: where a flaw is, and what it is.

A head never sees cloth as it is, only how each cell departs from the style's good cloth: the
features less the piece's own middle, whitened by the style's good pieces. Denim and satin look
alike there, so what was learned on rendered styles holds on cloth that was never seen. It looks at
the departures of some 29 by 29 cells together, because a broken pick is faint in each of them.

The what-head is a graph of its own: it is asked only where something was found.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from cloud.infrastructure.training.graph import Convolution, GraphWriter

WHERE_WIDTH, WHAT_WIDTH = 24, 32
DILATIONS = (1, 2, 4)
DEPARTURE_LIMIT = 12.0
WHERE, WHAT = "where_", "what_"

Weights = Mapping[str, NDArray[np.float32]]
_CELLS: list[int | str] = ["count", "rows", "columns"]


def judges_graph(weights: Weights) -> onnx.ModelProto:
    """Return the graph with a where-head of these ``weights``.

    Inputs: ``features`` (N, H, W, C) as the golden bank's graph gives them, ``mean`` (C) and
    ``whitening`` (C, C) float32. Outputs: ``distances``, the root mean square of the whitened
    difference, and ``logits``, both (N, H, W) float32. ``weights`` are those of
    :func:`cloud.infrastructure.training.network.folded`.
    """
    graph = GraphWriter()
    whitened = _whitened(graph)
    _distances(graph, whitened, "distances", keep=0)
    answer = _answer(graph, weights, whitened, WHERE)
    axes = graph.constant("channel_axis", np.array([1], dtype=np.int64))
    graph.add("Squeeze", [answer, axes], "logits")
    return graph.model(
        "judges",
        _inputs(weights),
        {"distances": (TensorProto.FLOAT, _CELLS), "logits": (TensorProto.FLOAT, _CELLS)},
    )


def kinds_graph(weights: Weights) -> onnx.ModelProto:
    """Return the graph with a what-head of these ``weights``.

    Inputs are those of the judges; the output ``kinds`` (N, H, W, K) float32 has a logit for each
    kind, as if the cell were a flaw. A flaw's kind is read off the mean over its cells.
    """
    graph = GraphWriter()
    answer = _answer(graph, weights, _whitened(graph), WHAT)
    graph.add("Transpose", [answer], "kinds", perm=[0, 2, 3, 1])
    count = len(weights["answer_b"])
    return graph.model("kinds", _inputs(weights), {"kinds": (TensorProto.FLOAT, [*_CELLS, count])})


def _inputs(weights: Weights) -> dict[str, tuple[int, list[int | str]]]:
    channels = weights["entry_w"].shape[1] - 1
    return {
        "features": (TensorProto.FLOAT, [*_CELLS, channels]),
        "mean": (TensorProto.FLOAT, [channels]),
        "whitening": (TensorProto.FLOAT, [channels, channels]),
    }


def _whitened(graph: GraphWriter) -> str:
    centred = graph.add("Sub", ["features", "mean"], "centred")
    return graph.add("MatMul", [centred, "whitening"], "whitened")


def _answer(graph: GraphWriter, weights: Weights, whitened: str, prefix: str) -> str:
    """Add a head and return the name of its answer, channels first."""
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
    head = _HeadWriter(graph, weights, prefix)
    current = head.convolution(current, "entry", active=True)
    for index, dilation in enumerate(DILATIONS):
        current = head.block(current, f"block{index}", dilation)
    return head.convolution(current, "answer", active=False)


def _distances(graph: GraphWriter, departures: str, name: str, keep: int) -> str:
    """Root mean square over the channels."""
    squared = graph.add("Mul", [departures, departures], f"{name}_squared")
    mean = graph.add("ReduceMean", [squared], f"{name}_mean", axes=[3], keepdims=keep)
    return graph.add("Sqrt", [mean], name)


class _HeadWriter:
    """Writes the convolutions of one head."""

    def __init__(self, graph: GraphWriter, weights: Weights, prefix: str) -> None:
        self._graph = graph
        self._weights = weights
        self._prefix = prefix

    def convolution(self, source: str, name: str, *, active: bool, dilation: int = 1) -> str:
        """Add one convolution with zero border, as the network was trained."""
        kernel, bias = (
            self._graph.constant(f"{self._prefix}{name}_{part}", self._weights[f"{name}_{part}"])
            for part in ("w", "b")
        )
        size = self._weights[f"{name}_w"].shape[-1]
        layer = Convolution(size=size, active=active, dilation=dilation)
        return self._graph.convolve(source, (kernel, bias), name, layer)

    def block(self, source: str, name: str, dilation: int) -> str:
        """Two convolutions beside a shortcut."""
        first = self.convolution(source, f"{name}_first", active=True, dilation=dilation)
        second = self.convolution(first, f"{name}_second", active=False, dilation=dilation)
        total = self._graph.add("Add", [source, second], f"{name}_total")
        return self._graph.add("Relu", [total], f"{name}_result")
