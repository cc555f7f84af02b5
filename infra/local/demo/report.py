"""The demo's output: a progress bar while it runs, and a table at its end."""

import sys
from collections.abc import Sequence
from typing import TextIO

WIDTH = 40


class Bar:
    """A progress bar. On a terminal it redraws one line; elsewhere it prints a line for each tenth of `total`."""

    def __init__(self, total: int, out: TextIO = sys.stdout) -> None:
        self._total, self._out = total, out
        self._tenth = -1

    def show(self, ended: int, note: str = "") -> None:
        filled = WIDTH * ended // self._total
        kind = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {ended}/{self._total} {note}"
        if self._out.isatty():
            print(f"\r{kind:<78}", end="\n" if ended == self._total else "", file=self._out, flush=True)
        elif 10 * ended // self._total > self._tenth:
            self._tenth = 10 * ended // self._total
            print(kind.rstrip(), file=self._out, flush=True)

    def print_line(self, text: str) -> None:
        """Print a line above the bar."""
        start = "\r" if self._out.isatty() else ""
        print(f"{start}{text:<78}".rstrip(" "), file=self._out, flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; 0 for no values."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def table(rows: Sequence[Sequence[object]]) -> str:
    """Format rows as text. The first row is the head. The first column is left-aligned, the others right-aligned."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in texts) for place in range(len(texts[0]))]
    return "\n".join(_line(row, widths) for row in texts)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)])
