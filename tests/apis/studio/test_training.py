import csv
import hashlib
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from chalicelib import clock
from chalicelib.domain.training.example import COLUMNS, Example
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.training import examples, exports
from chalicelib.storage.aws import s3
from chalicelib.storage.documents import documents
from tests.apis.studio.conftest import StudioApi
from tests.support import aws
from tests.support.client import token
from tests.support.parts import MULTIPART, body, file, part
from tests.support.world import ORG, START, World

ROOT = "/api/orchestrator/training-data"


def example(number: int, **changes: Any) -> Example:
    fields: dict[str, Any] = {
        "execution_id": f"e{number}",
        "task_id": f"t{number}",
        "topic": "tea",
        "category": "Drinks",
        "title": "Tea, hot",
        "model": "small",
        "word_count": 500,
        "quality_score": 80,
        "approved": True,
        "feedback": None,
        "decided_at": START + number,
    }
    return Example(**(fields | changes))


def record(*recorded: Example) -> None:
    for each in recorded:
        examples.record(ORG, each, {"topic": each.topic}, 'A "hot"\ncup')


def download(url: str) -> str:
    """The file behind a link."""
    content = s3.find_object(unquote(urlsplit(url).path).lstrip("/"))
    assert content is not None
    return content.decode()


def export(studio_api: StudioApi, wanted: str) -> tuple[Any, str]:
    answer = studio_api.call("POST", f"{ROOT}/export", {"format": wanted})
    assert (answer["format"], answer["status"]) == (wanted, "completed")
    return answer, download(answer["file_url"])


DECIDED = {"decided_at": "2026-01-01T12:00:00Z"}
ROW = {**example(1)._asdict(), "prompt": {"topic": "tea"}, "content": 'A "hot"\ncup', **DECIDED}


def test_an_export_has_exactly_the_records_that_it_counts(studio_api: StudioApi) -> None:
    record(example(2, approved=False), example(1), example(1))
    answer, text = export(studio_api, "json")
    rows = json.loads(text)
    assert answer["record_count"] == len(rows) == 2
    assert rows[0] == ROW and not rows[1]["approved"]


def test_lines_and_tables_have_the_same_records(studio_api: StudioApi) -> None:
    record(example(1), example(2))
    _, lines = export(studio_api, "jsonl")
    assert [json.loads(line)["execution_id"] for line in lines.splitlines()] == ["e1", "e2"]
    _, table = export(studio_api, "csv")
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    assert tuple(rows[0]) == COLUMNS and rows[0]["content"] == 'A "hot"\ncup' and rows[1]["title"] == "Tea, hot"


def test_a_table_has_json_booleans_and_instants_and_nothing_that_is_calculated(studio_api: StudioApi) -> None:
    record(example(1, title="=HYPERLINK(1)", feedback="-1"))
    _, table = export(studio_api, "csv")
    [row] = csv.DictReader(io.StringIO(table, newline=""))
    assert (row["title"], row["feedback"], row["quality_score"]) == ("'=HYPERLINK(1)", "'-1", "80")
    assert json.loads(row["prompt"]) == {"topic": "tea"}
    assert (row["approved"], row["decided_at"]) == ("true", DECIDED["decided_at"])


def executions_of(text: str) -> list[str]:
    """The executions of the records of a JSON file, in its order."""
    return [row["execution_id"] for row in json.loads(text)]


@pytest.mark.parametrize("most", [5, 4])
def test_an_export_of_several_parts_has_every_record_once_up_to_the_most(
    studio_api: StudioApi, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(exports, "BATCH", 2)
    monkeypatch.setattr(exports, "MAX_RECORDS", most)
    record(*(example(number) for number in range(5)))
    answer, text = export(studio_api, "json")
    assert executions_of(text) == [f"e{number}" for number in range(answer["record_count"])]
    assert answer["record_count"] == most


def test_an_export_that_two_processes_write_has_the_records_that_it_counts(
    studio_api: StudioApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "BATCH", 1)
    record(example(1), example(2))
    others: list[bool] = []

    def complete_first(call: aws.Call, send: Callable[[], Any]) -> Any:
        """While the request writes its first part, the job completes the export."""
        if call == ("S3", "PUT") and not others:
            with aws.without_interference():
                [started] = documents.find_page(ORG, exports.KIND, limit=1)
                while not exports.run_step(Job(ORG, exports.JOB_KIND, started.id)):
                    others.append(False)
        return send()

    with aws.interfering(complete_first):
        answer, text = export(studio_api, "json")
    assert len(others) == 2
    assert (answer["record_count"], executions_of(text)) == (2, ["e1", "e2"])


@pytest.mark.parametrize(
    ("wanted", "empty"), [("json", "[\n\n]\n"), ("jsonl", ""), ("csv", ",".join(COLUMNS) + "\r\n")]
)
def test_an_export_of_nothing_is_an_empty_file(studio_api: StudioApi, wanted: str, empty: str) -> None:
    answer, text = export(studio_api, wanted)
    assert (answer["record_count"], text) == (0, empty)


def test_an_org_exports_its_own_examples_only(studio_api: StudioApi) -> None:
    record(example(1))
    stranger = token("user", org="other")
    mine = studio_api.call("POST", f"{ROOT}/export")
    assert studio_api.call("POST", f"{ROOT}/export", token=stranger)["record_count"] == 0
    studio_api.expect_error(404, "GET", f"{ROOT}/export/{mine['export_id']}", token=stranger)
    assert studio_api.call("GET", f"{ROOT}/export/{mine['export_id']}")["record_count"] == 1


def upload(studio_api: StudioApi, content: bytes, **texts: str) -> Any:
    named = [part(text, f'form-data; name="{name}"') for name, text in texts.items()]
    form = body(*named, file(content, "model.gguf"))
    return studio_api.request("POST", f"{ROOT}/upload-model", form, headers={"Content-Type": MULTIPART})


def test_a_model_that_is_uploaded_is_downloaded_unchanged(studio_api: StudioApi) -> None:
    reply = upload(studio_api, b"\x00weights\xff", name="tea-1", description="Writes of tea")
    assert (reply.json["name"], reply.json["size_bytes"]) == ("tea-1", 9)
    again = upload(studio_api, b"\x00weights\xff", name="tea-1", description="Writes of tea")
    assert again.json["model_id"] == reply.json["model_id"]
    model = studio_api.call("GET", f"{ROOT}/models/{reply.json['model_id']}")
    assert model["sha256"] == reply.json["sha256"] and model["description"] == "Writes of tea"
    assert s3.find_object(unquote(urlsplit(model["file_url"]).path).lstrip("/")) == b"\x00weights\xff"
    studio_api.expect_error(404, "GET", f"{ROOT}/models/{model['model_id']}", token=token("user", org="other"))


def test_a_model_without_a_name_has_that_of_its_file(studio_api: StudioApi) -> None:
    assert upload(studio_api, b"weights").json["name"] == "model.gguf"


def test_a_large_model_is_uploaded_by_a_link(studio_api: StudioApi) -> None:
    content = b"\x00weights\xff"
    upload = {"name": "tea-2", "filename": "tea.gguf", "size_bytes": 9, "sha256": hashlib.sha256(content).hexdigest()}
    offered = studio_api.call("POST", f"{ROOT}/uploads", upload)
    assert (offered["model"], offered["upload_headers"][0]) == (None, {"name": "content-length", "value": "9"})
    studio_api.expect_error(404, "GET", f"{ROOT}/models/{offered['model_id']}")
    s3.put_object(unquote(urlsplit(offered["upload_url"]).path).lstrip("/"), content, "application/octet-stream")
    uploaded = studio_api.call("POST", f"{ROOT}/uploads", upload)
    assert uploaded == studio_api.call("POST", f"{ROOT}/uploads", upload) | {"model": uploaded["model"]}
    assert (uploaded["model_id"], uploaded["upload_url"], uploaded["model"]["size_bytes"]) == (
        offered["model_id"],
        None,
        9,
    )
    studio_api.world.advance(7_300)
    model = studio_api.call("GET", f"{ROOT}/models/{uploaded['model_id']}")
    assert s3.find_object(unquote(urlsplit(model["file_url"]).path).lstrip("/")) == content
    for wrong in ({"size_bytes": 0}, {"size_bytes": 500_000_001}, {"sha256": "A" * 64}, {"name": " "}):
        studio_api.expect_error(400, "POST", f"{ROOT}/uploads", upload | wrong)


def test_a_file_that_nobody_asks_for_again_is_deleted(studio_api: StudioApi) -> None:
    upload = {"name": "tea-3", "filename": "tea.gguf", "size_bytes": 1, "sha256": "0" * 64}
    studio_api.call("POST", f"{ROOT}/uploads", upload)
    adopt_clock_of_s3(studio_api.world)
    again = studio_api.call("POST", f"{ROOT}/uploads", upload, token=token("user"))
    key = unquote(urlsplit(again["upload_url"]).path).lstrip("/")
    s3.put_object(key, b"x", "application/octet-stream")
    studio_api.world.advance(60)
    assert s3.find_object(key) == b"x", "the job of the first link has deleted what the second one brought"
    studio_api.world.advance(7_300)
    assert s3.find_object(key) is None


def adopt_clock_of_s3(world: World) -> None:
    """Move the clock to the time that S3 stores."""
    s3.put_object("clock/now", b"", "text/plain")
    [(_, now)] = s3.list_objects("clock/")
    world.clock.step((now - world.clock.now()) / clock.SECOND)


def test_an_empty_model_is_refused(studio_api: StudioApi) -> None:
    reply = upload(studio_api, b"", name="tea-1")
    assert (reply.status, list(reply.json["fields"])) == (400, ["file"])


def test_patterns_come_from_what_was_approved_and_rejected(studio_api: StudioApi) -> None:
    record(*(example(number, word_count=900) for number in range(10)))
    assert studio_api.call("GET", "/api/orchestrator/learning-patterns") == {"patterns": [], "sample_size": 10}
    record(*(example(number, word_count=100, approved=False) for number in range(10, 20)))
    [pattern] = studio_api.call("GET", "/api/orchestrator/learning-patterns")["patterns"]
    assert pattern["confidence"] == 1 and pattern["applicable_domains"] == ["Drinks"]
    assert pattern["description"].startswith("Content of at least") and pattern["sample_size"] == 10
