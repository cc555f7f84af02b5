"""Who may call what: every endpoint, every role, every bad credential, and anonymous callers."""

import base64

import jwt
import pytest

from chalicelib import clock, config
from chalicelib.config import DEVELOPMENT_KEY_ID, DEVELOPMENT_SECRET
from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import Documented, pick
from tests.contract.face import EVERYONE
from tests.support.client import token
from tests.support.rewind import rewinding


def forged_token(
    secret: str = DEVELOPMENT_SECRET, algorithm: str = "HS256", without: str = "", **changes: object
) -> str:
    """A token that is valid except for the given changes. `kid` and `typ` are headers."""
    now = clock.now() // 1000
    claims = {"iss": "yardmaster", "aud": "yardmaster", "sub": "eve", "org": "acme", "role": "admin"}
    header = {name: changes.pop(name, right) for name, right in (("kid", DEVELOPMENT_KEY_ID), ("typ", "at+jwt"))}
    body = {name: value for name, value in (claims | {"exp": now + 60} | changes).items() if name != without}
    return jwt.encode(body, secret, algorithm=algorithm, headers=header)


def with_nested_header() -> str:
    """A header as deeply nested as API Gateway's size limit allows."""
    text = '{"alg":"HS256","kid":' + "[" * 3000 + "]" * 3000 + "}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=") + ".e30.AAAA"


BAD_TOKENS = {
    "empty": lambda: "",
    "garbage": lambda: "garbage",
    "three garbage parts": lambda: "a.b.c",
    "not ascii": lambda: "größe.größe.größe",
    "nested header": with_nested_header,
    "expired": lambda: token(seconds=0),
    "not yet valid": lambda: forged_token(nbf=clock.now() // 1000 + 1),
    "another key": lambda: forged_token("x" * 64),
    "unknown key id": lambda: forged_token(kid="unknown"),
    "no algorithm": lambda: forged_token("", "none"),
    "another algorithm": lambda: forged_token(DEVELOPMENT_SECRET * 2, "HS512"),
    "refresh token": lambda: forged_token(typ="refresh+jwt"),
    "another issuer": lambda: forged_token(iss="someone"),
    "another audience": lambda: forged_token(aud="elsewhere"),
    "unknown role": lambda: forged_token(role="root"),
    "org with a separator": lambda: forged_token(org="acme#processing"),
    "subject with a separator": lambda: forged_token(sub="a#b"),
    "org that is a number": lambda: forged_token(org=7),
    "empty org": lambda: forged_token(org=""),
    "subject of half a character": lambda: forged_token(sub="\ud800"),
    "subject that is too long": lambda: forged_token(sub="x" * 3_000),
    "subject with a zero byte": lambda: forged_token(sub="a\0"),
    "org of half a character": lambda: forged_token(org="\ud800"),
    "org that is too long": lambda: forged_token(org="x" * 3_000),
    "expiry that is text": lambda: forged_token(exp="2099-01-01"),
    "expiry without end": lambda: forged_token(exp=float("inf")),
    **{
        f"no {name}": (lambda name=name: forged_token(without=name))
        for name in ("exp", "iss", "aud", "sub", "org", "role")
    },
}


@over.each(over.guarded_endpoints)
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
        reply = shared.call(endpoint, headers=headers)
        assert shared.face.require_refusal(reply, 401).message
        assert reply.headers["www-authenticate"] == f'Bearer realm="{shared.face.name}"'


@over.faces()
def test_every_bad_token_gets_the_same_message(shared: Scene) -> None:
    for name, bad in BAD_TOKENS.items():
        reply = shared.send(shared.probe(), token=bad())
        assert shared.face.require_refusal(reply, 401).message == "Invalid or expired token", name


@over.faces()
def test_an_unchanged_forged_token_is_valid(shared: Scene) -> None:
    assert shared.send(shared.probe(), token=forged_token()).status == 200


@over.each(
    lambda face: [
        (one, role) for one in face.guarded_endpoints for role in EVERYONE if role not in face.allowed_roles(one)
    ],
    "refused",
    lambda one: f"{one[0].id} {one[1]}",
)
def test_a_role_that_does_not_suffice_is_refused(refused: tuple[Documented, str], shared: Scene) -> None:
    endpoint, role = refused
    error = shared.face.require_refusal(shared.send(endpoint, token=token(role)), 403)
    assert error.message == shared.face.refusal(endpoint, shared.face.allowed_roles(endpoint))


@over.each(over.guarded_endpoints)
def test_each_allowed_role_passes(endpoint: Documented, scene: Scene) -> None:
    for role in scene.face.allowed_roles(endpoint):
        caller = token(role, org="penumbra", subject="nowhere")
        with rewinding(scene.world):
            reply = scene.call(endpoint, scene.nowhere(endpoint), token=caller)
        expected = 404 if scene.face.on.get(endpoint.id) else scene.face.status(endpoint)
        assert reply.status == scene.face.strangers.get(endpoint.id, expected), reply.text


@over.faces()
def test_public_endpoints_need_no_credential(scene: Scene) -> None:
    public = [one for one in scene.face.endpoints if scene.face.is_public(one)]
    assert {scene.face.docs, "/openapi.json"} <= {one.path for one in public}
    for endpoint in public:
        with rewinding(scene.world):
            assert scene.call(endpoint).status == scene.face.status(endpoint), endpoint.id


@over.faces()
def test_header_names_are_read_in_any_case(shared: Scene) -> None:
    for name in ("Authorization", "authorization", "AUTHORIZATION"):
        for scheme in ("Bearer", "bearer", "BEARER"):
            assert shared.call(shared.probe(), headers={name: f"{scheme} {token()}"}).status == 200


@pytest.mark.parametrize("named", [[], ["another"]])
@over.faces()
def test_an_api_that_is_not_open_refuses_anonymous_callers(named: list[str], scene: Scene) -> None:
    config.replace(open_apis=frozenset(named))
    for endpoint in scene.face.guarded_endpoints:
        scene.face.require_refusal(scene.call(endpoint), 401)


@over.faces(where=lambda face: not face.opens)
def test_an_api_that_cannot_be_opened_refuses_anonymous_callers(scene: Scene) -> None:
    config.replace(open_apis=frozenset({scene.face.name}))
    for endpoint in scene.face.guarded_endpoints:
        scene.face.require_refusal(scene.call(endpoint), 401)


@over.faces(where=lambda face: face.opens)
def test_an_open_api_admits_anonymous_callers_to_the_local_org(scene: Scene) -> None:
    face, client = scene.face, scene.client
    config.replace(open_apis=frozenset({face.name}))
    assert scene.call(scene.probe()).status == 200
    face.require_refusal(scene.call(scene.probe(), token="garbage"), 401)
    if face.submitting:
        post, get = face.endpoint(face.submitting.post), face.endpoint(face.submitting.get)
        task_id = pick(client.post(post.path, post.request).json, face.submitting.id)
        url = get.url(dict.fromkeys(get.variables, task_id))
        assert client.get(url).status == client.get(url, token=token(org="local")).status == 200
        face.require_refusal(client.get(url, token=scene.admin), 404, scene.kind(get, get.variables[0]))
    for endpoint in over.with_found_resource(face):
        if not face.is_public(endpoint):
            reply = scene.call(endpoint)
            face.require_refusal(reply, 404, scene.kind(endpoint, next(iter(face.on[endpoint.id]))))
