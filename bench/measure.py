"""What a measurement gives, and how a figure is judged against its target."""

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
    """One figure; without a target it is only told, and counts as met."""

    what: str
    measured: str
    target: str = ""
    met: bool = True


@dataclass(frozen=True, slots=True)
class Section:
    """What one module measured. `text` says how; `tables` are Markdown, for what is not judged."""

    title: str
    text: str
    figures: Sequence[Figure] = ()
    tables: Sequence[str] = field(default_factory=tuple)


def run(module: str) -> Section:
    """What bench/<module>.py measures."""
    section: Section = import_module(f"bench.{module}").measure()
    return section


def at_most(what: str, value: float, limit: float, unit: str = "") -> Figure:
    return Figure(what, _shown(value, unit), f"≤ {_shown(limit, unit)}", value <= limit)


def at_least(what: str, value: float, limit: float, unit: str = "") -> Figure:
    return Figure(what, _shown(value, unit), f"≥ {_shown(limit, unit)}", value >= limit)


def exactly(what: str, value: float, wanted: float, unit: str = "") -> Figure:
    return Figure(what, _shown(value, unit), _shown(wanted, unit), value == wanted)


def flat(what: str, values: Sequence[float]) -> Figure:
    """The same at every size."""
    return Figure(what, " / ".join(f"{value:g}" for value in values), "flat", len(set(values)) == 1)


def _shown(value: float, unit: str) -> str:
    number = f"{value:.2f}".rstrip("0").rstrip(".")
    return number + (unit if unit in ("", "x") else f" {unit}")


def alternately(rounds: int, ours: Callable[[], float], theirs: Callable[[], float]) -> tuple[float, float, float]:
    """Medians of both, and of their ratio round by round: neighbours on the machine disturb a round's two alike."""
    pairs = [(ours(), theirs()) for _ in range(rounds)]
    return median(one for one, _ in pairs), median(two for _, two in pairs), median(one / two for one, two in pairs)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


@contextmanager
def silence() -> Iterator[None]:
    """Log lines are written, as in Lambda, and read by nobody."""
    handlers = [handler for handler in logger().handlers if isinstance(handler, logging.StreamHandler)]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        before = [handler.setStream(nowhere) for handler in handlers]
        try:
            yield
        finally:
            for handler, stream in zip(handlers, before, strict=True):
                handler.setStream(stream or sys.__stdout__)


def machine() -> str:
    """What this ran on."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return f"{os.cpu_count()} x {_processor()}, {platform.system()}, Python {platform.python_version()}; {libraries}"


def _processor() -> str:
    found = Path("/proc/cpuinfo")
    lines = found.read_text().splitlines() if found.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
