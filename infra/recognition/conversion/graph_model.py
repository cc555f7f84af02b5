"""A TensorFlow.js graph model as ONNX, for the operations of NanoDet, and no others.

The order of dimensions stays as it is in the graph; a convolution stands between two transpositions.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from infra.recognition.conversion.graph import Graph

TO_CHANNELS_FIRST, TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass(frozen=True)
class Operation:
    """One node of the graph."""

    name: str
    kind: str
    inputs: list[str]
    attributes: dict[str, Any]

    def integers(self, name: str) -> list[int]:
        return [int(each) for each in self.attributes[name]["list"]["i"]]

    def text(self, name: str) -> str:
        return base64.b64decode(self.attributes[name]["s"]).decode()


def convert(path: Path) -> Any:
    """The model of a `.json` file and the weights that it names."""
    described = json.loads(path.read_text())
    return _Converter(described, _weights(described["weightsManifest"][0], path.parent)).model()


def _weights(manifest: Any, folder: Path) -> dict[str, Any]:
    content = b"".join((folder / name).read_bytes() for name in manifest["paths"])
    weights, offset = {}, 0
    for each in manifest["weights"]:
        stored = np.dtype("<f2" if "quantization" in each else {"float32": "<f4", "int32": "<i4"}[each["dtype"]])
        values = np.frombuffer(content, stored, prod(each["shape"]), offset)
        offset += values.nbytes
        weights[each["name"]] = values.astype(each["dtype"]).reshape(each["shape"])
    return weights


class _Converter:
    def __init__(self, described: Any, weights: dict[str, Any]) -> None:
        self.signature = described["signature"]
        self.operations = {each.name: each for each in map(_operation, described["modelTopology"]["node"])}
        self.weights = weights
        self.graph = Graph()
        self.done: set[str] = set()

    def model(self) -> Any:
        outputs = {_bare(name): _shape(info["tensorShape"]) for name, info in self.signature["outputs"].items()}
        for name in outputs:
            self._convert_with_inputs(name)
        inputs = {_bare(name): _shape(info["tensorShape"]) for name, info in self.signature["inputs"].items()}
        return self.graph.model(inputs, outputs)

    def _convert_with_inputs(self, name: str) -> None:
        waiting = [name]
        while waiting:
            op = self.operations[waiting[-1]]
            missing = [each for each in map(self._owner, op.inputs) if each not in self.done]
            if missing:
                waiting += missing
            else:
                waiting.pop()
                self._convert(op)

    def _owner(self, name: str) -> str:
        """The operation that has this output: `split:1` is the second output of `split`."""
        return name if name in self.operations else name.rpartition(":")[0]

    def _convert(self, op: Operation) -> None:
        if op.name in self.done:
            return
        self.done.add(op.name)
        if op.kind in _SIMPLE:
            self.graph.node(op.kind, op.inputs, op.name)
        elif op.kind != "Placeholder":
            _CONVERTERS[op.kind](self, op)

    def constant(self, op: Operation) -> None:
        self.graph.constant(self.weights[op.name], op.name)

    def dense(self, op: Operation) -> None:
        """Values at places of an array of zeros: here all of it is constant."""
        places, shape, values, rest = (self.weights[each] for each in op.inputs)
        array = np.full(shape.reshape(-1), rest, values.dtype)
        if places.size:
            array[tuple(places.T) if places.ndim > 1 else places.reshape(-1)] = values
        self.weights[op.name] = array
        self.graph.constant(array, op.name)

    def sum(self, op: Operation) -> None:
        if all(each in self.weights for each in op.inputs):
            self.weights[op.name] = self.weights[op.inputs[0]] + self.weights[op.inputs[1]]
            self.graph.constant(self.weights[op.name], op.name)
        else:
            self.graph.node("Add", op.inputs, op.name)

    def convolution(self, op: Operation) -> None:
        kernel = self.weights[op.inputs[1]].transpose(3, 2, 0, 1)
        first = self.graph.node("Transpose", op.inputs[:1], perm=TO_CHANNELS_FIRST)
        strides, padding = op.integers("strides")[1:3], op.text("padding")
        pads = {"auto_pad": "SAME_UPPER"} if padding == "SAME" else {"pads": [0, 0, 0, 0]}
        size = list(kernel.shape[2:])
        value = self.graph.node(
            "Conv", [first, self.graph.constant(kernel)], strides=strides, kernel_shape=size, **pads
        )
        self.graph.node("Transpose", [value], op.name, perm=TO_CHANNELS_LAST)

    def pooling(self, op: Operation) -> None:
        first = self.graph.node("Transpose", op.inputs, perm=TO_CHANNELS_FIRST)
        size, strides = op.integers("ksize")[1:3], op.integers("strides")[1:3]
        value = self.graph.node("MaxPool", [first], kernel_shape=size, strides=strides)
        self.graph.node("Transpose", [value], op.name, perm=TO_CHANNELS_LAST)

    def resizing(self, op: Operation) -> None:
        first = self.graph.node("Transpose", op.inputs[:1], perm=TO_CHANNELS_FIRST)
        whole = self.graph.node("Shape", [first])
        ends = [self.graph.constant(np.array([place], np.int64)) for place in (0, 2)]
        kept = self.graph.node("Slice", [whole, *ends])
        size = self.graph.constant(self.weights[op.inputs[1]].astype(np.int64))
        sizes = self.graph.node("Concat", [kept, size], axis=0)
        mode = "half_pixel" if op.attributes["half_pixel_centers"]["b"] else "asymmetric"
        value = self.graph.node("Resize", [first, "", "", sizes], mode="linear", coordinate_transformation_mode=mode)
        self.graph.node("Transpose", [value], op.name, perm=TO_CHANNELS_LAST)

    def padding(self, op: Operation) -> None:
        widths = self.graph.constant(self.weights[op.inputs[1]].T.reshape(-1).astype(np.int64))
        self.graph.node("Pad", [op.inputs[0], widths, *op.inputs[2:]], op.name, mode="constant")

    def transposition(self, op: Operation) -> None:
        self.graph.node("Transpose", op.inputs[:1], op.name, perm=self.weights[op.inputs[1]].tolist())

    def leaky(self, op: Operation) -> None:
        self.graph.node("LeakyRelu", op.inputs, op.name, alpha=op.attributes["alpha"]["f"])

    def joining(self, op: Operation) -> None:
        self.graph.node("Concat", op.inputs[:-1], op.name, axis=int(self.weights[op.inputs[-1]]))

    def reshaping(self, op: Operation) -> None:
        shape = self.graph.constant(self.weights[op.inputs[1]].astype(np.int64))
        self.graph.node("Reshape", [op.inputs[0], shape], op.name)

    def splitting(self, op: Operation) -> None:
        sizes = self.weights[op.inputs[1]].reshape(-1).astype(np.int64)
        outputs = [op.name, *(f"{op.name}:{place}" for place in range(1, sizes.size))]
        value = [op.inputs[0], self.graph.constant(sizes)]
        self.graph.node("Split", value, *outputs, axis=int(self.weights[op.inputs[2]]))


_SIMPLE = ("Sigmoid", "Identity")
_CONVERTERS: dict[str, Callable[[_Converter, Operation], None]] = {
    "Add": _Converter.sum,
    "AddV2": _Converter.sum,
    "ConcatV2": _Converter.joining,
    "Const": _Converter.constant,
    "Conv2D": _Converter.convolution,
    "LeakyRelu": _Converter.leaky,
    "MaxPool": _Converter.pooling,
    "Pad": _Converter.padding,
    "PadV2": _Converter.padding,
    "Reshape": _Converter.reshaping,
    "ResizeBilinear": _Converter.resizing,
    "SparseToDense": _Converter.dense,
    "SplitV": _Converter.splitting,
    "Transpose": _Converter.transposition,
}


def _operation(node: dict[str, Any]) -> Operation:
    return Operation(node["name"], node["op"], [_bare(name) for name in node.get("input", ())], node.get("attr", {}))


def _bare(name: str) -> str:
    """The name without the number of its first output, and without the mark of a dependency."""
    return name.removeprefix("^").removesuffix(":0")


def _shape(described: Any) -> list[int]:
    return [int(each["size"]) for each in described["dim"]]
