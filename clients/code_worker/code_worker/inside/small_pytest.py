"""The parts of pytest that tests commonly use, for machines without pytest: raises, approx, fixture, parametrize, skip.

In the judge its `module` has the name pytest. `collect` finds the tests of a module.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import math
import os
import re
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, NoReturn


class Skipped(BaseException):
    """A test skips itself."""


class Failed(AssertionError):
    """A test failed."""


class Raises:
    """`with raises(ValueError, match="...") as caught:`"""

    def __init__(self, expected: Any, match: str | None = None) -> None:
        self.expected, self._match = expected, match
        self.value: Any = None

    @property
    def type(self) -> Any:
        return type(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def match(self, pattern: str) -> bool:
        if not re.search(pattern, str(self.value)):
            raise Failed(f"{str(self.value)!r} does not match {pattern!r}")
        return True

    def __enter__(self) -> Raises:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if kind is None:
            raise Failed(f"DID NOT RAISE {self.expected}")
        if not issubclass(kind, self.expected):
            return False
        self.value = error
        if self._match is not None:
            self.match(self._match)
        return True


def raises(expected: Any, *call: Any, match: str | None = None, **kwargs: Any) -> Raises:
    expectation = Raises(expected, match)
    if call:
        with expectation:
            call[0](*call[1:], **kwargs)
    return expectation


class approx:  # noqa: N801 - pytest's name
    """`assert x == approx(0.3)`; sequences and dicts of numbers as well."""

    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None) -> None:
        self.expected, self._rel, self._abs = expected, rel, abs

    def __eq__(self, actual: Any) -> bool:
        return self._is_near(actual, self.expected)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"

    def _is_near(self, actual: Any, expected: Any) -> bool:
        if isinstance(expected, dict):
            return set(actual) == set(expected) and all(self._is_near(actual[key], expected[key]) for key in expected)
        if isinstance(expected, (list, tuple)):
            pairs = zip(actual, expected, strict=True) if len(actual) == len(expected) else None
            return pairs is not None and all(self._is_near(*pair) for pair in pairs)
        actual = _plain(actual)
        if not isinstance(actual, (int, float, complex)) or not isinstance(expected, (int, float)):
            return bool(actual == expected)
        relative = self._rel if self._rel is not None else 1e-6 if self._abs is None else 0.0
        tolerance = max(relative * abs(expected), 1e-12 if self._abs is None else self._abs)
        return actual == expected or (math.isfinite(abs(actual)) and abs(actual - expected) <= tolerance)


def _plain(value: Any) -> Any:
    """The plain number of a value, so that a class of the code cannot override its arithmetic."""
    if isinstance(value, float):
        return float.__float__(value)
    return int.__index__(value) if isinstance(value, int) else value


class _Mark:
    """`mark.parametrize`, `mark.skip`, `mark.skipif`; other marks have no effect."""

    def __getattr__(self, name: str) -> Any:
        def mark(*args: Any, **kwargs: Any) -> Any:
            if len(args) == 1 and not kwargs and type(args[0]) is types.FunctionType:
                return _mark(args[0], name, (), {})
            return lambda function: _mark(function, name, args, kwargs)

        return mark


def _mark(function: Any, name: str, args: Any, kwargs: Any) -> Any:
    if type(function) is types.FunctionType:
        function.__dict__.setdefault("_marks", []).append((name, args, kwargs))
    return function


def fixture(*args: Any, **kwargs: Any) -> Any:
    def decorate(function: Any) -> Any:
        function._fixture = kwargs.get("name") or function.__name__
        function._is_automatic = kwargs.get("autouse", False)
        return function

    return decorate(args[0]) if args and callable(args[0]) else decorate


def param(*values: Any, **_: Any) -> Any:
    return values if len(values) != 1 else values[0]


def skip(reason: str = "", **_: Any) -> NoReturn:
    raise Skipped(reason)


def fail(reason: str = "", **_: Any) -> NoReturn:
    raise Failed(reason)


def importorskip(name: str, *_: Any, **__: Any) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise Skipped(name) from None


module = types.ModuleType("pytest")
module.__dict__.update(
    raises=raises,
    approx=approx,
    mark=_Mark(),
    fixture=fixture,
    param=param,
    skip=skip,
    fail=fail,
    importorskip=importorskip,
)


class _Captured:
    """The fixture capsys."""

    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()

    def readouterr(self) -> Any:
        texts = types.SimpleNamespace(out=self.out.getvalue(), err=self.err.getvalue())
        for stream in (self.out, self.err):
            stream.seek(0)
            stream.truncate()
        return texts


@contextlib.contextmanager
def _capsys() -> Iterator[_Captured]:
    captured = _Captured()
    with contextlib.redirect_stdout(captured.out), contextlib.redirect_stderr(captured.err):
        yield captured


class _MonkeyPatch:
    """The fixture monkeypatch: attributes, items and environment variables of the test's own process, and attributes of
    the code."""

    def __init__(self, undo: contextlib.ExitStack) -> None:
        self._undo = undo

    def setattr(self, target: Any, name: Any, value: Any = None, raising: bool = True) -> None:
        if isinstance(target, str):
            path, _, attribute = target.rpartition(".")
            target, name, value = sys.modules[path], attribute, name
        old = getattr(target, name) if raising else getattr(target, name, None)
        self._undo.callback(setattr, target, name, old)
        setattr(target, name, value)

    def setitem(self, mapping: Any, key: Any, value: Any) -> None:
        old = dict(mapping)
        self._undo.callback(lambda: (mapping.clear(), mapping.update(old)))
        mapping[key] = value

    def setenv(self, name: str, value: str, **_: Any) -> None:
        self.setitem(os.environ, name, value)

    def chdir(self, path: Any) -> None:
        self._undo.callback(os.chdir, os.getcwd())
        os.chdir(path)


@contextlib.contextmanager
def _monkeypatch() -> Iterator[_MonkeyPatch]:
    with contextlib.ExitStack() as undo:
        yield _MonkeyPatch(undo)


@contextlib.contextmanager
def _tmp_path() -> Iterator[Any]:
    with importlib.import_module("tempfile").TemporaryDirectory() as name:
        yield importlib.import_module("pathlib").Path(name)


BUILTIN_FIXTURES: dict[str, Callable[[], Any]] = {"capsys": _capsys, "monkeypatch": _monkeypatch, "tmp_path": _tmp_path}


class Fixtures:
    """The fixtures of one run of one test."""

    def __init__(self, functions: dict[str, Any], stack: contextlib.ExitStack) -> None:
        self._functions, self._stack = functions, stack
        self._values: dict[str, Any] = {}

    def arguments(self, function: Any, known_values: dict[str, Any]) -> dict[str, Any]:
        """The arguments of the function: `known_values`, and fixtures for the other parameters."""
        parameters = _parameters(function)[_count_of_mocks(function) :]
        names = [each.name for each in parameters if each.default is each.empty and each.kind is not each.VAR_KEYWORD]
        return {name: known_values[name] if name in known_values else self.value(name) for name in names}

    def value(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._make(name)
        return self._values[name]

    def automatic(self) -> None:
        """Set up the fixtures that every test has."""
        for name, function in self._functions.items():
            if getattr(function, "_is_automatic", False):
                self.value(name)

    def _make(self, name: str) -> Any:
        if name in self._functions:
            function = self._functions[name]
            fixture_value = function(**self.arguments(function, {}))
            if not isinstance(fixture_value, types.GeneratorType):
                return fixture_value
            self._stack.callback(next, fixture_value, None)
            return next(fixture_value)
        if name in BUILTIN_FIXTURES:
            return self._stack.enter_context(BUILTIN_FIXTURES[name]())
        raise LookupError(f"There is no fixture {name!r}")


def collect(tests: types.ModuleType) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Find the tests that a module defines, as functions without parameters."""
    defined = {
        name: value for name, value in vars(tests).items() if getattr(value, "__module__", None) == tests.__name__
    }
    functions = [value for value in defined.values() if type(value) is types.FunctionType]
    fixtures = {vars(each)["_fixture"]: each for each in functions if "_fixture" in vars(each)}
    for name, value in defined.items():
        if type(value) is types.FunctionType and name.startswith("test") and "_fixture" not in vars(value):
            yield name, _runner(value, fixtures)
        elif (
            isinstance(value, type)
            and "unittest" in sys.modules
            and issubclass(value, sys.modules["unittest"].TestCase)
        ):
            cases = importlib.import_module(".cases", __package__)
            yield from ((f"{name}.{method}", run) for method, run in cases.collect(value))
        elif isinstance(value, type) and name.startswith("Test"):
            for method in [each for each in dir(value) if each.startswith("test") and callable(getattr(value, each))]:
                yield f"{name}.{method}", _method_runner(value, method, fixtures)


def _runner(function: Any, fixtures: dict[str, Any], before: Callable[[], Any] = lambda: None) -> Callable[[], Any]:
    marks = getattr(function, "_marks", [])

    def run() -> None:
        for name, args, _ in marks:
            if name == "skip" or (name == "skipif" and args and args[0]):
                raise Skipped
        for parameters in _cases([args for name, args, _ in marks if name == "parametrize"]):
            before()
            with contextlib.ExitStack() as stack:
                all_fixtures = Fixtures(fixtures, stack)
                all_fixtures.automatic()
                result = function(**all_fixtures.arguments(function, parameters))
                if isinstance(result, types.CoroutineType):
                    importlib.import_module("asyncio").run(result)

    return run


def _cases(parametrized: list[Any]) -> Iterator[dict[str, Any]]:
    """Every combination of the parameters."""
    if not parametrized:
        yield {}
        return
    (names, rows, *_), *others = parametrized
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    for row in rows:
        values = dict(zip(names, row, strict=True)) if len(names) > 1 else {names[0]: row}
        for more in _cases(others):
            yield values | more


def _method_runner(cls: type, name: str, fixtures: dict[str, Any]) -> Callable[[], Any]:
    def run() -> None:
        instance = cls()
        method = getattr(instance, name)
        try:
            _runner(method, fixtures, lambda: _hook(instance, "setup_method", method))()
        finally:
            _hook(instance, "teardown_method", method)

    return run


def _hook(instance: Any, name: str, method: Any) -> None:
    hook = getattr(instance, name, None)
    if hook is not None:
        hook(*[method][: len(_parameters(hook))])


def _parameters(function: Any) -> list[Any]:
    return list(importlib.import_module("inspect").signature(function).parameters.values())


def _count_of_mocks(function: Any) -> int:
    """How many arguments `unittest.mock.patch` gives to the function."""
    patchings = [patching for patching in getattr(function, "patchings", []) if patching.attribute_name is None]
    return sum(patching.new is sys.modules["unittest.mock"].DEFAULT for patching in patchings)
