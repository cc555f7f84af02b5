"""Exports in several parts: each record is in the file once, wherever the process dies."""

import json

import pytest

from chalicelib.domain.document import Document
from chalicelib.domain.training.example import Example
from chalicelib.engine.training import examples, exports
from chalicelib.storage.aws import s3
from chalicelib.storage.documents import documents as storage
from tests.simulation.faults import dies_before
from tests.support.world import ORG, START, new_world

RECORDS = 3
MOST_CALLS = 40


def record_examples() -> None:
    for number in range(RECORDS):
        execution = f"e{number}"
        example = Example(execution, "t", "tea", None, "Tea", "small", 3, 80, True, None, START + number)
        examples.record(ORG, example, {"topic": "tea"}, "one\ntwo")


def executions_in(export: Document) -> list[str]:
    """The records of a complete export, by their executions."""
    text = s3.load_object(export.body["file"]).decode()
    return [row["execution_id"] for row in json.loads(text)]


def test_parts_become_one_file_whatever_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BATCH", 2)
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            record_examples()
            died = dies_before(world, lambda: exports.start(ORG, "ann", "json"), number)
            world.settle()
            world.advance(120)
            for export in storage.find_page(ORG, exports.KIND, limit=10):
                assert executions_in(export) == [f"e{each}" for each in range(RECORDS)], f"dead before call {number}"
                assert export.body["records"] == RECORDS
        if not died:
            assert number > 3 * RECORDS
            return
    raise AssertionError("it makes more calls than were tried")


def test_an_export_whose_part_is_lost_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    find = s3.load_object

    def lose_parts(key: str) -> bytes:
        return find(f"{key}-lost" if "/part_" in key else key)

    with new_world() as world:
        record_examples()
        monkeypatch.setattr(exports.s3, "load_object", lose_parts)
        with pytest.raises(Exception, match="payload store"):
            exports.start(ORG, "ann", "json")
        world.settle()
        [export] = storage.find_page(ORG, exports.KIND, limit=10)
        assert export.body["file"] is None
