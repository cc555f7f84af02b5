"""Training examples: content that a person approved or rejected, and what it was made from."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from chalicelib.domain.files import csv_table

ExportFormat = Literal["json", "jsonl", "csv"]
MEDIA_TYPES: Mapping[ExportFormat, str] = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
}


class Example(NamedTuple):
    """One example. `decided_at` is in epoch milliseconds, `quality_score` from 0 to 100. The field names are stored."""

    execution_id: str
    task_id: str
    topic: str | None
    category: str | None
    title: str | None
    model: str | None
    word_count: int
    quality_score: float | None
    approved: bool
    feedback: str | None
    decided_at: int


COLUMNS = (*Example._fields, "prompt", "content")


def mean_quality(examples: Iterable[Example]) -> float | None:
    """The mean quality score, 0 to 100, of the examples that have one; None where none has."""
    scores = [example.quality_score for example in examples if example.quality_score is not None]
    return sum(scores) / len(scores) if scores else None


def count_words(text: str) -> int:
    """The number of words of a text."""
    return len(text.split())


def render(rows: Iterable[Mapping[str, Any]], wanted: ExportFormat) -> str:
    """The rows as lines: one JSON object or one CSV record for each, without the beginning and end of the file."""
    if wanted != "csv":
        return "".join(json.dumps({name: row.get(name) for name in COLUMNS}, ensure_ascii=False) + "\n" for row in rows)
    return csv_table.render([row.get(name) for name in COLUMNS] for row in rows)


def assemble(parts: Iterable[str], wanted: ExportFormat) -> str:
    """The whole file of rendered rows. A JSON file is one list."""
    lines = "".join(parts)
    if wanted == "csv":
        return csv_table.render([COLUMNS]) + lines
    if wanted == "json":
        return "[\n" + lines.removesuffix("\n").replace("\n", ",\n") + "\n]\n"
    return lines
