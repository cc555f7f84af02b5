"""What the API does not have, things that do not exist, and what breaks underneath: always the documented shape."""

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from tests.contract.conftest import Scene
from tests.contract.documented import ENDPOINTS, ERRORS, GUARDED, OF_ONE, Documented, name_of
from tests.support.aws import interfering
from tests.support.client import token

STRANGE = {
    "task_nowhere": "task_nowhere",
    "x": "x",
    "%20": " ",
    "a%2Fb": "a/b",
    "..": "..",
    "%F0%9F%98%80": "😀",
    "%00": "\0",
    "%23pool": "#pool",
    "%27%20or%201%3D1": "' or 1=1",
    "x" * 128: "x" * 128,
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


@pytest.mark.parametrize("endpoint", OF_ONE, ids=name_of)
def test_an_unknown_id_is_not_found_in_the_documented_words(endpoint: Documented, shared: Scene) -> None:
    for encoded, plain in STRANGE.items():
        reply = shared.client.request(endpoint.method, endpoint.url(encoded), endpoint.request, token=shared.admin)
        assert reply.status == 404, encoded
        assert reply.json == {"error": ERRORS["404"]["error"], "details": f"{endpoint.kind} not found: {plain}"}
    shared.house.clock.advance(60)


@pytest.mark.parametrize("endpoint", OF_ONE, ids=name_of)
def test_an_id_that_none_can_have_is_an_invalid_request(endpoint: Documented, shared: Scene) -> None:
    reply = shared.client.request(endpoint.method, endpoint.url("x" * 129), endpoint.request, token=shared.admin)
    assert (reply.status, reply.json["error"]) == (400, "Invalid request")


@pytest.mark.parametrize("path", sorted({endpoint.path for endpoint in ENDPOINTS}))
def test_a_method_that_a_path_does_not_have_is_refused_naming_those_it_has(path: str, shared: Scene) -> None:
    has = {endpoint.method for endpoint in ENDPOINTS if endpoint.path == path}
    for method in set(METHODS) - has:
        reply = shared.client.request(method, path.replace("{id}", "x"), token=shared.admin)
        assert (reply.status, reply.json["error"]) == (405, "Method not allowed")
        assert set(reply.headers["allow"].split(", ")) == has


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/tasks", "/api/task/x/y/z", "/api/servers/x", "/favicon.ico", "/%2e"]
)
def test_a_path_that_is_not_there_is_not_found(path: str, shared: Scene) -> None:
    for method in ("GET", "POST", "PUT", "PATCH"):
        reply = shared.client.request(method, path, token=shared.admin)
        wanted = 405 if path == "/api/servers/x" else 404
        assert (reply.status, set(reply.json)) == (wanted, {"error", "details"})


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_a_defect_of_ours_is_told_to_nobody(endpoint: Documented, shared: Scene) -> None:
    def broken(call, send):
        raise RuntimeError("the secret of table yardmaster-tasks")

    def refused(call, send):
        raise ClientError({"Error": {"Code": "ValidationException", "Message": "secret"}}, call[1])

    for interference in (broken, refused):
        with interfering(interference):
            reply = shared.client.request(
                endpoint.method, shared.url(endpoint), endpoint.request, token=token(subject=endpoint.id)
            )
        assert (reply.status, reply.json) == (500, ERRORS["500"])


@pytest.mark.parametrize("endpoint", GUARDED, ids=name_of)
def test_a_database_that_does_not_answer_is_worth_another_try(endpoint: Documented, shared: Scene) -> None:
    def gone(call, send):
        raise NoCredentialsError

    with interfering(gone):
        reply = shared.client.request(endpoint.method, shared.url(endpoint), endpoint.request, token=shared.admin)
    assert (reply.status, reply.json["error"]) == (503, "Service unavailable")
    assert "try again" in reply.json["details"]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=name_of)
def test_every_answer_carries_its_id_and_is_not_kept_or_guessed_at(endpoint: Documented, shared: Scene) -> None:
    reply = shared.client.request(endpoint.method, endpoint.url("none"), token=shared.admin)
    assert reply.headers["x-request-id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
