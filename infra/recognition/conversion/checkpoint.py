"""Read the weights of a PyTorch checkpoint in the old format, without PyTorch and without running what is in it."""

import collections
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

TYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class Storage(NamedTuple):
    """Numbers that tensors are views of."""

    type: str
    key: str


class Tensor(NamedTuple):
    """A view of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Reader(pickle.Unpickler):
    """Builds nothing but dictionaries, storages and tensors."""

    ALLOWED: dict[str, Callable[..., Any]] = {  # noqa: RUF012 - never changed
        "OrderedDict": collections.OrderedDict,
        "_rebuild_tensor_v2": lambda storage, offset, shape, strides, *_: Tensor(storage, offset, shape, strides),
        "_rebuild_parameter": lambda tensor, *_: tensor,
    }

    def find_class(self, module: str, name: str) -> Any:
        if name in TYPES:
            return name
        if name not in self.ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a checkpoint")
        return self.ALLOWED[name]

    def persistent_load(self, pid: Any) -> Storage:
        return Storage(pid[1], pid[2])


def load(path: Path) -> dict[str, Any]:
    """Name of each weight -> its array."""
    with path.open("rb") as file:
        for _ in ("magic number", "version", "system"):
            _Reader(file).load()
        tensors: dict[str, Tensor] = _Reader(file).load()
        types = {tensor.storage.key: TYPES[tensor.storage.type] for tensor in tensors.values()}
        numbers = {key: _numbers(file, types[key]) for key in _Reader(file).load()}
    return {name: _array(tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _numbers(file: BinaryIO, kind: Any) -> Any:
    (count,) = struct.unpack("<q", file.read(8))
    return np.frombuffer(file.read(count * kind.itemsize), kind)


def _array(tensor: Tensor, numbers: Any) -> Any:
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides).copy()
