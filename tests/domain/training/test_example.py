import csv
import io
import json

import pytest

from chalicelib.domain.training.example import COLUMNS, ExportFormat, assemble, count_words, render

ROWS = [{"execution_id": "e1", "content": 'a "b",\r\nc', "approved": True}, {"execution_id": "é", "prompt": {"a": 1}}]


def render_rows(wanted: ExportFormat) -> str:
    return assemble([render(ROWS[:1], wanted), render(ROWS[1:], wanted)], wanted)


@pytest.mark.parametrize("wanted", ["json", "jsonl"])
def test_json_comes_back_as_it_was(wanted: ExportFormat) -> None:
    text = render_rows(wanted)
    rows = json.loads(text) if wanted == "json" else [json.loads(line) for line in text.splitlines()]
    assert [tuple(row) for row in rows] == [COLUMNS, COLUMNS]
    assert (rows[0]["content"], rows[1]["prompt"]) == ('a "b",\r\nc', {"a": 1})


def test_a_table_has_a_head_and_quotes_what_needs_it() -> None:
    rows = list(csv.DictReader(io.StringIO(render_rows("csv"), newline="")))
    assert (rows[0]["content"], rows[1]["execution_id"], len(rows)) == ('a "b",\r\nc', "é", 2)


def test_words_are_counted() -> None:
    assert (count_words(""), count_words(" a  b\nc ")) == (0, 3)
