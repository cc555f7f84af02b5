"""The process with the tests. It runs them and reports over a pipe which passed; the code is in another process.

It gets `{"code": text, "tests": text, "own": [names]}` on stdin; `own` are functions of the code itself that are
tests. It writes lines of JSON to the pipe:

- `{"note": text}`: a note for the reader of the result;
- `{"plan": [names]}`, when it knows the tests' names, and again when it knows more of them;
- `{"test": name, "passed": bool, "error": text, "ms": number}`, or `{"test": name, "skipped": true}`;
- `{"end": reason}`: the reason why nothing more can be tested, or an empty text.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import importlib
import io
import json
import linecache
import os
import sys
import time
import types
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from os import getpid  # the judge's own: a test may replace os.getpid
from typing import IO, Any

from . import standins, values
from .wire import End, Ended, Wire

NAME = "tests"
FILE = "tests.py"
SOLUTION = "solution"
MAX_ERROR = 600
MAX_TESTS = 200
MAX_SHOWN = 1_000_000
"""Characters of the code's output that are printed; a test that captures it gets all."""
NOT_READ = ("gi_", "cr_", "ag_", "tb_", "f_", "co_", "func_", "_")
"""Prefixes of attributes through which the code could reach from one of the judge's objects into the judge."""
OF_MOCKS = frozenset(
    {"called", "call_count", "call_args", "call_args_list", "mock_calls", "method_calls", "configure_mock",
     "mock_add_spec", "attach_mock", "reset_mock"}
)  # fmt: skip
"""Attributes of a mock that record its calls, and those that change what it has recorded and how it is asked."""
NO_ATTRIBUTES = (type(os), type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.FrameType,
                 types.CodeType, types.TracebackType)  # fmt: skip
"""Kinds of objects that the code can call, and whose attributes it cannot use."""

ATTRIBUTES: dict[str, Callable[..., Any]] = {"getattr": getattr, "setattr": setattr, "delattr": delattr}


class Judge:
    """Runs the tests of one text."""

    def __init__(self, wire: Wire, code: str, tell: Callable[[dict[str, Any]], None]) -> None:
        self._wire, self._code, self._tell = wire, code, tell
        self._module = types.ModuleType(NAME)
        self._process = getpid()

    def run(self, text: str, own: list[str]) -> str:
        """Run all tests. Returns why nothing more can be tested, or an empty text."""
        self._tell({"plan": own or ["test"]})
        try:
            tree = ast.parse(text, FILE)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            return f"the tests are not Python: {_message(error)}"
        linecache.cache[FILE] = (len(text), None, text.splitlines(True), FILE)
        steps = Steps(tree, text)
        self._tell({"plan": [*steps.names, *own] or ["test"]})
        if (failure := self._load(steps)) is not None:
            return failure
        sys.modules[NAME] = self._module
        self._module.__dict__.update({"__name__": NAME if steps.names else "__main__", "__file__": FILE})
        if not steps.names and not own:
            steps.names.append("test")
            self._judge("test", lambda: [step() for _, step in steps.compiled(self._module)])
            return ""
        failure = self._statements(steps)
        if failure is None:
            found = [*_small_pytest().collect(self._module), *self._own(own)]
            self._tell({"plan": [*steps.statements, *(name for name, _ in found)][:MAX_TESTS]})
            for name, test in found[:MAX_TESTS]:
                self._judge(name, test)
        return failure or ""

    def serve(self, operation: str, arguments: list[Any]) -> Any:
        """Serve a request of the code: call an object that a test passed to it, or use such an object's public
        attributes. The code cannot skip the test: it would be no failure."""
        try:
            return self._carry_out(operation, arguments)
        except BaseException as error:
            if _is_skip(error):
                raise AssertionError("the code has skipped the test") from None
            raise

    def _carry_out(self, operation: str, arguments: list[Any]) -> Any:
        if operation in ("call", "special", *ATTRIBUTES):
            self._require_given(arguments[0])
        if operation == "call":
            function, args, kwargs = arguments
            return function(*args, **kwargs)
        if operation == "special":
            value, name, args = arguments
            if name not in standins.FORWARDED:
                raise values.Garbled("a special method that is not passed on")
            return getattr(type(value), name)(value, *args)
        if operation in ATTRIBUTES:
            value, name, *rest = arguments
            if not _is_open(value, name) or (rest and callable(getattr(type(value), name, None))):
                raise AttributeError(f"The code cannot see the attribute {name!r} of what a test gave to it")
            return ATTRIBUTES[operation](value, name, *rest)
        if operation == "input":
            return str(builtins.input(str(arguments[0])))
        if operation == "readline":
            return str(sys.stdin.readline())
        raise TypeError("This cannot be done with what a test gave to the code")

    def _require_given(self, value: Any) -> None:
        """Raise Garbled unless a test passed the object to the code, or one of a class that the tests define. What both
        sides know by name is used on the own side; here, `typing.get_type_hints` would run any text."""
        is_of_tests = isinstance(value, type) and value.__module__ == NAME
        if not (is_of_tests or self._wire.has_given(value)):
            raise values.Garbled("a use of what no test gave to the code")

    def _load(self, steps: Steps) -> str | None:
        """Load the code and add its names to the namespace of the tests. Returns why it cannot be loaded."""
        try:
            self._wire.request("load", self._code)
            names = self._wire.request("names")
            solution = self._wire.request("module")
        except Ended:
            return f"the code's process cannot be worked with: {self._wire.ended}"
        except BaseException as error:
            return f"the code cannot be loaded: {_message(error)}"
        sys.modules[SOLUTION] = Alias(SOLUTION, solution)
        sys.meta_path.append(Finder(solution))
        for name, module, value in names:
            if isinstance(name, str) and not name.startswith("__") and not hasattr(builtins, name):
                self._module.__dict__[name] = value if module is None else values.module(module)
        self._tell_hidden([name for name, *_ in names if isinstance(name, str) and hasattr(builtins, name)], steps)
        return None

    def _tell_hidden(self, names: list[str], steps: Steps) -> None:
        """Report tests that use a builtin whose name the code also has: they get Python's own, unless they import the
        name. Otherwise the code could replace the functions that tests rely on."""
        used = sorted(set(names) & steps.used)
        if used:
            which = f"{', '.join(used)} in the tests {'is' if len(used) == 1 else 'are'} Python's own"
            self._tell({"note": f"{which}: import what the code calls so by name to test it."})

    def _statements(self, steps: Steps) -> str | None:
        """Run the text's statements; those that assert something are tests. Returns why the rest cannot be run."""
        for name, step in steps.compiled(self._module):
            if name is not None:
                self._judge(name, step)
                continue
            try:
                step()
            except BaseException as error:
                return f"the tests cannot be run: {_message(error)}"
        return None

    def _own(self, names: list[str]) -> list[tuple[str, Callable[[], Any]]]:
        """The tests in the code itself. The code could report any result for them."""
        solution = sys.modules[SOLUTION]
        return [(name, lambda name=name: getattr(solution, name)()) for name in names]  # type: ignore[misc]

    def _judge(self, name: str, test: Callable[[], Any]) -> None:
        started, error = time.perf_counter(), ""
        try:
            result = test()
            if isinstance(result, types.CoroutineType):
                importlib.import_module("asyncio").run(result)
            self._end_fork()
            self._wire.request("ping")
        except BaseException as raised:  # a test that ends in any exception has failed
            self._end_fork()
            if _is_skip(raised):
                self._tell({"test": name, "skipped": True})
                return
            error = _message(raised) or "failed"
        if self._wire.ended:
            error = f"the code's process cannot be worked with: {self._wire.ended}"
        milliseconds = (time.perf_counter() - started) * 1000
        self._tell({"test": name, "passed": not error, "error": error, "ms": milliseconds})

    def _end_fork(self) -> None:
        """End a process that a test has forked: the wire is the judge's, which would get half of the answers."""
        if getpid() != self._process:
            os._exit(0)


class Steps:
    """The statements of a test text. Each statement at the top level that asserts something is a test."""

    def __init__(self, tree: ast.Module, text: str) -> None:
        self._tree, self._lines = tree, text.splitlines()
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
        names = {name.name for node in imports for name in node.names}
        self._flags = __future__.annotations.compiler_flag if "annotations" in names else 0
        self.statements = [self._name(node) for node in tree.body if _asserts(node)]
        later = [name for node in tree.body for name in _test_names(node)]
        self.names = [*self.statements, *later]
        """The tests that are known before the text runs."""
        imported = {
            name.asname or name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for name in node.names
        }
        self.used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - imported
        """The names that the text uses and does not import by name."""

    def compiled(self, module: types.ModuleType) -> Iterator[tuple[str | None, Callable[[], Any]]]:
        """Compile each statement to a function, with a name if it is a test."""
        for node in self._tree.body:
            code = compile(ast.Module([node], []), FILE, "exec", self._flags, dont_inherit=True)
            name = self._name(node) if _asserts(node) else None
            yield name, lambda code=code: exec(code, module.__dict__)  # type: ignore[misc]

    def _name(self, statement: ast.stmt) -> str:
        """The line of the statement's first assertion."""
        node = next((each for each in ast.walk(statement) if isinstance(each, ast.Assert)), statement)
        line = self._lines[node.lineno - 1].strip() if node.lineno <= len(self._lines) else ""
        return line[:100]


class Finder:
    """Imports the code under any name that a test uses, if there is no other module of that name."""

    def __init__(self, solution: Any) -> None:
        self._solution = solution

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        is_wanted = "." not in fullname and _importer() == FILE
        return ModuleSpec(fullname, self) if is_wanted else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        if spec.name == "pytest":
            return _small_pytest().module  # type: ignore[no-any-return]
        return Alias(spec.name, self._solution)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


class Alias(types.ModuleType):
    """A module that has the names of the code."""

    def __init__(self, name: str, solution: Any) -> None:
        super().__init__(name)
        self.__dict__["_solution"] = solution

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [each for each in dir(self._solution) if not each.startswith("_") and not hasattr(builtins, each)]
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._solution, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):
            super().__setattr__(name, value)
        else:
            setattr(self._solution, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._solution, name)


def _asserts(node: ast.AST) -> bool:
    """Whether a statement asserts something itself, not within a function or class that it defines."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return False
    if isinstance(node, ast.If) and "__main__" in ast.dump(node.test):
        return False
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.With) and any("raises" in ast.dump(item) for item in node.items):
        return True
    return any(
        _asserts(child) for child in ast.iter_child_nodes(node) if isinstance(child, (ast.stmt, ast.excepthandler))
    )


def _test_names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
        yield node.name
    if isinstance(node, ast.ClassDef):
        yield from (f"{node.name}.{name}" for child in node.body for name in _test_names(child))


def _is_open(value: Any, name: Any) -> bool:
    """Whether the code may use this attribute of an object that a test passed to it."""
    if not isinstance(name, str) or name.startswith(NOT_READ) or (name in OF_MOCKS and hasattr(value, "mock_calls")):
        return False
    if isinstance(value, type):
        return value.__module__ == NAME and not callable(getattr(value, name, None))
    return not isinstance(value, NO_ATTRIBUTES)


def _importer() -> str:
    """The file whose import statement is running."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(("<frozen importlib", __file__)):
        frame = frame.f_back
    return frame.f_code.co_filename


def _small_pytest() -> Any:
    """Import the module when a test needs it."""
    return importlib.import_module(".small_pytest", __package__)


def _is_skip(error: BaseException) -> bool:
    """Whether a test skips itself. The code cannot do so: these classes do not cross the wire."""
    return type(error) in (getattr(sys.modules.get("unittest"), "SkipTest", None), _small_pytest().Skipped)


def _message(error: BaseException) -> str:
    """The exception's text and the line that raised it."""
    if isinstance(error, Ended):
        return f"the code's process cannot be worked with: {error}"
    where = [text for text in (_line(error), getattr(error, "__where__", "")) if text]
    try:
        text = str(error)
    except BaseException:
        text = ""
    kind = type(error).__name__
    if isinstance(error, AssertionError) and not text:
        text = _assertion_text(error)
    return f"{kind}{': ' if text else ''}{text}"[:MAX_ERROR] + (f" ({', '.join(where)})" if where else "")


def _trace_lines(error: BaseException) -> Iterator[types.TracebackType]:
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == FILE:
            yield trace
        trace = trace.tb_next


def _line(error: BaseException) -> str:
    lines = [trace.tb_lineno for trace in _trace_lines(error)]
    return f"line {lines[-1]} of the tests" if lines else ""


def _assertion_text(error: BaseException) -> str:
    """The asserting line, and the values of its comparison."""
    traces = list(_trace_lines(error))
    if not traces:
        return ""
    line = linecache.getline(FILE, traces[-1].tb_lineno).strip()
    return line[:200]


def main(end: End, report_file: IO[str]) -> None:
    """Run the tests, and write the report to `report_file`."""
    request, judging_process = json.load(sys.stdin), getpid()

    def tell(line: dict[str, Any]) -> None:
        if getpid() == judging_process:  # a process that a test has forked reports nothing
            report_file.write(json.dumps(line) + "\n")
            report_file.flush()

    shown_characters = [0]

    def show(name: str, text: str) -> None:
        stream = sys.stderr if name == "stderr" else sys.stdout
        shown_characters[0] += len(text)
        if stream not in (sys.__stdout__, sys.__stderr__) or shown_characters[0] < MAX_SHOWN:
            print(text, end="", file=stream)

    sys.stdin = io.StringIO()
    wire = Wire(end, lambda operation, arguments: judge.serve(operation, arguments), is_judge=True)
    wire.on_printed = show
    judge = Judge(wire, request["code"], tell)
    tell({"end": judge.run(request["tests"], request["own"])})
    sys.stdout.flush()
    os._exit(0)
