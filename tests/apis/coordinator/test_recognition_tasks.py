"""Recognition tasks: Yardmaster performs tasks of these types; workers perform all others."""

from typing import Any, get_args

import pytest

from chalicelib.apis.coordinator.states import RecognitionKind
from chalicelib.errors import Unavailable
from chalicelib.providers.performers import registry
from chalicelib.providers.recognition.jobs import Job
from chalicelib.providers.recognition.recognizer import UnreadableInput
from tests.apis.coordinator.conftest import CoordinatorApi
from tests.support.recognition import fake_engine as files
from tests.support.recognition.fake_engine import FakeEngine, encode

IMAGE = {"image": encode(files.TEXT)}


@pytest.fixture
def engine(coordinator_api: CoordinatorApi) -> FakeEngine:
    return files.use()


def create(coordinator_api: CoordinatorApi, type: str = "recognition:ocr", payload: Any = None, **more: Any) -> str:
    body = {"name": "one", "type": type, "payload": IMAGE if payload is None else payload, **more}
    reply = coordinator_api.request("POST", "/api/tasks", body)
    assert reply.status == 201, reply.text
    coordinator_api.world.settle()
    return str(reply.json["id"])


def task(coordinator_api: CoordinatorApi, identifier: str) -> Any:
    return coordinator_api.request("GET", f"/api/tasks/{identifier}").json


def test_the_types_are_those_that_have_performers() -> None:
    assert sorted(get_args(RecognitionKind)) == list(registry.task_types("coordinator"))


def test_it_is_performed_without_any_worker(coordinator_api: CoordinatorApi, engine: FakeEngine) -> None:
    done = task(coordinator_api, create(coordinator_api))
    assert (done["status"], done["result"]["text"]) == ("completed", "ABC123")


def test_a_large_file_and_a_large_result_pass(coordinator_api: CoordinatorApi, engine: FakeEngine) -> None:
    large = files.grown(150_000)
    done = task(coordinator_api, create(coordinator_api, payload={"image": encode(large)}))
    assert (done["status"], len(done["result"]["text"])) == ("completed", 150_000)


def test_many_are_performed_and_counted(coordinator_api: CoordinatorApi, engine: FakeEngine) -> None:
    made = [create(coordinator_api) for _ in range(60)]
    assert {task(coordinator_api, one)["status"] for one in made} == {"completed"}
    assert len(engine.jobs) == 60


def test_a_payload_that_cannot_be_recognised_is_refused_at_once(
    coordinator_api: CoordinatorApi, engine: FakeEngine
) -> None:
    for type, payload, field in (
        ("recognition:ocr", {}, "payload.image"),
        ("recognition:ocr", {"image": "*"}, "payload"),
        ("recognition:detect", IMAGE, "payload.target"),
    ):
        body = {"name": "one", "type": type, "payload": payload}
        reply = coordinator_api.request("POST", "/api/tasks", body)
        assert reply.status == 400 and field in reply.json["message"], reply.text


def test_a_file_that_cannot_be_read_fails_the_task_and_says_why(
    coordinator_api: CoordinatorApi, engine: FakeEngine
) -> None:
    def refuse(job: Job) -> None:
        raise UnreadableInput("image: The image is damaged")

    engine.before = refuse
    failed = task(coordinator_api, create(coordinator_api))
    assert (failed["status"], failed["error"]) == ("failed", "image: The image is damaged")


def test_while_the_engine_is_unavailable_it_waits_and_says_so(
    coordinator_api: CoordinatorApi, engine: FakeEngine
) -> None:
    def refuse(job: Job) -> None:
        raise Unavailable("The optional packages 'recognition' are being installed", retry_after=60)

    engine.before = refuse
    identifier = create(coordinator_api)
    waiting = task(coordinator_api, identifier)
    assert waiting["status"] == "pending"
    assert "the built-in performer rests until" in waiting["waiting_for"]
    engine.before = lambda job: None
    coordinator_api.world.advance(121)
    assert task(coordinator_api, identifier)["status"] == "completed"


@pytest.mark.parametrize("type", ["captcha", "general", "survey"])
def test_no_other_type_comes_here(coordinator_api: CoordinatorApi, engine: FakeEngine, type: str) -> None:
    identifier = create(coordinator_api, type=type, auto_assign=True)
    create(coordinator_api)
    coordinator_api.world.advance(300)
    waiting = task(coordinator_api, identifier)
    assert waiting["status"] == "pending"
    assert "none is registered" in waiting["waiting_for"]
    assert len(engine.jobs) == 1


def test_what_performs_them_is_no_worker_of_the_list(coordinator_api: CoordinatorApi, engine: FakeEngine) -> None:
    create(coordinator_api)
    assert "builtin" not in coordinator_api.request("GET", "/api/workers").text
    assert coordinator_api.summary()["total_workers"] == 0
