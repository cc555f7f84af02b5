"""Who may call a hook: callers with the org's secret or with a token of the org. Guessing is limited."""

import pytest

from chalicelib import config
from chalicelib.engine.security import hooks
from chalicelib.engine.security.authentication import ANONYMOUS
from chalicelib.engine.security.hooks import HookCall
from chalicelib.errors import TooManyRequests, Unauthenticated
from tests.support.client import token
from tests.support.world import ORG, World

SECRETS = {ORG: "s3cret-of-acme", "penumbra": ""}
CALL = HookCall("toys", "telegram", None, None, None, "192.0.2.1")


def caller(**fields: str | None) -> tuple[str, str, str]:
    principal = hooks.authenticate(CALL._replace(**fields), SECRETS.get)
    return principal.org, principal.subject, principal.role


def bearer(org: str = ORG) -> str:
    return f"Bearer {token('user', org=org)}"


def test_a_secret_suffices_and_names_its_org(world: World) -> None:
    assert caller(secret=SECRETS[ORG], org=ORG) == (ORG, "telegram", "server")
    assert caller(authorization=bearer(), secret=SECRETS[ORG], org=ORG) == (ORG, "telegram", "server")


def test_a_token_suffices_for_its_own_org(world: World) -> None:
    assert caller(authorization=bearer()) == caller(authorization=bearer(), org=ORG) == (ORG, "dev", "user")
    assert caller(authorization=bearer("umbra"))[0] == "umbra"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"org": ORG},
        {"secret": "wrong", "org": ORG},
        {"secret": "", "org": ORG},
        {"secret": "s3cret-of-acm\u00e9", "org": ORG},
        {"secret": "s3cret-of-acme"},
        {"secret": "s3cret-of-acme", "org": "umbra"},
        {"secret": "", "org": "penumbra"},
        {"secret": "x", "org": "penumbra"},
        {"authorization": "Bearer garbage", "secret": "s3cret-of-acme", "org": ORG},
        {"authorization": "umbra", "secret": "s3cret-of-acme", "org": ORG},
        {"authorization": "umbra", "org": ORG},
    ],
)
def test_anything_else_is_refused(world: World, fields: dict[str, str]) -> None:
    if fields.get("authorization") == "umbra":
        fields = {**fields, "authorization": bearer("umbra")}
    with pytest.raises(Unauthenticated):
        caller(**fields)


def test_an_open_api_admits_nobody_without_a_credential_where_there_is_a_secret(world: World) -> None:
    config.replace(open_apis=frozenset({"toys"}))
    assert hooks.authenticate(CALL, SECRETS.get) is ANONYMOUS
    for find_secret in ({"local": "x" * 20}.get, SECRETS.get):
        with pytest.raises(Unauthenticated):
            hooks.authenticate(CALL._replace(org=None if find_secret("local") else ORG), find_secret)


def test_guesses_are_limited_for_each_network_and_org(world: World) -> None:
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            caller(secret="wrong", org=ORG)
    with pytest.raises(TooManyRequests):
        caller(secret="wrong", org=ORG)
    with pytest.raises(TooManyRequests):
        caller(secret=SECRETS[ORG], org=ORG)
    assert caller(secret=SECRETS[ORG], org=ORG, address="198.51.100.7")[0] == ORG
    world.clock.advance(61)
    assert caller(secret=SECRETS[ORG], org=ORG)[0] == ORG
