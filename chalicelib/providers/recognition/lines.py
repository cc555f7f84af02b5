"""Lines of text: pieces that stand beside each other are one line, and lines follow from top to bottom."""

from collections.abc import Iterable, Sequence
from math import prod

from chalicelib.providers.recognition.recognizer import Line, Text


def arranged(pieces: Iterable[Line], solver: str) -> Text:
    """The text of these pieces of lines."""
    lines = tuple(_joined(row) for row in _rows(pieces))
    return Text("\n".join(line.text for line in lines), _overall(lines), lines, solver)


def _rows(pieces: Iterable[Line]) -> Iterable[Sequence[Line]]:
    """The pieces that stand beside each other, from top to bottom, each row from left to right."""
    rows: list[list[Line]] = []
    for piece in sorted(pieces, key=lambda each: each.y + each.height / 2):
        if rows and _is_beside(piece, rows[-1][-1]):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda each: each.x) for row in rows]


def _is_beside(first: Line, second: Line) -> bool:
    """Whether the two share more than half of the lower one's height."""
    shared = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
    return shared > min(first.height, second.height) / 2


def _joined(row: Sequence[Line]) -> Line:
    x, y = min(each.x for each in row), min(each.y for each in row)
    right, bottom = max(each.x + each.width for each in row), max(each.y + each.height for each in row)
    confidence = round(prod(each.confidence for each in row), 4)
    return Line(" ".join(each.text for each in row), confidence, x, y, right - x, bottom - y)


def _overall(lines: Sequence[Line]) -> float:
    """The mean of the lines' confidence, each by its length."""
    characters = sum(len(line.text) for line in lines)
    return round(sum(line.confidence * len(line.text) for line in lines) / characters, 4) if characters else 0.0
