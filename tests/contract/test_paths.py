"""Unknown paths, unknown ids and failures of the database: each error has the documented shape."""

from botocore.exceptions import ClientError, NoCredentialsError

from chalicelib.edge.api import VARIABLE
from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented
from tests.support.aws import interfering
from tests.support.client import Client

STRANGE = {
    "nowhere": "nowhere",
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
NO_PATHS = frozenset({"..", "\0", " "})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
ELSEWHERE = ("/", "/api", "/favicon.ico", "/%2e", "//", "/docs/", "/openapi")


@over.each(over.with_found_resource)
def test_an_unknown_id_is_not_found_in_the_documented_words(endpoint: Documented, shared: Scene) -> None:
    for variable in shared.face.on[endpoint.id]:
        kind = shared.kind(endpoint, variable)
        for encoded, plain in STRANGE.items():
            if endpoint.id in shared.face.paths and plain in NO_PATHS:
                shared.face.require_invalid(shared.send(endpoint, values={variable: encoded}))
                continue
            error = shared.face.require_refusal(shared.send(endpoint, values={variable: encoded}), 404, kind)
            assert error.message == f"{kind} not found: {plain}"


@over.each(over.with_found_resource)
def test_an_id_that_none_can_have_is_an_invalid_request(endpoint: Documented, shared: Scene) -> None:
    for variable in shared.face.on[endpoint.id]:
        length = 2049 if endpoint.id in shared.face.paths else 129
        not_utf_8 = ["a%ff"] if variable in endpoint.variables else []  # gateways decode the query
        for encoded in ["x" * length, *not_utf_8]:
            error = shared.face.require_invalid(shared.send(endpoint, values={variable: encoded}))
            assert error.message.startswith(variable)


@over.each(lambda face: sorted({endpoint.path for endpoint in face.endpoints}), "path", str)
def test_a_method_that_a_path_does_not_have_is_refused_naming_those_it_has(path: str, shared: Scene) -> None:
    has = {endpoint.method for endpoint in shared.face.endpoints if endpoint.path == path}
    for method in set(METHODS) - has:
        reply = shared.client.request(method, VARIABLE.sub("x", path), token=shared.admin)
        shared.face.require_refusal(reply, 405)
        assert set(reply.headers["allow"].split(", ")) == has


@over.faces()
def test_an_unknown_path_is_404(shared: Scene) -> None:
    there = {endpoint.path for endpoint in shared.face.endpoints}
    beside = {f"{VARIABLE.sub('x', path)}{more}" for path in there for more in ("/", "/x/y/z", "s", "%20")}
    for path in sorted({*beside, *ELSEWHERE}):
        if shared.client.template(path) in there:
            continue
        for method in ("GET", "POST", "PUT", "PATCH"):
            shared.face.require_refusal(shared.client.request(method, path, token=shared.admin), 404)


def querying_clients(scene: Scene, endpoint: Documented) -> list[Client]:
    """The clients whose requests to this endpoint reach the database."""
    return [scene.limited] if endpoint.id in scene.face.elsewhere else [scene.client, scene.limited]


@over.each(lambda face: [one for one in face.guarded_endpoints if one.id not in face.robust])
def test_an_internal_error_shows_nothing(endpoint: Documented, shared: Scene) -> None:
    def raise_unexpected(call, send):
        raise RuntimeError("the secret of table yardmaster-tasks")

    def raise_client_error(call, send):
        raise ClientError({"Error": {"Code": "ValidationException", "Message": "secret"}}, call[1])

    for interference in (raise_unexpected, raise_client_error):
        for client in querying_clients(shared, endpoint):
            with interfering(interference):
                error = shared.face.require_refusal(shared.send(endpoint, by=client), 500)
            assert error.message == "An unexpected error occurred"


@over.each(lambda face: [one for one in face.guarded_endpoints if one.id not in face.robust])
def test_an_unavailable_database_is_503_try_again(endpoint: Documented, shared: Scene) -> None:
    def raise_no_credentials(call, send):
        raise NoCredentialsError

    for client in querying_clients(shared, endpoint):
        with interfering(raise_no_credentials):
            error = shared.face.require_refusal(shared.send(endpoint, by=client), 503)
        assert "try again" in error.message


@over.each(lambda face: face.endpoints)
def test_every_answer_has_a_request_id_and_forbids_caching_and_sniffing(endpoint: Documented, scene: Scene) -> None:
    for reply in (scene.send(endpoint), scene.send(endpoint, token="garbage")):
        assert reply.headers["x-request-id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["x-content-type-options"] == "nosniff"
