"""EfficientNet-lite0 from its weights (https://github.com/tensorflow/tpu). Batch norms are folded into convolutions."""

from typing import Any

import numpy as np

from infra.recognition.conversion.graph import Graph

SIZE = 224
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks of each stage, and the stride of its first."""
EPSILON = 1e-3


class _Builder:
    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights = weights
        self.graph = Graph()
        self._limits = [self.graph.constant(np.float32(limit)) for limit in (0, 6)]

    def convolution(self, value: str, name: str, norm: str, stride: int = 1, *, activated: bool = True) -> str:
        """A convolution with its batch norm folded in, and ReLU6."""
        weight, of_norm = self.weights[f"{name}.weight"], self._norm(norm)
        scale = of_norm["weight"] / np.sqrt(of_norm["running_var"] + EPSILON)
        parts = [
            (weight * scale[:, None, None, None]).astype(np.float32),
            (of_norm["bias"] - of_norm["running_mean"] * scale).astype(np.float32),
        ]
        convolved = self.graph.node(
            "Conv",
            [value, *map(self.graph.constant, parts)],
            strides=[stride, stride],
            kernel_shape=list(weight.shape[2:]),
            auto_pad="SAME_UPPER",
            group=weight.shape[0] if "depthwise" in name else 1,
        )
        return self.graph.node("Clip", [convolved, *self._limits]) if activated else convolved

    def block(self, value: str, place: int, stride: int) -> str:
        """An inverted residual: expand, depthwise, project; with a shortcut where the shapes agree."""
        name, expanded = f"_blocks.{place}.", value
        if f"{name}_expand_conv.weight" in self.weights:
            expanded = self.convolution(value, f"{name}_expand_conv", f"{name}_bn0")
        filtered = self.convolution(expanded, f"{name}_depthwise_conv", f"{name}_bn1", stride)
        projected = self.convolution(filtered, f"{name}_project_conv", f"{name}_bn2", activated=False)
        shortcut = stride == 1 and self._channels(place) == self._channels(place - 1)
        return self.graph.node("Add", [value, projected]) if shortcut else projected

    def _channels(self, place: int) -> int:
        """The channels that come out of a block; before the first, of the stem."""
        name = "_conv_stem" if place < 0 else f"_blocks.{place}._project_conv"
        return int(self.weights[f"{name}.weight"].shape[0])

    def _norm(self, name: str) -> dict[str, Any]:
        return {part: self.weights[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")}


def build(weights: dict[str, Any]) -> Any:
    """The model: `image` (n x 3 x 224 x 224, RGB, (value - 127) / 128) to `probabilities` (n x 1000)."""
    builder = _Builder(weights)
    graph = builder.graph
    value = builder.convolution("image", "_conv_stem", "_bn0", 2)
    strides = [stride if first == 0 else 1 for blocks, stride in STAGES for first in range(blocks)]
    for place, stride in enumerate(strides):
        value = builder.block(value, place, stride)
    value = builder.convolution(value, "_conv_head", "_bn1")
    value = graph.node("Flatten", [graph.node("GlobalAveragePool", [value])])
    classifier = [graph.constant(weights[f"_fc.{part}"]) for part in ("weight", "bias")]
    value = graph.node("Gemm", [value, *classifier], transB=1)
    graph.node("Softmax", [value], "probabilities", axis=1)
    return graph.model({"image": ["n", 3, SIZE, SIZE]}, {"probabilities": ["n", 1000]})
