"""Which values are sent to the other process by value, and which by name.

The other side may send forged data: every function here raises Garbled for unknown data.
"""

from __future__ import annotations

import collections
import importlib
import math
import sys
import types
from collections.abc import Callable
from typing import Any


class Garbled(Exception):
    """The other side sent data that the protocol does not allow."""


CONTAINERS: dict[str, type] = {
    "list": list,
    "dict": dict,
    "set": set,
    "bytearray": bytearray,
    "deque": collections.deque,
    "OrderedDict": collections.OrderedDict,
    "Counter": collections.Counter,
}
"""Mutable containers: both sides have one, kept equal."""
CONTAINER_NAMES = {kind: name for name, kind in CONTAINERS.items()}


def _make(module: str, name: str) -> Callable[..., Any]:
    """Make a value of a type that is imported on first use, because few tests need it."""
    return lambda *parts: getattr(importlib.import_module(module), name)(*parts)


def _fraction(numerator: str, denominator: str) -> Any:
    return _make("fractions", "Fraction")(int(numerator, 16), int(denominator, 16))


def _from_iso(name: str) -> Callable[[str], Any]:
    return lambda text: getattr(importlib.import_module("datetime"), name).fromisoformat(text)


def _offset(value: Any) -> list[Any]:
    offset = value.utcoffset(None)
    return [offset.days, offset.seconds, offset.microseconds]


def _timezone(*parts: int) -> Any:
    return _make("datetime", "timezone")(_make("datetime", "timedelta")(*parts))


SIMPLE: dict[tuple[str, str], tuple[Callable[[Any], list[Any]], Callable[..., Any]]] = {
    ("builtins", "complex"): (lambda v: [repr(v.real), repr(v.imag)], lambda r, i: complex(float(r), float(i))),
    ("builtins", "range"): (lambda v: [hex(v.start), hex(v.stop), hex(v.step)],
                            lambda *parts: range(*(int(part, 16) for part in parts))),
    ("decimal", "Decimal"): (lambda v: [str(v)], _make("decimal", "Decimal")),
    ("fractions", "Fraction"): (lambda v: [hex(v.numerator), hex(v.denominator)], _fraction),
    ("uuid", "UUID"): (lambda v: [v.hex], _make("uuid", "UUID")),
    ("pathlib", "PosixPath"): (lambda v: [str(v)], _make("pathlib", "PosixPath")),
    ("pathlib", "PurePosixPath"): (lambda v: [str(v)], _make("pathlib", "PurePosixPath")),
    ("datetime", "timedelta"): (lambda v: [v.days, v.seconds, v.microseconds], _make("datetime", "timedelta")),
    ("datetime", "timezone"): (_offset, _timezone),
    ("datetime", "date"): (lambda v: [v.isoformat()], _from_iso("date")),
    ("datetime", "time"): (lambda v: [v.isoformat()], _from_iso("time")),
    ("datetime", "datetime"): (lambda v: [v.isoformat()], _from_iso("datetime")),
}  # fmt: skip
"""Immutable types of the standard library: a function that returns their parts as JSON, one that makes the value."""


def simple_parts(value: Any) -> list[Any] | None:
    """Module, name and parts of a value of a type in SIMPLE; None for others, and for a time zone with rules."""
    kind = type(value)
    key = kind.__module__, kind.__qualname__
    if key not in SIMPLE or getattr(sys.modules.get(key[0]), key[1], None) is not kind:
        return None
    zone = getattr(value, "tzinfo", None)
    if zone is not None and type(zone).__name__ != "timezone":
        return None
    return [*key, *SIMPLE[key][0](value)]


def simple(module: Any, name: Any, *parts: Any) -> Any:
    """Make the value from the result of `simple_parts`. Raises Garbled."""
    if (module, name) not in SIMPLE:
        raise Garbled("a type that is not known")
    return SIMPLE[module, name][1](*parts)


DERIVED: tuple[type, ...] = (bool, int, float, str, bytes, tuple, frozenset, complex)
"""Immutable types: an object of a class derived from one of them is that value as well."""
PLAIN: dict[type, Callable[[Any], Any]] = {
    int: int.__index__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    tuple: lambda value: tuple.__getitem__(value, slice(None)),
    frozenset: lambda value: frozenset.union(frozenset(), value),
    complex: lambda value: complex.__add__(value, 0),
}
"""Functions that return the plain value of such an object, even if its class overrides the conversion."""

MODULES = frozenset(
    {"abc", "array", "argparse", "ast", "asyncio", "base64", "bisect", "calendar", "cmath", "collections",
     "collections.abc", "concurrent.futures", "configparser", "contextlib", "copy", "csv", "dataclasses", "datetime",
     "decimal", "difflib", "enum", "fractions", "functools", "hashlib", "heapq", "html", "http", "inspect", "io",
     "itertools", "json", "logging", "math", "numbers", "operator", "os", "os.path", "pathlib", "pprint", "queue",
     "random", "re", "secrets", "shutil", "socket", "sqlite3", "statistics", "string", "struct", "subprocess", "sys",
     "tempfile", "textwrap", "threading", "time", "traceback", "types", "typing", "unicodedata", "urllib",
     "urllib.parse", "urllib.request", "uuid", "warnings", "weakref", "zoneinfo"}
)  # fmt: skip
"""Modules that the judge takes from its own standard library where the code has imported them."""
NAMED = frozenset(
    {"builtins", "_io", "_collections", "_functools", "_heapq", "_bisect", "_random", "_struct", "_decimal",
     "_datetime", "abc", "array", "asyncio.exceptions", "bisect", "cmath", "collections", "collections.abc",
     "concurrent.futures._base", "dataclasses", "datetime", "decimal", "enum", "fractions", "functools", "heapq",
     "itertools", "json", "json.decoder", "math", "numbers", "pathlib", "queue", "_queue", "re", "statistics",
     "string", "struct", "threading", "typing", "urllib.error", "uuid", "zoneinfo._common"}
)  # fmt: skip
"""Modules whose functions and classes cross by name."""
NOT_NAMED = frozenset(
    {"eval", "exec", "compile", "getattr", "setattr", "delattr", "globals", "locals", "vars", "open", "input",
     "breakpoint", "exit", "quit", "help", "__import__", "__build_class__"}
)  # fmt: skip
"""Functions with which the code could reach into the judge, if a test called an object from the code."""


def module(name: Any) -> types.ModuleType:
    """Find this side's module of that name. Raises Garbled."""
    if not isinstance(name, str) or name not in MODULES:
        raise Garbled("a module that is not known")
    return importlib.import_module(name)


def name_of(value: Any) -> tuple[str, str] | None:
    """The module and name of a class or function of the standard library, which both sides have."""
    if value is Ellipsis or value is NotImplemented:
        return "builtins", repr(value)
    if not isinstance(value, (type, types.BuiltinFunctionType, types.FunctionType)):
        return None
    home, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(home, str) or not isinstance(name, str) or home not in NAMED or name in NOT_NAMED:
        return None
    return (home, name) if getattr(sys.modules.get(home), name, None) is value else None


def find_named(home: Any, name: Any) -> Any:
    """Find this side's class or function of that name. Raises Garbled."""
    if not isinstance(home, str) or not isinstance(name, str) or home not in NAMED or name in NOT_NAMED:
        raise Garbled("a name that is not known")
    value = getattr(importlib.import_module(home), name, None)
    if value is not Ellipsis and value is not NotImplemented and name_of(value) is None:
        raise Garbled("a name that is not known")
    return value


def derived_base(kind: type) -> type | None:
    """The immutable type that a class is derived from; None if there is none."""
    return next((base for base in DERIVED if issubclass(kind, base)), None)


def is_exception(kind: type) -> bool:
    """Whether it is an exception class that both sides have under the same name."""
    return issubclass(kind, BaseException) and name_of(kind) is not None


def float_text(value: float) -> str:
    """The text of a float that JSON cannot represent."""
    return "nan" if math.isnan(value) else repr(value)
