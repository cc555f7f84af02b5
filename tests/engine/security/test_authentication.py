import base64
import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from chalicelib import clock, config
from chalicelib.config import DEVELOPMENT_KEY_ID, DEVELOPMENT_SECRET
from chalicelib.engine.security import authentication, keyring
from chalicelib.engine.security.authentication import Principal
from chalicelib.errors import Unauthenticated

SOMEBODY = Principal("acme", "dev", "admin", "pro")
NOW = 1_800_000_000
CLAIMS: dict[str, Any] = {
    "iss": "yardmaster",
    "aud": "yardmaster",
    "sub": "dev",
    "org": "acme",
    "role": "user",
    "iat": NOW,
    "exp": NOW + 60,
}
HEADERS = {"kid": DEVELOPMENT_KEY_ID, "typ": "at+jwt"}


@pytest.fixture(autouse=True)
def manual_clock() -> Iterator[clock.ManualClock]:
    manual = clock.ManualClock(NOW * 1000)
    previous = clock.use(manual)
    yield manual
    clock.use(previous)


def token(headers: dict[str, Any] | None = None, secret: str = DEVELOPMENT_SECRET, **changes: Any) -> str:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ...}
    return jwt.encode(claims, secret, algorithm="HS256", headers=HEADERS | (headers or {}))


def raw(claims: bytes) -> str:
    """A correctly signed token with claims that our encoder does not write. Of two claims with one name the last
    counts."""
    text = json.dumps(CLAIMS).encode().removesuffix(b"}") + b", " + claims + b"}"
    return jwt.api_jws.encode(text, DEVELOPMENT_SECRET, algorithm="HS256", headers=HEADERS)


def part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def forge(header: Any, claims: Any = CLAIMS, signature: str = "") -> str:
    return f"{part(header)}.{part(claims)}.{signature}"


GOOD = token()
DEEP = b'{"kid":' + b"[" * 5_000 + b"]" * 5_000 + b"}"
ABUSES = {
    "empty": "",
    "garbage": "garbage",
    "two dots": "..",
    "four parts": GOOD + ".x",
    "not base64": "§.§.§",
    "a lone surrogate": "\ud800.a.b",
    "a header that is a list": forge([1]),
    "a header too deep to read": forge(DEEP),
    "alg none": forge({"alg": "none", **HEADERS}),
    "alg None": forge({"alg": "None", **HEADERS}),
    "no alg": forge(HEADERS),
    "alg a number": forge({"alg": 5, **HEADERS}),
    "alg RS256 with our secret": forge({"alg": "RS256", **HEADERS}, CLAIMS, GOOD.rpartition(".")[2]),
    "alg HS512": jwt.encode(CLAIMS, DEVELOPMENT_SECRET * 2, algorithm="HS512", headers=HEADERS),
    "no signature": GOOD.rpartition(".")[0] + ".",
    "another signature": GOOD.rpartition(".")[0] + "." + part(b"x" * 32),
    "altered claims": f"{GOOD.split('.')[0]}.{part(CLAIMS | {'role': 'admin'})}.{GOOD.split('.')[2]}",
    "another secret": token(secret="x" * 40),
    "an unknown kid": token({"kid": "other"}),
    "a kid that is a path": token({"kid": "../../dev/null"}),
    "no kid": jwt.encode(CLAIMS, DEVELOPMENT_SECRET, algorithm="HS256"),
    "a kid that is no text": forge({"alg": "HS256", "kid": {"a": 1}}),
    "a refresh token": token({"typ": "refresh+jwt"}),
    "a typ that is no text": forge({"alg": "HS256", "kid": DEVELOPMENT_KEY_ID, "typ": 5}),
    "another audience": token(aud="elsewhere"),
    "no audience": token(aud=...),
    "another issuer": token(iss="elsewhere"),
    "no issuer": token(iss=...),
    "no expiry": token(exp=...),
    "an expiry that is null": token(exp=None),
    "an expiry that is no number": token(exp="later"),
    "expired this second": token(exp=NOW),
    "expired long ago": token(exp=1),
    "not valid yet": token(nbf=NOW + 1),
    "a start that is no number": token(nbf="soon"),
    "no subject": token(sub=...),
    "an empty subject": token(sub=""),
    "no org": token(org=...),
    "an empty org": token(org=""),
    "an org that reaches into another": token(org="acme#processing"),
    "an org that is no text": token(org=7),
    "a subject with a separator": token(sub="a#b"),
    "no role": token(role=...),
    "an unknown role": token(role="root"),
    "a list of roles": token(role=["admin"]),
    "a subject of half a character": token(sub="\ud800"),
    "a subject that is too long": token(sub="x" * 3_000),
    "a subject of too many bytes": token(sub="\u00e9" * 200),
    "a subject with a zero byte": token(sub="a\0b"),
    "a subject with a separator of derived ids": token(sub="a\x1fb"),
    "an org of half a character": token(org="\udfff"),
    "an org that is too long": token(org="x" * 256),
    "a plan of half a character": token(plan="\ud800"),
    "an expiry beyond numbers": raw(b'"exp": 1e400'),
    "an expiry that is no number at all": raw(b'"exp": NaN'),
    "an expiry that is true": token(exp=True),
    "an expiry a fraction of a second ago": token(exp=NOW - 0.001),
    "an expiry below zero": token(exp=-1e300),
    "a start beyond numbers": raw(b'"exp": 2e9, "nbf": -1e400'),
    "a start that is null": token(nbf=None),
    "a start within this second": token(nbf=NOW + 0.5),
    "an issue instant that is no number": token(iat="now"),
    "claims too deep to read": raw(b'"x": ' + b"[" * 5_000 + b"]" * 5_000),
}


@pytest.mark.parametrize("abuse", ABUSES)
def test_a_token_that_is_not_valid_is_refused_always_in_the_same_words(abuse: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        authentication.verify_token(ABUSES[abuse])
    assert (caught.value.message, caught.value.facts) == ("Invalid or expired token", {})
    assert caught.value.__cause__ is None


def test_a_token_says_who_calls_until_it_expires(manual_clock: clock.ManualClock) -> None:
    issued = authentication.issue_token(SOMEBODY, 60)
    manual_clock.advance(59.999)
    assert authentication.verify_token(issued) == SOMEBODY
    manual_clock.advance(0.001)
    with pytest.raises(Unauthenticated):
        authentication.verify_token(issued)


def test_times_may_have_fractions_of_a_second(manual_clock: clock.ManualClock) -> None:
    issued = token(exp=NOW + 60.5, nbf=NOW + 0.5, iat=NOW + 0.25)
    for advance, taken in ((0.499, False), (0.001, True), (59.999, True), (0.001, False)):
        manual_clock.advance(advance)
        assert _is_taken(issued) is taken


def test_whole_numbers_may_be_written_as_fractions_and_an_issue_instant_says_nothing() -> None:
    assert authentication.verify_token(raw(b'"exp": 1800000060.0, "nbf": 1.8e9, "iat": 4e9')).subject == "dev"


@pytest.mark.parametrize(
    "name", ["x" * 255, "ada@example.com", "\u540d\u524d", "auth0|5f7c8ec7c33c6c004bbafe82", "a b/c"]
)
def test_a_subject_and_an_org_may_be_any_text_that_keys_can_hold(name: str) -> None:
    found = authentication.verify_token(token(sub=name, org=name))
    assert (found.subject, found.org) == (name, name)


def _is_taken(issued: str) -> bool:
    try:
        authentication.verify_token(issued)
    except Unauthenticated:
        return False
    return True


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "AT+JWT"])
def test_a_token_of_an_access_type_without_a_plan_is_on_the_standard_plan(typ: str) -> None:
    assert authentication.verify_token(token({"typ": typ}, nbf=NOW)) == Principal("acme", "dev", "user", "standard")


def test_of_two_live_keys_the_first_signs_and_both_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    older = authentication.issue_token(SOMEBODY, 60)
    both = {"new": "n" * 32, DEVELOPMENT_KEY_ID: DEVELOPMENT_SECRET}
    monkeypatch.setattr(keyring, "jwt_keys", lambda: both)
    newer = authentication.issue_token(SOMEBODY, 60)
    assert jwt.get_unverified_header(newer)["kid"] == "new"
    assert authentication.verify_token(older) == authentication.verify_token(newer) == SOMEBODY
    del both[DEVELOPMENT_KEY_ID]
    assert authentication.verify_token(newer) == SOMEBODY
    with pytest.raises(Unauthenticated):
        authentication.verify_token(older)


def test_issuer_and_audience_are_the_deployment_s_own() -> None:
    issued = authentication.issue_token(SOMEBODY, 60)
    before = config.replace(jwt_audience="another-deployment")
    try:
        with pytest.raises(Unauthenticated):
            authentication.verify_token(issued)
    finally:
        config.replace(jwt_audience=before.jwt_audience)
