"""Rate limits as documented: per caller and kind of request, with their headers, and back as time passes."""

import pytest

from tests.contract.conftest import REGISTRATION, Scene
from tests.contract.documented import GUARDED, Documented, name_of
from tests.support.client import Reply, token

TASK = {"type": "t", "priority": 1}
SPENDERS = {"default": ("GET", "/api/stats/hourly", None, 100), "creation": ("POST", "/api/task", TASK, 50)}
SPENDERS["registration"] = ("POST", "/api/servers", REGISTRATION, 10)


def figures(reply: Reply) -> tuple[int, int, int]:
    limit, remaining, reset = (int(reply.headers[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "reset"))
    return limit, remaining, reset


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_every_endpoint_states_its_documented_limit(endpoint: Documented, shared: Scene) -> None:
    caller = token("admin", subject=endpoint.id, org="umbra")
    limit, remaining, _ = figures(
        shared.client.request(endpoint.method, endpoint.url("none"), endpoint.request, token=caller)
    )
    assert (limit, remaining) == (endpoint.limit, endpoint.limit - 1)


@pytest.mark.parametrize("plan", [("standard", 1), ("pro", 10), ("enterprise", 100), ("unheard-of", 1)])
def test_a_plan_multiplies_the_limit(plan: tuple[str, int], shared: Scene) -> None:
    name, factor = plan
    for method, path, body, count in SPENDERS.values():
        reply = shared.client.request(method, path, body, token=token(subject=f"planned-{name}", plan=name))
        assert figures(reply)[:2] == (count * factor, count * factor - 1)


@pytest.mark.parametrize("kind", SPENDERS)
def test_the_limit_is_spent_refused_and_restored(kind: str, shared: Scene) -> None:
    method, path, body, count = SPENDERS[kind]
    house, caller = shared.house, token(subject=f"spender-{kind}")

    def spend(by: str = caller) -> Reply:
        return shared.client.request(method, path, body, token=by)

    now = house.clock.now() // 1000
    remaining = [figures(spend())[1] for _ in range(count)]
    assert remaining == list(range(count - 1, -1, -1))

    refused = spend()
    assert refused.status == 429
    assert refused.json["error"] == "Too many requests"
    assert figures(refused) == (count, 0, now + 60)
    wait = int(refused.headers["retry-after"])
    assert wait == -(-60 // count), "when the next one is free"
    assert refused.json["details"] == f"At most {count} requests per 60 seconds; try again in {wait} seconds"

    assert spend(token(subject=f"spender-{kind}", org="umbra")).status < 300, "another tenant is another caller"
    assert spend(token(subject=f"neighbour-{kind}")).status < 300
    other = next(one for name, one in SPENDERS.items() if name != kind)
    assert shared.client.request(*other[:3], token=caller).status < 300, "another bucket"

    house.clock.advance(wait)
    assert spend().status < 300
    house.clock.advance(60)
    assert figures(spend())[1] == count - 1


def test_a_refused_creation_creates_nothing(shared: Scene) -> None:
    caller = token(subject="greedy")
    accepted = [shared.client.post("/api/task", TASK, token=caller).status for _ in range(55)]
    assert accepted == [201] * 50 + [429] * 5
    assert sum(task.submitted_by == "greedy" for task in shared.house.tasks()) == 50


def test_who_is_refused_at_the_door_spends_nothing(shared: Scene) -> None:
    user = token("user", subject="curious")
    for _ in range(5):
        assert shared.client.get("/api/servers", token=user).status == 403
    reply = shared.client.get("/api/stats/hourly", token=user)
    assert figures(reply)[1] == 99
    assert "x-ratelimit-limit" not in shared.client.get("/api/stats/hourly", token="garbage").headers


def test_an_invalid_request_is_counted(shared: Scene) -> None:
    caller = token(subject="clumsy")
    assert figures(shared.client.post("/api/task", {}, token=caller))[1] == 49
    assert figures(shared.client.post("/api/task", "{", token=caller))[1] == 48
