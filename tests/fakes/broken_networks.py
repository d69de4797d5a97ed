"""Networks that load and lie: the base bundle's judges with a bad end."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.fakes.releases import BASE


def _judges() -> onnx.ModelProto:
    return onnx.load_from_string((Path(BASE) / "judges.onnx").read_bytes())


def _written(model: onnx.ModelProto) -> bytes:
    return model.SerializeToString()


def _with_last(nodes_of) -> bytes:
    """Put ``nodes_of(inner, outer)`` before every output."""
    model = _judges()
    for output in model.graph.output:
        inner = f"{output.name}_before"
        for node in model.graph.node:
            node.output[:] = [inner if name == output.name else name for name in node.output]
            node.input[:] = [inner if name == output.name else name for name in node.input]
        nodes, constants = nodes_of(inner, output.name)
        model.graph.node.extend(nodes)
        model.graph.initializer.extend(constants)
    return _written(model)


def shifted(by: float) -> bytes:
    """Everything looks like a flaw (large), or nothing does (small)."""

    def nodes(inner, outer):
        constant = numpy_helper.from_array(np.float32(by), f"{outer}_shift")
        return [helper.make_node("Add", [inner, constant.name], [outer])], [constant]

    return _with_last(nodes)


def not_a_number() -> bytes:
    """Every answer is NaN."""

    def nodes(inner, outer):
        constant = numpy_helper.from_array(np.float32(np.nan), f"{outer}_nan")
        return [helper.make_node("Mul", [inner, constant.name], [outer])], [constant]

    return _with_last(nodes)


def slow() -> bytes:
    """Every answer waits for long sums."""

    def nodes(inner, outer):
        side, found, constants = 700, [], []
        big = numpy_helper.from_array(np.full((side, side), 1e-6, np.float32), f"{outer}_big")
        zero = numpy_helper.from_array(np.float32(0), f"{outer}_zero")
        constants += [big, zero]
        # It depends on the input, or the runtime would work it out once.
        found.append(helper.make_node("ReduceMax", [inner], [f"{outer}_one"], keepdims=0))
        found.append(helper.make_node("Mul", [big.name, f"{outer}_one"], [f"{outer}_m0"]))
        for turn in range(4):
            last, fresh = f"{outer}_m{turn}", f"{outer}_m{turn + 1}"
            found.append(helper.make_node("MatMul", [last, big.name], [fresh]))
        found.append(helper.make_node("ReduceMax", [f"{outer}_m4"], [f"{outer}_r"], keepdims=0))
        found.append(helper.make_node("Mul", [f"{outer}_r", zero.name], [f"{outer}_z"]))
        found.append(helper.make_node("Add", [inner, f"{outer}_z"], [outer]))
        return found, constants

    return _with_last(nodes)


def greedy() -> bytes:
    """Every answer wants sixteen gigabytes first."""

    def nodes(inner, outer):
        one = numpy_helper.from_array(np.array([1], np.int64), f"{outer}_axes")
        size = numpy_helper.from_array(np.array([2**32], np.int64), f"{outer}_size")
        zero = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.0])
        found = [
            helper.make_node("Identity", [size.name], [f"{outer}_n"]),
            helper.make_node("ConstantOfShape", [f"{outer}_n"], [f"{outer}_many"], value=zero),
            helper.make_node("ReduceMax", [f"{outer}_many"], [f"{outer}_r"], keepdims=0),
            helper.make_node("Add", [inner, f"{outer}_r"], [outer]),
        ]
        return found, [one, size]

    return _with_last(nodes)
