"""Write the measurements as one page of Markdown."""

from collections.abc import Iterator, Sequence

from bench.measure import Figure, Section, table
from chalicelib import clock

INTRODUCTION = """\
Made by `{command}`. Every ratio compares two measurements of this run on this machine, made in turn in each round. A
missed target is marked **MISSED**."""


def page(sections: Sequence[Section], machine: str, command: str = "make bench") -> str:
    """Write all sections after a summary of the targets."""
    parts = [
        "# Benchmarks",
        INTRODUCTION.format(command=command),
        f"{machine}. {clock.utc(clock.now()):%Y-%m-%d}.",
        _verdict(sections),
    ]
    return "\n\n".join([*parts, *(part for section in sections for part in _parts(section))]) + "\n"


def _verdict(sections: Sequence[Section]) -> str:
    judged = [figure for section in sections for figure in section.figures if figure.target]
    missed = [figure for figure in judged if not figure.met]
    if not missed:
        return f"All {len(judged)} targets met."
    names = "; ".join(f"{figure.what}: {figure.measured}, target {figure.target}" for figure in missed)
    return f"**{len(missed)} of {len(judged)} targets MISSED**: {names}."


def _parts(section: Section) -> Iterator[str]:
    yield f"## {section.title}"
    yield section.text.strip()
    yield table(["figure", "measured", "target", ""], map(_row, section.figures))
    yield from section.tables


def _row(figure: Figure) -> list[str]:
    met = ("met" if figure.met else "**MISSED**") if figure.target else ""
    return [figure.what, figure.measured, figure.target, met]
