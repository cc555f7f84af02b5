"""Stand-ins: objects that represent objects of the other process, with classes that mirror theirs.

Operations on a stand-in are sent to the object: attributes, calls, operators, iteration, `with`, `await`. `isinstance`
and `except` work, because the mirrored classes have the same bases.
"""

from __future__ import annotations

import os
import types
from collections.abc import Iterator
from typing import Any

from . import values
from .values import Garbled

BINARY = (
    "add",
    "sub",
    "mul",
    "matmul",
    "truediv",
    "floordiv",
    "mod",
    "divmod",
    "pow",
    "lshift",
    "rshift",
    "and",
    "xor",
    "or",
)
FORWARDED = frozenset(
    [f"__{prefix}{name}__" for name in BINARY for prefix in ("", "r", "i")]
    + [f"__{name}__" for name in (
        "call", "len", "length_hint", "iter", "next", "reversed", "contains", "getitem", "setitem", "delitem", "bool",
        "eq", "ne", "lt", "le", "gt", "ge", "hash", "str", "repr", "format", "bytes", "int", "float", "complex",
        "index",
        "round", "trunc", "floor", "ceil", "neg", "pos", "abs", "invert", "enter", "exit", "aenter", "aexit", "aiter",
        "anext", "await", "fspath",
    )]
)  # fmt: skip
"""Special methods that are forwarded if the object's class has them."""
KINDS: dict[str, type] = {
    "function": types.FunctionType,
    "method": types.MethodType,
    "generator": types.GeneratorType,
    "coroutine": types.CoroutineType,
    "async_generator": types.AsyncGeneratorType,
    "module": types.ModuleType,
}
"""Classes of the interpreter that a stand-in reports as its own class."""
OWN_NAMES = frozenset({"_standin_id", "_standin_wire"})


def id_of(standin: Any) -> int:
    """The number of the object that a stand-in represents."""
    identifier = object.__getattribute__(standin, "_standin_id")
    assert isinstance(identifier, int)
    return identifier


def wire_of(standin: Any) -> Any:
    """The wire to the side of the object."""
    return object.__getattribute__(standin, "_standin_wire")


class StandInType(type):
    """The metaclass of mirrored classes. A mirrored class is a stand-in for the class itself."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> StandInType:
        if "_standin_wire" not in namespace:
            raise TypeError("A test cannot derive a class from a class of the code: they are in two processes")
        return super().__new__(mcs, name, bases, namespace)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._standin_wire.request("call", cls, args, kwargs)

    def __getattr__(cls, name: str) -> Any:
        if name in OWN_NAMES:
            raise AttributeError(name)
        return cls._standin_wire.request("getattr", cls, name)

    def __setattr__(cls, name: str, value: Any) -> None:
        if name.startswith("__"):
            type.__setattr__(cls, name, value)
        else:
            cls._standin_wire.request("setattr", cls, name, value)

    @property
    def __annotations__(cls) -> Any:  # type: ignore[override]
        return cls._standin_wire.request("getattr", cls, "__annotations__")

    def __bool__(cls) -> bool:
        return True

    def __len__(cls) -> int:
        found: int = cls._standin_wire.request("special", cls, "__len__", ())
        return found

    def __iter__(cls) -> Iterator[Any]:
        found: Iterator[Any] = cls._standin_wire.request("special", cls, "__iter__", ())
        return found

    def __getitem__(cls, key: Any) -> Any:
        return cls._standin_wire.request("getitem", cls, key)

    def __contains__(cls, value: Any) -> bool:
        return bool(cls._standin_wire.request("special", cls, "__contains__", (value,)))


def make_mirror(wire: Any, number: int, about: dict[str, Any], bases: tuple[type, ...]) -> type:
    """Create a class that mirrors one of the other side. Raises Garbled."""
    names = [about.get("name"), about.get("module"), about.get("qualname")]
    special, doc = about.get("special"), about.get("doc")
    if not all(isinstance(name, str) for name in names) or not isinstance(special, list):
        raise Garbled("a class without a name")
    methods = {name: _make_method(name) for name in special if isinstance(name, str) and name in FORWARDED}
    namespace: dict[str, Any] = {
        "_standin_wire": wire,
        "_standin_id": number,
        "__module__": names[1],
        "__qualname__": names[2],
        "__doc__": doc if isinstance(doc, str) else None,
        **_ATTRIBUTES,
        **methods,
    }
    if "__eq__" in methods and "__hash__" not in methods:
        namespace["__hash__"] = None
    if "__await__" in methods:
        namespace |= _AWAITABLE
    if (kind := KINDS.get(str(about.get("kind")))) is not None:
        namespace["__class__"] = property(lambda _: kind)
    try:
        return StandInType(str(names[0]), bases, namespace)
    except (TypeError, ValueError):
        raise Garbled("a class that cannot be") from None


def instance(cls: type, number: int, base: type | None, value: Any) -> Any:
    """Create a stand-in of a mirrored class. An immutable value or an exception also has `base` and `value`."""
    try:
        standin: Any
        new: Any = cls.__new__
        if base is None:
            standin = object.__new__(cls)
        elif issubclass(base, BaseException):
            standin = new(cls, *value)
            object.__setattr__(standin, "args", value)
        else:
            standin = new(cls, value)
    except Exception:
        raise Garbled("an object that cannot be") from None
    object.__setattr__(standin, "_standin_id", number)
    return standin


def describe(cls: type) -> dict[str, Any]:
    """Describe a class for the other side, which mirrors it; without the bases."""
    special = [name for name in sorted(FORWARDED) if _is_own(cls, name)]
    kind = next((name for name, known in KINDS.items() if known is cls), None)
    return {"name": cls.__name__, "module": cls.__module__, "qualname": cls.__qualname__, "special": special,
            "kind": kind, "doc": cls.__doc__ if isinstance(cls.__doc__, str) else None}  # fmt: skip


def _is_own(cls: type, name: str) -> bool:
    """Whether the class has the special method from a class that the other side does not have itself."""
    owner = next((each for each in cls.__mro__ if name in vars(each)), object)
    is_plain = owner is object or owner in values.DERIVED or values.is_exception(owner)
    return not is_plain and vars(owner)[name] is not None


def _make_method(name: str) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if name == "__call__":
            return wire_of(self).request("call", self, args, kwargs)
        if name in ("__exit__", "__aexit__"):
            args = (*args[:2], None)  # a traceback stays on its side
        return wire_of(self).request("special", self, name, args)

    def equal(self: Any, other: Any) -> Any:
        if name == "__eq__" and wire_of(self).is_judge and _compares_itself(other):
            return NotImplemented  # so that Python asks the other object, which is the test's
        return wire_of(self).is_true_alone(self, name, other)

    return equal if name in ("__eq__", "__contains__") else method


def _compares_itself(value: Any) -> bool:
    """Whether an object of this side defines its own comparison, such as pytest's `approx`."""
    kind: Any = type(value)
    is_data = value is None or kind in values.CONTAINER_NAMES or kind in values.DERIVED or isinstance(kind, StandInType)
    return not is_data and kind.__eq__ is not object.__eq__ and values.simple_parts(value) is None


class Stranger:
    """An object that equals no object of the code."""


def _getattr(self: Any, name: str) -> Any:
    if name in OWN_NAMES:
        raise AttributeError(name)
    return wire_of(self).request("getattr", self, name)


def _setattr(self: Any, name: str, value: Any) -> None:
    if name.startswith("__"):
        object.__setattr__(self, name, value)
    else:
        wire_of(self).request("setattr", self, name, value)


def _delattr(self: Any, name: str) -> None:
    wire_of(self).request("delattr", self, name)


def _unpicklable(*_: Any) -> Any:
    raise TypeError("An object of the code cannot be pickled by a test: they are in two processes")


_ATTRIBUTES: dict[str, Any] = {
    "__getattr__": _getattr,
    "__setattr__": _setattr,
    "__delattr__": _delattr,
    "__dict__": property(lambda self: wire_of(self).request("vars", self)),
    "__dir__": lambda self: wire_of(self).request("dir", self),
    "__copy__": lambda self: wire_of(self).request("copy", self),
    "__deepcopy__": lambda self, _: wire_of(self).request("deepcopy", self),
    "__reduce_ex__": _unpicklable,
}


def _await(self: Any) -> Any:
    value = wire_of(self).request("await", self)
    return value
    yield  # so that it is a generator: the awaiting is done on the other side, as a whole


def _send(self: Any, _: Any) -> Any:
    raise StopIteration(wire_of(self).request("await", self))


def _throw(self: Any, error: Any, *_: Any) -> Any:
    wire_of(self).request("close", self)
    raise error


_AWAITABLE: dict[str, Any] = {
    "__await__": _await,
    "send": _send,
    "throw": _throw,
    "close": lambda self: wire_of(self).request("close", self),
}


def decoys(value: Any) -> list[Any]:
    """Values that are similar to this one and not equal to it."""
    kind, chance = type(value), int.from_bytes(os.urandom(3), "big") + 2
    if kind is bool or value is None:
        return [not value, f"{chance}"]
    if kind in (int, float):
        return [value + 1, value - 1, value + chance] if abs(value) < 2**52 else [0, chance]
    if kind in (str, bytes):
        more = str(chance) if kind is str else str(chance).encode()
        return [value + more, value[:-1] if value else more, more + value[1:]]
    if kind is list or kind is tuple:
        return [value + kind([chance]), value[:-1] if value else kind([chance, chance])]
    if kind is dict:
        return [value | {f"{chance}": chance}]
    if kind is set or kind is frozenset:
        return [value | {f"{chance}"}]
    return [] if isinstance(kind, StandInType) else [Stranger()]
