"""Figures and sections of a measurement, and the comparison of a figure with its target."""

import logging
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import median

from chalicelib.observability import logger

ROOT = Path(__file__).parents[1]
LIBRARIES = ("chalice", "boto3", "pynamodb", "pydantic", "moto")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. Without a target it is only reported, and counts as met."""

    what: str
    measured: str
    target: str = ""
    met: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """The measurements of one module. `text` says how they were made; `tables` are Markdown tables without targets."""

    title: str
    text: str
    figures: Sequence[Figure] = ()
    tables: Sequence[str] = field(default_factory=tuple)


def run(module: str) -> Section:
    """Run the measurement in bench/<module>.py."""
    section: Section = import_module(f"bench.{module}").measure()
    return section


def at_most(what: str, value: float, limit: float, unit: str = "") -> Figure:
    return Figure(what, _shown(value, unit), f"≤ {_shown(limit, unit)}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "") -> Figure:
    return Figure(what, _shown(value, unit), f"≥ {_shown(limit, unit)}", value >= limit)


def equal_to(what: str, value: float, wanted: float, unit: str = "") -> Figure:
    return Figure(what, _shown(value, unit), _shown(wanted, unit), value == wanted)


def flat(what: str, values: Sequence[float]) -> Figure:
    """A figure whose target is the same value at every size."""
    return Figure(what, " / ".join(f"{value:g}" for value in values), "flat", len(set(values)) == 1)


def _shown(value: float, unit: str) -> str:
    number = f"{value:.2f}".rstrip("0").rstrip(".")
    return number + (unit if unit in ("", "x") else f" {unit}")


def measure_in_turn(rounds: int, ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float, float]:
    """Measure both in turn; return the medians of both and of their ratio in each round.

    Other load on the machine disturbs both measurements of a round alike."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return (
        median(our_figure for our_figure, _ in pairs),
        median(bare_figure for _, bare_figure in pairs),
        median(our_figure / bare_figure for our_figure, bare_figure in pairs),
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Format a Markdown table."""
    head = list(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


@contextmanager
def silence() -> Iterator[None]:
    """Write log lines to the null device: their formatting is measured, as in Lambda."""
    handlers = [handler for handler in logger().handlers if isinstance(handler, logging.StreamHandler)]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        before = [handler.setStream(nowhere) for handler in handlers]
        try:
            yield
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                handler.setStream(stream or sys.__stdout__)


def machine(libraries: Iterable[str] = LIBRARIES) -> str:
    """Describe the machine and the versions of the libraries."""
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    return f"{os.cpu_count()} x {_processor()}, {platform.system()}, Python {platform.python_version()}; {versions}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
