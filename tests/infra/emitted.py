"""The metrics that the code sends, found in its calls of `count` and `measure`."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

from chalicelib.domain.changes.effects import EventKind
from chalicelib.domain.tasks.transitions import Reason
from chalicelib.engine.statistics import task_gauges

ROOT = Path(__file__).parents[2]
ENDINGS = {"Event.": [str(kind) for kind in EventKind], "Failure.": [str(reason) for reason in Reason]}
"""Prefix of a composed name -> its possible endings."""
SENDING = {"count", "measure"}


def emitted_metrics() -> set[str]:
    """Every name of a metric in the code. Fails if a name cannot be determined."""
    paths = [path for path in (ROOT / "chalicelib").rglob("*.py") if path.name != "observability.py"]
    return {name for path in paths for name in _names_in(path)}


def _names_in(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    ours = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "chalicelib.observability"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ours & SENDING:
            yield from _names(node.args[0], path)


def _names(argument: ast.expr, path: Path) -> list[str]:
    if isinstance(argument, ast.Constant):
        return [str(argument.value)]
    if isinstance(argument, ast.IfExp):
        return [*_names(argument.body, path), *_names(argument.orelse, path)]
    if isinstance(argument, ast.JoinedStr):
        beginning = argument.values[0]
        assert isinstance(beginning, ast.Constant)
        return [f"{beginning.value}{ending}" for ending in ENDINGS[str(beginning.value)]]
    assert isinstance(argument, ast.Name), f"{path}: what is measured cannot be told from the source"
    if argument.id == "metric" and path.name == "task_gauges.py":
        return list(task_gauges.METRICS.values())
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return [str(getattr(module, argument.id))]
