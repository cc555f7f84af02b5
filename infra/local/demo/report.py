"""What the demo shows: a bar while it runs, a table at its end."""

import sys
from collections.abc import Sequence
from typing import TextIO

WIDTH = 40


class Bar:
    """Progress towards `total`: one line redrawn on a terminal, elsewhere a line for each tenth."""

    def __init__(self, total: int, out: TextIO = sys.stdout) -> None:
        self._total, self._out = total, out
        self._tenth = -1

    def show(self, done: int, note: str = "") -> None:
        filled = WIDTH * done // self._total
        line = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done}/{self._total} {note}"
        if self._out.isatty():
            print(f"\r{line:<78}", end="\n" if done == self._total else "", file=self._out, flush=True)
        elif 10 * done // self._total > self._tenth:
            self._tenth = 10 * done // self._total
            print(line.rstrip(), file=self._out, flush=True)

    def say(self, text: str) -> None:
        """A line of its own above the bar."""
        start = "\r" if self._out.isatty() else ""
        print(f"{start}{text:<78}".rstrip(" "), file=self._out, flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)] if ordered else 0.0


def table(rows: Sequence[Sequence[object]]) -> str:
    """Rows as text, the first one being the head: the first column to the left, the others to the right."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in texts) for place in range(len(texts[0]))]
    return "\n".join(_line(row, widths) for row in texts)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([f"{first[0]:<{first[1]}}", *(f"{cell:>{width}}" for cell, width in others)])
