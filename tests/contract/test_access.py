"""Who may call what: every endpoint, every role, every bad credential."""

import base64
import json

import jwt
import pytest

from chalicelib import clock
from chalicelib.config import DEVELOPMENT_KEY_ID, DEVELOPMENT_SECRET
from tests.contract.conftest import Scene
from tests.contract.documented import ENDPOINTS, ERRORS, GUARDED, OF_ONE, Documented, name_of
from tests.support.client import token

EVERYONE = ("user", "server", "admin")
ALLOWED = {
    "POST /api/task": EVERYONE,
    "GET /api/task/{id}": EVERYONE,
    "PUT /api/task/{id}": ("server", "admin"),
    "POST /api/task/{id}/retry": EVERYONE,
    "POST /api/task/{id}/cancel": EVERYONE,
    "POST /api/servers": ("admin",),
    "GET /api/servers": ("admin",),
    "POST /api/servers/{id}/heartbeat": ("server", "admin"),
    "DELETE /api/servers/{id}": ("admin",),
    "POST /api/servers/{id}/maintenance": ("admin",),
    "GET /api/servers/{id}/metrics": ("admin",),
    "GET /api/stats/tasks": EVERYONE,
    "GET /api/stats/hourly": EVERYONE,
    "GET /api/stats/servers/{id}": EVERYONE,
    "GET /api/stats/load-balancer": EVERYONE,
    "POST /api/stats/load-balancer/algorithm": ("user", "admin"),
}
REFUSED = [
    (endpoint, role) for endpoint in GUARDED for role in EVERYONE if role not in ALLOWED.get(endpoint.id, EVERYONE)
]


def forged(secret: str = DEVELOPMENT_SECRET, algorithm: str = "HS256", without: str = "", **changes: object) -> str:
    """A token that is right but for what is named; `kid` and `typ` are headers."""
    now = clock.now() // 1000
    claims = {"iss": "yardmaster", "aud": "yardmaster", "sub": "eve", "org": "acme", "role": "admin"}
    header = {name: changes.pop(name, right) for name, right in (("kid", DEVELOPMENT_KEY_ID), ("typ", "at+jwt"))}
    body = {name: value for name, value in (claims | {"exp": now + 60} | changes).items() if name != without}
    return jwt.encode(body, secret, algorithm=algorithm, headers=header)


def with_nested_header() -> str:
    """A header as deep as fits into what API Gateway lets through."""
    text = '{"alg":"HS256","kid":' + "[" * 3000 + "]" * 3000 + "}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") + ".e30.AAAA"


BAD_TOKENS = {
    "empty": lambda: "",
    "garbage": lambda: "garbage",
    "three garbage parts": lambda: "a.b.c",
    "not ascii": lambda: "größe.größe.größe",
    "nested header": with_nested_header,
    "expired": lambda: token(seconds=0),
    "not yet valid": lambda: forged(nbf=clock.now() // 1000 + 1),
    "another key": lambda: forged("x" * 64),
    "unknown key id": lambda: forged(kid="unknown"),
    "no algorithm": lambda: forged("", "none"),
    "another algorithm": lambda: forged(DEVELOPMENT_SECRET * 2, "HS512"),
    "refresh token": lambda: forged(typ="refresh+jwt"),
    "another issuer": lambda: forged(iss="someone"),
    "another audience": lambda: forged(aud="elsewhere"),
    "unknown role": lambda: forged(role="root"),
    "org with a separator": lambda: forged(org="acme#processing"),
    "subject with a separator": lambda: forged(sub="a#b"),
    "org that is a number": lambda: forged(org=7),
    "empty org": lambda: forged(org=""),
    "expiry that is text": lambda: forged(exp="2099-01-01"),
    **{f"no {name}": (lambda name=name: forged(without=name)) for name in ("exp", "iss", "aud", "sub", "org", "role")},
}


def test_every_guarded_endpoint_has_a_policy() -> None:
    assert set(ALLOWED) == {endpoint.id for endpoint in GUARDED}
    admins_only = {name for name, roles in ALLOWED.items() if roles == ("admin",)}
    documented = {endpoint.id for endpoint in GUARDED if endpoint.auth == "admin"}
    assert admins_only == documented - {"POST /api/servers/{id}/heartbeat"}


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_without_a_valid_credential_nothing_is_served(endpoint: Documented, shared: Scene) -> None:
    credentials = (
        {},
        {"Authorization": "Bearer garbage"},
        {"Authorization": f"Bearer {token(seconds=0)}"},
        {"Authorization": f"Basic {token()}"},
        {"Authorization": token()},
        {"X-API-Key": "garbage"},
    )
    for headers in credentials:
        reply = shared.client.request(endpoint.method, shared.url(endpoint), endpoint.request, headers=headers)
        assert reply.status == 401
        assert reply.json["error"] == ERRORS["401"]["error"]
        assert reply.json["details"]
        assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("bad", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_a_token_that_is_not_ours_gets_the_documented_401(bad, shared: Scene) -> None:
    reply = shared.client.get("/api/stats/tasks", token=bad())
    assert (reply.status, reply.json) == (401, ERRORS["401"])


def test_the_forger_can_make_a_valid_token(shared: Scene) -> None:
    assert shared.client.get("/api/stats/tasks", token=forged()).status == 200


@pytest.mark.parametrize(("endpoint", "role"), REFUSED, ids=lambda value: getattr(value, "id", value))
def test_a_role_that_does_not_suffice_is_refused(endpoint: Documented, role: str, shared: Scene) -> None:
    reply = shared.client.request(endpoint.method, shared.url(endpoint), endpoint.request, token=token(role))
    assert reply.status == 403
    assert reply.json["error"] == ERRORS["403"]["error"]
    if ALLOWED[endpoint.id] == ("admin",):
        assert reply.json == ERRORS["403"]
    else:
        assert reply.json["details"] == f"One of these roles required: {', '.join(ALLOWED[endpoint.id])}"


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_each_allowed_role_passes(endpoint: Documented, shared: Scene) -> None:
    for role in ALLOWED[endpoint.id]:
        caller = token(role, org="umbra", subject="server_nowhere")
        reply = shared.client.request(endpoint.method, endpoint.url("server_nowhere"), endpoint.request, token=caller)
        assert reply.status == (404 if endpoint in OF_ONE else endpoint.status), reply.text


def test_the_documentation_needs_no_credential(shared: Scene) -> None:
    for endpoint in ENDPOINTS:
        if endpoint.public:
            assert shared.client.get(endpoint.path).status == 200


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
def test_header_names_are_read_in_any_case(name: str, shared: Scene) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert shared.client.get("/api/stats/tasks", headers={name: f"{scheme} {token()}"}).status == 200


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_an_api_key_opens_only_the_two_endpoints_where_servers_report(endpoint: Documented, shared: Scene) -> None:
    reply = shared.client.request(endpoint.method, shared.url(endpoint), {}, key="key-of-one")
    reports = ("PUT /api/task/{id}", "POST /api/servers/{id}/heartbeat")
    assert reply.status == (200 if endpoint.id in reports else 401)


@pytest.mark.parametrize(
    "identifier", ["server_nowhere", "x" * 129, "x" * 3000, "%00", "%ff%fe", "a%2Fb", "%F0%9F%98%80"]
)
def test_an_api_key_with_a_strange_id_is_just_wrong(identifier: str, shared: Scene) -> None:
    for method, path in (
        ("POST", f"/api/servers/{identifier}/heartbeat"),
        ("PUT", f"/api/task/{identifier}"),
        ("PUT", f"/api/task/{shared.running}?serverId={identifier}"),
    ):
        reply = shared.client.request(method, path, {}, key="key-of-one")
        assert (reply.status, reply.json["details"]) == (401, "Invalid API key")


def test_a_server_may_not_speak_for_another(shared: Scene) -> None:
    caller = token("server", subject="server_other")
    beat = shared.client.post(f"/api/servers/{shared.server}/heartbeat", {}, token=caller)
    report = shared.client.put(f"/api/task/{shared.running}?serverId={shared.server}", {}, token=caller)
    assert (beat.status, report.status) == (403, 403)


def test_errors_have_exactly_the_documented_fields(shared: Scene) -> None:
    for status, example in ERRORS.items():
        assert set(example) == {"error", "details"}, status
    reply = shared.client.get("/api/task/task_nowhere", token=shared.admin)
    assert json.loads(reply.text) == {"error": "Not found", "details": "Task not found: task_nowhere"}
