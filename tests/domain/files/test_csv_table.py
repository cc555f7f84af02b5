"""Cells of CSV: what a spreadsheet calculates is text, and numbers stay numbers."""

import csv
import io
from typing import Any

import pytest

from chalicelib.domain.files import csv_table


def cells(*values: Any) -> list[str]:
    [row] = csv.reader(io.StringIO(csv_table.render([values]), newline=""))
    return row


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_that_would_be_calculated_begins_with_an_apostrophe(start: str) -> None:
    assert cells(f"{start}cmd()", f"a{start}") == [f"'{start}cmd()", f"a{start}"]


def test_what_is_no_text_is_json() -> None:
    assert cells(None, True, -5, 0.5, {"tone": 'ä, "b"'}, [1]) == [
        "",
        "true",
        "-5",
        "0.5",
        '{"tone": "ä, \\"b\\""}',
        "[1]",
    ]


def test_texts_come_back_as_they_were() -> None:
    assert cells('a "b",\r\nc', "") == ['a "b",\r\nc', ""]
