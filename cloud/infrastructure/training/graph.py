"""Writes an ONNX graph node by node, so that the same graph gives the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

_OPSET = 17
_IR_VERSION = 9

Values = Mapping[str, tuple[int, list[int | str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convolution:
    """A convolution with a zero border, as networks are trained; ``size`` is its kernel's side."""

    size: int
    active: bool = True
    stride: int = 1
    dilation: int = 1


@dataclass(slots=True)
class GraphWriter:
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

    def convolve(self, source: str, weights: tuple[str, str], name: str, layer: Convolution) -> str:
        """Convolve ``source`` by kernel and bias, the ``weights``; an active layer is rectified."""
        output = f"{name}_sum" if layer.active else f"{name}_out"
        strides = {} if layer.stride == 1 else {"strides": [layer.stride] * 2}
        border, spread = layer.dilation * (layer.size // 2), [layer.dilation] * 2
        self.add("Conv", [source, *weights], output, dilations=spread, pads=[border] * 4, **strides)
        return self.add("Relu", [output], f"{name}_out") if layer.active else output

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

    def model(self, name: str, inputs: Values, outputs: Values) -> onnx.ModelProto:
        """Return the checked model; ``inputs`` and ``outputs`` give type and shape by name."""
        given, answered = (
            [helper.make_tensor_value_info(key, *what) for key, what in values.items()]
            for values in (inputs, outputs)
        )
        built = helper.make_graph(self.nodes, name, given, answered, self.weights)
        model = helper.make_model(
            built,
            producer_name="kyndof",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        return model
