"""Who may call what: every endpoint, every role, every bad credential, and nobody where an API is not open."""

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
    "subject of half a character": lambda: forged(sub="\ud800"),
    "subject that is too long": lambda: forged(sub="x" * 3_000),
    "subject with a zero byte": lambda: forged(sub="a\0"),
    "org of half a character": lambda: forged(org="\ud800"),
    "org that is too long": lambda: forged(org="x" * 3_000),
    "expiry that is text": lambda: forged(exp="2099-01-01"),
    "expiry without end": lambda: forged(exp=float("inf")),
    **{f"no {name}": (lambda name=name: forged(without=name)) for name in ("exp", "iss", "aud", "sub", "org", "role")},
}


@over.each(over.guarded)
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
        assert shared.face.refused(reply, 401).message
        assert reply.headers["www-authenticate"] == f'Bearer realm="{shared.face.name}"'


@over.faces()
def test_a_token_that_is_not_ours_gets_the_same_words_always(shared: Scene) -> None:
    for name, bad in BAD_TOKENS.items():
        reply = shared.send(shared.probe(), token=bad())
        assert shared.face.refused(reply, 401).message == "Invalid or expired token", name


@over.faces()
def test_the_forger_can_make_a_valid_token(shared: Scene) -> None:
    assert shared.send(shared.probe(), token=forged()).status == 200


@over.each(
    lambda face: [(one, role) for one in face.guarded for role in EVERYONE if role not in face.allowed(one)],
    "refused",
    lambda one: f"{one[0].id} {one[1]}",
)
def test_a_role_that_does_not_suffice_is_refused(refused: tuple[Documented, str], shared: Scene) -> None:
    endpoint, role = refused
    told = shared.face.refused(shared.send(endpoint, token=token(role)), 403)
    assert told.message == shared.face.refusal(endpoint, shared.face.allowed(endpoint))


@over.each(over.guarded)
def test_each_allowed_role_passes(endpoint: Documented, scene: Scene) -> None:
    for role in scene.face.allowed(endpoint):
        caller = token(role, org="penumbra", subject="nowhere")
        reply = scene.call(endpoint, scene.nowhere(endpoint), token=caller)
        expected = 404 if scene.face.on.get(endpoint.id) else scene.face.status(endpoint)
        assert reply.status == scene.face.strangers.get(endpoint.id, expected), reply.text


@over.faces()
def test_what_is_public_needs_no_credential(scene: Scene) -> None:
    public = [one for one in scene.face.endpoints if scene.face.is_public(one)]
    assert {scene.face.docs, "/openapi.json"} <= {one.path for one in public}
    for endpoint in public:
        with rewinding(scene.world):
            assert scene.call(endpoint).status == scene.face.status(endpoint), endpoint.id


@over.faces()
def test_header_names_are_read_in_any_case(shared: Scene) -> None:
    path = shared.probe().url({})
    for name in ("Authorization", "authorization", "AUTHORIZATION"):
        for scheme in ("Bearer", "bearer", "BEARER"):
            assert shared.client.get(path, headers={name: f"{scheme} {token()}"}).status == 200


@pytest.mark.parametrize("named", [[], ["another"]])
@over.faces()
def test_an_api_that_is_not_opened_admits_nobody_unknown(named: list[str], scene: Scene) -> None:
    config.replace(open_apis=frozenset(named))
    for endpoint in scene.face.guarded:
        scene.face.refused(scene.call(endpoint), 401)


@over.faces(where=lambda face: not face.opens)
def test_an_api_that_never_opens_admits_nobody_unknown_though_named(scene: Scene) -> None:
    config.replace(open_apis=frozenset({scene.face.name}))
    for endpoint in scene.face.guarded:
        scene.face.refused(scene.call(endpoint), 401)


@over.faces(where=lambda face: face.opens)
def test_an_opened_api_admits_the_unknown_to_the_local_org(scene: Scene) -> None:
    face, client = scene.face, scene.client
    config.replace(open_apis=frozenset({face.name}))
    assert client.get(scene.probe().url({})).status == 200
    face.refused(client.get(scene.probe().url({}), token="garbage"), 401)
    if face.submitting:
        post, get = face.endpoint(face.submitting.post), face.endpoint(face.submitting.get)
        made = pick(client.post(post.path, post.request).json, face.submitting.id)
        url = get.url(dict.fromkeys(get.variables, made))
        assert client.get(url).status == client.get(url, token=token(org="local")).status == 200
        face.refused(client.get(url, token=scene.admin), 404, scene.kind(get, get.variables[0]))
    for endpoint in face.guarded:
        if face.on.get(endpoint.id):
            reply = scene.call(endpoint)
            face.refused(reply, 404, scene.kind(endpoint, next(iter(face.on[endpoint.id]))))
