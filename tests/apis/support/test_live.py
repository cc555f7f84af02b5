"""The support API's WebSockets, from API Gateway's events to the frames."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import config
from chalicelib.apis.support import task_feed_frames
from chalicelib.apis.task_feed_frames import frame_builders
from chalicelib.apis.websockets import CHANNELS, router
from chalicelib.domain.tasks.task import Status
from chalicelib.engine.workers import registry
from tests.apis.support.conftest import SupportApi
from tests.support import aws
from tests.support.client import token
from tests.support.world import ORG, World

Frame = dict[str, Any]
Answer = tuple[int, str]


@pytest.fixture(autouse=True)
def use_frame_builders(world: World) -> None:
    world.frame_builders = frame_builders


class ClientConnection:
    """A client's connection."""

    def __init__(self, world: World, path: str, name: str, org: str = ORG, **query: str) -> None:
        self.world, self.name = world, name
        self.frames = world.sockets.connect(name)
        event = self._event(queryStringParameters={"path": path, "token": token(org=org), **query})
        self.answer = router.handle_connect(event)
        world.settle()

    @property
    def refusal(self) -> Answer:
        said = json.loads(self.answer["body"])
        return said["code"], said["reason"]

    def _event(self, **more: Any) -> Any:
        return {"requestContext": {"connectionId": self.name}, **more}

    def say(self, **frame: Any) -> Frame | None:
        """Send a frame, and return the answer if there is one."""
        before = len(self.frames)
        router.handle_message(self._event(body=json.dumps(frame)))
        return self.frames[before] if len(self.frames) > before else None

    def disconnect(self) -> None:
        self.world.sockets.drop(self.name)
        router.handle_disconnect(self._event())


@pytest.fixture
def worker(support_api: SupportApi, world: World) -> ClientConnection:
    """Worker 3, connected; it performs translations."""
    support_api.start(3, max_tasks=5)
    return ClientConnection(world, "/worker/3", "c1")


@pytest.fixture
def task(support_api: SupportApi, worker: ClientConnection) -> Frame:
    """A task that was handed to the worker."""
    support_api.submit(text="hello")
    [frame] = worker.frames
    return {"task_id": frame["task_id"], "attempt": frame["attempt"]}


def test_a_worker_is_handed_a_task_and_gives_the_result(support_api: SupportApi, worker: ClientConnection) -> None:
    identifier = support_api.submit(text="hello", channel="chat")["task_id"]
    [frame] = worker.frames
    assert frame == {
        "type": "task",
        "task_id": identifier,
        "attempt": 1,
        "lease": 1,
        "task_type": "translation",
        "data": {"text": "hello", "channel": "chat"},
        "deadline": support_api.world.task(identifier).attempt_ends_at,
    }
    attempt = {"task_id": identifier, "attempt": 1}
    assert worker.say(type="progress", progress=50, **attempt) is None
    assert support_api.get(f"/task/{identifier}")["status"] == "processing"
    assert worker.say(type="result", result={"text": "hallo"}, **attempt) == {"type": "accepted", **attempt}
    assert support_api.get(f"/task/{identifier}")["result"] == {"text": "hallo"}


def test_the_same_result_twice_is_accepted_twice_and_another_rejected(worker: ClientConnection, task: Frame) -> None:
    for _ in range(2):
        assert worker.say(type="result", result=1, **task) == {"type": "accepted", **task}
    answer = worker.say(type="result", result=2, **task)
    assert answer is not None
    assert (answer["type"], answer["reason"], answer["task_id"]) == ("rejected", "conflict", task["task_id"])


def test_a_failure_may_be_final(support_api: SupportApi, worker: ClientConnection, task: Frame) -> None:
    said = {"type": "error", "error": {"message": "no such language"}, "retryable": False, **task}
    for _ in range(2):
        assert worker.say(**said) == {"type": "accepted", **task}
    assert support_api.get(f"/task/{task['task_id']}")["status"] == "failed"


def test_a_failed_attempt_comes_again_after_the_time_it_names(
    worker: ClientConnection, task: Frame, world: World
) -> None:
    worker.say(type="error", error="busy", retry_after=7, **task)
    world.advance(6)
    assert len(worker.frames) == 2
    world.advance(1)
    assert (worker.frames[-1]["attempt"], worker.frames[-1]["task_id"]) == (2, task["task_id"])


@pytest.mark.parametrize(
    "kind", [{"type": "result", "result": 1}, {"type": "error", "error": "x"}, {"type": "progress"}]
)
def test_a_report_of_an_attempt_that_has_ended_is_rejected(
    worker: ClientConnection, task: Frame, kind: Frame, world: World
) -> None:
    worker.say(type="error", error="busy", retry_after=1, **task)
    world.advance(2)
    answer = worker.say(**kind, **task)
    assert answer is not None and answer.pop("message")
    assert answer == {"type": "rejected", "reason": "lease_lost", **task}


def test_a_report_under_another_lease_is_rejected(worker: ClientConnection, task: Frame) -> None:
    answer = worker.say(type="result", result=1, lease=2, **task)
    assert answer is not None and answer["reason"] == "lease_lost"
    assert worker.say(type="result", result=1, lease=1, **task) == {"type": "accepted", **task}


def test_a_task_that_is_not_there_or_anothers_is_rejected(
    support_api: SupportApi, world: World, worker: ClientConnection, task: Frame
) -> None:
    answer = worker.say(type="result", result=1, task_id="task_x", attempt=1)
    assert answer is not None and answer["reason"] == "not_found"
    support_api.start(4)
    other = ClientConnection(world, "/worker/4", "c2")
    answer = other.say(type="result", result=1, **task)
    assert answer is not None and answer["reason"] == "lease_lost"
    assert world.task(task["task_id"]).status is Status.RUNNING


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"type": "done"}, "type"),
        ({"type": "result", "attempt": 1, "result": 1}, "task_id"),
        ({"type": "result", "task_id": "t", "attempt": 1}, "result"),
        ({"type": "result", "task_id": "t", "attempt": "1", "result": 1}, "attempt"),
        ({"type": "result", "task_id": "t", "attempt": 0, "result": 1}, "attempt"),
        ({"type": "result", "task_id": "t", "attempt": 10**40, "result": 1}, "attempt"),
        ({"type": "result", "task_id": "t", "attempt": 1, "lease": 10**40, "result": 1}, "lease"),
        ({"type": "progress", "task_id": "t", "attempt": 1, "progress": 101}, "progress"),
        ({"type": "error", "task_id": "t", "attempt": 1, "error": 7}, "error"),
        ({"type": "error", "task_id": "t", "attempt": 1, "error": "x", "retry_after": -1}, "retry_after"),
        ({"type": "pong", "status": "fine"}, "status"),
    ],
)
def test_a_malformed_frame_is_answered_and_the_connection_stays(
    worker: ClientConnection, frame: Frame, field: str
) -> None:
    answer = worker.say(**frame)
    assert answer is not None
    assert (answer["type"], answer["error"]["code"], list(answer["error"]["details"])) == (
        "error",
        "INVALID_INPUT",
        [field],
    )
    assert worker.say(type="pong") is None


@pytest.mark.parametrize("kind", ["pong", "ready"])
def test_a_sign_of_life_is_its_heartbeat(worker: ClientConnection, world: World, kind: str) -> None:
    world.clock.advance(15)
    assert worker.say(type=kind) is None
    assert registry.get(ORG, "support", "3").last_heartbeat_at == world.clock.now()


def test_a_worker_that_says_it_is_unhealthy_is_given_nothing(support_api: SupportApi, worker: ClientConnection) -> None:
    worker.say(type="pong", status="unhealthy")
    support_api.submit(text="hello")
    assert worker.frames == []
    worker.say(type="ready")
    support_api.world.settle()
    assert len(worker.frames) == 1


def test_who_is_not_known_is_refused(world: World, support_api: SupportApi) -> None:
    support_api.start(3)
    assert ClientConnection(world, "/worker/4", "c1").refusal == (4404, "Worker not found: 4")
    assert ClientConnection(world, "/worker/" + "9" * 2_000, "c1").refusal[0] == 4404
    assert ClientConnection(world, "/worker/builtin", "c1").refusal[0] == 4404
    assert ClientConnection(world, "/worker/3", "c1", org="other").refusal[0] == 4404
    assert ClientConnection(world, "/workers/3", "c1").refusal[0] == 4404


def test_a_second_connection_is_refused_and_the_first_stays(world: World, worker: ClientConnection) -> None:
    code, reason = ClientConnection(world, "/worker/3", "c2").refusal
    assert code == 4409
    assert reason.startswith("Worker 3 is connected already")
    assert worker.say(type="pong") is None


@pytest.mark.parametrize("path", ["/worker/3", "/tasks/updates"])
def test_without_a_token_only_an_opened_stage_lets_in(world: World, support_api: SupportApi, path: str) -> None:
    support_api.start(3)
    event = {"queryStringParameters": {"path": path}, "requestContext": {"connectionId": "c1"}}
    assert router.handle_connect(event)["statusCode"] == 401
    assert ClientConnection(world, path, "c1", token="x").refusal == (4401, "Invalid or expired token")
    config.replace(open_apis=frozenset({"support"}))
    assert router.handle_connect(event)["statusCode"] == (404 if path == "/worker/3" else 200)


def test_a_connection_that_was_replaced_is_closed_at_its_next_sign(
    world: World, worker: ClientConnection, task: Frame
) -> None:
    world.advance(46, settle=False)
    later = ClientConnection(world, "/worker/3", "c2")
    world.sockets.connect("c1")  # its end has not reached it yet
    worker.say(type="pong")
    assert world.sockets.closed == ["c1", "c1"]
    assert later.say(type="result", result=1, **task) == {"type": "accepted", **task}


def test_a_disconnect_keeps_the_task_for_the_next_connection(
    world: World, worker: ClientConnection, task: Frame
) -> None:
    worker.disconnect()
    again = ClientConnection(world, "/worker/3", "c2")
    assert [(frame["task_id"], frame["attempt"]) for frame in again.frames] == [(task["task_id"], task["attempt"])]


@pytest.fixture
def watcher(world: World) -> Iterator[ClientConnection]:
    yield ClientConnection(world, "/tasks/updates", "v1")


def test_a_watcher_sees_a_task_in_the_words_of_the_api(
    support_api: SupportApi, world: World, watcher: ClientConnection
) -> None:
    identifier = support_api.submit(text="hello", channel="chat")["task_id"]
    support_api.start(3)
    worker = ClientConnection(world, "/worker/3", "c1")
    worker.say(type="result", result=1, task_id=identifier, attempt=1)
    world.settle()
    first, *updates = watcher.frames
    assert first == {"type": "watching", "sequence": 0}
    assert updates[0] == {
        "type": "task.updated",
        "sequence": 1,
        "task_id": identifier,
        "version": 1,
        "status": "queued",
        "timestamp": world.clock.now(),
        "task_type": "translation",
        "channel": "chat",
        "attempt": 1,
    }
    assert [frame["status"] for frame in updates] == ["queued", "processing", "processing", "completed"]
    assert updates[-1] | {"worker_id": "3", "progress": 100} == updates[-1]


def test_a_watcher_resumes(support_api: SupportApi, world: World, watcher: ClientConnection) -> None:
    for _ in range(3):
        support_api.submit(text="hello")
    watcher.disconnect()
    support_api.submit(text="hello")
    again = ClientConnection(world, "/tasks/updates", "v2", since="2")
    assert [frame["sequence"] for frame in again.frames] == [3, 4, 4]
    assert again.frames[-1]["type"] == "watching"


@pytest.mark.parametrize("since", ["", "-1", "1.5", "x", "٣", "9" * 16, "1 "])
def test_since_is_a_whole_number(world: World, since: str) -> None:
    assert ClientConnection(world, "/tasks/updates", "v1", since=since).refusal == (
        4400,
        "since: must be a whole number of at least 0",
    )


def test_since_the_future_is_refused(world: World, watcher: ClientConnection) -> None:
    code, reason = ClientConnection(world, "/tasks/updates", "v2", since="7").refusal
    assert (code, reason) == (4400, "since: must be at most 0, the latest sequence, got 7")


def test_a_watcher_may_ping_and_any_other_frame_is_refused(watcher: ClientConnection) -> None:
    assert watcher.say(type="ping") == {"type": "pong"}
    answer = watcher.say(type="result", task_id="t", attempt=1, result=1)
    assert answer is not None and answer["type"] == "error"


def test_every_channel_of_watchers_has_a_frame_builder() -> None:
    assert (
        {one.name for served in CHANNELS.values() for one in served}
        >= set(frame_builders)
        == {task_feed_frames.UPDATES}
    )


def test_each_event_keeps_to_its_budget(support_api: SupportApi, worker: ClientConnection, task: Frame) -> None:
    """Each process reads once whose a connection is."""
    with aws.counting() as calls:
        worker.say(type="result", result=1, **task)
    assert calls.total() == 2
    with aws.counting() as calls:
        worker.say(type="pong")
    assert calls.total() == 1
