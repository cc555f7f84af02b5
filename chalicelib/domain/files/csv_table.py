"""Tables as CSV (RFC 4180)."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render(rows: Iterable[Iterable[Any]]) -> str:
    """The rows as lines. None is an empty cell; what is no text is JSON, so that a boolean is `true` or `false`.

    A text that a spreadsheet would calculate begins with an apostrophe.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([[_cell(value) for value in row] for row in rows])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"'{value}" if value.startswith(FORMULA_STARTS) else value
