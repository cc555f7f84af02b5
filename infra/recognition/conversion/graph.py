"""A small writer of ONNX graphs."""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Graph:
    """Nodes and constants in the order in which they were added; names are numbered unless given."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._count = 0

    def constant(self, values: Any, name: str = "") -> str:
        """Add a constant; returns its name."""
        name = name or self._numbered("w")
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def node(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of its first output."""
        names = list(outputs) or [self._numbered("t")]
        self._nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0]

    def model(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> Any:
        """The checked model; `inputs` and `outputs` are name -> shape, of 32-bit numbers."""
        used = {name for node in self._nodes for name in node.input}
        constants = [constant for name, constant in self._constants.items() if name in used]
        graph = helper.make_graph(self._nodes, "g", _infos(inputs), _infos(outputs), constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.checker.check_model(model)
        return model

    def _numbered(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


def _infos(shapes: dict[str, Any]) -> list[Any]:
    return [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name, shape in shapes.items()]
