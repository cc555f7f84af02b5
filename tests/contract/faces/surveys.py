"""The survey API (delqhi-platform.md, "Zimmer-18 Survey Worker")."""

from chalicelib.apis.surveys import api
from tests.contract.documented import Resource, without
from tests.contract.face import Face
from tests.contract.faces.coordinator import coordinator
from tests.support.client import Client
from tests.support.world import World

SESSION = {"platform": "swagbucks", "account_id": "account-uuid", "survey_type": "daily"}
INSTANT = "2026-01-27T05:54:06.050535"


def build(world: World, client: Client, caller: str) -> dict[str, Resource]:
    """A worker that holds a session, and a queued session."""
    worker = world.register(
        "surveyor", pool="coordinator", capabilities=("survey:swagbucks",), endpoints={}, api_key=None
    )
    made = [client.post("/api/start", SESSION, token=caller).json["session_id"] for _ in range(2)]
    world.settle()
    sessions = {name: Resource("Session", one) for name, one in zip(("held", "queued"), made, strict=True)}
    return sessions | {"worker": Resource("Worker", worker.id)}


STARTED = {"session_id": "task-uuid", **SESSION, "status": "queued", "created_at": INSTANT}

surveys = Face(
    api=api,
    build=build,
    on={},
    read_error=coordinator.read_error,
    codes=coordinator.codes,
    case=coordinator.case,
    instants=frozenset({"created_at", "started_at", "timestamp"}),
    instant=coordinator.instant,
    formats=coordinator.formats,
    exact=True,
    answers={"POST /api/start": STARTED},
    statuses={"POST /api/start": 201},
    located=("POST /api/start",),
    public=("GET /health",),
    opens=True,
    spenders={"default": "GET /api/platforms"},
    missing=(
        ("POST /api/start", "platform", without(SESSION, "platform")),
        ("POST /api/start", "account_id", without(SESSION, "account_id")),
    ),
    bases={"POST /api/start": SESSION},
    wrong=(
        ("POST /api/start", "platform", ("", "myspace", 7, None)),
        ("POST /api/start", "account_id", ("", "x" * 129, 7, None)),
        ("POST /api/start", "survey_type", ("", "x" * 65, 7, None)),
        ("POST /api/start", "notify", ("telegram", ["fax"], [7], ["all"] * 5, None)),
    ),
    volatile=frozenset({"timestamp"}),
)
