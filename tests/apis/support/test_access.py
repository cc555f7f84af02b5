"""Who may call, the rate limits, and the format of refusals."""

import pytest

from chalicelib import config
from chalicelib.apis.support import api
from chalicelib.edge import routes_of
from tests.apis.support.conftest import SupportApi
from tests.support.client import token

GUARDED = [("POST", "/task"), ("GET", "/task/task_1"), ("GET", "/workers"), ("POST", "/workers")]
GUARDED += [("GET", path) for path in ("/health", "/metrics", "/channels")]


def test_the_guarded_endpoints_are_the_documented_ones() -> None:
    served = {(endpoint.method, endpoint.path) for endpoint in routes_of(api) if not endpoint.public}
    assert served == {(method, path.replace("task_1", "{task_id}")) for method, path in GUARDED}


@pytest.mark.parametrize(("method", "path"), GUARDED)
def test_without_a_token_nothing_is_served_unless_the_local_stage_opens_the_api(
    method: str, path: str, support_api: SupportApi
) -> None:
    reply = support_api.client.request(method, path)
    assert (reply.status, reply.json["error"]["code"], reply.headers["www-authenticate"]) == (
        401,
        "UNAUTHORIZED",
        'Bearer realm="support"',
    )
    config.replace(open_apis=frozenset({"support"}))
    assert support_api.client.request(method, path).status != 401
    assert support_api.client.request(method, path, token="garbage").status == 401


@pytest.mark.parametrize("role", ["user", "server", "admin"])
def test_every_role_may_do_everything_in_its_org(role: str, support_api: SupportApi) -> None:
    caller = token(role)
    for method, path in GUARDED:
        body = {"type": "t", "worker_id": 1} if method == "POST" else None
        assert support_api.client.request(method, path, body, token=caller).status in (200, 201, 202, 404)


def test_a_hundred_requests_a_minute(support_api: SupportApi) -> None:
    caller = token()
    first = support_api.client.get("/channels", token=caller)
    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("100", "99")
    assert int(first.headers["x-ratelimit-reset"]) == support_api.world.clock.now() // 1000 + 1
    for _ in range(99):
        support_api.client.get("/task/none", token=caller)
    refused = support_api.client.get("/channels", token=caller)
    assert (refused.status, refused.json["error"]["code"]) == (429, "RATE_LIMITED")
    assert refused.json["error"]["details"] == {"retry_after": refused.headers["retry-after"]}


def test_what_the_api_does_not_have(support_api: SupportApi) -> None:
    path = support_api.client.get("/tasks", token=support_api.token)
    assert (path.status, path.json["error"]["code"], path.json["error"]["details"]) == (
        404,
        "NOT_FOUND",
        {"path": "does not exist"},
    )
    method = support_api.client.delete("/task", token=support_api.token)
    assert (method.status, method.json["error"]["code"], method.headers["allow"]) == (405, "METHOD_NOT_ALLOWED", "POST")
    kind = support_api.post("/task", "x=1", **{"Content-Type": "text/plain"})
    assert (kind.status, kind.json["error"]["code"]) == (415, "INVALID_INPUT")
