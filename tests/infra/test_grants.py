"""A day of the whole house: no function makes a call that its policy forbids, and none may do what it never does."""

import json
from typing import Any

import pytest

from chalicelib.apis.processing import api
from chalicelib.config import settings
from chalicelib.edge import mount
from chalicelib.engine import access, relay
from chalicelib.engine.access import Principal
from chalicelib.functions import schedules, streams
from chalicelib.storage import queues
from chalicelib.storage.queues import Message
from infra.bundles import BUNDLES, Function
from tests.infra.calls import Permission, Watch, granted, watch
from tests.support import aws
from tests.support.world import ORG, World, answer, world

LARGE = {"text": "x" * 150_000}
FUNCTIONS = [pytest.param(function, id=function.name) for bundle in BUNDLES for function in bundle.functions]


class Client:
    """Speaks to the API as API Gateway does, as an administrator."""

    def __init__(self, made: Watch) -> None:
        self._app, self._watch = mount(api), made
        self._token = access.issue(Principal(ORG, "ops", "admin"), 7 * 86_400)

    def __call__(self, method: str, route: str, body: Any = None, *, key: str | None = None, **values: str) -> Any:
        credential = {"x-api-key": key} if key else {"authorization": f"Bearer {self._token}"}
        event = {
            "resource": route,
            "path": route,
            "httpMethod": method,
            "headers": credential | {"content-type": "application/json"},
            "multiValueQueryStringParameters": None,
            "pathParameters": values or None,
            "stageVariables": None,
            "body": json.dumps(body) if body is not None else None,
            "isBase64Encoded": False,
            "requestContext": {"httpMethod": method, "resourcePath": route, "requestId": "r"},
        }
        with self._watch.running("api_handler"):
            reply = self._app(event, None)
        assert reply["statusCode"] < 300, reply["body"]
        return json.loads(reply["body"])


SERVER, TASK, BALANCER = "/api/servers/{id}", "/api/task/{id}", "/api/stats/load-balancer"


def serve(house: World, name: str, reply: Any) -> None:
    """The server is healthy, and answers tasks so."""
    house.servers[f"{name}.example"] = lambda url, *_: answer(200) if url.endswith("/health") else reply


def register(client: Client, house: World, name: str, reply: Any) -> str:
    serve(house, name, reply)
    url = f"https://{name}.example"
    endpoints = {"predict": f"{url}/predict", "health": f"{url}/health"}
    said = {"name": name, "endpoints": endpoints, "apiKey": f"key-{name}", "maxConcurrent": 50}
    return str(client("POST", "/api/servers", said)["serverId"])


def submit(client: Client, **said: Any) -> str:
    return str(client("POST", "/api/task", {"type": "t", "priority": 1, "async": True} | said)["id"])


def work(client: Client, house: World) -> None:
    """Tasks that succeed, fail and are turned away; large values; reports; retries; cancellation."""
    good = register(client, house, "good", answer(200, LARGE))
    done = submit(client, payload=LARGE)
    house.settle()
    client("POST", f"{BALANCER}/algorithm", {"algorithm": "least-connections"})
    assert client("GET", TASK, id=done)["result"] == LARGE
    client("POST", f"{SERVER}/heartbeat", {"status": "healthy"}, key="key-good", id=good)
    for reply in (answer(500), answer(429, Retry_After="5"), answer(202)):
        serve(house, "good", reply)
        submit(client)
        house.advance(30)
    held = submit(client)
    house.settle()
    client("PUT", TASK, {"status": "COMPLETED", "result": LARGE}, id=held)
    failed = submit(client, maxAttempts=1)
    house.settle()
    client("PUT", TASK, {"status": "FAILED", "error": "no", "retryable": False}, id=failed)
    client("POST", f"{TASK}/retry", id=failed)
    client("POST", f"{TASK}/cancel", id=failed)
    house.settle()


def look(client: Client, server: str) -> None:
    """Everything that only reads."""
    client("GET", "/api/servers")
    client("GET", f"{SERVER}/metrics", id=server)
    client("GET", "/api/stats/tasks")
    client("GET", "/api/stats/hourly")
    client("GET", "/api/stats/servers/{id}", id=server)
    client("GET", BALANCER)


def lose(client: Client, house: World) -> None:
    """Workers that die and workers that leave, found by the wakeup and, when that is lost, by the sweep."""
    for lost in (False, True):
        name = f"leaver{lost}".lower()
        leaver = register(client, house, name, answer(202))
        for _ in range(3):
            submit(client)
        house.settle()
        client("POST", f"{SERVER}/maintenance", {"maintenance": True}, id=leaver)
        client("DELETE", SERVER, id=leaver)
        house.relay("workers", limit=1000)
        if lost:
            house.queues.queues[settings().wakeups_queue].clear()
        house.settle()
        house.advance(120)
    del house.servers["good.example"]
    house.advance(600)


@pytest.fixture(scope="module")
def needed() -> dict[str, set[Permission]]:
    """Function name -> the permissions that it needed in the course of a day."""
    queues.sqs.cache_clear()  # a client that knows a queue's URL no longer asks for it
    with pytest.MonkeyPatch.context() as monkeypatch, world() as house:
        made = watch(house, monkeypatch)
        client = Client(made)
        work(client, house)
        look(client, register(client, house, "watched", answer(202)))
        lose(client, house)
        park(house)
        house.advance(3600, settle=False)
        schedules.hour_closed()
        house.clock.advance(86_400)
        schedules.day_closed()
        schedules.tidied()
        return dict(made.needed)


def park(house: World) -> None:
    """Changes that the relay cannot carry out, and all that it ever relayed tried again by the sweep."""
    for table in ("tasks", "workers"):
        streams.relayed(
            {"Records": [{"dynamodb": {"SequenceNumber": "1", "NewImage": {"id": {"S": "broken"}}}}]}, table
        )
    for record in aws.stream(settings().tasks_table):
        images = [relay._light(record["dynamodb"].get(name)) for name in ("OldImage", "NewImage")]
        body = {"id": "parked", "table": "tasks", "old": images[0], "new": images[1]}
        queues.sqs().send(settings().parked_queue, [Message(body)])
    house.advance(600)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_done_that_is_not_granted(needed: dict[str, set[Permission]], function: Function) -> None:
    assert needed[function.name] - granted(function) == set()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_granted_that_is_not_done(needed: dict[str, set[Permission]], function: Function) -> None:
    assert granted(function) - needed[function.name] == set()
