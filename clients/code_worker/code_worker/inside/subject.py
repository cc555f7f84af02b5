"""The process of the tested code. It loads the code and carries out the judge's requests.

It gets the code from the judge. Whatever the code does to this process, it can only change its own answers.
"""

from __future__ import annotations

import builtins
import importlib
import io
import linecache
import os
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

from . import values
from .wire import End, Ended, Wire

NAME = "solution"
FILE = "solution.py"
MAX_PRINTED = 256 * 1024
"""The most characters that are kept between two messages; more output is lost."""


class Printed(io.TextIOBase):
    """A stream whose text goes to the judge."""

    def __init__(self, name: str, into: list[list[str]]) -> None:
        self._name, self._into, self._length = name, into, 0

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self._length < MAX_PRINTED:
            self._into.append([self._name, text[: MAX_PRINTED - self._length]])
            self._length += len(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def start_again(self) -> None:
        """Forget the printed text, which the judge has."""
        self._length = 0


class Typed(io.TextIOBase):
    """A stdin whose lines come from the judge's stdin."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    def readable(self) -> bool:
        return True

    def readline(self, _: Any = -1) -> str:  # type: ignore[override]
        return str(self._ask("readline"))

    def read(self, _: Any = -1) -> str:
        return "".join(iter(self.readline, ""))


class Subject:
    """The loaded code. The judge may do anything with it."""

    def __init__(self) -> None:
        self.module = types.ModuleType(NAME)
        self._loop: Any = None
        self._operations: dict[str, Callable[..., Any]] = {
            "load": self._load,
            "names": self._names,
            "ping": lambda: None,
            "module": lambda: self.module,
            "call": lambda function, args, kwargs: function(*args, **kwargs),
            "getattr": getattr,
            "setattr": setattr,
            "delattr": delattr,
            "getitem": lambda value, key: value[key],
            "special": _special,
            "await": self._await,
            "close": lambda value: value.close(),
            "copy": lambda value: importlib.import_module("copy").copy(value),
            "deepcopy": lambda value: importlib.import_module("copy").deepcopy(value),
            "dir": dir,
            "vars": lambda value: dict(vars(value)),
        }

    def serve(self, operation: str, arguments: list[Any]) -> Any:
        """Carry out one request of the judge."""
        return self._operations[operation](*arguments)

    def _load(self, code: str) -> None:
        linecache.cache[FILE] = (len(code), None, code.splitlines(True), FILE)
        self.module.__file__ = FILE
        sys.modules[NAME] = self.module
        exec(compile(code, FILE, "exec", dont_inherit=True), self.module.__dict__)

    def _names(self) -> list[list[Any]]:
        """The module's names and values. A value that is a module is represented by its name."""
        names = []
        for name, value in list(vars(self.module).items()):
            if name.startswith("__"):
                continue
            is_known = isinstance(value, types.ModuleType) and value.__name__ in values.MODULES
            names.append([name, value.__name__ if is_known else None, None if is_known else value])
        return names

    def _await(self, awaitable: Any) -> Any:
        if self._loop is None:
            self._loop = importlib.import_module("asyncio").new_event_loop()
        return self._loop.run_until_complete(_wait_for(awaitable))


async def _wait_for(awaitable: Any) -> Any:
    return await awaitable


def _special(value: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    return getattr(type(value), name)(value, *arguments)


def _where(error: BaseException) -> str:
    """The line of the code in which an exception was raised."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"line {line} of the code" if line else ""


def main(end: End) -> None:
    """Serve the judge until it ends."""
    wire = Wire(end, Subject().serve, is_judge=False)
    wire.where = _where
    main_thread = threading.current_thread()
    printed: list[list[str]] = []
    streams = Printed("stdout", printed), Printed("stderr", printed)

    def take() -> list[list[str]]:
        taken, printed[:] = list(printed), []
        for stream in streams:
            stream.start_again()
        return taken

    def ask(operation: str, *arguments: Any) -> Any:
        if threading.current_thread() is not main_thread:
            raise EOFError("only the main thread can read what the test types")
        return wire.request(operation, *arguments)

    wire.printed = take
    sys.stdin = Typed(ask)
    builtins.input = lambda prompt="", /: ask("input", str(prompt))
    sys.stdout, sys.stderr = streams
    try:
        wire.serve()
    except Ended:
        os._exit(0)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        os._exit(1)
